"""What can be written after ``mpfluent plan``."""

from __future__ import annotations

import argparse
from typing import Any

from .arguments import Parser, count, one_of

_STATUS = """\
exit status:
  0  {}
  1  {}
  2  a mistake in the call, or a file that is no data plan, or holds no batch"""
_PRINTED = _STATUS.format("it was printed", "a file could not be read or written")
_DIFFERENT = _STATUS.format("it was printed", "with --check: those who send must change something")


def add_plan(commands: Any) -> None:
    """Add the command, and those that follow it.

    Args:
        commands: of the parser.
    """
    plan = commands.add_parser(
        "plan",
        prog="mpfluent plan",
        help="compare batches with a data plan, and write its verbs as Python",
        usage="mpfluent plan COMMAND …",
        description="Work with a data plan: a file from mParticle's data planning.",
        epilog="""\
examples:
  mpfluent plan show plan.json
  mpfluent plan generate plan.json -o shop.py
  mpfluent plan validate --help""",
    )
    plan.commands = plan.add_subparsers(
        metavar="COMMAND", dest="action", title="commands", parser_class=Parser
    )
    _help(plan.add_argument_group("options"))
    for add in (_validate, _generate, _diff, _show):
        add(plan.commands)
    for name, command in plan.commands.choices.items():
        command.set_defaults(command=f"plan {name}")  # instead of "plan"


def _validate(commands: Any) -> None:
    command = commands.add_parser(
        "validate",
        prog="mpfluent plan validate",
        help="say what of batches is not as planned",
        usage="mpfluent plan validate PLAN FILE… [--like READING] [--plan-version N]",
        description="""\
Print what of batches is not as planned, a line for each violation. The files hold what the API
accepts or what mParticle sends out: one batch, a list of batches, or one batch a line.""",
        epilog="""\
examples:
  mpfluent plan validate plan.json captured.jsonl
  mpfluent plan validate plan.json captured.json --like node

"""
        + _STATUS.format("all is as planned", "something is not as planned"),
    )
    what = command.add_argument_group("what to compare")
    _plan(what)
    what.add_argument("files", nargs="+", metavar="FILE", help="the batches; - for standard input")
    what.add_argument(
        "--like",
        type=one_of("server", "node"),
        default="server",
        metavar="READING",
        help="server, as mParticle's server is documented, or node, as the vendor's Node package",
    )
    _last(what)


def _generate(commands: Any) -> None:
    command = commands.add_parser(
        "generate",
        prog="mpfluent plan generate",
        help="write a typed verb for each event, as Python",
        usage="mpfluent plan generate PLAN [-o PATH] [--names NAMES] [--check] [--plan-version N]",
        description="""\
Write a module of Python with a typed verb for each event of a plan. Without -o, it is printed.""",
        epilog="""\
examples:
  mpfluent plan generate plan.json -o shop.py
  mpfluent plan generate plan.json -o shop.py --check

"""
        + _STATUS.format(
            "it was written; with --check: the file is what the plan says",
            "with --check: the file is not what the plan says; a file could not be written",
        ),
    )
    what = command.add_argument_group("what to write")
    _plan(what)
    what.add_argument("-o", "--output", metavar="PATH", help="the module's file, such as shop.py")
    what.add_argument(
        "--names", metavar="NAMES", help="a TOML file with names that you prefer for verbs"
    )
    what.add_argument(
        "--check",
        action="store_true",
        help="write nothing, and compare the file of -o with what the plan says",
    )
    _last(what)


def _diff(commands: Any) -> None:
    command = commands.add_parser(
        "diff",
        prog="mpfluent plan diff",
        help="say what changed for those who send",
        usage="mpfluent plan diff OLD NEW [--check] [--plan-version N --plan-version N]",
        description="""\
Print what changed from one plan to another: first what those who send must change.""",
        epilog=f"""\
examples:
  mpfluent plan diff plan-3.json plan-4.json
  mpfluent plan diff plan.json plan.json --plan-version 3 --plan-version 4

{_DIFFERENT}""",
    )
    what = command.add_argument_group("what to compare")
    what.add_argument("old", metavar="OLD", help="the plan as it was")
    what.add_argument("new", metavar="NEW", help="the plan as it is")
    what.add_argument(
        "--check", action="store_true", help="end with status 1 if those who send must change"
    )
    what.add_argument(
        "--plan-version",
        action="append",
        type=count,
        metavar="N",
        help="which version of OLD, and then of NEW, if the files have several",
    )
    _help(what)


def _show(commands: Any) -> None:
    command = commands.add_parser(
        "show",
        prog="mpfluent plan show",
        help="print the events of a plan, with their verbs",
        usage="mpfluent plan show PLAN [--names NAMES] [--plan-version N]",
        description="Print the events of a plan, with their verbs and attributes.",
        epilog=f"""\
examples:
  mpfluent plan show plan.json

{_PRINTED}""",
    )
    what = command.add_argument_group("what to print")
    _plan(what)
    what.add_argument(
        "--names", metavar="NAMES", help="a TOML file with names that you prefer for verbs"
    )
    _last(what)


def _plan(group: Any) -> None:
    group.add_argument("plan", metavar="PLAN", help="the plan's file, such as plan.json")


def _last(group: Any) -> None:
    group.add_argument(
        "--plan-version", type=count, metavar="N", help="which version, if the file has several"
    )
    _help(group)


def _help(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-h", "--help", action="help", help="show this help and exit")
