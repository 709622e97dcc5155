"""What changed from one plan to another, for those who send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .annotations import limits_of
from .javascript import json_of
from .planned_arguments import is_closed, required
from .points import Point
from .widening import allows_all, choices_of

if TYPE_CHECKING:
    from .plan import DataPlan

_RANKS = ("required", "gone", "values", "new", "eased")
_BREAKING = ("required", "gone", "values")


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
    is_closed: bool  # whether the object that it is in allows no others


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
    return sorted(filter(None, found), key=lambda change: _RANKS.index(change.kind))


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
    before, after = dict(_places(was.definition, ())), dict(_places(now.definition, ()))
    label = _label(now)
    for path in sorted({*before, *after}, key=lambda path: (len(path), path)):
        name, one, other = _named(path), before.get(path), after.get(path)
        if other is None:
            if one is not None and _is_closed_at(now.definition, path):
                yield Change("gone", label, f"{name} is no longer planned")
            elif one is not None:
                yield Change("eased", label, f"{name} may be anything now")
        elif one is None:
            kind = "required" if other.is_required else "new"
            yield Change(kind, label, f"{name} is new" + (", and required" * other.is_required))
        else:
            if one.is_required != other.is_required:
                said = "is required now" if other.is_required else "may be missing now"
                kind = "required" if other.is_required else "eased"
                yield Change(kind, label, f"{name} {said}")
            yield from _of_values(label, name, one.schema, other.schema)


def _places(schema: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], _Place]]:
    """Yield the properties of a schema, and those within them, by their path."""
    if not isinstance(schema, dict):
        return
    wanted, properties = required(schema), schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    for name in dict.fromkeys((*properties, *wanted)):
        inner = properties.get(name)
        inside = (*path, name)
        yield inside, _Place(inner, name in wanted, is_closed(schema))
        yield from _places(inner, inside)
    items = schema.get("items")
    if isinstance(items, dict):
        yield from _places(items, path)


def _is_closed_at(schema: Any, path: tuple[str, ...]) -> bool:
    """Return whether the object in which a path ends allows only what it names."""
    for name in path[:-1]:
        if schema is False:
            return True
        while isinstance(schema, dict) and "properties" not in schema and "items" in schema:
            schema = schema["items"]
        properties = schema.get("properties") if isinstance(schema, dict) else None
        schema = properties.get(name) if isinstance(properties, dict) else None
    while isinstance(schema, dict) and "properties" not in schema and "items" in schema:
        schema = schema["items"]
    return is_closed(schema)


def _named(path: tuple[str, ...]) -> str:
    """Return what a place is called: an attribute by its name, all else with where it is."""
    *where, name = path[path[:1] == ("data",) :] or path
    where = [each for each in where if each != "custom_attributes"]
    return " ".join([*where, repr(name)])


def _of_values(label: str, name: str, was: Any, now: Any) -> Iterator[Change]:
    """Yield what changed of the values that a property may have."""
    is_eased = allows_all(was, now)
    before, after = choices_of(was), choices_of(now)
    if before is not None and after is not None:
        kept, listed = list(map(json_of, before)), list(map(json_of, after))
        if gone := [each for each in kept if each not in listed]:
            yield Change("values", label, f"{name} may no longer be {', '.join(gone)}")
        if new := [each for each in listed if each not in kept]:
            yield Change("eased", label, f"{name} may be {', '.join(new)} now")
        was, now = (_without_choices(each) for each in (was, now))
        is_eased = is_eased or allows_all(was, now)
    before_text, after_text = _words(was), _words(now)
    if before_text != after_text:
        said = f"was {before_text or 'anything'}, and is {after_text or 'anything'} now"
        yield Change("eased" if is_eased else "values", label, f"{name} {said}")


def _without_choices(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: said for name, said in schema.items() if name not in ("enum", "const")}


_TEXT: Mapping[str, str] = {"string": "text", "number": "a number", "integer": "a whole number"}
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
    entries = _words(schema.get("items"))
    entries = f"its entries {entries}" if entries else ""
    closed = "without others" if is_closed(schema) else ""
    return ", ".join(filter(None, (types, chosen, limits_of(schema), entries, closed)))
