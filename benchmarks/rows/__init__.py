"""What is measured: each row is a function of the run that yields results."""

from .curves import curves
from .plans import plan
from .processes import imports, instructions, memory, stream
from .sending import coalesce, dispatch, send, split, tables
from .values import append, chain, cliffs, encoding

_ALWAYS = (chain, encoding, cliffs, append, dispatch, send, coalesce, split, memory, stream)
ROWS = {
    **{row.__name__: row for row in _ALWAYS},
    "plan": plan,
    "rows": tables,
    "import": imports,
    "curves": curves,
    "instructions": instructions,
}
ON_REQUEST = ("curves", "instructions")
