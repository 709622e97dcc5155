"""Which exception a signal handler raised: an error of sending may wrap it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import CodeType
from typing import Any


def linked(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors inside it: causes, contexts and arguments; outermost first."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def of_handler(error: BaseException) -> BaseException | None:
    """Return the exception that a signal handler raised: this one, or one inside it; else None."""
    from traceback import walk_tb  # here: errors are rare

    handlers = _handlers()
    for one in linked(error):
        # urllib3 gives a wrapper the traceback of the error inside it
        wraps = any(isinstance(arg, BaseException) for arg in one.args)
        frames = () if wraps else walk_tb(one.__traceback__)
        if any(frame.f_code in handlers for frame, _ in frames):
            return one
    return None


def _handlers() -> set[CodeType]:
    """Return the code of the signal handlers that are in force."""
    import signal

    found: set[CodeType] = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while isinstance(handler, partial):
            handler = handler.func
        if callable(handler):  # not SIG_DFL, SIG_IGN, or one that C code has set
            for function in (handler, type(handler).__call__):  # an object may be one
                code = getattr(getattr(function, "__func__", function), "__code__", None)
                if isinstance(code, CodeType):
                    found.add(code)
    return found
