"""What is measured, row by row."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

from mpfluent import AppEvent, Batch
from mpfluent.schemas import BatchSchema

from .timing import Measured, Side, in_turns, side
from .workload import AT, chain, literals

HERE = Path(__file__).parent


class Vendor:
    """The vendor's SDK in a process of its own; see ``vendor.py``."""

    def __init__(self, python: str) -> None:
        self.python = python
        self._process = subprocess.Popen(
            [python, str(HERE / "vendor.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._compare()

    def ask(self, question: str) -> str:
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the vendor's process has no pipes")
        try:
            process.stdin.write(f"{question}\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = process.stdout.readline()
        if not answer:
            self.close()
            raise SystemExit(f"{self.python} cannot run the vendor's SDK; is mparticle installed?")
        return answer

    def side(self, events: int) -> Side:
        return lambda loops: float(self.ask(f"{events} {loops}"))

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _compare(self) -> None:
        """Make sure that both sides build the same batch."""
        theirs = json.loads(self.ask("10 show"))
        identities = theirs["user_identities"]
        identities["customer_id"] = identities.pop("customerid")
        if theirs != literals(10):
            self.close()
            raise SystemExit("the vendor's SDK builds another batch; its figures would say nothing")


def batches(vendor: Vendor | None, *, rounds: int, piece: float) -> Iterator[str]:
    """Yield rows for a whole batch, from nothing to JSON bytes."""
    schema = BatchSchema()
    for events in (1, 10, 100):

        def by_chain(events: int = events) -> bytes:
            return chain(events).to_json().encode()

        def by_literals(events: int = events) -> bytes:
            return json.dumps(literals(events)).encode()

        def by_marshmallow(events: int = events) -> bytes:
            return json.dumps(schema.dump(chain(events)), default=_decimal).encode()

        sides = {
            "mpfluent": side(by_chain),
            "dict literals + json": side(by_literals),
            "plain marshmallow + json": side(by_marshmallow),
        }
        if vendor is not None:
            sides["the vendor's SDK"] = vendor.side(events)
        measured = in_turns(sides, rounds=rounds, piece=piece)
        for name in sides:
            yield _row(f"chain to bytes, N = {events}", name, measured)

    built = chain(10)
    encoding = in_turns(
        {
            "mpfluent": side(lambda: built.to_json().encode()),
            "plain marshmallow + json": side(
                lambda: json.dumps(schema.dump(built), default=_decimal).encode()
            ),
        },
        rounds=rounds,
        piece=piece,
    )
    for name in encoding.seconds:
        yield _row("encoding alone, N = 10", name, encoding)


def steps(*, rounds: int, piece: float) -> Iterator[str]:
    """Yield rows for one step of a chain."""
    batch = chain(10)
    event = AppEvent("Searched", {"query": "teapot"}, at=AT)
    sixteen = {str(number): number for number in range(16)}
    sides = {
        "{**sixteen_entries, key: value}": side(lambda: {**sixteen, "15": 1}),
        "add(event)": side(lambda: batch.add(event)),
        "event(name, {one attribute})": side(lambda: batch.event("Searched", {"query": "teapot"})),
        "with_environment(…)": side(lambda: batch.with_environment("production")),
        "with_device(one field)": side(lambda: batch.with_device(os_version="12.3")),
    }
    measured = in_turns(sides, rounds=rounds, piece=piece)
    for name, seconds in measured.seconds.items():
        copies = measured.ratio(name, next(iter(sides)))
        yield f"{'a step':<26}{name:<34}{_time(seconds):>10}   {copies:.1f} × a dict copy"


def appends(*, rounds: int, many: int = 10_000) -> Iterator[str]:
    """Yield the row that tells whether appending is linear."""
    event = AppEvent("Searched")

    def append(times: int) -> int:
        batch = Batch()
        for _ in range(times):
            batch = batch.add(event)
        return len(batch.events)

    few = many // 10
    sides = {"few": side(lambda: append(few)), "many": side(lambda: append(many))}
    measured = in_turns(sides, rounds=rounds, piece=0)
    ratio = measured.ratio("many", "few")
    yield (
        f"{'appending':<26}{f'{many} events, one by one':<34}"
        f"{_time(measured.seconds['many']):>10}   {ratio:.1f} × the time of {few}"
    )


def imports(vendor: Vendor | None, *, starts: int) -> Iterator[str]:
    """Yield rows for what an import takes, over an interpreter that imports nothing."""
    sides = {"mpfluent": (sys.executable, "from mpfluent import Batch, Client")}
    empty = {"mpfluent": (sys.executable, "")}
    if vendor is not None:
        sides["mparticle"] = (vendor.python, "import mparticle")
        empty["mparticle"] = (vendor.python, "")
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(starts):
        for name in sides:
            taken[name].append(_start(*sides[name]) - _start(*empty[name]))
    for name, seconds in taken.items():
        beside = ""
        if name != "mpfluent":
            share = median(taken["mpfluent"]) / median(seconds)
            beside = f"   mpfluent takes {share:.2f} × its time"
        yield f"{'import':<26}{name:<34}{_time(median(seconds)):>10}{beside}"


def _start(python: str, code: str) -> float:
    began = time.perf_counter()
    subprocess.run([python, "-c", code], check=True, cwd=HERE.parent)
    return time.perf_counter() - began


def _row(what: str, name: str, measured: Measured) -> str:
    beside = ""
    if name != "mpfluent":
        ratio = measured.ratio(name, "mpfluent")
        beside = f"   mpfluent is {ratio:.2f} × as fast"
        if ratio < 1:
            beside = f"   mpfluent takes {1 / ratio:.2f} × its time"
    return f"{what:<26}{name:<34}{_time(measured.seconds[name]):>10}{beside}"


def _time(seconds: float) -> str:
    if abs(seconds) < 1e-3:
        return f"{seconds * 1e6:.2f} µs"
    return f"{seconds * 1e3:.2f} ms"


def _decimal(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)
