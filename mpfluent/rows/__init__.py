"""Tables in, batches out: sources of rows, and what the cells of a row say.

Rows are taken, not fetched: no connectors, no guessing of types. How batches are delivered is the
client's, which meets a table by a protocol only.
"""

from .checkpoint import Checkpoint as Checkpoint
from .checkpoint import Position as Position
from .rejects import Reject as Reject
from .report import RowsReport as RowsReport
from .row import Place as Place
from .row import Row as Row
from .rows import Rows as Rows
