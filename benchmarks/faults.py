"""``python -m benchmarks.faults [--quick]``: the outcome of batches under faults, as a table.

The client sends in the background, by a ``ThreadedDispatcher`` at its defaults, to a server on this
machine that misbehaves. Programs that end or fork are processes of their own. The last line says
whether a batch was lost in silence: it was accepted, but neither received, nor reported as failed,
nor kept. Then the exit code is 1.
"""

import argparse
import json
import logging
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mpfluent import Batch, Client, ThreadedDispatcher
from mpfluent.testing import LocalServer, hang, ok, redirect, reset_after_read, status

ENOUGH = 30.0  # seconds for what takes three at most

PROGRAM = """
import os, signal, sys, time
from mpfluent import Batch, Client, Outbox, ThreadedDispatcher

def send(whose, numbers):
    for number in numbers:
        batch = Batch.for_user(customer_id="123456").event("Searched")
        client.send(batch.with_source_request_id(f"{whose} {number}"))

url, *outbox = sys.argv[1:]
client = Client(
    "key", "secret", environment="development", host=url,
    dispatcher=ThreadedDispatcher(outbox=Outbox(*outbox) if outbox else None),
    on_failed=lambda batch, error: print("failed", batch.source_request_id, error.reason),
)
"""
SENDS = """
send("parent", range({of_parent}))
print("ended", time.time())
"""
FLUSHES = """
client.flush(20)
"""
FORKS = """
send("parent", range(1))
child = os.fork()
if child:
    send("parent", range(1, {of_parent}))
    os.waitpid(child, 0)
else:
    signal.alarm(20)  # so that nobody waits for a child that hangs
    send("child", range({of_child}))
"""


class Row(NamedTuple):
    """A fault, what was measured, and whether nothing was lost in silence."""

    scenario: str
    found: str
    reported: bool


# The end of a process, and a fork


class Ended(NamedTuple):
    """A process that has ended: the seconds from the end of its code, and what it reported.

    ``failed`` has the ids that its ``on_failed`` got, ``lost`` is the count in its last line.
    """

    wait: float
    failed: set[str]
    lost: int

    def reports(self, missing: set[str]) -> bool:
        """Return whether the loss of these was reported, batch by batch or as a count."""
        return missing <= self.failed or len(missing) <= self.lost


def run(program: str, *arguments: str, **numbers: int) -> Ended:
    # Python 3.12 warns of every fork of a process with threads, which is the point here
    quiet = "ignore:This process:DeprecationWarning"
    ended = subprocess.run(
        [sys.executable, "-W", quiet, "-c", PROGRAM + program.format(**numbers), *arguments],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
        timeout=2 * ENOUGH,
    )
    gone = time.time()
    at = re.search(r"^ended (.+)$", ended.stdout, re.M)
    failed = re.findall(r"^failed (.+) \w+$", ended.stdout, re.M)
    lost = re.findall(r"^(\d+) batches not delivered .* and lost$", ended.stderr, re.M)
    return Ended(gone - float(at[1]) if at else 0.0, set(failed), sum(map(int, lost)))


def ids(whose: str, many: int) -> set[str]:
    return {f"{whose} {number}" for number in range(many)}


def exit_with_slow_server(many: int) -> Row:
    """End at once after ``send``, while each answer takes a while."""
    with LocalServer(delay=0.05) as server:
        ended = run(SENDS, server.url, of_parent=many)
    received = set(server.unique_ids)
    scenario = f"normal exit, 50 ms server: received of {many}"
    return Row(scenario, str(len(received)), ended.reports(ids("parent", many) - received))


def exit_with_hanging_server(many: int = 300) -> Row:
    """End while no answer comes."""
    with LocalServer() as server:
        server.script(*[hang(20)] * many)
        ended = run(SENDS, server.url, of_parent=many)
    missing = ids("parent", many) - set(server.unique_ids)
    found = f"{ended.wait:.1f} s, then reports {ended.lost} as lost"
    return Row("exit, server hangs 20 s: wait", found, ended.reports(missing))


def exit_with_outbox(many: int = 300) -> Row:
    """End while no answer comes, with an outbox; then let another process send what it keeps."""
    with tempfile.TemporaryDirectory() as folder:
        outbox = str(Path(folder) / "outbox.db")
        with LocalServer() as server:
            server.script(*[hang(20)] * many)
            ended = run(SENDS, server.url, outbox, of_parent=many)
        with LocalServer(port=int(server.url.rpartition(":")[2])) as later:
            run(FLUSHES, later.url, outbox)
    received = {*server.unique_ids, *later.unique_ids}
    reported = ended.reports(ids("parent", many) - received)
    return Row("the same with an outbox: kept", f"{len(later.unique_ids)} of {many}", reported)


def fork_after_first_event(of_parent: int = 3, of_child: int = 5) -> Row:
    """Fork while the first event is on its way; parent and child send, and end."""
    scenario = f"fork after 1st event ({of_child} child events, {of_parent} of the parent)"
    if not hasattr(os, "fork"):
        return Row(scenario, "no fork on this system", True)
    with LocalServer() as server:
        ended = run(FORKS, server.url, of_parent=of_parent, of_child=of_child)
    received = set(server.unique_ids)
    children = received & ids("child", of_child)
    dups = f"{len(server.duplicates)} dup" if server.duplicates else "no dup"
    found = f"{len(children)}/{of_child} and {len(received - children)}/{of_parent}, {dups}"
    accepted = ids("parent", of_parent) | ids("child", of_child)
    return Row(scenario, found, ended.reports(accepted - received))


# What a server answers, and values that the wire cannot carry


class Outcome(NamedTuple):
    """The requests of one batch, whether it was received, its state, what ``on_failed`` got."""

    requests: list[Any]
    received: bool
    state: str
    reasons: list[str]

    @property
    def reported(self) -> bool:
        """Whether it was not lost in silence."""
        return self.received or bool(self.reasons)

    def __str__(self) -> str:
        if self.reasons:
            return f"fails, reported: {', '.join(self.reasons)}"
        if not self.received:
            return f"lost in silence ({self.state})"
        return "ok" if self.state == "delivered" else f"received, and {self.state}"

    @property
    def gap(self) -> float:
        """The seconds from the first request to the second."""
        return self.requests[1].at - self.requests[0].at if len(self.requests) > 1 else 0.0


def outcome(*actions: Any, attribute: Any = "teapot") -> Outcome:
    """Send one batch to a server with this script, and close the client."""
    reasons: list[str] = []
    with LocalServer() as server:
        server.script(*actions)
        client = Client(
            "key",
            "secret",
            environment="development",
            host=server.url,
            dispatcher=ThreadedDispatcher(),
            on_failed=lambda batch, error: reasons.append(error.reason),
        )
        try:
            batch = Batch.for_user(customer_id="123456")
            delivery = client.send(batch.event("Searched", {"query": attribute}))
            client.flush(ENOUGH)
        finally:
            client.close(0)
        return Outcome(server.requests, bool(server.unique_ids), delivery.state, reasons)


def followed(after: Outcome) -> str:
    last = after.requests[-1]
    return f"follows as {last.method}, {after}" if last.path == "/elsewhere" else str(after)


def sent_again(after: Outcome) -> str:
    same = len({request.body for request in after.requests}) == 1
    again = f"re-sent, {'same id' if same else 'changed'}"
    return again if len(after.requests) > 1 else str(after)


LIST = json.dumps([{"code": "BAD_REQUEST", "message": "no"}])  # not the form of the vendor's errors
HTML = status(200, headers={"Content-Type": "text/html"}, body="<html>Welcome</html>")

# Each fault: the server's script, and what is said of the outcome
ANSWERS: dict[str, tuple[Sequence[Any], Callable[[Outcome], str]]] = {
    "302 to another path": ([redirect("/elsewhere"), ok(200)], followed),
    "429 `Retry-After: 3`: gap": (
        [status(429, headers={"Retry-After": "3"})],
        lambda after: f"{after.gap:.1f} s",
    ),
    "400 with JSON list body: attempts": (
        [status(400, body=LIST)] * 5,
        lambda after: f"{len(after.requests)}, {'' if after.reasons else 'not '}reported",
    ),
    "request processed, response lost (RST)": ([reset_after_read()], sent_again),
    "200 with an HTML body": ([HTML], str),
}
SLOW = ("429 `Retry-After: 3`: gap",)
VALUES = {
    "NaN attribute": float("nan"),
    "`object()` attribute": object(),
    "lone surrogate": "tea\ud83dpot",
}


def unavailable_once(times: int) -> Row:
    """Be refused once, several times over, since the delay is random."""
    tried = [outcome(status(503), ok(200)) for _ in range(times)]
    gaps = [after.gap for after in tried]
    found = f"{min(gaps):.1f} to {max(gaps):.1f} s ({times} runs)"
    return Row("503 then 200: delay", found, all(after.reported for after in tried))


def value(scenario: str, attribute: Any) -> Row:
    """Send an attribute that the wire cannot carry."""
    try:
        after = outcome(attribute=attribute)
    except (TypeError, ValueError) as error:  # it was not accepted, and the caller knows
        clear = " (clear)" if "attributes['query']" in str(error) else ""
        return Row(scenario, f"{type(error).__name__} in caller{clear}", True)
    if after.state != "delivered":
        return Row(scenario, str(after), after.reported)
    text = json.loads(after.requests[-1].body)["events"][0]["data"].get("custom_attributes")
    return Row(scenario, f"sent as {json.dumps(text)}", after.reported)


def rows(*, quick: bool = False) -> Iterator[Row]:
    """Yield a row for each fault; the slow ones are left out, or smaller, if it must be quick."""
    yield exit_with_slow_server(20 if quick else 300)
    if not quick:
        yield exit_with_hanging_server()
        yield exit_with_outbox()
    yield fork_after_first_event()
    yield unavailable_once(2 if quick else 10)
    for scenario, (script, found) in ANSWERS.items():
        if not (quick and scenario in SLOW):
            after = outcome(*script)
            yield Row(scenario, found(after), after.reported)
    for scenario, attribute in VALUES.items():
        yield value(scenario, attribute)


def table(found: Iterable[Row]) -> int:
    """Print rows as they come, and the last line; return 1 if anything was lost in silence."""
    print("| scenario | mpfluent |\n|---|---|", flush=True)
    silent = []
    for row in found:
        print(f"| {row.scenario} | {row.found} |", flush=True)
        if not row.reported:
            silent.append(row.scenario)
    lost = f"lost in silence: {'; '.join(silent)}"
    print(f"\n{lost if silent else 'nothing was lost in silence'}")
    return 1 if silent else 0


def main() -> int:
    """Measure, and print a row at a time."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, without slow rows")
    options = parser.parse_args()
    logging.getLogger("mpfluent").addHandler(logging.NullHandler())  # the rows say what it says
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    print(f"Python {platform.python_version()}\n", flush=True)
    return table(rows(quick=options.quick))


if __name__ == "__main__":
    sys.exit(main())
