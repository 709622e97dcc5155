"""Every class of mParticle's objects, by name."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from . import application, commerce, consent, context, device, events, user
from .event import Event
from .record import Record


def _declared_in(*modules: ModuleType) -> dict[str, type[Any]]:
    """Return the public value classes of these modules, in the order of their text."""
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Record)
        and value.__module__ == module.__name__
        and name == value.__name__  # not under an alias
        and name[0] != "_"
    }


RECORDS: dict[str, type[Record]] = _declared_in(
    user, device, application, context, consent, commerce
)
EVENTS: dict[str, type[Event]] = _declared_in(events)
CLASSES: dict[str, type[Record]] = {**RECORDS, **EVENTS}
