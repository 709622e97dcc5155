"""The actions of the fault kit, as JSON says them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ...encoding.json import parsed
from ...errors import ConfigurationError, InvalidValue, brief, closest
from .. import faults
from ..faults import Action

MOST_ACTIONS = 10_000  # of one request
_LINE = '{"actions": [{"action": "status", "status_code": 503}]}'
ACTIONS = MappingProxyType(
    {
        name: getattr(faults, name)
        for name in (
            *("ok", "status", "redirect", "hang", "drip", "partial_answer", "bad_chunks"),
            *("garbage", "reset_before_read", "reset_mid_request", "reset_after_read"),
            *("close_after_read", "close_idle_after", "never_read"),
        )
    }
)


def actions_of(body: bytes) -> list[Action]:
    """Return the actions that JSON asks for.

    Args:
        body: an object with the list "actions".

    Raises:
        InvalidValue: it says no actions.

    >>> [found] = actions_of(b'{"actions": [{"action": "status", "status_code": 503}]}')
    >>> found.status_code
    503
    """
    data = parsed(body)
    asked = data.get("actions") if isinstance(data, dict) else None
    if not isinstance(asked, list) or not asked or len(data) > 1:
        raise InvalidValue(f"want an object with a list of actions; write {_LINE}")
    if len(asked) > MOST_ACTIONS:
        raise InvalidValue(f"want at most {MOST_ACTIONS} actions, got {len(asked)}")
    return [_action(place, one) for place, one in enumerate(asked)]


def _action(place: int, asked: Any) -> Action:
    where = f"actions[{place}]"
    name = asked.get("action") if isinstance(asked, Mapping) else None
    make = ACTIONS.get(name) if isinstance(name, str) else None
    if make is None:
        close = closest(name, ACTIONS) if isinstance(name, str) else None
        hint = f"did you mean {close!r}?" if close else f"want one of {', '.join(ACTIONS)}"
        raise InvalidValue(f"{where}: {brief(name)} is no action; {hint}")
    given = {key: value for key, value in asked.items() if key != "action"}
    signature = inspect.signature(make)
    for key in given:
        if key not in signature.parameters:
            takes = ", ".join(signature.parameters) or "nothing"
            raise InvalidValue(f"{where}: {name} takes no {brief(key)}; it takes {takes}")
    for key, parameter in signature.parameters.items():
        if parameter.default is parameter.empty and key not in given:
            raise InvalidValue(f"{where}: {name} wants {key!r}, a number; write it beside action")
    try:
        action: Action = make(**given)
    except ConfigurationError as error:
        raise InvalidValue(f"{where}: {error}") from None
    return action
