"""Writes functions, as attrs and dataclasses write ``__init__``.

For a class and the names that are given there is a function that checks the values and puts them
into schema order. It tests the common types in place, where a call of a check for every value
would cost four times as much, and calls the check only for what is unusual.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .check_failed import CheckFailed
from .code_cache import Memo, NoCode
from .frozen_map import FrozenMap
from .validators import FAST, attribute, scalar

if TYPE_CHECKING:
    from .fields import Field
    from .frozen import Frozen

Values = tuple[Any, ...]
State = tuple[tuple[str, ...], Values]  # wire names in schema order, and the values

_numbers = itertools.count(1)


class FunctionSource:
    """A function in the making: its lines, and what the names in them stand for.

    Nothing in the lines comes from outside this package but identifiers and literals. Debuggers
    and tracebacks show the source for as long as the function is there.
    """

    def __init__(self, name: str, arguments: str, **names: Any) -> None:
        self._name = name
        self._lines = [f"def {name}({arguments}):"]
        self._names = names

    def add(self, *lines: str, indent: int = 1) -> None:
        """Write lines."""
        self._lines += ["    " * indent + line for line in lines]

    def named(self, name: str, value: Any) -> str:
        """Let a name stand for a value; return the name."""
        self._names[name] = value
        return name

    def literal(self, text: str) -> str:
        """Return what stands for a text within an f-string in single quotes."""
        if text.isascii() and text.isprintable() and not {*text} & {*"'\\"}:
            return text.replace("{", "{{").replace("}", "}}")
        return f"{{{self.named(f'text{len(self._names)}', text)}}}"

    def function(self) -> Callable[..., Any]:
        """Return the function."""
        import linecache
        import weakref

        source = "\n".join(self._lines) + "\n"
        file = f"<mpfluent {self._name} {next(_numbers)}>"
        exec(compile(source, file, "exec"), self._names)  # noqa: S102
        function: Callable[..., Any] = self._names[self._name]
        linecache.cache[file] = len(source), None, source.splitlines(True), file
        weakref.finalize(function, linecache.cache.pop, file, None).atexit = False
        return function


def named_after(cls: type[Frozen], what: str) -> str:
    """Return the name of a function of this class's values."""
    return f"{cls.__name__}_{what}" if cls.__name__.isidentifier() else what


def variable(field: Field[Any]) -> str:
    """Return the variable for a field; with the underscore it hides no name of Python's or ours."""
    return f"{field.name}_" if field.name.isidentifier() else f"field{field.rank}_"


def listed(variables: Iterable[str]) -> str:
    """Return the source of a tuple of variables."""
    return f"({' '.join(f'{v},' for v in variables)})"


class Names(tuple[str, ...]):
    """The names of values that a caller gives in order: a constant, compared by identity.

    To hash the names would cost as much as to check two of their values.
    """

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


NO_NAMES = Names()

Shape = tuple["type[Frozen]", Names, frozenset[str]]
"""What a value is made of: its class, the names of single values, and those in a mapping."""


def state_maker(shape: Shape) -> Callable[[Values, Any], State | None]:
    """Return a function that checks values, and puts them into schema order.

    It returns None where a value does not fit: the plain way then says why.
    """
    cls, first, rest = shape
    source = FunctionSource(named_after(cls, "state"), "values, given")
    write_arguments(source, cls._fields, first, rest)
    write_state(source, cls, {*first, *rest}, "state")
    source.add("return state")
    return source.function()


def write_arguments(
    source: FunctionSource,
    fields: Mapping[str, Field[Any]],
    first: Collection[str],
    rest: Collection[str],
) -> None:
    """Write what takes fields from a tuple of values, and from a mapping."""
    if not fields.keys() >= {*first, *rest} or not {*first}.isdisjoint(rest):
        raise NoCode
    if first:
        source.add(f"{listed(variable(fields[name]) for name in first)} = values")
    source.add(*[f"{variable(fields[name])} = given[{name!r}]" for name in sorted(rest)])


def write_state(source: FunctionSource, cls: type[Frozen], names: Set[str], v: str) -> None:
    """Write what checks the variables of these fields, and puts a state of them into ``v``."""
    fields = [field for field in cls._fields.values() if field.name in names]
    if not {*cls._required} <= {*fields}:
        raise NoCode
    keys = tuple(field.wire for field in fields)
    checks: list[str] = []
    for place, field in enumerate(fields):
        checks += _check(source, field, f"unset |= {1 << place}")
    source.add("unset = 0", "try:")
    source.add(*(checks or ["pass"]), indent=2)
    left = source.named(f"left_{v}", Memo(partial(_without, keys)))
    source.add(
        f"except {source.named('CheckFailed', CheckFailed)}:",
        "    return None",
        f"{v} = {source.named(f'keys_{v}', keys)}, {listed(map(variable, fields))}",
        "if unset:",
        f"    keys, pick = {left}[unset]",
        f"    {v} = keys, pick({v}[1])",
    )
    if cls._has_rule:
        rule = source.named(f"rule_{v}", cls._broken_rule)
        needless = cls._rules_of_names and cls._broken_rule(dict.fromkeys(keys, "")) is None
        test = f"{'unset and ' if needless else ''}{rule}(dict(zip(*{v})))"
        source.add(f"if {test}:", "    return None")


def write_new(source: FunctionSource, cls: type[Any], v: str, state: str) -> None:
    """Write what puts a new value of a class with a state into a variable."""
    new = source.named("new", object.__new__)
    source.add(f"{v} = {new}({source.named(f'class_{v}', cls)})")
    source.add(f"{source.named(f'set_{v}', cls._state.__set__)}({v}, {state})")


def sorted_state(source: FunctionSource, cls: type[Frozen], variables: Mapping[str, str]) -> str:
    """Return the source of a state of variables by wire name, in schema order."""
    keys, ordered = cls._in_order(variables)
    return f"({source.named(f'keys_{cls.__name__}', keys)}, {listed(ordered)})"


def _check(source: FunctionSource, field: Field[Any], unset: str) -> list[str]:
    """Return the lines that check one field's variable."""
    v = variable(field)
    check = [f"if {v} is not None:", f"    {v} = {source.named(f'check_{v}', field.check)}({v})"]
    if field.null:
        return check
    check += [f"if {v} is None:", "    return None" if field.required else f"    {unset}"]
    fast = field.validator.fast
    if field.validator.words:
        words = source.named(f"words_{v}", field.validator.words)
        fast = f"type({{v}}) is str and {{v}} in {words}"
    if field.kind.name == "record":
        fast = f"type({{v}}) is {source.named(f'class_{v}', field.of)} and {{v}}._state[0]"
    return check if fast is None else unless(fast, v, check)


def unless(fast: str, v: str, lines: Iterable[str]) -> list[str]:
    """Return these lines, for where a variable does not pass a fast test."""
    return [f"if not ({fast.format(v=v)}):", *[f"    {line}" for line in lines]]


def _without(keys: tuple[str, ...], unset: int) -> tuple[tuple[str, ...], Callable[..., Values]]:
    """Return the keys that are left without those at the set bits, and what picks their values."""
    pick = picker([place for place in range(len(keys)) if not unset >> place & 1])
    return pick(keys), pick


_left: Memo[tuple[str, ...], Memo[int, Any]] = Memo(lambda names: Memo(partial(_without, names)))


def map_maker(size: int, check: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a function that makes a map of so many flat values, and checks them.

    It returns None where a value does not fit.
    """
    source = FunctionSource(f"map_{size}", "names, values", check=check)
    values = [f"v{place}" for place in range(size)]
    source.add(
        f"{listed(values)} = values",
        "unset = 0",
        "try:",
    )
    for place, v in enumerate(values):
        checked = [f"{v} = check({v})"]
        if check is not attribute:  # to which None is a value
            checked = [
                f"if {v} is None:",
                f"    unset |= {1 << place}",
                "else:",
                f"    {v} = check({v})",
            ]
        source.add(*unless(FAST[scalar], v, checked), indent=2)
    source.add(
        f"except {source.named('CheckFailed', CheckFailed)}:",
        "    return None",
        f"values = {listed(values)}",
        "if unset:",
        f"    names, pick = {source.named('left', _left)}[names][unset]",
        "    values = pick(values)",
        "    if not names:",
        "        return None",
    )
    write_new(source, FrozenMap, "made", "(names, values, len(names))")
    source.add("return made")
    return source.function()


def picker(places: Sequence[int]) -> Callable[[Any], Values]:
    """Return a function from a sequence to a tuple of what is at these places."""
    if len(places) > 1:
        return itemgetter(*places)
    if places:
        (only,) = places
        return lambda values: (values[only],)
    return lambda values: ()
