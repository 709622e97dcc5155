"""What needs processes of its own: imports, and what is held in memory."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from ..report import Result, judge
from ..run import ASKED, OURS, VENDOR, Peer, Run


def import_(run: Run) -> Iterator[Result]:
    """An import in a fresh interpreter, over the start of the same interpreter without."""

    def start(name: str, code: str) -> float:
        (python, *_), variables = run.command(name)
        began = time.perf_counter()
        subprocess.run([python, "-P", "-c", code], check=True, env=variables)
        return time.perf_counter() - began

    asked = {name: (name, "from mpfluent import Batch, Client") for name in run.ours}
    asked.update(ASKED["imports"])
    rounds, target = run.choose(15, 1), ("import, vendor", OURS, VENDOR)
    taken = run.take_turns(lambda name, code: start(name, code) - start(name, ""), asked, rounds)
    yield run.result("an import, over an empty interpreter", taken, target)


def alone(run: Run, name: str, action: str, *arguments: Any) -> Any:
    """Ask a process that does nothing else, and so holds nothing else."""
    with Peer(*run.command(name)) as peer:
        return peer.ask(action, *arguments)


def memory(run: Run) -> Iterator[Result]:
    """The memory of batches that wait while the network is stuck."""
    many, most = run.choose((10_000, 1_000_000), (200, 20_000))
    taken = {}
    for name in reversed(run.ours):  # OURS come last: the targets are about them
        *_, (_, size, grown) = alone(run, name, "queue", many, 1)
        taken[f"{name}: a batch's JSON"] = [size / many]
        taken[f"{name}: a waiting batch"] = [grown / many]
    sent = 2 * most // 1000
    held = alone(run, OURS, "bounded", sent, most)
    measured = {"batch": (grown - size) / many / 1000, "bounded": held["waiting"] / most}
    verdicts = [judge(f"memory, {key}", [value]) for key, value in measured.items()]
    note = "{accepted} of {} batches were accepted; {on_its_way} bytes were on their way"
    notes = [f"max_queue_bytes={most}: {note.format(sent, **held)}"]
    what = f"{many} batches of one event that wait"
    yield run.result(what, taken, verdicts=verdicts, notes=notes, unit="B")


def stream(run: Run) -> Iterator[Result]:
    """The resident memory of a stream of a million batches, after a tenth and at its end."""
    many = run.choose(1_000_000, 5_000)
    for threaded in (False, True):
        what = f"send_all of {many} batches, {'in the background' if threaded else 'at once'}"
        yield resident(run, what, "stream, constant", many, threaded)


def resident(run: Run, what: str, target: str, many: int, *more: Any) -> Result:
    """Return the resident memory of a stream; its target is what each batch of OURS may add."""
    if sys.platform == "win32":
        return run.result(what, {}, notes=["Windows is not asked for resident memory"])
    taken, grown, notes = {}, [], []
    for name in run.ours:
        run.server.reset()
        found = alone(run, name, "stream", run.server.url, many, *more)
        if found["delivered"] != many or run.server.counts()["events"] != many:
            raise SystemExit(f"{what}: {found['delivered']} of {many} were delivered")
        first, *_, last = sizes = [size / 1e6 for size in found["resident"]]
        taken.update({f"{name}: after a tenth": [first], f"{name}: at its end": [last]})
        grown.append((last - first) * 1e6 / (many * 0.9))
        notes.append(f"{name}, MB after each tenth: {[round(size, 1) for size in sizes]}")
    return run.result(what, taken, verdicts=[judge(target, grown[:1])], notes=notes, unit="MB")
