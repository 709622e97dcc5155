"""Tables whose sending is interrupted at one bytecode after the other, for a process of its own.

``python interrupting_rows.py MODE ROWS SIGNALS WHERE TWICE`` interrupts so many runs of so many
rows, at bytecodes that are spread over all of a run, or over what begins, keeps and ends it (WHERE
is "all" or "ends"). TWICE is "twice" where another signal comes soon after. Prints what it found
as one line of JSON.
"""

import faulthandler
import json
import logging
import random
import sys
import tempfile

from internals import send_all
from interrupting import PACKAGE, Countdown, Interrupts, TimeLimit
from table_runs import World, wrong_report

from mpfluent.rows import RowsReport

CALLERS = ("send_all:", "send:", "traced:")  # which have no report when they are interrupted
SOON = 30.0  # seconds after which what has not ended hangs
ENDS = {
    *("__call__", "_send", "__enter__", "_resume", "save", "__exit__", "_close", "close", "wait"),
    *("sync", "_flush", "write", "_open", "__init__", "open_alone", "close_alone", "_is_alone"),
    *(
        "drop",
        "replace_file",
        "load",
        "settled",
        "_note_failed",
        "_reject",
        "_settle",
        "_begin_run",
    ),
}


class CountdownToEnds(Countdown):
    """One that counts only what begins, keeps and ends a run."""

    def enter(self, frame, event, argument):
        code = frame.f_code
        if code.co_name not in ENDS or not code.co_filename.startswith(PACKAGE):
            return None
        return super().enter(frame, event, argument)


def once(interrupts, mode, rows, countdown, twice=False):
    """Interrupt a run, and let the next one end; return what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(mode, folder, rows)
        client = world.client()

        def traced():
            sys.settrace(countdown.enter)
            world.send(client)
            sys.settrace(None)

        before = len(interrupts.kept)
        wrong = interrupts.during(traced)
        sys.settrace(None)
        for error in [*interrupts.kept][before:]:
            report = getattr(error, "report", None)
            if isinstance(report, RowsReport):
                wrong += wrong_report(report)
            elif report is not None:  # the run was being made
                wrong += [f"{report} of no run"] if report.submitted or world.taken else []
            elif world.taken and not twice and not interrupts.where.split()[-1].startswith(CALLERS):
                wrong.append(f"no report on {error!r}")
        if client.close(SOON).left:
            wrong.append("some are left")
        if interrupts.in_hook and interrupts.kind is TimeLimit:
            return []  # for a transport that raises anything, its batch has failed
        return wrong + world.wrong_now() + world.wrong_at_end()


def sweep(mode, rows, signals, where, twice):
    interrupts, found, chance = Interrupts(), [], random.Random(f"{mode} {where} {twice}")
    kinds = {"all": Countdown, "ends": CountdownToEnds}
    for _ in range(2):  # the second one finds what was generated
        uninterrupted = kinds[where](10**9)
        found += [f"uninterrupted: {one}" for one in once(interrupts, mode, rows, uninterrupted)]
    length = 10**9 - uninterrupted.left
    numbers = {*range(1, length, max(1, length // signals))}
    if where == "ends":  # to open the files takes few of all bytecodes
        numbers |= {*range(2, min(900, length), max(1, 900 // signals))}
    for number in sorted(numbers):
        faulthandler.dump_traceback_later(3 * SOON, exit=True)
        interrupts.kind = (KeyboardInterrupt, TimeLimit)[number % 2]
        interrupts.again = chance.uniform(1e-6, 3e-4) if twice else 0.0
        wrong = once(interrupts, mode, rows, kinds[where](number), twice)
        found += [f"{number} of {length}, {interrupts.where}: {one}" for one in wrong]
    return {"signals": interrupts.number, "wrong": found}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = id  # in C, so that no signal is handled in it; it prints nothing
    send_all._EVERY = 0.001  # seconds between two checkpoints
    mode, rows, signals, where, twice = sys.argv[1:]
    print(json.dumps(sweep(mode, int(rows), int(signals), where, twice == "twice")))
