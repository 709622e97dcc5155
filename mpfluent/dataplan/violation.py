"""What of a batch is not as planned."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from ..errors import brief, closest, printable
from ..values.frozen_map import FrozenMap
from .definitions import TYPES

Kind = Literal["unplanned", "missing_required", "invalid_value", "unknown"]

# How JSON Schema's keywords are told, and what to write.
_SENTENCES = {
    "type": "want {expected}, got {actual}",
    "enum": "want one of {choices}",
    "const": "want {choices}",
    "pattern": "want text that matches {argument}",
    "format": "want text of the format {argument!r}",
    "maximum": "want at most {argument}",
    "minimum": "want at least {argument}",
    "exclusiveMaximum": "want less than {argument}",
    "exclusiveMinimum": "want more than {argument}",
    "multipleOf": "want a multiple of {argument}",
    "maxLength": "want at most {argument} characters",
    "minLength": "want at least {argument} characters",
    "maxItems": "want at most {argument} entries",
    "minItems": "want at least {argument} entries",
}
_MOST_CHOICES = 12
_LONGEST = 1_000  # a pattern of the plan may be longer
# the same mistake is made in many batches, and a plan may have 1 000 names to compare it with
_nearest = lru_cache(maxsize=256)(closest)
_NO_SCHEMA = "their definition in the plan says nothing; write a JSON Schema there"


class Violation(NamedTuple):
    """One thing in a batch that is not as planned.

    Attributes:
        event_index: the place of the event in the batch; None for the user.
        kind: "unplanned", "missing_required", "invalid_value" or "unknown".
        key: the name that it is about: of the event, the attribute or the field. With
            ``like="node"`` the last part of the pointer, or None where there is none.
        pointer: where it is in the event, such as "#/data/custom_attributes/Passengers"; for the
            user, where it is in the attributes or in the identities.
        expected: what the plan wants; None for what is unplanned.
        actual: what is there: text or a number as it is, all else as JSON text.
        keyword: the keyword of JSON Schema that says so; None for an event that is unplanned.
        match: the match of the point, or what it would be.
        event_name: the name of the event, or of its type, for ``text``.
        argument: what the plan says behind the keyword, as JSON text.
        planned: names that are planned there, or words that are allowed.

    >>> from mpfluent import Batch
    >>> from mpfluent.dataplan import DataPlan
    >>> plan = DataPlan.from_dict({"data_points": []})
    >>> violation = plan.validate(Batch().event("Searched", type="search"))[0]
    >>> violation.kind, violation.key, violation.event_index
    ('unplanned', 'Searched', 0)
    """

    event_index: int | None
    kind: Kind
    key: str | None
    pointer: str
    expected: str | None = None
    actual: Any = None
    keyword: str | None = None
    match: Mapping[str, Any] | None = None
    event_name: str = ""
    argument: str = ""
    planned: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it is, without any name from the batch: "events[3]", or "user_attributes"."""
        if self.event_index is not None:
            return f"events[{self.event_index}]"
        return str((self.match or {}).get("type", "user_attributes"))

    @property
    def path(self) -> list[str]:
        """The names and numbers that lead to it: in the event's data, or in the batch."""
        parts = [part.replace("~1", "/").replace("~0", "~") for part in self.pointer.split("/")]
        return parts[2:] if self.event_index is not None else [self.place, *parts[1:]]

    @property
    def blocked(self) -> bool:
        """Whether the server's blocking would take it out.

        It takes out unplanned events, attributes of events and products, and user attributes.
        Only what the server finds can say so, not what the Node package finds.
        """
        if self.kind != "unplanned":
            return False
        return self.keyword is None or self.path[-2:-1] in (
            ["custom_attributes"],
            ["user_attributes"],
        )

    @property
    def text(self) -> str:
        """What is there, what the plan says, and what to write."""
        about = f"{self.place} {brief(self.event_name)}" if self.event_name else self.place
        return printable(f"{about}: {_said(self)}", _LONGEST)

    def __repr__(self) -> str:
        return f"<Violation {self.text}>"

    def to_vendor(self) -> dict[str, Any]:
        """Return it in the form of the vendor's validator, with this one error.

        >>> Violation(0, "unplanned", "unknown", "#").to_vendor()["data"]["validation_errors"]
        [{'validation_error_type': 'unplanned', 'key': 'unknown', 'error_pointer': '#'}]
        """
        fields = {
            "validation_error_type": self.kind,
            "key": self.key,
            "error_pointer": self.pointer,
            "expected": self.expected,
            "actual": self.actual,
            "schema_keyword": self.keyword,
        }
        error = {name: value for name, value in fields.items() if value is not None}
        data: dict[str, Any] = {} if self.match is None else {"match": _plain(self.match)}
        return {
            "event_type": "validation_result",
            "data": {**data, "validation_errors": [error]},
        }


def frozen(value: Any) -> Any:
    """Return JSON data that nobody can change."""
    if isinstance(value, Mapping):
        return FrozenMap({name: frozen(item) for name, item in value.items()})
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return list(map(_plain, value)) if isinstance(value, tuple) else value


def _said(violation: Violation) -> str:
    if violation.keyword is None:
        return _unplanned_event(violation) if violation.kind == "unplanned" else _NO_SCHEMA
    where, name = _split(violation)
    if violation.kind == "unplanned":
        return f"{where}{brief(name)} is not planned; {_hint(name, violation.planned)}"
    if violation.kind == "missing_required":
        return _missing(violation, where)
    shown = f"{where}{brief(name)}" if name else where.rstrip(". ") or "the whole"
    if violation.keyword != "type" and violation.actual is not None:
        shown = f"{shown} is {brief(violation.actual)}"
    sentence = _SENTENCES.get(violation.keyword, "{expected}").format(
        expected=_expected_of(violation),
        actual=_actual_of(violation),
        argument=violation.argument,
        choices=_listed(violation.planned),
    )
    actual = violation.actual if violation.keyword == "enum" else None
    meant = _nearest(actual, violation.planned) if isinstance(actual, str) else None
    hint = f"; did you mean {meant!r}?" if meant else ""
    return f"{shown}: {sentence}{hint}"


def _unplanned_event(violation: Violation) -> str:
    if violation.key == "unknown" and not violation.event_name:
        return "this event cannot be planned; leave it out, or send it without the plan"
    if violation.argument:
        write = f"type={violation.argument.partition(', ')[0]}"
        return f"is planned with the type {violation.argument} only; write {write}"
    return f"is not planned; {_hint(violation.event_name, violation.planned)}"


def _missing(violation: Violation, where: str) -> str:
    if violation.keyword != "required":
        return f"{where.rstrip('. ') or 'the whole'}: {violation.expected}"
    name = violation.expected or ""
    return f"{where}{brief(name)} is missing, and the plan requires it; write {brief(name)}: …"


def _split(violation: Violation) -> tuple[str, str]:
    """Return the place within the event, in the words of our verbs, and the name there."""
    _, *parts = violation.pointer.split("/")
    if violation.event_index is not None and parts[:1] == ["data"]:
        del parts[0]
    parts = [part.replace("~1", "/").replace("~0", "~") for part in parts if part]
    in_object = violation.keyword in ("required", "additionalProperties")
    name = (violation.expected if violation.keyword == "required" else violation.key) or ""
    if parts and (not in_object or parts[-1] == name):
        parts.pop()
    words = ["attributes" if part == "custom_attributes" else part for part in parts]
    shown = ""
    for word in words:
        shown += f"[{word}]" if word.isdigit() else f".{word}" if shown else word
    return (f"{shown} " if shown else ""), name


def _hint(name: str, planned: tuple[str, ...]) -> str:
    meant = _nearest(name, planned)
    if meant is not None:
        return f"did you mean {meant!r}?"
    return f"the plan has {_listed(planned)}" if planned else "the plan has none there"


def _listed(words: tuple[str, ...]) -> str:
    more = ", …" if len(words) > _MOST_CHOICES else ""
    return ", ".join(map(brief, words[:_MOST_CHOICES])) + more


def _expected_of(violation: Violation) -> str:
    return (violation.expected or "").removeprefix("should be ").replace(",", " or ")


def _actual_of(violation: Violation) -> str:
    actual = violation.actual  # with the server's reading, the name of a type
    return actual if actual in TYPES else "nothing" if actual is None else brief(actual)
