"""``mpfluent plan``: batches against a data plan, its verbs, its changes, its events."""

from __future__ import annotations

import argparse
import difflib
import io
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..dataplan import DataPlan
from ..dataplan.changes import changes
from ..dataplan.generated_module import MARK
from ..errors import ConfigurationError, InvalidPlan, InvalidValue, one_line
from .plan_batches import batches_of
from .plan_table import table_of
from .statuses import DELIVERED, FAILED
from .terminal import say
from .words import counted


def plan(options: argparse.Namespace) -> int:
    """Do what follows ``mpfluent plan``, and return the exit status.

    Args:
        options: of the command line.
    """
    return _ACTIONS[options.action](options)


def _validate(options: argparse.Namespace) -> int:
    """Print what of batches is not as planned."""
    found = _read(options.plan, options.plan_version)
    _refuse_broken(options.plan, found, options.like)
    batches = violations = spoilt = 0
    for file in options.files:
        for place, payload in batches_of(file):
            batches += 1
            said = _violations(found, place, payload, options.like)
            for text in said:
                _write(f"{place}: {one_line(text, 1_000)}")
            violations += len(said)
            spoilt += bool(said)
    in_all = counted(batches, "batch", "batches")
    if violations:
        _write(f"{counted(violations, 'violation')} in {spoilt:,} of {in_all}")
    else:
        _write(f"{in_all}, all as planned")
    return FAILED if violations else DELIVERED


def _violations(found: DataPlan, place: str, payload: Any, like: Any) -> list[str]:
    try:
        return [each.text for each in found.validate(payload, like=like)]
    except InvalidValue as error:
        raise InvalidValue(f"{place}: {error}") from None


def _generate(options: argparse.Namespace) -> int:
    """Write, print or compare the module of verbs."""
    if options.check and options.output in (None, "-"):
        raise ConfigurationError("--check compares a file; write -o shop.py")
    text = _read(options.plan, options.plan_version).generate(names=options.names)
    if options.output in (None, "-"):
        if isinstance(sys.stdout, io.TextIOWrapper):  # a test may have replaced it by a StringIO
            sys.stdout.reconfigure(encoding="utf-8")  # as Python source is
        _write(text.removesuffix("\n"))
        return DELIVERED
    path = Path(options.output)
    written = path.read_bytes() if path.is_file() else b""  # what is no file may have no end
    there = written.decode("utf-8", "replace").splitlines()
    if options.check:
        return _compared(options, there, text.splitlines())
    if there and MARK not in there:
        raise ConfigurationError(
            f"{options.output} was not written by mpfluent plan generate, and would be lost; "
            "write another path, or remove the file"
        )
    if written != text.encode():
        path.write_text(text, encoding="utf-8", newline="\n")
    return DELIVERED


def _compared(options: argparse.Namespace, there: list[str], wanted: list[str]) -> int:
    """Print what differs; how lines end does not count."""
    if there == wanted:
        return DELIVERED
    names = options.output, options.plan
    for each in difflib.unified_diff(there, wanted, *names, lineterm="", n=1):
        _write(each)
    line = ["mpfluent", "plan", "generate", options.plan, "-o", options.output]
    line += ["--names", options.names] if options.names else []
    line += ["--plan-version", str(options.plan_version)] if options.plan_version else []
    say(options.command, f"{options.output} is not what the plan says; write {shlex.join(line)}")
    return FAILED


def _diff(options: argparse.Namespace) -> int:
    """Print what changed between two plans."""
    before, after = _two_versions(options.plan_version)
    old, new = _read(options.old, before), _read(options.new, after)
    _refuse_broken(options.old, old)
    _refuse_broken(options.new, new)
    found = changes(old, new)
    for title, must in (("those who send must change:", True), ("new, or allowed now:", False)):
        lines = [each for each in found if each.is_breaking is must]
        if lines:
            _write(title)
        for each in lines:
            _write(f"  {one_line(f'{each.event}: {each.text}', 1_000)}")
    if not found:
        _write("nothing changed for those who send")
    return FAILED if options.check and any(each.is_breaking for each in found) else DELIVERED


def _two_versions(written: list[int] | None) -> tuple[int | None, int | None]:
    """Return which version is compared with which."""
    if written is None:
        return None, None
    if len(written) != 2:
        said = " ".join(f"--plan-version {number}" for number in written)
        raise ConfigurationError(
            f"{said}: want the version of OLD, and then of NEW; "
            f"write --plan-version {written[0]} --plan-version {written[-1]}"
        )
    return written[0], written[1]


def _show(options: argparse.Namespace) -> int:
    """Print the events of a plan."""
    found = _read(options.plan, options.plan_version)
    table = list(table_of(found, options.names))
    described = repr(found).removeprefix("<DataPlan ").removesuffix(">")
    _write(f"{options.plan}: {described}")
    _write("")
    for line in table:
        _write(line)
    problems = found.problems()
    if problems:
        _write("")
    for each in problems:
        _write(f"{'note' if each.advice else 'problem'}: {one_line(each.text, 1_000)}")
    return DELIVERED


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _read(path: str, version: int | None) -> DataPlan:
    try:
        return DataPlan.from_file(path, version=version)
    except ImportError as error:
        raise ConfigurationError(str(error)) from None


def _refuse_broken(path: str, found: DataPlan, like: Any = "server") -> None:
    """Raise if a definition of a plan is broken."""
    for each in found.problems(like=like):
        if not each.advice and each.kind != "too_many_points":
            raise InvalidPlan(f"{path}: {each.text}; plan.problems() lists them all")


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "validate": _validate,
    "generate": _generate,
    "diff": _diff,
    "show": _show,
}
