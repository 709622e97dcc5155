"""Docstrings of generated code: whatever a plan says, it stays text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

WIDTH = 88
"""The columns of generated code, where its parts allow it."""


def width(line: str) -> int:
    """Return the columns of a line, as formatters count them: Chinese letters take two.

    >>> width("搜索: str"), width("e\u0301")
    (9, 1)
    """
    if line.isascii():
        return len(line)
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in line
    )


def words(text: str) -> str:
    r"""Return a text of a plan as it may stand in a docstring, on one line.

    It cannot end the docstring, and nothing in it is an escape or a test for doctest.

    >>> print(words('Say "hello"\n  to "" or >>> exit()'))
    Say "hello" to "\" or > >> exit()
    """
    text = re.sub(">(?=>>)", "> ", " ".join(text.split()))
    escaped = "".join(
        letter if letter.isprintable() else _escape(letter) for letter in text.replace("\\", "\\\\")
    )
    return re.sub('(?<=")"', '\\\\"', escaped)


def _escape(letter: str) -> str:
    escape = letter.encode("unicode_escape").decode()
    # Python 3.13 compiles no docstring with a lone surrogate, so its escape stands there as text
    return f"\\{escape}" if "\ud800" <= letter <= "\udfff" else escape


def wrapped(text: str, indent: str, hanging: str | None = None) -> list[str]:
    """Return lines of at most 88 columns, where there are blanks.

    Args:
        text: as :func:`words` returns it.
        indent: of the first line.
        hanging: of the other lines, if it differs.

    >>> [line.lstrip() for line in wrapped("To be, or not to be", " " * 78)]
    ['To be, or', 'not to be']
    """
    hanging = indent if hanging is None else hanging
    found, line = [], indent
    for word in text.split(" "):
        if width(line) + width(word) > WIDTH and line.strip():
            found.append(line.rstrip())
            line = hanging
        line += f"{word} "
    return [*found, line.rstrip()]


def docstring(summary: str, paragraphs: Iterable[list[str]], indent: str) -> list[str]:
    '''Return the lines of a docstring.

    Args:
        summary: its first line, which ends with a full stop.
        paragraphs: what follows, as lines with their indent.
        indent: of the docstring.

    >>> docstring("Append a search.", [], "    ")
    ['    """Append a search."""']
    '''
    lines = [f'{indent}"""{summary}']
    for paragraph in paragraphs:
        lines += ["", *paragraph]
    if len(lines) == 1:
        return [f'{lines[0]}"""']
    return [*lines, f'{indent}"""']
