"""The private names that tests and helpers need beside their subject, all from one file.

A test uses a public name wherever one exists. Only a test of one mechanism imports its module.
"""

from mpfluent.builder import merge
from mpfluent.cli import progress, report_file, speed, tables, trouble
from mpfluent.cli.code import program as program_of
from mpfluent.cli.main import main
from mpfluent.cli.parser import parser
from mpfluent.client import ids, send_all
from mpfluent.close_match import close_match
from mpfluent.delivery import shared_rate_limit
from mpfluent.delivery.job import Job, WorkItem
from mpfluent.delivery.observers import Attempt
from mpfluent.delivery.outcome import HandedBack
from mpfluent.delivery.retry import JUDGED, RETRIED, Verdict, is_judged, retry_after
from mpfluent.dispatch import shutdown
from mpfluent.dispatch.coalescing import coalesce
from mpfluent.encoding.json import parsed, plain
from mpfluent.formatting.diff import differences
from mpfluent.model.history import Events
from mpfluent.outbox import database, locks, owner, recovery
from mpfluent.outbox.outbox import OutboxFull
from mpfluent.rows import groups
from mpfluent.testing.rate_meter import RateMeter
from mpfluent.transport.destination import Credentials, Destination
from mpfluent.utils import files
from mpfluent.utils.typed import NamedTuple, TypedDict
from mpfluent.values.frozen import Field, Frozen
from mpfluent.wire import body as wire
from mpfluent.wire import limits, seal
from mpfluent.wire.body import Part, encode, read_back, split
from mpfluent.wire.ids import event_ids

__all__ = [
    "Attempt",
    "retry_after",
    "Verdict",
    "WorkItem",
    "Credentials",
    "Destination",
    "Events",
    "Field",
    "Frozen",
    "HandedBack",
    "JUDGED",
    "Job",
    "NamedTuple",
    "OutboxFull",
    "Part",
    "RETRIED",
    "RateMeter",
    "TypedDict",
    "close_match",
    "coalesce",
    "database",
    "differences",
    "encode",
    "event_ids",
    "groups",
    "files",
    "ids",
    "is_judged",
    "limits",
    "locks",
    "merge",
    "main",
    "owner",
    "parsed",
    "parser",
    "plain",
    "program_of",
    "progress",
    "read_back",
    "recovery",
    "report_file",
    "seal",
    "send_all",
    "shared_rate_limit",
    "shutdown",
    "speed",
    "split",
    "tables",
    "trouble",
    "wire",
]
