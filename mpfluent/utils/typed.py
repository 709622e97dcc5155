"""``NamedTuple`` and ``TypedDict`` as in ``typing``, but their annotations stay text.

``typing`` compiles each annotation that is text, for whoever asks for types later. For ours, that
was a sixth of an import. ``typing.get_type_hints`` answers all the same: it reads text, too.
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
            for key, value in members.items():
                if key not in types:
                    setattr(made, key, value)
            return made

    # of the class for which ``typing.is_typeddict`` looks
    class _TypedDictType(type(typing.TypedDict("_", {}))):
        def __new__(mcs, name, bases, members, *, total=True):
            known = {"__total__": total, "__orig_bases__": bases}
            return type.__new__(mcs, name, bases, {**members, **known})

        @property
        def __annotations__(cls):
            """Those of the bases, too: each class has its own, and reads them in its module."""
            found = {}
            for base in cls.__bases__:
                found |= getattr(base, "__annotations__", {})
            return found | _own_annotations(cls)

        @property
        def __required_keys__(cls):
            kinds = (kind for kind in cls.__mro__ if "__total__" in vars(kind))
            return frozenset(key for kind in kinds for key in _needed_of(kind))

        @property
        def __optional_keys__(cls):
            return frozenset(cls.__annotations__) - cls.__required_keys__

        @property
        def __mutable_keys__(cls):
            return frozenset(cls.__annotations__)

        __readonly_keys__ = frozenset()

    def _needed_of(kind):
        for key, of in _own_annotations(kind).items():
            said = typing.get_origin(of)  # of what is text, as in ``typing``, nothing is known
            if said is typing.Required or (kind.__total__ and said is not typing.NotRequired):
                yield key

    NamedTuple = type.__new__(_NamedTupleType, "NamedTuple", (), {})
    TypedDict = _TypedDictType("TypedDict", (dict,), {})
