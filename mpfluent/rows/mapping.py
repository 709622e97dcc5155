"""What a row means: a function of yours, or a file that says it."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from importlib import import_module, invalidate_caches
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

from ..builder.batch import Batch
from ..errors import ConfigurationError, brief, closest, one_line
from .mapping_file import Mapping, read_mapping
from .row import Row

__all__ = ["Mapping", "mapping_of"]

_FUNCTION = "write def imported(row): return Batch.for_user(…)"
_LAZY = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
_ANY = 'write map(imported), map("policies.toml") or map("jobs:imported")'


def mapping_of(
    thing: Callable[[Row], Batch | None] | str | os.PathLike[str] | Mapping, /
) -> Mapping:
    """Return the mapping that a function is, that a file says, or that a text names.

    Args:
        thing: a function of a row; the path of a TOML file; or "module:function", where the
            current directory has modules, too.

    Raises:
        ConfigurationError: there is no such thing, or there is a mistake in it.

    >>> from mpfluent import Batch
    >>> def imported(row):
    ...     return Batch.for_user(customer_id=row.text("id"))
    >>> mapping_of(imported)(Row({"id": "17"})).user_identities.customer_id
    '17'
    """
    if isinstance(thing, Mapping):
        return thing
    if isinstance(thing, os.PathLike):
        return read_mapping(os.fspath(thing))
    if not isinstance(thing, str):
        name = getattr(thing, "__qualname__", None) or brief(thing)
        return _of_function(name.rpartition("<locals>.")[2], thing)
    if thing.endswith(".toml") or (Path(thing).is_file() and not thing.endswith(".py")):
        return read_mapping(thing)
    if ":" in thing or thing.endswith(".py"):
        return _of_function(thing, _imported(thing))
    meant = closest(thing, [each.name for each in Path().glob("*.toml")])
    hint = f"did you mean {meant!r}?" if meant else _ANY
    raise ConfigurationError(f"map({brief(thing)}): no such file, and no module:function; {hint}")


def _of_function(name: str, thing: object) -> Mapping:
    """Return the mapping of what can be called with a row."""
    where, function = f"map({name})", cast(Any, thing)
    if not callable(thing):
        kind = type(thing).__name__
        raise ConfigurationError(f"{where}: want a function of a row, got {kind}; {_ANY}")
    if any(is_lazy(function) for is_lazy in _LAZY):
        why = "want a function that returns a batch, and this one awaits or yields"
        raise ConfigurationError(f"{where}: {why}; {_FUNCTION}")
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        why = f"want a function of one argument, the row: {error}"
        raise ConfigurationError(f"{where}: {why}; {_FUNCTION}") from None
    except ValueError:
        pass  # a function in C may have no signature
    return Mapping(name, function)


def _imported(named: str) -> Any:
    """Return the function that a "module:function" names."""
    module, _, path = named.partition(":")
    where = f"map({brief(named)})"
    if not all(part.isidentifier() for part in [*module.split("."), *path.split(".")]):
        name = module.removesuffix(".py").replace("/", ".").strip(".")
        line = f"{name or 'jobs'}:{path or 'imported'}"
        raise ConfigurationError(f'{where}: want "module:function"; write map({line!r})')
    here = os.getcwd()
    if not {"", here} & {*sys.path}:
        sys.path.insert(0, here)
    invalidate_caches()  # it may have been written just now
    try:
        found = import_module(module)
    except (Exception, SystemExit) as error:  # whatever the module's own code raises
        missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
        if missing is None or not f"{module}.".startswith(f"{missing}."):
            why = f"importing {module} raised {type(error).__name__}: {one_line(str(error))}"
            raise ConfigurationError(f"{where}: {why}") from error
        meant = closest(module, [each.stem for each in Path().glob("*.py")])
        hint = f"did you mean {meant!r}?" if meant else f"write a module of {here}, or install it"
        raise ConfigurationError(f"{where}: there is no module {missing!r}; {hint}") from None
    try:
        return attrgetter(path)(found)
    except AttributeError:
        members = vars(found).items()
        functions = [name for name, member in members if callable(member) and name[0] != "_"]
        meant = closest(path, functions)
        hint = f"did you mean {meant!r}?" if meant else f"it has {', '.join(functions) or 'none'}"
        raise ConfigurationError(f"{where}: {module} has no function {path!r}; {hint}") from None
