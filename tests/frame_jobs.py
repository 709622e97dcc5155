"""What workers of Spark and of Dask run in tests, and what the tests look at afterwards."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pages import ROOT, blocks

from mpfluent import Batch, Client
from mpfluent.partitions import stable_id


def orders(user, rows):
    """Return the batch of a user: an event a row."""
    batch = Batch.for_user(customer_id=user).with_source_request_id(
        stable_id("orders", *(row.id for row in rows))
    )
    for row in rows:
        batch = batch.event("Ordered", {"id": str(row.id)}, at=1795428900000 + row.id)
    return batch


def what_they_see(user, rows):
    """Return a batch that says what its function got."""
    batch = Batch.for_user(customer_id=str(user)).with_source_request_id(stable_id("seen", user))
    for row in rows:
        cells = {name: f"{type(cell).__name__} {cell}" for name, cell in row}
        batch = batch.event("Seen", cells, at=1795428900000)
    return batch


def poisoned(user, rows):
    """Fail for one user as a bug does."""
    if user == "user-7":
        raise ZeroDivisionError("no such price")
    return orders(user, rows)


class Dying:
    """Makes batches, and is killed half-way in a partition; so many times, in all processes.

    Args:
        folder: gets a file for each time.
        times: how often.
        after: how many batches of the partition are made before.
    """

    def __init__(self, folder, times, after=150):
        self.folder, self.times, self.after = folder, times, after
        self.calls = 0  # each run of a partition has a copy of its own

    def __call__(self, user, rows):
        self.calls += 1
        if self.calls == self.after:
            for number in range(self.times):
                with suppress(FileExistsError):  # another process has died this death
                    (self.folder / str(number)).touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGKILL)
        return orders(user, rows)


class Once:
    """Makes a client; the first one in all processes leads nowhere.

    Args:
        file: is there when one was made.
        wrong: settings of the first one; and of all others.
    """

    def __init__(self, file, wrong, right):
        self.file, self.wrong, self.right = str(file), wrong, right

    def __call__(self):
        try:
            Path(self.file).touch(exist_ok=False)
        except FileExistsError:
            return Client(**self.right)
        return Client(**self.wrong)


def ids_of(server):
    """Return the ids of the events that arrived, in no order."""
    return sorted(int(event.attributes["id"]) for batch in server.batches for event in batch.events)


def figures(engine, server, rows):
    """Print what became of the rows; return how many counted twice, and how many were lost.

    How many requests are answered 429 is only printed: a request that has its turn may wait for a
    core, and then arrive together with the next ones.
    """
    events = [event for batch in server.batches for event in batch.events]
    distinct = {event.source_message_id for event in events}
    received = sum(len(request.batch_ids) for request in server.requests)
    refused = [request.status_code for request in server.requests].count(429)
    twice, lost = len(events) - len(distinct), rows - len(set(ids_of(server)))
    rate = received / max(server.gap(0, -1), 0.001)
    print(
        f"{engine}: {rows} rows sent, {len(events)} events received, {twice} twice, {lost} lost; "
        f"{received} batches, {len(server.duplicates)} of them again, {refused} answered 429, "
        f"{rate:.0f} a second"
    )
    return twice, lost


def write_orders(folder):
    """Write the table of docs/spark-and-dask.md: three orders of two users."""
    import pyarrow
    from pyarrow import parquet

    folder.mkdir()
    at = datetime(2026, 11, 1, tzinfo=UTC)
    cells = {"id": [1, 2, 3], "user_id": ["a", "b", "a"], "sku": ["x"] * 3, "at": [at] * 3}
    kinds = [("id", pyarrow.int64()), ("user_id", pyarrow.string()), ("sku", pyarrow.string())]
    schema = pyarrow.schema([*kinds, ("at", pyarrow.timestamp("us", "UTC"))])
    parquet.write_table(pyarrow.table(cells, schema), folder / "part.parquet")


def page_for(engine, url, orders):
    """Return the program of docs/spark-and-dask.md, for a server and a table on this machine."""
    found = blocks(ROOT / "docs/spark-and-dask.md")
    code = [block.text for block in found if block.kind == "python"]
    code += [block.text for block in found if f"integrations.{engine}" in block.text]
    text = "\n".join(code)
    for printed, here in (
        ("rate_limit=limit)", f"api_key='key', api_secret='secret', host={url!r})"),
        ("partitions=1000", "partitions=4"),
        ('parquet("orders"', f"parquet({str(orders)!r}"),
    ):
        assert text.count(printed) == 1
        text = text.replace(printed, here)
    line = "from mpfluent.integrations.redis import RedisRateLimit"
    return text.replace(line, "def RedisRateLimit(*_, **__): pass")


def run_example(name, folder):
    """Run an example without keys in a folder of its own; return what it prints."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
