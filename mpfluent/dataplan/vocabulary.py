"""The generated classes, without a file: for the prompt."""

from __future__ import annotations

import linecache
from itertools import count
from types import ModuleType
from typing import Any

from ..errors import closest
from .identifiers import snake_case

_numbers = count(1)


class Vocabulary:
    """The classes that are generated for a plan, and its functions for products and promotions.

    Args:
        module: which has them.
        prefix: of its classes.

    Attributes:
        Batch: a batch with the plan's verbs.
        Session: a session with the plan's verbs.
        Verbs: the verbs alone, to be mixed into classes of your own.
    """

    Batch: Any
    Session: Any
    Verbs: Any

    def __init__(self, module: ModuleType, prefix: str) -> None:
        for name in ("Batch", "Session", "Verbs"):
            setattr(self, name, getattr(module, f"{prefix}{name}"))
        for name, member in vars(module).items():
            if name.endswith(("_product", "_promotion")):
                setattr(self, name, member)

    def __getattr__(self, name: str) -> Any:
        known = sorted(vars(self))
        meant = closest(name, known)
        hint = f"did you mean {meant!r}?" if meant else f"it has {', '.join(known)}"
        raise AttributeError(f"the vocabulary has no {name!r}; {hint}")

    def __repr__(self) -> str:
        return f"<Vocabulary {', '.join(sorted(vars(self)))}>"


def vocabulary_of(text: str, prefix: str) -> Vocabulary:
    """Return the classes of a generated module.

    Args:
        text: of the module; names of the plan stand in literals only.
        prefix: of its classes.
    """
    module = ModuleType(f"{snake_case(prefix)}_verbs")
    file = f"<{module.__name__} {next(_numbers)}>"
    # so that ?? in IPython, and a traceback, show the code
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    exec(compile(text, file, "exec"), vars(module))  # noqa: S102
    return Vocabulary(module, prefix)
