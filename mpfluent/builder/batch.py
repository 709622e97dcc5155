"""The batch: what one user did, as one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Never, Self, TypeVar, Unpack

from ..encoding.json import parsed
from ..errors import Immutable, InvalidValue, UnknownField, brief, unknown_field, wrong_type
from ..model.device import DeviceFields
from ..model.event import Event
from ..model.history import events
from ..model.user import IdentityFields, UserIdentities
from ..utils.introspection import as_error_of_verb, expand_kwargs
from ..values.check_failed import checked_as
from ..values.code_cache import Memo
from ..values.fields import set_by
from ..values.foreign import is_a, itself
from ..values.validators import Instant, instant
from ..wire.limits import Problem, problems
from .base import Piped
from .context_verbs import ContextVerbs
from .event_verbs import EventVerbs
from .merge import JOINS, same_user, still_deleted
from .session import Session

if TYPE_CHECKING:
    from ..formatting.diff import Differences
    from ..formatting.preview import Preview


class _Unsaid:
    """Stands for an argument that was not given, where None is one; ``help()`` shows None."""

    def __repr__(self) -> str:
        return "None"


_UNSAID: Any = _Unsaid()


class Batch(EventVerbs, ContextVerbs, Piped, kind="Batch"):
    """What one user did: a context and a list of events, immutable.

    One grammar: ``for_*`` and ``from_*`` construct; ``with_*`` sets or merges context;
    ``without_*`` removes it; a bare verb appends one event; ``to_*`` exports. Every verb returns
    a new batch and leaves this one as it was, so any batch is also a template.

    >>> from mpfluent import Batch, Product
    >>> base = Batch.for_user(customer_id="123456").with_environment("development")
    >>> batch = base.event("Searched", {"query": "teapot"}).purchase(Product("sku-1"))
    >>> len(base.events), len(batch.events)
    (0, 2)
    """

    _server_set = frozenset(
        {
            "schema_version",
            "timestamp_unixtime_ms",
            "batch_id",
            "source_info",
            "api_key",
            "api_keys",
            "job_id",
            "origin_mpid",
            "modified",
            "system_notifications",
            "unique_id",
        }
    )

    events = set_by("add", events())

    def __init__(self, **unknown: Never) -> None:
        if unknown:
            raise unknown_field("Batch()", next(iter(unknown)), ())
        self._begin()

    # Constructing

    @classmethod
    @expand_kwargs
    def for_user(
        cls: type[B],
        user: UserIdentities | None = _UNSAID,
        /,
        *,
        mpid: int | None = _UNSAID,
        **identities: Unpack[IdentityFields],
    ) -> B:
        """Construct the batch of one user. None stands for what is not known, and stays unset.

        Args:
            user: a record, before the keywords.
            mpid: mParticle's own id of the user, a signed 64-bit integer.
            **identities: such as ``customer_id`` and ``email``; strings of at most 256
                characters, not blank.

        Raises:
            InvalidValue: nothing at all is given; a batch of nobody is ``Batch()``.

        >>> Batch.for_user(customer_id="123456", email="user@example.com").user_identities.email
        'user@example.com'
        """
        if user is _UNSAID and mpid is _UNSAID and not identities:
            raise InvalidValue(
                "for_user() needs to know who the user is; "
                "write Batch.for_user(customer_id=…), or Batch() for nobody"
            )
        user = None if user is _UNSAID else user
        mpid = None if mpid is _UNSAID else cls._checked("for_user", {"mpid": mpid})["mpid"]
        try:
            batch: B = _empty[cls]._with_record("user_identities", user, identities, "for_user")
        except UnknownField as error:
            if user is not None:
                raise
            raise as_error_of_verb(cls.for_user, error, UserIdentities._misnomers) from None
        return batch if mpid is None else batch._put("mpid", mpid)

    @classmethod
    @expand_kwargs
    def for_device(cls: type[B], **device: Unpack[DeviceFields]) -> B:
        """Construct the batch of a user who is known by a device.

        Raises:
            InvalidValue: nothing at all is given; a batch of nobody is ``Batch()``.

        >>> batch = Batch.for_device(ios_idfv="8c61383f-2216-4713-8c1c-1cb0a5d7a4cc")
        >>> batch.device_info.ios_idfv
        '8c61383f-2216-4713-8c1c-1cb0a5d7a4cc'
        """
        if not device:
            raise InvalidValue(
                "for_device() needs to know the device; "
                "write Batch.for_device(ios_idfv=…), or Batch() for nobody"
            )
        return cls._make((), ())._with_record("device_info", None, device, "for_device")

    # Composition

    def add(self: B, *events: Event | Session) -> B:
        """Append events, and the events of sessions, in order.

        >>> from mpfluent import AppEvent
        >>> len(Batch().add(AppEvent("Searched"), AppEvent("Found")).events)
        2
        """
        found: list[Event] = []
        for event in events:
            if issubclass(type(event), Event):
                found.append(event)  # type: ignore[arg-type]
            else:
                found += _events_of(event)
        return self._extended(found)

    def merge(self: B, other: Batch) -> B:
        """Join with another batch of the same user; ``+`` does the same.

        Events follow in order. Context is merged field by field, and the right side wins;
        consents go purpose by purpose, and a data plan or a location goes whole.

        Raises:
            MixedUsers: an identity or the mpid differs.

        >>> left = Batch.for_user(customer_id="123456").event("Searched")
        >>> right = Batch.for_user(email="user@example.com").event("Found")
        >>> [event.event_name for event in left.merge(right).events]
        ['Searched', 'Found']
        """
        other = itself("merge", other, Batch)
        if not is_a(other, Batch):
            raise wrong_type("merge", other, "a Batch", "add(event) for events")
        same_user(self, other)
        theirs = dict(zip(*other._state))
        base = self
        if "deleted_user_attributes" in theirs and base.user_attributes:
            base = base.without_user_attributes(*theirs["deleted_user_attributes"])
        changes: dict[str, Any] = {}
        for key, value in theirs.items():
            join, ours = JOINS.get(key), base._get(key)
            changes[key] = join(ours, value) if join and ours is not None else value
        if "user_attributes" in theirs and base.deleted_user_attributes:
            listed = changes.get("deleted_user_attributes", base.deleted_user_attributes)
            kept = still_deleted(listed, theirs["user_attributes"])
            changes["deleted_user_attributes"] = kept
        return base._with(changes)._extended(other._events())

    def __add__(self: B, other: Batch) -> B:
        """Join with another batch of the same user."""
        if not is_a(itself("merge", other, Batch), Batch):
            return NotImplemented
        return self.merge(other)

    def __replace__(self: B, **changes: Any) -> B:
        """Return a copy with these fields changed; ``copy.replace`` calls this from 3.13 on."""
        events = itself("replace", changes.pop("events", None), (list, tuple))
        new = self._with(self._checked("replace", changes))
        if events is None:
            return new
        if not is_a(events, (list, tuple)):
            write = "replace(events=[event])"
            raise wrong_type("replace", events, "a list of events", write, "events")
        return new._having(()).add(*events)

    @classmethod
    def _assemble(cls, set_: Mapping[str, Any]) -> Self:
        """Return what was read; an attribute that is set there is not deleted, too."""
        batch = super()._assemble(set_)
        listed, given = batch.deleted_user_attributes, batch.user_attributes
        if not listed or not given:
            return batch
        return batch._with({"deleted_user_attributes": still_deleted(listed, given)})

    @classmethod
    def _read_back(cls, body: bytes) -> Self:
        """Return what was sealed, with its numbers as they were written: the same bytes again."""
        from ..encoding import reader  # as from_json does: it loads marshmallow

        data = parsed(body, as_written=True)
        return reader.read(cls, data, unknown="ignore", where="from_json")

    # Looking

    def to_python(self) -> str:
        """Export as the chain of verbs that rebuilds this batch.

        After ``from mpfluent import *`` and ``from decimal import Decimal``, its ``eval`` is an
        equal batch. A batch of your own class is written with the verbs of ``Batch``.

        >>> captured = '{"mpid": 7, "events": [{"event_type": "first_run"}]}'
        >>> print(Batch.from_json(captured).to_python())
        Batch.for_user(mpid=7).first_run()
        """
        from ..formatting.python_code import chain, written  # seldom needed

        return written(chain(self, Batch(), Session.start))

    def problems(
        self, *, historical: bool = False, now: Instant | None = None
    ) -> tuple[Problem, ...]:
        """Return what mParticle's documented limits would reject or truncate, and advice.

        Args:
            historical: check for the historical endpoint.
            now: the time to tell old events by, as a moment; without it, they are not looked for.

        >>> print(Batch().event("x" * 300).problems()[0].text)
        events[0].event_name has 300 characters; mParticle cuts it at 256
        """
        from ..wire.body import encode
        from ..wire.seal import wire_size

        if now is not None:
            now = checked_as(instant, "problems", "now", now)
        error = wire_size(self).error
        too_large = () if error is None else (Problem("too_large", str(error)),)
        return (*problems(self, encode(self), historical=historical, now=now), *too_large)

    def preview(self, *, historical: bool = False) -> Preview:
        """Return what this batch will be when it is sent; it prints as text.

        That is its JSON, its size on the wire against the limit, what will be stamped, and what
        ``problems`` finds.

        Args:
            historical: check for the historical endpoint.

        >>> Batch.for_user(mpid=7).with_environment("development").first_run().preview()
        {
          "environment": "development",
          "mpid": 7,
          "events": [
            {
              "event_type": "first_run",
              "data": {}
            }
          ]
        }
        241 of 128,000 bytes on the wire
        stamped when it is sent: source_request_id, source_message_id, timestamp_unixtime_ms
        no problems
        """
        from ..formatting.preview import preview

        return preview(self, historical=historical)

    def diff(self, other: Batch) -> Differences:
        """Return what changes from this batch to another, place by place.

        Args:
            other: what this batch is compared with.

        >>> trial = Batch.for_user(mpid=7).with_user_attributes(plan="trial").event("Searched")
        >>> trial.diff(trial.with_user_attributes(plan="pro").event("Found"))
        user_attributes['plan']: 'trial' -> 'pro'
        events[1]: added custom_event 'Found'
        """
        from ..formatting.diff import differences

        other = itself("diff", other, Batch)
        if not is_a(other, Batch):
            instead = "Batch.from_dict(…)" if is_a(other, Mapping) else "other_batch"
            raise wrong_type("diff", other, "a Batch", f"diff({instead})")
        return differences(self, other)

    def _summary(self) -> tuple[Any, ...]:
        from ..formatting.summary import context
        from ..wire.seal import wire_size

        where = f" {self.environment}" if self.environment else ""
        return f"Batch{where}, {wire_size(self)}", context(self), self._events()

    if not TYPE_CHECKING:

        def __setattr__(self, name, value):
            raise _immutable(type(self), name)

        def __setitem__(self, key, value):
            raise _immutable(type(self), key)


B = TypeVar("B", bound=Batch)


def _immutable(cls: type[Batch], name: Any) -> Immutable:
    """Return the error for an assignment: it says which verb does that."""
    field = cls._fields.get(name) if isinstance(name, str) else None
    if field is not None:
        inside = field.of._fields.values() if field.kind.name == "record" else ()
        verb = next((each.verb for each in (field, *inside) if each.verb), None)
        line = f"{verb}(…)" if verb else f"merge(Batch.from_dict({{{name!r}: …}}))"
    elif not isinstance(name, str):
        line = "add(event)"
    elif name.isidentifier() and not iskeyword(name):
        line = f"with_user_attributes({name}=…)"
    else:
        line = f"with_user_attributes({{{brief(name)}: …}})"
    return Immutable(f"Batch is immutable; write batch = batch.{line}")


def _events_of(added: Any) -> tuple[Event, ...]:
    """Return the events of a session, or the one that a proxy stands for."""
    added = itself("add", added, Session)
    if is_a(added, Session):
        return added.events  # type: ignore[no-any-return]
    if is_a(added, Event):
        return (added,)
    hint = "add(AppEvent('Name'))"
    if is_a(added, Batch):
        hint = "merge(batch)"
    elif is_a(added, (list, tuple)):
        hint = "add(*events)"
    raise wrong_type("add", added, "an event or a session", hint)


_empty: Memo[type[Batch], Any] = Memo(lambda cls: cls._make((), ()))  # what for_user begins with
