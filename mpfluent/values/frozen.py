"""Immutable values: what every record, event and batch is made of.

A value holds only the fields that were set, as two tuples: wire names in schema order, and the
checked values. Nothing mutable is reachable from it, a derived value shares what did not change,
and encoding is one ``dict(zip(…))``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from ..errors import (
    Immutable,
    InvalidBatch,
    InvalidValue,
    UnknownField,
    UnknownVerb,
    brief,
    closest,
    unknown_field,
)
from ..sdk_names import called
from ..utils.introspection import PublicNames, expand_kwargs
from .code_cache import CompiledCalls, Memo
from .codegen import NO_NAMES, Names, Shape, State, picker, state_maker
from .fields import Field
from .frozen_map import content
from .validators import CheckFailed

_new = object.__new__


def _fields_of(cls: type) -> dict[str, Field[Any]]:
    """Return the fields that a class itself declares, by their Python names."""
    return {name: field for name, field in vars(cls).items() if isinstance(field, Field)}


class _Slotted(type):
    """Gives every class slots, so that none of its values has a ``__dict__`` to be changed."""

    def __new__(mcs, name: str, bases: Any, namespace: dict[str, Any], **kwargs: Any) -> Any:
        namespace.setdefault("__slots__", ())
        return super().__new__(mcs, name, bases, namespace, **kwargs)

    def __dir__(cls) -> list[str]:
        """Leave out what is ours alone; ``help()`` and ``mock`` ask classes for their dunders."""
        return [name for name in super().__dir__() if name[:2] == "__" or name[0] != "_"]


_Slotted.__name__ = "type"  # what an error calls a class that was given for a value


class Frozen(PublicNames, metaclass=_Slotted):
    """The base of every value: immutable, comparable by content, hashable, picklable."""

    __slots__ = ("__weakref__", "_state")
    _state: tuple[tuple[str, ...], tuple[Any, ...]]  # wire names in schema order, and the values

    # class tables, made by __init_subclass__ from the declarations
    _kind = "Frozen"
    _fields: Mapping[str, Field[Any]] = MappingProxyType({})  # Python name -> field
    _own_fields: Mapping[str, Field[Any]] = MappingProxyType({})  # without those of its bases
    _wire: Mapping[str, Field[Any]] = MappingProxyType({})  # wire name -> field
    _required: tuple[Field[Any], ...] = ()
    _init_names = NO_NAMES  # what the constructor takes besides its **fields
    # wire names that mParticle sets itself: dropped when reading, never written
    _server_set: frozenset[str] = frozenset()
    __match_args__: tuple[
        str, ...
    ] = ()  # for match statements: what the constructor takes by place
    _has_rule = False  # whether there is one
    _rules_of_names = False  # whether _broken_rule looks only at which fields are set
    _open = False  # whether the API takes unknown names in it
    # what people write -> the name to write instead
    _misnomers: Mapping[str, str] = MappingProxyType({})
    # what older clients and examples print -> the wire name that it is read as
    _read_as: Mapping[str, str] = MappingProxyType({})
    # what a field that is missing reads as, by wire name
    _read_defaults: Mapping[str, Any] = MappingProxyType({})

    def __init_subclass__(
        cls, *, kind: str | None = None, rank: int | None = None, **kwargs: Any
    ) -> None:
        """Collect the fields that the class and its bases declare.

        ``kind`` is what tells values apart in comparisons: a subclass without one compares by
        content with its base. ``rank`` is the place of the class's first field in schema order.
        """
        super().__init_subclass__(**kwargs)
        if kind is not None:
            cls._kind = kind
        inherited: dict[str, Field[Any]] = {}
        for base in reversed(cls.__mro__[1:]):
            found = vars(base).get("_own_fields")
            inherited |= _fields_of(base) if found is None else found
        own = cls._own_fields = _fields_of(cls)
        first = len(inherited) if rank is None else rank
        for place, field in enumerate(own.values()):
            field.rank = first + place
        declared = sorted({**inherited, **own}.values(), key=attrgetter("rank"))
        cls._fields = MappingProxyType({field.name: field for field in declared})
        cls._wire = MappingProxyType({field.wire: field for field in declared})
        cls._has_rule = cls._broken_rule.__func__ is not Frozen._broken_rule.__func__  # type: ignore[attr-defined]
        cls._required = tuple(field for field in declared if field.required)
        if "__init__" in vars(cls) and declared:
            code = expand_kwargs(cls.__init__).__code__
            cls.__match_args__ = code.co_varnames[1 : code.co_argcount]  # type: ignore[misc]
            named = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
            cls._init_names = Names(named) if named else NO_NAMES

    def __init__(self, **_: Any) -> None:
        raise InvalidValue(f"{type(self).__name__} is a base class; write one of its subclasses")

    @classmethod
    def _make(cls, keys: tuple[str, ...], values: tuple[Any, ...]) -> Self:
        """Return a value of parts that are known to be valid and in order."""
        self = _new(cls)
        _set_state(self, (keys, values))
        return self

    @classmethod
    def _build(
        cls,
        where: str,
        given: Mapping[str, Any],
        names: Names = NO_NAMES,
        values: tuple[Any, ...] = (),
    ) -> Self:
        """Return a value of what the caller wrote, checked; ``where`` names the verb in errors.

        Args:
            given: values by Python name.
            names, values: more of them, before these.
        """
        state = states[cls, names, frozenset(given)](values, given)
        try:
            return cls._make(*(state or cls._said(where, {**dict(zip(names, values)), **given})))
        except InvalidBatch as error:
            # how it was found says nothing to who wrote it: each frame of ours pushes their own
            # line further up the screen
            raise error.with_traceback(None) from error.__cause__

    def _fill(self, of: type[Frozen], given: Mapping[str, Any], *values: Any) -> None:
        """Check what the caller wrote, and keep what was set: what ``__init__`` does.

        Args:
            of: the class of that ``__init__``; errors name it.
            given: its ``**fields``.
            values: the rest of what it takes, in order.
        """
        cls, names = type(self), of._init_names
        state = states[cls, names, frozenset(given)](values, given)
        try:
            said = state or cls._said(of.__name__, {**dict(zip(names, values)), **given})
            _set_state(self, said)
        except InvalidBatch as error:
            raise error.with_traceback(None) from error.__cause__

    @classmethod
    def _said(cls, where: str, given: Mapping[str, Any]) -> State:
        """Return the state of a value of what the caller wrote, or say what is wrong with it."""
        checked = cls._checked(where, given)
        wire = cls._wire
        # what is None by now is unset, or an empty container, which is the same
        set_ = {key: item for key, item in checked.items() if item is not None or wire[key].null}
        for field in cls._required:
            if field.wire not in set_:
                raise cls._missing(where, field)
        broken = cls._broken_rule(set_)
        if broken is not None:
            place, why, write = broken
            raise InvalidValue(f"{where}({place}): {why}" + (f"; write {write}" if write else ""))
        return cls._in_order(set_)

    @classmethod
    def _broken_rule(cls, set_: Mapping[str, Any]) -> tuple[str, str, str] | None:
        """Return which rule between several fields is broken: where, why, and what to write.

        ``set_`` is by wire name. Only what follows from the value itself is a rule; what a caller
        must write, the constructor says.
        """
        return None

    @classmethod
    def _unify(cls, data: Any) -> Any:
        """Return outbound data in inbound form, where the two differ in shape."""
        return data

    @classmethod
    def _is_none(cls, data: Mapping[str, Any]) -> bool:
        """Return whether what was read, without what is unset, stands for no value at all."""
        return not data

    @classmethod
    def _in_order(cls, set_: Mapping[str, Any]) -> State:
        wire = cls._wire
        ranked = sorted([(wire[key].rank, key) for key in set_])
        return tuple([key for _, key in ranked]), tuple([set_[key] for _, key in ranked])

    @classmethod
    def _assemble(cls, set_: Mapping[str, Any]) -> Self:
        """Return a value of valid parts, by wire name and in any order."""
        return cls._make(*cls._in_order(set_))

    @classmethod
    def _checked(cls, where: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return some fields by wire name, checked; None stays, to clear a field."""
        checked: dict[str, Any] = {}
        for name, value in given.items():
            field = cls._fields.get(name)
            if field is None:
                raise cls._no_field(where, name)
            if value is not None:
                try:
                    value = field.check(value)
                except CheckFailed as bad:
                    raise bad.at(where, name, value) from bad.cause
            checked[field.wire] = value
        return checked

    def _with(self, changes: Mapping[str, Any]) -> Self:
        """Return a value with these wire names changed; None takes one away.

        The changes are valid already; nothing is checked again.
        """
        keys, values = self._state
        for value in changes.values():
            if value is None:
                break
        else:
            keys, pick = merged[type(self), keys, *changes]
            return self._derive(keys, pick((*values, *changes.values())))
        both = {**dict(zip(keys, values)), **changes}
        kept = {
            key: value for key, value in both.items() if value is not None or key not in changes
        }
        return self._derive(*self._in_order(kept))

    def _derive(self, keys: tuple[str, ...], values: tuple[Any, ...]) -> Self:
        """Return a value of the same class with other fields, and with all else that it has."""
        return self._make(keys, values)

    def _get(self, wire: str) -> Any:
        """Return a field's value by wire name; an unset one reads as None."""
        keys, values = self._state
        return values[keys.index(wire)] if wire in keys else None

    @property
    def _keys(self) -> tuple[str, ...]:
        return self._state[0]

    @property
    def _values(self) -> tuple[Any, ...]:
        return self._state[1]

    def _given(self) -> dict[str, Any]:
        """Return what was set, by Python name."""
        wire = self._wire
        return {wire[key].name: value for key, value in zip(self._keys, self._values)}

    @classmethod
    def _wire_of(cls, name: object) -> str | None:
        """Return the wire name that a keyword of ours, or what people write for it, stands for."""
        if type(name) is not str:
            return None
        field = cls._fields.get(cls._called(name, cls._fields) or name)
        return None if field is None or field.wire == name else field.wire

    @classmethod
    def _no_field(cls, where: str, name: object) -> UnknownField:
        return unknown_field(where + "()", name, cls._fields, cls._called(name, cls._fields))

    @classmethod
    def _called(cls, name: object, allowed: Collection[str]) -> str | None:
        """Return our name for what others call so, if it is allowed."""
        return called(name, cls._misnomers, allowed)

    @classmethod
    def _missing(cls, where: str, field: Field[Any]) -> InvalidValue:
        error = InvalidValue(f"{where}() needs {field.name}; write {where}({field.name}=…)")
        error.field = field.name
        return error

    def __replace__(self, **changes: Any) -> Self:
        """Return a copy with these fields changed; ``copy.replace`` calls this from 3.13 on."""
        return type(self)(**{**self._given(), **changes})

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self._given().items())
        return f"{type(self).__name__}({inside})"

    def __rich_repr__(self) -> Iterator[tuple[str, Any]]:
        """Yield what rich shows, in containers that it knows how to lay out."""
        for name, value in self._given().items():
            yield name, dict(value) if isinstance(value, Mapping) else value

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print for IPython: a field a line, where they do not fit on one."""
        name = f"{type(self).__name__}("
        with printer.group(len(name), name, ")"):
            for place, (field, value) in enumerate(self.__rich_repr__()):
                if place:
                    printer.text(",")
                    printer.breakable()
                printer.text(f"{field}=")
                printer.pretty(value)

    def _content(self) -> tuple[Any, ...]:
        wire = self._wire
        return (
            self._kind,
            self._keys,
            tuple(
                frozenset(value) if wire[key].unordered else content(value)
                for key, value in zip(self._keys, self._values)
            ),
        )

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Frozen):
            return NotImplemented
        return self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._keys, self._values)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    # Hidden from type checkers: with these in sight they would accept any attribute.
    if not TYPE_CHECKING:

        def __setattr__(self, name, value):
            kind = type(self).__name__
            if name in self._fields:
                text = f"{kind} is immutable; write a new {kind}({name}=…)"
            else:
                text = f"{kind} is immutable and has no field {brief(name)}"
                meant = self._called(name, self._fields) or closest(name, self._fields)
                text += f"; did you mean {meant!r}?" if meant else ""
            raise Immutable(text)

        def __delattr__(self, name):
            self.__setattr__(name, None)

        def __setitem__(self, key, value):
            raise Immutable(f"{type(self).__name__} is immutable; write a new one")

        def __delitem__(self, key):
            self.__setitem__(key, None)

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)
            names = dir(self)
            meant = self._called(name, names) or closest(name, names)
            hint = f"; did you mean {meant!r}?" if meant else ""
            raise UnknownVerb(f"{type(self).__name__} has no attribute {brief(name)}{hint}")


_set_state = Frozen.__dict__["_state"].__set__


def _merged(key: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    cls, keys, *changed = key
    ordered, places = cls._in_order({key: place for place, key in enumerate([*keys, *changed])})
    return ordered, picker(places)


# The keys of a changed value, and what picks its values out of the old ones and the new ones, side
# by side: by class, old keys, and each key that changes.
merged = Memo(_merged)

# What checks the values of a call, and puts them into order.
states: CompiledCalls[Shape] = CompiledCalls(state_maker)


def _restore(cls: type[Frozen], keys: tuple[str, ...], values: tuple[Any, ...]) -> Frozen:
    return cls._make(keys, values)
