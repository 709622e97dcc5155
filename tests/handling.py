"""Signals whose handler does something itself, in the midst of a deed, for a process of its own.

``python handling.py MODE SIGNALS`` lets a signal come at so many bytecodes of a ``send`` and of the
wait for it, spread over all of it, and always the same ones, for each of ``ACTS``. Its handler
raises nothing: it does the act. Prints what it found as one line of JSON.
"""

import faulthandler
import json
import logging
import signal
import sys
import tempfile

from interrupting import BATCHES, SOON, Countdown, World

from mpfluent import Closed

# by name: what the handler does
ACTS = {
    "send": lambda world: world.send(BATCHES[5]),
    "send of several": lambda world: world.send(BATCHES[3], BATCHES[4]),
    "close": lambda world: world.client.close(0),
    "flush": lambda world: world.client.flush(0.001),
    "wait": lambda world: world.deliveries and world.deliveries[-1].wait(0.001),
}


def once(mode, act, number):
    """Let a signal come at one bytecode; return how many were left, and what is wrong then."""
    countdown, came = Countdown(number), []

    def handler(*_):
        sys.settrace(None)
        came.append(number)
        try:
            ACTS[act](world)
        except Closed:
            came.append("closed")

    signal.signal(signal.SIGINT, handler)
    with tempfile.TemporaryDirectory() as folder:
        world = World(mode, folder)
        world.send(BATCHES[7])
        world.client.flush(SOON)
        try:
            sys.settrace(countdown.enter)
            world.send(BATCHES[0]).wait(SOON)
        except Closed:
            came.append("closed")
        finally:
            sys.settrace(None)
        wrong = world.law()
        if act != "close":
            return countdown.left, bool(came), wrong + world.calm() + world.end(lost=0)
        world.client.close(SOON)
        states = [delivery.state for delivery in world.deliveries]
        stats = world.client.stats
        if "pending" in states or stats.pending != states.count("kept"):
            wrong.append(f"{states}, {stats[:4]}")
        return countdown.left, bool(came), wrong


def sweep(mode, signals):
    """Return how many signals came for each act, and what was wrong."""
    counts, found = dict.fromkeys(ACTS, 0), []
    for act in ACTS:
        length = 10**9
        for _ in range(20):  # those that generate code, or draw new ids, are longer
            left, _, wrong = once(mode, act, 10**9)
            found += [f"{act}, without a signal: {one}" for one in wrong]
            length = min(length, 10**9 - left)
        for number in range(1, length, max(1, length // signals)):
            faulthandler.dump_traceback_later(SOON / 2, exit=True)  # nothing takes so long
            _, came, wrong = once(mode, act, number)
            counts[act] += came
            found += [f"{act}, {number} of {length}: {one}" for one in wrong]
    return {"signals": counts, "wrong": found}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    mode, signals = sys.argv[1:]
    print(json.dumps(sweep(mode, int(signals))))
