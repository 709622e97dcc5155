"""What to write instead of a method that a client has not."""

from __future__ import annotations

from collections.abc import Sequence

from ..builder.batch import Batch
from ..errors import UnknownVerb, brief, closest
from ..sdk_names import CLIENT_VERBS, VERBS, called


def unknown_method(name: str, names: Sequence[str]) -> UnknownVerb:
    """Return the error for a method that a client has not: a batch may have it.

    Args:
        names: what a client has.
    """
    verbs = dir(Batch)
    verb = called(name, VERBS, verbs) or (name if name in verbs else None)
    meant = called(name, CLIENT_VERBS, names)
    if meant is None and verb is not None:
        hint = f"a batch says it: write client.send(Batch.for_user(customer_id=…).{verb}(…))"
    else:
        meant = meant or closest(name, names)
        hint = f"did you mean {meant!r}?" if meant else "help(Client) lists what it has"
    return UnknownVerb(f"Client has no method {brief(name)}; {hint}")
