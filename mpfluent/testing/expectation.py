"""What ``assert_sent`` expects of an event and its batch, and how one that was sent differs."""

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
from ..values import validators
from ..values.fields import Field
from ..values.frozen import Frozen
from .event_names import names_of
from .matching import Fields, differences, matches, prepared, shown


class Expectation(NamedTuple):
    """What is expected of an event, of its product or promotion action, of the user, of the batch.

    Attributes:
        event: a name, an event, a class or a matcher; None for any event.
    """

    event: Any
    of_event: Fields
    of_action: Fields
    of_user: Fields
    of_batch: Fields

    @property
    def of_an_event(self) -> bool:
        """Whether anything is expected of an event, or only of its batch."""
        return self.event is not None or bool(self.of_event or self.of_action)


def _word(name: str, what: str, options: Iterable[object]) -> Field[Any]:
    field: Field[Any] = Field("choice", validators.choice(what, tuple(map(str, options))))
    field.name = field.wire = name
    return field


_Known = Mapping[str, tuple[Field[Any], ...]]


def _by_name(records: Iterable[Any], *besides: Field[Any]) -> _Known:
    """Return the fields of records by our name and the wire's; several may have the same name."""
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
_WORDS = ("event_type", "action")  # compared as words, in place of the fields of these names
_MPID = Batch._fields["mpid"]
_OF_EVENT = _by_name(Event._by_type.values(), _EVENT_TYPE)
_OF_ACTION = _by_name((ProductAction, PromotionAction, ProductImpression), _ACTION)
_OF_USER = _by_name([UserIdentities], _MPID)
_OF_BATCH = {
    name: fields for name, fields in _by_name([Batch]).items() if name not in ("events", "mpid")
}
# In this order a keyword is looked up: a name of an event and of the batch is the event's.
GROUPS = (_OF_EVENT, _OF_ACTION, _OF_USER, _OF_BATCH)
_MISNOMERS = {**UserIdentities._misnomers, **CommerceEvent._misnomers, "user": "customer_id"}


def expectation_of(event: Any, attributes: Any, fields: Mapping[str, Any]) -> Expectation:
    """Return what is expected, checked: a misspelt name must not look like "was not sent"."""
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
    return Expectation(_event(event), *groups)


def _meant(fields: tuple[Field[Any], ...], expected: Any) -> Field[Any]:
    """Return the field that can hold an expected value: a field of text or a record, say."""
    nested = isinstance(expected, Mapping | Frozen)
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
            f"assert_sent(event={brief(event)}): want an event, or its name, verb or type, "
            f"got {type(event).__name__}; write {hint}"
        )
    return event


def name_differences(expected: Any, event: Event) -> Iterable[str]:
    """Yield how the name or the type of an event differs from the expected one."""
    names = names_of(event)
    if expected is None:
        return
    if isinstance(expected, Event):
        if expected.event_type != event.event_type:
            yield f"event is {event.event_type}, not {expected.event_type}"
        else:
            set_ = Fields(
                {type(expected)._wire[key]: value for key, value in zip(*expected._state)}
            )
            yield from differences(set_, event, "")
    elif isinstance(expected, type) and issubclass(expected, Event):
        if not isinstance(event, expected):
            yield f"event is {type(event).__name__}, not {expected.__name__}"
    elif isinstance(expected, str):
        if expected not in names:
            yield f"event is {names[0]!r}, not {expected!r}"
    elif not matches(expected, names[0]):  # only one name: a negation would match another one
        yield f"event is {names[0]!r}, not {shown(expected)}"


def _of_event(expected: Expectation, event: Any) -> list[str]:
    fields = Fields(expected.of_event)
    found: list[str] = []
    if _EVENT_TYPE in fields:
        found += differences(fields.pop(_EVENT_TYPE), event.event_type, "event_type")
    found += differences(fields, event, "")
    if expected.of_action:
        product, promotion = event._get("product_action"), event._get("promotion_action")
        acts = [act for act in (product, promotion) if act is not None]
        acts += event._get("product_impressions") or ()
        tried = [list(differences(expected.of_action, act, "")) for act in acts]
        nearest = min(tried, key=len) if tried else [_NO_ACTION]
        found += nearest
    return found


_NO_ACTION = "event has no product action, promotion action or impression"


def field_differences(expected: Expectation, event: Event | None, batch: Batch) -> Iterator[str]:
    """Yield how the fields of an event and its batch differ from the expected ones."""
    if event is not None:
        yield from _of_event(expected, event)
    if expected.of_user:
        user = batch.user_identities or UserIdentities()
        identities = Fields({key: each for key, each in expected.of_user.items() if key != _MPID})
        yield from differences(identities, user, "")
        if _MPID in expected.of_user:
            yield from differences(expected.of_user[_MPID], batch.mpid, "mpid")
    yield from differences(expected.of_batch, batch, "")
