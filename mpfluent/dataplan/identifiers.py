"""Names of Python for the names of a plan: readable, and the same whatever the order of points."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple, TypeVar

from ..builder.batch import Batch
from ..builder.session import Session
from ..model.commerce import ProductActionFields, ProductFields
from ..model.event import EventFields
from ..model.events import CommerceFields
from .docstrings import width

_LONGEST = 46  # columns of a name; the signature of the generated code then fits into 88 columns
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MUTATORS = {"append", "extend", "insert", "set", "update"}  # a batch has none, and says so
_TYPES = {"bool", "float", "int", "str"}  # a verb of this name would stand in annotations below it
TAKEN = frozenset({*dir(Batch), *dir(Session), *_MUTATORS, *_TYPES, "with_planned_attributes"})
"""What no verb may be called."""

_EVENT = frozenset({*EventFields.__annotations__, "type", "self", "fields", "event_name"})
_COMMERCE = {*CommerceFields.__annotations__, *ProductActionFields.__annotations__}
RESERVED: Mapping[str, frozenset[str]] = {
    "event": _EVENT,
    "screen": _EVENT | {"screen_name", "activity_type"},
    "commerce": _EVENT
    | _COMMERCE
    | {"product", "products", "promotion", "promotions", "product_impression_list"},
    "product": frozenset({*ProductFields.__annotations__, "id", "name"}),
    "user": frozenset({"self"}),
}
"""What no argument may be called, by the kind of function."""


def snake_case(text: str) -> str:
    """Return a text as a name: its letters and digits, and nothing else.

    >>> [snake_case(text) for text in ("Searched crossings", "userID", "404 HTTPError", "搜索")]
    ['searched_crossings', 'user_id', '404_http_error', '搜索']
    >>> snake_case('"); import os #')
    'import_os'
    """
    text = _WORDS.sub("_", unicodedata.normalize("NFKC", text))
    text = unicodedata.normalize("NFKC", text.lower())
    kept = "".join(letter if f"a{letter}".isidentifier() else "_" for letter in text)
    return re.sub("_+", "_", kept).strip("_")


def hashed(text: str, length: int = 4) -> str:
    """Return some digits that belong to a text.

    >>> hashed("Searched")
    '9fc7'
    """
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def shortened(name: str, of: str) -> str:
    """Return a name of at most 46 columns; what is cut off is told apart by digits.

    Args:
        name: in snake case.
        of: the text that it was made of.

    >>> shortened("how_many_people_" * 4, "How many people")
    'how_many_people_how_many_people_how_many_7172'
    """
    if width(name) <= _LONGEST:
        return name
    cut = cut_off(name, _LONGEST - 5)
    return f"{cut.rpartition('_')[0] or cut}_{hashed(of)}"


def cut_off(name: str, columns: int) -> str:
    """Return the letters of a name that fit into so many columns.

    >>> cut_off("搜索商品", 5)
    '搜索'
    """
    while width(name) > columns:
        name = name[:-1]
    return name


def as_verb(name: str) -> str:
    """Return a name that a verb may have.

    >>> [as_verb(name) for name in ("signed_up", "purchase", "2_for_1", "yield")]
    ['signed_up', 'purchase_event', 'e_2_for_1', 'yield_']
    """
    name = name if name.isidentifier() else f"e_{name}"
    if keyword.iskeyword(name):
        return f"{name}_"
    return f"{name}_event" if name in TAKEN else name


def as_argument(name: str, reserved: Collection[str]) -> str:
    """Return a name that an argument may have.

    Args:
        name: in snake case.
        reserved: the names of other arguments.

    >>> [as_argument(name, RESERVED["event"]) for name in ("query", "from", "at", "2nd")]
    ['query', 'from_', 'at_', 'e_2nd']
    """
    name = name if name.isidentifier() else f"e_{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in reserved else name


class Named(NamedTuple):
    """What wants a name.

    Attributes:
        text: which it is, and of which digits are made if nothing else tells it apart.
        name: in snake case; "" if no letter of it can stand in a name.
        suffix: a word that tells it from others of its name, or "".
    """

    text: str
    name: str
    suffix: str = ""

    def at(self, level: int) -> str:
        """Return the name; the higher the level, the more tells it apart."""
        if level == 0 and self.name:
            return shortened(self.name, self.text)
        parts = [self.name, self.suffix if level < 2 else hashed(self.text, 4 * (level - 1))]
        if not self.name:
            parts = [self.suffix, hashed(self.text, 4 * max(1, level))]
        return shortened("_".join(filter(None, parts)), self.text)


K = TypeVar("K")


def distinct(
    wanted: Mapping[K, Named], fit: Callable[[str], str], fixed: Iterable[str] = ()
) -> dict[K, str]:
    """Return a name for each; of two alike, neither keeps the short one.

    Nor does anything else get a name that two wanted. So a name never means another event because
    a point was added to the plan.

    Args:
        wanted: by any key.
        fit: makes a name one that may be used.
        fixed: names that are given already.

    >>> distinct({1: Named("S:a", "s", "a"), 2: Named("S:b", "s", "b")}, as_verb)
    {1: 's_a', 2: 's_b'}
    """
    levels = dict.fromkeys(wanted, 0)
    taken, contested = Counter(fixed), set[str]()
    while True:
        names = {key: fit(named.at(levels[key])) for key, named in wanted.items()}
        counts = Counter(names.values()) + taken
        contested |= {name for name, count in counts.items() if count > 1}
        alike = [key for key, name in names.items() if name in contested]
        if not alike:
            return names
        for key in alike:
            levels[key] += 1
