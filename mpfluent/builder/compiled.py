"""The code of the verbs: a function for each set of keywords that keeps coming back.

It checks the values, makes the event or the record, and returns the new chain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..model.consent import CCPAConsentState, ConsentState, GDPRConsentState
from ..model.event import Event
from ..model.history import EventHistory
from ..values.code_cache import CompiledCalls, NoCode
from ..values.codegen import (
    FunctionSource,
    Names,
    listed,
    named_after,
    sorted_state,
    unless,
    variable,
    write_arguments,
    write_new,
    write_state,
)
from ..values.frozen import Frozen
from ..values.frozen_map import ESCAPED, FrozenMap
from ..values.validators import FAST, name

REGULATIONS: dict[type[Frozen], str] = {GDPRConsentState: "gdpr", CCPAConsentState: "ccpa"}
SAID = Names(("consented", "timestamp_unixtime_ms", "document", "location", "hardware_id"))

Chain = type[EventHistory]
Step = Callable[..., Any]  # from a chain, values and keywords to the next chain, or to None

Appended = tuple[Chain, type[Event], str, Names, frozenset[str]]
"""The chain's class, the event's, its field for a record of some keywords, and all keywords."""

_set_tail = EventHistory.__dict__["_tail"].__set__


def _source(cls: Chain, what: str) -> FunctionSource:
    return FunctionSource(named_after(cls, what), "self, values, given", set_tail=_set_tail)


def write_appender(key: Appended) -> Step:
    """Return the function that appends an event."""
    cls, of, inside, first, rest = key
    if cls._appended is not EventHistory._appended:
        raise NoCode
    record = of._fields[inside].of if inside else of
    source = _source(cls, f"append_{of.__name__}")
    write_arguments(source, {**of._fields, **record._fields}, first, rest)
    names = {*first, *rest}
    if inside:
        write_state(source, record, names & record._fields.keys(), "record_state")
        write_new(source, record, variable(of._fields[inside]), "record_state")
        names = names - record._fields.keys() | {inside}
    write_state(source, of, names, "state")
    write_new(source, of, "event", "state")
    write_new(source, cls, "grown", "self._state")
    source.add("set_tail(grown, (self._tail, event))", "return grown")
    return source.function()


def _setter(key: tuple[Chain, tuple[str, ...], str, frozenset[str] | None]) -> Step:
    cls, old, wire, names = key
    field = cls._wire[wire]
    source = _source(cls, f"set_{wire}")
    if names is None:
        write_arguments(source, cls._fields, {wire}, ())
        write_state(source, cls, {wire}, "state")
    elif wire in old:
        raise NoCode  # a record is merged into another
    else:
        write_arguments(source, field.of._fields, (), names)
        write_state(source, field.of, names, "state")
        write_new(source, field.of, variable(field), "state")
    source.add("if not state[0]:", "    return None")
    return _placing(source, cls, old, wire)


def _consenter(key: tuple[Chain, tuple[str, ...], type[Frozen], tuple[str, ...]]) -> Step:
    cls, old, of, known = key
    if REGULATIONS[of] in known:
        raise NoCode  # a purpose is merged into others
    source = _source(cls, f"set_{of.__name__}")
    write_arguments(source, of._fields, SAID, ())
    write_state(source, of, {*SAID}, "said")
    write_new(source, of, "consent", "said")
    source.add(*unless(FAST[name], "given", ["return None"]))
    size = f"1 if given.isidentifier() else {ESCAPED}"
    write_new(source, FrozenMap, "consents", f"((given,), (consent,), {size})")
    if known:
        source.add(f"{listed(known)} = self._state[1][{old.index('consent_state')}]._state[1]")
    variables = {**{name: name for name in known}, REGULATIONS[of]: "consents"}
    write_new(source, ConsentState, "consent_state_", sorted_state(source, ConsentState, variables))
    return _placing(source, cls, old, "consent_state")


def _placing(source: FunctionSource, cls: Chain, old: tuple[str, ...], wire: str) -> Step:
    """Return the function that ends with a chain where a field is what its variable holds."""
    if cls._derive is not EventHistory._derive:
        raise NoCode
    before = {key: f"old{place}" for place, key in enumerate(old)}
    if old:
        source.add(f"{listed(before.values())} = self._state[1]")
    state = sorted_state(source, cls, {**before, wire: variable(cls._wire[wire])})
    write_new(source, cls, "changed", state)
    source.add("set_tail(changed, self._tail)", "return changed")
    return source.function()


# What sets a field to a value, or to a record of keywords: by the chain's class, the keys that are
# set, the key, and the keywords.
placed = CompiledCalls(_setter)

# What sets a regulation's first consent: by the chain's class, the keys that are set, the class of
# the consent, and the regulations that there are consents of.
consented = CompiledCalls(_consenter)
