"""``mpfluent serve``: a local server that shows what arrives, in a browser and in the terminal."""

from __future__ import annotations

import argparse
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..errors import ConfigurationError, brief, one_line
from ..formatting.summary import cut
from ..testing.local.rows import json_bytes, rows_of, written_payloads
from ..testing.local.store import Entry
from ..testing.server import LocalServer
from .run import message_of
from .saved_batches import SavedBatches
from .statuses import DELIVERED
from .terminal import say
from .words import counted

_MOST = 20  # problems of one request that are printed
_MOST_NAMES = 5  # of events
_UNFIT = re.compile(rb"[\r\n\0]")
_SWITCH = 0.001  # seconds that a thread keeps others waiting, at most: an answer waits for no row


def serve(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C, and return the exit status.

    Args:
        options: of the command line.
    """
    server = _Server(options, _settings(options))
    switch = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    ended = signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends as by Ctrl-C
    try:
        server.saved = None if options.save is None else _saving(options.save)
        _write(*_first_lines(server.url, options))
        server.serve_forever()
    except KeyboardInterrupt:
        with suppress(BrokenPipeError):
            _write(_summary(server, options.save))
    finally:
        signal.signal(signal.SIGTERM, ended)
        sys.setswitchinterval(switch)
        server.stop()
        if server.saved is not None:
            server.saved.close()
    return DELIVERED


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of the server.

    Raises:
        ConfigurationError, InvalidPlan: one is not valid, or there is no plan for its version.
    """
    settings: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("port", "bind", "token", "certificate", "rate_limit", "strict", "delay")
    }
    any_key = options.api_key is None and options.api_secret is None
    for name, usual in (("api_key", "key"), ("api_secret", "secret")):
        given = getattr(options, name)
        settings[name] = None if any_key else usual if given is None else given
    if options.data_plan is not None:
        from ..dataplan import DataPlan

        try:
            plan = DataPlan.from_file(options.data_plan, version=options.plan_version)
        except ImportError as error:
            raise ConfigurationError(str(error)) from None
        settings["data_plan"] = plan
    elif options.plan_version is not None:
        raise ConfigurationError(
            f"--plan-version {options.plan_version}: of which plan? write --data-plan plan.json"
        )
    return {**settings, "max_events": options.max_events}


def _saving(path: str) -> SavedBatches:
    try:
        return SavedBatches(path)
    except (OSError, ValueError) as error:  # a ValueError for a NUL
        why = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"--save {brief(path)}: {why}; write --save batches.jsonl"
        ) from None


def _first_lines(url: str, options: argparse.Namespace) -> list[str]:
    if options.quiet:
        return [url]
    page = f"{url}/?token={options.token}" if options.token is not None else url
    keys = options.api_key is not None or options.api_secret is not None
    key, secret = (options.api_key or "key", "…") if keys else ("any key", "any secret")
    return [
        f"{page} shows what arrives; Ctrl-C stops",
        f'Client("{key}", "{secret}", environment="development", host="{url}")',
    ]


def _summary(server: _Server, path: str | None) -> str:
    counts = server._store.counts()
    parts = [
        f"{counted(counts.batches, 'batch', 'batches')}, {counted(counts.events, 'event')}",
        *(
            counted(count, one, several)
            for count, one, several in (
                (counts.refused, "refused request", None),
                (counts.duplicates, "duplicate", None),
                (counts.violations, "violation", None),
            )
            if count
        ),
    ]
    if server.saved is not None:
        lost = (
            f", {counted(server.saved.lost, 'batch', 'batches')} not" if server.saved.lost else ""
        )
        parts.append(f"{server.saved.written:,} saved in {path}{lost}")
    return "; ".join(parts)


class _Server(LocalServer):
    """Saves and prints what arrives."""

    saved: SavedBatches | None = None

    def __init__(self, options: argparse.Namespace, settings: dict[str, Any]) -> None:
        self._options = options
        self._printing = threading.Lock()  # the lines of two requests do not mix
        super().__init__(**settings)

    def _noted(self, entry: Entry) -> None:
        if self.saved is not None and entry.parts is not None:
            why = _saved(self.saved, entry)
            if why is not None:
                say("serve", f"{self._options.save}: {why}; what arrives is shown, but not saved")
        if not self._options.quiet:
            lines = list(_lines(entry))
            try:
                with self._printing:
                    _write(*lines)
            except OSError:  # nobody reads the lines any more, and the answer must go out
                self._options.quiet = True


def _saved(saved: SavedBatches, entry: Entry) -> str | None:
    """Save the batches of a request that came for the first time; return why not, once."""
    new = len(entry.parts or ()) - len(entry.duplicates)
    try:
        lines = _new_batches(entry)
    except RecursionError:
        lines = None
    if lines is None:
        return "it is nested too deeply" if saved.skip(new) else None
    error = saved.append(lines)
    return None if error is None else message_of(error)


def _new_batches(entry: Entry) -> list[bytes] | None:
    """Return the batches that came for the first time, each on one line; None if they cannot be."""
    body = entry.request.body
    # as it came, if those who read lines see one line of UTF-8
    if len(entry.parts or ()) == 1 and body.startswith(b"{") and not _UNFIT.search(body):
        return [] if entry.duplicates else [body]
    payloads = written_payloads(entry)
    if payloads is None:
        return None
    new = [each for place, each in enumerate(payloads) if place not in entry.duplicates]
    return [*map(json_bytes, new)]


def _lines(entry: Entry) -> Iterator[str]:
    """Yield what is printed of a request."""
    request = entry.request
    code = "---" if request.status_code is None else request.status_code
    first = " ".join([str(code), *filter(None, [request.method, request.path])])
    yield cut(one_line(f"{first}  {entry.message or _names(entry)}"))
    parts = entry.parts or ()
    problems = [problem for part in parts for problem in part.problems]
    said = [f"problem: {each}" for each in (problems if parts else request.problems[1:])]
    said += [f"violation: {each.text}" for each in request.violations]
    yield from map(one_line, said[:_MOST])
    if len(said) > _MOST:
        yield f"… and {len(said) - _MOST} more"


def _names(entry: Entry) -> str:
    """Return the events of a request by their names, and who they are about."""
    rows = rows_of(entry)
    names = [str(row["name"] or row["action"] or row["event_type"] or "no event") for row in rows]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    again = " (a duplicate)" if entry.duplicates else ""
    who = next((f"  {name} {value}" for name, value in rows[0]["user"].items()), "")
    return f"{', '.join(names[:_MOST_NAMES])}{more}{again}{who}"


def _write(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
