"""An environment for each peer, made once and kept: the SDKs pin versions that differ."""

import configparser
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PEERS = tomllib.loads(Path(__file__).with_name("peers.toml").read_text(encoding="utf-8"))
OTHERS = {peer["environment"]: peer["installed"] for peer in PEERS.values() if "installed" in peer}
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "mpfluent-benchmarks")


class Unavailable(Exception):
    """A peer cannot be measured; its text says why."""


class Environments(NamedTuple):
    """Makes environments from an interpreter, and keeps them in the folder ``cache``.

    Offline, it makes none: it uses what is there, and for mpfluent this very interpreter.
    """

    python: str
    cache: Path
    offline: bool

    def interpreter(self, name: str) -> str:
        """Return the interpreter of an environment, or the folder of its modules for Node."""
        declared = configparser.ConfigParser()
        declared.read(ROOT / "setup.cfg", encoding="utf-8")
        ours = declared["options"]["install_requires"], declared["options.extras_require"]["plan"]
        wanted = OTHERS.get(name) or "".join(ours).split()
        key = hashlib.sha256("\n".join([self.python, *wanted]).encode()).hexdigest()[:12]
        folder = self.cache / f"{name}-{key}"
        python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        found = folder / "node_modules" if wanted[0].startswith("@") else python
        if found != python and not (shutil.which("node") and shutil.which("npm")):
            raise Unavailable("node and npm are not installed")
        complete = folder / "complete"
        if not (complete.exists() and found.exists()):
            if self.offline and name in OTHERS:
                raise Unavailable("there is no environment for it, and none is made offline")
            if self.offline:
                return self.python
            _make(self.python, folder, found, wanted)
            complete.touch()
        return str(found)


def _make(base: str, folder: Path, found: Path, wanted: list[str]) -> None:
    print(f"installing {' '.join(wanted)} into {folder}", file=sys.stderr, flush=True)
    make, pip = [base, "-m", "venv", "--clear", folder], [found, "-m", "pip", "install", "--quiet"]
    npm = [shutil.which("npm"), "install", "--silent", "--prefix", folder]
    for command in [[*npm, *wanted]] if found.name == "node_modules" else [make, [*pip, *wanted]]:
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            printed = (run.stderr or run.stdout).strip().splitlines() or ["no message"]
            raise Unavailable(f"its environment could not be made: {printed[-1]}")


@contextmanager
def checkout(commit: str) -> Iterator[dict[str, Path]]:
    """Put mpfluent at another commit into a folder; yield that folder by the peer's name."""
    try:
        name = _git("rev-parse", "--short", f"{commit}^{{commit}}")
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"--compare {commit}: {error.stderr.strip()}") from None
    with tempfile.TemporaryDirectory() as folder:
        _git("archive", "--output", f"{folder}/then.tar", name, "mpfluent")
        shutil.unpack_archive(f"{folder}/then.tar", folder, filter="data")
        yield {f"mpfluent at {name}": Path(folder).resolve()}


def this_commit() -> str:
    """Return the short name of what is measured, with a plus if it was changed since."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return f"{name}+" if _git("status", "--porcelain", "--", "mpfluent") else name
    except (OSError, subprocess.CalledProcessError):
        return "no commit"


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return run.stdout.strip()
