"""Generated functions as data, and their text: formatted as ruff formats, at any width.

What does not fit into 88 columns is broken with a comma at its end, so that a formatter with wider
lines leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from .annotations import Kind, type_of
from .docstrings import WIDTH, docstring, width, words, wrapped

_STEP = "    "
_CLOSINGS = {"{": "}", "(": ")"}


class Argument(NamedTuple):
    """An argument of a generated function.

    Attributes:
        name: in Python.
        label: what it is in the plan, as a literal of Python.
        kind: what it may be.
        is_required: whether it must be given.
        description: what the plan says of it, or "".
        is_planned: whether the plan names it.
    """

    name: str
    label: str
    kind: Kind
    is_required: bool
    description: str = ""
    is_planned: bool = True

    @property
    def entry(self) -> str:
        """The entry of a dict."""
        return f"{self.label}: {self.name}"

    @property
    def keyword(self) -> str:
        """The keyword of a call."""
        return f"{self.name}={self.name}"


class Entries(NamedTuple):
    """A dict in a call, one entry a line.

    Attributes:
        openings: its brace, and the brackets around it.
        items: its entries.
    """

    openings: Sequence[str]
    items: Sequence[str]

    def lines(self, indent: str) -> list[str]:
        """Return its lines; a comma follows."""
        opening, *rest = self.openings
        if rest:
            body = Entries(rest, self.items).lines(indent + _STEP)
        else:
            body = [f"{indent}{_STEP}{item}," for item in self.items]
        return [f"{indent}{opening}", *body, f"{indent}{_CLOSINGS[opening[-1]]}"]


class Function(NamedTuple):
    """A generated function, or a method.

    Attributes:
        name: in Python.
        first: what stands before the keywords, such as "self: V".
        arguments: the keywords.
        last: what stands after them, such as "**fields: Unpack[CommonFields]".
        returns: the type of what it returns.
        call: what it returns, up to the bracket.
        items: what stands in the brackets.
        summary: the first words of its docstring, without a full stop.
        description: what the plan says of it, or "".
        notes: further sentences.
    """

    name: str
    first: Sequence[str]
    arguments: Sequence[Argument]
    last: Sequence[str]
    returns: str
    call: str
    items: Sequence[str | Entries]
    summary: str
    description: str = ""
    notes: Sequence[str] = ()

    def lines(self, indent: str) -> list[str]:
        """Return the function's lines.

        Args:
            indent: of its definition.
        """
        inside = indent + _STEP
        return [
            *self._signature(indent),
            *self._docstring(inside),
            *self._returned(inside),
        ]

    def _signature(self, indent: str) -> list[str]:
        first = [*self.first]
        has_keywords = self.arguments or any(not each.startswith("**") for each in self.last)
        if has_keywords and not any(each.startswith("*") for each in first):
            first.append("*")
        if not self.arguments:
            flat = f"{indent}def {self.name}({', '.join([*first, *self.last])})"
            flat += f" -> {self.returns}:"
            if width(flat) <= WIDTH:
                return [flat]
        inside = indent + _STEP
        found = [f"{indent}def {self.name}(", *(f"{inside}{each}," for each in first)]
        for argument in self.arguments:
            found += _declared(argument, inside)
        found += [f"{inside}{each}," for each in self.last]
        return [*found, f"{indent}) -> {self.returns}:"]

    def _docstring(self, indent: str) -> list[str]:
        said, summary = sentence(self.description), words(self.summary)
        paragraphs: list[list[str]] = []
        if said and width(f'{indent}"""{summary}: {said}"""') <= WIDTH:
            summary = f"{summary}: {said}"
        else:
            summary = f"{summary}."
            paragraphs += [wrapped(said, indent)] if said else []
        paragraphs += [wrapped(words(note), indent) for note in self.notes]
        described = [
            *chain.from_iterable(_described(argument, indent) for argument in self.arguments)
        ]
        if described:
            paragraphs.append([f"{indent}Args:", *described])
        return docstring(summary, paragraphs, indent)

    def _returned(self, indent: str) -> list[str]:
        if not any(isinstance(item, Entries) for item in self.items):
            flat = f"{indent}return {self.call}({', '.join(map(str, self.items))})"
            if width(flat) <= WIDTH:
                return [flat]
        found, inside = [f"{indent}return {self.call}("], indent + _STEP
        for item in self.items:
            if isinstance(item, str):
                found.append(f"{inside}{item},")
                continue
            found += item.lines(inside)
            found[-1] += ","
        return [*found, f"{indent})"]


def _declared(argument: Argument, indent: str) -> list[str]:
    """Return the lines that declare an argument."""
    kind, optional = argument.kind, "" if argument.is_required else " | None = None"
    flat = f"{indent}{argument.name}: {type_of(kind)}{optional},"
    if width(flat) <= WIDTH or not kind.choices:
        return [flat]
    choices = [*kind.choices, *(["None"] if optional else [])]
    inside = [f"{indent}{_STEP}{choice}," for choice in choices]
    end = f"{indent}]{' = None' if optional else ''},"
    return [f"{indent}{argument.name}: Literal[", *inside, end]


def _described(argument: Argument, indent: str) -> list[str]:
    """Return the lines of a docstring about an argument; none if its name says it all."""
    label = words(argument.label) if argument.label != f'"{argument.name}"' else ""
    facts = ", ".join(filter(None, (label, words(argument.kind.limits))))
    said = " ".join(filter(None, (f"{facts}." if facts else "", sentence(argument.description))))
    return (
        [] if not said else wrapped(f"{argument.name}: {said}", indent + _STEP, indent + 2 * _STEP)
    )


def sentence(text: str) -> str:
    """Return a description as it may stand in a docstring, with a full stop.

    >>> sentence("How many"), sentence("Really?"), sentence(" ")
    ('How many.', 'Really?', '')
    """
    said = words(text)
    return said if not said or said[-1] in ".!?。" else f"{said}."
