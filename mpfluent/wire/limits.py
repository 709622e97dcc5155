"""mParticle's documented limits, and what of a batch goes over them.

The limits of requests are kept by :mod:`mpfluent.wire.body`, which splits.
``batch.problems()`` lists what is over those of data.

Source: the vendor's pages "Default service limits" and "JSON reference".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sized
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ..errors import brief
from ..utils.typed import NamedTuple
from ..values.code_cache import Memo
from ..values.frozen import Frozen
from ..values.frozen_map import FrozenMap

if TYPE_CHECKING:
    from .body import Encoded

MAX_BATCHES_PER_REQUEST = 100
MAX_REQUEST_BYTES = 256_000
MAX_BATCH_BYTES = 128_000

MAX_NAME = 256  # characters of an event, screen or attribute name
MAX_VALUE = 4096  # characters of an attribute value
MAX_ATTRIBUTES = 100  # per event, and user attributes per batch
MAX_LIST = 1000  # entries of a user attribute's list
MAX_LIST_ENTRY = 512  # characters of such an entry
MAX_IDENTITY = 256  # characters
MAX_ACTION_IDENTIFIER = 100  # characters

DAY = 24 * 3600 * 1000
HISTORICAL_AFTER = 30 * DAY  # older events belong to the historical endpoint
HISTORICAL_MINIMUM = 3 * DAY  # younger events do not
FAR = 10**14  # Unix milliseconds of the year 5138: what is later is in smaller units


class Problem(NamedTuple):
    """One thing about a batch that mParticle would reject, cut or ignore.

    Attributes:
        kind: a word for the limit, such as "name_too_long".
        text: where and what, in a sentence.
        advice: True for advice, which never raises.
        place: where, without the names of attributes, such as "events[3].event_name"; empty for
            the batch as a whole.
    """

    kind: str
    text: str
    advice: bool = False
    place: str = ""


def problems(
    batch: Any, encoded: Encoded, historical: bool = False, now: int | None = None
) -> tuple[Problem, ...]:
    """Return what the documented limits would reject or truncate, and advice.

    Args:
        batch: a :class:`~mpfluent.Batch`.
        encoded: its JSON: what is short there is not looked into.
        historical: whether it goes to the historical endpoint.
        now: Unix milliseconds; without it, nothing is said of the age of events.
    """
    oldest = -math.inf if historical or now is None else now - HISTORICAL_AFTER
    keys, values = batch._state
    if "user_identities" not in keys or _may_be_nobodys(keys, values):
        return tuple(_found(batch, oldest))
    context, texts = encoded
    long: list[tuple[Any, ...]] = []  # the values of what is not short as a whole
    if len(context) > _bounds[keys][0]:
        long += values, values[keys.index("user_identities")]._state[1]
    is_odd, place = False, 0
    node = batch._tail
    while node is not None:
        node, event = node
        names, inside = event._state
        most, time = _bounds[names]
        place -= 1
        if len(texts[place]) > most:
            long.append(inside)
        if time is not None and not oldest <= inside[time] <= FAR:
            is_odd = True
    if long and not _short(long):  # near no limit, as most batches are: a tenth of the cost
        return tuple(_found(batch, oldest))
    if not is_odd:
        return ()
    placed = enumerate(batch._events())
    return tuple([odd for place, event in placed for odd in _of_time(place, event, oldest)])


def _of_time(position: int, event: Any, oldest: float) -> Iterator[Problem]:
    at, path = event._get(_TIME), f"events[{position}]"
    if at is not None and at > FAR:
        unit, factor = ("nanoseconds", 10**6) if at > FAR * 1000 else ("microseconds", 10**3)
        text = f"{path}.at={at} looks like {unit}; write at={at // factor}, in milliseconds"
        yield Problem("far_event", text, advice=True, place=path)
    if at is not None and at < oldest:
        text = f"{path} is over 30 days old; send it with Client(…, historical=True)"
        yield Problem("old_event", text, advice=True, place=path)


_TIME = "timestamp_unixtime_ms"


def _found(batch: Any, oldest: float) -> Iterator[Problem]:
    user = batch._get("user_identities")
    if user is not None:
        for name, value in user._given().items():
            yield from _long(f"user_identities.{name}", value, MAX_IDENTITY, "identity_too_long")
    yield from _of_attributes("user_attributes", batch._get("user_attributes") or {})
    for position, event in enumerate(batch._events()):
        yield from _of_time(position, event, oldest)
        if not _short([event._state[1]]):
            yield from _of_event(f"events[{position}]", event)
    known = [*_ids(plain_context(batch))]
    for place, name, value in known:
        if is_nobodys(value):
            yield _nobodys(f"{place}{name}", value)
    if all(is_nobodys(value) for _, _, value in known):
        text = (
            "nobody is identified: no user identity, no mpid and no device id; "
            "write Batch.for_user(customer_id=…)"
        )
        yield Problem("nobody", text, advice=True)


_IDENTITIES = ("new", "old")  # of an event: where a value of this kind may stand
_IDENTITY = "UserIdentity"  # the kind of a value that holds an id of a user
_SHORT = min(MAX_NAME, MAX_VALUE, MAX_IDENTITY, MAX_ACTION_IDENTIFIER)


def _bounds_of(names: tuple[str, ...]) -> tuple[int, int | None]:
    """Return so many bytes of JSON that nothing in a value with these fields can be over a limit.

    No text in it is longer than what the names of the fields leave of these bytes. Nor are there
    100 attributes, or 1000 entries of a list, in so few. An event that may hold an identity gets
    0, for that may be nobody's. Besides, return the place of its time.
    """
    shortest = _SHORT if "action_identifier" in names else min(MAX_NAME, MAX_IDENTITY)
    most = shortest + len("".join(names)) + len('"":,') * len(names)
    if not {*_IDENTITIES}.isdisjoint(names):
        most = 0
    return most, names.index(_TIME) if _TIME in names else None


_bounds: Memo[tuple[str, ...], tuple[int, int | None]] = Memo(_bounds_of)


def _short(groups: list[tuple[Any, ...]]) -> bool:
    """Return whether these values are so short and so few that no limit is near: most are.

    Args:
        groups: of values; those of maps within are added.
    """
    for values in groups:
        for value in values:
            kind = type(value)
            if kind is str:
                if len(value) > _SHORT:
                    return False
            elif kind is FrozenMap:
                names, inside, _ = value._state
                # names that are short together are short one by one
                if len(names) > MAX_ATTRIBUTES or len("".join(names)) > _SHORT:
                    return False
                groups.append(inside)
            elif _is_unusual[kind]:
                return False
    return True


_is_unusual: Memo[type, bool] = Memo(
    lambda kind: kind is tuple or getattr(kind, "_kind", None) == _IDENTITY
)


def _of_event(path: str, event: Any) -> Iterator[Problem]:
    for key in ("event_name", "screen_name"):
        yield from _long(f"{path}.{key}", event._get(key), MAX_NAME, "name_too_long", "cuts")
    for key in _IDENTITIES:
        identity = event._get(key)
        if getattr(identity, "_kind", None) == _IDENTITY and is_nobodys(identity._get("identity")):
            yield _nobodys(f"{path}.{key}.identity", identity._get("identity"))
    action = event._get("action_identifier")
    yield from _long(f"{path}.action_identifier", action, MAX_ACTION_IDENTIFIER, "value_too_long")
    yield from _of_attributes(f"{path}.attributes", event.attributes or {})


def _of_attributes(path: str, attributes: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _long(path, attributes, MAX_ATTRIBUTES, "too_many_attributes")
    for name, value in attributes.items():
        entry = f"{path}[{name[:40]!r}]"
        yield from _long(path, name, MAX_NAME, "name_too_long", "cuts", f"the name of {entry}")
        if not isinstance(value, tuple):
            yield from _long(path, value, MAX_VALUE, "value_too_long", what=entry)
            continue
        yield from _long(path, value, MAX_LIST, "list_too_long", what=entry)
        for one in value:
            what = f"an entry of {entry}"
            yield from _long(path, one, MAX_LIST_ENTRY, "value_too_long", what=what)


def _long(
    place: str, value: Any, limit: int, kind: str, verb: str = "takes", what: str | None = None
) -> Iterator[Problem]:
    if isinstance(value, Sized) and len(value) > limit:
        does = f"cuts it at {limit}" if verb == "cuts" else f"takes {limit}"
        unit = "characters" if isinstance(value, str) else "entries"
        text = f"{what or place} has {len(value)} {unit}; mParticle {does}"
        yield Problem(kind, text, place=place)


# Who the user of a batch is


def identities(context: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield all that the user of a batch may be recognised by, as pairs of name and value.

    Args:
        context: of the batch, as plain data.
    """
    for _, name, value in _ids(context):
        if not is_nobodys(value):
            yield name, str(value)


def identifies_nobody(batch: Any) -> bool:
    """Return whether a batch has no id of a user or a device that is somebody's.

    >>> from mpfluent import Batch
    >>> identifies_nobody(Batch()), identifies_nobody(Batch.for_user(mpid=7))
    (True, False)
    """
    keys, values = batch._state
    if "user_identities" in keys and not _may_be_nobodys(keys, values):
        return False
    return all(is_nobodys(value) for _, _, value in _ids(plain_context(batch)))


def nobodys_ids(batch: Any) -> list[str]:
    """Return the ids of a batch that are nobody's, as they are written.

    >>> from mpfluent import Batch
    >>> nobodys_ids(Batch.for_user(customer_id="00000000"))
    ["customer_id='00000000'"]
    """
    ids = _ids(plain_context(batch))
    return [f"{name}={brief(value)}" for _, name, value in ids if is_nobodys(value)]


def plain_context(batch: Any) -> dict[str, Any]:
    """Return the context as plain data, as deep as ids stand in it."""
    return {
        key: dict(zip(value._keys, value._values))
        if isinstance(value, Frozen | FrozenMap)
        else value
        for key, value in zip(*batch._state)
    }


def is_nobodys(value: Any) -> bool:
    """Return whether an id says that there is none: zeros only, or a word for nothing.

    Programs write those where they know of no id, so that they are the same for all strangers.
    A single zero may well be the first row of somebody's table; as an mpid it is none.

    >>> is_nobodys("00000000-0000-0000-0000-000000000000"), is_nobodys("NaN"), is_nobodys("0")
    (True, True, False)
    """
    if type(value) is not str:
        return type(value) is int and value == 0
    if value[:1] not in _BEGINS_NOTHING:  # nearly always
        return False
    text = value.strip().casefold()
    return text in _NOTHING or ("00" in text and not text.strip(_ZEROS))


def _may_be_nobodys(keys: tuple[str, ...], values: tuple[Any, ...]) -> bool:
    """Return whether an id in this context may be nobody's: a few times as quick as to ask."""
    for place, is_single in _places_of_ids[keys]:
        ids = (values[place],) if is_single else values[place]._state[1]
        try:
            if _BEGINS_NOTHING.isdisjoint(map(_FIRST, ids)):
                continue  # nearly always
        except (TypeError, IndexError):  # a number, such as an mpid, or nothing at all
            pass
        if any(map(is_nobodys, ids)):
            return True
    return False


_FIRST = itemgetter(0)
_SINGLE_IDS = ("mpid", "mp_deviceid", "partner_identity")
_WITH_IDS = frozenset((*_SINGLE_IDS, "user_identities", "partner_identities", "device_info"))
_places_of_ids: Memo[tuple[str, ...], list[tuple[int, bool]]] = Memo(
    lambda keys: [(n, key in _SINGLE_IDS) for n, key in enumerate(keys) if key in _WITH_IDS]
)
_NOTHING = frozenset(("nan", "null", "none", "undefined"))
_ZEROS = "0-:.{}"
_BEGINS_NOTHING = frozenset(f"nNuU {_ZEROS}\t\r\n")


def _nobodys(place: str, value: Any) -> Problem:
    text = f"{place} is {brief(value)}, which is nobody's; leave it out"
    return Problem("nobodys_id", text, advice=True)


def _ids(context: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield the ids of a user: where they stand, their names and their values."""
    for name in _SINGLE_IDS:
        if context.get(name) is not None:
            yield "", name, context[name]
    for place in ("user_identities", "partner_identities"):
        for name, value in (context.get(place) or {}).items():
            yield f"{place}.", name, value
    for name, value in (context.get("device_info") or {}).items():
        if name.endswith(_DEVICE_IDS):
            yield "device_info.", name, value


_DEVICE_IDS = ("_id", "_idfv", "_uuid", "push_token")  # what names of a device's ids end with
