"""What happens to a process: it ends, or it forks.

One hook for the end, one for a fork, whatever the number of clients; none before the first send.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import NamedTuple, Protocol

from ..utils.log import warn


class Left(NamedTuple):
    """What was not delivered when the process ended."""

    failed: int = 0
    kept: int = 0


class Watched(Protocol):
    """A dispatcher that has something to do when the process ends or forks."""

    exit_timeout: float

    def start_flush(self) -> None:
        """Begin to deliver all that waits."""
        ...

    def finish(self, timeout: float) -> Left:
        """Wait for it; then settle what is left, and return how much it was.

        Args:
            timeout: seconds; below 0 where the time for all is over since then.
        """
        ...

    def has_pending(self) -> bool:
        """Return whether something waits here to be delivered."""
        ...

    def leads_to(self, place: object) -> bool:
        """Return whether something waits here to go to a transport, or to a server's ``url``."""
        ...


_watched: dict[int, Watched] = {}
_pid: int | None = None  # of the process that they are of
_hooked = False
ending = False
"""Whether the process ends, so that nothing is left to the background any more."""


def watch(one: Watched) -> None:
    """See to it that this one is told of the end, and of a fork."""
    global _watched, _pid, _hooked
    if _pid != os.getpid():  # the first one here; after a fork the others are the parent's
        _hook_child_of_multiprocessing()
        _watched, _pid = {}, os.getpid()
    _watched[id(one)] = one
    if not _hooked:
        in_subinterpreter()  # it imports, which a worker must not when the process forks
        atexit.unregister(at_end)  # where Ctrl-C came after it, the next one begins anew
        atexit.register(at_end)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_in_child)
        _hooked = True  # last; hooks are inherited by forked children


def forget(one: Watched) -> None:
    """Tell this one nothing any more."""
    _watched.pop(id(one), None)


@cache
def in_subinterpreter() -> bool:
    """Return whether this is an interpreter beside the main one.

    CPython aborts the process where such a one ends and a thread of it goes on.
    """
    for name in "_interpreters", "_xxsubinterpreters":  # since Python 3.13, and before
        with suppress(ImportError):
            interpreters = import_module(name)
            return bool(interpreters.get_current() != interpreters.get_main())
    return False


def anything_pending() -> bool:
    """Return whether anything waits in the background, wherever it will go."""
    return any(one.has_pending() for one in list(_watched.values()))


def leads_to(place: object) -> bool:
    """Return whether anything waits in the background to go to a transport, or to a server."""
    return any(one.leads_to(place) for one in list(_watched.values()))


def _in_child() -> None:
    """Watch nothing of the parent's.

    No lock is taken or made in this hook: a server may give the child other locks (those of
    gevent) only after it. Who first uses a client here makes them, by ``check_process``.
    """
    global _watched
    _watched = {}


def _hook_child_of_multiprocessing() -> None:
    """Its children leave without ``atexit``, by a way of their own."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, at_end, exitpriority=100)


def at_end() -> None:
    """Deliver what waits, within one budget for all; say how much was not."""
    global ending
    if _pid != os.getpid():
        return
    ending = True
    watched = list(_watched.values())
    if not watched:
        return
    until = time.monotonic() + max(one.exit_timeout for one in watched)
    for one in watched:
        one.start_flush()
    left: list[Left] = []
    first: BaseException | None = None
    for one in watched:
        try:
            left.append(one.finish(0 if first else until - time.monotonic()))
        except BaseException as error:  # such as Ctrl-C, or a hook that exits
            first = first or error
    _tell(left)
    if first is not None:
        raise first


def _tell(left: list[Left]) -> None:
    failed, kept = sum(each.failed for each in left), sum(each.kept for each in left)
    if failed:
        warn("%d batches not delivered when the process ended, and lost", failed, batches=failed)
    if kept:
        text = "%d batches not delivered when the process ended, and kept in the outbox"
        warn(text, kept, batches=kept)
