"""Processes that send: what they run, what they say, and the server that they send to."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from internals import parsed, plain
from scenarios import KEY, PERSON, SECRET, WORDS

from mpfluent.testing import LocalServer

HERE = Path(__file__).parent
SOON = 150.0  # seconds after which a test that waits has failed, on however busy a machine
PROMPT = 1.0  # seconds of its own that a call may take which waits for nothing
ANSWERED = 5.0  # and one that waits for answers of a server in another process, which may be busy

CHILD = """
import atexit, ctypes, json, os, signal, sys, threading, time
from scenarios import KEY, SECRET, WORDS, batch, batches, stopwatch
from mpfluent import Client, Closed, Outbox, Retry, ThreadedDispatcher

url = sys.argv[1]
signal.alarm(120)  # a process that hangs is killed, with its exit code

def client_of(path=None, on_failed=None, flush_interval=0.01, retry=None, **options):
    outbox = path and Outbox(path)
    return Client(
        KEY, SECRET, environment="production", host=url, on_failed=on_failed,
        retry=retry or Retry(base=0.1, max_elapsed=5),
        dispatcher=ThreadedDispatcher(flush_interval=flush_interval, outbox=outbox, **options),
    )

def send(client, count, start=0):
    return [client.send(one) for one in batches(count, start)]

def say(who, client=None, **facts):
    if client is not None:
        found = client.stats
        assert found.handed_over == 0
        errors = found.hook_errors + found.outbox_errors
        facts.update(counts=found[:4], reasons=dict(found.failed_by_reason), errors=errors)
    os.write(1, (json.dumps({"who": who, **facts}) + "\\n").encode())

def libc_fork():
    time.sleep(0.1)  # other threads come to rest: one that asks for the GIL may hold its mutex
    return ctypes.PyDLL(None).fork()  # Python is not told, and the GIL stays where it is

def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.005)
"""
GREEN = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": "import warnings; warnings.simplefilter('ignore')\n"
    "import eventlet; eventlet.monkey_patch()",
}


class Done(NamedTuple):
    """A process that ended: its exit code, what it said, by who said it, and what it logged."""

    code: int
    said: dict
    stderr: str

    def counts(self, who):
        """I1: return submitted, delivered, failed and pending, which must add up."""
        submitted, delivered, failed, pending = self.said[who]["counts"]
        assert submitted == delivered + failed + pending
        assert failed == sum(self.said[who]["reasons"].values())
        return submitted, delivered, failed, pending


def start(code, *arguments, first="", tmp_path=None):
    """Start a process that runs this code; it is a file where other processes import it."""
    text = f"{first}\n{CHILD}\n{code}"
    program = ["-c", text]
    if tmp_path is not None:
        (tmp_path / "main.py").write_text(text)
        program = [str(tmp_path / "main.py")]
    # Python 3.12 warns of every fork of a process with threads, which is the point here
    warnings = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    return subprocess.Popen(
        [sys.executable, *warnings, *program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])},
        start_new_session=True,
    )


def done(process, told=None):
    """Wait for a process and return what it said."""
    try:
        stdout, stderr = process.communicate(told, timeout=SOON)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # and its children, which have its pipes
        raise AssertionError(f"it hangs; it said {process.communicate()}") from None
    lines = [json.loads(line) for line in stdout.splitlines()]
    assert [word for word in (SECRET, PERSON, WORDS) if word in stderr] == []  # I6
    return Done(process.returncode, {line["who"]: line for line in lines}, stderr)


def run(code, *arguments, first="", tmp_path=None):
    return done(start(code, *arguments, first=first, tmp_path=tmp_path))


@contextmanager
def serving(*script, delay=0.0):
    """A server that holds, in the end, that every retry had the same bytes (I2)."""
    with LocalServer(api_key=KEY, api_secret=SECRET, delay=delay) as server:
        server.script(*script)
        yield server
    texts = {}
    for request in server.requests:
        data = parsed(request.body)
        for entry in data if isinstance(data, list) else [data]:
            texts.setdefault(entry["source_request_id"], set()).add(plain(entry))
    assert [name for name, all_of_them in texts.items() if len(all_of_them) > 1] == []


def stored(path):
    """Return how many batches an outbox holds."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT COUNT(*) FROM rows").fetchone()[0]


# 26, 27, 28: the end

# a hook from before the first send runs after our own, and one from after it runs before
TO_THE_END = """
@atexit.register
def last():
    seconds, ours = read()
    say("end", client, seconds=seconds, ours=ours)

def at_first():
    global read
    read = stopwatch()
"""
