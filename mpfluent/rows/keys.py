"""Ids that are the same in every run of a job, and the keys that were seen in one run."""

from __future__ import annotations

import json
from binascii import hexlify
from collections.abc import Sequence
from hashlib import blake2b
from struct import Struct
from typing import Any

Digest = int
"""128 bits of a key: an integer takes less memory than bytes or text."""


class Keys:
    """Makes the digests of a job's keys, and holds those that came before.

    Of many keys, each takes about 100 bytes.

    Args:
        job: what is sent once, however often it is run.
        environment: mParticle removes duplicates for each API key, so a rehearsal in development
            must not swallow the real run.

    Attributes:
        seen: the digests that came before.

    >>> keys = Keys("policies 2026-11", "production")
    >>> id_of(keys.digest_of(["P-17"]))
    'c065593e-ec3d-9d1e-2689-1cf811677afc'
    """

    def __init__(self, job: str, environment: str | None) -> None:
        self._job, self._environment = job, environment
        self._begun = self._begin(environment)
        self.seen: set[Digest] = set()

    def _begin(self, environment: str | None) -> Any:
        return blake2b(json.dumps([self._job, environment]).encode(), digest_size=16)

    def digest_of(self, cells: Sequence[Any], environment: str | None = None) -> Digest:
        """Return the digest of a row's key, or of several keys.

        Args:
            cells: the key: texts, or other JSON data.
            environment: that the row's own batch names, which is another one than the client's.
        """
        if environment is None or environment == self._environment:
            digest = self._begun.copy()
        else:
            digest = self._begin(environment)
        text = cells[0] if len(cells) == 1 else None
        # JSON keeps apart what a joined text would mix up: ("a", "bc") and ("ab", "c"). A text by
        # itself stays as it is, unless it looks like such a list.
        if type(text) is not str or text.startswith("["):
            text = json.dumps([*cells])
        digest.update(text.encode("utf-8", "surrogatepass"))
        return int.from_bytes(digest.digest(), "big")


def id_of(digest: Digest) -> str:
    """Return the ``source_request_id`` that stands for a digest."""
    groups = _groups(hexlify(digest.to_bytes(16, "big")))
    return b"-".join(groups).decode()  # a quarter of the time of uuid.UUID


_groups = Struct("8s 4s 4s 4s 12s").unpack
