"""Vocabularies of one's own: no name in them hides another by accident.

A verb that is called like one of ours, or like one of another vocabulary, would hide it without a
word. So that is an error where the class is made, unless it is meant: the verb calls the one that
it hides, as in ``super().event(…)`` or ``Batch.event(self, …)``, or ``typing.override`` marks it.
"""

from __future__ import annotations

from types import CodeType, FunctionType
from typing import Any

from ..errors import ConfigurationError

_OURS = __name__.partition(".")[0]
# what a class that derives from ours has of its own, and what generated code relies on
_TABLES = (
    "_fields",
    "_own_fields",
    "_wire",
    "_required",
    "_init_names",
    "_kind",
    "_has_rule",
    "_fill",
    "_with",
)
_KNOWN = ("Batch", "Session", "EventVerbs")  # the classes by whose names people know ours


def check_tables(cls: type) -> None:
    """Raise if a new class says itself what is about to be written into it.

    Raises:
        ConfigurationError: it says which, and what to write instead.
    """
    for name in () if _is_ours(cls) else _TABLES:
        if name in vars(cls):
            raise ConfigurationError(_hides_ours(cls, name, cls))


def check_names(cls: type) -> None:
    """Raise if a name of a vocabulary hides another one in this class.

    Raises:
        ConfigurationError: it says which, and what to write instead.
    """
    if _is_ours(cls):
        return
    ours = [base for base in cls.__mro__ if _is_ours(base)]
    theirs = [base for base in cls.__mro__ if not _is_ours(base) and base is not object]
    for place, vocabulary in enumerate(theirs):
        own = _TABLES if any(map(_is_ours, vocabulary.__mro__)) else ()
        for name, member in vars(vocabulary).items():
            if name.startswith("__") or name in own:
                continue
            if name not in _TABLES and _is_meant(name, member, vocabulary, cls):
                continue
            if any(name in vars(base) for base in ours):
                raise ConfigurationError(_hides_ours(vocabulary, name, cls))
            for other in theirs[place + 1 :]:
                if name in vars(other) and not _is_decided(name, vocabulary, other, theirs):
                    raise ConfigurationError(
                        f"{vocabulary.__name__}.{name} hides {other.__name__}.{name} in "
                        f"{cls.__name__}; write {name} = {vocabulary.__name__}.{name} in "
                        f"{cls.__name__} if that is meant"
                    )


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == _OURS


def _plain(member: Any) -> Any:
    """Return the function in a class method, a property or a wrapper; all else as it is."""
    if isinstance(member, (classmethod, staticmethod)):
        member = member.__func__
    elif isinstance(member, property):
        member = member.fget
    import inspect  # with a vocabulary; it is slow to import

    return inspect.unwrap(member) if callable(member) else member


def _is_meant(name: str, member: Any, vocabulary: type, cls: type) -> bool:
    """Return whether a member says that it takes the place of another of its name."""
    function = _plain(member)
    if getattr(member, "__override__", False) or getattr(function, "__override__", False):
        return True
    used = _names(function.__code__) if isinstance(function, FunctionType) else set()
    hidden = {"super"} | {base.__name__ for base in cls.__mro__ if base is not vocabulary}
    return name in used and bool(hidden & used)


def _names(code: CodeType) -> set[str]:
    """Return the names that a function uses, also those in its lambdas and comprehensions."""
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return {*code.co_names, *code.co_freevars}.union(*map(_names, inner))


def _is_decided(name: str, one: type, other: type, classes: list[type]) -> bool:
    """Return whether two members of a name are one, or a class that has both says which it is."""
    same = _plain(vars(one)[name]) is _plain(vars(other)[name])  # an == may do what it likes
    return same or any(
        name in vars(cls) and issubclass(cls, one) and issubclass(cls, other) for cls in classes
    )


def _hides_ours(vocabulary: type, name: str, cls: type) -> str:
    """Return what to say of a name that hides one of ours."""
    where, short = vocabulary.__name__, vocabulary.__name__.removesuffix("Verbs").lower()
    if name.startswith("_"):
        return f"{where}.{name} hides a name that mpfluent needs itself; write _{short}{name}"
    bases = [base for base in cls.__mro__ if _is_ours(base)]
    hidden = next(vars(base)[name] for base in bases if name in vars(base))
    known = next(base.__name__ for base in bases if base.__name__ in _KNOWN)
    if not callable(getattr(hidden, "__func__", hidden)):
        return f"{where}.{name} hides the field {known}.{name}; write {short}_{name}"
    return (
        f"{where}.{name} hides the verb {known}.{name}(); write def {short}_{name}(…), "
        f"or call super().{name}(…) in it if that is meant"
    )
