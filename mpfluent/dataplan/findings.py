"""From what JSON Schema finds to violations: as the vendor's package says it, and as the server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from .javascript import integer, json_of, text_of
from .violation import Kind, Violation

if TYPE_CHECKING:
    from jsonschema import ValidationError

_WITHOUT_POINT = 10**21  # JavaScript prints whole numbers up to it without a point
_NEVER = "boolean schema is false"
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("type", "enum", "const", "pattern", "format", "multipleOf"), "invalid_value"),
    **dict.fromkeys(("maximum", "minimum", "maxLength", "minLength"), "invalid_value"),
    **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum"), "invalid_value"),
    **dict.fromkeys(("required", "dependencies"), "missing_required"),
    **dict.fromkeys(("additionalProperties", "additionalItems"), "unplanned"),
}
_TYPES = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    dict: "object",
    list: "array",
    type(None): "null",
}


class Subject(NamedTuple):
    """What was validated.

    Attributes:
        event_index: the place of the event; None for the user.
        name: of the event.
        match: of its point; nobody can change it.
        original: the data before it was cleaned; None where there is none.
    """

    event_index: int | None
    name: str
    match: Mapping[str, Any] | None
    original: Any


def escaped(part: object) -> str:
    """Return a part of a path as a JSON pointer has it.

    >>> escaped("a/b~c")
    'a~1b~0c'
    """
    return str(part).replace("~", "~0").replace("/", "~1")


def of_node(errors: Iterable[ValidationError], subject: Subject) -> Iterator[Violation]:
    """Yield the violations that the vendor's package would find."""
    for error in errors:
        keyword = _keyword(error)
        parts = [escaped(part) for part in error.absolute_path if part != ""]
        key = parts[-1] if parts else None
        expected: str | None = error.message if error.validator else _NEVER
        actual: Any = None
        if keyword == "additionalProperties":
            key, actual, expected = error.message, error.message, None
        elif keyword == "additionalItems":
            key = expected = None
        elif keyword != "required":
            found = _found(subject.original, parts)
            actual = None if found is None and subject.original is None else shown(found)
        yield _violation(error, keyword, subject, key, parts, expected, actual)


def of_server(errors: Iterable[ValidationError], subject: Subject) -> Iterator[Violation]:
    """Yield the violations that the server is documented to find."""
    for error in errors:
        keyword = _keyword(error)
        parts = [escaped(part) for part in error.absolute_path]
        expected: str | None = error.message if error.validator else _NEVER
        actual: Any = None
        if keyword in ("additionalProperties", "required"):  # its place is that of the name
            parts.append(escaped(error.message))
            unplanned = keyword == "additionalProperties"
            expected, actual = (None, error.message) if unplanned else (error.message, None)
        elif keyword == "additionalItems":
            expected = None
        else:
            actual = _TYPES[type(error.instance)] if keyword == "type" else shown(error.instance)
        key = parts[-1].replace("~1", "/").replace("~0", "~") if parts else None
        yield _violation(error, keyword, subject, key, parts, expected, actual)


def _keyword(error: ValidationError) -> str:
    return str(error.validator) if error.validator else "false schema"


def _violation(
    error: ValidationError,
    keyword: str,
    subject: Subject,
    key: str | None,
    parts: list[str],
    expected: str | None,
    actual: Any,
) -> Violation:
    return Violation(
        event_index=subject.event_index,
        kind=_KINDS.get(keyword, "unknown"),
        key=key,
        pointer="/".join(["#", *parts]),
        expected=expected,
        actual=actual,
        keyword=keyword,
        match=subject.match,
        event_name=subject.name,
        argument=text_of(error.validator_value),
        planned=_planned(keyword, error),
    )


def _planned(keyword: str, error: Any) -> tuple[str, ...]:
    if keyword == "additionalProperties":
        return tuple(error.schema.get("properties", ()))
    if keyword == "enum":
        return tuple(map(text_of, error.validator_value))
    return (text_of(error.validator_value),) if keyword == "const" else ()


def shown(value: Any) -> Any:
    """Return a value as a finding shows it: text and numbers as they are, all else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = float(integer(value) if isinstance(value, int) else value)
        return int(value) if number.is_integer() and abs(number) < _WITHOUT_POINT else number
    return json_of(value)


def _found(original: Any, parts: list[str]) -> Any:
    """Return the value at a pointer; a part that is not found is passed over."""
    value = original
    for part in parts:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list | tuple) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
    return value
