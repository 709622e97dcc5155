"""Segment's SDK at its defaults, for an interpreter that has ``segment-analytics-python``."""

import logging
import time

from answering import answer, paced, percentiles, settle, versions
from content import ATTRIBUTES, user
from segment.analytics import Client

logging.disable(logging.WARNING)  # one for each event that it drops


def deliver(url, many):
    """Track so many events as fast as it goes, and wait until what was queued is sent."""
    client = Client("key", host=url)
    settle()
    began, cpu = time.time(), time.process_time()
    for number in range(many):
        client.track(user(number), "Searched", dict(ATTRIBUTES))
    client.flush()
    cpu = time.process_time() - cpu
    client.join()
    return {"began": began, "cpu": cpu}


def send(url, many):
    """Take the time of each call, at full speed."""
    client = Client("key", host=url)
    names = [user(number) for number in range(many)]
    settle()
    calls = (lambda name=name: client.track(name, "Searched", dict(ATTRIBUTES)) for name in names)
    taken = percentiles(calls)
    client.shutdown()
    return taken


def rate(url, per_second, seconds):
    """Take the CPU seconds that an event costs at a steady pace."""
    client = Client("key", host=url)
    cpu = time.process_time()
    done = paced(
        lambda number: client.track(user(number), "Searched", dict(ATTRIBUTES)),
        per_second,
        seconds,
    )
    client.flush()
    cpu = time.process_time() - cpu
    client.join()
    return {"events": done, "cpu": cpu / done}


if __name__ == "__main__":
    answer(
        versions=lambda: versions("segment-analytics-python", "requests", "urllib3"),
        deliver=deliver,
        send=send,
        rate=rate,
    )
