"""Where a request goes, and with which key."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigurationError
from ..utils.typed import NamedTuple


class Credentials:
    """An API key and its secret; neither shows in a repr, and neither can be pickled.

    Attributes:
        fingerprint: tells one API key from another without showing it.
    """

    __slots__ = ("_authorization", "fingerprint")

    def __init__(self, api_key: str, api_secret: str) -> None:
        import base64  # here: a program that only builds batches does without them
        import hashlib

        self.fingerprint = hashlib.sha256(f"mpfluent {api_key}".encode()).hexdigest()[:32]
        pair = f"{api_key}:{api_secret}".encode()
        self._authorization = "Basic " + base64.b64encode(pair).decode("ascii")

    def authorization(self) -> str:
        """Return the value of the Authorization header."""
        return self._authorization

    def sign(self, prepared: Any) -> Any:
        """Add the Authorization header to a prepared request of ``requests``."""
        prepared.headers["Authorization"] = self._authorization
        return prepared

    def __repr__(self) -> str:
        return "<Credentials: hidden>"

    def __reduce__(self) -> Any:
        raise ConfigurationError("credentials are not pickled; make a Client in each process")


class Destination(NamedTuple):
    """Where batches go: one address, with one API key. The outbox keeps them apart by it.

    Attributes:
        host: the base address and the path, since the historical endpoint has another path.
        key: the fingerprint of the API key; never the key, and never the secret.
    """

    host: str
    key: str
