"""What every peer does in its own process: answer lines of JSON, take the time of calls, send."""

import gc
import json
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

_fine = time.get_clock_info("process_time").resolution < 1e-5
clock = time.process_time if _fine else time.perf_counter  # some systems count CPU time in ticks


def answer(*distributions, open_sender=None, **actions):
    """Answer each line ``[action, arguments, options]`` of the input until it ends."""
    versions = {"Python": platform.python_version(), **{n: version(n) for n in distributions}}
    actions.update({action.__name__: partial(action, open_sender) for action in (deliver, send)})
    actions["versions"] = lambda: versions
    # what a library prints goes to standard error: it must not be read as an answer
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        name, arguments, options = json.loads(line)
        print(json.dumps(actions[name](*arguments, **options)), file=answers, flush=True)


def timed(action, loops):
    """Return the CPU seconds that so many calls take; CPU time, for the machine may be shared."""
    began = clock()
    for _ in range(loops):
        action()
    return clock() - began


class Sender(NamedTuple):
    """How a peer sends: ``call(prepare(number))`` for each number, then ``flush`` and ``close``."""

    prepare: Callable[[int], Any]
    call: Callable[[Any], object]
    flush: Callable[[], object] = lambda: None
    close: Callable[[], object] = lambda: None


def deliver(open_sender, url, many, *, beforehand=False, per_second=None, **options):
    """Send from values to the answers, as fast as possible or at a steady pace.

    Returns when it began, the seconds until the last call, and the CPU seconds of it all.
    """
    sender = open_sender(url, **options)
    items = map(sender.prepare, range(many))
    items = list(items) if beforehand else items
    _freeze()
    began, cpu = time.time(), time.process_time()
    for item in _paced(items, per_second) if per_second else items:
        sender.call(item)
    called = time.time() - began
    sender.flush()
    cpu = time.process_time() - cpu
    sender.close()
    return {"began": began, "called": called, "cpu": cpu}


def _paced(items, per_second):
    """Yield each item when it is due, as in a program that waits for its users."""
    began = time.perf_counter()
    for number, item in enumerate(items):
        early = number / per_second - (time.perf_counter() - began)
        if early > 0:  # else it is late
            time.sleep(early)
        yield item


def send(open_sender, url, many):
    """Return the seconds that half, 99 % and 99.9 % of the calls took at most, at full speed."""
    sender = open_sender(url)
    items = [*map(sender.prepare, range(many))]
    _freeze()
    call, tick, taken = sender.call, time.perf_counter_ns, []
    for item in items:
        began = tick()
        call(item)
        taken.append(tick() - began)
    sender.flush()
    sender.close()
    taken.sort()
    shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
    return {name: taken[round((many - 1) * share)] / 1e9 for name, share in shares.items()}


def _freeze():
    """Keep what is there out of garbage collections: no program has so many batches at once."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
