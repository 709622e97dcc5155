"""What may stand in an address of the API, and which events it asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from ...errors import InvalidValue, brief, closest
from ...model.commerce import ProductAction
from ...model.event import Event
from ..held_values import meant

MOST_ROWS = 1_000  # in one answer
_LONG = 80  # characters of a value that an error repeats
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_LONGEST = 600  # seconds that an answer may wait


class Query(NamedTuple):
    """What was asked for.

    Attributes:
        event: the name of an event.
        type: its type, or the commerce action.
        user: the value of an identity.
        after: the id of a row: only what is behind it.
        limit: how many, at most.
        problems: whether only what has a problem or a violation.
        timeout: seconds to wait, at most.
        format: of a batch.
    """

    event: str | None = None
    type: str | None = None
    user: str | None = None
    after: int = 0
    limit: int = 100
    problems: bool = False
    timeout: float = 5.0
    format: str = "json"


def query_of(text: str, allowed: tuple[str, ...]) -> Query:
    """Return what the query of an address says.

    Args:
        text: what stands behind the question mark.
        allowed: the names that may stand there; "token" always may.

    Raises:
        InvalidValue: a name or a value is none.

    >>> query_of("type=purchase&limit=5", ("type", "limit"))[:5]
    (None, 'purchase', None, 0, 5)
    """
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="backslashreplace"):
        if name == "token":
            continue
        if name not in allowed:
            close = closest(name, allowed)
            hint = f"did you mean {close}=?" if close else _listed(allowed)
            raise InvalidValue(f"{brief(name)} is no parameter here; {hint}")
        if name in found:
            raise InvalidValue(f"{name}= stands there twice; write it once")
        found[name] = _READERS.get(name, _text)(name, value)
    return Query(**found)


def token_of(text: str) -> str | None:
    """Return what the query of an address gives as the token of the server."""
    return dict(parse_qsl(text, keep_blank_values=True)).get("token")


def _listed(allowed: tuple[str, ...]) -> str:
    return f"want {', '.join(f'{each}=' for each in allowed)}" if allowed else "want none"


def _shown(value: str) -> str:
    return value if len(value) <= _LONG else f"{value[:_LONG]}…"


def _text(name: str, value: str) -> str:
    return value


def _whole(least: int, most: float) -> Callable[[str, str], int]:
    def read(name: str, value: str) -> int:
        if value.isascii() and value.isdigit() and least <= int(value[:18]) <= most:
            return int(value[:18])
        to = f"{least} to {most:.0f}" if most < float("inf") else f"{least} or more"
        raise InvalidValue(
            f"{name}={_shown(value)}: want a whole number, {to}; write {name}={least}"
        )

    return read


def _seconds(name: str, value: str) -> float:
    if _SECONDS.fullmatch(value) and float(value) <= _LONGEST:
        return float(value)
    raise InvalidValue(
        f"{name}={_shown(value)}: want seconds, from 0 to {_LONGEST}; write {name}=5"
    )


def _flag(name: str, value: str) -> bool:
    if value in ("0", "1"):
        return value == "1"
    raise InvalidValue(f"{name}={_shown(value)}: want 1 or 0; write {name}=1")


def _format(name: str, value: str) -> str:
    if value in ("json", "python"):
        return value
    raise InvalidValue(f"format={_shown(value)}: want json or python; write format=python")


_PROMOTIONS = ("view", "click")
_TYPES: tuple[str, ...] = (
    *map(str, Event._by_type),
    *map(str, ProductAction._wire["action"].validator.words),
    *_PROMOTIONS,
)


def _type(name: str, value: str) -> str:
    word = meant(value, _TYPES)
    if word is not None:
        return str(word)
    close = closest(value, _TYPES)
    hint = f"write type={close or 'purchase'}"
    raise InvalidValue(f"type={_shown(value)}: want an event type or a commerce action; {hint}")


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "after": _whole(0, float("inf")),
    "limit": _whole(1, MOST_ROWS),
    "problems": _flag,
    "timeout": _seconds,
    "format": _format,
    "type": _type,
}


def matches(row: Mapping[str, Any], query: Query) -> bool:
    """Return whether a row is an event that was asked for, and came for the first time."""
    if row["kind"] != "event" or row["verdict"] == "duplicate" or row["id"] <= query.after:
        return False
    types = (meant(row["event_type"], _TYPES), meant(row["action"], _TYPES))
    if query.type is not None and query.type not in types:
        return False
    # an event without a name of its own goes by its action, or by its type
    names = (*types[::-1],) if row["name"] is None else (str(row["name"]),)
    if query.event is not None and query.event not in names:
        return False
    users = [str(value) for value in row["user"].values() if value is not None]
    if query.user is not None and query.user not in users:
        return False
    return not query.problems or bool(row["problems"] or row["violations"])
