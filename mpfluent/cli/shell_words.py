"""What Python's errors say, in the words of a shell: options instead of arguments."""

from __future__ import annotations

import re
from collections.abc import Callable

# Arguments of Python that are options here. Nothing else is reworded: the mapping file has words
# of its own, such as ``format``.
_OPTIONS = {
    **dict.fromkeys(("encoding", "delimiter", "tz", "job"), ""),
    **dict.fromkeys(("environment", "pod", "host", "rate_limit", "stop_after"), ""),
    **dict.fromkeys(("port", "bind", "token", "delay", "certificate", "max_events"), ""),
    "unknown": "--ignore-unknown",
    "version": "--plan-version",
}
_OPTIONS = {name: said or f"--{name.replace('_', '-')}" for name, said in _OPTIONS.items()}
# Methods whose argument is what an option says, or the file that the command is about.
_METHODS = {
    "with_rejects": "--rejects",
    "with_checkpoint": "--checkpoint",
    "with_key": "--key",
    "grouped_by": "--grouped-by",
    "map": "--map",
    **dict.fromkeys((f"Rows.from_{kind}" for kind in ("csv", "jsonl", "parquet", "batches")), ""),
    "Rows.from_rejects": "",
    "Outbox": "",
}
_VALUE = r"'[^']*'|\"[^\"]*\"|[\w.…+-]+"
_METHOD = "|".join(map(re.escape, _METHODS))
_OPTION = "|".join(_OPTIONS)


def _bare(value: str) -> str:
    """Return a value without its quotes, if a shell needs none."""
    bare = value[1:-1] if value[:1] in ("'", '"') else value
    return bare if re.fullmatch(r"[\w./:*?…+=-]*", bare) else value


def _resend(found: re.Match[str]) -> str:
    return f"send it by mpfluent resend {_bare(found[1])}"


_OLD = "events over 30 days old came; --historical sends to the endpoint for those"
_ANY_MAP = 'map(imported), map("policies.toml") or map("jobs:imported")'
_REWORDED: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    # what is wrong with a key must not repeat it
    (r"^Client\(\w+=…\): (.*?); write .* or set (\w+)$", r"\2 \1; write export \2='…'"),
    (re.escape(_ANY_MAP), "--map policies.toml, or --map jobs:imported"),
    (
        r"\bClient\(…, environment='development'\) or batch\..*$",
        "--environment development, or production",
    ),
    (r"\bmap\(…, allow_nobody=True\)", "--allow-nobody"),
    (r"\bcheck\(historical=True\) for the endpoint of those", "--historical"),
    (r"^a batch has a problem of the kind old_event.*$", _OLD),
    (r", logged once; batch\.problems\(\) says more$", ""),
    (r"\bwith_key\([^()]*, job=('[^']*')\)$", r"--job \1, or job = \1 in the mapping file"),
    (r"\bwith_key\(…, job=…\)", "--key COLUMN --job JOB"),
    (r"\bClient\(…\) without historical=True", "this command without --historical"),
    (r", and stop_after=(\d+);", r", and --stop-after \1;"),
    (r"\bRows\.from_parquet\(…\)", "--format parquet"),
    (r"; batch\.problems\(\) lists them all", ""),
    (r"LocalServer\(bind=('[^']*'), token='…'\)", r"--bind \1 --token '…'"),
    (r"\bplan\.problems\(\) lists", "mpfluent plan show lists"),
    (r"^generate\(\): ", ""),
    (
        r"check api_key= and api_secret=, and that the pod is the workspace's",
        "check MPARTICLE_API_KEY and MPARTICLE_API_SECRET, and that --pod is the workspace's",
    ),
    (rf"send it by Rows\.from_rejects\(({_VALUE})\)", _resend),
)


def in_a_shell(message: str) -> str:
    """Return an error's text as it concerns somebody who wrote a command.

    >>> in_a_shell("Client(pod='us9'): not a pod; did you mean 'us1'?")
    "--pod us9: not a pod; did you mean 'us1'?"
    >>> in_a_shell("Client(api_key=…): is missing; write Client(api_key='…') or set X_KEY")
    "X_KEY is missing; write export X_KEY='…'"
    >>> in_a_shell("with_rejects('no/where'): cannot be written: No such file or directory")
    '--rejects no/where: cannot be written: No such file or directory'
    >>> in_a_shell("Rows.from_csv('a.csv'): the bytes are not utf-8; write encoding=…")
    'a.csv: the bytes are not utf-8; write --encoding …'
    >>> in_a_shell("rejects are in no file; write with_rejects('rejects.jsonl')")
    'rejects are in no file; write --rejects rejects.jsonl'
    >>> in_a_shell("LocalServer(port=80): it is taken; write LocalServer(port=0)")
    '--port 80: it is taken; write --port 0'
    """
    for pattern, instead in _REWORDED:
        message = re.sub(pattern, instead, message)
    called = rf"Client|LocalServer|check|{_METHOD}"
    message = re.sub(rf"^(?:{called})\(({_OPTION})=({_VALUE})\)", _option, message)
    message = re.sub(rf"(?<=write )LocalServer\(({_OPTION})=({_VALUE})\)", _option, message)
    message = re.sub(rf"(?:^|\bwrite )({_METHOD})\(({_VALUE})?\)", _method, message)
    return re.sub(rf"\b(?<=write )({_OPTION})=({_VALUE})", _option, message)


def _option(found: re.Match[str]) -> str:
    """Return an argument as an option."""
    return f"{_OPTIONS[found[1]]} {_bare(found[2])}"


def _method(found: re.Match[str]) -> str:
    """Return a call as an option; of a call that reads files, only which."""
    before = "write " if found[0].startswith("write ") else ""
    return f"{before}{_METHODS[found[1]]} {_bare(found[2] or '')}".strip()
