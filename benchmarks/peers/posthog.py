"""PostHog's SDK at its defaults, for an interpreter that has ``posthog``."""

import logging

from posthog import Posthog

from benchmarks.peers.actions import Sender, answer
from benchmarks.workloads import ATTRIBUTES, user

logging.disable(logging.WARNING)  # one for each event that it drops


def open_sender(url):
    client = Posthog("key", host=url)
    return Sender(
        user,
        lambda name: client.capture("Searched", distinct_id=name, properties=dict(ATTRIBUTES)),
        lambda: client.flush(None),
        client.shutdown,
    )


if __name__ == "__main__":
    answer("posthog", "requests", "urllib3", open_sender=open_sender)
