"""``python -m benchmarks.faults [--quick]``: what mpfluent does under faults, as a table.

The client sends in the background, by a ``ThreadedDispatcher`` at its defaults, to a server on this
machine that misbehaves. Programs that end or fork are processes of their own. What the table says
was measured; a last line tells whether anything was lost in silence, which is to say: accepted,
and then neither received, nor failed with a reason that was told, nor kept. If so, the exit code
is 1.
"""

from __future__ import annotations

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
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mpfluent import Batch, Client, ThreadedDispatcher
from mpfluent.testing import (
    LocalServer,
    ReceivedRequest,
    hang,
    ok,
    redirect,
    reset_after_read,
    status,
)
from mpfluent.testing.faults import Action

HERE = Path(__file__).parent
ENOUGH = 30.0  # seconds for what takes three at most

SENDS = """
import sys, time
from mpfluent import Batch, Client, Outbox, ThreadedDispatcher

url, many, *outbox = sys.argv[1:]
client = Client(
    "key", "secret", environment="development", host=url,
    dispatcher=ThreadedDispatcher(outbox=Outbox(*outbox) if outbox else None),
    on_failed=lambda batch, error: print("failed", batch.source_request_id, error.reason),
)
for number in range(int(many)):
    batch = Batch.for_user(customer_id="123456").event("Searched")
    client.send(batch.with_source_request_id(str(number)))
print("ended", time.time())
"""

TAKES_UP = """
import sys
from mpfluent import Client, Outbox, ThreadedDispatcher

url, path = sys.argv[1:]
dispatcher = ThreadedDispatcher(outbox=Outbox(path))
client = Client("key", "secret", environment="development", host=url, dispatcher=dispatcher)
client.flush(20)
"""

FORKS = """
import os, signal, sys
from mpfluent import Batch, Client, ThreadedDispatcher

def send(whose, numbers):
    for number in numbers:
        batch = Batch.for_user(customer_id="123456").event("Searched")
        client.send(batch.with_source_request_id(f"{whose} {number}"))

url, of_parent, of_child = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
client = Client(
    "key", "secret", environment="development", host=url, dispatcher=ThreadedDispatcher(),
    on_failed=lambda batch, error: print("failed", batch.source_request_id, error.reason),
)
send("parent", range(1))
child = os.fork()
if child:
    send("parent", range(1, of_parent))
    os.waitpid(child, 0)
else:
    signal.alarm(20)  # so that a child that hangs is not waited for
    send("child", range(of_child))
"""


class Row(NamedTuple):
    """What came of a fault.

    Attributes:
        scenario: the fault.
        found: what was measured, in a few words.
        told: whether nothing was lost in silence.
    """

    scenario: str
    found: str
    told: bool


def rows(*, quick: bool = False) -> Iterator[Row]:
    """Yield a row for each fault; the slow ones are left out, or smaller, if it must be quick."""
    yield exit_with_slow_server(20 if quick else 300)
    if not quick:
        yield exit_with_hanging_server()
    yield fork_after_first_event()
    yield redirected()
    if not quick:
        yield retry_after()
    yield refused_with_list()
    yield unavailable_once(2 if quick else 10)
    yield answer_lost()
    yield html_for_an_answer()
    yield value("NaN attribute", float("nan"))
    yield value("`object()` attribute", object())
    yield value("lone surrogate", "tea\ud83dpot")


# The end of a process, and a fork


def exit_with_slow_server(many: int = 300, delay: float = 0.05) -> Row:
    """End at once after ``send``, while each answer takes a while."""
    with LocalServer(delay=delay) as server:
        ended = _run(SENDS, server.url, many)
    received = set(server.unique_ids)
    scenario = f"normal exit, {delay * 1000:.0f} ms server: received of {many}"
    return Row(scenario, str(len(received)), ended.tells_of(_ids(many) - received))


def exit_with_hanging_server(many: int = 300, seconds: float = 20) -> Row:
    """End while no answer comes; then the same with an outbox, and a process that takes it up."""
    with LocalServer() as server:
        server.script(*[hang(seconds)] * many)
        ended = _run(SENDS, server.url, many)
    received = set(server.unique_ids)
    told = ended.tells_of(_ids(many) - received)
    found = f"{ended.wait:.1f} s, then {_says(ended)}"
    with tempfile.TemporaryDirectory() as folder:
        outbox = str(Path(folder) / "outbox.db")
        with LocalServer() as server:
            server.script(*[hang(seconds)] * many)
            ended = _run(SENDS, server.url, many, outbox)
        before = set(server.unique_ids)
        with LocalServer(port=int(server.url.rpartition(":")[2])) as server:
            _run(TAKES_UP, server.url, outbox)
    kept = set(server.unique_ids) - before
    share = f"all {many}" if len(kept) == many else f"{len(kept)} of {many}"
    return Row(
        f"exit, server hangs {seconds:g} s: wait",
        f"{found}; with an outbox: {share} kept",
        told and ended.tells_of(_ids(many) - before - kept),
    )


def fork_after_first_event(of_parent: int = 3, of_child: int = 5) -> Row:
    """Fork while the first event is under way; parent and child send, and end."""
    scenario = f"fork after 1st event ({of_child} child events, {of_parent} of the parent)"
    if not hasattr(os, "fork"):
        return Row(scenario, "no fork on this system", True)
    with LocalServer() as server:
        ended = _run(FORKS, server.url, of_parent, of_child)
    received = set(server.unique_ids)
    children = {id for id in received if id.startswith("child")}
    dups = f"{len(server.duplicates)} dup" if server.duplicates else "no dup"
    found = f"{len(children)}/{of_child} and {len(received - children)}/{of_parent}, {dups}"
    accepted = _ids(of_parent, "parent ") | _ids(of_child, "child ")
    return Row(scenario, found, ended.tells_of(accepted - received))


class Ended(NamedTuple):
    """A process that has ended.

    Attributes:
        wait: seconds from the end of its code to its own.
        failed: the ids that its ``on_failed`` was told.
        says: its standard error.
    """

    wait: float
    failed: set[str]
    says: str

    @property
    def lost(self) -> int:
        """How many batches it says were lost: reason by reason, or in its last line for all."""
        each = re.findall(
            r"^batch failed: \w+(?:, \d+(?: [\w.-]+)?)?(?: \((\d+) times\))?$", self.says, re.M
        )
        last = re.findall(r"^(\d+) batch(?:es)? not delivered .* and lost$", self.says, re.M)
        return max(sum(int(count or 1) for count in each), *map(int, last), 0)

    def tells_of(self, missing: set[str]) -> bool:
        """Return whether the loss of these was told, batch by batch or as a count."""
        return missing <= self.failed or len(missing) <= self.lost


def _run(program: str, *arguments: object) -> Ended:
    run = subprocess.run(
        # Python 3.12 warns of every fork of a process with threads, which is the point here
        [
            *(sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", program),
            *map(str, arguments),
        ],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=2 * ENOUGH,
    )
    gone = time.time()
    ended = re.search(r"^ended (.+)$", run.stdout, re.M)
    return Ended(
        gone - float(ended[1]) if ended else 0.0,
        set(re.findall(r"^failed (.+) \w+$", run.stdout, re.M)),
        run.stderr,
    )


def _says(ended: Ended) -> str:
    return f"says {ended.lost} were lost" if ended.lost else "says nothing of a loss"


def _ids(many: int, whose: str = "") -> set[str]:
    return {f"{whose}{number}" for number in range(many)}


# What a server answers


def redirected() -> Row:
    """Be sent elsewhere, where any request is answered with 200."""
    after = _after(redirect("/elsewhere"), ok(200))
    followed = any(request.path == "/elsewhere" for request in after.requests)
    found = f"follows as {after.requests[-1].method}, {after.fate}" if followed else after.fate
    return Row("302 to another path", found, after.told)


def retry_after(seconds: int = 3) -> Row:
    """Be asked to wait; how long it is until the next request."""
    after = _after(status(429, headers={"Retry-After": str(seconds)}))
    return Row(f"429 `Retry-After: {seconds}`: gap", after.gap, after.told)


def refused_with_list() -> Row:
    """Be refused with a body that has not the vendor's form; one batch, alone."""
    body = json.dumps([{"code": "BAD_REQUEST", "message": "no"}])
    after = _after(*[status(400, body=body)] * 5)
    found = f"{len(after.requests)}, {'told' if after.reasons else 'not told'}"
    return Row("400 with JSON list body: attempts", found, after.told)


def unavailable_once(times: int = 10) -> Row:
    """Be refused once, several times over, since the delay is random."""
    tried = sorted([_after(status(503), ok(200)) for _ in range(times)], key=lambda one: one.gap)
    found = f"{tried[0].gap.removesuffix(' s')} to {tried[-1].gap} ({times} runs)"
    return Row("503 then 200: delay", found, all(after.told for after in tried))


def answer_lost() -> Row:
    """Have the batch accepted, and the connection reset before the answer."""
    after = _after(reset_after_read())
    bodies = {request.body for request in after.requests}
    found = after.fate
    if len(after.requests) > 1:
        found = "re-sent, same id" if len(bodies) == 1 else "re-sent, changed"
    return Row("request processed, response lost (RST)", found, after.told)


def html_for_an_answer() -> Row:
    """Get a 200 that has a page for a body."""
    headers = {"Content-Type": "text/html"}
    after = _after(status(200, headers=headers, body="<html><body>Welcome</body></html>"))
    return Row("200 with an HTML body", after.fate, after.told)


class After(NamedTuple):
    """What became of one batch.

    Attributes:
        requests: that came.
        received: whether the server has the batch.
        state: of the delivery.
        reasons: that ``on_failed`` was told.
    """

    requests: list[ReceivedRequest]
    received: bool
    state: str
    reasons: list[str]

    @property
    def told(self) -> bool:
        """Whether it was not lost in silence."""
        return self.received or bool(self.reasons)

    @property
    def fate(self) -> str:
        """What a user sees of it."""
        if self.reasons:
            return f"fails, told: {', '.join(self.reasons)}"
        if not self.received:
            return f"lost in silence ({self.state})"
        return "ok" if self.state == "delivered" else f"received, and {self.state}"

    @property
    def gap(self) -> str:
        """The seconds from the first request to the second."""
        if len(self.requests) < 2:
            return "no second request"
        return f"{self.requests[1].at - self.requests[0].at:.1f} s"


def _after(*actions: Action, attribute: Any = "teapot") -> After:
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
            batch = Batch.for_user(customer_id="123456").event("Searched", {"query": attribute})
            delivery = client.send(batch)
            client.flush(ENOUGH)
        finally:
            client.close(0)
        return After(server.requests, bool(server.unique_ids), delivery.state, reasons)


# Values


def value(scenario: str, attribute: Any) -> Row:
    """Send an attribute that the wire cannot carry; what became of it."""
    try:
        after = _after(attribute=attribute)
    except (TypeError, ValueError) as error:  # it was not accepted, and the caller knows
        clear = " (clear)" if "attributes['query']" in str(error) else ""
        return Row(scenario, f"{type(error).__name__} in caller{clear}", True)
    if after.state != "delivered":
        return Row(scenario, after.fate, after.told)
    text = json.loads(after.requests[-1].body)["events"][0]["data"].get("custom_attributes")
    return Row(scenario, f"sent as {json.dumps(text)}", after.told)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a row at a time; return 1 if anything was lost in silence."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, without slow rows")
    options = parser.parse_args(arguments)
    logging.getLogger("mpfluent").addHandler(logging.NullHandler())  # the rows say what it says
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    print(f"Python {platform.python_version()}\n", flush=True)
    return table(rows(quick=options.quick))


def table(found: Iterable[Row]) -> int:
    """Print rows as they come, and the last line; return 1 if anything was lost in silence."""
    print("| scenario | mpfluent |\n|---|---|", flush=True)
    silent: list[str] = []
    for row in found:
        print(f"| {row.scenario} | {row.found} |", flush=True)
        if not row.told:
            silent.append(row.scenario)
    lost = f"lost in silence: {'; '.join(silent)}"
    print(f"\n{lost if silent else 'nothing was lost in silence'}")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
