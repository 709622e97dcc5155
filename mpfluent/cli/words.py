"""Numbers as people read them: counts, spans of time, sizes."""

from __future__ import annotations

_SPANS = (("days", "day", 86_400), ("h", "h", 3_600), ("min", "min", 60), ("s", "s", 1))
_SIZES = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB"))


def number(count: float) -> str:
    """Return a whole number with a comma between thousands.

    >>> number(20_000)
    '20,000'
    """
    return f"{count:,.0f}"


def counted(count: int, one: str, several: str | None = None) -> str:
    """Return the words for so many of something.

    >>> counted(1, "row"), counted(1_200, "row"), counted(2, "retry", "retries")
    ('1 row', '1,200 rows', '2 retries')
    """
    return f"{number(count)} {one if count == 1 else several or f'{one}s'}"


def span(seconds: float) -> str:
    """Return a span of time in its two largest units.

    >>> span(0.04), span(7.25), span(74), span(7_560), span(200_000)
    ('0.0 s', '7.2 s', '1 min 14 s', '2 h 6 min', '2 days 7 h')
    """
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    left, said = round(seconds), []
    for several, one, unit in _SPANS:
        count, left = divmod(left, unit)
        if count:
            said.append(f"{count} {one if count == 1 else several}")
        elif said:
            break
    return " ".join(said[:2])


def size(count: int) -> str:
    """Return a number of bytes.

    >>> size(999), size(1_250), size(81_000_000)
    ('999 bytes', '1.2 kB', '81.0 MB')
    """
    for unit, name in _SIZES:
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return counted(count, "byte")
