"""A request as the shell command that sends it."""

from __future__ import annotations

import shlex

_END = "END"


def curl_command(url: str, body: bytes) -> str:
    r"""Return the command that sends a body; keys are named, not shown.

    Args:
        url: where it goes.
        body: JSON in UTF-8 on one line.

    >>> print(curl_command("https://s2s.us1.mparticle.com/v2/events", b'{"mpid":7}'))
    curl --user "$MPARTICLE_API_KEY:$MPARTICLE_API_SECRET" \
      --header 'Content-Type: application/json' \
      --data-binary @- https://s2s.us1.mparticle.com/v2/events <<'END'
    {"mpid":7}
    END
    """
    # as a document rather than an argument, which a shell would limit to less than a batch may have
    return (
        'curl --user "$MPARTICLE_API_KEY:$MPARTICLE_API_SECRET" \\\n'
        "  --header 'Content-Type: application/json' \\\n"
        f"  --data-binary @- {shlex.quote(url)} <<'{_END}'\n"
        f"{body.decode()}\n{_END}"
    )
