"""The code of the verbs: one function for each set of keywords that keeps coming back.

It checks the usual values in place, makes the event or the record, and returns the new chain; for
anything unusual it returns None, and the verb goes the careful way, which has all the words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..model.commerce import ProductAction
from ..model.consent import CCPAConsentState, ConsentState, GDPRConsentState
from ..model.event import Event
from ..model.events import CommerceEvent
from ..values.codegen import taken
from ..values.fields import name as named_text
from ..values.frozen import Frozen
from ..values.frozen_map import FrozenMap, set_map_state
from .base import Builder, append, derived, place

REGULATIONS = {GDPRConsentState: "gdpr", CCPAConsentState: "ccpa"}
_purpose = named_text()


def appender(
    cls: type[Builder], of: type[Event], names: Iterable[str], first: Sequence[str] = ()
) -> Callable[..., Any]:
    """Return a function that appends an event; see :meth:`~mpfluent.values.codegen.Code.take`."""
    code = derived()
    about = code.take(of._fields, names, first)
    code.check(about)
    code.obey(of, about)
    code.make("event", of, about)
    append(code, cls, "event")
    return code.function()


def actor(
    cls: type[Builder], action: str, has_products: bool, names: Iterable[str]
) -> Callable[..., Any]:
    """Return a function that appends a product action, from its products and keywords."""
    code = derived("products")
    of_action, of_event = ProductAction._fields, CommerceEvent._fields
    about = code.take({**of_event, **of_action}, names)
    acts = {v: field for v, field in about.items() if field.name in of_action}
    rest = {v: field for v, field in about.items() if v not in acts}
    if has_products:
        acts["products"] = of_action["products"]
    code.check({**acts, **rest})
    acts[code.named(action)] = of_action["action"]
    code.obey(ProductAction, acts)
    code.make("acted", ProductAction, acts)
    happened = {"acted": of_event["product_action"], **rest}
    code.obey(CommerceEvent, happened)
    code.make("event", CommerceEvent, happened)
    append(code, cls, "event")
    return code.function()


def setter(chain: Builder, name: str) -> Callable[..., Any]:
    """Return a function that checks a value and sets a field to it, in chains like this one."""
    code = derived("value")
    code.check({"value": chain._fields[name]})
    place(code, chain, name, "value")
    return code.function()


def record_setter(
    chain: Builder, wire: str, of: type[Frozen], names: Iterable[str]
) -> Callable[..., Any]:
    """Return a function that sets a field to a record of keywords, in chains like this one."""
    code = derived()
    fields = code.take(of._fields, names)
    code.check(fields)
    code.obey(of, fields)
    code.make("record", of, fields)
    place(code, chain, wire, "record")
    return code.function()


def consent_setter(
    chain: Builder, of: type[GDPRConsentState | CCPAConsentState], names: Iterable[str]
) -> Callable[..., Any]:
    """Return a function that sets a regulation's first consent, in chains like this one."""
    code = derived("purpose")
    fields = code.take(of._fields, names)
    code.check({**fields, "purpose": _purpose})
    code.obey(of, fields)
    code.make("consent", of, fields)
    code.add(
        f"named = new({code.named(FrozenMap)})",
        f"{code.named(set_map_state)}(named, ((purpose,), (consent,)))",
    )
    regulations = {"named": ConsentState._wire[REGULATIONS[of]]}
    known = chain._get("consent_state")
    if known is not None:
        at = chain._keys.index("consent_state")
        code.add(
            f"keys, values = self._state[1][{at}]._state",
            f"if keys != {code.named(known._keys)}: return None",
            *taken(len(known._keys), "values", "other"),
        )
        regulations |= {f"other{n}": ConsentState._wire[key] for n, key in enumerate(known._keys)}
    # its rule is about the CCPA's purpose, which the verb says itself
    code.make("state", ConsentState, regulations)
    place(code, chain, "consent_state", "state")
    return code.function()
