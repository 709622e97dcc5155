"""Calls that wait, for code that must not: a thread makes them while the event loop goes on."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """Make a call in a thread, and await what it returns: in asyncio, and in trio.

    A task that is cancelled waits no longer; the call goes on. It gets a new thread. Those of the
    loop's executor may all be busy, and the loop waits for them when it ends.
    """
    trio = sys.modules.get("trio")  # only a program that uses it has loaded it
    if trio is not None and trio.lowlevel.in_trio_task():
        made: T = await trio.to_thread.run_sync(call, abandon_on_cancel=True)
        return made
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # from now on, cancelling ends the waiting only

    def make() -> None:
        try:
            future.set_result(call())
        # such as a hook's SystemExit: it is raised where the call is awaited
        except BaseException as error:
            future.set_exception(error)

    try:
        threading.Thread(target=make, name="mpfluent-waiting", daemon=True).start()
    except RuntimeError:  # too many threads: the call must be made all the same
        make()
    return await asyncio.wrap_future(future)
