"""Files that are whole, or as they were."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress


def replace_file(path: str, lines: Iterable[str]) -> None:
    """Write a file beside, and rename it, so that a kill or a full disk leaves the old one.

    Args:
        path: of the file; it gets mode 0600. A link stays, and leads to the new file.
        lines: its text.

    Raises:
        OSError: it cannot be written.
    """
    path = os.path.realpath(path)
    beside = f"{path}.{os.getpid()}.new"
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())  # before the rename, or a power cut may leave an empty file
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
