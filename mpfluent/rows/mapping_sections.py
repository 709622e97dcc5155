"""Sections of a mapping file as steps: each calls the verb that the section is named after."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any, NamedTuple

from ..builder.batch import Batch
from ..builder.commerce_verbs import CommerceVerbs
from ..builder.context_verbs import ContextVerbs
from ..builder.event_verbs import EventVerbs
from ..errors import ConfigurationError, closest
from ..sdk_names import VERBS, called
from .mapping_arguments import Made, Parameter, argument, arguments, entries, parameters
from .mapping_spot import Spot, toml
from .mapping_values import TEXT, Get, Scope, value_of
from .row import Row

Verb = Callable[..., Batch]
Call = Callable[[Batch, Any], Batch]


class Step(NamedTuple):
    """One call of a verb.

    Attributes:
        get: returns what the verb is given for a row; None where the row says nothing.
        call: calls the verb.
        is_constant: whether it is given the same in all rows.
    """

    get: Get
    call: Call
    is_constant: bool


def _verbs(cls: type) -> dict[str, Verb]:
    found = vars(cls).items()
    return {name: verb for name, verb in found if type(verb) is FunctionType and name[0] != "_"}


EVENTS = {**_verbs(CommerceVerbs), **_verbs(EventVerbs)}
# What another key says: the user, the key of the rows, the consents one by one.
_ELSEWHERE = ("with_mpid", "with_identities", "with_source_request_id", "with_consent_state")
CONTEXT: dict[str, Verb] = {"user": Batch.for_user} | {
    name.removeprefix("with_"): verb
    for name, verb in _verbs(ContextVerbs).items()
    if name.startswith("with_") and name not in _ELSEWHERE
}


def keywords(section: str) -> list[str]:
    """Return the keys that may stand in a section of context."""
    return [each.name for each in parameters(CONTEXT[section])]


def context_steps(spot: Spot, section: str, written: Any, scope: Scope) -> list[Step]:
    """Return the steps that a section of context stands for.

    Args:
        spot: of the section.
        section: its name, that of its verb without ``with_``.
        written: what stands there.
        scope: of the file.
    """
    verb = CONTEXT[section]
    if written in ({}, []):
        raise spot.error("is empty; write what is in it, or leave it out")
    first, *rest = (p for p in inspect.signature(verb).parameters.values() if p.name != "self")
    takes = parameters(verb)
    head = takes[0]
    if first.kind is first.VAR_POSITIONAL:
        return [_step(spot, _names(spot, written, scope), lambda b, names: verb(b, *names))]
    if head.entries is not None:
        return [_step(spot, entries(spot, written, head.entries, scope), verb)]
    if head.is_required:  # a purpose, or the number of an integration: the table has one for each
        return _each(spot, written, verb, takes[1:], scope)
    if not rest:
        return [_step(spot, argument(spot, written, head, scope), verb)]
    if first.kind is first.POSITIONAL_ONLY:  # a record instead of keywords
        takes = takes[1:]
    # None would clear what is not there yet
    takes = [each._replace(is_required=not each.has_default) for each in takes]
    made = arguments(spot, written, takes, scope)
    if section == "user":
        return [_step(spot, made, _with_user)]
    return [_step(spot, made, lambda b, given: verb(b, **given))]


def _each(spot: Spot, written: Any, verb: Verb, takes: list[Parameter], scope: Scope) -> list[Step]:
    """Return a step for each entry of a table, whose key is the verb's first argument."""
    if type(written) is not dict:
        raise spot.wrong(written, f"want a table; write [{spot.path}.name] and its keys below that")
    of_map = takes[0].entries
    steps = []
    for key, each in written.items():
        place = spot.at(key)
        if of_map is not None:
            steps.append(
                _step(place, entries(place, each, of_map, scope), partial(_put, verb, key))
            )
        else:
            made = arguments(place, each, takes, scope)
            steps.append(_step(place, made, partial(_call, verb, key)))
    return steps


def _with_user(batch: Batch, given: dict[str, Any]) -> Batch:
    """Return the batch for a user, as ``for_user`` does, with what it has already."""
    mpid = given.pop("mpid", None)
    batch = batch.with_identities(**given)
    return batch if mpid is None else batch.with_mpid(mpid)


def _put(verb: Verb, key: str, batch: Batch, given: Any) -> Batch:
    return verb(batch, key, given)


def _call(verb: Verb, key: str, batch: Batch, given: Any) -> Batch:
    return verb(batch, key, **given)


def _names(spot: Spot, written: Any, scope: Scope) -> Made:
    """Return what makes a list of names: text is a name here, not a column."""
    if type(written) is not list:
        raise spot.wrong(written, f"want a list of names; write {spot.path} = [{toml(written)}]")
    name = TEXT._replace(literal=True)
    made = [value_of(spot.at(i), each, name, scope) for i, each in enumerate(written)]
    getters = [each.get for each in made]
    return Made(
        lambda row: [name for get in getters if (name := get(row)) is not None] or None,
        all(each.is_constant for each in made),
    )


def event_step(spot: Spot, table: Any, scope: Scope) -> Step:
    """Return the step that an ``[[event]]`` stands for.

    Args:
        spot: of the table.
        table: what is written there.
        scope: of the file.
    """
    if type(table) is not dict:
        raise spot.wrong(table, "want a table; write [[event]] and its keys below that")
    name = spot.option(table, "verb", str, '"event"')
    if name is None:
        raise spot.error('has no verb; write verb = "event"')
    if name not in EVENTS:
        raise _no_verb(spot.at("verb"), name)
    verb, takes = EVENTS[name], parameters(EVENTS[name])
    made = arguments(spot, table, takes, scope, "verb")
    star = next((place for place, each in enumerate(takes) if each.is_star), None)
    if star is None:
        return _step(spot, made, lambda b, given: verb(b, **given))
    first, many = [each.keyword for each in takes[:star]], takes[star].keyword

    def call(batch: Batch, given: dict[str, Any]) -> Batch:
        records = given.pop(many, None) or ()
        return verb(batch, *[given.pop(keyword) for keyword in first], *records, **given)

    return _step(spot, made, call)


def _no_verb(spot: Spot, name: str) -> ConfigurationError:
    section = name.removeprefix("with_")
    if section in CONTEXT:
        return spot.wrong(name, f"this is no event; write [{section}]")
    meant = called(name, VERBS, EVENTS) or closest(name, EVENTS)
    hint = f"did you mean {meant!r}?" if meant else f"want one of {', '.join(sorted(EVENTS))}"
    return spot.wrong(name, f"there is no such verb; {hint}")


def _step(spot: Spot, made: Made, call: Call) -> Step:
    """Return the step that calls a verb, after a trial if all rows give it the same."""
    if made.is_constant:
        spot.tried(lambda: call(Batch(), made.get(Row({}))))
    return Step(made.get, call, made.is_constant)
