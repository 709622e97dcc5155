"""The interpreters that are measured: an environment for each side, made once and kept.

The alternatives pin old versions of what they share with mpfluent, so none can live beside it.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]

# What RESULTS.md was measured with
OTHERS = {
    "mparticle": ["mparticle==0.16.1"],
    "segment": ["segment-analytics-python==2.4.0"],
    "posthog": ["posthog==7.91.1"],
}


class Unavailable(Exception):
    """A side cannot be measured; its text says why."""


def default_cache() -> Path:
    """Return where environments are kept: the user's cache folder."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir()))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "mpfluent-benchmarks"


class Environments:
    """Makes environments and finds them again.

    Args:
        python: the interpreter that they are made from.
        cache: the folder that they are kept in.
        offline: make none; use what is there, and for mpfluent this very interpreter.

    Attributes:
        bytecode: the folder that they write compiled sources to.
    """

    def __init__(self, python: str, cache: Path, *, offline: bool) -> None:
        self.python = python
        self._cache = cache
        self.bytecode = cache / "bytecode"
        self._offline = offline

    def interpreter(self, side: str) -> str:
        """Return the interpreter of an environment for a side.

        Args:
            side: "mpfluent", "orjson" (mpfluent with it), or one of the others.

        Raises:
            Unavailable: there is none, and none can be made.
        """
        wanted = OTHERS.get(side) or _own_requirements(with_orjson=side == "orjson")
        name = hashlib.sha256("\n".join([self.python, *wanted]).encode()).hexdigest()[:12]
        folder = self._cache / f"{side}-{name}"
        found = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        complete = folder / "complete"
        if complete.exists() and found.exists():
            return str(found)
        if not self._offline:
            _make(self.python, folder, found, wanted)
            complete.write_text("\n".join(wanted), encoding="utf-8")
            return str(found)
        if side in OTHERS:
            raise Unavailable("there is no environment for it, and none is made offline")
        if side == "orjson" and not _has(self.python, "orjson"):
            raise Unavailable("orjson is not installed, and nothing is installed offline")
        return self.python


def _own_requirements(*, with_orjson: bool) -> list[str]:
    """Return what mpfluent needs, as its own setup.cfg says."""
    declared = configparser.ConfigParser()
    declared.read(ROOT / "setup.cfg", encoding="utf-8")
    needs = declared["options"]["install_requires"].split()
    fast = declared["options.extras_require"].get("fast", "orjson").split()
    return needs + fast if with_orjson else needs


def _make(python: str, folder: Path, found: Path, wanted: list[str]) -> None:
    print(f"installing {' '.join(wanted)} into {folder}", file=sys.stderr, flush=True)
    for command in (
        [python, "-m", "venv", "--clear", str(folder)],
        [str(found), "-m", "pip", "install", "--quiet", *wanted],
    ):
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            said = (run.stderr or run.stdout).strip().splitlines() or ["without a word"]
            raise Unavailable(f"its environment could not be made: {said[-1]}")


def _has(python: str, module: str) -> bool:
    run = subprocess.run([python, "-c", f"import {module}"], capture_output=True)
    return run.returncode == 0


@contextmanager
def checkout(commit: str | None) -> Iterator[tuple[str, Path] | None]:
    """Check a commit out beside this one, for as long as it lasts.

    Yields its short name and its folder; None without a commit.
    """
    if commit is None:
        yield None
        return
    try:
        name = _git("rev-parse", "--short", f"{commit}^{{commit}}").strip()
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"--compare {commit}: {error.stderr.strip()}") from None
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / name
        _git("worktree", "add", "--detach", str(folder), name)
        try:
            yield name, folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


def this_commit() -> str:
    """Return the short name of what is measured, with a plus if it was changed since."""
    try:
        name = _git("rev-parse", "--short", "HEAD").strip()
        changed = _git("status", "--porcelain", "--", "mpfluent").strip()
    except (OSError, subprocess.CalledProcessError):
        return "no commit"
    return f"{name}+" if changed else name


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
