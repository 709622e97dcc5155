"""The attributes that a plan names, as arguments of a generated function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ..errors import ConfigurationError
from ..formatting.code_layout import quoted
from .annotations import kind_of, type_of
from .functions import Argument
from .identifiers import RESERVED, Named, as_argument, distinct, snake_case
from .javascript import text_of


class Impossible(Exception):
    """No call of a generated function could be as planned; the text says why."""


class Attributes(NamedTuple):
    """The attributes that a schema allows.

    Attributes:
        arguments: those that it names, required ones first.
        is_open: whether it allows others.
        notes: sentences for the docstring.
        needs_others: whether one must be given, and it names none.
        others: the type of those that it does not name.
    """

    arguments: tuple[Argument, ...]
    is_open: bool
    notes: tuple[str, ...] = ()
    needs_others: bool = False
    others: str = "Scalar"


def inside(schema: Any, *names: str) -> Any:
    """Return the schema of a property, or of one within it; None where there is none."""
    for name in names:
        schema = properties_of(schema).get(name)
    return schema


def listed(kinds: Any) -> list[Any]:
    """Return a type of a schema, or several, as a list."""
    return list(kinds) if isinstance(kinds, list) else [kinds]


def properties_of(schema: Any) -> dict[str, Any]:
    """Return the schemas of the properties that a schema names."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties if isinstance(properties, dict) else {}


def required(schema: Any) -> tuple[str, ...]:
    """Return the names that a schema requires."""
    return tuple(schema.get("required", ())) if isinstance(schema, dict) else ()


def is_closed(schema: Any) -> bool:
    """Return whether a schema allows only the names that it has."""
    return schema is False or (
        isinstance(schema, dict) and schema.get("additionalProperties") is False
    )


def attributes_of(
    schema: Any,
    reserved: str,
    can_hold: Callable[[str], bool],
    *,
    renamed: Mapping[str, str],
    is_required: bool = False,
    lists: bool = False,
) -> Attributes:
    """Return what a schema of attributes allows.

    Args:
        schema: of the attributes; None where the plan has none.
        reserved: for what kind of function, a key of ``RESERVED``.
        can_hold: whether a value of ours can have an attribute of this name.
        renamed: names of arguments that were chosen, by the attribute.
        is_required: whether there must be attributes.
        lists: whether an attribute may be a list.

    Raises:
        Impossible: what is required cannot be sent.
    """
    properties = properties_of(schema)
    wanted = required(schema)
    others = kind_of(schema.get("additionalProperties") if isinstance(schema, dict) else schema)
    closed = is_closed(schema) or not others.is_possible
    kinds = {name: kind_of(each, lists=lists) for name, each in properties.items()}
    for name in wanted:
        if name not in kinds:
            kinds[name] = kind_of(False if closed else None)
    usable = {name for name, kind in kinds.items() if kind.is_possible and can_hold(name)}
    for name in wanted:
        if name not in usable:
            raise Impossible(f"its attribute {quoted(name)} is required, and cannot be sent")
    if is_required and not usable and closed:
        raise Impossible("attributes are required, and none of them can be sent")
    names = _names([name for name in kinds if name in usable], reserved, renamed)
    is_only_one = is_required and closed and len(usable) == 1
    arguments = [
        Argument(
            names[name],
            quoted(name),
            kinds[name],
            name in wanted or is_only_one,
            _description(properties.get(name)),
        )
        for name in kinds
        if name in usable
    ]
    notes = [
        f"It cannot take {quoted(name)}: no value of it can be sent."
        for name, each in properties.items()
        if name not in usable and each is not False
    ]
    least = int(schema.get("minProperties", 0)) if isinstance(schema, dict) else 0
    if least > max(1, len(wanted)):
        notes.append(f"The plan requires at least {least} attributes.")
    elif is_required and not wanted and not is_only_one:
        notes.append("The plan requires at least one of the attributes.")
    arguments.sort(key=lambda argument: not argument.is_required)
    return Attributes(
        tuple(arguments),
        not closed,
        tuple(notes),
        is_required and not arguments,
        type_of(others) if others.is_possible else "Scalar",
    )


def _description(schema: Any) -> str:
    return text_of(schema.get("description")) if isinstance(schema, dict) else ""


def _names(attributes: Iterable[str], reserved: str, renamed: Mapping[str, str]) -> dict[str, str]:
    attributes = list(attributes)
    chosen = {name: renamed[name] for name in attributes if name in renamed}
    fit = partial(as_argument, reserved=RESERVED[reserved])
    others = {fit(snake_case(name)) for name in attributes if name not in chosen}
    for attribute, name in chosen.items():
        taken = RESERVED[reserved] | others
        if name in taken or list(chosen.values()).count(name) > 1:
            raise ConfigurationError(
                f"[arguments] {quoted(attribute)} = {quoted(name)}: another argument has this "
                f"name; write {quoted(f'{name}_')}"
            )
    wanted = {
        name: Named(name, snake_case(name), "" if snake_case(name) else "attribute")
        for name in attributes
        if name not in chosen
    }
    return chosen | distinct(wanted, fit, chosen.values())
