"""Segment's SDK at its defaults, for an interpreter that has ``segment-analytics-python``."""

import logging

from segment.analytics import Client

from benchmarks.peers.actions import Sender, answer
from benchmarks.workloads import ATTRIBUTES, user

logging.disable(logging.WARNING)  # one for each event that it drops


def open_sender(url):
    client = Client("key", host=url)
    return Sender(
        user,
        lambda name: client.track(name, "Searched", dict(ATTRIBUTES)),
        client.flush,
        client.join,
    )


if __name__ == "__main__":
    answer("segment-analytics-python", "requests", "urllib3", open_sender=open_sender)
