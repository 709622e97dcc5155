"""Data plans: which events and attributes a workspace expects, and what of a batch is not so.

The vendor's format and verdicts live here, and what JSON Schema means in JavaScript. How a batch is
sent does not: ``client`` meets a plan by a protocol only.
"""

from ..errors import InvalidPlan as InvalidPlan
from .plan import DataPlan as DataPlan
from .violation import Violation as Violation
