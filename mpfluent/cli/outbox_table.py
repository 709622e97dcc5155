"""What is printed of an outbox: how much waits, how old it is, for whom, and why."""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from ..errors import one_line
from ..outbox.waiting import Waiting
from ..transport.destination import Credentials
from .words import counted, number, size, span


def show(file: str, groups: list[Waiting]) -> None:
    """Print what waits: how many batches, how old, for whom, and why.

    Args:
        file: as it was written.
        groups: what waits in it.
    """
    sys.stdout.write("".join(f"{line}\n" for line in _lines(file, groups)))


def _lines(file: str, groups: list[Waiting]) -> Iterator[str]:
    if not groups:
        yield f"{file}: nothing waits"
        return
    batches = sum(group.batches for group in groups)
    of_all = size(sum(group.bytes for group in groups))
    oldest = _age(min(group.oldest for group in groups))
    yield f"{file}: {counted(batches, 'batch', 'batches')} of {of_all}, the oldest {oldest}"
    yield ""
    table = [("batches", "oldest", "for", "why")]
    ours = _fingerprint()
    table += [
        (number(group.batches), _age(group.oldest), _name_of(group.host), _why(group, ours))
        for group in groups
    ]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for count, age, host, why in table:
        yield f"{count:>{widths[0]}}  {age:<{widths[1]}}  {host:<{widths[2]}}  {why}"
    yield from _hints(file, groups, ours)


def _why(group: Waiting, ours: str | None) -> str:
    """Return what a group waits for."""
    if group.state == "damaged":
        return "damaged: they can only be given up"
    if group.state == "held":
        return "a running process has them, and tries again"
    if ours is not None and group.key != ours:
        return "of another API key than MPARTICLE_API_KEY"
    return "no running process has them"


def _hints(file: str, groups: list[Waiting], ours: str | None) -> Iterator[str]:
    """Yield what to write for each address to which something is left to be sent."""
    addresses = {g.host: None for g in groups if g.state == "left" and ours in (None, g.key)}
    if addresses:
        yield ""
    for host in addresses:
        yield f"mpfluent outbox {shlex.quote(file)} --drain{_options_for(host)} sends them"


def _fingerprint() -> str | None:
    """Return the fingerprint of the API key in the environment; None if there is none."""
    key = os.environ.get("MPARTICLE_API_KEY")
    return Credentials(key, "").fingerprint if key else None


def _name_of(host: str) -> str:
    """Return how a destination is shown: its server, and what is special about it."""
    name = one_line(urlsplit(host).netloc or host)
    return f"{name}, historical" if host.endswith("/historical") else name


def _options_for(host: str) -> str:
    """Return the options of a command that sends to a destination."""
    pod = re.match(r"https://s2s\.(\w+)\.mparticle\.com/", host)
    option = f" --pod {pod[1]}" if pod else f" --host {shlex.quote(host.partition('/v2')[0])}"
    return option + (" --historical" if host.endswith("/historical") else "")


def _age(created: float) -> str:
    seconds = time.time() - created
    return span(seconds) if 0 <= seconds < 1e10 else "unknown"
