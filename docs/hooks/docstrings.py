"""Lets docstrings and signatures read well on the site.

What is changed: sessions of doctest are code, references are links, keywords that a ``TypedDict``
lists stand in the signature, and so does ``Self``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from griffe import (
    Class,
    ExprName,
    Extension,
    Function,
    Module,
    Parameter,
    ParameterKind,
    Parameters,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from griffe import Object

SESSION = re.compile(r"^>>> .*(?:\n.+)*", re.M)
REFERENCE = re.compile(r":\w+:`~?([\w.]+)`")
LITERAL = re.compile(r"^::\n\n((?:    .*\n|\n)+)", re.M)
ARGUMENTS = re.compile(r"^Args:\n((?:    .*(?:\n|$))+)", re.M)
NEXT = re.compile(r"^(?:Raises:|>>>|```)|\Z", re.M)
# The keywords of every event. The reference has them once, as the fields of CommonFields.
COMMON = ("DetailFields", "TimeFields", "PlaceFields", "CommonFields", "EventFields")


class ForTheSite(Extension):
    """Rewrites what griffe has read of the package."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Rewrite each function and docstring."""
        for each in objects_in(pkg):
            if isinstance(each, Function):
                rewrite_signature(each)
        describe_common_fields(pkg["model.event.CommonFields"])
        for each in objects_in(pkg):
            if each.docstring:
                each.docstring.value = as_markdown(each.docstring.value, pkg.exports or ())


def objects_in(parent: Object) -> Iterator[Object]:
    """Yield an object, and all that is defined in it."""
    yield parent
    for member in parent.members.values():
        if not member.is_alias:
            yield from objects_in(member)


def as_markdown(text: str, public: Collection[str]) -> str:
    """Return a docstring's text with fences around its code, and links to public names."""

    def reference(found: re.Match[str]) -> str:
        name = found[1].rpartition(".")[2]
        return f"[`{name}`][mpfluent.{name}]" if name in public else f"`{name}`"

    text = LITERAL.sub(lambda found: f"```text\n{found[1].rstrip()}\n```\n\n", text)
    text = SESSION.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
    return REFERENCE.sub(reference, text)


def rewrite_signature(function: Function) -> None:
    """Write a signature as ``help()`` shows it, with the keywords that it takes."""
    for parameter in list(function.parameters):
        annotation = str(parameter.annotation)
        if annotation == "Never":  # only there to be refused with an error of ours
            del function.parameters[parameter.name]
        elif str(parameter.default) == "_UNSAID":
            parameter.default = "None"
        elif annotation.startswith("Unpack["):
            unpack(function, parameter)
        elif parameter.name in ("self", "cls") and parameter.annotation:
            own = re.sub(r"^type\[(\w+)\]$", r"\1", annotation)
            function.returns = "Self" if str(function.returns) == own else function.returns


def unpack(function: Function, parameter: Parameter) -> None:
    """Write the keywords of a ``TypedDict`` into the signature, and what it says of them."""
    annotation = parameter.annotation
    fields = function.modules_collection[annotation.slice.canonical_path]
    chain = [*reversed(fields.mro()), fields]
    del function.parameters[parameter.name]
    for cls in chain:
        if cls.name not in COMMON:
            add_keywords(function, cls)
            add_arguments(function, cls)
        elif cls.name == "EventFields":  # the attributes
            add_keywords(function, cls)
    if any(cls.name in COMMON for cls in chain):
        common = function.modules_collection["mpfluent.model.event.CommonFields"]
        parameter.annotation = ExprName("CommonFields", parent=common.parent)
        function.parameters.add(parameter)


def describe_common_fields(common: Class) -> None:
    """Write a constructor and a docstring with the fields of all bases."""
    common.set_member("__init__", Function("__init__", parameters=Parameters()))
    for cls in [*reversed(common.mro()), common]:
        add_keywords(common["__init__"], cls)
        if cls is not common:
            add_arguments(common, cls)


def add_keywords(function: Function, fields: Class) -> None:
    """Append the fields of one ``TypedDict`` to the parameters, but for those that it has."""
    for name, field in fields.members.items():
        if field.is_attribute and name not in function.parameters:
            keyword = ParameterKind.keyword_only
            added = Parameter(name, annotation=field.annotation, kind=keyword, default="...")
            function.parameters.add(added)


def add_arguments(to: Object, of: Object) -> None:
    """Append the arguments that one docstring describes to those of another."""
    found = of.docstring and ARGUMENTS.search(of.docstring.value)
    if not found or not to.docstring:
        return
    text = to.docstring.value
    lines = found[1].rstrip("\n") + "\n"
    if own := ARGUMENTS.search(text):
        to.docstring.value = text[: own.end()].rstrip("\n") + "\n" + lines + text[own.end() :]
    else:
        at = NEXT.search(text).start()
        to.docstring.value = f"{text[:at].rstrip()}\n\nArgs:\n{lines}\n{text[at:]}"
