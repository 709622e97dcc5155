"""What is measured: each row is a function of the run that yields results."""

from .curves import curves
from .processes import import_, instructions, memory, stream
from .sending import coalesce, dispatch, rows, send, split
from .values import append, chain, cliffs, encoding, plan

ON_REQUEST = ("curves", "instructions")
_ALWAYS = (chain, encoding, cliffs, append, dispatch, send, coalesce, split, memory, stream, plan)
ROWS = {row.__name__.rstrip("_"): row for row in (*_ALWAYS, rows, import_, curves, instructions)}
