"""``python -m benchmarks.faults [--quick]``: the outcome of batches under faults, as a table.

The client sends in the background to a server on this machine that misbehaves. The last line says
whether a batch was lost in silence: accepted, but neither received, nor reported as failed, nor
kept. Then the exit code is 1.
"""

import argparse
import logging
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from mpfluent import Batch
from mpfluent.testing import LocalServer, hang, ok, redirect, reset_after_read, status

from .environments import ROOT
from .peers.ours_sending import client_of

ENOUGH = 30.0  # seconds for what takes three at most
SILENT = "lost in silence"


class Row(NamedTuple):
    """A fault, what was measured, and whether nothing was lost in silence."""

    scenario: str
    found: str
    reported: bool


# The end of a process, and a fork

PROGRAM = """
import os, signal, sys, time
from benchmarks.peers.ours_sending import client_of
from mpfluent import Batch, Outbox

def send(whose, numbers):
    for number in numbers:
        batch = Batch.for_user(customer_id="123456").event("Searched")
        client.send(batch.with_source_request_id(f"{whose} {number}"))

url, *outbox = sys.argv[1:]
hooks = {"on_failed": lambda batch, error: print("failed", batch.source_request_id, error.reason)}
client = client_of(url, client=hooks, outbox=Outbox(*outbox) if outbox else None)
"""
SENDS = 'send("parent", range(%d))'
FORKS = """
send("parent", range(1))
child = os.fork()
if child:
    send("parent", range(1, 3))
    os.waitpid(child, 0)
else:
    signal.alarm(20)  # so that nobody waits for a child that hangs
    send("child", range(5))
"""


class Ended(NamedTuple):
    """The seconds from the end of a program to its process's, the ids and the count it reported."""

    wait: float
    failed: set[str]
    lost: int

    def reports(self, missing: set[str]) -> bool:
        """Return whether the loss of these was reported, batch by batch or as a count."""
        return missing <= self.failed or len(missing) <= self.lost


def run(program: str, *arguments: str) -> Ended:
    # Python 3.12 warns of every fork of a process with threads, which is the point here
    quiet = "ignore:This process:DeprecationWarning"
    text = f'{PROGRAM}{program}\nprint("ended", time.time())'
    command = [sys.executable, "-W", quiet, "-c", text, *arguments]
    more: dict[str, Any] = {"cwd": ROOT, "capture_output": True, "text": True, "check": True}
    ended = subprocess.run(command, timeout=2 * ENOUGH, **more)
    wait = time.time() - float(re.findall(r"^ended (.+)$", ended.stdout, re.M)[-1])
    failed = re.findall(r"^failed (.+) \w+$", ended.stdout, re.M)
    lost = re.findall(r"^(\d+) batch(?:es)? not delivered .* and lost$", ended.stderr, re.M)
    return Ended(wait, set(failed), sum(map(int, lost)))


def ids(whose: str, many: int) -> set[str]:
    return {f"{whose} {number}" for number in range(many)}


def exits(quick: bool) -> Iterator[Row]:
    """End at once after ``send``: with slow answers; with none; with none and an outbox."""
    many = 20 if quick else 300
    with LocalServer(delay=0.05) as server:
        ended = run(SENDS % many, server.url)
    missing = ids("parent", many) - set(server.unique_ids)
    scenario = f"normal exit, 50 ms server: received of {many}"
    yield Row(scenario, str(many - len(missing)), ended.reports(missing))
    if quick:
        return
    with tempfile.TemporaryDirectory() as folder:
        for title, outbox in {"exit": [], "exit with an outbox": [f"{folder}/outbox.db"]}.items():
            with LocalServer() as server:
                server.script(*[hang(20)] * many)
                ended = run(SENDS % many, server.url, *outbox)
            with LocalServer(port=int(server.url.rpartition(":")[2])) as later:
                run("client.flush(20)", later.url, *outbox)  # another process sends what is kept
            found = f"{ended.wait:.1f} s, {ended.lost} lost, {len(later.unique_ids)} kept"
            missing = ids("parent", many) - {*server.unique_ids, *later.unique_ids}
            yield Row(f"{title}, server hangs 20 s: wait", found, ended.reports(missing))


def fork_after_first_event() -> Row:
    """Fork while the first event is on its way; parent and child send, and end."""
    scenario = "fork after 1st event (5 child events, 3 of the parent)"
    if not hasattr(os, "fork"):
        return Row(scenario, "no fork on this system", True)
    with LocalServer() as server:
        ended = run(FORKS, server.url)
    received, child, parent = set(server.unique_ids), ids("child", 5), ids("parent", 3)
    dups = f"{len(server.duplicates) or 'no'} dup"
    found = f"{len(received & child)}/5 and {len(received & parent)}/3, {dups}"
    return Row(scenario, found, ended.reports((parent | child) - received))


# What a server answers, and values that the wire cannot carry


def outcome(script: Sequence[Any], attribute: Any = "teapot") -> tuple[str, LocalServer]:
    """Send one batch to a server with this script; return what a user sees, and the server."""
    reasons: list[str] = []
    hooks = {"on_failed": lambda batch, error: reasons.append(error.reason)}
    with LocalServer() as server:
        server.script(*script)
        client = client_of(server.url, client=hooks)
        try:
            batch = Batch.for_user(customer_id="123456")
            delivery = client.send(batch.event("Searched", {"query": attribute}))
            client.flush(ENOUGH)
        except (TypeError, ValueError) as error:  # it was not accepted, and the caller knows
            clear = " (clear)" if "attributes['query']" in str(error) else ""
            return f"{type(error).__name__} in caller{clear}", server
        finally:
            client.close(0)
    return fate(bool(server.unique_ids), delivery.state, reasons), server


def fate(received: bool, state: str, reasons: list[str]) -> str:
    if reasons:
        return f"fails: {', '.join(reasons)}"
    if not received:
        return f"{SILENT} ({state})"
    return "ok" if state == "delivered" else f"received, and {state}"


def delays(text: str, *servers: LocalServer) -> str:
    gaps = sorted(f"{server.gap(0, 1):.1f}" for server in servers)
    return f"{gaps[0]} s" if len(gaps) == 1 else f"{gaps[0]} to {gaps[-1]} s ({len(gaps)} runs)"


def sent_again(text: str, server: LocalServer) -> str:
    bodies = [request.body for request in server.requests]
    again = f"re-sent, {'same id' if len(set(bodies)) == 1 else 'changed'}"
    return again if len(bodies) > 1 else text


LIST = '[{"code": "BAD_REQUEST", "message": "no"}]'  # not the form of the vendor's errors
HTML = status(200, headers={"Content-Type": "text/html"}, body="<html>Welcome</html>")
RETRY_AFTER = "429 `Retry-After: 3`: gap"
UNAVAILABLE = "503 then 200: delay"

# Each fault: what is said of the outcomes ("{}": what a user sees), a script, and an attribute
ANSWERS: dict[str, tuple[Any, ...]] = {
    "302 to another path": ("{}".format, [redirect("/elsewhere"), ok(200)]),
    RETRY_AFTER: (delays, [status(429, headers={"Retry-After": "3"})]),
    "400 with JSON list body: attempts": (
        lambda text, server: f"{len(server.requests)}, then {text}",
        [status(400, body=LIST)] * 5,
    ),
    UNAVAILABLE: (delays, [status(503), ok(200)]),
    "request processed, response lost (RST)": (sent_again, [reset_after_read()]),
    "200 with an HTML body": ("{}".format, [HTML]),
    "NaN attribute": ("{}".format, [], float("nan")),
    "`object()` attribute": ("{}".format, [], object()),
    "lone surrogate": ("{}".format, [], "tea\ud83dpot"),
}


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield a row for each fault; the slow ones are left out, or smaller, if it must be quick."""
    yield from exits(quick)
    yield fork_after_first_event()
    times = {RETRY_AFTER: 0 if quick else 1, UNAVAILABLE: 2 if quick else 10}
    for scenario, (say, *what) in ANSWERS.items():
        tried = [outcome(*what) for _ in range(times.get(scenario, 1))]
        if tried:
            texts, servers = zip(*tried, strict=True)
            silent = any(text.startswith(SILENT) for text in texts)
            yield Row(scenario, say(texts[0], *servers), not silent)


def table(found: Iterable[Row]) -> int:
    """Print rows as they come, and the last line; return 1 if anything was lost in silence."""
    print("| scenario | mpfluent |\n|---|---|", flush=True)
    silent = []
    for row in found:
        print(f"| {row.scenario} | {row.found} |", flush=True)
        if not row.reported:
            silent.append(row.scenario)
    print(f"\n{SILENT}: {'; '.join(silent)}" if silent else f"\nnothing was {SILENT}")
    return int(bool(silent))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, without slow rows")
    quick = parser.parse_args().quick
    logging.getLogger("mpfluent").addHandler(logging.NullHandler())  # the rows say what it says
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    print(f"Python {platform.python_version()}\n", flush=True)
    return table(rows(quick=quick))


if __name__ == "__main__":
    sys.exit(main())
