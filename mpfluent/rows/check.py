"""A dry run of a table: what a client would do with it, without one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from ..builder.batch import Batch
from ..delivery.stats import Traffic
from ..errors import InvalidBatch
from ..wire.body import Part, encode, pack, split
from ..wire.checks import check_historical, check_limits
from ..wire.limits import identities, plain_context, problems
from ..wire.seal import seal
from .groups import Group
from .report import RowsReport
from .row import Row
from .run import TAKEN, TableRun
from .settings import Settings

_ID = "0" * 36  # is as long as a UUID


def dry_run(
    settings: Settings, environment: str | None, *, historical: bool, rate_limit: float
) -> RowsReport:
    """Return the report of a run that sends nothing and writes no file.

    Args:
        settings: of the table.
        environment: for batches that name none.
        historical: whether they go to the historical endpoint.
        rate_limit: batches a second.
    """
    now = time.time_ns() // 1_000_000
    counts: Counter[str] = Counter()
    names: Counter[str] = Counter()  # identities that the key is, too

    def parts() -> Iterator[Part]:
        for batch, group in run:
            try:
                if historical:
                    check_historical(batch, now)
                sealed = seal(batch, lambda: now, lambda count: [_ID] * count, environment)
                check_limits(problems(sealed, historical=historical, now=now))
                found = split(sealed, encode(sealed))
            except InvalidBatch as error:
                run.refused(group, error)
                continue
            run.settled(group, TAKEN)
            counts["batches"] += 1
            counts["bytes"] += sum(len(part.body) for part in found)
            counts["parts"] += len(found)
            names.update(_key_identities(settings, group))
            yield from found

    with TableRun(settings, environment, is_dry=True) as run:
        requests = sum(1 for _ in pack(parts(), lambda part: len(part.body)))
    report = run.report(counts["batches"], Traffic(requests))
    notes = [
        f"the key is the {name} of each row: of one user, only the first row is sent, and an "
        "upload under the same job is dropped; name the columns that tell one row from another"
        for name, count in names.items()
        if count == report.delivered
    ]
    return report._replace(
        bytes=counts["bytes"],
        seconds_at_limit=counts["parts"] / rate_limit,
        notes=(*notes, *report.notes),
        is_check=True,
    )


def _key_identities(settings: Settings, group: Group) -> Iterator[str]:
    """Yield the identities that are the key of a row, for each row of a group."""
    columns = settings.key_columns()
    if len(columns) != 1:
        return
    table = settings.table()
    for member in group.members:
        if isinstance(member.cells, Batch):
            continue
        key = Row(member.cells, member.place, table).text(columns[0])
        for name, value in identities(plain_context(member.batch)):
            if value == key:
                yield name
                break
