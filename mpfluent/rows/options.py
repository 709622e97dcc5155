"""Checks of what the verbs of ``Rows`` take."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from ..errors import ConfigurationError, brief, unknown_option
from ..values.foreign import is_a, own
from .cells import zone_of
from .settings import Settings
from .sources import Source

P = ParamSpec("P")
T = TypeVar("T")

_OWN = ("self", "cls")


def settings_of(source: Source, verb: str, missing: Any, tz: Any) -> Settings:
    """Return the settings of a table of which nothing else was said."""
    words = own(missing)
    if is_a(words, (str, bytes)) or not is_a(words, Iterable):
        raise ConfigurationError(
            f"{verb}(missing={brief(missing)}): want words; write missing=['NA', '-']"
        )
    found = [text(f"{verb}(missing=", word, "missing=['NA', '-']") for word in words]
    words = frozenset(word.strip().lower() for word in found)
    return Settings(source, "rows", words, zone_of(verb, tz))


def text(where: str, value: Any, write: str) -> str:
    """Return text with something to see in it."""
    found = own(value)
    if is_a(found, str) and found.strip():
        return str.__str__(found)
    raise ConfigurationError(f"{where}{brief(value)}): want text; write {write}")


def flag(where: str, value: Any) -> bool:
    """Return True or False."""
    if isinstance(value, bool):
        return value
    raise ConfigurationError(f"{where}{brief(value)}): want True or False")


def path_of(verb: str, path: Any, example: str) -> str:
    """Return the text of a path."""
    if isinstance(path, str | os.PathLike) and os.fspath(path):
        found = str(os.fspath(path))
        if "\0" not in found:
            return found
    raise ConfigurationError(f"{verb}({brief(path)}): want a path; write {verb}({example!r})")


def suggesting(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function that answers a misspelt keyword with the one that was meant."""
    names = inspect.signature(function).parameters
    takes = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    allowed = [name for name, one in names.items() if one.kind in takes and name not in _OWN]
    where = function.__qualname__.removesuffix(".__init__")
    if not where.startswith("Rows.from"):
        where = where.removeprefix("Rows.")

    @wraps(function)
    def called(*args: P.args, **keywords: P.kwargs) -> T:
        for name in keywords:
            if name not in names:
                raise unknown_option(where, name, allowed)
        return function(*args, **keywords)

    return called
