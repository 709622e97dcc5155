"""A transport that keeps every request, for tests."""

from __future__ import annotations

import threading

from ..builder.batch import Batch
from ..encoding.json import parsed
from ..errors import ConfigurationError, brief
from ..transport.base import Request, Response, raises_only_transport_errors
from ..transport.local import _response
from ..utils.introspection import PublicNames


class RecordingTransport(PublicNames):
    """Keeps every request and accepts it; a test looks at what it kept.

    Args:
        answers: the answers in turn, each a ``Response`` or a status code. When they are used up,
            the answer is 202.

    Attributes:
        requests: the requests, in order.

    >>> from mpfluent import Batch, Client
    >>> transport = RecordingTransport()
    >>> with Client("key", "secret", environment="development", transport=transport) as client:
    ...     _ = client.send(Batch.for_user(customer_id="1").event("Searched"))
    >>> transport.batches[0].events[0].event_name
    'Searched'
    """

    def __init__(self, *answers: Response | int) -> None:
        for answer in answers:
            if not isinstance(_response(answer), Response):
                raise ConfigurationError(
                    f"RecordingTransport({brief(answer)}): want answers; "
                    "write RecordingTransport(503, 202)"
                )
        self.requests: list[Request] = []
        self._refused: list[tuple[Request, Response]] = []
        self._answers = list(answers)
        # guards the three lists, since workers send; reentrant, for a signal's handler may send
        self._lock = threading.RLock()

    @property
    def batches(self) -> list[Batch]:
        """The batches of all the requests, as they were on the wire."""
        with self._lock:
            requests = list(self.requests)
        return _batches(requests)

    @property
    def _accepted(self) -> list[Batch]:
        """The batches of the requests that were answered with 2xx."""
        with self._lock:
            refused = {id(request) for request, _ in self._refused}
            requests = [request for request in self.requests if id(request) not in refused]
        return _batches(requests)

    @raises_only_transport_errors
    def send(self, request: Request) -> Response:
        """Keep the request and return the next answer."""
        with self._lock:
            self.requests.append(request)
            answer = _response(self._answers.pop(0) if self._answers else 202)
            if not 200 <= answer.status_code < 300:
                self._refused.append((request, answer))
        return answer

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self.requests.clear()
            self._refused.clear()

    @raises_only_transport_errors
    def close(self) -> None:
        """Do nothing: the requests stay."""

    def __repr__(self) -> str:
        return f"<RecordingTransport: {len(self.requests)} requests>"


def _batches(requests: list[Request]) -> list[Batch]:
    found: list[Batch] = []
    for request in requests:
        body = parsed(request.body)
        entries = body if isinstance(body, list) else [body]
        found += [Batch.from_dict(entry) for entry in entries]
    return found
