"""The private names that tests and helpers need beside their subject, all from one file.

A test uses a public name wherever one exists. Only a test of one mechanism imports its module.
"""

from mpfluent.client import ids
from mpfluent.delivery.job import Job
from mpfluent.dispatch import shutdown
from mpfluent.formatting.diff import differences
from mpfluent.model.history import Events
from mpfluent.transport.destination import Destination
from mpfluent.values.frozen import Field, Frozen
from mpfluent.wire import body as wire
from mpfluent.wire import limits, seal
from mpfluent.wire.body import Part

__all__ = [
    "Destination",
    "Events",
    "Field",
    "Frozen",
    "Job",
    "Part",
    "differences",
    "ids",
    "limits",
    "seal",
    "shutdown",
    "wire",
]
