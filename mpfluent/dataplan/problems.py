"""What is wrong with a plan itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..wire.limits import Problem
from .definitions import Fault
from .points import Point

MAX_POINTS = 1_000
"""How many points mParticle takes in a plan."""


def about(point: Point) -> str:
    """Return the words for a point: where it is, and what it is about."""
    name = f" {point.name!r}" if point.name != point.type else ""
    return f"{point.place} ({point.type}{name})"


def broken_text(point: Point, fault: Fault) -> str:
    """Return the sentence about a fault of a point's definition."""
    return f"{about(point)}: its definition is broken at {fault.path or '/'}: {fault.text}"


def problems_of(
    points: Sequence[Point], faults_of: Callable[[Point], Sequence[Fault]], *, strict: bool
) -> tuple[Problem, ...]:
    """Return what is wrong with these points.

    Args:
        points: of a plan.
        faults_of: returns what is wrong with the definition of one.
        strict: whether a pattern that cannot be checked stops a verdict.
    """
    return tuple(_found(points, faults_of, strict))


def _found(
    points: Sequence[Point], faults_of: Callable[[Point], Sequence[Fault]], strict: bool
) -> Iterator[Problem]:
    if len(points) > MAX_POINTS:
        text = f"the plan has {len(points)} points; mParticle takes {MAX_POINTS:,}"
        yield Problem("too_many_points", text)
    seen: dict[str, Point] = {}
    for point in points:
        if point.skipped:
            text = f"{about(point)}: {point.skipped}, so that nothing meets it"
            yield Problem("skipped_point", text, advice=True, place=point.place)
            continue
        if point.key is None:
            text = f'{about(point)}: it has no criteria; write "criteria": {{…}} in its match'
            yield Problem("no_criteria", text, place=point.place)
        elif point.key != "unknown" and point.key in seen:
            text = f"{about(point)} replaces {seen[point.key].place}, which has the same match"
            yield Problem("duplicate_point", text, advice=True, place=point.place)
        if point.key is not None:
            seen[point.key] = point
        for fault in faults_of(point):
            yield _of_fault(point, fault, strict)


def _of_fault(point: Point, fault: Fault, strict: bool) -> Problem:
    if fault.kind == "broken_definition" or (strict and fault.kind == "unread_pattern"):
        return Problem(fault.kind, broken_text(point, fault), place=point.place)
    text = f"{about(point)}: {fault.text} (at {fault.path})"
    return Problem(fault.kind, text, advice=True, place=point.place)
