"""What a single value may be: one function a kind.

Each returns the value as it is kept, or raises :class:`Bad`.

The functions know neither the field nor the verb that they check for; the caller adds that.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn, TypeGuard

from .errors import InvalidTime, InvalidValue, brief, closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Instant = datetime | str | int
"""A moment: an aware datetime, an ISO 8601 string with a zone, or integer Unix milliseconds."""

Number = Decimal | int | float
"""A finite number that is sent as an exact JSON number."""

Scalar = str | int | float | Decimal | bool
"""A flat attribute value."""

INT64 = (-(2**63), 2**63 - 1)
UINT64 = (0, 2**64 - 1)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SECONDS_BELOW = 10**11
_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def is_number(
    value: object, least: float = -math.inf, most: float = math.inf
) -> TypeGuard[int | float]:
    """Return whether a setting is a number within these bounds; a bool is none.

    >>> is_number(1.5), is_number(-1, 0), is_number(True), is_number("1"), is_number(math.nan)
    (True, False, False, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return least <= value <= most


class Bad(Exception):
    """A value that does not fit, not yet told where it was written.

    ``why`` says what is allowed and ``write`` is the expression to write instead; ``key`` and
    ``value`` narrow it down to one entry of a mapping or list.
    """

    def __init__(self, why: str, write: str | None = None, *, time: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.write = write
        self.time = time
        self.path = ""
        self.value: Any = None

    def inside(self, key: object, value: object) -> Bad:
        """Return the same complaint, about the entry ``key`` of the value that was checked."""
        if not self.path:
            self.value = value
        self.path = f"[{brief(key)}]{self.path}"
        return self

    def at(self, where: str, name: str, value: object) -> InvalidValue | InvalidTime:
        """Return the error to raise: ``where(name=value): why; write name=…``."""
        label = f"{name}{self.path}"
        shown = brief(self.value if self.path else value)
        if self.time:
            text = f"{label}={shown} {self.why}"
            if self.write:
                text += f": write {name}={self.write}"
            error: InvalidValue | InvalidTime = InvalidTime(text)
        else:
            text = f"{where}({label}={shown}): {self.why}"
            if self.write:
                text += f"; write {name}={self.write}" if not self.path else f"; write {self.write}"
            error = InvalidValue(text)
        error.field = name
        return error


def text(value: Any) -> str:
    """Check a string: no lone surrogates, for they have no UTF-8."""
    if type(value) is str:
        if value.isascii():
            return value
        return _encodable(value)
    if isinstance(value, Enum) and isinstance(value.value, str):
        return text(value.value)
    if isinstance(value, str):
        return text(str.__str__(value))
    _want("a string", value, as_text(value))


def name(value: Any) -> str:
    """Check a string that names something: it must not be empty."""
    value = text(value)
    if not value:
        raise Bad("must not be empty", '"…"')
    return value  # type: ignore[no-any-return]


def identity(value: Any) -> str:
    """Check an identity: a string with something to see in it, for else it is nobody's."""
    value = text(value)
    if is_blank(value):
        raise Bad(
            "an identity must not be empty or blank; leave it out, or write Batch() for nobody"
        )
    return value  # type: ignore[no-any-return]


def identity_if_any(value: Any) -> str | None:
    """Check an identity as it is read: one that is blank is none."""
    value = text(value)
    return None if is_blank(value) else value


def is_blank(value: str) -> bool:
    r"""Return whether there is nothing to see in a string: spaces, controls and marks only.

    >>> is_blank(""), is_blank(" \t\u200b"), is_blank(" a")
    (True, True, False)
    """
    if value[:1].isalnum():  # nearly always
        return False
    import unicodedata

    return all(one.isspace() or unicodedata.category(one) in ("Cc", "Cf") for one in value)


def flag(value: Any) -> bool:
    """Check a boolean; 0, 1 and "true" are not booleans."""
    if value is True or value is False:
        return value
    _want("True or False", value, _as_flag(value))


def integer(value: Any) -> int:
    """Check a signed 64-bit integer."""
    return _integer(value, *INT64)


def unsigned(value: Any) -> int:
    """Check an unsigned 64-bit integer."""
    return _integer(value, *UINT64)


def _integer(value: Any, low: int, high: int) -> int:
    if type(value) is not int:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            _want("an integer", value, _as_integer(value))
        value = _index("an integer", value)
    if not low <= value <= high:
        raise Bad(f"does not fit 64 bits; mParticle takes {low} to {high}")
    return value  # type: ignore[no-any-return]


def number(value: Any) -> Number:
    """Check a finite number: int, float or Decimal; never a bool, a string or NaN."""
    kind = type(value)
    if kind is float:
        if value - value == 0.0:  # cheaper than math.isfinite, false for NaN and infinities
            return value  # type: ignore[no-any-return]
        raise Bad("is not a number that JSON can carry; leave the field out")
    if kind is int:
        return _integer(value, *INT64)
    if isinstance(value, Decimal):
        if not value.is_finite() or math.isinf(float(value)):
            raise Bad("is not a number that JSON can carry; leave the field out")
        return value if kind is Decimal else Decimal(value)
    if isinstance(value, float):
        return number(float(value))
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return _integer(_index("a number", value), *INT64)
    _want("a number", value, _as_number(value))


def instant(value: Any) -> int:
    """Check a moment and return it as integer Unix milliseconds."""
    if type(value) is int:
        if 0 < abs(value) < _SECONDS_BELOW:
            raise Bad(
                "looks like seconds since the epoch; mParticle wants milliseconds",
                str(value * 1000),
                time=True,
            )
        return _integer(value, *INT64)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise Bad(
                "has no time zone, so it names no moment",
                repr(value.replace(tzinfo=UTC)),
                time=True,
            )
        return (value - EPOCH) // _MILLISECOND
    if isinstance(value, str):
        return _parsed(value)
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise _no_instant(value)
    try:
        return instant(int(operator.index(value)))
    except TypeError:
        raise _no_instant(value) from None


def _parsed(value: str) -> int:
    from dateutil import parser  # loads on the first string, it is slow to import

    text(value)
    try:
        moment = parser.isoparse(value)
    except (ValueError, OverflowError):
        instead = '"2026-11-23T10:15:00Z"'
        if re.fullmatch(r"\s*-?\d{9,13}\s*", value, re.ASCII):
            digits = int(value)
            instead = str(digits * 1000 if abs(digits) < _SECONDS_BELOW else digits)
        raise Bad("is not an ISO 8601 time", instead, time=True) from None
    if moment.tzinfo is None:
        zoned = repr(f"{moment.isoformat()}Z").replace("'", '"')
        raise Bad("has no time zone, so it names no moment", zoned, time=True)
    return instant(moment)


def _no_instant(value: Any) -> Bad:
    want = f"is a {type(value).__name__}, not a datetime, an ISO 8601 string or milliseconds"
    instead = None
    if isinstance(value, float) and abs(value) < 1e15:
        instead = str(round(value * 1000) if abs(value) < _SECONDS_BELOW else round(value))
    elif isinstance(value, date):
        instead = f'"{value.isoformat()}T00:00:00Z"'
    return Bad(want, instead, time=True)


def uuid(value: Any) -> str:
    """Check a UUID: 8-4-4-4-12 hexadecimal digits in any case, or a ``uuid.UUID``."""
    if type(value) is not str:
        if type(value).__name__ == "UUID":
            value = str(value)
        if not isinstance(value, str):
            _want("a UUID", value, "str(uuid.uuid4())")
        value = text(value)
    if _UUID.fullmatch(value) is None:
        if is_blank(value):  # a made-up id would be somebody's
            raise Bad("is not a UUID (8-4-4-4-12 hexadecimal digits); leave it out")
        raise Bad("is not a UUID (8-4-4-4-12 hexadecimal digits)", "str(uuid.uuid4())")
    return value  # type: ignore[no-any-return]


def ip(value: Any) -> str:
    """Check an IPv4 or IPv6 address, as text or as an ``ipaddress`` object."""
    import ipaddress  # loads on the first address

    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        value = str(value)
    if not isinstance(value, str):
        _want("an IPv4 or IPv6 address", value, '"203.0.113.7"')
    value = text(value)
    try:
        if "%" in value:
            raise ValueError("a scoped address means nothing to another machine")
        ipaddress.ip_address(value)
    except ValueError:
        raise Bad("is not an IPv4 or IPv6 address", '"203.0.113.7"') from None
    return value  # type: ignore[no-any-return]


def choice(what: str, options: tuple[str, ...]) -> Callable[[Any], str]:
    """Return a check for one of the wire's words; ``what`` names them with their article."""
    allowed = frozenset(options)
    few = ", ".join(options[:3]) + ", …" if len(options) > 4 else ", ".join(options)

    def check(value: Any) -> str:
        if isinstance(value, Enum):
            value = value.value
        if type(value) is str and value in allowed:
            return value
        if isinstance(value, str) and str.__str__(value) in allowed:
            return str.__str__(value)
        meant = closest(value, options)
        hint = f"did you mean {meant!r}? ({few})" if meant else f"want one of {', '.join(options)}"
        raise Bad(f"{brief(value)} is not {what}; {hint}")

    check.words = allowed  # type: ignore[attr-defined] # for mpfluent.shapes
    return check


def choice_or_integer(what: str, options: tuple[str, ...]) -> Callable[[Any], str | int]:
    """Return a check for one of the wire's words or the integer that older clients send."""
    word = choice(what, options)

    def check(value: Any) -> str | int:
        return integer(value) if type(value) is int else word(value)

    return check


def scalar(value: Any) -> Scalar:
    """Check a flat attribute value: a string, a finite number or a boolean."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _encodable(value)
    if kind is bool:
        return value  # type: ignore[no-any-return]
    if kind is int or kind is float or isinstance(value, Decimal):
        return number(value)
    if isinstance(value, Enum):
        return scalar(value.value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, float):
        return number(value)
    if hasattr(value, "__index__"):
        return _integer(_index("a string, number or boolean", value), *INT64)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        raise Bad(
            f"attributes are flat: want a string, number or boolean, got {type(value).__name__}",
            "json.dumps(…)",
        )
    _want("a string, number or boolean", value, as_text(value))


def attribute(value: Any) -> Any:
    """Check a user attribute: a scalar, a list of scalars, or None for a tag."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return tuple(entries(scalar, value))
    if isinstance(value, set | frozenset):
        _want("a string, number, boolean, list or None", value, f"sorted({brief(value)})")
    if isinstance(value, Mapping):
        raise Bad(
            "attributes are flat: want a string, number, boolean, list or None, "
            f"got {type(value).__name__}",
            "json.dumps(…)",
        )
    return scalar(value)


def entries(check: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    """Check every entry of a list; a complaint names the position."""
    checked = []
    for position, value in enumerate(values):
        try:
            checked.append(check(value))
        except Bad as bad:
            raise bad.inside(position, value) from None
    return checked


def _encodable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Bad(
            "has a lone surrogate, which has no UTF-8",
            f"{brief(value)}.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')",
        ) from None
    return value


def as_text(value: Any) -> str | None:
    """Return the expression that makes text of a value, where there is an obvious one."""
    if isinstance(value, int | float | Decimal):
        return repr(str(value)) if not isinstance(value, int) or value.bit_length() < 300 else None
    if isinstance(value, bytes | bytearray):
        return f"{brief(value)}.decode()"
    if isinstance(value, datetime | date):
        return repr(value.isoformat())
    if type(value).__name__ == "UUID":
        return repr(str(value))
    return None


def _as_flag(value: Any) -> str | None:
    if isinstance(value, str):
        return {"true": "True", "false": "False"}.get(value.lower())
    if isinstance(value, int):
        return {0: "False", 1: "True"}.get(value)
    return f"bool({brief(value)})" if hasattr(value, "dtype") else None


def _as_integer(value: Any) -> str | None:
    if isinstance(value, str):
        plain = re.fullmatch(r"\s*-?\d{1,20}\s*", value, re.ASCII)
        return str(int(value)) if plain else None
    if isinstance(value, Decimal):
        return str(int(value)) if value.is_finite() and value.adjusted() < 19 else None
    finite = isinstance(value, float) and math.isfinite(value)
    return str(int(value)) if finite and abs(value) < 2**63 else None


def _index(what: str, value: Any) -> int:
    """Return the integer that a foreign one stands for, such as a NumPy scalar."""
    try:
        return int(operator.index(value))
    except TypeError:  # an array has the method, but is no integer
        _want(what, value)


def _as_number(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        plain = re.fullmatch(r"\s*[-+]?\d{1,30}(\.\d{1,30})?\s*", value)
        return f"Decimal({value.strip()!r})" if plain else None
    return f"float({brief(value)})" if hasattr(value, "__float__") else None


def _want(what: str, value: Any, write: str | None = None) -> NoReturn:
    raise Bad(f"want {what}, got {type(value).__name__}", write)
