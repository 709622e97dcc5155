"""``NamedTuple`` and ``TypedDict`` as in ``typing``, but their annotations stay text.

``typing`` compiles each annotation that is text, one by one, for whoever asks for the types later.
That was a sixth of the time of an import, and nobody asks. ``typing.get_type_hints`` still answers:
it reads text, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
    from typing import TypedDict as TypedDict
else:
    import typing
    from collections import namedtuple

    _own_annotations = vars(type)["__annotations__"].__get__

    class _NamedTupleType(type):
        def __new__(mcs, name, bases, members):
            types = members["__annotations__"]
            defaults = [members[field] for field in types if field in members]
            made = namedtuple(name, types, defaults=defaults, module=members["__module__"])
            made.__annotations__ = made.__new__.__annotations__ = types
            for key in members.keys() - types.keys():
                setattr(made, key, members[key])
            return made

    # the class for which ``typing.is_typeddict`` looks
    class _TypedDictType(type(typing.TypedDict("_", {}))):
        def __new__(mcs, name, bases, members, *, total=True):
            made = type.__new__(mcs, name, bases, members)
            own = frozenset(_own_annotations(made))
            needed = own if total else frozenset()
            inherited = [base.__required_keys__ for base in bases if base is not dict]
            made.__total__ = total
            made.__required_keys__ = needed.union(*inherited)
            made.__optional_keys__ = frozenset(made.__annotations__) - made.__required_keys__
            return made

        @property
        def __annotations__(cls):
            """All of them; each class keeps its own, whose names are those of its module."""
            found = {}
            for base in cls.__bases__:
                found |= getattr(base, "__annotations__", {})
            return found | _own_annotations(cls)

    NamedTuple = type.__new__(_NamedTupleType, "NamedTuple", (), {})
    TypedDict = type.__new__(_TypedDictType, "TypedDict", (dict,), {"__required_keys__": ()})
