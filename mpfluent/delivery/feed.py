"""What ``send_all`` reads: batches, and who wants to know the outcome of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from ..errors import InvalidBatch
from .outcome import Outcome
from .stats import Traffic

R_co = TypeVar("R_co", covariant=True)


class Feed(Protocol[R_co]):
    """A table of batches that can be sent: ``send_all`` begins a run of it."""

    def _begin_run(self, environment: str | None, api_key: str) -> Run[R_co]:
        """Return a run.

        Args:
            environment: the client's, for batches that name none.
            api_key: the fingerprint of the client's API key.
        """
        ...


class Run(Protocol[R_co]):
    """One sending of a table. ``send_all`` enters it, reads it, and leaves it whatever happens."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def close(self) -> None:
        """Let go of what it holds, where Ctrl-C came as ``send_all`` entered or left it."""

    def batches(
        self, tick: Callable[[], None] | None = None
    ) -> Iterator[tuple[Any, str | None, Any]]:
        """Yield each batch, an id if it has none of its own, and a token, which stands for it.

        Args:
            tick: called often, also where no batch comes for a long time.
        """
        ...

    def refused(self, token: Any, error: InvalidBatch) -> None:
        """Note that a batch is over a limit and is not sent; before the next one is read."""

    def settled(self, token: Any, outcome: Outcome) -> None:
        """Note the outcome of a batch: from any thread, and maybe again for the same one."""

    def save(self) -> None:
        """Keep how far it came; raise what went wrong in another thread."""

    def wait(self, timeout: float) -> bool:
        """Wait until each batch that was yielded has an outcome; return whether all have."""
        ...

    def report(self, batches: int, traffic: Traffic) -> R_co:
        """Return the report until now.

        Args:
            batches: how many were accepted.
            traffic: the client's requests meanwhile.
        """
        ...
