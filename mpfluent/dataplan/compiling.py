"""A point's definition, compiled when it is first met."""

from __future__ import annotations

from typing import Any, NamedTuple

from .definitions import Fault, Like, adapted


class Compiled(NamedTuple):
    """A definition that can be used, or what is wrong with it.

    Attributes:
        validator: of the library; None if the definition is broken.
        faults: what is wrong; with a validator, none of it stops a verdict.
    """

    validator: Any
    faults: tuple[Fault, ...]


def compiled(definition: Any, like: Like) -> Compiled:
    """Return a definition, compiled.

    Args:
        definition: a JSON Schema.
        like: whose reading it is for.
    """
    from .references import REGISTRY, unresolved
    from .server_keywords import VALIDATORS  # it loads the library, which is slow to import

    try:
        schema, faults = adapted(definition, like)
        stops = ("broken_definition", "unread_pattern") if like == "node" else _STOPS
        if like == "node" and not any(fault.kind in stops for fault in faults):
            faults += tuple(unresolved(schema))
    except RecursionError:
        schema, stops = True, _STOPS
        faults = (Fault("broken_definition", "", "it is nested too deeply"),)
    broken = [fault for fault in faults if fault.kind in stops]
    if broken:
        return Compiled(None, tuple(broken))
    return Compiled(VALIDATORS[like](schema, registry=REGISTRY), faults)


_STOPS: tuple[str, ...] = ("broken_definition",)
