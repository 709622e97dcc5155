"""A client's data plan, which it knows by a protocol only: batches are marked, and checked."""

from __future__ import annotations

import os
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar, cast

from ..builder.batch import Batch
from ..errors import ConfigurationError, DeliveryError, InvalidBatch, brief, closest
from ..model.context import DataPlanContext
from ..utils.log import warn
from ..utils.typed import NamedTuple

B = TypeVar("B", bound=Batch)

OnViolation = Literal["raise", "warn", "drop", "ignore"]

WORDS: tuple[OnViolation, ...] = typing.get_args(OnViolation)
_LOGGED = "a batch is not as its data plan says (%s) at %s, logged once; plan.validate() says more"
_LINE = 'data_plan=DataPlan.from_file("plan.json")'


class Finding(Protocol):
    """What of a batch is not as planned: a :class:`mpfluent.dataplan.Violation`."""

    @property
    def kind(self) -> str:
        """A word for it, such as "unplanned"."""
        ...

    @property
    def text(self) -> str:
        """What is there, and what to write, in a sentence."""
        ...

    @property
    def place(self) -> str:
        """Where it is, without any name from the batch."""
        ...

    @property
    def blocked(self) -> bool:
        """Whether the server's blocking would take it out."""
        ...


class Plan(Protocol):
    """What a client needs of a data plan: a :class:`mpfluent.dataplan.DataPlan`."""

    @property
    def plan_id(self) -> str | None:
        """Its id, if it is known."""

    @property
    def version(self) -> int | None:
        """The number of its version, if it is known."""

    def problems(self) -> Sequence[Any]:
        """Return what is wrong with the plan itself."""
        ...

    def validate(self, batch: Batch, /) -> Sequence[Any]:
        """Return what of a batch is not as planned; each is a :class:`Finding`."""
        ...

    def without_unplanned(self, batch: B, violations: Any = None, /) -> B:
        """Return the batch without what is unplanned."""
        ...


class PlanCheck(NamedTuple):
    """What a client does with its data plan.

    Attributes:
        plan: the data plan.
        on_violation: what happens to a batch that is not as planned; None raises in development,
            and warns in production.
        logged: the kinds of violations that were logged.
    """

    plan: Plan
    on_violation: OnViolation | None
    logged: set[str]

    def marked(self, batch: B) -> B:
        """Return the batch with the identity of the plan, if it names none."""
        plan_id = self.plan.plan_id
        context = batch._get("context")
        if plan_id is None or (context is not None and context.data_plan is not None):
            return batch
        return batch.with_data_plan(plan_id, self.plan.version)

    def checked(self, batch: B, *, strict: bool) -> tuple[B, int]:
        """Return what is sent of a sealed batch, and how much was taken out.

        Args:
            batch: the batch.
            strict: whether a violation raises, unless the client says what happens.

        Raises:
            InvalidBatch: it is not as planned.
        """
        action = self.on_violation or ("raise" if strict else "warn")
        if action == "ignore":
            return batch, 0
        found: Sequence[Finding] = self.plan.validate(batch)
        if not found:
            return batch, 0
        if action == "raise":
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            error = InvalidBatch(f"{found[0].text}{more}; plan.validate(batch) lists them all")
            error.is_unplanned = True
            raise error
        blocked = sum(violation.blocked for violation in found) if action == "drop" else 0
        if blocked:
            batch = self.plan.without_unplanned(batch, found)
        for violation in found:
            if violation.kind not in self.logged:
                self.logged.add(violation.kind)
                # the text of a violation can hold values of the batch, which no log may have
                warn(_LOGGED, violation.kind, violation.place, problem=violation.kind)
        return batch, blocked


def plan_check_of(data_plan: object, on_violation: OnViolation | None) -> PlanCheck | None:
    """Return what a client does with its data plan; None without one.

    Raises:
        ConfigurationError: it is no data plan, it is broken, no batch can name it, or there is no
            such action.
    """
    if on_violation is not None and on_violation not in WORDS:
        meant = closest(on_violation, WORDS)
        hint = f"did you mean {meant!r}?" if meant else f"write on_violation={WORDS[0]!r}"
        listed = ", ".join(map(repr, WORDS))
        raise ConfigurationError(
            f"Client(on_violation={brief(on_violation)}): want one of {listed}; {hint}"
        )
    if data_plan is None:
        if on_violation is not None:
            raise ConfigurationError(
                f"Client(on_violation={brief(on_violation)}): there is no data plan; write {_LINE}"
            )
        return None
    plan = plan_of("Client", data_plan)
    if plan.plan_id is not None:
        try:
            DataPlanContext(plan.plan_id, plan.version)
        except InvalidBatch:  # such as an id that has no UTF-8
            raise ConfigurationError(
                f"Client(data_plan=…): no batch can name the plan {brief(plan.plan_id)} with the "
                f"version {brief(plan.version)}; write another data_plan_id or version in its file"
            ) from None
    return PlanCheck(plan, on_violation, set())


def plan_of(where: str, data_plan: object) -> Plan:
    """Return a data plan that can be used.

    Args:
        where: the class that takes it, for errors.
        data_plan: as it was given.

    Raises:
        ConfigurationError: it is no data plan, or it is broken.
    """
    if isinstance(data_plan, type) or not hasattr(data_plan, "without_unplanned"):
        line = _LINE
        if isinstance(data_plan, str | os.PathLike):
            line = f"data_plan=DataPlan.from_file({str(data_plan)!r})"
        if isinstance(data_plan, Mapping):
            line = "data_plan=DataPlan.from_dict(…)"
        raise ConfigurationError(
            f"{where}(data_plan={brief(data_plan)}): want a DataPlan; write {line}"
        )
    plan: Any = data_plan
    broken = [problem for problem in plan.problems() if not problem.advice]
    if broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise ConfigurationError(
            f"{where}(data_plan=…): {broken[0].text}{more}; plan.problems() lists them all"
        )
    return cast("Plan", plan)


NOTHING_LEFT = "no event of the batch is planned; the historical endpoint takes none without"


def nothing_left(batch: Batch) -> DeliveryError:
    """Return why a batch is dropped of which no event is left."""
    return DeliveryError(NOTHING_LEFT, reason="filtered", batch=batch)
