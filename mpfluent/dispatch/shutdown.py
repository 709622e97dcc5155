"""What dispatchers do when the process ends, or forks.

There is one hook for the end and one for a fork, whatever the number of clients; none before the
first send.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from ..utils.log import batch_count, warn

if TYPE_CHECKING:
    from .threaded import ThreadedDispatcher


# No lock guards these: each is replaced by one assignment, and a lock could be held in a fork.
_watched: dict[int, ThreadedDispatcher] = {}  # those with work, by identity
_pid: int | None = None  # of the process that these belong to
_hooked = False
ending = False
"""Whether the process ends, so that nothing is left to the background any more."""


def watch(one: ThreadedDispatcher) -> None:
    """Let this one finish its work when the process ends."""
    global _watched, _pid, _hooked
    if _pid != os.getpid():  # the first one here; after a fork the others are the parent's
        _hook_child_of_multiprocessing()
        _watched, _pid = {}, os.getpid()
    _watched[id(one)] = one
    if not _hooked:
        in_subinterpreter()  # it imports, which a worker must not when the process forks
        atexit.unregister(at_end)  # Ctrl-C may have come between these lines the last time
        atexit.register(at_end)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_in_child)
        _hooked = True  # last, for the same reason; a forked child inherits the hooks


def forget(one: ThreadedDispatcher) -> None:
    """Do nothing for this one any more: it has no work, or is closed."""
    _watched.pop(id(one), None)


@cache
def in_subinterpreter() -> bool:
    """Return whether this is an interpreter beside the main one.

    CPython aborts the process if such an interpreter ends while a thread of it goes on.
    """
    for name in "_interpreters", "_xxsubinterpreters":  # since Python 3.13, and before
        with suppress(ImportError):  # the other version's name, or another implementation
            interpreters = import_module(name)
            return bool(interpreters.get_current() != interpreters.get_main())
    return False


def anything_pending() -> bool:
    """Return whether anything waits in the background, wherever it will go."""
    return any(one.has_pending() for one in list(_watched.values()))


def sends_to(target: object) -> bool:
    """Return whether anything waits in the background to go to a transport, or to a server."""
    return any(one.sends_to(target) for one in list(_watched.values()))


def _in_child() -> None:
    """Watch nothing of the parent's.

    This hook takes and makes no lock: a server may replace the child's locks by those of gevent
    after it. The first use of a client in the child makes them, in ``check_process``.
    """
    global _watched
    _watched = {}


def _hook_child_of_multiprocessing() -> None:
    """Finish at the end of a child of multiprocessing, too: it ends without ``atexit``."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        from multiprocessing.util import Finalize

        # 100: before multiprocessing closes its pools and queues, which have 15 and less
        Finalize(None, at_end, exitpriority=100)


def at_end() -> None:
    """Deliver what waits, within one budget for all; log how much was not."""
    global ending
    if _pid != os.getpid():
        return
    ending = True
    watched = list(_watched.values())
    until = time.monotonic() + max((one.exit_timeout for one in watched), default=0.0)
    for one in watched:
        one.send_now()
    left: list[tuple[int, int]] = []
    first: BaseException | None = None
    for one in watched:
        try:
            left.append(one.finish(0 if first else until - time.monotonic()))
        except BaseException as error:  # such as Ctrl-C, or a hook that exits: no more waiting
            first = first or error
    for where, counts in zip(("lost", "kept in the outbox"), zip(*left)):
        if count := sum(counts):
            text = "%s not delivered when the process ended, and %s"
            warn(text, batch_count(count), where, batches=count)
    if first is not None:
        raise first
