"""What can be written after ``mpfluent serve``."""

from __future__ import annotations

import argparse
from typing import Any

from .arguments import count, rate

PORT = 9090
MOST_EVENTS = 10_000


def add_serve(commands: Any) -> None:
    """Add the command.

    Args:
        commands: of the parser.
    """
    command = commands.add_parser(
        "serve",
        prog="mpfluent serve",
        help="stand in for mParticle on this machine, and show what arrives",
        usage="mpfluent serve [options]",
        description="""\
Stand in for mParticle's Events API on this machine. Any SDK may send to it. A browser shows at its
address what arrives, and tests ask its API. Ctrl-C stops it.""",
        epilog="""\
examples:
  mpfluent serve --data-plan plan.json --save batches.jsonl
  mpfluent serve --port 0 --rate-limit 270 --quiet
  mpfluent serve

exit status:
  0  Ctrl-C stopped it
  2  a mistake in the call, a file that cannot be opened, or it cannot listen there""",
    )
    where = command.add_argument_group("where it listens")
    where.add_argument(
        "--port",
        type=_port,
        default=PORT,
        metavar="N",
        help=f"the port; {PORT} if none is given, 0 for any free one",
    )
    where.add_argument(
        "--bind",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="an address that other machines reach, such as 0.0.0.0; with --token",
    )
    where.add_argument(
        "--token",
        metavar="TOKEN",
        help="what the page and the API want, in the address or a header",
    )
    where.add_argument(
        "--certificate", metavar="PATH", help="a PEM file with a certificate and its key, for https"
    )
    answers = command.add_argument_group("what it answers")
    answers.add_argument(
        "--api-key", metavar="KEY", help="the only key that it accepts; any, if none is given"
    )
    answers.add_argument(
        "--api-secret", metavar="SECRET", help="its secret; secret if only the key is given"
    )
    answers.add_argument(
        "--rate-limit", type=rate, metavar="N", help="batches a second that it accepts"
    )
    answers.add_argument(
        "--strict",
        action="store_true",
        help="refuse everything that the vendor's JSON schema does not have",
    )
    answers.add_argument(
        "--delay", type=_seconds, default=0.0, metavar="N", help="seconds before every answer"
    )
    plan = command.add_argument_group("what is expected")
    plan.add_argument(
        "--data-plan",
        metavar="PLAN",
        help="a data plan's file: what is not as planned is shown; needs the extra mpfluent[plan]",
    )
    plan.add_argument(
        "--plan-version", type=count, metavar="N", help="which version, if the file has several"
    )
    kept = command.add_argument_group("what is kept")
    kept.add_argument(
        "--max-events",
        type=count,
        default=MOST_EVENTS,
        metavar="N",
        help=f"how many events it keeps in memory, the newest; {MOST_EVENTS} if none is given",
    )
    kept.add_argument(
        "--save",
        metavar="PATH",
        help="append each accepted batch to this file, one a line, for mpfluent send or check",
    )
    output = command.add_argument_group("output")
    output.add_argument("--quiet", action="store_true", help="print only its address")
    output.add_argument("-h", "--help", action="help", help="show this help and exit")


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text[:9]) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text}: want a port, from 0 to 65535, such as {PORT}")


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if 0 <= found <= 3_600:
        return found
    raise argparse.ArgumentTypeError(f"{text}: want seconds, from 0 to 3600, such as 0.05")
