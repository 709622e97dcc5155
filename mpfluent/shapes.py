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
from typing import Any, TypeVar

from . import checks

T = TypeVar("T")
Check = Callable[[Any], Any]
Values = tuple[Any, ...]

KNOWN = 500  # shapes that a class remembers; what goes beyond them is checked the careful way
MOST_NAMES = 200  # of a map that code is written for
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


class Counter:
    """Counts how often shapes come back, of as many as are worth remembering."""

    __slots__ = ("_enough", "_used")

    def __init__(self, enough: int = USED) -> None:
        self._used: dict[tuple[str, ...], int] = {}
        self._enough = enough

    def comes_back(self, shape: tuple[str, ...]) -> bool:
        """Count one use; return whether there were enough to write code for the shape."""
        used = self._used
        times = used.get(shape, 0) + 1
        if times > 1 or len(used) < KNOWN:
            used[shape] = times
        return times > self._enough


class Lines(dict[tuple[str, ...], Callable[[Any], T]]):
    """The functions that write the values of one class, by shape.

    ``lines[value._state[0]](value)`` is all that a user writes, and one look-up is all it costs:
    a shape that there is no code for gets the plain function.

    Args:
        plain: writes a value of any shape.
        make: writes the code for one shape.
    """

    __slots__ = ("_counter", "_make", "_plain")

    def __init__(
        self, plain: Callable[[Any], T], make: Callable[[tuple[str, ...]], Callable[[Any], T]]
    ) -> None:
        super().__init__()
        self._plain = plain
        self._make = make
        # One later than the code that makes values, which then share one tuple of names: a dict
        # finds that without comparing the names.
        self._counter = Counter(USED + 1)

    def __missing__(self, shape: tuple[str, ...]) -> Callable[[Any], T]:
        if len(shape) < MOST_NAMES and self._counter.comes_back(shape):
            return self.setdefault(shape, self._make(shape))
        return self._plain


class EachClass(dict[type[Any], T]):
    """What there is once for each class, made when it is first asked for."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[type[Any]], T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, cls: type[Any]) -> T:
        return self.setdefault(cls, self._make(cls))


Setter = Callable[[Any, tuple[Any, Any]], None]


def filler(fields: Sequence[Any], set_state: Setter) -> Callable[[Any, Mapping[str, Any]], bool]:
    """Return a function that fills a new value from keywords in this order.

    It raises :class:`~mpfluent.checks.Bad` where a value does not fit, and returns False where
    one turns out to be unset; the careful way then finds out more.
    """
    places = sorted(range(len(fields)), key=lambda place: fields[place].rank)
    names: dict[str, Any] = {
        "keys": tuple(fields[place].wire for place in places),
        "set_state": set_state,
    }
    body = []
    for place, field in enumerate(fields):
        v, check, words = f"v{place}", f"check{place}", f"words{place}"
        names[check] = field.check
        usual = _USUAL.get(field.check)
        allowed = getattr(field.check, "words", None)
        if allowed is not None:
            names[words] = allowed
            usual = f"type({{v}}) is str and {{v}} in {words}"
        if field.null:
            body.append(f"if {v} is not None: {v} = {check}({v})")
        elif usual is not None:
            body.append(f"if not ({usual.format(v=v)}): {v} = {check}({v})")
        else:
            body.append(f"{v} = {check}({v})")
        if field.hollow and not field.null:
            body.append(f"if {v} is None: return False")
    ordered = "".join(f"v{place}, " for place in places)
    done = [f"set_state(self, (keys, ({ordered})))", "return True"]
    start = taken(len(fields), "given.values()")
    return compiled("def fill(self, given):", [*start, *body, *done], names)


_FLAT = (
    "(type({v}) is str and {v}.isascii() or "
    f"{_INT64} or {{v}} is True or {{v}} is False or type({{v}}) is float and {{v}} - {{v}} == 0.0)"
)


def map_maker(keys: tuple[str, ...], set_state: Setter) -> Callable[[Any, Mapping[str, Any]], Any]:
    """Return a function that fills a new map from flat values under these names.

    It returns None where one of them is not of the usual types.
    """
    names: dict[str, Any] = {"keys": keys, "set_state": set_state}
    usual = " and ".join(_FLAT.format(v=f"v{place}") for place in range(len(keys)))
    lines = [
        *taken(len(keys), "items.values()"),
        f"if not ({usual}): return None",
        f"set_state(new, (keys, ({listed(len(keys))})))",
        "return new",
    ]
    return compiled("def make(new, items):", lines, names)


def listed(count: int) -> str:
    """Return the source of a tuple of so many variables, without its brackets."""
    return "".join(f"v{place}, " for place in range(count))


def taken(count: int, values: str = "values") -> list[str]:
    """Return the line that unpacks so many values; there is none for no values."""
    return [f"{listed(count)}= {values}"] if count else []


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
