r"""Regular expressions of JavaScript, as a plan has them, in those of Python.

They are read without flags: ``\d``, ``\w`` and ``\b`` are ASCII, ``$`` is the very end, and a
character outside the Basic Multilingual Plane is two.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_UNITS = re.compile("[\U00010000-\U0010ffff]")
SPACES = "".join(
    [
        *"\t\n\v\f\r \u00a0\u1680",
        *map(chr, range(0x2000, 0x200B)),
        *"\u2028\u2029\u202f\u205f\u3000\ufeff",
    ]
)
"""The blanks of JavaScript."""

_SPACES = r"\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_LINE_ENDS = r"\n\r\u2028\u2029"
# What an escape means, within a class and outside.
_SETS = {
    "d": "0-9",
    "D": r"\x00-/:-\uffff",
    "w": "0-9A-Z_a-z",
    "W": r"\x00-/:-@\[-\^`{-\uffff",
    "s": _SPACES,
    "S": r"\x00-\x08\x0e-\x1f!-\u009f\u00a1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e"
    r"\u2030-\u205e\u2060-\u2fff\u3001-\ufefe\uff00-\uffff",
}
_CONTROLS = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_COUNT = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")
_HEX = {"x": re.compile("[0-9a-fA-F]{2}"), "u": re.compile("[0-9a-fA-F]{4}")}
_OCTAL = re.compile("[0-3][0-7]{0,2}|[4-7][0-7]?")
_NAME = re.compile(r"\?<([^\W\d]\w*|\$[\w$]*|[^\W\d][\w$]*)>")
_LOOKS = ("?:", "?=", "?!", "?<=", "?<!")
_INSIDE = r"(?!\b)"  # as \B, which Python does not find in an empty text before 3.14
_MOST = 65_535  # repetitions; more cannot be told from without end


class Unreadable(Exception):
    """A pattern cannot be used.

    Attributes:
        in_javascript: whether JavaScript reads it; Python does not then.
    """

    def __init__(self, why: str, *, in_javascript: bool = False) -> None:
        super().__init__(why)
        self.in_javascript = in_javascript


class Pattern(NamedTuple):
    """A compiled pattern.

    Attributes:
        source: as the plan has it.
        expression: Python's.
    """

    source: str
    expression: re.Pattern[str]

    def finds(self, text: str) -> bool:
        """Return whether the pattern matches anywhere in a text."""
        return self.expression.search(text if text.isascii() else units(text)) is not None


def units(text: str) -> str:
    """Return a text as JavaScript counts it: a character outside the BMP is two.

    >>> len(units("a😀"))
    3
    """
    return _UNITS.sub(_pair, text)


def _pair(match: re.Match[str]) -> str:
    code = ord(match[0]) - 0x10000
    return chr(0xD800 + (code >> 10)) + chr(0xDC00 + (code & 0x3FF))


@lru_cache(2_000)
def compiled(source: str, *, ignore_case: bool = False) -> Pattern:
    r"""Return a pattern of JavaScript that can be used here.

    Raises:
        Unreadable: JavaScript cannot read it, or we cannot.

    >>> compiled("^\\d+$").finds("12"), compiled("^\\d+$").finds("12\n")
    (True, False)
    """
    translated = _Translation(units(source)).text()
    try:
        # it warns of nothing: what makes a set doubtful to Python is escaped
        flags = re.ASCII | (re.IGNORECASE if ignore_case else 0)
        return Pattern(source, re.compile(translated, flags))
    except (re.error, RecursionError, OverflowError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        # what JavaScript refuses too was found by then, but for these
        ours = not re.search("nothing to repeat|multiple repeat|min repeat greater|bad char", why)
        raise Unreadable(re.sub(" at position .*", "", why), in_javascript=ours) from None


class _Translation:
    """One pattern on its way to Python's form."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._out: list[str] = []
        self._names, self._groups = _names_and_groups(source)
        self._count = 0  # capturing groups that were opened
        self._open: list[int] = []  # those that are open; 0 captures nothing, -1 looks behind
        self._closed: set[int] = set()
        self._lookbehind_ends = -1  # how many parts there were when the last one ended

    def text(self) -> str:
        """Return the whole pattern in Python's form."""
        while self._at < len(self._source):
            letter = self._source[self._at]
            step = _STEPS.get(letter)
            if step is None:
                self._at += 1
                self._out.append(_literal(letter))
            else:
                step(self)
        if self._open:
            raise Unreadable("a group is not closed")
        return "".join(self._out)

    def _dot(self) -> None:
        self._emit(f"[^{_LINE_ENDS}]")

    def _start(self) -> None:
        self._emit(r"\A")

    def _end(self) -> None:
        self._emit(r"\Z")

    def _bar(self) -> None:
        self._emit("|")

    def _emit(self, text: str, length: int = 1) -> None:
        self._at += length
        self._out.append(text)

    def _group(self) -> None:
        rest = self._source[self._at + 1 : self._at + 200]
        kind = next((look for look in _LOOKS if rest.startswith(look)), "")
        named = None if kind else _NAME.match(rest)
        if rest.startswith("?") and not kind and named is None:
            raise Unreadable("a group begins with '(?', which says nothing")
        if kind:
            self._open.append(-1 if "<" in kind else 0)
        else:
            self._count += 1
            self._open.append(self._count)
        self._emit(f"({kind}", 1 + len(kind or (named[0] if named else "")))

    def _close(self) -> None:
        if not self._open:
            raise Unreadable("a ')' closes no group")
        closed = self._open.pop()
        self._closed.add(closed)
        self._emit(")")
        self._lookbehind_ends = len(self._out) if closed < 0 else self._lookbehind_ends

    def _repeat(self) -> None:
        match = _COUNT.match(self._source, self._at)
        sign = match[0] if match else self._source[self._at]
        if sign == "{":  # a brace that counts nothing is a brace
            self._emit(r"\{")
            return
        if match:
            least, _, most = sign[1:-1].partition(",")
            if most and int(least) > int(most):
                raise Unreadable("a repetition has its numbers out of order")
            if max(int(least), int(most or 0)) > _MOST:
                raise Unreadable("a repetition is too large", in_javascript=True)
        if self._out[-1:] == [_INSIDE] or len(self._out) == self._lookbehind_ends:
            raise Unreadable("nothing to repeat")
        self._emit(sign, len(sign))
        if self._source[self._at : self._at + 1] == "?":
            self._emit("?")
        following = self._source[self._at : self._at + 1]
        counts = _COUNT.match(self._source, self._at)
        if (following and following in "*+?") or counts:
            raise Unreadable("nothing to repeat")

    def _class(self) -> None:
        self._at += 1
        negated = self._source.startswith("^", self._at)
        self._at += negated
        members: list[str] = []
        while not self._source.startswith("]", self._at):
            if self._at >= len(self._source):
                raise Unreadable("a set is not closed")
            first = self._member()
            ranged = self._source.startswith("-", self._at)
            if not ranged or self._source[self._at + 1 : self._at + 2] in ("]", ""):
                members.append(first if len(first) > 1 else _literal(first))
                continue
            self._at += 1
            last = self._member()
            if len(first) > 1 or len(last) > 1:  # a set is no end of a range: the '-' is a letter
                both = (one if len(one) > 1 else _literal(one) for one in (first, last))
                members += [*both, r"\-"]
            elif first > last:
                raise Unreadable("a range has its letters out of order")
            else:
                members.append(f"{_literal(first)}-{_literal(last)}")
        self._at += 1
        if members:
            self._out.append(f"[{'^' * negated}{''.join(members)}]")
        else:
            self._out.append(r"[\x00-\uffff]" if negated else "(?!)")

    def _member(self) -> str:
        """Read one member of a set: a letter, or a set of letters in Python's form."""
        letter = self._source[self._at]
        self._at += 1
        if letter != "\\":
            return letter
        escaped = self._source[self._at : self._at + 1]
        if escaped in _SETS and escaped:
            self._at += 1
            return _SETS[escaped]
        if escaped == "b":
            self._at += 1
            return "\b"
        if escaped == "-":
            self._at += 1
            return "-"
        return self._letter(in_class=True)

    def _escape(self) -> None:
        self._at += 1
        escaped = self._source[self._at : self._at + 1]
        if escaped == "b":
            self._emit(r"\b")
        elif escaped == "B":
            self._emit(_INSIDE)
        elif escaped and escaped in _SETS:
            self._emit(f"[{_SETS[escaped]}]")
        elif escaped == "k" and self._names:
            name = re.compile("k<([^>]*)>").match(self._source, self._at)
            if name is None or name[1] not in self._names:
                raise Unreadable("\\k names no group")
            self._at += len(name[0])
            self._refer(self._names[name[1]])
        else:
            number = re.compile("[1-9][0-9]*").match(self._source, self._at)
            if number and int(number[0]) <= self._groups:
                self._at += len(number[0])
                self._refer(int(number[0]))
            else:
                self._out.append(_literal(self._letter()))

    def _refer(self, group: int) -> None:
        """Refer to a group: JavaScript finds nothing, and is content, where it did not match."""
        if group not in self._closed:
            self._out.append("(?:)")
        elif self._repeated(group):
            raise Unreadable("it refers to a group that is repeated", in_javascript=True)
        else:
            self._out.append(f"(?({group})\\{group}|)")

    def _repeated(self, group: int) -> bool:
        """Return whether a group may match several times: JavaScript forgets between them."""
        return _is_repeated(self._source, group)

    def _letter(self, *, in_class: bool = False) -> str:
        """Read the letter that stands after a backslash."""
        if self._at >= len(self._source):
            raise Unreadable("it ends with a backslash")
        letter = self._source[self._at]
        self._at += 1
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter in _HEX:
            digits = _HEX[letter].match(self._source, self._at)
            if digits:
                self._at += len(digits[0])
                return chr(int(digits[0], 16))
        if letter == "c":
            control = self._source[self._at : self._at + 1]
            word = "A-Za-z0-9_" if in_class else "A-Za-z"
            if re.fullmatch(f"[{word}]", control):
                self._at += 1
                return chr(ord(control) % 32)
            self._at -= 1  # the backslash is itself a letter
            return "\\"
        octal = _OCTAL.match(self._source, self._at - 1)
        if octal:
            self._at += len(octal[0]) - 1
            return chr(int(octal[0], 8))
        return letter


_STEPS = {
    ".": _Translation._dot,
    "^": _Translation._start,
    "$": _Translation._end,
    "|": _Translation._bar,
    "(": _Translation._group,
    ")": _Translation._close,
    "[": _Translation._class,
    "\\": _Translation._escape,
    **dict.fromkeys("*+?{", _Translation._repeat),
}


def _literal(letter: str) -> str:
    return letter if letter.isascii() and letter.isalnum() else f"\\u{ord(letter):04x}"


def _parts(source: str) -> list[tuple[str, int]]:
    """Return the parentheses of a pattern that count, each with its place."""
    found, in_class, at = [], False, 0
    while at < len(source):
        letter = source[at]
        if letter == "\\":
            at += 1
        elif letter == "[":
            in_class = True
        elif letter == "]":
            in_class = False
        elif letter in "()" and not in_class:
            found.append((letter, at))
        at += 1
    return found


def _captures(source: str, at: int) -> bool:
    return not source.startswith("?", at + 1) or _NAME.match(source, at + 1) is not None


def _names_and_groups(source: str) -> tuple[dict[str, int], int]:
    """Return the number of each group that has a name, and how many groups capture."""
    names: dict[str, int] = {}
    count = 0
    for letter, at in _parts(source):
        if letter == "(" and _captures(source, at):
            count += 1
            named = _NAME.match(source, at + 1)
            if named:
                if named[1] in names:
                    raise Unreadable("two groups have one name")
                names[named[1]] = count
    return names, count


def _is_repeated(source: str, group: int) -> bool:
    """Return whether a group is within one that is repeated, or is repeated itself."""
    stack: list[tuple[int, int]] = []  # each open one: its number, and its place
    within: list[int] = []  # places of those that hold the group
    count = 0
    for letter, at in _parts(source):
        if letter == "(":
            number = 0
            if _captures(source, at):
                count += 1
                number = count
            stack.append((number, at))
            if number == group:
                within = [place for _, place in stack]
        elif stack:
            _, opened = stack.pop()
            after = source[at + 1 : at + 2]
            if opened in within and (after in ("*", "+") or _COUNT.match(source, at + 1)):
                return True
    return False
