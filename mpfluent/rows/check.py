"""A dry run of a table: what a client would do with it, without one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from operator import attrgetter

from ..builder.batch import Batch
from ..delivery.stats import Traffic
from ..errors import InvalidBatch
from ..wire.body import Part, encode, pack, split
from ..wire.checks import check_historical, check_limits
from ..wire.limits import identities, plain_context, problems
from ..wire.seal import seal
from .groups import Group
from .report import RowsReport, counted
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

    Raises:
        ConfigurationError: something is wrong with the table or its mapping. What ends it has the
            ``report`` until then.
    """
    now = time.time_ns() // 1_000_000
    counts: Counter[str] = Counter()
    notes: Counter[str] = Counter()  # of single rows
    advised: Counter[str] = Counter()  # batches, by the kind of a problem

    def new_ids(count: int) -> list[str]:
        return [_ID] * count

    def parts() -> Iterator[Part]:
        for batch, own_id, group in run.batches():
            try:
                if historical:
                    check_historical(batch, now)
                sealed = seal(batch, lambda: now, new_ids, environment, own_id)
                encoded = encode(sealed)
                said = problems(sealed, encoded, historical=historical, now=now)
                check_limits(said)
                found = split(sealed, encoded)
            except InvalidBatch as error:
                run.refused(group, error)
                continue
            run.settled(group, TAKEN)
            counts["batches"] += 1
            counts["bytes"] += sum(len(part.body) for part in found)
            counts["parts"] += len(found)
            advised.update({one.kind for one in said})
            notes.update(_of_identities(settings, group))
            yield from found

    def report() -> RowsReport:
        found = run.report(counts["batches"], Traffic(counts["requests"]))
        of_all = [note for note, count in notes.items() if count == found.delivered]
        for kind, text in _ADVICE.items():
            if advised[kind]:
                of_all.append(text.format(counted(advised[kind], "batch", "batches")))
        return found._replace(
            bytes=counts["bytes"],
            seconds_at_limit=counts["parts"] / rate_limit,
            notes=(*of_all, *found.notes),
            is_check=True,
        )

    run = TableRun(settings, environment, is_dry=True)
    try:
        with run:
            for _ in pack(parts(), attrgetter("body")):
                counts["requests"] += 1
        return report()
    except BaseException as error:
        with suppress(Exception):  # a foreign exception may take no attribute
            error.report = report()  # type: ignore[attr-defined]
        raise


_ADVICE = {
    "old_event": (
        "{} with events over 30 days old; write check(historical=True) for the endpoint of those"
    ),
    "far_event": "{} with events after the year 5138: times are in microseconds or nanoseconds",
}
_KEY = (
    "the key is the {} of each row: of one user, only the first row is sent, and an upload under "
    "the same job is dropped; name the columns that tell one row from another"
)
_OWN_ID = (
    "the source_request_id is the {} of each row: of one user, only the first row is sent, and "
    "each later upload is dropped; write with_key(…, job=…) instead"
)


def _of_identities(settings: Settings, group: Group) -> Iterator[str]:
    """Yield a note for each row of a group whose id is made of nothing but an identity."""
    columns, table = settings.key_columns(), settings.table()
    for member in group.members:
        if isinstance(member.cells, Batch):
            continue
        text, own = _OWN_ID, member.batch._get("source_request_id")
        if len(columns) == 1:
            text, own = _KEY, Row(member.cells, member.place, table).text(columns[0])
        of_user = identities(plain_context(member.batch)) if own is not None else ()
        # a mapping may have made other letters of it
        meant = str(own).strip().casefold()
        name = next((name for name, value in of_user if value.strip().casefold() == meant), None)
        if name is not None:
            yield text.format(name)
