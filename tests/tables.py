"""Small tables, what their rows mean, and what becomes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clients import client_of

from mpfluent import Batch, FunctionTransport
from mpfluent.rows import Row, Rows

ROWS = [{"id": f"{number}", "plan": "pro", "policy": f"P-{number}"} for number in range(5)]


def imported(row: Row) -> Batch:
    """Return what a row of these tests means."""
    return Batch.for_user(customer_id=row.text("id")).event("Imported", row.pick("plan"))


def table(rows: Any = ROWS, mapping: Any = imported) -> Rows:
    """Return a table that has a mapping."""
    return Rows(rows).map(mapping)


def csv_of(path: Path, rows: int = 5, first: int = 0) -> str:
    """Write a CSV of so many users, and return its path as text."""
    lines = [f"{number},pro,P-{number}" for number in range(first, first + rows)]
    path.write_text("\n".join(["id,plan,policy", *lines, ""]))
    return str(path)


def sent(rows: Rows, transport: Any = None, **options: Any) -> Any:
    """Send a table, and return its report."""
    with client_of(transport, **options) as client:
        return client.send_all(rows)


def refusing(*texts: str, code: int = 400) -> FunctionTransport:
    """Return a transport that refuses each request whose body has one of these texts."""
    return FunctionTransport(
        lambda request: code if any(text.encode() in request.body for text in texts) else 202
    )


def adds_up(report: Any) -> bool:
    """Return whether the equation of a report holds."""
    parts = ("delivered", "failed", "rejected", "duplicates", "skipped", "resumed", "kept")
    total = sum(getattr(report, name) for name in (*parts, "handed_over"))
    return (
        report.rows == total
        and report.failed == sum(report.failed_by_reason.values())
        and report.rejected == sum(report.rejected_by_reason.values())
    )


def lines_of(path: Any) -> list[dict[str, Any]]:
    """Return the lines of a rejects file."""
    return [json.loads(line) for line in Path(path).read_text().splitlines()]
