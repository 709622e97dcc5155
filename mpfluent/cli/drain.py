"""``mpfluent outbox --drain``: sends what no running process has."""

from __future__ import annotations

import argparse
import sys
from threading import Thread
from typing import TYPE_CHECKING

from ..dispatch.threaded import ThreadedDispatcher
from ..errors import DeliveryError, one_line
from ..outbox.outbox import Outbox
from ..outbox.waiting import what_waits
from ..transport.base import Request, Response
from ..transport.requests import RequestsTransport
from .outbox_table import show
from .progress import EVERY
from .run import client_of
from .statuses import DELIVERED, FAILED, INTERRUPTED, MISTAKE
from .terminal import say
from .words import counted, number

if TYPE_CHECKING:
    from ..builder.batch import Batch
    from ..client.client import Client

_MOST_FAILURES = 10  # errors that are printed
_REFUSED = (401, 403)


class _Transport:
    """Sends, and remembers the last status."""

    def __init__(self) -> None:
        self._transport = RequestsTransport()
        self.status: int | None = None

    def send(self, request: Request) -> Response:
        response = self._transport.send(request)
        self.status = response.status_code
        return response

    def close(self) -> None:
        self._transport.close()


def drain(options: argparse.Namespace) -> int:
    """Send what no running process has, and return the exit status.

    Args:
        options: of the command line.
    """
    what_waits(options.file)  # raises where there is no outbox, which would be made
    transport = _Transport()
    failures: list[str] = []

    def failed(batch: Batch, error: DeliveryError) -> None:
        if len(failures) < _MOST_FAILURES:
            failures.append(one_line(f"{batch.source_request_id}: {error.reason}: {error}"))

    dispatcher = ThreadedDispatcher(outbox=Outbox(options.file))
    client = client_of(options, transport=transport, dispatcher=dispatcher, on_failed=failed)
    try:
        _flush(client, quiet=options.quiet)
        interrupted = False
    except KeyboardInterrupt:
        interrupted = True
    client.close(0)  # what is left stays in the file
    stats, left = client.stats, what_waits(options.file)
    if not options.quiet:
        sys.stdout.write(
            f"{options.file}: {counted(stats.delivered, 'batch', 'batches')} delivered, "
            f"{number(stats.failed)} failed\n"
        )
        show(options.file, left)
        sys.stdout.flush()
    for failure in failures:
        say(options.command, failure)
    if interrupted:
        say(options.command, "interrupted; what is left waits in the file")
        return INTERRUPTED
    if transport.status in _REFUSED:
        why = f"the key was refused ({transport.status})"
        say(options.command, f"{why}; check MPARTICLE_API_KEY and MPARTICLE_API_SECRET")
        return MISTAKE
    is_done = not stats.failed and all(group.state == "held" for group in left)
    return DELIVERED if is_done else FAILED


def _flush(client: Client, *, quiet: bool) -> None:
    """Send all that waits; say every ten seconds how far it is."""
    thread = Thread(target=client.flush, daemon=True)  # daemon: Ctrl-C does not wait for it
    thread.start()
    thread.join(EVERY)
    while thread.is_alive():
        if not quiet:
            stats = client.stats
            line = f"{number(stats.delivered)} delivered, {number(stats.pending)} to go"
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        thread.join(EVERY)
