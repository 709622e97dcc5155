"""What Python's errors say, in the words of a shell: options instead of arguments."""

from __future__ import annotations

import re

# Arguments whose options have other names. All others are called the same.
_OPTIONS = {
    "plan_id": "--data-plan-id",
    "plan_version": "--data-plan-version",
    "unknown": "--ignore-unknown",
}
_VERBS = {
    "with_rejects": "--rejects",
    "with_checkpoint": "--checkpoint",
    "with_key": "--key",
    "grouped_by": "--grouped-by",
    "map": "--map",
    "Rows.from_csv": "",
    "Rows.from_jsonl": "",
    "Rows.from_parquet": "",
    "Rows.from_batches": "",
    "Rows.from_rejects": "",
    "Outbox": "",
}
_QUOTED = r"'[^']*'|\"[^\"]*\"|[^'\",()]*"
_CALLS = "|".join(map(re.escape, _VERBS))


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
    """
    secret = re.fullmatch(r"Client\(\w+=…\): (.*?); write .* or set (\w+)", message)
    if secret:
        return f"{secret[2]} {secret[1]}; write export {secret[2]}='…'"
    message = re.sub(
        rf"^(?:Client|check|{_CALLS})\((\w+)=({_QUOTED})\)",
        lambda found: f"{_option(found[1])} {_bare(found[2])}",
        message,
    )
    message = re.sub(
        rf"^({_CALLS})\(({_QUOTED})\)",
        lambda found: f"{_VERBS[found[1]]} {_bare(found[2])}".strip(),
        message,
    )
    return re.sub(
        rf"\bwrite (\w+)=({_QUOTED}|…)",
        lambda found: f"write {_option(found[1])} {_bare(found[2])}",
        message,
    )


def _option(name: str) -> str:
    return _OPTIONS.get(name) or f"--{name.replace('_', '-')}"


def _bare(value: str) -> str:
    """Return a value without its quotes, if a shell needs none."""
    bare = value[1:-1] if value[:1] in ("'", '"') else value
    return bare if re.fullmatch(r"[\w./:*?+=-]+", bare) else value
