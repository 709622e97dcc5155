"""A names file: the names that somebody prefers to those that are made of a plan."""

from __future__ import annotations

import keyword
import tomllib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigurationError, brief, closest, one_line
from ..formatting.code_layout import quoted

_SECTIONS = ("prefix", "events", "screens", "arguments")


class Names(NamedTuple):
    """Names that were chosen.

    Attributes:
        prefix: of the classes; "" if none was chosen.
        events: verbs, by the name of an event, or by its name with the type, as in "Seen (other)".
        screens: verbs, by the name of a screen.
        arguments: by the name of an attribute.
    """

    prefix: str
    events: Mapping[str, str]
    screens: Mapping[str, str]
    arguments: Mapping[str, str]


NONE = Names("", {}, {}, {})
"""No name was chosen."""


def names_of(chosen: str | Path | Mapping[str, Any] | None) -> Names:
    """Return the names that a file or a dict chooses.

    Args:
        chosen: the path of a TOML file, or what it says; None for no names.

    Raises:
        ConfigurationError: it cannot be read, or something in it is no name of Python.

    >>> names_of({"events": {"Searched": "looked_for"}}).events["Searched"]
    'looked_for'
    """
    if chosen is None:
        return NONE
    where = "names" if isinstance(chosen, Mapping) else str(chosen)
    data = chosen if isinstance(chosen, Mapping) else _read(where, chosen)
    for section, value in data.items():
        if section not in _SECTIONS:
            meant = closest(section, _SECTIONS)
            hint = f"did you mean {meant!r}?" if meant else f"it has {', '.join(_SECTIONS)}"
            raise ConfigurationError(f"{where}: there is no section {brief(section)}; {hint}")
        if section == "prefix":
            _check(where, "prefix", value)
        elif not isinstance(value, Mapping):
            raise ConfigurationError(
                f"{where}: {section} is {brief(value)}: want a table; write [{section}]"
            )
        else:
            for name, written in value.items():
                _check(where, f"[{section}] {quoted(name)}", written)
    events, screens, arguments = (
        {label: _normal(name) for label, name in data.get(section, {}).items()}
        for section in _SECTIONS[1:]
    )
    return Names(_normal(data.get("prefix", "")), events, screens, arguments)


def _normal(name: str) -> str:
    """Return a name as Python itself reads it."""
    return unicodedata.normalize("NFKC", name)


def _read(where: str, path: str | Path) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{where} is no UTF-8 (byte {error.start}); save it as UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f'{where} is no TOML: {one_line(str(error))}; write [events] and "Searched" = "looked"'
        ) from None
    except (OSError, ValueError, TypeError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"{where} cannot be read: {why}; write names.toml") from None


def _check(where: str, place: str, name: object) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ConfigurationError(
            f"{where}: {place} = {brief(name)} is no name of Python; "
            'write letters, digits and "_", as in "looked_for"'
        )
    if name.startswith("_"):
        raise ConfigurationError(
            f"{where}: {place} = {brief(name)} is private; write {name.lstrip('_') or 'a name'!r}"
        )
