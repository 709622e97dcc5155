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
    """Answer each line ``[action, arguments, options]`` of the input until it ends.

    Args:
        distributions: what the peer measures, for the versions in the report.
        open_sender: returns a :class:`Sender` for a URL and options, if the peer sends.
        actions: what else it can do, by name.
    """
    versions = {name: version(name) for name in distributions}
    actions["versions"] = lambda: {"Python": platform.python_version(), **versions}
    for action in (deliver, send, rate):
        actions[action.__name__] = partial(action, open_sender)
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
    flush: Callable[[], object]
    close: Callable[[], object]


def deliver(open_sender, url, many, *, beforehand=False, **options):
    """Send as fast as possible, from values to the answers; return the start and the CPU seconds.

    Args:
        beforehand: whether to prepare all that is sent before the clock starts.
    """
    sender = open_sender(url, **options)
    items = map(sender.prepare, range(many))
    if beforehand:
        items = list(items)
    _freeze()
    began, cpu = time.time(), time.process_time()
    for item in items:
        sender.call(item)
    sender.flush()
    cpu = time.process_time() - cpu
    sender.close()
    return {"began": began, "cpu": cpu}


def send(open_sender, url, many):
    """Return the seconds that half, 99 % and 99.9 % of the calls took at most, at full speed."""
    sender = open_sender(url)
    items = [sender.prepare(number) for number in range(many)]
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


def rate(open_sender, url, per_second, seconds, **options):
    """Send at a steady pace, as a program does that waits for its own users.

    Returns how many events were sent, and the CPU seconds for each. What is late is sent at once.
    """
    sender = open_sender(url, **options)
    began, cpu, done = time.perf_counter(), time.process_time(), 0
    while (elapsed := time.perf_counter() - began) < seconds:
        due = int(elapsed * per_second) + 1
        while done < due and time.perf_counter() - began < seconds:
            sender.call(sender.prepare(done))
            done += 1
        time.sleep(max(0.0, done / per_second - (time.perf_counter() - began)))
    sender.flush()
    cpu = time.process_time() - cpu
    sender.close()
    return {"events": done, "cpu": cpu / done}


def _freeze():
    """Keep what is there out of garbage collections: no program has so many batches at once."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
