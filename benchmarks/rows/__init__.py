"""What is measured: each row is a function of the run that yields results."""

from collections.abc import Callable, Iterator

from ..report import Result
from ..run import Run
from .curves import curves
from .processes import imports, instructions, stream, waiting
from .sending import coalesce, dispatch, send, split
from .values import append, chain, cliffs, encoding, steps

ROWS: dict[str, Callable[[Run], Iterator[Result]]] = {
    "chain": chain,
    "encoding": encoding,
    "cliffs": cliffs,
    "append": append,
    "steps": steps,
    "dispatch": dispatch,
    "send": send,
    "coalesce": coalesce,
    "split": split,
    "memory": waiting,
    "stream": stream,
    "import": imports,
    "curves": curves,
    "instructions": instructions,
}
ON_REQUEST = ("curves", "instructions")
