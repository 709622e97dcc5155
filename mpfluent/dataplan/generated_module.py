"""The module of verbs that is written for a plan."""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from ..errors import ConfigurationError, closest
from ..formatting.code_layout import quoted
from .docstrings import WIDTH, docstring, width, words, wrapped
from .functions import Function, sentence
from .identifiers import cut_off, snake_case
from .names_file import Names
from .planned_arguments import Impossible, properties_of, required
from .planned_commerce import COMMERCE, commerce_function_of, factory_of
from .planned_verbs import function_of, user_function_of
from .points import Point
from .verb_names import verb_names

MARK = "Written by mpfluent plan generate: change the plan, and write this file again."
"""A line of the docstring of each module."""

# Long lines, type variables instead of Self, None among choices; and that one of these is unused.
_NOQA = "# ruff: noqa: E501, PYI019, PYI061, RUF100"
_LONGEST = 28  # columns of what classes begin with
_TAKEN = {"Event"}  # EventVerbs is what the class derives from
# What a module may need; what needs something else comes before it.
_HELPERS = {
    "_texts": '''\
def _texts(values: Mapping[str, Scalar | None]) -> dict[str, str]:
    """Return attributes of a product, which are text, without those that are None."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }''',
    "_given": '''\
def _given(values: Mapping[str, Value | None]) -> dict[str, Value]:
    """Return attributes without those that are None."""
    return {name: value for name, value in values.items() if value is not None}''',
}
_ALIASES = {
    "Scalar": "Scalar = str | int | float | Decimal | bool",
    "Value": "Value = Scalar | Sequence[Scalar]",
    "V": 'V = TypeVar("V", bound="NAMEVerbs")',
    "B": 'B = TypeVar("B", bound="NAMEBatch")',
}


class Written(NamedTuple):
    """What is written for a plan.

    Attributes:
        verbs: the methods for events, by name.
        factories: the functions that make products and promotions.
        user: the methods for the user.
        left_out: sentences about points that have no verb.
    """

    verbs: Sequence[Function]
    factories: Sequence[Function]
    user: Sequence[Function]
    left_out: Sequence[str]


def written(points: Iterable[Point], names: Names) -> Written:
    """Return the functions for points.

    Args:
        points: those that can be met.
        names: that were chosen.

    Raises:
        ConfigurationError: a chosen name is about nothing in the plan, or is taken.
    """
    points = sorted(points, key=lambda point: str(point.key))
    _check_arguments(points, names)
    verbs: list[Function | None] = []
    factories: list[Function | None] = []
    user: list[Function | None] = []
    left_out: list[str] = []
    called = verb_names(points, names)
    for point in points:
        try:
            if point.type in ("custom_event", "screen_view"):
                verbs.append(function_of(point, called[str(point.key)], names))
            elif (point.type, point.name) in COMMERCE:
                verbs.append(commerce_function_of(point, called[str(point.key)], names))
                factories.append(factory_of(point, names))
            elif point.type == "user_attributes":
                user.append(user_function_of(point, names))
        except Impossible as why:
            left_out.append(f"{point.type} {quoted(point.name)}: {why}.")
    return Written(_sorted(verbs), _sorted(factories), _sorted(user), left_out)


def _sorted(functions: Iterable[Function | None]) -> list[Function]:
    found = [function for function in functions if function is not None]
    return sorted(found, key=lambda function: function.name)


def _check_arguments(points: Iterable[Point], names: Names) -> None:
    """Raise if a chosen name of an argument is about no attribute of the plan."""
    if not names.arguments:
        return
    known: set[str] = set()
    for point in points:
        if point.type == "user_attributes":
            known.update(_named_in(point.definition))
        known.update(_attributes(point.definition))
    for label in names.arguments:
        if label not in known:
            meant = closest(label, sorted(known))
            hint = f"did you mean {meant!r}?" if meant else "mpfluent plan show lists what it has"
            raise ConfigurationError(
                f"[arguments] {quoted(label)}: the plan has no such attribute; {hint}"
            )


def _named_in(schema: object) -> Iterable[str]:
    """Return the attributes that a schema of attributes names."""
    return (*properties_of(schema), *required(schema))


def _attributes(schema: object) -> Iterable[str]:
    """Yield the attributes that the schema of an event names: its own, and those of products."""
    for name, inner in properties_of(schema).items():
        if name == "custom_attributes":
            yield from _named_in(inner)
        yield from _attributes(inner)
    if isinstance(schema, dict):
        yield from _attributes(schema.get("items"))


def prefix_of(plan_id: str | None, name: str | None, names: Names) -> str:
    """Return what the names of the classes begin with.

    >>> from .names_file import NONE
    >>> [prefix_of(plan, None, NONE) for plan in ("ferry", "web-shop_2", "2024", "event", None)]
    ['Ferry', 'WebShop2', 'Plan2024', 'EventPlan', 'Planned']
    """
    text = plan_id or name or ""
    parts = snake_case(text).split("_")
    made = cut_off("".join(part.capitalize() for part in parts), _LONGEST)
    made = names.prefix or made or "Planned"
    if not made.isidentifier():
        made = f"Plan{made}"
    made = unicodedata.normalize("NFKC", made)  # once more: a part may begin with an accent
    return f"{made}Plan" if made in _TAKEN else made


def module_text(found: Written, prefix: str, title: str, description: str) -> str:
    """Return the text of a module.

    Args:
        found: its functions.
        prefix: of its classes.
        title: of the plan, for the docstring.
        description: of the plan, for the docstring.
    """
    classes = "\n".join(_classes(found, prefix))
    factories = ["\n".join(function.lines("")) for function in found.factories]
    used = _names("\n".join([*factories, classes]))
    helpers = [text for name, text in _HELPERS.items() if name in used]
    used |= _names("\n".join(helpers))
    used |= {"Scalar"} if "Value" in used else set()
    aliases = [text for name, text in _ALIASES.items() if name in used]
    aliases = [_alias(text.replace("NAME", prefix)) for text in aliases]
    used |= _names("\n".join(aliases))
    parts = [*(["\n".join(aliases)] if aliases else []), *helpers, *factories, classes]
    head = f"{_head(found, title, description)}\n\n{_imports(used)}"
    text = head + ("\n\n" if aliases else "\n\n\n") + "\n\n\n".join(parts)
    return f"{_NOQA}\n{text}\n"


def _names(code: str) -> set[str]:
    """Return the names that code uses."""
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}


_IMPORTS = {
    "collections.abc": ("Mapping", "Sequence"),
    "decimal": ("Decimal",),
    "typing": ("Literal", "TypeVar", "Unpack"),
}
_OURS = ("Batch", "CommonFields", "EventVerbs", "Product", "Promotion", "Session")


def _imports(names: set[str]) -> str:
    found = []
    for module, known in _IMPORTS.items():
        used = [name for name in known if name in names]
        found += [f"from {module} import {', '.join(used)}"] if used else []
    used = [name for name in _OURS if name in names]
    found += [""] if found else []
    return "\n".join([*found, f"from mpfluent import {', '.join(used)}"])


def _head(found: Written, title: str, description: str) -> str:
    paragraphs = [wrapped(sentence(description), "")] if sentence(description) else []
    paragraphs.append([MARK])
    if found.left_out:
        left_out = [wrapped(f"* {words(each)}", "", "  ") for each in found.left_out]
        paragraphs.append(["These have no verb:"])
        paragraphs.append([*chain.from_iterable(left_out)])
    return "\n".join(docstring(f"{words(title)}.", paragraphs, ""))


def _classes(found: Written, prefix: str) -> list[str]:
    return [
        f"class {prefix}Verbs(EventVerbs):",
        '    """The events of the data plan, as verbs."""',
        *_methods(found.verbs),
        *("", ""),
        *_header(f"{prefix}Batch", f"{prefix}Verbs", "Batch"),
        '    """A batch with the verbs of the data plan."""',
        *_methods(found.user),
        *("", ""),
        *_header(f"{prefix}Session", f"{prefix}Verbs", "Session"),
        '    """A session with the verbs of the data plan."""',
    ]


def _alias(line: str) -> str:
    if width(line) <= WIDTH:
        return line
    opening, _, inside = line.partition("(")
    return "\n".join([f"{opening}(", *(f"    {each}," for each in inside[:-1].split(", ")), ")"])


def _header(name: str, *bases: str) -> list[str]:
    flat = f"class {name}({', '.join(bases)}):"
    if width(flat) <= WIDTH:
        return [flat]
    return [f"class {name}(", *(f"    {base}," for base in bases), "):"]


def _methods(functions: Iterable[Function]) -> Iterable[str]:
    for function in functions:
        yield ""
        yield from function.lines("    ")
