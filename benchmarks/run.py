"""One run: its options, the processes of its peers, and its server."""

import json
import os
import subprocess
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from .environments import PEERS, ROOT, Environments, Unavailable
from .measurement import ratios, spread, take_turns, time_in_turns
from .report import Result, Verdict, judge
from .server import Server

OURS, DICTS, VENDOR, SEGMENT, POSTHOG, NODE = PEERS
ASKED = tomllib.loads(Path(__file__).with_name("asked.toml").read_text(encoding="utf-8"))
Taken = Mapping[str, Sequence[float]]
Asked = Mapping[str, Sequence[Any]]  # by label: a peer, and what it is asked for


class Peer(subprocess.Popen[str]):
    """A peer's process, for a ``with`` block: it answers a line of JSON with another."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        super().__init__(command, stdin=pipe, stdout=pipe, encoding="utf-8", env=variables)

    def ask(self, action: str, *arguments: Any, **options: Any) -> Any:
        print(json.dumps([action, arguments, options]), file=self.stdin, flush=True)
        answer = self.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.args} ended at {action!r}; see above")
        return json.loads(answer)


class Run(ExitStack):
    """One run of the benchmarks; when it is left, its processes and its server end.

    ``ours`` are the peers that are mpfluent; ``missing`` says why a peer is left out; ``row`` is
    the name of what is measured.
    """

    def __init__(self, environments: Environments, then: dict[str, Path], *, quick: bool) -> None:
        super().__init__()
        self._environments = environments
        self._homes = {OURS: ROOT, **then}
        self.ours = list(self._homes)
        self.quick = quick
        self.row = ""
        self.missing: dict[str, str] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self._peers: dict[str, Peer] = {}

    def choose(self, full: Any, quick: Any) -> Any:
        return quick if self.quick else full

    @cached_property
    def server(self) -> Server:
        server = self.enter_context(Server())
        server.reset()
        return server

    def command(self, name: str) -> tuple[list[str], dict[str, str]]:
        """Return the command that runs a peer, and its environment variables."""
        peer = PEERS.get(name, PEERS[OURS])  # which another commit is like
        found = self._environments.interpreter(peer["environment"])
        variables = {key: text for key, text in os.environ.items() if "PROXY" not in key.upper()}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        # otherwise a source that was just edited would be compiled at each start
        variables["PYTHONPYCACHEPREFIX"] = str(self._environments.cache / "bytecode")
        # the benchmarks are of this checkout, also where mpfluent is of another
        variables["PYTHONPATH"] = f"{self._homes.get(name, ROOT)}{os.pathsep}{ROOT}"
        if peer["module"].endswith(".js"):
            script = str(ROOT / "benchmarks" / "peers" / peer["module"])
            return ["node", script], {**variables, "NODE_PATH": found}
        # -P: otherwise the working directory would come before them
        return [found, "-P", "-m", f"benchmarks.peers.{peer['module']}"], variables

    def peer(self, name: str) -> Peer:
        """Return the process of a peer; raise Unavailable if it cannot be measured."""
        if name not in self._peers:
            peer = self._peers[name] = self.enter_context(Peer(*self.command(name)))
            self.versions[name] = peer.ask("versions")
            if name in self._homes and Path(peer.ask("home")) != self._homes[name]:
                raise SystemExit(f"{name} does not come from {self._homes[name]}")
            if name == VENDOR:
                self._check_vendor(peer)
        return self._peers[name]

    def ask(self, name: str, action: str, *arguments: Any, **options: Any) -> Any:
        return self.peer(name).ask(action, *arguments, **options)

    def available(self, asked: Asked) -> dict[str, Any]:
        """Return what is asked of peers that can be measured; the others become ``missing``."""
        found = {}
        for label, asks in asked.items():
            try:
                self.peer(asks[0])
                found[label] = asks
            except Unavailable as error:
                self.missing[asks[0]] = str(error)
        return found

    def take_turns(self, do: Callable[..., Any], asked: Asked, rounds: int) -> dict[str, list[Any]]:
        """Do something with what each available peer is asked for, in turns, so many rounds."""
        turns = {label: partial(do, *asks) for label, asks in self.available(asked).items()}
        return take_turns(turns, rounds)

    def time(self, asked: Asked, rounds: int = 40, piece: float = 0.01) -> dict[str, list[float]]:
        """Time in turns what peers are asked for: an action and its arguments."""
        peers = {label: partial(self.ask, *asks) for label, asks in self.available(asked).items()}
        return time_in_turns(peers, self.choose(rounds, 1), self.choose(piece, 0.0))

    def result(self, what: str, taken: Taken, *targets: Any, **more: Any) -> Result:
        """Return a result; a target comes with the two whose ratio it is about."""
        there = [target for target in targets if {*target[1:]} <= taken.keys()]
        judged = [judge(target, ratios(taken[of], taken[to])) for target, of, to in there]
        older = {name: ratios(taken[OURS], taken[name]) for name in self.ours[1:] if name in taken}
        since = [Verdict(f"the figure of {name}", spread(found)) for name, found in older.items()]
        figures = {name: spread(values) for name, values in taken.items()}
        verdicts = [*judged, *more.pop("verdicts", ()), *since]
        return Result(self.row, what, figures, verdicts, **more)

    def _check_vendor(self, vendor: Peer) -> None:
        """Make sure that both build the same batches; otherwise their times say nothing."""
        for content, number in (("whole", 10), ("usual", 7), ("identical", 7), ("policy", 7)):
            theirs = vendor.ask("show", content, number)
            theirs["user_identities"]["customer_id"] = theirs["user_identities"].pop("customerid")
            own = self.ask(OURS, "show", content, number)
            own.setdefault("environment", "development")  # which the client adds
            if theirs != own:
                raise SystemExit(f"the vendor's SDK builds another batch ({content}): {theirs}")
