"""Python expressions as text: on one line if they fit, else broken as formatters break them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 88  # the default of Black and Ruff
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Bracketed:
    """Something in brackets: a call, a list, a dict."""

    opening: str
    items: Sequence[Code]
    closing: str

    def flat(self) -> str:
        """Return it on one line."""
        return f"{self.opening}{', '.join(map(flat, self.items))}{self.closing}"

    def lines(self, room: int, label: str = "") -> list[str]:
        """Return it in lines of at most ``room`` characters, where its parts allow it."""
        line = label + self.flat()
        if len(line) <= room or not self.items:
            return [line]
        inside = room - len(_INDENT)
        body = ", ".join(map(flat, self.items))
        is_call = self.closing == ")"
        if is_call and len(body) <= inside:
            return [label + self.opening, _INDENT + body, self.closing]
        found = [label + self.opening]
        for item in self.items:
            broken = lines(item, inside)
            if len(broken[-1]) == inside:  # room for the comma after it
                broken = lines(item, inside - 1)
            found += [_INDENT + text for text in broken[:-1]]
            found.append(f"{_INDENT}{broken[-1]},")
        return [*found, self.closing]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A keyword argument, or an entry of a dict."""

    label: str
    value: Code

    def flat(self) -> str:
        """Return it on one line."""
        return self.label + flat(self.value)

    def lines(self, room: int) -> list[str]:
        """Return it in lines of at most ``room`` characters, where its parts allow it."""
        if isinstance(self.value, Bracketed):
            return self.value.lines(room, self.label)
        first, *more = lines(self.value, room - len(self.label))
        return [self.label + first, *more]


@dataclass(frozen=True, slots=True)
class Chained:
    """A value and the calls that follow it, one a line if they do not fit."""

    head: Bracketed
    steps: Sequence[Bracketed]
    outermost: bool = False

    def flat(self) -> str:
        """Return it on one line."""
        return self.head.flat() + "".join(step.flat() for step in self.steps)

    def lines(self, room: int) -> list[str]:
        """Return it in lines of at most ``room`` characters, where its parts allow it."""
        line = self.flat()
        if len(line) <= room:
            return [line]
        if not self.steps:
            return self.head.lines(room)
        if not self.outermost:
            return [text for part in (self.head, *self.steps) for text in part.lines(room)]
        inside = room - len(_INDENT)
        broken = [text for part in (self.head, *self.steps) for text in part.lines(inside)]
        return ["(", *(_INDENT + text for text in broken), ")"]


Code = str | Bracketed | Labelled | Chained


def flat(code: Code) -> str:
    """Return an expression on one line."""
    return code if isinstance(code, str) else code.flat()


def lines(code: Code, room: int) -> list[str]:
    """Return an expression in lines of at most ``room`` characters, where its parts allow it.

    >>> call = Bracketed("Product(", ['"sku-1"', Labelled("price=", "19.99")], ")")
    >>> lines(call, 80), lines(call, 25)
    (['Product("sku-1", price=19.99)'], ['Product(', '    "sku-1", price=19.99', ')'])
    """
    return [code] if isinstance(code, str) else code.lines(room)


def quoted(text: str) -> str:
    """Return a string's literal, in double quotes unless single ones need fewer backslashes.

    >>> print(quoted('plain'), quoted('a "b"'), quoted("it's"))
    "plain" 'a "b"' "it's"
    """
    single = repr('"' + text)[2:-1]  # a text with a double quote gets single quotes from repr
    if text.count('"') > text.count("'"):
        return f"'{single}'"
    return '"' + single.replace("\\'", "'").replace('"', '\\"') + '"'
