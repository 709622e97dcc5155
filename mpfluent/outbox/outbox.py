"""The outbox: what was handed to ``send``, in a file that outlives the process."""

from __future__ import annotations

import heapq
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial, wraps
from typing import Concatenate, Literal, NamedTuple, Never, NoReturn, ParamSpec, TypeVar, get_args

from ..errors import ConfigurationError, brief, closest, unknown_option
from ..transport.destination import Destination
from ..utils.fork import process_lock
from ..utils.introspection import PublicNames, expand_kwargs
from ..utils.options import integer_between, number_between
from ..wire.body import Part
from .database import INSERT, MOST_ROWS, Row, Work, select, totals
from .owner import OwnedRows, Owner

T = TypeVar("T")
P = ParamSpec("P")
Durability = Literal["normal", "full"]
Batches = Sequence[tuple[str, tuple[Part, ...]]]


class Stored(NamedTuple):
    """A batch from the outbox.

    Attributes:
        row: its number in the file.
        id: its ``source_request_id``.
        parts: what it travels as.
        created: Unix seconds when it was put there.
        group: the first row of those it travels with as one batch, if it does.
        expired: whether it is older than the outbox keeps batches.
        tries: how often this process tried to send it, in vain.
    """

    row: int
    id: str
    parts: tuple[Part, ...]
    created: float
    group: int | None
    expired: bool
    tries: int = 0


class OutboxFull(Exception):
    """The file would hold more than ``max_bytes``."""


def _in_turn(
    method: Callable[Concatenate[Outbox, P], T],
) -> Callable[Concatenate[Outbox, P], T]:
    """Let one thread in at a time; tell what failed when it is out again."""

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
            with self._lock:  # here, where no Ctrl-C can come between the lock and the block
                return reporting()
        finally:
            for report in reports:  # without the lock, for they may wait for another one
                report()

    return turn


class Outbox(PublicNames):
    """Keeps batches in an SQLite file until they are delivered, so that they survive the process.

    What was handed to ``send`` survives ``kill -9``: the next process with the same API key and
    host sends what a dead one left. Several processes can share one file. Where the disk fails,
    sending goes on in memory, ``stats.outbox_errors`` counts it, and the file is used again when
    it works again; a damaged file is moved aside to ``<path>.corrupt-<time>``.

    Beside the file there are ``<path>-owners``, whose locks tell which processes live, and what
    SQLite keeps there, all readable by their owner only. The file has to be on a local disk.

    Args:
        path: of the file; it is made with the first send. Its folder has to exist.
        durability: "normal" survives the death of the process, and a power cut may cost the
            last moments; "full" survives that, too, and makes each send wait for the disk.
        max_bytes: of JSON that the file holds; then ``when_full`` of the dispatcher decides.
        max_age: seconds; what is older when it is loaded fails with ``expired``.
        lease: seconds after which a process that gave no sign of life counts as dead, where
            the system has no file locks (Windows).
        wall: Unix seconds, for tests.

    Raises:
        ConfigurationError: the path cannot be a file, or a number makes no sense.

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
        self._path = _checked_path(path)
        if durability not in get_args(Durability):
            meant = closest(durability, get_args(Durability)) or "normal"
            raise ConfigurationError(
                f"Outbox(durability={brief(durability)}): want 'normal' or 'full'; "
                f"write durability={meant!r}"
            )
        most_bytes = integer_between(max_bytes, 1)
        if most_bytes is None:
            raise ConfigurationError(
                f"Outbox(max_bytes={brief(max_bytes)}): want an integer, 1 or more; "
                "write max_bytes=256 * 2**20"
            )
        self.path = os.fspath(path)
        self.durability = durability
        self.max_bytes = most_bytes
        self.max_age = _seconds("max_age", max_age, "30 * 24 * 3600")
        self.lease = _seconds("lease", lease, "30")
        self._wall = wall
        self._destination: Destination | None = None
        self._closed = False
        self._failed: Callable[[Exception], None] = _unheard
        self._lost: Callable[[list[str]], None] = _unheard
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._next: list[tuple[int, int]] = []  # a heap of tries and rows, some of them outdated
        self._tries: dict[int, int] = {}  # of the rows that are parked, or were and are held
        self._claimed: list[tuple[int, str]] = []  # what is not counted yet
        self._last = 0  # number that was given here, stored or not: none means two rows
        self._putting: dict[int, tuple[Batches, list[int]]] = {}  # by identity
        self._own = OwnedRows({}, {}, set(), set())
        self._owner = Owner(
            self._path,
            full=self.durability == "full",
            lease=self.lease,
            wall=self._wall,
            own=self._own,
            busy=self._lock,
            failed=partial(self._report, self._failed),
            lost=partial(self._report, self._lost),
        )
        self._reports: list[Callable[[], None]] = []
        self._pid = os.getpid()  # last, since other threads look at it without the lock

    def open(
        self,
        destination: Destination,
        failed: Callable[[Exception], None],
        lost: Callable[[list[str]], None],
    ) -> None:
        """Belong to a dispatcher from now on; opens no file.

        Args:
            destination: whose rows to put, and to adopt.
            failed: is called with each failure of the disk.
            lost: is called with the ids of parked batches that are in the file no more.

        Raises:
            ConfigurationError: it belongs to another one.
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
        """Store batches that the caller has in memory; return their rows, or None if it failed.

        Args:
            batches: the id and the parts of each.

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

    def _insert(self, batches: Batches, connection: sqlite3.Connection) -> list[int]:
        held, last = totals(connection)
        last = max(last, self._last)
        whose, created, owner = self._whose(), float(self._wall()), self._owner.number
        rows = [
            Row.of(row, *whose, id, created, parts, owner)
            for row, (id, parts) in enumerate(batches, last + 1)
        ]
        if held > 0 and held + sum([row.size for row in rows]) > self.max_bytes:
            raise OutboxFull(f"{held} of {self.max_bytes} bytes wait in the outbox")
        self._last = rows[-1].row
        numbers = [row.row for row in rows]
        self._putting[id(batches)] = batches, numbers
        if not self._owner.is_locked:
            self._owner.sign(connection)  # who puts is alive
        connection.executemany(INSERT, rows)
        return numbers

    def put_so_far(self, batches: Batches) -> list[int]:
        """Return the rows that ``put`` may have stored of these, where it was broken off."""
        return self._putting.get(id(batches), (batches, []))[1]

    def know_put(self, batches: Batches) -> None:
        """Let the caller be the one who knows their rows."""
        self._putting.pop(id(batches), None)

    @_in_turn
    def join(self, rows: Sequence[int]) -> bool:
        """Store that these rows travel as one batch, in this order; a single row travels alone.

        Returns:
            Whether it is stored.
        """
        group = rows[0] if len(rows) > 1 else None
        owner = self._owner.number
        places = [(group, place, row, owner) for place, row in enumerate(rows)]
        update = "UPDATE rows SET grp = ?, place = ? WHERE row = ? AND owner = ?"

        def store(connection: sqlite3.Connection) -> bool:
            stored = connection.executemany(update, places).rowcount == len(places)
            if not stored:  # one of them is there no more: none may say that it travels so
                connection.executemany(update, [(None, 0, row, owner) for row in rows])
            return stored

        return self._transact(store, False)

    @_in_turn
    def park(self, rows: Sequence[int], *, tried: bool = False) -> None:
        """Keep rows for later: nobody has them in memory any more.

        Only this process has to know, so that it cannot fail: what a dead process had, in memory
        or not, is parked for whoever adopts it.

        Args:
            rows: their numbers.
            tried: whether they were tried in vain; those that were loaded before were.
        """
        held = self._own.held
        self._keep([(row, held[row]) for row in rows if row in held], tried=tried)
        for row in rows:
            held.pop(row, None)

    def _keep(self, rows: Iterable[tuple[int, str]], *, tried: bool = False) -> None:
        for row, id in rows:
            tries = self._tries[row] = self._tries.get(row, 0 if tried else -1) + 1
            if not tries:
                self._own.untried.add(row)
            heapq.heappush(self._next, (tries, row))
            self._own.parked[row] = id

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

        Those that were tried least come first, and of these the oldest.

        Rows that travel as one batch come together, in their order.

        Args:
            count: rows at most, and
            most_bytes: bytes of JSON at most; but always one batch, however large.
            untried: return none that was tried in vain.
            taken: gets the numbers of the rows, first of all, for a caller that is broken off.
            oldest: return the oldest one, however often it was tried.
        """
        held, parked, _, unremoved = self._own
        tried: list[int] = [min(parked)] if oldest and parked else []
        try:
            while self._next and len(tried) < count:
                tries, row = self._next[0]
                if untried and tries:
                    break
                if row in parked and self._tries[row] == tries and row not in tried[-1:]:
                    tried.append(row)  # first: what is neither here nor there is never loaded
                heapq.heappop(self._next)
            read = partial(self._read, tried, count, most_bytes)
            loaded, missing, damaged = self._transact(read, _NOTHING, "DEFERRED", moved=True)
            rows = [stored.row for stored in loaded]
            if taken is not None:
                taken += rows
            held.update([(row, parked[row]) for row in rows])
            self._own.unpark(rows)
            if missing or damaged:
                unremoved.update(damaged)
                self._report(self._lost, self._own.unpark({*missing, *damaged}))
            for row in damaged:
                self._report(self._failed, sqlite3.DatabaseError(f"row {row} is damaged"))
        finally:
            for row in tried:
                if row in parked and not oldest:
                    heapq.heappush(self._next, (self._tries[row], row))
        self._remove_rest()
        return [*loaded]

    def _read(
        self, tried: list[int], count: int, most_bytes: int, connection: sqlite3.Connection
    ) -> _Read:
        """Return what to load, and which rows are not there any more, or are damaged."""
        loaded: dict[int, Stored] = {}
        missing: list[int] = []
        damaged: set[int] = set()
        size = 0
        oldest = self._wall() - self.max_age
        for first in tried:
            if first in loaded or first in damaged or first not in self._own.parked:
                continue  # it came with its group, or was lost with the file a moment ago
            together = self._together(first, connection)
            if not together:
                missing.append(first)
                continue
            sound = [row for row in together if row.is_sound()]
            damaged.update({row.row for row in together} - {row.row for row in sound})
            more = sum(len(row.bodies) for row in sound)
            if loaded and (len(loaded) + len(sound) > count or size + more > most_bytes):
                break
            size += more
            for row in sound:
                expired = row.created < oldest
                tries = self._tries[row.row]
                loaded[row.row] = Stored(
                    row.row, row.id, row.parts(), row.created, row.grp, expired, tries
                )
        return [*loaded.values()], missing, damaged

    def _together(self, first: int, connection: sqlite3.Connection) -> list[Row]:
        """Return the row of this number and the parked ones that travel with it."""
        owner = self._owner.number
        rows = select(connection, "WHERE owner = ? AND row = ?", owner, first)
        if rows and (group := rows[0].grp) is not None:
            rows = select(connection, "WHERE owner = ? AND grp = ? ORDER BY place", owner, group)
        return [row for row in rows if row.row in self._own.parked]

    @_in_turn
    def remove(self, rows: Sequence[int]) -> None:
        """Remove rows that were delivered or have failed; what cannot be is tried again later."""
        for row in rows:
            self._own.held.pop(row, None)
            self._tries.pop(row, None)
        self._own.unpark(rows)
        self._own.unremoved.update(rows)
        self._remove_rest()

    def _remove_rest(self) -> None:
        unremoved = self._own.unremoved
        done: bool = bool(unremoved) and self._transact(self._delete, False, moved=True)
        if done:
            unremoved.clear()

    def _delete(self, connection: sqlite3.Connection) -> bool:
        # what another process has taken over since is that one's, and so is a number of ours that
        # was never stored
        rows = [(row, self._owner.number) for row in sorted(self._own.unremoved)]
        connection.executemany("DELETE FROM rows WHERE row = ? AND owner = ?", rows)
        return True

    @_in_turn
    def adopt(self, count: Callable[[int], object] = lambda rows: None) -> int:
        """Take up what dead processes left of this feed; return how many rows that were.

        Args:
            count: is called with their number before anybody can load them.
        """
        nothing: list[tuple[int, str]] = []
        claimed = self._claimed = self._transact(self._claim, nothing)
        count(len(claimed))
        self.take_up()
        return len(claimed)

    @_in_turn
    def take_up(self) -> None:
        """Keep what was claimed and counted; again, where Ctrl-C came meanwhile."""
        self._keep([(row, id) for row, id in self._claimed if row not in self._own.parked])
        self._claimed = []

    def _claim(self, connection: sqlite3.Connection) -> list[tuple[int, str]]:
        owner = self._owner
        owner.sign(connection)
        owner.bury_the_dead(connection)
        living = {number for (number,) in connection.execute("SELECT id FROM owners")}
        living.discard(owner.number)  # what it does not know was claimed when Ctrl-C came
        held, parked, _, unremoved = self._own
        puts = [row for _, rows in self._putting.values() for row in rows]
        known = {*held, *parked, *unremoved, *puts}
        of_destination = (
            "SELECT row, id, owner FROM rows WHERE host = ? AND key = ? "
            "AND row BETWEEN 1 AND ? ORDER BY row"
        )
        claimed = [
            (row, str(id))
            for row, id, number in connection.execute(of_destination, (*self._whose(), MOST_ROWS))
            if number not in living and row not in known
        ]
        connection.executemany(
            "UPDATE rows SET owner = ? WHERE row = ?", [(owner.number, row) for row, _ in claimed]
        )
        return claimed

    @property
    def parked(self) -> int:
        """How many rows this process keeps for later."""
        return len(self._own.parked) if self._pid == os.getpid() else 0

    @property
    def stored(self) -> int:
        """How many batches of this process are in the file, as far as it knows."""
        mine = self._pid == os.getpid()
        return len(self._own.held) + len(self._own.parked) if mine else 0

    @property
    def untried(self) -> int:
        """How many of them nobody has tried to send here."""
        return len(self._own.untried) if self._pid == os.getpid() else 0

    @_in_turn
    def elsewhere(self) -> int:
        """Return how many rows go with the same API key, but to another address."""
        count = "SELECT COUNT(*) FROM rows WHERE host <> ? AND key = ?"
        return self._transact(
            lambda connection: int(connection.execute(count, self._whose()).fetchone()[0]),
            0,
            "DEFERRED",
        )

    @property
    def tend_every(self) -> float | None:
        """Seconds between calls of ``tend``; None where the kernel tells who is alive."""
        here = self._pid == os.getpid() and self._owner.is_open
        return self.lease / 3 if here and not self._owner.is_locked else None

    @_in_turn
    def tend(self) -> None:
        """Give a sign of life, and do what could not be done before."""
        if self._owner.is_open:
            if not self._owner.is_locked:
                self._transact(self._owner.sign, None)
            self._remove_rest()

    def restart(self) -> None:
        """Begin with nothing, in a forked child: what was there is the parent's."""
        with process_lock():
            if self._pid != os.getpid():
                self._owner.leave_to_parent()
                self._begin()

    @_in_turn
    def close(self) -> None:
        """Leave what is in the file to whoever opens it next, and close it; for good."""
        if not self._closed:
            if self._owner.is_open:
                self._remove_rest()
            self._owner.leave()
            for rows in (*self._own, self._next, self._tries):
                rows.clear()
            self._closed = True

    def _report(self, tell: Callable[[T], None], what: T) -> None:
        self._reports.append(partial(tell, what))

    def _transact(
        self, work: Work[T], otherwise: T, kind: str = "IMMEDIATE", *, moved: bool = False
    ) -> T:
        usable = self._is_usable()
        return self._owner.transact(work, otherwise, kind, moved=moved) if usable else otherwise

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
        raise ConfigurationError(
            "an outbox cannot be pickled, for it is a file that this process has open; "
            "write Outbox(path) where you need it"
        )


_OPTIONS = ("path", "durability", "max_bytes", "max_age", "lease", "wall")
_Read = tuple[Sequence[Stored], Sequence[int], AbstractSet[int]]
_NOTHING: _Read = ((), (), frozenset())


def _unheard(what: object) -> None:
    """Nobody opened the outbox, so nobody is told."""


def _seconds(name: str, value: object, example: str) -> float:
    """Return an option as Python's own number of seconds, or raise what it has to be."""
    seconds = number_between(value, 0, sys.float_info.max)
    if not seconds:  # 0 is refused, too
        raise ConfigurationError(
            f"Outbox({name}={brief(value)}): want positive seconds; write {name}={example}"
        )
    return seconds


def _checked_path(path: str | os.PathLike[str]) -> str:
    """Return the absolute path, or raise why it cannot be a file."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        raise ConfigurationError(
            f"Outbox({brief(path)}): want a path, got {type(path).__name__}; "
            "write Outbox('outbox.db')"
        )
    if text in ("", ":memory:") or "\0" in text:
        raise ConfigurationError(
            f"Outbox({brief(text)}): want a file, for the outbox outlives the process; "
            "write Outbox('outbox.db')"
        )
    absolute = os.path.abspath(text)
    folder = os.path.dirname(absolute)
    if os.path.isdir(absolute):
        inside = os.path.join(text, "outbox.db")
        raise ConfigurationError(
            f"Outbox({brief(text)}): want a file, and this is a folder; write Outbox({inside!r})"
        )
    if not os.path.isdir(folder):
        raise ConfigurationError(
            f"Outbox({brief(text)}): there is no folder {folder!r}; "
            f"write os.makedirs({folder!r}, exist_ok=True) before it"
        )
    return absolute
