"""Immutable values: what every record, event and batch is made of.

A value holds only the fields that were set, as two tuples: wire names in schema order, and the
checked values. Nothing mutable is reachable from it, a derived value shares what did not change,
and encoding is one ``dict(zip(…))``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from . import checks
from .checks import Bad
from .errors import Immutable, InvalidValue, UnknownField, UnknownVerb, closest, unknown_field
from .shapes import KNOWN, MOST_NAMES, Counter, filler, map_maker, picker
from .signatures import spelled_out

T = TypeVar("T")

_HOLLOW = frozenset(
    ("scalars", "attributes", "maps", "names", "record", "records", "records_by_name", "events")
)

_new = object.__new__


class Field(Generic[T]):
    """One declared field: its wire name, what it may hold, and how it is read.

    Records, marshmallow schemas and the encoder all derive from these declarations.

    Attributes:
        name: the Python keyword and attribute.
        wire: the name on the wire.
        kind: the key of the marshmallow field class in :mod:`mpfluent.codec`.
        check: returns the value as it is kept, or raises :class:`~mpfluent.checks.Bad`.
        of: the record class of a nested field.
        required: whether the value cannot exist without it.
        null: whether None is a value of its own and is sent as null.
        unordered: whether a list is compared without regard to order.
        hollow: whether an empty value is the same as none.
        liberal: words that are accepted when reading, on top of those of ``check``.
    """

    __slots__ = (
        "check",
        "hollow",
        "kind",
        "liberal",
        "name",
        "null",
        "of",
        "rank",
        "required",
        "unordered",
        "wire",
    )

    def __init__(
        self,
        kind: str,
        check: Callable[[Any], Any],
        *,
        wire: str = "",
        of: Any = None,
        null: bool = False,
        unordered: bool = False,
        liberal: Mapping[Any, Any] = MappingProxyType({}),
    ) -> None:
        self.kind = kind
        self.check = check
        self.wire = wire
        self.of = of
        self.null = null
        self.unordered = unordered
        self.liberal = MappingProxyType(dict(liberal))
        self.required = False
        self.name = ""
        self.rank = -1
        self.hollow = kind in _HOLLOW

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.wire = self.wire or name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Frozen, owner: type) -> T: ...
    def __get__(self, instance: Frozen | None, owner: type) -> Self | T:
        if instance is None:
            return self
        return instance._get(self.wire)  # type: ignore[no-any-return]


def required(field: Field[T | None]) -> Field[T]:
    """Return the field, marked as one that must be given."""
    field.required = True
    return field  # type: ignore[return-value]


class FrozenMap(Mapping[str, T]):
    """An immutable, hashable, picklable mapping that remembers the order it was written in.

    >>> attributes = FrozenMap({"query": "teapot"})
    >>> attributes["query"], attributes == {"query": "teapot"}
    ('teapot', True)
    """

    __slots__ = ("_state",)
    _state: tuple[tuple[str, ...], tuple[T, ...]]

    def __init__(self, items: Mapping[str, T]) -> None:
        _set_map_state(self, ((*items,), (*items.values(),)))

    @classmethod
    def _of(cls, keys: tuple[str, ...], values: tuple[Any, ...]) -> FrozenMap[Any]:
        """Return a map of parts that are known to be valid."""
        new = _new(cls)
        _set_map_state(new, (keys, values))
        return new

    @property
    def _keys(self) -> tuple[str, ...]:
        return self._state[0]

    @property
    def _values(self) -> tuple[T, ...]:
        return self._state[1]

    def __getitem__(self, key: str) -> T:
        try:
            return self._values[self._keys.index(key)]
        except ValueError:
            raise KeyError(key) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return repr(dict(zip(self._keys, self._values)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        # entry by entry, so that what a test puts in for a value can have its own idea of equal
        return len(self._keys) == len(other) and all(
            key in other and content(value) == content(other[key])
            for key, value in zip(self._keys, self._values)
        )

    def __hash__(self) -> int:
        return hash(content(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenMap, (dict(zip(self._keys, self._values)),)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    if not TYPE_CHECKING:

        def __setattr__(self, name, value):
            raise Immutable("attributes are immutable; make a new dict and a new value with it")

        def __delattr__(self, name):
            self.__setattr__(name, None)

        def __setitem__(self, key, value):
            raise Immutable(
                "attributes are immutable; write attributes = {**attributes, "
                f"{key!r}: …}} and make a new value with them"
            )

        def __delitem__(self, key):
            self.__setitem__(key, None)


_set_map_state = FrozenMap.__dict__["_state"].__set__


class Frozen:
    """The base of every value: immutable, comparable by content, hashable, picklable."""

    __slots__ = ("__weakref__", "_state")
    _state: tuple[tuple[str, ...], tuple[Any, ...]]  # wire names in schema order, and the values

    # class tables, made by __init_subclass__ from the declarations
    _kind = "Frozen"
    _fields: Mapping[str, Field[Any]] = MappingProxyType({})  # Python name -> field
    _wire: Mapping[str, Field[Any]] = MappingProxyType({})  # wire name -> field
    _required: tuple[Field[Any], ...] = ()
    # wire names that mParticle sets itself: dropped when reading, never written
    _server_set: frozenset[str] = frozenset()
    _rules_of_names = False  # whether _verify looks only at which fields are set
    _open = False  # whether the API takes unknown names in it
    # names of the wire or of other clients that are not ours -> ours
    _misnomers: Mapping[str, str] = MappingProxyType({})
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
        inherited = {
            name: field
            for base in reversed(cls.__mro__[1:])
            for name, field in vars(base).items()
            if isinstance(field, Field)
        }
        own = {name: field for name, field in vars(cls).items() if isinstance(field, Field)}
        first = len(inherited) if rank is None else rank
        for place, field in enumerate(own.values()):
            field.rank = first + place
        declared = sorted({**inherited, **own}.values(), key=lambda field: field.rank)
        cls._fields = MappingProxyType({field.name: field for field in declared})
        cls._wire = MappingProxyType({field.wire: field for field in declared})
        cls._required = tuple(field for field in declared if field.required)
        if "__init__" in vars(cls):
            spelled_out(cls.__init__)
        cls._fill = _filler(cls)  # type: ignore[assignment,method-assign]
        cls._with = _changer(cls)  # type: ignore[assignment,method-assign]

    @classmethod
    def _make(cls, keys: tuple[str, ...], values: tuple[Any, ...]) -> Self:
        """Return a value of parts that are known to be valid and in order."""
        self = _new(cls)
        _set_state(self, (keys, values))
        return self

    @classmethod
    def _build(cls, where: str, given: Mapping[str, Any]) -> Self:
        """Return a value of what the caller wrote, checked; ``where`` names the verb in errors."""
        self = _new(cls)
        self._fill(where, given)
        return self

    def _fill(self, where: str, given: Mapping[str, Any]) -> None:
        """Check what the caller wrote and keep what was set; each class has its own of these."""
        raise TypeError(f"{where} is abstract")

    @classmethod
    def _verify(cls, where: str, set_: dict[str, Any]) -> None:
        """Check the rules that concern several fields at once; ``set_`` is by wire name."""

    @classmethod
    def _unify(cls, data: Any) -> Any:
        """Return outbound data in inbound form, where the two differ in shape."""
        return data

    @classmethod
    def _in_order(cls, set_: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
        wire = cls._wire
        ranked = sorted([(wire[key].rank, key) for key in set_])
        return [key for _, key in ranked], [set_[key] for _, key in ranked]

    @classmethod
    def _assemble(cls, set_: Mapping[str, Any]) -> Self:
        """Return a value of valid parts, by wire name and in any order."""
        keys, values = cls._in_order(set_)
        return cls._make(tuple(keys), tuple(values))

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
                except Bad as bad:
                    raise bad.at(where, name, value) from None
            checked[field.wire] = value
        return checked

    def _with(self, changes: Mapping[str, Any]) -> Self:
        """Return a value with these wire names changed; None takes one away.

        The changes are valid already; nothing is checked again. Each class has its own of these.
        """
        raise TypeError(f"{type(self).__name__} is abstract")

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
    def _no_field(cls, where: str, name: object) -> UnknownField:
        return unknown_field(where + "()", name, cls._fields, cls._misnomers.get(str(name)))

    @classmethod
    def _missing(cls, where: str, field: Field[Any]) -> InvalidValue:
        error = InvalidValue(f"{where}() needs {field.name}; write {where}({field.name}=…)")
        error.field = field.name
        return error

    def __replace__(self, **changes: Any) -> Self:
        """Return a copy with these fields changed; ``copy.replace`` calls this from 3.13 on."""
        return self._build(type(self).__name__, {**self._given(), **changes})

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self._given().items())
        return f"{type(self).__name__}({inside})"

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
                text = f"{kind} is immutable and has no field {name!r}"
                meant = closest(name, self._fields)
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
            meant = self._misnomers.get(name) or closest(name, self._fields)
            hint = f"; did you mean {meant!r}?" if meant else ""
            raise UnknownVerb(f"{type(self).__name__} has no attribute {name!r}{hint}")


_set_state = Frozen.__dict__["_state"].__set__


def _filler(cls: type[Frozen]) -> Callable[[Any, str, Mapping[str, Any]], None]:
    """Return the method that checks what a caller writes: ``_fill`` of this class."""
    table = dict(cls._fields)
    rules = cls._verify if cls._verify.__func__ is not Frozen._verify.__func__ else None  # type: ignore[attr-defined]
    shapes: dict[tuple[str, ...], Callable[[Any, Mapping[str, Any]], bool]] = {}
    counter = Counter()

    def fill(self: Any, where: str, given: Mapping[str, Any]) -> None:
        shape = shapes.get((*given,))
        if shape is not None:
            try:
                filled = shape(self, given)
            except Bad:
                filled = False
            if filled:
                if rules is not None and not cls._rules_of_names:
                    rules(where, dict(zip(*self._state)))
                return
        careful(self, where, given)

    def careful(self: Any, where: str, given: Mapping[str, Any]) -> None:
        set_: dict[str, Any] = {}
        for name, value in given.items():
            field = table.get(name)
            if field is None:
                raise cls._no_field(where, name)
            if value is not None:
                try:
                    value = field.check(value)
                except Bad as bad:
                    raise bad.at(where, name, value) from None
                if value is None:  # an empty container is the same as none
                    continue
            elif not field.null:
                continue
            set_[field.wire] = value
        keys, values = cls._in_order(set_)
        for field in cls._required:
            if field.wire not in set_:
                raise cls._missing(where, field)
        if rules is not None:
            rules(where, set_)
        if len(set_) == len(given) and counter.comes_back(tuple(given)):
            shapes[tuple(given)] = filler([table[name] for name in given], _set_state)
        _set_state(self, (tuple(keys), tuple(values)))

    return fill


def _changer(cls: type[Frozen]) -> Callable[[Any, Mapping[str, Any]], Any]:
    """Return the method that derives a changed value: ``_with`` of this class."""
    plans: dict[tuple[Any, ...], tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]] = {}

    def with_(self: Any, changes: Mapping[str, Any]) -> Any:
        keys, values = self._state
        for value in changes.values():
            if value is None:
                break
        else:
            keys, pick = plans.get((keys, *changes)) or planned(keys, tuple(changes))
            return self._derive(keys, pick((*values, *changes.values())))
        merged = {**dict(zip(keys, values)), **changes}
        kept = {
            key: value for key, value in merged.items() if value is not None or key not in changes
        }
        ordered, values = cls._in_order(kept)
        return self._derive(tuple(ordered), tuple(values))

    def planned(
        keys: tuple[str, ...], changed: tuple[str, ...]
    ) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
        """Work out which of the old values and the new ones, laid side by side, are kept."""
        ordered, places = cls._in_order({key: place for place, key in enumerate(keys + changed)})
        plan = tuple(ordered), picker(places)
        if len(plans) < KNOWN:
            plans[keys, *changed] = plan
        return plan

    return with_


def _restore(cls: type[Frozen], keys: tuple[str, ...], values: tuple[Any, ...]) -> Frozen:
    return cls._make(keys, values)


def content(value: Any) -> Any:
    """Return the value in a form in which equal on the wire is equal in Python.

    >>> from decimal import Decimal
    >>> content(19.99) == content(Decimal("19.99")), content(True) == content(1)
    (True, False)
    """
    kind = type(value)
    if kind is float:
        return Decimal(repr(value))
    if kind is bool:
        return (bool, value)
    if isinstance(value, tuple | list):
        return tuple(map(content, value))
    if isinstance(value, Mapping):
        return frozenset((key, content(entry)) for key, entry in value.items())
    return value


# What a field may hold: one function a kind of declaration.


def text() -> Field[str | None]:
    """Declare a string; the wire takes any scalar or null in its place."""
    return Field("text", checks.text)


def string(**options: Any) -> Field[str | None]:
    """Declare a string where the wire takes nothing else."""
    return Field("string", checks.text, **options)


def name() -> Field[str | None]:
    """Declare a string that must not be empty."""
    return Field("string", checks.name)


def uuid() -> Field[str | None]:
    """Declare a UUID in text form."""
    return Field("uuid", checks.uuid)


def ip() -> Field[str | None]:
    """Declare an IPv4 or IPv6 address."""
    return Field("ip", checks.ip)


def flag() -> Field[bool | None]:
    """Declare a boolean."""
    return Field("flag", checks.flag)


def integer(*, unsigned: bool = False) -> Field[int | None]:
    """Declare a 64-bit integer."""
    return Field("integer", checks.unsigned if unsigned else checks.integer)


def number() -> Field[checks.Number | None]:
    """Declare a finite number."""
    return Field("number", checks.number)


def instant(*, wire: str = "") -> Field[int | None]:
    """Declare a moment, kept as Unix milliseconds."""
    return Field("instant", checks.instant, wire=wire)


def choice(what: str, options: tuple[str, ...], **more: Any) -> Field[Any]:
    """Declare one of the wire's words; ``what`` names them with their article."""
    return Field("choice", checks.choice(what, options), **more)


def scalars(*, wire: str = "") -> Field[FrozenMap[checks.Scalar] | None]:
    """Declare a map of names to flat values; an entry that is None is left out."""
    return Field("scalars", mapping(checks.scalar), wire=wire)


def strings() -> Field[FrozenMap[str] | None]:
    """Declare a map of names to strings."""
    return Field("scalars", mapping(checks.text))


def attributes() -> Field[FrozenMap[Any] | None]:
    """Declare a map of user attributes; an entry that is None is a tag and is sent."""
    return Field("attributes", mapping(checks.attribute, null=True))


def attribute() -> Field[Any]:
    """Declare one user attribute's value, None included."""
    return Field("attribute", checks.attribute, null=True)


def maps_of_scalars() -> Field[FrozenMap[FrozenMap[checks.Scalar]] | None]:
    """Declare a map of names to maps of flat values."""
    return Field("maps", mapping(mapping(checks.scalar)))


def record(of: type[Any], *, null: bool = False) -> Field[Any]:
    """Declare a nested record."""
    return Field("record", an(of), of=of, null=null)


def records(of: type[Any], *, keep_empty: bool = False) -> Field[Any]:
    """Declare a list of records; an empty one is none, unless the wire wants it."""
    return Field("records", many(of, keep_empty=keep_empty), of=of)


def names() -> Field[tuple[str, ...] | None]:
    """Declare a list of names in which neither order nor repetition matters."""

    def checked(value: Any) -> tuple[str, ...] | None:
        if not isinstance(value, list | tuple | set | frozenset):
            raise Bad(f"want a list of names, got {type(value).__name__}", f"[{value!r}]")
        listed = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return tuple(dict.fromkeys(checks.entries(checks.name, listed))) or None

    return Field("names", checked, unordered=True)


def records_by_name(of: type[Any]) -> Field[Any]:
    """Declare a map of names to records."""
    return Field("records_by_name", mapping(an(of)), of=of)


def mapping(check: Callable[[Any], Any], *, null: bool = False) -> Callable[[Any], Any]:
    """Return a check for a map of names to what ``check`` accepts; an empty one is none."""
    flat = check is checks.scalar or check is checks.attribute

    def checked(value: Any) -> FrozenMap[Any] | None:
        # copied first, for another thread may change the caller's own between check and use
        if type(value) is dict:
            items = value.copy()
        elif isinstance(value, Mapping):
            items = dict(value)
        else:
            raise Bad(f"want a dict, got {type(value).__name__}")
        make = _makers.get((*items,)) if flat else None
        if make is not None:
            usual = make(_new(FrozenMap), items)
            if usual is not None:
                return usual  # type: ignore[no-any-return]
        kept: dict[str, Any] = {}
        for key, entry in items.items():
            try:
                key = checks.name(key)
            except Bad as bad:
                raise Bad(f"names must be strings: {bad.why}").inside(key, key) from None
            if entry is None and not null:
                continue
            try:
                entry = check(entry)
            except Bad as bad:
                raise bad.inside(key, entry) from None
            if entry is not None or null:
                kept[key] = entry
        if not kept:
            return None
        if flat and len(kept) < MOST_NAMES and _counter.comes_back(tuple(kept)):
            _makers[tuple(kept)] = map_maker(tuple(kept), _set_map_state)
        return FrozenMap(kept)

    return checked


# A call site writes the same attribute names every time: code for those that come back.
_makers: dict[tuple[str, ...], Callable[[Any, Mapping[str, Any]], Any]] = {}
_counter = Counter()


def an(of: type[Any]) -> Callable[[Any], Any]:
    """Return a check for one record of this class; one without fields is none."""

    def checked(value: Any) -> Any:
        if not isinstance(value, of):
            want = f"want {_article(of.__name__)}, got {type(value).__name__}"
            raise Bad(want, f"{of.__name__}(…)")
        return value if value._keys else None

    return checked


def many(of: type[Any], *, keep_empty: bool = False) -> Callable[[Any], Any]:
    """Return a check for a list of records of this class."""

    def one(value: Any) -> Any:
        if not isinstance(value, of):
            want = f"want {_article(of.__name__)}, got {type(value).__name__}"
            shown = f"{of.__name__}({value!r})" if isinstance(value, str) else f"{of.__name__}(…)"
            raise Bad(want, shown)
        return value

    def checked(value: Any) -> Any:
        if type(value) is tuple:
            for item in value:
                if type(item) is not of:
                    break
            else:
                return value if value or keep_empty else None
        if isinstance(value, of) or not isinstance(value, list | tuple):
            raise Bad(
                f"want a list of {of.__name__} values, got {type(value).__name__}",
                f"[{of.__name__}(…)]",
            )
        found = tuple(checks.entries(one, value))
        return found if found or keep_empty else None

    return checked


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'AEIOU' else 'a'} {noun}"
