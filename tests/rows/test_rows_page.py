"""docs/rows.md: its tables are those of the code."""

from __future__ import annotations

import inspect
import re
import typing

from pages import column

from mpfluent.rows import Row, Rows, RowsReport

PAGE = "docs/rows.md"


def calls(heading: str, index: int = 0) -> list[str]:
    """Return the methods that one column of a table calls."""
    return [
        match[1]
        for word in column(PAGE, heading, index)
        if (match := re.match(r"(?:row|Rows)\.(\w+)\(", word))
    ]


def methods(kind: type) -> set[str]:
    return {
        name for name in vars(kind) if not name.startswith("_") and callable(getattr(kind, name))
    }


def test_the_table_of_sources_is_complete():
    assert sorted(calls("Where rows come from", 1)) == sorted(
        name for name in methods(Rows) if name.startswith("from_")
    )


def test_the_table_of_getters_is_complete():
    assert sorted(calls("Getters")) == sorted(methods(Row))


def test_the_table_of_what_became_of_rows_is_complete():
    fields = typing.get_type_hints(RowsReport).items()
    counts = {name for name, kind in fields if kind is int}

    assert set(column(PAGE, "The report")) == counts - {
        "rows",
        "batches",
        "requests",
        "retries",
        "bytes",
    }


def test_the_reasons_of_rejects_are_those_of_the_report():
    (said,) = re.findall(
        r"rejected_by_reason: (.*?)\n {4}\w+:", inspect.getdoc(RowsReport) or "", re.S
    )

    assert sorted(column(PAGE, "Rejects")) == sorted(re.findall(r'"(\w+)"', said))
