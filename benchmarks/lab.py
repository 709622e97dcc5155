"""What rows measure with: the sides' processes, the server, and results that can be printed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .environments import ROOT, Environments, Unavailable
from .server import Server, end
from .targets import TARGETS
from .timing import Side, Spread, spread

HERE = Path(__file__).parent

OURS = "mpfluent"
FAST = "mpfluent + orjson"
VENDOR = "the vendor's SDK"
SEGMENT = "Segment"
POSTHOG = "PostHog"

# side: its environment, the program in sides/
PROGRAMS = {
    OURS: ("mpfluent", "ours.py"),
    FAST: ("orjson", "ours.py"),
    VENDOR: ("mparticle", "with_mparticle.py"),
    SEGMENT: ("segment", "with_segment.py"),
    POSTHOG: ("posthog", "with_posthog.py"),
}


class Figure(NamedTuple):
    """What was measured of one side; ``unit`` is "s" for seconds, which are printed as they fit."""

    side: str
    spread: Spread
    unit: str = "s"


class Verdict(NamedTuple):
    """What that says of a target; ``target`` is None if the number is only good to know."""

    claim: str
    spread: Spread
    target: str | None
    met: bool | None
    unit: str = "×"


class Result(NamedTuple):
    """One row.

    Attributes:
        row: its name for ``--row``.
        what: what was measured, in a few words.
        notes: what one should know of it; what could not be measured, too.
    """

    row: str
    what: str
    figures: Sequence[Figure]
    verdicts: Sequence[Verdict] = ()
    notes: Sequence[str] = ()


def verdict(target: str, values: Sequence[float]) -> Verdict:
    """Return what a target's number is, and whether it is met: by the median of the rounds."""
    wanted = TARGETS[target]
    found = spread(values)
    return Verdict(wanted.claim, found, str(wanted), wanted.is_met(found.median), wanted.unit)


class Process:
    """A side's process: asked in a line of JSON, it answers in one."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=dict(environment),
        )

    def ask(self, action: str, *arguments: Any) -> Any:
        """Let it do something, and return what it answers."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a side has no pipes")
        try:
            process.stdin.write(json.dumps([action, *arguments]) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # its answer is missing, too
        answer = process.stdout.readline()
        if not answer:
            self.close()
            raise SystemExit(f"{' '.join(self._command)} ended at {action!r}; see above")
        return json.loads(answer)

    def timed(self, action: str, *arguments: Any) -> Side:
        """Return a side of its own for :func:`~benchmarks.timing.in_turns`."""
        return lambda loops: float(self.ask(action, *arguments, loops))

    def close(self) -> None:
        """End it."""
        end(self._process)


class Lab:
    """Has the sides and the server, for as long as a run takes.

    Args:
        environments: where interpreters come from.
        then: another commit of mpfluent to compare with: its name and its folder.
        quick: whether only to prove that everything runs.
    """

    def __init__(
        self, environments: Environments, then: tuple[str, Path] | None = None, *, quick: bool
    ) -> None:
        self._environments = environments
        self._homes = {OURS: ROOT, FAST: ROOT}
        self.ours = [OURS]
        if then is not None:
            name, folder = then
            self.ours.append(f"{OURS} at {name}")
            self._homes[self.ours[-1]] = folder
        self.quick = quick
        self.missing: dict[str, str] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self._processes: dict[str, Process] = {}
        self._server: Server | None = None

    def choose(self, full: Any, quick: Any) -> Any:
        """Return the one for a full run, or the other for a quick one."""
        return quick if self.quick else full

    @property
    def turns(self) -> dict[str, Any]:
        """How to take turns for what takes microseconds."""
        return {"rounds": self.choose(40, 2), "piece": self.choose(0.01, 0.0005)}

    @property
    def server(self) -> Server:
        """The server that accepts everything."""
        if self._server is None:
            self._server = Server()
        return self._server

    def interpreter(self, side: str) -> str:
        """Return the interpreter that runs a side.

        Raises:
            Unavailable: it cannot be had.
        """
        environment, _ = PROGRAMS.get(side, PROGRAMS[OURS])
        return self._environments.interpreter(environment)

    def command(self, side: str, *more: str) -> tuple[list[str], dict[str, str]]:
        """Return the command that runs a side's program, and its environment variables."""
        _, program = PROGRAMS.get(side, PROGRAMS[OURS])
        command = [self.interpreter(side), str(HERE / "sides" / program), *more]
        variables = {name: text for name, text in os.environ.items() if "PROXY" not in name.upper()}
        for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
            variables.pop(name, None)
        # else a source that was just edited would be compiled at each start
        variables["PYTHONPYCACHEPREFIX"] = str(self._environments.bytecode)
        if side in self._homes:
            variables["PYTHONPATH"] = str(self._homes[side])
            if side != FAST:
                command.append("--without-orjson")
        return command, variables

    def fresh(self, side: str) -> Process:
        """Return a new process of a side, which the caller closes."""
        return Process(*self.command(side))

    def has(self, side: str) -> bool:
        """Return whether a side can be measured; if not, ``missing`` says why."""
        if side in self.missing:
            return False
        if side not in self._processes:
            try:
                self._open(side)
            except Unavailable as error:
                self.missing[side] = str(error)
                return False
        return True

    def side(self, name: str) -> Process:
        """Return the process of a side that :meth:`has` found."""
        if not self.has(name):
            raise Unavailable(self.missing[name])
        return self._processes[name]

    def those(self, *names: str) -> list[str]:
        """Return which of these can be measured."""
        return [name for name in names if self.has(name)]

    def close(self) -> None:
        """End all processes."""
        for process in self._processes.values():
            process.close()
        if self._server is not None:
            self._server.close()

    def _open(self, name: str) -> None:
        process = self.fresh(name)
        self._processes[name] = process
        self.versions[name] = process.ask("versions")
        if name in self._homes:
            home = process.ask("home")
            if Path(home) != self._homes[name]:
                raise SystemExit(f"{name} was to come from {self._homes[name]}, not from {home}")
        if name == FAST and not process.ask("uses_orjson"):
            self._processes.pop(name).close()
            del self.versions[name]
            raise Unavailable("mpfluent does not use orjson, which is installed")
        if name == VENDOR:
            self._compare(process)

    def _compare(self, vendor: Process) -> None:
        """Make sure that both sides build the same batches: else their times say nothing."""
        ours = self.side(OURS)
        for content, number in (("whole", 10), ("usual", 7), ("identical", 7)):
            theirs = vendor.ask("show", content, number)
            identities = theirs["user_identities"]
            identities["customer_id"] = identities.pop("customerid")
            own = ours.ask("show", content, number)
            own.setdefault("environment", "development")  # which the client adds
            if theirs != own:
                raise SystemExit(f"the vendor's SDK builds another batch ({content}): {theirs}")
