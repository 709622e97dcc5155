"""An owner of rows: its lock, and how it opens the file, also after it was deleted or damaged."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from functools import partial
from sqlite3 import Connection
from time import monotonic
from typing import TypeVar

from ..errors import ConfigurationError
from . import locks
from .database import FAILURES, Database, Work, first_look, is_damage, leave_to_parent
from .existing_files import connect, lock_path
from .recovery import copy, copy_owners, move_aside
from .rows import OwnedRows

T = TypeVar("T")
Failed = Callable[[Exception], None]
Lost = Callable[[list[str]], None]
Settings = tuple[str, str, float, Callable[[], float]]

_AGAIN = 1.0  # seconds before the next try to open a file; each send would wait for a try
# The numbers of owners, drawn at random: no two are ever equal. As bytes of the lock file they stay
# below 2**63, the largest offset of a file.
_NUMBERS = range(1, 2**48 + 1)


class Owner:
    """One of the users of a file. It opens the file with the first transaction.

    Args:
        settings: the absolute path of the file; "full" if each transaction is to survive a power
            cut, else "normal"; the seconds for which a sign of life counts, where there are no
            locks; and what returns Unix seconds.
        own: its rows.
        busy: the lock that the caller of a method holds.
        failed: is called with each failure of the disk.
        lost: is called with the ids of parked rows that are no longer in the file.

    Attributes:
        lock: shows that it is alive; without one, it has to sign now and then.
    """

    def __init__(
        self, settings: Settings, own: OwnedRows, busy: threading.RLock, failed: Failed, lost: Lost
    ) -> None:
        self._path, self._durability, self._lease, self._wall = settings
        self._own, self._busy, self._failed, self._lost = own, busy, failed, lost
        self.number = _NUMBERS[int.from_bytes(os.urandom(6), "big")]
        self._database: Database | None = None
        self._gone: Database | None = None
        self.lock: locks.OwnerLock | None = None
        self._next_try = -math.inf
        self._refusal: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has a file open, which may have been deleted or replaced meanwhile."""
        return self._database is not None and not self._database.is_closed

    def transact(
        self, work: Work[T], otherwise: T, kind: str = "IMMEDIATE", *, moved: bool = False
    ) -> T:
        """Return what ``work(connection)`` returns; all of it is stored, or nothing.

        A damaged file is moved aside, and the work is done with a new one. Any other failure is
        reported.

        Args:
            work: takes the connection.
            otherwise: is returned after a failure.
            kind: of transaction.
            moved: whether to use a file that was deleted, as long as there is no new one.
        """
        for last in (False, True):
            database = None
            try:
                database = self.current(moved)
                if database is None:
                    break
                return database.transact(work, kind)
            # a ConfigurationError, too: only ready(), in the caller's first send, raises that
            except (*FAILURES, ConfigurationError) as error:
                self._failed(error)
                if last or database is None or not (is_damage(error) and self._set_aside(database)):
                    break
        return otherwise

    def current(self, moved: bool = False) -> Database | None:
        """Return the file, opened if need be, or None if it cannot be opened."""
        database = self._database
        if database is not None and database.is_there():
            if self.lock is not None and not self.lock.is_seen():
                self._hold()
            return database
        if monotonic() >= self._next_try:
            if database is not None:
                gone = FileNotFoundError(f"the outbox {database.path} was deleted or replaced")
                self._failed(gone)
            if self._open_file(database):
                return self._database
        elif database is None and self._refusal is not None:
            raise ConfigurationError(self._refusal)
        return database if moved else None

    def _open_file(self, old: Database | None) -> bool:
        """Open the file at the path, and copy the rows of the old one; return whether it works.

        Args:
            old: the file that was used before, if it was deleted or replaced.
        """
        copied: set[int] = set()
        self._refusal = None
        try:
            with ExitStack() as stack:
                source = None if old is None else old.connection
                owned = first_look(self._path)  # before make_room(), which makes a lock file
                if old is not None:
                    old.make_room()
                found = locks.file_id(self._path)
                settle = partial(self._settle, source, copied)
                try:
                    new = Database(self._path, owned, self._durability, self._busy, settle)
                except FAILURES as error:
                    if not is_damage(error):
                        raise
                    # damaged: move it aside, and copy what can be read into a new file
                    self._failed(error)
                    aside = move_aside(os.path.realpath(self._path), found, self._wall())
                    if source is None and aside is not None:
                        source = stack.enter_context(closing(connect(aside, "ro")))
                        # with it, SQLite also reads a file that was cut off
                        source.execute("PRAGMA writable_schema = ON")
                    settle = partial(self._settle, source, copied)
                    new = Database(self._path, True, self._durability, self._busy, settle)
        except (*FAILURES, ConfigurationError) as error:
            self._next_try = monotonic() + _AGAIN  # only after a failure, not after a Ctrl-C
            if old is None and isinstance(error, ConfigurationError):
                self._refusal = str(error)
                raise
            self._failed(error)  # a file that was put there later is no mistake of the caller
            return False
        self._database, self._next_try = new, -math.inf
        if old is not None:
            lost = [row for row in self._own.parked if row not in copied]
            if lost:
                self._lost(self._own.unpark(lost))
            with suppress(*FAILURES):  # all that can be saved was copied
                old.close()
        return True

    def _settle(
        self, source: Connection | None, copied: set[int], connection: Connection, is_new: bool
    ) -> None:
        """Sign as an owner in the file, and copy rows of the old one.

        Into a file that we made, copy all rows. Into a file that another process made, copy only
        our own: that process copies its own.
        """
        copied.clear()
        if source is not None:
            if is_new:
                copy_owners(source, connection)
            else:
                connection.execute("DELETE FROM rows WHERE owner = ?", (self.number,))
            copied |= copy(source, connection, self._own, None if is_new else self.number)
        if self.lock is None or not self.lock.is_seen():
            self._hold()
        self.sign(connection)

    def _set_aside(self, database: Database) -> bool:
        """Move a damaged file aside, and open a new one."""
        try:
            move_aside(database.path, database.which, self._wall())
        except OSError as error:
            self._failed(error)
            return False
        return self._open_file(database)

    def _hold(self) -> None:
        """Hold the lock that says that this owner is alive, if there are locks."""
        if self.lock is not None:
            self.lock.release()
        self.lock = locks.hold(lock_path(self._path), self.number)

    def sign(self, connection: Connection) -> None:
        """Write that this owner is alive, and whether a lock shows it."""
        values = self.number, self.lock is not None, self._wall() + self._lease
        connection.execute("INSERT OR REPLACE INTO owners VALUES (?, ?, ?)", values)

    def delete_dead_owners(self, connection: Connection) -> None:
        """Delete the owners that are dead, so that their rows can be adopted."""
        path = lock_path(self._path)
        query = "SELECT id, locked, lease_until < ? FROM owners WHERE id <> ?"
        others = connection.execute(query, (self._wall(), self.number)).fetchall()
        for owner, locked, over in others:
            # a number out of range is damage: no process has it
            alive = owner in _NUMBERS and (locks.is_alive(path, owner) if locked else not over)
            if not alive:
                connection.execute("DELETE FROM owners WHERE id = ?", (owner,))

    def leave(self) -> None:
        """Give up its rows, close the file, and release the lock."""
        if self._database is not None:
            if self.is_open:  # an earlier call may have closed it before an interrupt
                self.transact(self._resign, None, moved=True)
            try:
                self._database.close()
            except FAILURES as error:
                self._failed(error)
            # Kept in _gone: Python ignores what Ctrl-C raises in a __del__, which would run here.
            self._gone, self._database = self._database, None
        if self.lock is not None:
            self.lock.release()
            self.lock = None

    def _resign(self, connection: Connection) -> None:
        rows = [(row, self.number) for row in (*self._own.held, *self._own.parked)]
        connection.executemany("UPDATE rows SET owner = NULL WHERE row = ? AND owner = ?", rows)
        connection.execute("DELETE FROM owners WHERE id = ?", (self.number,))

    def leave_to_parent(self) -> None:
        """Leave the file to the parent, in a forked child."""
        if self._database is not None:
            leave_to_parent(self._database)
            with suppress(OSError):  # opening the file tries again, and reports the error
                locks.retake_sqlite_locks(self._database.path)
