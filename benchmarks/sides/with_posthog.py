"""PostHog's SDK at its defaults, for an interpreter that has ``posthog``."""

import logging
import time

from answering import answer, paced, percentiles, settle, versions
from content import ATTRIBUTES, user
from posthog import Posthog

logging.disable(logging.WARNING)  # one for each event that it drops


def deliver(url, many):
    """Capture so many events as fast as it goes, and wait until what was queued is sent."""
    client = Posthog("key", host=url)
    settle()
    began, cpu = time.time(), time.process_time()
    for number in range(many):
        capture(client, number)
    client.flush(None)
    cpu = time.process_time() - cpu
    client.shutdown()
    return {"began": began, "cpu": cpu}


def capture(client, number):
    client.capture("Searched", distinct_id=user(number), properties=dict(ATTRIBUTES))


def send(url, many):
    """Take the time of each call, at full speed."""
    client = Posthog("key", host=url)
    settle()
    taken = percentiles(lambda number=number: capture(client, number) for number in range(many))
    client.flush(None)
    client.shutdown()
    return taken


def rate(url, per_second, seconds):
    """Take the CPU seconds that an event costs at a steady pace."""
    client = Posthog("key", host=url)
    cpu = time.process_time()
    done = paced(lambda number: capture(client, number), per_second, seconds)
    client.flush(None)
    cpu = time.process_time() - cpu
    client.shutdown()
    return {"events": done, "cpu": cpu / done}


if __name__ == "__main__":
    answer(
        versions=lambda: versions("posthog", "requests", "urllib3"),
        deliver=deliver,
        send=send,
        rate=rate,
    )
