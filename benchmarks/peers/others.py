"""Segment's or PostHog's SDK at its defaults, for an interpreter that has one of them."""

import logging
from importlib.util import find_spec

from benchmarks.peers.actions import Sender, answer
from benchmarks.workloads import ATTRIBUTES, user

logging.disable(logging.WARNING)  # one for each event that it drops


def segment(url):
    from segment.analytics import Client

    client = Client("key", host=url)

    def call(name):
        client.track(name, "Searched", dict(ATTRIBUTES))

    return Sender(user, call, client.flush, client.join)


def posthog(url):
    from posthog import Posthog

    client = Posthog("key", host=url)

    def call(name):
        client.capture("Searched", distinct_id=name, properties=dict(ATTRIBUTES))

    return Sender(user, call, lambda: client.flush(None), client.shutdown)


if __name__ == "__main__":
    there = ("segment-analytics-python", segment) if find_spec("segment") else ("posthog", posthog)
    answer(there[0], "requests", "urllib3", open_sender=there[1])
