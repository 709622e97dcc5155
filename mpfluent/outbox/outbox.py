"""The outbox: a file that keeps what was handed to ``send``, and outlives the process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial, wraps
from sqlite3 import Connection, DatabaseError
from typing import Concatenate, Never, NoReturn, ParamSpec, TypeVar

from ..errors import ConfigurationError, unknown_option
from ..transport.destination import Destination
from ..utils.fork import process_lock
from ..utils.introspection import PublicNames, expand_kwargs
from .database import MOST_ROWS, Work, totals
from .loading import Loaded, read
from .loading import Stored as Stored  # of the methods' types
from .options import Durability, check_durability, checked_bytes, checked_path, checked_seconds
from .owner import Failed, Lost, Owner
from .rows import INSERT, OwnedRows, Parts, Row

T = TypeVar("T")
P = ParamSpec("P")
Batches = Sequence[tuple[str, Parts]]


class OutboxFull(Exception):
    """The file would hold more than ``max_bytes``."""


def _in_turn(method: Callable[Concatenate[Outbox, P], T]) -> Callable[Concatenate[Outbox, P], T]:
    """Let one thread in at a time, and call its reports when it has released the lock.

    A report is a call of ``failed`` or ``lost``. It settles batches, and may take other locks.
    """

    @wraps(method)
    def turn(self: Outbox, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._pid != os.getpid():
            self.restart()
        reports: list[Callable[[], None]] = []

        def reporting() -> T:
            outer = self._reports
            try:
                self._reports = reports
                return method(self, *args, **kwargs)
            finally:
                self._reports = outer

        try:
            # ``with`` of a raw lock: no Ctrl-C can come between taking it and its block, which is
            # one call (see ``locks.hold``)
            with self._lock:
                return reporting()
        finally:
            for report in reports:
                report()

    return turn


class Outbox(PublicNames):
    """Keeps batches in an SQLite file until they are delivered, so that they survive the process.

    What was handed to ``send`` survives ``kill -9``. The next process with the same API key and
    host sends what a dead process left. Several processes can share one file. If the disk fails,
    sending goes on in memory, and ``stats.outbox_errors`` counts the failure; the file is used
    again as soon as it works. A damaged file is moved aside to ``<path>.corrupt-<time>``.

    Beside the file there are ``<path>-owners``, whose locks show which processes are alive, and
    the files of SQLite. Only the user who made them can read them. The file has to be on a local
    disk.

    Args:
        path: of the file; the first send makes it. Its folder has to exist.
        durability: "normal" survives the death of the process; a power cut may cost the batches
            of the last moments. "full" survives a power cut, too, and each send waits for the disk.
        max_bytes: bytes of JSON that the file holds; then ``when_full`` of the dispatcher decides.
        max_age: seconds; a batch that is older when it is loaded fails with ``expired``.
        lease: seconds without a sign of life after which a process counts as dead. It matters only
            where the system has no file locks (Windows).
        wall: returns Unix seconds; for tests.

    Raises:
        ConfigurationError: the path cannot be a file, or an option is out of range.

    >>> Outbox("outbox.db", max_age=7 * 24 * 3600)
    <Outbox 'outbox.db' durability='normal' max_bytes=268435456 max_age=604800>
    """

    @expand_kwargs
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Durability = "normal",
        max_bytes: int = 256 * 2**20,
        max_age: float = 30 * 24 * 3600.0,
        lease: float = 30.0,
        wall: Callable[[], float] = time.time,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise unknown_option("Outbox", next(iter(unknown)), _OPTIONS)
        self._path = checked_path(path)
        check_durability(durability)
        self.path = os.fspath(path)
        self.durability = durability
        self.max_bytes = checked_bytes(max_bytes)
        self.max_age = checked_seconds("max_age", max_age, "30 * 24 * 3600")
        self.lease = checked_seconds("lease", lease, "30")
        self._wall = wall
        self._destination: Destination | None = None
        self._closed = False
        self._failed: Failed = _ignore
        self._lost: Lost = _ignore
        self._begin()

    def _begin(self) -> None:
        # Guards all below, and the connection: one thread at a time uses the file. Whoever holds
        # it may take a lock of ``locks``, but calls no hook and takes no lock of a dispatcher.
        # Reentrant: a signal handler may send while its thread holds the lock.
        self._lock = threading.RLock()
        self._claimed: list[tuple[int, str]] = []  # adopted rows that are not counted yet
        self._last = 0  # the last number given here, stored or not, so that none is given twice
        self._putting: dict[int, tuple[Batches, list[int]]] = {}  # by the identity of the batches
        self._own = OwnedRows()
        failed, lost = partial(self._report, self._failed), partial(self._report, self._lost)
        settings = self._path, self.durability, self.lease, self._wall
        self._owner = Owner(settings, self._own, self._lock, failed, lost)
        self._reports: list[Callable[[], None]] = []
        self._pid = os.getpid()  # last: other threads read it without the lock, and then go on

    def open(self, destination: Destination, failed: Failed, lost: Lost) -> None:
        """Belong to a dispatcher from now on. No file is opened.

        Args:
            destination: where the batches go; only its rows are stored and adopted.
            failed: is called with each failure of the disk.
            lost: is called with the ids of parked batches that are no longer in the file.

        Raises:
            ConfigurationError: the outbox belongs to another dispatcher.
        """
        if self._destination is not None:
            raise ConfigurationError(
                "an outbox belongs to one dispatcher; write outbox=Outbox(path) for each"
            )
        self._destination, self._failed, self._lost = destination, failed, lost
        self._begin()

    @_in_turn
    def ready(self) -> bool:
        """Open the file if it is not open; return whether it is.

        Raises:
            ConfigurationError: the file is another program's or a newer version's.
        """
        return self._is_usable() and self._owner.current() is not None

    @_in_turn
    def put(self, batches: Batches) -> list[int] | None:
        """Store batches that the caller has in memory.

        Args:
            batches: the id and the parts of each.

        Returns:
            Their rows, or None if the disk failed.

        Raises:
            OutboxFull: they do not fit; none of them is stored.
        """
        if not batches:
            return []
        rows = self._transact(partial(self._insert, batches), None)
        if rows is not None:
            self._own.held.update(zip(rows, [id for id, _ in batches]))
            self._remove_rest()
        return rows

    def _insert(self, batches: Batches, connection: Connection) -> list[int]:
        held, last = totals(connection)
        last = max(last, self._last)
        whose, created, owner = self._whose(), float(self._wall()), self._owner.number
        rows = [
            Row.of(row, whose, id, created, parts, owner)
            for row, (id, parts) in enumerate(batches, last + 1)
        ]
        if held > 0 and held + sum([row.size for row in rows]) > self.max_bytes:
            raise OutboxFull(f"{held} of {self.max_bytes} bytes wait in the outbox")
        self._last = rows[-1].row
        numbers = [row.row for row in rows]
        self._putting[id(batches)] = batches, numbers
        if self._owner.lock is None:
            self._owner.sign(connection)  # whoever stores something is alive
        connection.executemany(INSERT, rows)
        return numbers

    def put_so_far(self, batches: Batches) -> list[int]:
        """Return the rows that ``put`` may have stored of these batches before an interrupt."""
        return self._putting.get(id(batches), (batches, []))[1]

    def know_put(self, batches: Batches) -> None:
        """Forget which rows these batches have: the caller knows them now."""
        self._putting.pop(id(batches), None)

    @_in_turn
    def join(self, rows: Sequence[int]) -> bool:
        """Store that these rows travel as one batch, in this order; a single row travels alone.

        Returns:
            Whether that is stored.
        """
        group = rows[0] if len(rows) > 1 else None
        owner = self._owner.number
        values = [(group, position, row, owner) for position, row in enumerate(rows)]
        update = "UPDATE rows SET grp = ?, place = ? WHERE row = ? AND owner = ?"

        def store(connection: Connection) -> bool:
            stored = connection.executemany(update, values).rowcount == len(values)
            if not stored:  # one of the rows is gone: the others must not name a group without it
                connection.executemany(update, [(None, 0, row, owner) for row in rows])
            return stored

        return self._transact(store, False)

    @_in_turn
    def park(self, rows: Sequence[int], *, tried: bool = False) -> None:
        """Keep rows for later: the caller drops them from memory.

        Only this process has to know that, so nothing is written, and nothing can fail. When this
        process is dead, another one adopts its rows, parked or not.

        Args:
            rows: their numbers.
            tried: whether they were tried in vain; those that were loaded before were.
        """
        held = self._own.held
        self._own.park([(row, held[row]) for row in rows if row in held], tried=tried)
        for row in rows:
            held.pop(row, None)

    @property
    @_in_turn
    def oldest(self) -> int | None:
        """The oldest row that this process keeps for later."""
        return min(self._own.parked, default=None)

    @_in_turn
    def load(
        self,
        count: int = 100,
        most_bytes: int = 256_000,
        untried: bool = False,
        taken: list[int] | None = None,
        *,
        oldest: bool = False,
    ) -> list[Stored]:
        """Return own parked rows, which the caller has in memory from now on.

        The least tried rows come first, and of these the oldest. Rows that travel as one batch
        come together, in their order.

        Args:
            count: rows at most.
            most_bytes: bytes of JSON at most. One batch is always returned, however large it is.
            untried: return only rows that were never tried.
            taken: gets the numbers of the rows before they are held, for a caller that is
                interrupted before it has the result.
            oldest: return the oldest row, however often it was tried.
        """
        own = self._own
        first: list[int] = [min(own.parked)] if oldest and own.parked else []
        since = self._wall() - self.max_age

        def look(connection: Connection) -> Loaded:
            return read(connection, own, self._owner.number, first, count, most_bytes, since)

        try:
            if not oldest:
                own.take_first(first, count, untried=untried)
            nothing = Loaded([], [], set())
            loaded, missing, damaged = self._transact(look, nothing, "DEFERRED", moved=True)
            rows = [stored.row for stored in loaded]
            if taken is not None:
                taken += rows
            own.held.update([(row, own.parked[row]) for row in rows])
            own.unpark(rows)
            if missing or damaged:
                own.unremoved.update(damaged)
                self._report(self._lost, own.unpark({*missing, *damaged}))
            for row in damaged:
                self._report(self._failed, DatabaseError(f"row {row} is damaged"))
        finally:
            if not oldest:  # whatever was not loaded is loaded later, also after an interrupt
                own.put_back(first)
        self._remove_rest()
        return loaded

    @_in_turn
    def remove(self, rows: Sequence[int]) -> None:
        """Remove rows that were delivered or have failed; if the disk fails, later."""
        self._own.remove(rows)
        self._remove_rest()

    def _remove_rest(self) -> None:
        unremoved = self._own.unremoved
        done: bool = bool(unremoved) and self._transact(self._delete, False, moved=True)
        if done:
            unremoved.clear()

    def _delete(self, connection: Connection) -> bool:
        # AND owner: another process may have adopted the row since. And a number that we gave may
        # not be stored, while another process has given the same one.
        rows = [(row, self._owner.number) for row in sorted(self._own.unremoved)]
        connection.executemany("DELETE FROM rows WHERE row = ? AND owner = ?", rows)
        return True

    @_in_turn
    def adopt(self, count: Callable[[int], object] = lambda rows: None) -> int:
        """Adopt the rows that dead processes left for this destination; return how many.

        Args:
            count: is called with their number before they can be loaded.
        """
        claimed = self._claimed = self._transact(self._claim, [])
        count(len(claimed))
        self.take_up()
        return len(claimed)

    @_in_turn
    def take_up(self) -> None:
        """Park the rows that were adopted and counted; once more, if Ctrl-C came meanwhile."""
        self._own.park([(row, id) for row, id in self._claimed if row not in self._own.parked])
        self._claimed = []

    def _claim(self, connection: Connection) -> list[tuple[int, str]]:
        owner = self._owner
        owner.sign(connection)
        owner.delete_dead_owners(connection)
        own = self._own
        puts = [row for _, put in self._putting.values() for row in put]
        known = {*own.held, *own.parked, *own.unremoved, *puts}
        found = connection.execute(_LEFT, (*self._whose(), MOST_ROWS, owner.number))
        claimed = [(row, str(id)) for row, id in found if row not in known]
        rows = [(owner.number, row) for row, _ in claimed]
        connection.executemany("UPDATE rows SET owner = ? WHERE row = ?", rows)
        return claimed

    @property
    def parked(self) -> int:
        """How many rows this process keeps for later."""
        return len(self._own.parked) if self._pid == os.getpid() else 0

    @property
    def stored(self) -> int:
        """How many batches of this process are in the file, as far as it knows."""
        return len(self._own.held) + len(self._own.parked) if self._pid == os.getpid() else 0

    @property
    def untried(self) -> int:
        """How many of the parked rows this process has not tried to send."""
        return len(self._own.untried) if self._pid == os.getpid() else 0

    @_in_turn
    def elsewhere(self) -> int:
        """Return how many rows have the same API key, but go to another address."""
        query = "SELECT COUNT(*) FROM rows WHERE host <> ? AND key = ?"

        def count(connection: Connection) -> int:
            return int(connection.execute(query, self._whose()).fetchone()[0])

        return self._transact(count, 0, "DEFERRED")

    @property
    def tend_every(self) -> float | None:
        """Seconds between calls of ``tend``; None where locks show who is alive."""
        here = self._pid == os.getpid() and self._owner.is_open
        # a third: two signs of life may be late before the lease is over
        return self.lease / 3 if here and self._owner.lock is None else None

    @_in_turn
    def tend(self) -> None:
        """Give a sign of life, and remove the rows that could not be removed before."""
        if self._owner.is_open:
            if self._owner.lock is None:
                self._transact(self._owner.sign, None)
            self._remove_rest()

    def restart(self) -> None:
        """Begin with nothing, in a forked child: the rows are the parent's."""
        with process_lock():  # the outbox's own lock may be held by a thread of the parent
            if self._pid != os.getpid():
                self._owner.leave_to_parent()
                self._begin()

    @_in_turn
    def close(self) -> None:
        """Close the file for good; whoever opens it next adopts what is in it."""
        if not self._closed:
            if self._owner.is_open:
                self._remove_rest()
            self._owner.leave()
            self._own, self._closed = OwnedRows(), True

    def _report(self, report: Callable[[T], None], what: T) -> None:
        """Make this call when the lock is released."""
        self._reports.append(partial(report, what))

    def _transact(
        self, work: Work[T], otherwise: T, kind: str = "IMMEDIATE", *, moved: bool = False
    ) -> T:
        if not self._is_usable():
            return otherwise
        return self._owner.transact(work, otherwise, kind, moved=moved)

    def _is_usable(self) -> bool:
        self._whose()
        if self._closed:
            self._report(self._failed, OSError("the outbox is closed"))
        return not self._closed

    def _whose(self) -> Destination:
        if self._destination is None:
            raise ConfigurationError(
                "an outbox belongs to a dispatcher; write ThreadedDispatcher(outbox=Outbox(path))"
            )
        return self._destination

    def __repr__(self) -> str:
        shown = " ".join(f"{name}={getattr(self, name, None)!r}" for name in _OPTIONS[1:4])
        return f"<Outbox {getattr(self, 'path', None)!r} {shown}>"

    def __reduce__(self) -> NoReturn:
        why = "it is a file that this process has open; write Outbox(path) where you need it"
        raise ConfigurationError(f"an outbox cannot be pickled, for {why}")


_OPTIONS = ("path", "durability", "max_bytes", "max_age", "lease", "wall")
# The rows of a destination that no living process has. Those with our own number, too: if we do not
# know them, Ctrl-C came after they were claimed.
_LEFT = """
    SELECT row, id FROM rows WHERE host = ? AND key = ? AND row BETWEEN 1 AND ?
    AND (owner IS NULL OR owner NOT IN (SELECT id FROM owners WHERE id <> ?)) ORDER BY row
"""


def _ignore(what: object) -> None:
    """Do nothing: no dispatcher has opened the outbox."""
