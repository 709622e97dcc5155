"""A table of policies whose runs are broken off, and what must hold when the last one ended.

``python table_runs.py URL FOLDER MODE KILL`` runs it, and prints its report as one line of JSON.
KILL is ``MOMENTS:NUMBER``: the process kills itself at the call or the return of a function with
that number, of all or of those that change files. So a moment is one of progress, and not of time.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

from internals import send_all

from mpfluent import Batch, Client, FunctionTransport, RequestsTransport, Retry, ThreadedDispatcher
from mpfluent.rows import Rows

COLUMNS = ("policy", "customer", "visits", "kind")
PARTS = ("delivered", "failed", "rejected", "duplicates", "skipped", "resumed", "kept")
FILES = {"replace", "fsync", "write", "open", "unlink", "truncate", "seek", "flock", "close"}
WINDOW = 48  # rows, of 16 customers


def kind_of(index: int) -> str:
    """Return what is wrong with a row, if anything is."""
    if index % 29 in (2, 3):
        return "twin" if index % 29 == 3 else "new"
    wrong = ((37, "bad cell"), (41, "nobody"), (53, "refused"), (61, "left out"))
    return next((kind for every, kind in wrong if index % every == 5), "new")


def cells_of(index: int) -> tuple[str, ...]:
    """Return a row."""
    kind = kind_of(index)
    policy = index - 1 if kind == "twin" else index
    customer = "" if kind == "nobody" else f"c{index // 3}"
    return f"P-{policy}", customer, "x" if kind == "bad cell" else f"{index}", kind


def write_table(path: Path, rows: int) -> None:
    """Write the table as a CSV."""
    lines = [",".join(cells) for cells in (COLUMNS, *map(cells_of, range(rows)))]
    path.write_text("\n".join([*lines, ""]))


def imported(row):
    """Return what a row means."""
    if row.text("kind") == "left out":
        return None
    batch = Batch.for_user(customer_id=row.text("customer"))
    number = row.integer("visits")
    return batch.event("Imported", row.pick("policy", "kind")).event("Visited", {"visits": number})


def table(folder: Path, mode: str, mapping=imported) -> Rows:
    """Return the table, with all that a nightly job has."""
    rows = Rows.from_csv(folder / "policies.csv").map(mapping)
    rows = rows.with_key("policy", job="policies 2026-11")
    rows = rows.with_rejects(folder / "rejects.jsonl").with_checkpoint(folder / "checkpoint")
    return rows.grouped_by("customer", window=WINDOW) if "grouped" in mode else rows


def refusing(transport):
    """Return a transport that refuses some batches, and hands on all others."""
    return FunctionTransport(
        lambda request: 400 if b'"refused"' in request.body else transport.send(request)
    )


def dispatcher_of(mode: str):
    """Return how a mode sends."""
    return ThreadedDispatcher(flush_interval=0.001, workers=2) if "threaded" in mode else None


# What holds when a run has ended


def wrong_report(report) -> list[str]:
    """Return what is wrong with a report: it adds up at every moment."""
    total = sum(getattr(report, name) for name in PARTS)
    return [] if total == report.rows and report.pending >= 0 else [f"it does not add up: {report}"]


def wrong_lines(folder: Path) -> list[str]:
    """Return what is wrong with the rejects file: each line is whole."""
    path = folder / "rejects.jsonl"
    text = path.read_text() if path.exists() else ""
    found = [] if not text or text.endswith("\n") else [f"half a line: {text[-80:]!r}"]
    for line in text.splitlines():
        try:
            json.loads(line)
        except ValueError:
            found.append(f"no line of JSON: {line!r}")
    return found


def rejected_in(folder: Path) -> Counter[int]:
    """Return how often each row is in the rejects file."""
    path = folder / "rejects.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return Counter(json.loads(line)["index"] for line in lines)


def policies_in(batches) -> Counter[str]:
    """Return how often each policy arrived."""
    return Counter(
        event.custom_attributes["policy"]
        for batch in batches
        for event in batch.events
        if event.event_name == "Imported"
    )


def outcomes(folder: Path, arrived: Counter[str], rows: int, *, is_grouped: bool):
    """Yield each row with how often it arrived and was rejected, and what it should have been."""
    rejected = rejected_in(folder)
    refused = {
        index // 3 if is_grouped else index for index in range(rows) if kind_of(index) == "refused"
    }
    for index in range(rows):
        kind, (policy, *_) = kind_of(index), cells_of(index)
        want = {"left out": (0, 0), "bad cell": (0, 1), "nobody": (0, 1), "refused": (0, 1)}
        if kind == "new":
            with_it = (index // 3 if is_grouped else index) in refused
            want["new"] = (0, 1) if with_it else (1, 0)
        elif kind == "twin":
            want["twin"] = (arrived[policy], 0)
        yield index, (arrived[policy], rejected[index]), want[kind]


def wrong_at_checkpoint(folder: Path, arrived: Counter[str], *, is_grouped: bool) -> list[str]:
    """Return which rows before the checkpoint are not settled."""
    path = folder / "checkpoint"
    rows = json.loads(path.read_text())["rows"] if path.exists() else 0
    lost = [
        (index, found)
        for index, found, want in outcomes(folder, arrived, rows, is_grouped=is_grouped)
        if found != want
    ]
    return [f"the checkpoint of {rows} passes {lost[:5]}"] if lost else []


def wrong_at_end(folder: Path, arrived: Counter[str], rows: int, *, is_grouped: bool) -> list[str]:
    """Return what is wrong when all is done: each row arrived or is a reject, and once."""
    wrong = [
        f"row {index}, {kind_of(index)}: arrived, rejected {found}, and not {want}"
        for index, found, want in outcomes(folder, arrived, rows, is_grouped=is_grouped)
        if found != want
    ]
    left = [name for name in os.listdir(folder) if name.startswith("rejects.jsonl.")]
    return [*wrong[:10], *[f"left beside: {name}" for name in left], *wrong_lines(folder)]


class World:
    """A table, a server in this process that removes duplicates, and what became of the rows."""

    def __init__(self, mode, folder, rows):
        self.mode, self.folder, self.rows = mode, Path(folder), rows
        self.taken = {}  # by id
        self.report = None
        write_table(self.folder / "policies.csv", rows)

    def answer(self, request):
        return 400 if b'"refused"' in request.body else self.take(request)

    def take(self, request):
        body = request.json()
        for entry in body if isinstance(body, list) else [body]:
            self.taken.setdefault(entry["source_request_id"], entry)
        return 202

    def client(self, **options):
        options = {
            "dispatcher": dispatcher_of(self.mode),
            "retry": Retry(max_elapsed=10),
            **options,
        }
        options.setdefault("transport", FunctionTransport(self.answer))
        return Client("key", "secret", environment="production", **options)

    def table(self, mapping=imported):
        return table(self.folder, self.mode, mapping)

    def send(self, client, rows=None):
        self.report = client.send_all(self.table() if rows is None else rows)
        return self.report

    def arrived(self):
        """Return how often each policy arrived, of the JSON: to read a batch takes long."""
        events = itertools.chain(*(entry["events"] for entry in self.taken.values()))
        return Counter(
            event["data"]["custom_attributes"]["policy"]
            for event in events
            if event["data"]["event_name"] == "Imported"
        )

    def wrong_now(self):
        """Return what is wrong at any moment: with lines, and with what the checkpoint passes."""
        is_grouped = "grouped" in self.mode
        passed = wrong_at_checkpoint(self.folder, self.arrived(), is_grouped=is_grouped)
        return wrong_lines(self.folder) + passed

    def wrong_at_end(self):
        """Send the rest; return what is wrong then."""
        with self.client() as client:
            report = self.send(client)
        wrong = wrong_report(report)
        if (report.rows, report.pending) != (self.rows, 0):
            wrong.append(f"the next run: {report}")
        is_grouped = "grouped" in self.mode
        return wrong + wrong_at_end(self.folder, self.arrived(), self.rows, is_grouped=is_grouped)


# A process of its own


def killing(kill: str):
    """Return a counter, and the function that kills at its number."""
    moments, _, number = kill.partition(":")
    last, count = int(number), itertools.count(1)

    def profile(frame, event, argument):
        if moments == "files" and (
            not event.startswith("c_") or getattr(argument, "__name__", "") not in FILES
        ):
            return
        if next(count) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return count, profile


def main(url: str, folder: str, mode: str, kill: str) -> None:
    send_all._EVERY = 0.001  # seconds between two checkpoints, so that each life has many
    count, profile = killing(kill)
    real = RequestsTransport()
    with Client(
        *("key", "secret"),
        environment="production",
        host=url,
        transport=refusing(real),
        dispatcher=dispatcher_of(mode),
        retry=Retry(base=0.05, max_elapsed=30),
    ) as client:
        rows = table(Path(folder), mode)
        threading.setprofile(profile)
        sys.setprofile(profile)
        report = client.send_all(rows)
        sys.setprofile(None)
    facts = {name: getattr(report, name) for name in ("rows", "pending", *PARTS)}
    print(json.dumps({**facts, "moments": next(count)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
