"""What happens to a batch before it is accepted: sealed, filtered, checked, encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..builder.batch import Batch
from ..builder.sealed import SealedBatch
from ..errors import DeliveryError, InvalidBatch, InvalidValue, TooLarge, brief
from ..model.context import Environment
from ..utils.log import warn
from ..utils.typed import NamedTuple
from ..values.foreign import is_a, itself
from ..wire import body as wire
from ..wire.checks import check_historical, check_limits
from ..wire.limits import Problem, problems
from ..wire.seal import seal
from .data_plan import PlanCheck, nothing_left

BeforeSend = Callable[[Batch], Batch | None]

_LOGGED = "a batch has a problem of the kind %s%s, logged once; batch.problems() says more"


class Prepared(NamedTuple):
    """A batch as it was sealed, and its parts, or why it is dropped or refused.

    Attributes:
        batch: as it was sealed.
        parts: what it travels in, or the error.
        named: whether its caller chose its id, or before_send did.
        dropped: how much was taken out of it, because the data plan does not have it.
    """

    batch: Batch
    parts: tuple[wire.Part, ...] | DeliveryError | InvalidBatch
    named: bool
    dropped: int = 0


_prepared = partial(tuple.__new__, Prepared)  # which is called for each batch, as in wire/body


class Sealer(NamedTuple):
    """Makes what is sent of what a caller wrote, on the caller's line.

    Attributes:
        environment: for batches that name none.
        historical: whether they go to the historical endpoint.
        before_send: gets each sealed batch, and returns what to send, or None.
        now: returns Unix milliseconds.
        new_ids: returns so many new unique ids.
        hook_raised: is called if ``before_send`` raises, with it and the error.
        logged: the kinds of problems that were logged.
        planned: marks batches with the data plan, and checks them; None without one.
    """

    environment: Environment | None
    historical: bool
    before_send: BeforeSend | None
    now: Callable[[], int]
    new_ids: Callable[[int], list[str]]
    hook_raised: Callable[[object, BaseException], None]
    logged: set[str]
    planned: PlanCheck | None = None

    def prepared(
        self,
        batch: Batch,
        verb: str = "send",
        of_table: bool = False,
        own_id: str | None = None,
    ) -> Prepared:
        """Return a sealed batch and its parts, or why it is dropped; raise what is wrong.

        Args:
            batch: the batch.
            verb: of the client. ``send_all`` drops what does not fit a request, instead of raising.
            of_table: whether it comes from a row. What is over a limit is refused then, in
                production, too, and nothing is raised for it.
            own_id: for a batch that has none; without it, the id is a new one.
        """
        if type(batch) is not Batch:  # nearly never; to ask for a subclass takes longer
            if not issubclass(type(batch), Batch):
                batch = _own_batch(batch, verb)
            if isinstance(batch, SealedBatch):
                return self._split(batch, wire.encode(batch), True, verb, of_table)
        # all at once: to ask a NamedTuple for each takes up to twice as long
        environment, historical, before_send, now, new_ids, _, _, planned = self
        if environment is None and "environment" not in batch._state[0]:
            raise InvalidBatch(
                "the batch has no environment; write Client(…, environment='development') "
                "or batch.with_environment('development')"
            )
        unsealed = [batch]
        named = own_id is not None or "source_request_id" in batch._state[0]
        if planned is not None:
            batch = planned.marked(batch)
        sealed = seal(batch, now, new_ids, environment, own_id)
        if before_send is not None:
            kept = self._filtered(sealed, before_send)
            if isinstance(kept, DeliveryError):
                return Prepared(sealed, kept, named)
            unsealed.append(kept)
            named = named or kept.source_request_id not in (None, sealed.source_request_id)
            if planned is not None:
                kept = planned.marked(kept)
            sealed = seal(kept, now, new_ids, sealed.environment)
        dropped = 0
        strict = of_table or sealed._get("environment") == "development"
        try:
            if historical:
                for one in unsealed:
                    check_historical(one, now())
            if planned is not None:
                whole = sealed
                sealed, dropped = planned.checked(sealed, strict=strict)
                if historical and not sealed.events:
                    return Prepared(whole, nothing_left(whole), named)
            encoded = wire.encode(sealed)
            found = problems(sealed, encoded, historical, now())
            if found:
                self._refuse_or_log(found, strict=strict)
        except InvalidBatch as error:
            if not of_table:
                raise
            return Prepared(sealed, error, named)
        return self._split(sealed, encoded, named, verb, of_table, dropped)

    def _split(
        self,
        sealed: Batch,
        encoded: wire.Encoded,
        named: bool,
        verb: str,
        of_table: bool,
        dropped: int = 0,
    ) -> Prepared:
        """Return the parts of a sealed batch, or why it is refused."""
        try:
            return _prepared((sealed, wire.split(sealed, encoded), named, dropped))
        except TooLarge as error:  # one event is larger than a batch may be
            if of_table:
                return Prepared(sealed, error, named)
            if verb != "send_all":
                raise
            failure = DeliveryError(str(error), reason="too_large", batch=sealed)
            return Prepared(sealed, failure, named)

    def _filtered(self, sealed: Batch, hook: BeforeSend) -> Batch | DeliveryError:
        """Return what ``before_send`` makes of a batch, or why it is dropped."""
        try:
            kept = hook(sealed)
        except Exception as error:
            # What the hook was to take out may still be in: the batch must not leave.
            self.hook_raised(hook, error)
            why = f"before_send raised {type(error).__name__}; the batch was not sent"
            failure = DeliveryError(why, reason="filtered", batch=sealed)
            failure.__cause__ = error
            return failure
        kept = itself("before_send", kept, Batch)
        if kept is None:
            return DeliveryError("before_send dropped the batch", reason="filtered", batch=sealed)
        if not is_a(kept, Batch):
            raise InvalidValue(
                f"before_send returned {type(kept).__name__}: want a Batch, or None to drop it; "
                "write return batch"
            )
        return kept  # type: ignore[no-any-return]

    def _refuse_or_log(self, found: Sequence[Problem], *, strict: bool) -> None:
        """Raise what is over a documented limit, if it is strict; else log it once a kind."""
        if strict:
            check_limits(found)
        for kind, _, _, place in found:
            if kind not in self.logged:
                self.logged.add(kind)
                # the text of a problem can hold names from the batch, which no log may have
                where = f" at {place}" if place else ""
                warn(_LOGGED, kind, where, problem=kind, place=place or None)


# What the verbs of a client take, how an error shows it, and the line to write instead.
_WANTED = {
    "send": ("a Batch", "{}", "client.send(Batch.for_user(…).event(…))"),
    "send_all": ("batches", "[{}, …]", "Batch.for_user(…).event(…)"),
    "seal": ("a Batch", "{}", "client.seal(Batch.for_user(…).event(…))"),
    "to_curl": ("a Batch", "{}", "client.to_curl(batch)"),
}


def _own_batch(batch: Any, verb: str) -> Batch:
    """Return the batch that a proxy stands for."""
    batch = itself(verb, batch, Batch)
    if is_a(batch, Batch):
        return batch  # type: ignore[no-any-return]
    want, form, instead = _WANTED[verb]
    if verb == "send" and (is_a(batch, (list, tuple)) or hasattr(type(batch), "__next__")):
        instead = "client.send(*batches)"
    if verb == "send" and hasattr(type(batch), "_begin_run"):
        instead = "client.send_all(rows)"
    shown = f"{verb}({form.format(brief(batch))})"
    raise InvalidValue(f"{shown}: want {want}, got {type(batch).__name__}; write {instead}")
