"""Where something stands in a mapping file, and what is said of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import filterfalse
from typing import Any, NamedTuple, TypeVar

from .. import sdk_names
from ..errors import ConfigurationError, InvalidBatch, brief, closest
from ..sdk_names import called

T = TypeVar("T")

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TABLES = (
    *(sdk_names.USER, sdk_names.DEVICE, sdk_names.LOCATION, sdk_names.PRODUCT),
    *(sdk_names.PROMOTION, sdk_names.COMMERCE),
)


class Spot(NamedTuple):
    """A place in a mapping file.

    Attributes:
        file: its name, as it was written.
        path: the dotted key, as TOML writes it; an array's tables are counted from 0.
    """

    file: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.path}" if self.path else self.file

    def at(self, key: str | int) -> Spot:
        """Return the place of a key, or of an array's entry."""
        if isinstance(key, int):
            return self._replace(path=f"{self.path}[{key}]")
        shown = key if _BARE.fullmatch(key) else toml(key)
        return self._replace(path=f"{self.path}.{shown}" if self.path else shown)

    @property
    def key(self) -> str:
        """The last key, without the number of an entry."""
        return re.sub(r"(\[\d+\])+$", "", self.path.rpartition(".")[2])

    @property
    def header(self) -> str:
        """The path as it stands in the header of a section, which has no numbers."""
        return re.sub(r"\[\d+\]", "", self.path)

    def error(self, why: str) -> ConfigurationError:
        """Return the error that begins with this place."""
        return ConfigurationError(f"{self} {why}")

    def wrong(self, value: object, why: str) -> ConfigurationError:
        """Return the error for a value, with the value as TOML writes it."""
        return ConfigurationError(f"{self} = {toml(value)}: {why}")

    def unknown(self, name: str, allowed: Iterable[str], meant: str | None = None) -> Exception:
        """Return the error for a key that does not exist, with the one that was meant."""
        allowed = tuple(allowed)
        theirs = (called(name, table, allowed) for table in _TABLES)
        meant = meant or next(filter(None, theirs), None) or closest(name, allowed)
        shown = ", ".join(allowed[:12]) + (", …" if len(allowed) > 12 else "")
        hint = f"did you mean {meant!r}?" if meant else f"it has {shown}"
        return self.error(f"has no key {brief(name)}; {hint}")

    def tried(self, get: Callable[[], T]) -> T:
        """Return what a function returns; an invalid value in it is a mistake of the file."""
        try:
            return get()
        except InvalidBatch as error:
            raise ConfigurationError(f"{self}: {error}") from None

    def check_keys(self, table: Mapping[str, Any], allowed: Iterable[str]) -> None:
        """Raise if a table has a key that does not exist."""
        allowed = tuple(allowed)
        for name in filterfalse(allowed.__contains__, table):
            raise self.unknown(name, allowed)

    def option(self, table: Mapping[str, Any], key: str, of: type, write: str) -> Any:
        """Return the value of a key that has to be of one type, or None.

        Args:
            table: where the key may stand.
            key: its name.
            of: str or bool.
            write: a value to write instead.
        """
        value = table.get(key)
        if value is None or (type(value) is of and value != ""):
            return value
        want = "text" if of is str else "true or false"
        raise self.at(key).wrong(value, f"want {want}; write {key} = {write}")


def toml(value: Any) -> str:
    """Return a value as TOML writes it, on one short line.

    >>> toml({"column": "spend", "lower": True})
    '{ column = "spend", lower = true }'
    """
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, Mapping):
        text = f"{{ {', '.join(f'{key} = {toml(item)}' for key, item in value.items())} }}"
    elif isinstance(value, list):
        text = f"[{', '.join(map(toml, value))}]"
    else:
        text = str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
