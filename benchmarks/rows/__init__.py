"""What is measured, row by row: each is a function of the run that yields results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..report import Result
from ..run import Run
from . import curves, processes, sending, values


class Row(NamedTuple):
    """A row of the targets, or more that is good to know.

    Attributes:
        about: what it measures, for ``--help``.
        measure: measures it.
        always: whether it belongs to every run, or is asked for.
    """

    about: str
    measure: Callable[[Run], Iterator[Result]]
    always: bool = True


ROWS: dict[str, Row] = {
    "chain": Row("a fluent chain, every check on, to JSON bytes", values.chain),
    "encoding": Row("a batch that is there, to JSON bytes", values.encoding),
    "cliffs": Row("calls that are a little unusual, beside the usual ones", values.cliffs),
    "append": Row("10 000 events, one at a time", values.append),
    "steps": Row("one step of a chain", values.steps),
    "dispatch": Row("background sending, from values to the answer", sending.dispatch),
    "send": Row("send on the caller's thread", sending.send),
    "coalesce": Row("batches of the same users, on the wire", sending.coalesce),
    "split": Row("what splitting and framing add to encoding", sending.split),
    "memory": Row("batches that wait", processes.waiting),
    "stream": Row("send_all of a million batches", processes.stream),
    "import": Row("import mpfluent", processes.imports),
    "curves": Row("how costs grow, for the plots", curves.curves, always=False),
    "instructions": Row(
        "instructions, which are steadier than time; needs valgrind",
        processes.instructions,
        always=False,
    ),
}
