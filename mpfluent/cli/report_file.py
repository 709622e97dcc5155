"""The outcome of a command as JSON, for a machine."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..utils.files import replace_file
from .shell_words import in_a_shell

if TYPE_CHECKING:
    from ..rows import RowsReport


def begin(path: str, command: str) -> None:
    """Write that a command began, so that nobody takes an older report for this run's.

    Args:
        path: of the file; it gets mode 0600.
        command: its name.

    Raises:
        ConfigurationError: it cannot be written, or there is another file, which would be lost;
            it is told before anything is sent.
    """
    if os.path.lexists(path) and not _is_report(path):
        raise ConfigurationError(
            f"--report {path}: this is no report, and would be lost; write the path of a new file"
        )
    try:
        _write(path, {"command": command, "status": None, "error": None})
    except OSError as error:
        raise ConfigurationError(
            f"--report {path}: cannot be written: {error.strerror}; write another path"
        ) from None


def write(
    path: str, command: str, status: int, report: RowsReport | None, error: str | None
) -> None:
    """Write the outcome of a command.

    Args:
        path: of the file.
        command: its name.
        status: its exit status.
        report: what became of the rows; None if it came to none.
        error: what ended it.

    Raises:
        OSError: it cannot be written.
    """
    counts: dict[str, Any] = {}
    if report is not None:
        counts = report._asdict()
        if not report.is_check:  # which alone counts them
            counts["bytes"] = None
        counts["failed_by_reason"] = dict(report.failed_by_reason)
        counts["rejected_by_reason"] = dict(report.rejected_by_reason)
        counts["notes"] = [*map(in_a_shell, report.notes)]
        # without the cells and the batches, which are in the rejects file
        counts["rejects"] = [
            {
                **{name: getattr(reject, name) for name in ("file", "line", "index", "reason")},
                "text": in_a_shell(reject.text),
            }
            for reject in report.rejects
        ]
    _write(path, {"command": command, "status": status, "error": error, **counts})


def _is_report(path: str) -> bool:
    """Return whether there is an empty file at a path, or one that we wrote."""
    if not os.path.isfile(path):  # to rename a file to /dev/null would end that
        return False
    with open(path, "rb") as file:
        return file.read(len(_BEGIN)) in (b"", _BEGIN)


_BEGIN = b'{\n  "command": '


def _write(path: str, data: dict[str, Any]) -> None:
    replace_file(path, [json.dumps(data, indent=2), "\n"])
