"""Checks written out for the keywords that a call site uses again and again.

What follows from the names alone (are they all fields, is nothing missing, what is the order) is
worked out once for each set of names, its shape. A shape that keeps coming back gets a function
of its own, generated as attrs and dataclasses generate ``__init__``: it tests the usual types in
place, where a call of a check for every value would cost four times as much, and calls the check
only for what is unusual.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Protocol

from . import checks

Check = Callable[[Any], Any]
Values = tuple[Any, ...]

KNOWN = 500  # shapes that a class remembers; what goes beyond them is checked the careful way
USED = 8  # times that a shape must come back before code is written for it

_INT64 = "type({v}) is int and -0x8000000000000000 <= {v} <= 0x7FFFFFFFFFFFFFFF"
# The usual case of each check, as an expression that is true only for what the check returns
# unchanged.
_USUAL: dict[Check, str] = {
    checks.text: "type({v}) is str and {v}.isascii()",
    checks.name: "type({v}) is str and {v}.isascii() and {v}",
    checks.flag: "({v} is True or {v} is False)",
    checks.integer: _INT64,
    checks.instant: "type({v}) is int and 100_000_000_000 <= {v} <= 0x7FFFFFFFFFFFFFFF",
    checks.number: f"(type({{v}}) is float and {{v}} - {{v}} == 0.0 or {_INT64})",
}


class Declared(Protocol):
    """What is asked of a field here."""

    wire: str
    check: Check
    rank: int
    null: bool
    hollow: bool


def checker(fields: Sequence[Declared]) -> Callable[[Mapping[str, Any]], Values | None]:
    """Return a function from keywords, in this order, to checked values in schema order.

    It raises :class:`~mpfluent.checks.Bad` where a value does not fit, and returns None where one
    turns out to be unset; the careful way then finds out more.
    """
    names: dict[str, Any] = {}
    body = []
    for place, field in enumerate(fields):
        v, check, words = f"v{place}", f"check{place}", f"words{place}"
        names[check] = field.check
        allowed = getattr(field.check, "words", None)
        usual = _USUAL.get(field.check)
        if allowed is not None:
            names[words] = allowed
            usual = f"type({{v}}) is str and {{v}} in {words}"
        if usual is not None and not field.null:
            body.append(f"if not ({usual.format(v=v)}): {v} = {check}({v})")
        elif field.null:
            body.append(f"if {v} is not None: {v} = {check}({v})")
        else:
            body.append(f"{v} = {check}({v})")
        if field.hollow and not field.null:
            body.append(f"if {v} is None: return None")
    taken = "".join(f"v{place}, " for place in range(len(fields)))
    ordered = "".join(f"v{place}, " for place in in_order(fields))
    lines = [f"{taken}= given.values()", *body, f"return ({ordered})"] if fields else ["return ()"]
    return compiled("def checked(given):", lines, names)


def in_order(fields: Sequence[Declared]) -> list[int]:
    """Return the places of these fields, in schema order."""
    return sorted(range(len(fields)), key=lambda place: fields[place].rank)


def picker(places: Sequence[int]) -> Callable[[Any], Values]:
    """Return a function from a sequence to a tuple of what is at these places."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[place] for place in places)


def compiled(head: str, lines: Sequence[str], names: dict[str, Any]) -> Callable[..., Any]:
    """Return the function of this source; nothing in it comes from outside this package."""
    source = head + "".join(f"\n    {line}" for line in lines)
    exec(source, names)  # noqa: S102
    function: Callable[..., Any] = names[head.removeprefix("def ").partition("(")[0]]
    return function
