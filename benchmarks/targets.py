"""What mpfluent is to reach, as one table: the claim, and the number that makes it true."""

from typing import NamedTuple


class Target(NamedTuple):
    """A claim about a number, to be read after it, and what it must reach or not go over."""

    claim: str
    sign: str
    number: float
    unit: str = "×"

    def is_met(self, value: float) -> bool:
        return value >= self.number if self.sign == "≥" else value <= self.number

    def __str__(self) -> str:
        return f"{self.sign} {self.number:g} {self.unit}".rstrip()


BULK = "less CPU an event than the vendor's bulk of 100"

TARGETS = {
    # from values to JSON bytes
    "chain, vendor": Target("as fast as the vendor's SDK", "≥", 4),
    "chain, literals": Target("the time of dict literals and json", "≤", 2),
    "encoding, marshmallow": Target("as fast as marshmallow's dump and json", "≥", 6),
    "cliffs": Target("the time of the usual call", "≤", 1.3),
    "append, linear": Target("the time of a tenth as many", "≤", 13),
    # in the background
    "dispatch, segment": Target("the events a second that Segment delivers", "≥", 4),
    "dispatch, posthog": Target("the events a second that PostHog delivers", "≥", 4),
    "dispatch, usual": Target(BULK, "≥", 5),
    "dispatch, identical": Target(f"{BULK}, identical content", "≥", 3),
    "send, p50": Target("Segment's time, half of the calls", "≤", 0.5),
    "send, p99": Target("Segment's time, 99 % of the calls", "≤", 1),
    "send, p99.9": Target("Segment's time, 99.9 % of the calls", "≤", 0.5),
    "coalesce, batches": Target("fewer batches on the wire", "≥", 10),
    "coalesce, bytes": Target("fewer bytes on the wire", "≥", 2),
    "coalesce, order": Target("events missing, double, or out of a user's order", "≤", 0, ""),
    "split, send": Target("the time of encoding the batches", "≤", 1.4),
    # in memory
    "memory, batch": Target("for each waiting batch, over its JSON", "≤", 3, "kB"),
    "memory, bounded": Target("of max_queue_bytes wait at most", "≤", 1),
    # less than the smallest object of Python for each batch of a million: nothing is kept of them
    "stream, constant": Target("resident for each batch after the first tenth", "≤", 16, "B"),
    # tables
    "rows, loop": Target("the CPU of a bare loop with csv, json, requests and ids", "≤", 2.2),
    "rows, vendor": Target("the CPU of the vendor's bulk of 100", "≤", 1),
    "rows, memory": Target("resident for each row after the first tenth", "≤", 100, "B"),
    "import, vendor": Target("the time of importing the vendor's SDK", "≤", 0.5),
}
