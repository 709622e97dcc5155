"""What every side does: answer lines of JSON, and take the time of calls."""

import gc
import json
import platform
import sys
import time
from importlib.metadata import version

_fine = time.get_clock_info("process_time").resolution < 1e-5
clock = time.process_time if _fine else time.perf_counter  # some systems count CPU time in ticks


def answer(**actions):
    """Answer each line ``["action", argument, …]`` of the input until it ends.

    What a library prints goes to standard error, so that it cannot pass for an answer.
    """
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(actions[name](*arguments)), file=answers, flush=True)


def timed(action, loops):
    """Return the CPU seconds that so many calls take; CPU time, for the machine may be shared."""
    began = clock()
    for _ in range(loops):
        action()
    return clock() - began


def settle():
    """Collect garbage, and let what is there out of further collections.

    Twenty thousand batches that were built beforehand are the harness's; no program has them.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def percentiles(calls):
    """Return the seconds that half, 99 % and 99.9 % of these calls took at most.

    Each is taken by itself, on the caller's clock, one call right after the other.
    """
    tick = time.perf_counter_ns
    taken = []
    for call in calls:
        began = tick()
        call()
        taken.append(tick() - began)
    taken.sort()
    last = len(taken) - 1
    return {
        name: taken[round(last * share)] / 1e9
        for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
    }


def paced(call, per_second, seconds):
    """Call at a steady pace, as a program does that waits for its own users; return how often.

    Args:
        call: gets the number of the call.
        per_second: calls; what is late is made up for at once.
        seconds: how long.
    """
    began = time.perf_counter()
    done = 0
    while (elapsed := time.perf_counter() - began) < seconds:
        due = int(elapsed * per_second) + 1
        while done < due and time.perf_counter() - began < seconds:
            call(done)
            done += 1
        time.sleep(max(0.0, done / per_second - (time.perf_counter() - began)))
    return done


def versions(*names):
    """Return the versions of Python and of these distributions."""
    return {"Python": platform.python_version(), **{name: version(name) for name in names}}
