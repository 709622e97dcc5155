"""What changed from one plan to another, for those who send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import printable
from .annotations import limits_of
from .javascript import json_of
from .planned_arguments import is_closed, required
from .points import Point
from .widening import allows_all, choices_of

if TYPE_CHECKING:
    from .plan import DataPlan

_RANKS = ("required", "gone", "values", "new", "eased")
_BREAKING = ("required", "gone", "values")
_LONGEST = 1_000  # a pattern of a plan may be longer


class Change(NamedTuple):
    """A change of a plan.

    Attributes:
        kind: "required", "gone" or "values", if those who send must change; else "new" or "eased".
        event: what it is about, such as "Searched (search)".
        text: what changed.
    """

    kind: str
    event: str
    text: str

    @property
    def is_breaking(self) -> bool:
        """Whether those who send must change, or look whether they must."""
        return self.kind in _BREAKING


class _Place(NamedTuple):
    """A property in a definition."""

    schema: Any
    is_required: bool


def changes(old: DataPlan, new: DataPlan) -> list[Change]:
    """Return what changed between plans, new required attributes first.

    Args:
        old: the plan as it was.
        new: the plan as it is.

    >>> from mpfluent.dataplan import DataPlan
    >>> point = {"match": {"type": "screen_view", "criteria": {"screen_name": "Cart"}},
    ...     "validator": {"type": "json_schema"}}
    >>> found = changes(DataPlan.from_dict({"data_points": []}),
    ...                 DataPlan.from_dict({"data_points": [point]}))
    >>> [(change.event, change.text) for change in found]
    [("screen_view 'Cart'", 'is new')]
    """
    before, after = _points(old), _points(new)
    found = []
    for key in sorted({*before, *after}):
        was, now = before.get(key), after.get(key)
        if was is None or now is None:
            found.append(_whole(was, now))
        else:
            found += _between(was, now)
    shown = [
        Change(kind, printable(event, _LONGEST), printable(text, _LONGEST))
        for kind, event, text in filter(None, found)
    ]
    return sorted(shown, key=lambda change: _RANKS.index(change.kind))


def _points(plan: DataPlan) -> dict[str, Point]:
    return {str(key): point for key, point in plan._validation.by_key.items()}


def _label(point: Point) -> str:
    if point.type == "custom_event":
        return f"{point.name!r} ({point.custom_type})"
    return f"{point.type} {point.name!r}" if point.name != point.type else point.type


def _whole(was: Point | None, now: Point | None) -> Change | None:
    """Return the change that a point came, or went."""
    if now is not None:
        if now.type not in ("user_attributes", "user_identities"):
            return Change("new", _label(now), "is new")
        return Change(*_of_user(now.definition, _label(now)))
    if was is None:
        return None
    if was.type in ("user_attributes", "user_identities"):
        return Change("eased", _label(was), "are no longer planned, so that all are allowed")
    return Change("gone", _label(was), "is no longer planned")


def _of_user(definition: Any, label: str) -> tuple[str, str, str]:
    """Return the change that attributes or identities of the user came into the plan."""
    if wanted := ", ".join(map(repr, required(definition))):
        return "required", label, f"are planned now, and need {wanted}"
    if is_closed(definition):
        return "required", label, "are planned now, and need nothing; others are not allowed"
    places = dict(_places(definition, ()))
    ruled = [path for path, place in places.items() if not allows_all(None, place.schema)]
    said = f", with rules for {', '.join(map(_named, ruled))}" if ruled else ""
    return "values" if ruled else "new", label, f"are planned now{said}"


def _between(was: Point, now: Point) -> Iterator[Change]:
    label = _label(now)
    if now.definition is False or was.definition is False:
        if now.definition is not False:
            yield Change("eased", label, "was never as planned, and may be now")
        elif was.definition is not False:
            yield Change("gone", label, "is never as planned now")
        return
    yield from _of_values(label, "", was.definition, now.definition)
    before, after = dict(_places(was.definition, ())), dict(_places(now.definition, ()))
    ended: set[tuple[str, ...]] = set()  # of what was in them, nothing more is said
    for path in sorted({*before, *after}, key=lambda path: (len(path), path)):
        if any(path[:length] in ended for length in range(len(path))):
            continue
        one, other = before.get(path), after.get(path)
        if other is None or other.schema is False:
            ended.add(path)
        elif one is None and not other.is_required and _others_at(was.definition, path) is False:
            ended.add(path)  # who sends nothing there, as the old plan wants it, need not change
        others = _others_at(now.definition, path) if other is None else None
        yield from _of_place(label, _named(path), one, other, others)


def _of_place(
    label: str, name: str, one: _Place | None, other: _Place | None, others: Any
) -> Iterator[Change]:
    """Yield what changed of a property; what is planned for others, if it is gone."""
    if one is None:
        is_required = other is not None and other.is_required
        said = "is new, and required" if is_required else "is new"
        yield Change("required" if is_required else "new", label, f"{name} {said}")
    elif other is not None:
        if one.is_required != other.is_required:
            said = "is required now" if other.is_required else "may be missing now"
            yield Change("required" if other.is_required else "eased", label, f"{name} {said}")
        yield from _of_values(label, name, one.schema, other.schema)
    elif others is False:
        yield Change("gone", label, f"{name} is no longer planned")
    elif allows_all(None, others):
        yield Change("eased", label, f"{name} may be anything now")
    else:
        yield from _of_values(label, name, one.schema, others)


def _places(schema: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], _Place]]:
    """Yield the properties of a schema, and those within them, by their path."""
    if not isinstance(schema, dict):
        return
    wanted, properties = required(schema), schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    for name in dict.fromkeys((*properties, *wanted)):
        inner = properties.get(name)
        inside = (*path, name)
        yield inside, _Place(inner, name in wanted)
        yield from _places(inner, inside)
    items = schema.get("items")
    if isinstance(items, dict):
        yield from _places(items, path)


def _others_at(schema: Any, path: tuple[str, ...]) -> Any:
    """Return the schema of names that are not planned, in the object in which a path ends."""
    for name in path[:-1]:
        schema = _inside_lists(schema)
        properties = schema.get("properties") if isinstance(schema, dict) else None
        schema = properties.get(name) if isinstance(properties, dict) else None
    schema = _inside_lists(schema)
    return schema.get("additionalProperties") if isinstance(schema, dict) else schema


def _inside_lists(schema: Any) -> Any:
    while isinstance(schema, dict) and "properties" not in schema and "items" in schema:
        schema = schema["items"]
    return schema


def _named(path: tuple[str, ...]) -> str:
    """Return what a place is called: an attribute by its name, all else with where it is."""
    *where, name = path[path[:1] == ("data",) :] or path
    where = [each for each in where if each != "custom_attributes"]
    return " ".join([*where, repr(name)])


def _of_values(label: str, name: str, was: Any, now: Any) -> Iterator[Change]:
    """Yield what changed of the values that a property may have."""
    for keyword, one in _INSIDE.items():
        inside = [each.get(keyword) for each in (was, now) if isinstance(each, dict)]
        if len(inside) == 2 and all(isinstance(each, dict) for each in inside):
            yield from _of_values(label, f"{one} of {name}" if name else one, *inside)
            was, now = (_less(each, keyword) for each in (was, now))
    is_eased = allows_all(was, now)
    before, after = choices_of(was), choices_of(now)
    if before is not None and after is not None:
        kept, listed = list(map(json_of, before)), list(map(json_of, after))
        if gone := [each for each in kept if each not in listed]:
            yield Change("values", label, f"{name} may no longer be {', '.join(gone)}")
        if new := [each for each in listed if each not in kept]:
            yield Change("eased", label, f"{name} may be {', '.join(new)} now")
        was, now = (_less(each, "enum", "const") for each in (was, now))
        is_eased = is_eased or allows_all(was, now)
    before_text, after_text = _words(was), _words(now)
    if before_text != after_text:
        said = f"was {before_text or 'anything'}, and is {after_text or 'anything'} now"
        yield Change("eased" if is_eased else "values", label, f"{name} {said}".lstrip())


def _less(schema: dict[str, Any], *keywords: str) -> dict[str, Any]:
    """Return a schema without these keywords."""
    return {keyword: said for keyword, said in schema.items() if keyword not in keywords}


_INSIDE = {"items": "an entry", "additionalProperties": "any other"}
_TEXT: Mapping[str, str] = {"string": "text", "number": "a number", "integer": "a whole number"}
_SAID = {
    "minProperties": "at least {} names",
    "maxProperties": "at most {} names",
    "propertyNames": "names that are {}",
    "contains": "an entry that is {}",
}
_CLOSED = "without others"
_MOST_CHOICES = 8


def _words(schema: Any) -> str:
    """Return what a schema says of a value, in words."""
    if not isinstance(schema, dict):
        return "nothing" if schema is False else ""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else sorted(kinds)
    types = " or ".join(_TEXT.get(kind, kind) for kind in kinds)
    choices = list(map(json_of, choices_of(schema) or ()))
    more = ", …" if len(choices) > _MOST_CHOICES else ""
    chosen = f"one of {', '.join(choices[:_MOST_CHOICES])}{more}" if choices else ""
    rules = [said.format(json_of(schema[rule])) for rule, said in _SAID.items() if rule in schema]
    once = "no entry twice" if schema.get("uniqueItems") else ""
    said = [types, chosen, limits_of(schema), *rules, once, *_inner_words(schema)]
    words = ", ".join(filter(None, said))
    return f"anything {words}" if words == _CLOSED else words


def _inner_words(schema: dict[str, Any]) -> Iterator[str]:
    """Yield what a schema says of the entries of a list, and of names that are not planned."""
    entries = schema.get("items")
    entries = json_of(entries) if isinstance(entries, list) else _words(entries)
    if entries:
        yield f"its entries {entries}"
    others = _words(schema.get("additionalProperties"))
    if others:
        yield _CLOSED if is_closed(schema) else f"others {others}"
