"""Lets docstrings read well as Markdown: their sessions are code, and so are their references."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

SESSION = re.compile(r"^>>> .*(?:\n.+)*", re.M)
REFERENCE = re.compile(r":\w+:`~?([\w.]+)`")
LITERAL = re.compile(r"^::\n\n((?:    .*\n|\n)+)", re.M)


class ForTheSite(Extension):
    """Rewrites each docstring, when griffe has read it."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """Return a docstring's text with fences around its code."""
    text = LITERAL.sub(lambda found: f"```text\n{found[1].rstrip()}\n```\n\n", text)
    text = SESSION.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
    return REFERENCE.sub(lambda found: f"`{found[1].rpartition('.')[2]}`", text)
