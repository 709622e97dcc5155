"""The file to which ``mpfluent serve --save`` appends what it accepts, one batch a line."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable


class SavedBatches:
    """Appends lines to a file that only its owner may read.

    A disk that is full stops nothing: what was not written is counted, and the next line is tried.

    Args:
        path: the file; it is made if it is not there.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = threading.Lock()
        self.written = 0
        self.lost = 0
        self._torn = False
        found = os.fstat(self._file)
        if stat.S_ISREG(found.st_mode):
            # by the file that is open: its path may lead elsewhere by now
            if stat.S_IMODE(found.st_mode) & 0o077 and os.chmod in os.supports_fd:
                os.chmod(self._file, 0o600)
            if found.st_size:
                os.lseek(self._file, -1, os.SEEK_END)
                self._torn = os.read(self._file, 1) != b"\n"

    def append(self, lines: Iterable[bytes]) -> OSError | None:
        """Append lines; return the error if this is the first one.

        Args:
            lines: without their ends.
        """
        lines = list(lines)
        data = b"".join(line + b"\n" for line in lines)
        with self._lock:
            try:
                self._write(b"\n" + data if self._torn else data)
            except OSError as error:
                first = not self.lost
                self.lost += len(lines)
                return error if first else None
            self.written += len(lines)
        return None

    def skip(self, count: int) -> bool:
        """Count batches that no line can hold; return whether they are the first that are lost.

        Args:
            count: how many.
        """
        with self._lock:
            first = not self.lost
            self.lost += count
        return first

    def _write(self, data: bytes) -> None:
        """Write all of it; if only a part goes in, the next line must not be joined to it."""
        while data:
            written = os.write(self._file, data)
            data = data[written:]
            self._torn = bool(data)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
