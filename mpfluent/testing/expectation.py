"""What ``assert_sent`` asks of an event and its batch, and in what way one is not that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, get_args

from ..builder.batch import Batch
from ..errors import InvalidValue, brief, unknown_field
from ..model.commerce import (
    ProductAction,
    ProductActionType,
    ProductImpression,
    PromotionAction,
    PromotionActionType,
)
from ..model.event import Event
from ..model.events import CommerceEvent
from ..model.user import UserIdentities
from ..sdk_names import called
from ..values.fields import Field, choice
from ..values.frozen import Frozen
from .event_names import names_of
from .matching import Fields, differences, matches, prepared, told


class Asked(NamedTuple):
    """What is asked of an event, of what was done with it, of the user and of the batch.

    Attributes:
        event: what it goes by, an event, a class or a matcher; None for any.
    """

    event: Any
    of_event: Fields
    of_action: Fields
    of_user: Fields
    of_batch: Fields

    @property
    def of_an_event(self) -> bool:
        """Whether anything is asked of an event, or only of its batch."""
        return self.event is not None or bool(self.of_event or self.of_action)


def _word(name: str, what: str, options: Iterable[object]) -> Field[Any]:
    field: Field[Any] = choice(what, tuple(map(str, options)))
    field.name = field.wire = name
    return field


_Known = Mapping[str, tuple[Field[Any], ...]]


def _by_name(records: Iterable[Any], *besides: Field[Any]) -> _Known:
    """Return the fields of records by our names and the wire's; one name may be of several."""
    found: dict[str, tuple[Field[Any], ...]] = {field.name: (field,) for field in besides}
    for record in records:
        for field in record._fields.values():
            for name in dict.fromkeys((field.name, field.wire)):
                others = found.get(name, ())
                if name not in _WORDS and all(field.of != other.of for other in others):
                    found[name] = (*others, field)
    return found


_EVENT_TYPE = _word("event_type", "an event type", Event._by_type)
_ACTION = _word(
    "action", "an action", (*get_args(ProductActionType), *get_args(PromotionActionType))
)
_WORDS = ("event_type", "action")
_MPID = Batch._fields["mpid"]
_OF_EVENT = _by_name(Event._by_type.values(), _EVENT_TYPE)
_OF_ACTION = _by_name((ProductAction, PromotionAction, ProductImpression), _ACTION)
_OF_USER = _by_name([UserIdentities], _MPID)
_OF_BATCH = {
    name: fields for name, fields in _by_name([Batch]).items() if name not in ("events", "mpid")
}
GROUPS = (_OF_EVENT, _OF_ACTION, _OF_USER, _OF_BATCH)
_MISNOMERS = {**UserIdentities._misnomers, **CommerceEvent._misnomers, "user": "customer_id"}


def asked_of(event: Any, attributes: Any, fields: Mapping[str, Any]) -> Asked:
    """Return what is asked, checked: a misspelt word must not read as "was not sent"."""
    groups = [Fields() for _ in GROUPS]
    given = fields if attributes is None else {"attributes": attributes, **fields}
    for name, value in given.items():
        for group, known in zip(groups, GROUPS):
            if name in known:
                field = _meant(known[name], value)
                group[field] = prepared("assert_sent", name, field, value)
                break
        else:
            names = ["event", "attributes", "times", *(name for known in GROUPS for name in known)]
            raise unknown_field("assert_sent()", name, names, called(name, _MISNOMERS, names))
    return Asked(_event(event), *groups)


def _meant(fields: tuple[Field[Any], ...], asked: Any) -> Field[Any]:
    """Return the field that can hold this: a user attribute, say, or an identity as a record."""
    nested = isinstance(asked, Mapping | Frozen)
    return next((field for field in fields if (field.of is not None) is nested), fields[0])


def _event(event: Any) -> Any:
    hint = None
    if isinstance(event, Batch):
        hint = "event=batch.events[0]"
    elif isinstance(event, Mapping):
        hint = "event=…, attributes={…}"
    elif isinstance(event, bool | int | float | list | tuple | set):
        hint = "event='Searched'"
    if hint is not None:
        raise InvalidValue(
            f"assert_sent(event={brief(event)}): want what an event goes by, or an event, "
            f"got {type(event).__name__}; write {hint}"
        )
    return event


def misnamed(asked: Any, event: Event) -> Iterable[str]:
    """Yield in what way an event is not the one that is asked for."""
    names = names_of(event)
    if asked is None:
        return
    if isinstance(asked, Event):
        if asked.event_type != event.event_type:
            yield f"event is {event.event_type}, not {asked.event_type}"
        else:
            set_ = Fields({type(asked)._wire[key]: value for key, value in zip(*asked._state)})
            yield from differences(set_, event, "")
    elif isinstance(asked, type) and issubclass(asked, Event):
        if not isinstance(event, asked):
            yield f"event is {type(event).__name__}, not {asked.__name__}"
    elif isinstance(asked, str):
        if asked not in names:
            yield f"event is {names[0]!r}, not {asked!r}"
    elif not matches(asked, names[0]):  # with one name only: a negation is true of some other
        yield f"event is {names[0]!r}, not {told(asked)}"


def _of_event(asked: Asked, event: Any) -> list[str]:
    fields = Fields(asked.of_event)
    found: list[str] = []
    if _EVENT_TYPE in fields:
        found += differences(fields.pop(_EVENT_TYPE), event.event_type, "event_type")
    found += differences(fields, event, "")
    if asked.of_action:
        product, promotion = event._get("product_action"), event._get("promotion_action")
        acts = [act for act in (product, promotion) if act is not None]
        acts += event._get("product_impressions") or ()
        tried = [list(differences(asked.of_action, act, "")) for act in acts]
        nearest = min(tried, key=len) if tried else [_NO_ACTION]
        found += nearest
    return found


_NO_ACTION = "event did nothing with products or promotions"


def unlike(asked: Asked, event: Event | None, batch: Batch) -> Iterator[str]:
    """Yield in what way an event and its batch are not what is asked, its name apart."""
    if event is not None:
        yield from _of_event(asked, event)
    if asked.of_user:
        user = batch.user_identities or UserIdentities()
        identities = Fields({key: each for key, each in asked.of_user.items() if key != _MPID})
        yield from differences(identities, user, "")
        if _MPID in asked.of_user:
            yield from differences(asked.of_user[_MPID], batch.mpid, "mpid")
    yield from differences(asked.of_batch, batch, "")
