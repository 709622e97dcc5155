"""Values of a mapping file: what stands for one keyword, as a function of the row.

Text is the name of a column. A table says more about the column, or has a constant. All else that
TOML can write (numbers, true and false, times, lists) is a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, tzinfo
from functools import partial
from operator import methodcaller
from typing import Any, NamedTuple

from ..errors import ConfigurationError, InvalidValue, UnknownField, brief, closest
from ..values import validators
from ..values.check_failed import CheckFailed
from . import cells
from .mapping_spot import Spot, toml
from .row import Row, checked_cell

Get = Callable[[Row], Any]
"""Returns what a row says, or None for what is missing."""

AS = ("text", "number", "decimal", "integer", "flag", "time", "json", "tag")
_OTHER_AS = {  # what types are called elsewhere
    **dict.fromkeys(("str", "string"), "text"),
    **dict.fromkeys(("float", "double"), "number"),
    **dict.fromkeys(("bool", "boolean"), "flag"),
    **dict.fromkeys(("date", "datetime", "timestamp"), "time"),
}
KEYS = ("column", "as", "format", "tz", "lower", "default", "required", "when", "value")


class Kind(NamedTuple):
    """What a keyword takes.

    Attributes:
        what: as an error calls it.
        example: a constant, as TOML writes it.
        check: of a constant.
        words: of ``as``; a column is read by the first. "" is the cell as it stands.
        literal: whether plain text is the value itself.
    """

    what: str
    example: str
    check: Callable[[Any], Any]
    words: tuple[str, ...]
    literal: bool = False


def _constant_cell(value: Any) -> Any:
    return (
        [validators.scalar(v) for v in value] if type(value) is list else validators.scalar(value)
    )


def _constant_json(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise CheckFailed("want a table")
    return value


_CELL = ("", *AS[:-1])
TEXT = Kind("text", '"…"', validators.text, ("text",))
INTEGER = Kind("a whole number", "3", validators.integer, ("integer",))
NUMBER = Kind("a number", "19.99", validators.number, ("number", "decimal", "integer"))
FLAG = Kind("true or false", "true", validators.flag, ("flag",))
TIME = Kind("a time", "2026-11-30T10:15:00Z", lambda value: value, ("time",))
CELL = Kind("text, a number or a flag", '"…"', validators.scalar, _CELL)
ATTRIBUTE = Kind("text, a number, a flag or a list", '"…"', _constant_cell, _CELL)
USER_ATTRIBUTE = ATTRIBUTE._replace(words=(*_CELL, "tag"))
JSON = Kind("a table of tables", "{ … }", _constant_json, ("json",))


class Scope:
    """What the values of one file share.

    Attributes:
        zone: of times that name none, where the table's rows have no zone either.
        sections: what may stand at the top of the file.
        columns: each column that the file names, and where.
        literals: texts that are no columns, where one could take them for columns.
    """

    def __init__(self, zone: tzinfo | None, sections: tuple[str, ...]) -> None:
        self.zone = zone
        self.sections = sections
        self.columns: dict[str, Spot] = {}
        self.literals: dict[str, Spot] = {}

    def column(self, spot: Spot, name: str) -> str:
        """Return the name of a column, which the first row will be asked for."""
        self.columns.setdefault(name, spot)
        return name

    def check_row(self, row: Row) -> None:
        """Raise if this row's table has not the columns that the file names."""
        for column, spot in self.columns.items():
            with suppress(KeyError):  # where each row has its own columns
                try:
                    row[column]
                except UnknownField as error:
                    raise spot.wrong(column, _no_column(row, column, error)) from None
        for text, spot in self.literals.items():
            if text in row:
                raise spot.wrong(
                    text,
                    f"this is the name of a column, too; write {{ column = {toml(text)} }} for "
                    f"what the column holds, or {{ value = {toml(text)} }} for this text",
                )


def _no_column(row: Row, column: str, error: UnknownField) -> str:
    hint = f"did you mean {error.suggestion!r}?"
    if error.suggestion is None:
        shown = ", ".join(error.allowed[:12]) + (", …" if len(error.allowed) > 12 else "")
        hint = f"it has {shown}; for the same text in every row, {{ value = {toml(column)} }}"
    return f"{row.place.file} has no such column; {hint}"


class Value(NamedTuple):
    """What a keyword's value becomes.

    Attributes:
        get: returns it for a row.
        is_constant: whether each row gives the same.
        tag: the column of a tag; then ``get`` says whether the tag is set.
    """

    get: Get
    is_constant: bool = False
    tag: str | None = None


def value_of(spot: Spot, written: Any, kind: Kind, scope: Scope) -> Value:
    """Return what is written for one keyword as a function of the row.

    Args:
        spot: where it stands.
        written: text, a table, or a constant.
        kind: what the keyword takes.
        scope: of the file.
    """
    if type(written) is str and not kind.literal:
        return _cell(spot, {"column": written}, spot, kind, scope)
    if type(written) is not dict or (kind is JSON and not {*written} <= {*KEYS}):
        return _constant(spot, written, kind, scope.zone)
    spot.check_keys(written, KEYS)
    if "value" in written:
        beside = next((key for key in written if key not in ("value", "when")), None)
        if beside is not None:
            raise spot.error(
                f"has value and {beside}; a constant has only when beside it: "
                f"write {{ value = {toml(written['value'])} }}"
            )
        found = _constant(spot.at("value"), written["value"], kind, scope.zone)
    elif "column" in written:
        found = _cell(spot, written, spot.at("column"), kind, scope)
    else:
        raise spot.error('names no column; write { column = "…" }, or { value = … }')
    when = condition(spot, written, scope)
    if when is None:
        return found
    get = found.get
    return Value(lambda row: get(row) if when(row) else None, tag=found.tag)


def condition(spot: Spot, table: Mapping[str, Any], scope: Scope) -> Get | None:
    """Return what says whether the cell that ``when`` names is there; None without ``when``."""
    column = spot.option(table, "when", str, '"a column"')
    if column is None:
        return None
    name = scope.column(spot.at("when"), column)
    return lambda row: checked_cell(row, "when", _is_there, name, False)


def _attribute(column: str, row: Row) -> Any:
    return checked_cell(row, "pick", cells.attribute, column, False)


def _is_there(cell: Any) -> bool:
    return True


def _constant(spot: Spot, value: Any, kind: Kind, zone: tzinfo | None) -> Value:
    checked = _checked(spot, value, kind, zone)
    return Value(lambda row: checked, is_constant=True)


def _checked(spot: Spot, value: Any, kind: Kind, zone: tzinfo | None) -> Any:
    """Return a constant as the keyword takes it."""
    try:
        if kind is TIME:
            return cells.moment(value, None, zone)
        return kind.check(value)
    except CheckFailed as bad:
        why = bad.why.partition("; write")[0]
        if why.startswith("want "):
            why = f"want {kind.what}"
        if "did you mean" not in why:
            why += f"; write {spot.key} = {_instead(spot, kind)}"
        else:
            why += ", or write { column = … }"
        raise spot.wrong(value, why) from None


def _instead(spot: Spot, kind: Kind) -> str:
    """Return what to write instead of a constant."""
    if spot.key in ("value", "default"):
        return kind.example
    if kind.literal:
        return f"{kind.example}, or {{ column = … }}"
    is_text = kind.example.startswith('"')
    return f'"a column", or {f"{{ value = {kind.example} }}" if is_text else kind.example}'


def _cell(spot: Spot, table: Mapping[str, Any], place: Spot, kind: Kind, scope: Scope) -> Value:
    """Return what reads a column as a table says; ``place`` is where the column's name stands."""
    column = table["column"]
    if type(column) is not str or not column:
        raise place.wrong(column, 'want the name of a column; write "…"')
    scope.column(place, column)
    word = _word(spot, table, kind)
    form, zone = _clock(spot, table, word)
    if spot.option(table, "lower", bool, "true"):
        if word not in ("", "text"):
            raise spot.at("lower").wrong(True, f'it is for text; leave it out, or as = "{word}"')
        word = "text"
        get = _then(methodcaller("text", column), str.lower)
    elif word == "time":
        get = _time(column, form, zone, scope.zone)
        if kind.words[0] == "":
            get = _then(get, datetime.isoformat)
    elif word == "":
        get = partial(_attribute, column)
    elif word == "tag":
        get = methodcaller("flag", column)
    else:
        get = methodcaller(word, column)
    required = spot.option(table, "required", bool, "true")
    rules = {"default": "default" in table, "required": required, 'as = "tag"': word == "tag"}
    both = [rule for rule, is_there in rules.items() if is_there]
    if len(both) > 1:
        raise spot.error(f"has {both[0]} and {both[1]}, which contradict each other; leave one out")
    if "default" in table:
        default = _checked(spot.at("default"), table["default"], kind, zone or scope.zone)
        return Value(_with_default(get, default))
    if required:
        return Value(_required(get, column, spot))
    return Value(get, tag=column if word == "tag" else None)


def _word(spot: Spot, table: Mapping[str, Any], kind: Kind) -> str:
    """Return how a column is read: what ``as`` says, or what the keyword takes."""
    word = spot.option(table, "as", str, f'"{kind.words[0] or "text"}"')
    if word is None:
        return kind.words[0]
    if word not in AS:
        meant = _OTHER_AS.get(word) or closest(word, AS)
        hint = f"did you mean {meant!r}?" if meant else f"want one of {', '.join(AS)}"
        raise spot.at("as").wrong(word, hint)
    if word in kind.words:
        return str(word)
    if word == "tag":
        raise spot.at("as").wrong(
            word, "only user attributes are tags; write it in user_attributes"
        )
    allowed = " or ".join(f'as = "{other}"' for other in kind.words if other)
    raise spot.at("as").wrong(word, f"want {kind.what}; write {allowed}, or leave it out")


def _clock(spot: Spot, table: Mapping[str, Any], word: str) -> tuple[str | None, tzinfo | None]:
    """Return the format and the zone of a column of times."""
    form = spot.option(table, "format", str, '"%d/%m/%Y"')
    name = spot.option(table, "tz", str, '"Europe/London"')
    for key in ("format", "tz") if word != "time" else ():
        if key in table:
            raise spot.at(key).wrong(table[key], 'it is for times; write as = "time" beside it')
    return _form(spot.at("format"), form), zone_of(spot.at("tz"), name)


def _form(spot: Spot, form: str | None) -> str | None:
    try:
        return cells.checked_format("", form)
    except ConfigurationError as error:
        why = str(error).partition("): ")[2].rpartition("; write")[0]
    raise spot.wrong(form, f'{why}; write format = "%d/%m/%Y"')


def zone_of(spot: Spot, name: str | None) -> tzinfo | None:
    """Return the time zone of a name, or None."""
    try:
        return cells.zone_of("", name)
    except ConfigurationError as error:
        why = str(error).partition("): ")[2].replace("tz='Europe/London'", 'tz = "Europe/London"')
        raise spot.wrong(name, why) from None


def _time(column: str, form: str | None, own: tzinfo | None, zone: tzinfo | None) -> Get:
    if own is not None or zone is None:
        return methodcaller("time", column, form, own)
    # the zone of the file is a default, and that of the table goes before it
    return lambda row: row.time(column, form, None if row._state[1].zone else zone)


def _then(get: Get, change: Callable[[Any], Any]) -> Get:
    def changed(row: Row) -> Any:
        value = get(row)
        return None if value is None else change(value)

    return changed


def _with_default(get: Get, default: Any) -> Get:
    def there(row: Row) -> Any:
        value = get(row)
        return default if value is None else value

    return there


def _required(get: Get, column: str, spot: Spot) -> Get:
    def there(row: Row) -> Any:
        value = get(row)
        if value is None:
            error = InvalidValue(
                f"{row.place}: {column}={brief(row.get(column))} is missing, and {spot} requires it"
            )
            error.field = column
            raise error
        return value

    return there
