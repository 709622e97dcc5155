"""Clients that are interrupted in the midst of what they do, for a process of its own.

``python interrupting.py sweep MODES SIGNALS`` interrupts each deed at so many bytecodes,
spread over all of it, and always the same ones. It does so in each mode; there are commas between
them. ``… soak MODE DEED SIGNALS SEED`` lets a timer send that many, after random times. The
handler raises, and the tracebacks are kept, as a prompt keeps them. Prints what it found as one
line of JSON.
"""

import ctypes
import faulthandler
import itertools
import json
import logging
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
import weakref
from collections import Counter, deque
from contextlib import closing

import mpfluent
from mpfluent import (
    Batch,
    Client,
    FunctionTransport,
    HandOverDispatcher,
    Outbox,
    RateLimit,
    Response,
    Retry,
    ThreadedDispatcher,
)
from mpfluent.utils import log

PACKAGE = os.path.dirname(mpfluent.__file__)
SOON = 20.0  # seconds after which what has not ended hangs
ACCEPTED = Response(202)
BATCHES = [Batch.for_user(customer_id=str(number)).event("x") for number in range(9)]


class TimeLimit(Exception):
    """As job queues raise it."""


def no_thread(work):
    raise RuntimeError("can't start new thread")


def dropped(batch):
    return None if batch.user_identities.customer_id == "2" else batch


# by mode: options of the dispatcher, or None for the synchronous one
MODES = {
    "sync": None,
    "filtered": None,
    "handing over": None,
    "paced": None,
    "paced together": None,
    "threaded": {},
    "threaded paced": {},
    "workers": {"workers": 3},
    "blocking": {"max_queue": 1},
    "dropping": {"max_queue": 1, "when_full": "drop_oldest"},
    "raising": {"when_full": "raise"},
    "coalescing": {"coalesce": True},
    "inline": {"start": no_thread},
    "outbox": {"outbox": True},
    "outbox inline": {"outbox": True, "start": no_thread},
    "outbox overflowing": {"outbox": True, "max_queue": 1},
    "outbox raising": {"outbox": True, "when_full": "raise"},
}


class World:
    """A client, and all that it said."""

    def __init__(self, mode, folder):
        self.reported = Counter()
        self.called = Counter()
        self.deliveries = []
        options = MODES[mode]
        self.path = None
        if options is not None:
            options = {"flush_interval": 0.001, **options}
            if options.get("outbox"):
                self.path = os.path.join(folder, "outbox.db")
                options["outbox"] = Outbox(self.path)
            options = ThreadedDispatcher(**options)
        if mode == "handing over":
            options = HandOverDispatcher(lambda job: None)
        pace = None
        if "paced" in mode:
            shared = os.path.join(folder, "rate.limit") if mode == "paced together" else None
            pace = RateLimit(1000, burst=1, shared=shared)
        self.client = Client(
            "key",
            "secret",
            environment="development",
            transport=FunctionTransport(lambda request: ACCEPTED),
            dispatcher=options,
            before_send=dropped if mode == "filtered" else None,
            rate_limit=pace,
            retry=Retry(max_elapsed=SOON),
            on_delivered=self.note,
            on_failed=self.note,
        )

    def note(self, batch, outcome):
        self.reported[batch.source_request_id] += 1

    def settled(self, delivery):
        self.called[id(delivery)] += 1
        self.deliveries.append(delivery)  # so that no other one has its identity

    def send(self, *batches):
        return self.client.send(*batches, callback=self.settled)

    def law(self):
        """Return what is wrong with the counts of this moment."""
        counts = self.client._counters.snapshot()
        settled = counts.delivered + counts.failed + counts.handed_over
        right = counts.submitted == settled + counts.pending
        return [] if right and counts.pending >= 0 else [f"law: {counts[:4]}"]

    def calm(self):
        """Return what is wrong when nothing is under way any more."""
        wrong = []
        if not self.client.flush(SOON):
            wrong.append(f"flush says no: {self.client.stats[:4]}")
        if self.client.stats.pending:
            wrong.append(f"pending: {self.client.stats[:4]}")
        return wrong + self.law()

    def end(self, lost):
        """Close, and return what is wrong; ``lost`` calls of hooks never began or ended."""
        wrong = []
        report = self.client.close(SOON)
        if report.left or self.client.close() != report:
            wrong.append(f"left: {report}, {self.client.close()}")
        counts = self.client.stats
        reported = sum(self.reported.values())
        ended = counts.delivered + counts.failed
        if not ended - lost <= reported <= ended:
            wrong.append(f"reported {reported} of {counts[:4]}")
        if max([*self.reported.values(), *self.called.values(), 0]) > 1:
            wrong.append("reported twice")
        if any(delivery.state == "pending" for delivery in self.deliveries):
            wrong.append("a delivery is pending")
        if self.path is not None:
            with closing(sqlite3.connect(self.path)) as connection:
                rows = connection.execute("SELECT COUNT(*) FROM rows").fetchone()[0]
            if rows:
                wrong.append(f"{rows} rows left")
        return wrong + self.law()


# What is raised here Python hands on to nobody: callbacks of weak references are of WeakSet, of
# WeakKeyDictionary (``remove``, a name that we have, too), of the locks of imports, and of what
# forgets the source of generated code.
UNRAISABLE = ("__del__", "_remove", "cb")
WEAKREFS = (weakref.__file__, "<frozen importlib._bootstrap>")
FINALIZER = weakref.finalize.__call__.__code__

# Foreign code, and what is called for it: nobody can know what raised there.
FOREIGN = {
    one.__code__
    for one in (
        World.note,
        World.settled,
        dropped,
        FunctionTransport.send,
        FunctionTransport.close,
        log.warn,
    )
}

# by name: what comes before a deed, and the deed
DEEDS = {
    "send": (lambda world: None, lambda world: world.send(BATCHES[0])),
    "send of several": (
        lambda world: world.send(BATCHES[1]),
        lambda world: world.send(BATCHES[0], BATCHES[2], BATCHES[3]),
    ),
    "flush": (
        lambda world: world.send(BATCHES[1], BATCHES[4]),
        lambda world: world.client.flush(SOON),
    ),
    "close": (
        lambda world: world.send(BATCHES[1], BATCHES[4]),
        lambda world: world.client.close(SOON),
    ),
    "wait": (lambda world: None, lambda world: world.send(BATCHES[1]).wait(SOON)),
    "open": (lambda world: None, lambda world: world.send(BATCHES[1])),  # of a client that is new
}


class Interrupts:
    """A signal's handler that raises, while a deed is being done."""

    def __init__(self):
        self.kind = KeyboardInterrupt
        self.armed = False
        self.again = 0.0  # seconds after which a second one comes, if one does
        self.number = 0
        self.in_hook = 0  # signals of this deed that came in foreign code
        self.unraisable = False  # where Python itself lets nothing out: in what weakrefs call
        self.kept = deque(maxlen=100)  # exceptions, and so tracebacks and all that they hold
        for number in (signal.SIGINT, signal.SIGALRM):
            signal.signal(number, self)

    def __call__(self, number, frame):
        sys.settrace(None)
        if not self.armed:
            return
        self.number += 1
        after, self.again = self.again, 0.0
        calls = []
        in_hook = False
        while frame is not None:
            in_hook |= frame.f_code in FOREIGN
            code = frame.f_code
            called_by_weakref = code.co_name == "remove" and code.co_filename in WEAKREFS
            self.unraisable |= called_by_weakref or code.co_name in UNRAISABLE or code is FINALIZER
            calls.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
            frame = frame.f_back
        self.in_hook += in_hook
        self.where = " ".join(reversed(calls[:4]))
        self.armed = after > 0
        if after:  # in the midst of what the first one has left to be done, and not of this
            signal.setitimer(signal.ITIMER_REAL, after)
        raise self.kind

    def during(self, deed, *arguments):
        """Do a deed; return what is wrong with what it raised."""
        before, self.in_hook, self.unraisable = self.number, 0, False
        raised = None
        try:
            try:
                self.armed = True
                deed(*arguments)
                time.sleep(0)  # a signal that came is handled here at the latest
            finally:
                self.armed = False
        except BaseException as error:
            self.armed = False  # a second one may have come in between
            raised = sys.last_exc = error
            self.kept.append(error)
        came = self.number > before
        is_known = not (self.in_hook and self.kind is TimeLimit)
        if came and is_known and not self.unraisable and type(raised) is not self.kind:
            return [f"{self.kind.__name__} at {self.where} came out as {raised!r}"]
        if not came and raised is not None:
            return [f"{raised!r} came out of nothing"]
        return []


# The same bytecodes each time. The signal is noted by a C function, and none of Python traces any
# more: so the handler runs just where CPython would run it, and nowhere else.

_POINTERS = [ctypes.py_object] * 3
_interrupt = ctypes.PYFUNCTYPE(None, *_POINTERS)(("PyErr_SetInterrupt", ctypes.pythonapi))
_nothing = ctypes.PYFUNCTYPE(None, *_POINTERS)(("Py_IsInitialized", ctypes.pythonapi))


class Countdown:
    """Lets a signal come at the n-th bytecode of the package that is executed."""

    def __init__(self, number):
        self.left = number

    def enter(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace = self.step  # first: Python 3.13 looks at it when it takes the next line
        frame.f_trace_opcodes = True
        return self.step

    def step(self, frame, event, argument):
        self.left -= event == "opcode"
        if self.left > 0 or event != "opcode":
            return self.step
        above = frame.f_back
        while above is not None:
            above.f_trace, above = None, above.f_back
        sys.settrace(_nothing)
        return _interrupt


def once(interrupts, mode, deed, number):
    """Interrupt a deed at one bytecode; return how many were left, and what is wrong then."""
    before, act = DEEDS[deed]
    countdown = Countdown(number)
    interrupts.kind = (KeyboardInterrupt, TimeLimit)[number % 2]
    with tempfile.TemporaryDirectory() as folder:
        world = World(mode, folder)
        if deed != "open":
            world.send(BATCHES[7])
            world.client.flush(SOON)
        before(world)

        def traced():
            sys.settrace(countdown.enter)
            act(world)
            sys.settrace(None)

        wrong = interrupts.during(traced) + world.law()
        sys.settrace(None)
        in_hook = interrupts.in_hook
        if deed != "close":
            delivery = world.send(BATCHES[8])
            if not delivery.wait(SOON):
                wrong.append(f"the next delivery is {delivery.state}")
            wrong += world.calm()
        return countdown.left, wrong + world.end(lost=in_hook)


def sweep(modes, signals):
    interrupts, found, counts = Interrupts(), [], Counter()
    for mode, deed in itertools.product(modes, DEEDS):
        before = interrupts.number
        left, wrong = once(interrupts, mode, deed, 10**9)
        found += [f"{mode}, {deed}, uninterrupted: {one}" for one in wrong]
        length = 10**9 - left
        for number in range(1, length, max(1, length // signals)):
            faulthandler.dump_traceback_later(3 * SOON, exit=True)
            _, wrong = once(interrupts, mode, deed, number)
            found += [f"{mode}, {deed}, {number} of {length}: {one}" for one in wrong]
        counts[mode] += interrupts.number - before
    return {"signals": counts, "wrong": found}


# Random ones


def timed(act, world, seconds):
    signal.setitimer(signal.ITIMER_REAL, seconds)
    act(world)


def soak(mode, deed, signals, seed):
    interrupts, chance = Interrupts(), random.Random(seed)
    before, act = DEEDS[deed]
    wrong, most_pending, over = [], 0, False
    duration = 0.0003
    folder = tempfile.TemporaryDirectory()
    world = World(mode, folder.name)
    # All is imported: an interrupt within an import may leave Python's lock of imports held, and on
    # 3.13 a thread takes it even where the collector forgets a module's.
    world.send(BATCHES[7])
    world.client.flush(SOON)
    lost = 0

    def watch():
        nonlocal most_pending
        while not over:
            wrong.extend(world.law())
            most_pending = max(most_pending, world.client._counters.snapshot().pending)
            time.sleep(0.001)

    threading.Thread(target=watch, daemon=True).start()
    rounds = 0
    began = time.monotonic()
    while interrupts.number < signals:
        rounds += 1
        faulthandler.dump_traceback_later(2 * SOON, exit=True)
        if deed != "send of several":
            before(world)
        interrupts.kind = chance.choice((KeyboardInterrupt, TimeLimit))
        interrupts.again = chance.choice((0.0, 0.0, chance.uniform(1e-6, 3e-4)))
        at = time.perf_counter()
        wrong += interrupts.during(timed, act, world, chance.uniform(1e-6, 1.2 * duration))
        duration += 0.05 * (max(2e-5, time.perf_counter() - at) - duration)
        signal.setitimer(signal.ITIMER_REAL, 0)
        lost += interrupts.in_hook
        wrong += world.law()
        if deed in ("close", "open") or rounds % 1000 == 0:
            if deed == "open" and not world.send(BATCHES[8]).wait(SOON):
                wrong.append("the next send is pending")
            wrong += world.end(lost)
            world, lost = World(mode, folder.name), 0
        elif rounds % 50 == 0:
            wrong += world.calm()
            if not world.send(BATCHES[8]).wait(SOON):
                wrong.append("the next send is pending")
        if wrong:
            break
    over = True
    wrong += world.end(lost)
    return {
        "signals": interrupts.number,
        "deeds": rounds,
        "most pending": most_pending,
        "seconds": round(time.monotonic() - began, 1),
        "wrong": wrong,
    }


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = id  # in C, so that no signal is handled in it; it prints nothing
    what, mode, *rest = sys.argv[1:]
    if what == "sweep":
        found = sweep(mode.split(","), int(rest[0]))
    else:
        found = soak(mode, rest[0], int(rest[1]), int(rest[2]))
    print(json.dumps(found))
