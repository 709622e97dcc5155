"""Tables of a mapping file as the arguments of a call.

What a table may hold follows from the signature of the verb, or of the record's class: which
keywords there are, and by their annotations how a column is read.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, get_args, get_origin

from ..model import application, commerce, context, device, event, events, user
from ..model.record import Record
from ..values import validators
from .mapping_spot import Spot, toml
from .mapping_values import (
    ATTRIBUTE,
    CELL,
    FLAG,
    INTEGER,
    JSON,
    KEYS,
    NUMBER,
    TEXT,
    TIME,
    USER_ATTRIBUTE,
    Get,
    Kind,
    Scope,
    condition,
    value_of,
)
from .row import Row

_KINDS = {
    "str": TEXT,
    "int": INTEGER,
    "Number": NUMBER,
    "bool": FLAG,
    "Instant": TIME,
    "Scalar": CELL,
    "Any": CELL,
    "UserAttributeValue": ATTRIBUTE,
}
_MODULES = (application, commerce, context, device, event, events, user)
# Keywords whose text says what the row means, not where that stands. The first row must have no
# column of that name: it could be meant.
_LITERAL = {"event": "name", "ltv_increase": "event_name", "with_data_plan": "plan_id"}


class Parameter(NamedTuple):
    """What one keyword of a verb or of a record takes.

    Attributes:
        name: the key in the file; of many records, in the singular.
        keyword: the name in Python.
        kind: of a value; None for all else.
        entries: the kind of a map's values; None for all else.
        of: the class of records; None for all else.
        is_many: whether it takes several records.
        is_star: whether they have no keyword.
        is_required: whether it takes no None, and has no default.
        has_default: whether a call may leave it out.
    """

    name: str
    keyword: str
    kind: Kind | None
    entries: Kind | None
    of: type[Record] | None
    is_many: bool
    is_star: bool
    is_required: bool
    has_default: bool


def parameters(function: Callable[..., Any]) -> list[Parameter]:
    """Return what a verb or a class takes, without what no cell can say, such as an exception."""
    given = inspect.signature(function).parameters.values()
    found = (_parameter(each, function.__name__) for each in given if each.name != "self")
    return [each for each in found if each is not None]


def _parameter(given: inspect.Parameter, verb: str) -> Parameter | None:
    annotation = str(given.annotation)
    head, _, inside = re.split(r"[\[ ]", annotation)[0], *annotation.partition("[")[1:]
    is_star = given.kind is given.VAR_POSITIONAL
    is_many = is_star or head == "Sequence"
    kind, entries, of = _KINDS.get(head), None, None
    if head == "Mapping":
        item = re.findall(r"\w+", inside)[1]
        kind = JSON if item == "Mapping" else None  # a map of maps
        entries = {**_KINDS, "UserAttributeValue": USER_ATTRIBUTE}.get(item)
    elif kind is None:
        name = inside.partition("]")[0] if is_many and inside else head
        found = next((vars(module)[name] for module in _MODULES if name in vars(module)), None)
        if get_origin(found) is not None:  # a Literal
            kind = _words(given.name, get_args(found))
        elif isinstance(found, type) and issubclass(found, Record):
            of = found
    if not (kind or entries or of):
        return None
    if kind is TEXT and _LITERAL.get(verb) == given.name:
        kind = TEXT._replace(literal=True)
    has_default = is_star or given.default is not given.empty
    return Parameter(
        given.name.removesuffix("s") if is_many else given.name,
        given.name,
        *(kind, entries, of, is_many, is_star),
        is_required=not has_default and "None" not in annotation.split(" | "),
        has_default=has_default,
    )


def _words(keyword: str, words: tuple[str, ...]) -> Kind:
    """Return the kind of a keyword that takes the words of a closed list."""
    check = validators.choice(f"a word for {keyword}", words).check
    return Kind(f"one of {', '.join(words)}", toml(words[0]), check, ("text",), literal=True)


class Made(NamedTuple):
    """What a part of the file becomes: a function of the row, and whether all rows give the same.

    The function returns None where all is missing.
    """

    get: Get
    is_constant: bool


def arguments(spot: Spot, table: Any, takes: list[Parameter], scope: Scope, *more: str) -> Made:
    """Return what makes the keywords of a call from a row.

    Args:
        spot: of the table.
        table: what is written there.
        takes: the keywords that there are.
        scope: of the file.
        *more: other keys that may stand in the table.
    """
    if type(table) is not dict:
        raise spot.wrong(table, f"want a table; write [{spot.header}] and its keys below that")
    allowed = [*more, *(each.name for each in takes), "when"]
    for name in table.keys() & {*scope.sections} - {*allowed}:
        raise spot.error(
            f"has no key {name!r}; it is of the whole file: write it above all sections"
        )
    spot.check_keys(table, allowed)
    unsaid: dict[str, Any] = {}
    constants: dict[str, Any] = {}
    getters: list[tuple[str, Get]] = []
    for each in takes:
        if each.name in table:
            place = spot.at(each.name)
            get, is_constant = argument(place, table[each.name], each, scope)
            if is_constant:
                constants[each.keyword] = place.tried(partial(get, Row({})))
            else:
                getters.append((each.keyword, get))
        elif each.is_required:
            is_literal = each.kind is not None and each.kind.literal
            example = '"…"' if is_literal else '"a column"'
            raise spot.error(f"has no {each.name}; write {each.name} = {example}")
        elif not each.has_default:
            unsaid[each.keyword] = None
    get = _collected(unsaid, constants, getters)
    when = condition(spot, table, scope)
    if when is None:
        return Made(get, is_constant=not getters)
    return Made(lambda row: get(row) if when(row) else None, is_constant=False)


def _collected(
    unsaid: dict[str, Any], constants: dict[str, Any], getters: list[tuple[str, Get]]
) -> Get:
    """Return what makes keywords; None if there is none but what the verb wants to be told."""
    if constants or not getters:
        said = unsaid | constants
        return lambda row: said | {name: get(row) for name, get in getters}

    def collected(row: Row) -> dict[str, Any] | None:
        found, is_missing = {**unsaid}, True
        for name, get in getters:
            found[name] = value = get(row)
            if value is not None:
                is_missing = False
        return None if is_missing else found

    return collected


def argument(spot: Spot, written: Any, takes: Parameter, scope: Scope) -> Made:
    """Return what makes one argument from a row.

    Args:
        spot: of the argument.
        written: what is written there.
        takes: what the verb takes there.
        scope: of the file.
    """
    if takes.kind is not None:
        value = value_of(spot, written, takes.kind, scope)
        if takes.kind.literal and takes.kind.what == TEXT.what and type(written) is str:
            scope.literals.setdefault(written, spot)
        return Made(value.get, value.is_constant)
    if takes.entries is not None:
        return entries(spot, written, takes.entries, scope)
    if takes.is_many:
        return _records(spot, written, takes.of, scope)
    return _record(spot, written, takes.of, scope)


def _record(spot: Spot, written: Any, of: Any, scope: Scope) -> Made:
    get, is_constant = arguments(spot, written, parameters(of), scope)
    return Made(lambda row: None if (given := get(row)) is None else of(**given), is_constant)


def _records(spot: Spot, written: Any, of: Any, scope: Scope) -> Made:
    if type(written) is dict:
        written = [written]
    if type(written) is not list or not written:
        raise spot.wrong(written, f"want tables; write [[{spot.header}]] and its keys below that")
    made = [_record(spot.at(i), each, of, scope) for i, each in enumerate(written)]
    getters = [each.get for each in made]

    def records(row: Row) -> list[Any] | None:
        return [record for get in getters if (record := get(row)) is not None] or None

    return Made(records, all(each.is_constant for each in made))


def entries(spot: Spot, written: Any, kind: Kind, scope: Scope) -> Made:
    """Return what makes a map of names to values from a row, without those that are missing.

    Args:
        spot: where it stands.
        written: a table of names and values, a list of columns that keep their names, or the
            column of a JSON object.
        kind: of the values.
        scope: of the file.
    """
    if type(written) is dict and "column" in written and {*written} <= {*KEYS}:
        if written.get("as") == "json":
            return Made(value_of(spot, written, JSON, scope).get, is_constant=False)
        raise spot.wrong(
            written,
            "several values go here; for this one write a list, "
            f'{spot.key} = [{{ … }}], or as = "json" for a column of JSON objects',
        )
    getters, tags, constants = [], [], []
    for place, name, each in _named(spot, written):
        value = value_of(place, each, kind, scope)
        constants.append(value.is_constant)
        if value.tag is None:
            getters.append((name, value.get))
        else:
            tags.append(_tagger(name, value.tag, value.get))

    def found(row: Row) -> dict[str, Any] | None:
        there = {}
        for name, get in getters:
            value = get(row)
            if value is not None:
                there[name] = value
        for tag in tags:
            there |= tag(row)
        return there or None

    return Made(found, all(constants))


def _named(spot: Spot, written: Any) -> list[tuple[Spot, str, Any]]:
    """Return the entries of a map with their places and names."""
    if type(written) is dict:
        return [(spot.at(name), name, each) for name, each in written.items()]
    if type(written) is not list:
        example = toml(written) if type(written) is str else '"a column"'
        raise spot.wrong(written, f"want a list or a table; write {spot.key} = [{example}]")
    named = []
    for i, each in enumerate(written):
        column = each.get("column") if type(each) is dict else each
        if type(column) is not str or not column:
            raise spot.at(i).wrong(
                each,
                'want a column; write "a column", or { column = "a column" }; '
                f"what has another name stands in a table, {spot.key} = {{ name = … }}",
            )
        named.append((spot.at(i), column, each))
    return named


def _tagger(name: str, column: str, get: Get) -> Callable[[Row], dict[str, Any]]:
    return lambda row: row.tag(column, name) if get(row) else {}
