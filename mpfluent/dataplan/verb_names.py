"""Which verb stands for which point of a plan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ..errors import ConfigurationError, brief, closest
from .identifiers import TAKEN, Named, as_verb, distinct, shortened, snake_case
from .names_file import Names
from .planned_commerce import COMMERCE
from .points import Point

_OF_TYPE = {"custom_event": "events", "screen_view": "screens"}


def verb_names(points: Iterable[Point], names: Names) -> dict[str, str]:
    """Return the name of each verb, by the key of its point.

    Args:
        points: of a plan.
        names: that were chosen.

    Raises:
        ConfigurationError: a chosen name is about no point, or is taken.
    """
    points = [point for point in points if point.type in _OF_TYPE or _commerce(point)]
    chosen = _chosen(points, names)
    wanted = {str(point.key): _named(point) for point in points if point.key not in chosen}
    return chosen | distinct(wanted, as_verb, chosen.values())


def _commerce(point: Point) -> str:
    found = COMMERCE.get((point.type, point.name))
    return found.verb if found else ""


def _named(point: Point) -> Named:
    text = f"{point.type}:{point.key}"
    if point.type == "screen_view":
        name = snake_case(point.name)
        return Named(text, f"viewed_{name}" if name else "", "screen")
    if point.type == "custom_event":
        return Named(text, snake_case(point.name), snake_case(point.custom_type) or "event")
    return Named(text, _commerce(point), "action")


def labels_of(points: Iterable[Point]) -> dict[str, list[Point]]:
    """Return the points of custom events by what a names file may call them."""
    found: dict[str, list[Point]] = {}
    for point in points:
        if point.type == "custom_event":
            found.setdefault(point.name, []).append(point)
            found.setdefault(f"{point.name} ({point.custom_type})", []).append(point)
    return found


def _chosen(points: list[Point], names: Names) -> dict[str, str]:
    events = labels_of(points)
    screens = {point.name: [point] for point in points if point.type == "screen_view"}
    ours = {point.name for point in points if _commerce(point)}
    found: dict[str, str] = {}
    for section, known in (("events", events), ("screens", screens)):
        written: Mapping[str, str] = getattr(names, section)
        for label, verb in written.items():
            found[_point(section, label, known, ours)] = _free(section, label, verb, found)
    return found


def _point(
    section: str, label: str, known: Mapping[str, list[Point]], ours: Collection[str]
) -> str:
    """Return the key of the point that a label means; ``ours`` are events of commerce."""
    meant = known.get(label, [])
    if len(meant) == 1:
        return str(meant[0].key)
    where = f"[{section}] {brief(label)}"
    if meant:
        types = " and ".join(sorted(repr(point.custom_type) for point in meant))
        write = brief(f"{label} ({meant[0].custom_type})")
        raise ConfigurationError(f"{where}: the plan has it as {types}; write {write}")
    if label in ours:
        raise ConfigurationError(f"{where}: a verb of commerce keeps its name; leave this line out")
    name = closest(label, known)
    hint = f"did you mean {name!r}?" if name else "mpfluent plan show lists what it has"
    raise ConfigurationError(f"{where}: the plan has no such {section[:-1]}; {hint}")


def _free(section: str, label: str, verb: str, found: Mapping[str, str]) -> str:
    if verb in found.values():
        raise ConfigurationError(
            f"[{section}] {brief(label)} = {brief(verb)}: another verb has this name; "
            f"write {shortened(f'{verb}_event', label)!r}"
        )
    if verb in TAKEN:
        raise ConfigurationError(
            f"[{section}] {brief(label)} = {brief(verb)}: mpfluent has this name itself; "
            f"write {as_verb(verb)!r}"
        )
    return verb
