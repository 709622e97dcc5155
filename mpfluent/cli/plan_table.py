"""The table of a data plan: its events, with their verbs and attributes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..dataplan import DataPlan
from ..dataplan.functions import Function
from ..dataplan.generated_module import written
from ..dataplan.names_file import names_of
from ..dataplan.planned_commerce import COMMERCE
from ..dataplan.points import Point
from ..dataplan.verb_names import verb_names
from ..errors import one_line

_HEAD = ("verb", "event", "type", "attributes; in brackets, what may be missing")


def table_of(plan: DataPlan, names: str | None) -> Iterator[str]:
    """Yield the lines of the table.

    Args:
        plan: the plan.
        names: the path of a names file.

    Raises:
        ConfigurationError: a name of the file is about nothing in the plan, or is taken.
    """
    chosen = names_of(names)
    broken = {problem.place for problem in plan.problems() if not problem.advice}
    points = [
        point._replace(definition=True) if point.place in broken else point
        for point in plan._validation.by_key.values()
    ]
    found = written(points, chosen)
    called = verb_names(points, chosen)
    functions = {each.name: each for each in (*found.verbs, *found.factories, *found.user)}
    rows = [_row(point, called.get(str(point.key), ""), functions) for point in points]
    rows = [_HEAD, *sorted(rows, key=lambda row: (row[2], row[1]))]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        cells = [f"{cell:{width}}" for cell, width in zip(row, widths)]
        yield "  ".join([*cells, row[3]]).rstrip()


def _row(point: Point, called: str, functions: dict[str, Function]) -> tuple[str, str, str, str]:
    kind = point.custom_type if point.type == "custom_event" else point.type
    used = [called]
    if commerce := COMMERCE.get((point.type, point.name)):
        verb = called if called in functions else commerce.verb
        used = [verb, commerce.factory]
    if point.type == "user_attributes":
        used = ["with_planned_attributes"]
    known = [name for name in used if name in functions or (commerce and name == commerce.verb)]
    attributes = [_attribute(each) for name in known for each in _planned(functions.get(name))]
    name = one_line(point.name, 60)
    return ", ".join(f"{name}()" for name in known), name, kind, ", ".join(attributes)


def _planned(function: Function | None) -> Iterator[tuple[str, bool]]:
    """Yield the attributes that a plan names, and whether they must be there."""
    for each in function.arguments if function else ():
        if each.is_planned:
            yield ast.literal_eval(each.label), each.is_required


def _attribute(named: tuple[str, bool]) -> str:
    name, is_required = one_line(named[0], 60), named[1]
    return name if is_required else f"[{name}]"
