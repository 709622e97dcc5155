"""Python expressions as text: on one line if they fit, else broken as formatters break them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WIDTH = 88  # the default of Black and Ruff
_INDENT = "    "


class Bracketed(NamedTuple):
    """Something in brackets: a call, a list, a dict."""

    opening: str
    items: Sequence[Code]
    closing: str


class Chained(NamedTuple):
    """A value and the calls that follow it, one a line if they do not fit."""

    head: Bracketed
    steps: Sequence[Bracketed]
    outermost: bool = False


Code = str | Bracketed | Chained


def labelled(label: str, value: str | Bracketed) -> Code:
    """Return a keyword argument, or an entry of a dict."""
    if isinstance(value, str):
        return label + value
    return value._replace(opening=label + value.opening)


def flat(code: Code) -> str:
    """Return an expression on one line."""
    if isinstance(code, Bracketed):
        return f"{code.opening}{', '.join(map(flat, code.items))}{code.closing}"
    return code if isinstance(code, str) else "".join(map(flat, (code.head, *code.steps)))


def lines(code: Code, room: int) -> list[str]:
    """Return an expression in lines of at most ``room`` characters, where its parts allow it.

    >>> call = Bracketed("Product(", ['"sku-1"', labelled("price=", "19.99")], ")")
    >>> lines(call, 80), lines(call, 25)
    (['Product("sku-1", price=19.99)'], ['Product(', '    "sku-1", price=19.99', ')'])
    """
    line = flat(code)
    if len(line) <= room or isinstance(code, str):
        return [line]
    inside = room - len(_INDENT)
    if isinstance(code, Chained):
        nested = code.outermost and code.steps
        width = inside if nested else room
        broken = [text for part in (code.head, *code.steps) for text in lines(part, width)]
        return ["(", *(_INDENT + text for text in broken), ")"] if nested else broken
    if not code.items:
        return [line]
    body = ", ".join(map(flat, code.items))
    if code.closing == ")" and len(body) <= inside:
        return [code.opening, _INDENT + body, code.closing]
    found = [code.opening]
    for item in code.items:
        broken = lines(item, inside)
        if len(broken[-1]) == inside:  # room for the comma after it
            broken = lines(item, inside - 1)
        found += [_INDENT + text for text in broken[:-1]]
        found.append(f"{_INDENT}{broken[-1]},")
    return [*found, code.closing]


def quoted(text: str) -> str:
    """Return a string's literal, in double quotes unless single ones need fewer backslashes.

    >>> print(quoted('plain'), quoted('a "b"'), quoted("it's"))
    "plain" 'a "b"' "it's"
    """
    single = repr('"' + text)[2:-1]  # a text with a double quote gets single quotes from repr
    if text.count('"') > text.count("'"):
        return f"'{single}'"
    return '"' + single.replace("\\'", "'").replace('"', '\\"') + '"'
