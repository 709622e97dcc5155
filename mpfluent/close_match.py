"""The name among many that is most like another one, as difflib finds it, but sooner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def close_match(wanted: str, names: Iterable[str], cutoff: float) -> str | None:
    """Return what ``difflib.get_close_matches(wanted, names, 1, cutoff)`` would, or None.

    difflib compares each name in full that may reach the cutoff. Here, names come in the order of
    what they may reach at most, and the first ones leave out the rest.

    Args:
        wanted: the name.
        names: those that it may be.
        cutoff: how alike it must be: above 0, and 1 for the same.

    >>> close_match("platfrom", ["platform", "product"], 0.6)
    'platform'
    """
    from difflib import SequenceMatcher  # here: it is slow to import, and rarely needed

    matcher = SequenceMatcher(b=wanted)
    best = (cutoff, "")
    for most, name in sorted(_reachable(wanted, names, cutoff), reverse=True):
        if most < best[0]:
            break
        matcher.set_seq1(name)
        best = max(best, (matcher.ratio(), name))
    return best[1] or None


def _reachable(wanted: str, names: Iterable[str], cutoff: float) -> list[tuple[float, str]]:
    """Return the names that may reach a cutoff, each with how alike it is at most."""
    letters = Counter(wanted).items()
    found = []
    for name in names:
        both = len(wanted) + len(name)
        if both and 2 * min(len(wanted), len(name)) / both >= cutoff:
            shared = sum(min(count, name.count(letter)) for letter, count in letters)
            if 2 * shared / both >= cutoff:
                found.append((2 * shared / both, name))
    return found
