"""What can be written in a shell: the commands, their options, their help."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..version import __version__
from .arguments import Parser, count, one_of, rate
from .plan_parser import add_plan
from .serve_parser import add_serve

FORMATS = ("csv", "tsv", "jsonl", "parquet", "batches")

_STATUS = """\
exit status:
  0    everything was delivered
  1    something failed or was rejected
  2    a mistake in the call, the mapping or the configuration; or the key was refused
  130  Ctrl-C"""
_VARIABLES = """\
environment:
  MPARTICLE_API_KEY, MPARTICLE_API_SECRET    the keys, which are read from nowhere else
  MPARTICLE_ENVIRONMENT, MPARTICLE_POD       instead of --environment and --pod"""


def parser() -> Parser:
    """Return the parser of all commands. Its results have the command's name as ``command``."""
    top = Parser(
        prog="mpfluent",
        description="Send data to mParticle's Events API: tables, batches, and what was left over.",
        usage="mpfluent COMMAND …",
        epilog=f"""\
examples:
  mpfluent check policies.csv --map policies.toml
  mpfluent send policies.csv --map policies.toml --environment development
  mpfluent send --help

{_STATUS}

{_VARIABLES}""",
    )
    commands = top.commands = top.add_subparsers(
        metavar="COMMAND", dest="command", title="commands", parser_class=Parser
    )
    other = top.add_argument_group("options")
    _help(other)
    other.add_argument(
        "--version",
        action="version",
        version=f"mpfluent {__version__}",
        help="print the version and exit",
    )
    for add in (_send, _check, _resend, _outbox, _code, add_plan, add_serve):
        add(commands)
    return top


Commands = Any  # argparse names its type only privately


def _send(commands: Commands) -> None:
    command = commands.add_parser(
        "send",
        prog="mpfluent send",
        help="send the rows of tables, or batches",
        usage="mpfluent send FILE… [--map MAP] [options]",
        description="Send the rows of tables, or batches.",
        epilog=f"""\
examples:
  mpfluent send policies.csv --map policies.toml --environment production \\
      --job "policies 2026-11" --rejects policies.rejects.jsonl --checkpoint policies.checkpoint
  mpfluent send 'scores-*.csv.gz' --map jobs:scored --key user_id --job "scores $(date +%F)"
  mpfluent send captured.jsonl --environment development --limit 10

Run the same line again after an interruption: with a key, nothing counts twice.

{_STATUS}

{_VARIABLES}""",
    )
    _files(command)
    _meaning(command)
    _reading(command)
    sending = command.add_argument_group("sending")
    _environment(sending)
    _destination(sending)
    _rate_limit(sending)
    _plan(sending)
    sending.add_argument(
        "--dry-run", action="store_true", help="only check, as mpfluent check does: send nothing"
    )
    kept = command.add_argument_group("what is kept")
    kept.add_argument(
        "--rejects", metavar="PATH", help="where rows go that were not delivered, with the reason"
    )
    kept.add_argument(
        "--stop-after",
        type=partial(count, least=0),
        metavar="N",
        help="end when more than N rows failed or were rejected; with --rejects",
    )
    kept.add_argument(
        "--checkpoint",
        metavar="PATH",
        help="where it stands how far the run came, so that the next one goes on from there",
    )
    _output(command)


def _check(commands: Commands) -> None:
    command = commands.add_parser(
        "check",
        prog="mpfluent check",
        help="say what send would do, without keys and without the network",
        usage="mpfluent check FILE… [--map MAP] [options]",
        description="Read, map and check everything, as send does, and send nothing.",
        epilog="""\
examples:
  mpfluent check policies.csv --map policies.toml
  mpfluent check policies.csv --map policies.toml --limit 100 --report check.json

exit status:
  0    every row would be sent
  1    rows would be rejected
  2    a mistake in the call, the mapping or the configuration
  130  Ctrl-C""",
    )
    _files(command)
    _meaning(command)
    _reading(command)
    assumed = command.add_argument_group("what is assumed")
    _environment(assumed)
    assumed.add_argument("--historical", action="store_true", help=_HISTORICAL)
    _rate_limit(assumed)
    _plan(assumed)
    _output(command)


def _resend(commands: Commands) -> None:
    command = commands.add_parser(
        "resend",
        prog="mpfluent resend",
        help="send again what was rejected or failed",
        usage="mpfluent resend REJECTS [--map MAP --key COLUMN --job JOB] [options]",
        description="""\
Send what is in a rejects file. What was sealed is sent as it was, under its ids, so that
mParticle cannot count it twice. What came to no batch is mapped again: mend its cells in the
file first. At the end, the file holds what was rejected or failed again, and nothing else.
After Ctrl-C it is as it was.""",
        epilog=f"""\
examples:
  mpfluent resend policies.rejects.jsonl --environment production
  mpfluent resend policies.rejects.jsonl --map policies.toml --environment production

{_STATUS}

{_VARIABLES}""",
    )
    what = command.add_argument_group("what to send")
    what.add_argument("file", metavar="REJECTS", help="what --rejects of mpfluent send wrote")
    _zone(_meaning(command, grouped=False))
    sending = command.add_argument_group("sending")
    _environment(sending)
    _destination(sending)
    _rate_limit(sending)
    _plan(sending)
    _output(command)


def _outbox(commands: Commands) -> None:
    command = commands.add_parser(
        "outbox",
        prog="mpfluent outbox",
        help="show what waits in the file of an Outbox",
        usage="mpfluent outbox FILE [--export | --drain] [options]",
        description="""\
Show what waits in the file of an Outbox: how much, how old, for whom, why. To look changes
nothing, neither in the file nor for the processes that use it.""",
        epilog=f"""\
examples:
  mpfluent outbox outbox.db
  mpfluent outbox outbox.db --export > waiting.jsonl
  mpfluent outbox outbox.db --drain --pod eu1

exit status, without --drain 0 if the file could be read:
{_STATUS.partition(chr(10))[2]}

{_VARIABLES}""",
    )
    look = command.add_argument_group("what to do")
    look.add_argument("file", metavar="FILE", help="the file of an Outbox")
    what = look.add_mutually_exclusive_group()
    what.add_argument(
        "--export", action="store_true", help="print the batches that wait, as JSON lines"
    )
    what.add_argument(
        "--drain",
        action="store_true",
        help="send what no running process has, with the keys of the environment",
    )
    sending = command.add_argument_group("sending, with --drain")
    _destination(sending)
    _rate_limit(sending)
    output = command.add_argument_group("output")
    output.add_argument("--quiet", action="store_true", help="print only what is wrong")
    _help(output)


def _code(commands: Commands) -> None:
    command = commands.add_parser(
        "code",
        prog="mpfluent code",
        help="print a captured payload as the Python that builds it",
        usage="mpfluent code FILE [--ignore-unknown]",
        description="""\
Print a captured payload as the chain of verbs that builds it: a fixture for a test. The payload
is what the API accepts or what mParticle sends out: one batch, a list of batches, or one batch a
line.""",
        epilog="""\
examples:
  mpfluent code captured.json > tests/fixtures/captured.py

exit status:
  0    the program was printed
  1    the payload cannot be read""",
    )
    what = command.add_argument_group("what to print")
    what.add_argument("file", metavar="FILE", help="the payload's file; - for standard input")
    what.add_argument(
        "--ignore-unknown", action="store_true", help="leave out fields that mpfluent does not know"
    )
    _help(what)


# What several commands have


def _help(group: Any) -> None:
    group.add_argument("-h", "--help", action="help", help="show this help and exit")


def _files(command: Parser) -> None:
    what = command.add_argument_group("what to send")
    what.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a table: .csv, .tsv, .jsonl (all three also .gz) or .parquet; "
        "* and ? stand for any letters",
    )


def _meaning(command: Parser, *, grouped: bool = True) -> Any:
    """Add the options that say what a row means; return their group."""
    meaning = command.add_argument_group("what a row means")
    meaning.add_argument(
        "--map",
        metavar="MAP",
        help="a mapping file, such as policies.toml, or a function, such as jobs:imported"
        + ("; without it, the files hold batches, one a line as JSON" if grouped else ""),
    )
    meaning.add_argument(
        "--key",
        action="append",
        metavar="COLUMN",
        help="the column that tells a row from all others; write --key for each, if it takes "
        "several. A run that is repeated sends the same ids, so that nothing counts twice",
    )
    meaning.add_argument(
        "--job",
        metavar="JOB",
        help="what is sent once, however often it is run: a name, and for a job of every night "
        "the date; ids depend on it",
    )
    if grouped:
        meaning.add_argument(
            "--grouped-by",
            action="append",
            metavar="COLUMN",
            help="send rows with the same cell here, that stand near each other, as one batch",
        )
    meaning.add_argument(
        "--allow-nobody", action="store_true", help="take rows that identify no user and no device"
    )
    return meaning


def _zone(group: Any) -> None:
    group.add_argument(
        "--tz", metavar="ZONE", help="of times that name none, such as Europe/London"
    )


def _reading(command: Parser) -> None:
    reading = command.add_argument_group("reading")
    reading.add_argument(
        "--format",
        type=one_of(*FORMATS),
        metavar="FORMAT",
        help=f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}, where the file's name does not say it",
    )
    reading.add_argument("--delimiter", metavar="LETTER", help="between two cells of a .csv")
    reading.add_argument("--encoding", metavar="NAME", help="of text, such as cp1252; else UTF-8")
    _zone(reading)
    reading.add_argument(
        "--ignore-unknown",
        action="store_true",
        help="leave out fields of batches that mpfluent does not know",
    )
    reading.add_argument("--limit", type=count, metavar="N", help="only the first N rows")


def _environment(group: Any) -> None:
    group.add_argument(
        "--environment", metavar="NAME", help="development or production; has no default"
    )


_HISTORICAL = "for the historical endpoint: every event is 72 hours old, at least"


def _destination(group: Any) -> None:
    group.add_argument("--pod", metavar="POD", help="us1, us2, eu1 or au1; us1 if none is given")
    group.add_argument("--host", metavar="URL", help="instead of a pod, https://name[:port]")
    group.add_argument("--historical", action="store_true", help=_HISTORICAL)


RATE = 270.0  # which is mParticle's own limit


def _rate_limit(group: Any) -> None:
    group.add_argument(
        "--rate-limit",
        type=rate,
        default=RATE,
        metavar="N",
        help=f"batches a second, at most; {RATE:.0f}, mParticle's own limit, if none is given",
    )


def _plan(group: Any) -> None:
    group.add_argument("--data-plan-id", metavar="ID", help="the data plan of every batch")
    group.add_argument("--data-plan-version", type=count, metavar="N", help="its version")


def _output(command: Parser) -> None:
    output = command.add_argument_group("output")
    output.add_argument(
        "--report", metavar="PATH", help="write the outcome there, as JSON for a machine"
    )
    output.add_argument(
        "--quiet", action="store_true", help="print no progress and no table, only what is wrong"
    )
    _help(output)
