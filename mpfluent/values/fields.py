"""Declarations: what a field is called on the wire, what it may hold, how it is read.

Records, marshmallow schemas and the encoder all derive from these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Never, Self, TypeVar, get_args, overload

from ..errors import brief
from . import validators
from .code_cache import Memo, NamesMemo
from .codegen import map_maker
from .foreign import is_a, looked_at
from .frozen_map import ESCAPED, FrozenMap, frozen_map, size_of
from .kinds import KINDS
from .validators import FAST, CheckFailed, Validator

T = TypeVar("T")

_FAST = {check: Validator(check, fast) for check, fast in FAST.items()}


class Field(Generic[T]):
    """One declared field.

    Attributes:
        name: the Python keyword and attribute.
        wire: the name on the wire.
        kind: its row of the table in :mod:`mpfluent.values.kinds`; declarations write its name.
        check: returns the value as it is kept, or raises ``CheckFailed``.
        validator: the check, and what generated code may test in its place.
        of: the record class of a nested field.
        required: whether the value cannot exist without it.
        null: whether None is a value of its own and is sent as null.
        unordered: whether a list is compared without regard to order.
        hollow: whether an empty value is the same as none.
        read: a check for reading instead of ``check``, where more is read than may be written.
        liberal: words that are accepted when reading, on top of those of ``check``.
        read_without: whether reading does without it, though it is required.
        partly: whether an entry that a map cannot hold is left out with ``unknown="ignore"``.
        verb: the verb of a batch that sets it, if there is one.
    """

    __slots__ = (
        "check",
        "hollow",
        "kind",
        "liberal",
        "name",
        "null",
        "of",
        "partly",
        "rank",
        "read",
        "read_without",
        "required",
        "unordered",
        "validator",
        "verb",
        "wire",
    )

    def __init__(
        self,
        kind: str,
        check: Callable[[Any], Any] | Validator,
        *,
        wire: str = "",
        of: Any = None,
        null: bool = False,
        unordered: bool = False,
        read: Callable[[Any], Any] | None = None,
        liberal: Mapping[Any, Any] = MappingProxyType({}),
        partly: bool = False,
    ) -> None:
        self.kind = KINDS[kind]
        self.validator = (
            check if isinstance(check, Validator) else _FAST.get(check) or Validator(check)
        )
        self.check = self.validator.check
        self.wire = wire
        self.of = of
        self.null = null
        self.unordered = unordered
        self.read = read
        self.liberal = MappingProxyType(dict(liberal))
        self.partly = partly
        self.required = False
        self.read_without = False
        self.name = ""
        self.rank = -1
        self.verb: str | None = None
        self.hollow = self.kind.empty_is_unset

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.wire = self.wire or name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Any, owner: type) -> T: ...
    def __get__(self, instance: Any | None, owner: type) -> Self | T:
        if instance is None:
            return self
        return instance._get(self.wire)  # type: ignore[no-any-return]

    if TYPE_CHECKING:  # for type checkers; where it runs, Frozen.__setattr__ says it

        def __set__(self, instance: Any, value: Never) -> None: ...


def required(field: Field[T | None]) -> Field[T]:
    """Return the field, marked as one that must be given."""
    field.required = True
    return field  # type: ignore[return-value]


def required_when_written(field: Field[T]) -> Field[T]:
    """Return the field, marked as one that must be given, but may be missing in what is read."""
    field.required = field.read_without = True
    return field


def set_by(verb: str, field: Field[T]) -> Field[T]:
    """Return the field, marked with the verb that sets it in a batch."""
    field.verb = verb
    return field


# What a field may hold: one function a kind of declaration.


def text() -> Field[str | None]:
    """Declare a string; the wire takes any scalar or null in its place."""
    return Field("text", validators.text)


def identity() -> Field[str | None]:
    """Declare what a user or a device is known by; blank, it reads as unset."""
    return Field("text", validators.identity, read=validators.identity_if_any)


def string(**options: Any) -> Field[str | None]:
    """Declare a string where the wire takes nothing else."""
    return Field("string", validators.text, **options)


def name(*, read: Callable[[Any], Any] | None = None) -> Field[str | None]:
    """Declare a string that must not be empty."""
    return Field("string", validators.name, read=read)


def word() -> Field[str | None]:
    """Declare an id in text form, which says nothing when it is empty."""
    return Field("text", validators.name)


def uuid(*, new: bool = False) -> Field[str | None]:
    """Declare a UUID in text form; ``new`` says that a new one is as good as any."""
    return Field("uuid", validators.new_uuid if new else validators.uuid)


def ip() -> Field[str | None]:
    """Declare an IPv4 or IPv6 address."""
    return Field("ip", validators.ip)


def flag() -> Field[bool | None]:
    """Declare a boolean."""
    return Field("flag", validators.flag)


def integer(*, unsigned: bool = False) -> Field[int | None]:
    """Declare a 64-bit integer."""
    return Field("integer", validators.unsigned if unsigned else validators.integer)


def number() -> Field[validators.Number | None]:
    """Declare a finite number."""
    return Field("number", validators.number)


def degrees(check: Callable[[Any], validators.Number]) -> Field[validators.Number | None]:
    """Declare degrees within the check's bounds; what is read may be beyond them."""
    return Field("number", check, read=validators.number)


def instant(*, wire: str = "") -> Field[int | None]:
    """Declare a moment, kept as Unix milliseconds."""
    return Field("instant", validators.instant, wire=wire, read=validators.integer)


def choice(what: str, words: Any, **more: Any) -> Field[Any]:
    """Declare one of a ``Literal``'s words; ``what`` names them with their article."""
    return Field("choice", validators.choice(what, get_args(words)), **more)


def scalars(*, wire: str = "", partly: bool = False) -> Field[FrozenMap[validators.Scalar] | None]:
    """Declare a map of names to flat values; an entry that is None is left out."""
    return Field("scalars", mapping(validators.scalar), wire=wire, partly=partly)


def strings() -> Field[FrozenMap[str] | None]:
    """Declare a map of names to strings."""
    return Field("strings", mapping(validators.text))


def identities() -> Field[FrozenMap[str] | None]:
    """Declare a map of names to identities."""
    return Field("strings", mapping(validators.identity), read=mapping(validators.identity_if_any))


def attributes() -> Field[FrozenMap[Any] | None]:
    """Declare a map of user attributes; an entry that is None is a tag and is sent."""
    return Field("attributes", mapping(validators.attribute, null=True))


def attribute() -> Field[Any]:
    """Declare one user attribute's value, None included."""
    return Field("attribute", validators.attribute, null=True)


def maps_of_scalars() -> Field[FrozenMap[FrozenMap[validators.Scalar]] | None]:
    """Declare a map of names to maps of flat values."""
    return Field("maps", mapping(mapping(validators.scalar)))


def record(of: type[T]) -> Field[T | None]:
    """Declare a nested record."""
    return Field("record", an(of), of=of)


def record_or_null(of: type[T]) -> Field[T | None]:
    """Declare a nested record that must be given, though it may be null."""
    field = Field[T | None]("record", an(of), of=of, null=True)
    required(field)
    return field


def records(of: type[T], *, keep_empty: bool = False) -> Field[tuple[T, ...] | None]:
    """Declare a list of records; an empty one is none, unless the wire wants it."""
    return Field("records", many(of, keep_empty=keep_empty), of=of)


def events(of: type[T]) -> Field[tuple[T, ...] | None]:
    """Declare a list of events, each of which has a wrapper on the wire."""
    return Field("events", many(of), of=of)


def names() -> Field[tuple[str, ...] | None]:
    """Declare a list of names in which neither order nor repetition matters."""

    def checked(value: Any) -> tuple[str, ...] | None:
        return tuple(dict.fromkeys(looked_at(_names, value))) or None

    return Field("names", checked, unordered=True)


def _names(value: Any) -> list[str]:
    if not is_a(value, (list, tuple, set, frozenset)):
        raise CheckFailed(f"want a list of names, got {type(value).__name__}", f"[{brief(value)}]")
    listed = sorted(value, key=str) if is_a(value, (set, frozenset)) else value
    return validators.entries(_one_name, listed)


def _one_name(value: Any) -> str:
    if is_a(value, (list, tuple)):
        raise CheckFailed(f"want a string, got {type(value).__name__}", "*names, with the star")
    return validators.name(value)


def records_by_name(of: type[T]) -> Field[FrozenMap[T] | None]:
    """Declare a map of names to records."""
    return Field("records_by_name", mapping(an(of)), of=of)


@cache
def mapping(check: Callable[[Any], Any], *, null: bool = False) -> Callable[[Any], Any]:
    """Return a check for a map of names to what ``check`` accepts; an empty one is none."""
    is_flat = check in (validators.scalar, validators.attribute)
    by_size: Memo[int, Callable[..., Any]] = Memo(lambda size: map_maker(size, check))

    def maker(names: tuple[Any, ...]) -> tuple[tuple[str, ...], Callable[..., Any]] | None:
        if not (is_flat and names):
            return None
        for name in names:
            if type(name) is not str or not name:
                return None
        size = size_of(names)
        return None if size == ESCAPED else (names, by_size[size])

    # all maps of the same names share one tuple, which later look-ups find without comparing them
    makers = NamesMemo(maker)

    def checked(value: Any) -> FrozenMap[Any] | None:
        # copied first, for another thread may change the caller's own between check and use
        items = value.copy() if type(value) is dict else looked_at(entries_of, value)
        found = makers[(*items,)]
        if found is not None:
            names, make = found
            made: FrozenMap[Any] | None = make(names, items.values())
            if made is not None:
                return made
        kept = one_by_one(items)
        return frozen_map(kept) if kept else None

    def one_by_one(items: dict[Any, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, entry in items.items():
            key = entry_name(key, entry)
            try:
                entry = None if entry is None else check(entry)
            except CheckFailed as bad:
                raise bad.inside(key, entry) from None
            if entry is not None or null:
                kept[key] = entry
        return kept

    return checked


def entries_of(value: Any) -> dict[Any, Any]:
    """Return a copy of a map's entries."""
    if is_a(value, Mapping):
        return dict(value.items())
    raise CheckFailed(f"want a dict, got {type(value).__name__}", "{'name': value}")


def entry_name(key: Any, entry: Any) -> str:
    """Check the name of a map's entry; a complaint names the entry."""
    try:
        return validators.name(key)
    except CheckFailed as bad:
        if bad.why.startswith("want"):
            why, write = f"names are strings, got {type(key).__name__}", bad.write
        elif bad.why == validators.EMPTY:
            why, write = "a name must not be empty", None
        else:
            why, write = f"the name {bad.why}", bad.write
        raise CheckFailed(why, write, cause=bad.cause).inside(key, entry) from None


def an(of: type[Any]) -> Callable[[Any], Any]:
    """Return a check for one record of this class; one without fields is none."""

    def checked(value: Any) -> Any:
        if type(value) is not of:
            value = looked_at(one, value)
        return value if value._keys else None

    def one(value: Any) -> Any:
        if not is_a(value, of):
            want = f"want {_article(of.__name__)}, got {type(value).__name__}"
            raise CheckFailed(want, f"{of.__name__}(…)")
        return value

    return checked


def many(of: type[Any], *, keep_empty: bool = False) -> Callable[[Any], Any]:
    """Return a check for a list of records of this class."""

    def checked(value: Any) -> Any:
        if type(value) is tuple:
            for item in value:
                if type(item) is not of:
                    break
            else:
                return value if value or keep_empty else None
        found = looked_at(several, value)
        return found if found or keep_empty else None

    def several(value: Any) -> tuple[Any, ...]:
        if not is_a(value, (list, tuple)):
            raise CheckFailed(
                f"want a list of {of.__name__} values, got {type(value).__name__}",
                f"[{of.__name__}(…)]",
            )
        return tuple(validators.entries(partial(looked_at, one), value))

    def one(value: Any) -> Any:
        if not is_a(value, of):
            want = f"want {_article(of.__name__)}, got {type(value).__name__}"
            shown = f"{of.__name__}(…)"
            if is_a(value, str):
                shown = f"{of.__name__}({value!r})"
            elif is_a(value, (list, tuple)):
                shown = f"*{of.__name__.lower()}s, with the star"
            raise CheckFailed(want, shown)
        return value

    return checked


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'AEIO' else 'a'} {noun}"
