"""Checks written out for the keywords that a call site uses again and again.

What follows from the names alone (are they all fields, is nothing missing, what is the order) is
worked out once for each set of names, its shape. A shape that keeps coming back gets a function
of its own, generated as attrs and dataclasses generate ``__init__``: it tests the usual types in
place, where a call of a check for every value would cost four times as much, and calls the check
only for what is unusual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

from . import validators

T = TypeVar("T")
Check = Callable[[Any], Any]
Values = tuple[Any, ...]

KNOWN = 500  # that a table remembers: shapes to be counted, shapes with code, or classes
MOST_NAMES = 200  # of a map that code is written for
MOST_LETTERS = 10_000  # in all of these names, for both the code and the table keep them
USED = 8  # times that a shape must come back before code is written for it

_INT64 = "type({v}) is int and -0x8000000000000000 <= {v} <= 0x7FFFFFFFFFFFFFFF"
# The usual case of each check, as an expression that is true only for what the check returns
# unchanged.
_USUAL: dict[Check, str] = {
    validators.text: "type({v}) is str and {v}.isascii()",
    validators.name: "type({v}) is str and {v}.isascii() and {v}",
    validators.identity: "type({v}) is str and {v}.isascii() and {v}[:1].isalnum()",
    validators.flag: "({v} is True or {v} is False)",
    validators.integer: _INT64,
    validators.instant: "type({v}) is int and 100_000_000_000 <= {v} <= 0x7FFFFFFFFFFFFFFF",
    validators.number: f"(type({{v}}) is float and {{v}} - {{v}} == 0.0 or {_INT64})",
    validators.latitude: "type({v}) is float and -90.0 <= {v} <= 90.0",
    validators.longitude: "type({v}) is float and -180.0 <= {v} <= 180.0",
}


class Counter:
    """Counts how often shapes come back, of as many as are worth remembering."""

    __slots__ = ("_after", "_used")

    def __init__(self, after: int = USED) -> None:
        self._after = after
        self._used: dict[tuple[Any, ...], int] = {}

    def comes_back(self, shape: tuple[Any, ...]) -> bool:
        """Count one use; return whether there were enough to write code for the shape."""
        times = self._used.get(shape, 0) + 1
        if times == 1 and len(self._used) >= KNOWN:
            self._fade()
        self._used[shape] = times
        return times > self._after

    def _fade(self) -> None:
        """Take one use away from every shape, and so forget those that did not come back.

        That costs no more in all than to count these uses did.
        """
        used = self._used.copy()  # for other threads go on counting
        self._used = {shape: times - 1 for shape, times in used.items() if times > 1}


def is_small(names: Sequence[str]) -> bool:
    """Return whether to write code for so many names, of such a length."""
    return len(names) < MOST_NAMES and sum(map(len, names)) < MOST_LETTERS


class Lines(dict[tuple[str, ...], Callable[[Values], T]]):
    """The functions that write what instances of one class hold, by shape.

    ``lines[names](values)`` is all that a user writes, and one look-up is all it costs: a shape
    that there is no code for gets the plain function.

    Args:
        plain: writes names and values of any shape.
        make: writes the code for one shape.
    """

    __slots__ = ("_counter", "_make", "_plain")

    def __init__(
        self,
        plain: Callable[[tuple[str, ...], Values], T],
        make: Callable[[tuple[str, ...]], Callable[[Values], T]],
    ) -> None:
        super().__init__()
        self._plain = plain
        self._make = make
        # One later than the code that makes values, which then share one tuple of names: a dict
        # finds that without comparing the names.
        self._counter = Counter(USED + 1)

    def __missing__(self, shape: tuple[str, ...]) -> Callable[[Values], T]:
        if len(self) < KNOWN and is_small(shape) and self._counter.comes_back(shape):
            return self.setdefault(shape, self._make(shape))
        return partial(self._plain, shape)


class EachClass(dict[type[Any], T]):
    """What there is once for each class, made when it is first asked for.

    Of very many classes, as a program that makes them again and again has, it keeps none for good.
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[type[Any]], T]) -> None:
        super().__init__()
        self._make = make
        _tables.append(self)

    def __missing__(self, cls: type[Any]) -> T:
        if len(self) >= KNOWN:
            self.clear()
        return self.setdefault(cls, self._make(cls))

    def look_up(self, of: type[Any], value: str, name: str, names: dict[str, Any]) -> str:
        """Return the source of what there is for the class of a value, and name what it needs.

        It is known beforehand, unless ``of`` has subclasses: those may have other fields.
        """
        known = not of.__subclasses__()
        names[name] = self[of] if known else self
        return name if known else f"{name}[type({value})]"


_tables: list[EachClass[Any]] = []


def forget() -> None:
    """Begin anew with what there is for each class, for there is a new class with other fields."""
    for table in _tables:
        table.clear()


class Ways(dict[tuple[Any, ...], Callable[..., Any]]):
    """The functions of the shapes that came back, each by all that its code depends on.

    ``calls`` is how many steps further in there is another of these: what is outermost is written
    first, and so all that it calls never is.
    """

    __slots__ = ("_counter",)

    def __init__(self, calls: int = 0) -> None:
        self._counter = Counter(USED - calls)

    def comes_back(self, shape: tuple[Any, ...]) -> bool:
        """Count one use the careful way; return whether to write code for the shape now.

        What has code is not counted: odd values go the careful way however often they come.
        """
        return len(self) < KNOWN and shape not in self and self._counter.comes_back(shape)


Setter = Callable[[Any, Any], None]


class Code:
    """A function in the making: its arguments, its lines, and what the names in them stand for.

    It returns None where a value does not fit or turns out to be unset; the careful way then finds
    out more.
    """

    __slots__ = ("_lines", "_names", "arguments")

    def __init__(self, *arguments: str, **names: Any) -> None:
        self.arguments = [*arguments]
        self._lines: list[str] = []
        self._names: dict[str, Any] = {
            "new": object.__new__,
            "Bad": validators.CheckFailed,
            **names,
        }

    def add(self, *lines: str) -> None:
        """Write lines."""
        self._lines += lines

    def named(self, value: Any) -> str:
        """Return a name for a value, to be used in a line."""
        name = f"_{len(self._names)}"
        self._names[name] = value
        return name

    def take(
        self, fields: Mapping[str, Any], names: Iterable[str], first: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Take fields as arguments: a mapping of values in the order of names, ``given``.

        Before it go single arguments for other names; one that is not used has none. Return the
        fields by the variables that they are in then.
        """
        told = {f"first{place}": name for place, name in enumerate(first)}
        held = {f"v{place}": name for place, name in enumerate(names)}
        self.arguments += [*told, "given"]
        self.add(*taken(len(held), "given.values()"))
        return {v: fields[name] for v, name in (told | held).items() if name}

    def check(self, fields: Mapping[str, Any]) -> None:
        """Check variables in place, each by its field."""
        for v, field in fields.items():
            check = f"{v} = {self.named(field.check)}({v})"
            usual = _USUAL.get(field.check)
            allowed = getattr(field.check, "words", None)
            if allowed is not None:
                usual = f"type({{v}}) is str and {{v}} in {self.named(allowed)}"
            makers = getattr(field.check, "makers", None)
            if makers is not None:  # what the check does first, without a call
                self.add(
                    f"items = {v}.copy() if type({v}) is dict else ()",
                    f"make = {self.named(makers)}.get((*items,))",
                    "made = None if make is None else make(items)",
                    f"if made is not None: {v} = made",
                    f"else: {check}",
                )
            elif field.null:
                self.add(f"if {v} is not None: {check}")
            elif usual is not None:
                self.add(f"if not ({usual.format(v=v)}): {check}")
            else:
                self.add(check)
            if field.hollow and not field.null:
                self.add(f"if {v} is None: return None")

    def obey(self, of: Any, fields: Mapping[str, Any]) -> None:
        """Leave where these variables break a rule of the class that names alone do not tell."""
        if of._has_rule and not of._rules_of_names:
            keys = self.named(tuple(field.wire for field in fields.values()))
            set_ = f"dict(zip({keys}, ({', '.join(fields)},)))"
            self.add(f"if {self.named(of._broken_rule)}({set_}) is not None: return None")

    def make(self, v: str, of: Any, fields: Mapping[str, Any]) -> None:
        """Put into a variable a new value of this class that has these variables for fields."""
        self.add(f"{v} = new({self.named(of)})")
        self.fill(v, fields)

    def fill(self, v: str, fields: Mapping[str, Any]) -> None:
        """Give a new value in a variable its state: these variables, in schema order."""
        ranked = sorted(fields, key=lambda v: fields[v].rank)
        keys = self.named(tuple(fields[v].wire for v in ranked))
        self.add(f"set_state({v}, ({keys}, ({''.join(f'{v}, ' for v in ranked)})))")

    def function(self) -> Callable[..., Any]:
        """Return the function."""
        body = [f"    {line}" for line in self._lines]
        lines = ["try:", *body, "except Bad:", "    return None"]
        return compiled(f"def way({', '.join(self.arguments)}):", lines, self._names)


# The usual flat values; the type that was seen when code was written for a name is tried first.
_FLAT = {
    str: "type({v}) is str and {v}.isascii()",
    int: _INT64,
    bool: "({v} is True or {v} is False)",
    float: "type({v}) is float and {v} - {v} == 0.0",
}


# All maps of the same names share one tuple of them: a dict finds that without comparing the names.
_names: dict[tuple[str, ...], tuple[str, ...]] = {}


def map_maker(
    of: type, items: Mapping[str, Any], check: Check, set_state: Setter
) -> Callable[[Any], Any]:
    """Return a function that makes a map of flat values under the same names as these.

    What is not of the usual types is checked; it returns None where that fails.
    """
    names = (*items,)
    keys = _names.setdefault(names, names)
    code = Code("items", of=of, keys=keys, check=check, set_state=set_state)
    code.add(*taken(len(items), "items.values()"))
    for place, value in enumerate(items.values()):
        first = _FLAT.get(type(value), _FLAT[str])
        others = " or ".join(usual for usual in _FLAT.values() if usual is not first)
        usual = f"{first} or {others}".format(v=f"v{place}")
        code.add(f"if not ({usual}): v{place} = check(v{place})")
    code.add("made = new(of)", f"set_state(made, (keys, ({listed(len(items))})))", "return made")
    return code.function()


def listed(count: int, letter: str = "v") -> str:
    """Return the source of a tuple of so many variables, without its brackets."""
    return "".join(f"{letter}{place}, " for place in range(count))


def taken(count: int, values: str = "values", letter: str = "v") -> list[str]:
    """Return the line that unpacks so many values; there is none for no values."""
    return [f"{listed(count, letter)}= {values}"] if count else []


def picker(places: Sequence[int]) -> Callable[[Any], Values]:
    """Return a function from a sequence to a tuple of what is at these places."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[place] for place in places)


def compiled(head: str, lines: Sequence[str], names: dict[str, Any]) -> Callable[..., Any]:
    """Return the function of this source.

    Nothing in it comes from outside this package but identifiers and literals: all else has a name.
    """
    source = head + "".join(f"\n    {line}" for line in lines)
    exec(source, names)  # noqa: S102
    function: Callable[..., Any] = names[head.removeprefix("def ").partition("(")[0]]
    return function
