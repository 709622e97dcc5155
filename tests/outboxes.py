"""Outboxes that are open, and what tests put in them."""

import subprocess
import sys
import textwrap
from pathlib import Path

from internals import Destination, Part

from mpfluent import Client, FunctionTransport, Outbox, Retry, ThreadedDispatcher


def client_of(path, code=202, **options):
    return Client(
        *("key", "secret"),
        environment="production",
        retry=Retry(max_attempts=1),
        dispatcher=ThreadedDispatcher(flush_interval=0, outbox=Outbox(path)),
        **{"transport": FunctionTransport(lambda request: code), **options},
    )


FEED = Destination("https://s2s.us1.mparticle.com/v2/bulkevents", "fingerprint")
OTHERS = Destination("https://s2s.us1.mparticle.com/v2/bulkevents", "another fingerprint")
ROOT = Path(__file__).parents[1]


def parts(id, size=30, count=1):
    ids = [id] if count == 1 else [f"{id}-{k}" for k in range(1, count + 1)]
    return tuple(Part(name, b'{"x":"%b"}' % (b"y" * (size - 8)), 2) for name in ids)


def several(*ids, size=30):
    return [(id, parts(id, size)) for id in ids]


class Opened(Outbox):
    """An outbox that a test has opened, with all that it told."""

    def __init__(self, path, destination=FEED, **options):
        super().__init__(path, **options)
        self.failures, self.losses = [], []
        self.open(destination, self.failures.append, self.losses.extend)

    def told(self):
        return [type(failure).__name__ for failure in self.failures]

    def ids(self, **limits):
        return [stored.id for stored in self.load(**limits)]

    def everything(self):
        """Return the ids of all parked rows, in order; they are not parked any more."""
        found = []
        while loaded := self.ids():
            found += loaded
        return found


def ask(path, question):
    """Return what the file says, seen from another process."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "print(c.execute(sys.argv[2]).fetchall()); c.close()"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, path, question], capture_output=True, text=True, check=True
    )
    return eval(run.stdout)


class Process:
    """A process of its own with an outbox; it does what it is told, line by line."""

    CODE = """
        import os, sys
        sys.path.insert(0, sys.argv[2])
        from outboxes import *
        outbox = Opened(sys.argv[1])
        for line in sys.stdin:
            print(repr(eval(line)), flush=True)
        outbox.close()
    """

    def __init__(self, path):
        code = textwrap.dedent(self.CODE)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, path, ROOT / "tests"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def __call__(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return eval(self.process.stdout.readline())

    def kill(self):
        self.process.kill()
        return self.end()

    def end(self):
        self.process.communicate()
        return self.process.returncode


def aside(path):
    """Return the names of files that were moved aside, without those of their logs."""
    return sorted(
        file.name
        for file in path.parent.glob("*.corrupt-*")
        if not file.name.endswith(("-wal", "-shm"))
    )


def filled(path, count=60):
    """Make a file with rows of a dead owner, and return what is in it."""
    outbox = Opened(path)
    batches = {f"id-{number}": parts(f"id-{number}", 200 + number) for number in range(count)}
    outbox.put([*batches.items()])
    outbox.close()
    return batches


def taken_up(path):
    """Return an outbox that adopted what it could, and what it loaded then."""
    outbox = Opened(path)
    outbox.ready()
    outbox.adopt()
    found = {}
    while loaded := outbox.load():
        found.update((stored.id, stored.parts) for stored in loaded)
    return outbox, found


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now
