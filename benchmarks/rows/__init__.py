"""What is measured: each row is a function of the run that yields results."""

from .curves import curves
from .processes import import_, memory, stream
from .sending import coalesce, dispatch, limit, rows, send, split
from .values import append, chain, cliffs, encoding, plan

ON_REQUEST = ("curves",)
_VALUES = (chain, encoding, cliffs, append, plan)
_SENDING = (dispatch, send, coalesce, limit, split, memory, stream, rows)
ROWS = {row.__name__.rstrip("_"): row for row in (*_VALUES, *_SENDING, import_, curves)}
