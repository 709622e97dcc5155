"""What a single value may be: one function a kind.

Each returns the value as it is kept, or raises :class:`CheckFailed`.

The functions know neither the field nor the verb that they check for; the caller adds that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import brief, closest
from ..utils.typed import NamedTuple
from .check_failed import CheckFailed as CheckFailed
from .foreign import index, is_a, is_missing, looked_at, own
from .times import EPOCH as EPOCH
from .times import INT64 as INT64
from .times import Instant as Instant
from .times import duration as duration
from .times import fits
from .times import instant as instant

if TYPE_CHECKING:
    from collections.abc import Iterable

Number = Decimal | int | float
"""A finite number that is sent as an exact JSON number."""

Scalar = str | int | float | Decimal | bool
"""A flat attribute value."""

UINT64 = (0, 2**64 - 1)


class Validator(NamedTuple):
    """A check, and what generated code may test in its place.

    Attributes:
        check: returns a value as it is kept, or raises :class:`CheckFailed`.
        fast: an expression of ``{v}`` that is true only for what the check returns unchanged.
        words: instead of ``fast``: all that the check accepts as it is.
    """

    check: Callable[[Any], Any]
    fast: str | None = None
    words: frozenset[str] = frozenset()


@cache
def _uuid_form() -> re.Pattern[str]:
    form = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    return re.compile(form, re.ASCII)  # on the first UUID: an import does without it


def text(value: Any) -> str:
    """Check a string: no lone surrogates, for they have no UTF-8."""
    if type(value) is str:
        if value.isascii():
            return value
        return _encodable(value)
    return looked_at(_foreign_text, value)


def _foreign_text(value: Any) -> str:
    if type(value) is str:
        return text(value)
    if is_a(value, Enum) and is_a(value.value, str):
        return text(value.value)
    if is_a(value, str):
        return text(str.__str__(value))
    if is_a(value, (float, Decimal)) and not _is_finite(value):
        raise CheckFailed(f"want a string, got {type(value).__name__}; leave it out")
    _want("a string", value, as_text(value))


def name(value: Any) -> str:
    """Check a string that names something: it must not be empty."""
    value = text(value)
    if not value:
        raise CheckFailed(EMPTY, '"…"')
    return value  # type: ignore[no-any-return]


EMPTY = "must not be empty"


def identity(value: Any) -> str:
    """Check an identity: a string with something to see in it, for else it is nobody's."""
    value = value if type(value) is str else looked_at(_foreign_identity, value)
    value = text(value)
    if is_blank(value):
        raise CheckFailed(
            "an identity must not be empty or blank; leave it out, or write Batch() for nobody"
        )
    return value  # type: ignore[no-any-return]


def _foreign_identity(value: Any) -> str:
    if type(value) is bool:  # there is no user 'True'
        raise CheckFailed("want a string, got bool; leave it out")
    return text(value)


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
    return looked_at(_foreign_flag, value)


def _foreign_flag(value: Any) -> bool:
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
    return fits(value if type(value) is int else looked_at(_foreign_integer, value), low, high)


def _foreign_integer(value: Any) -> int:
    whole = index(value)
    if whole is None:
        if is_a(value, str) and is_blank(value):  # as from an empty form or cell
            raise CheckFailed(f"want an integer, got {type(value).__name__}; leave it out")
        _want("an integer", value, _as_integer(value))
    return whole


def number(value: Any) -> Number:
    """Check a finite number: int, float or Decimal; never a bool, a string or NaN."""
    kind = type(value)
    if kind is float:
        if value - value == 0.0:  # cheaper than math.isfinite, false for NaN and infinities
            return value  # type: ignore[no-any-return]
        raise CheckFailed(_NO_JSON)
    if kind is int:
        return fits(value, *INT64)
    if kind is Decimal:
        if not value.is_finite() or math.isinf(float(value)):
            raise CheckFailed(_NO_JSON)
        return value  # type: ignore[no-any-return]
    return looked_at(_foreign_number, value)


_NO_JSON = "is not a number that JSON can carry; leave the field out"


def _foreign_number(value: Any) -> Number:
    if is_a(value, Decimal):
        return number(Decimal(value))  # whatever it says of itself
    if is_a(value, float):
        return number(float.__float__(value))
    whole = index(value)
    if whole is None:
        _want("a number", value, _as_number(value))
    return number(whole)


def latitude(value: Any) -> Number:
    """Check degrees north."""
    return _degrees(value, 90, "a latitude goes from -90 to 90 degrees, and comes first")


def longitude(value: Any) -> Number:
    """Check degrees east."""
    return _degrees(value, 180, "a longitude goes from -180 to 180 degrees")


def _degrees(value: Any, most: int, why: str) -> Number:
    found = number(value)
    if not -most <= found <= most:
        raise CheckFailed(why)
    return found


def uuid(value: Any) -> str:
    """Check a UUID: 8-4-4-4-12 hexadecimal digits in any case, or a ``uuid.UUID``."""
    return _uuid(value, None)  # a made-up id would be another device's


def new_uuid(value: Any) -> str:
    """Check a UUID where a new one is as good as any, as that of a session is."""
    return _uuid(value, "str(uuid.uuid4())")


def _uuid(value: Any, new: str | None) -> str:
    if type(value) is not str:
        value = looked_at(lambda own: _foreign_uuid(own, new), value)
    if _uuid_form().fullmatch(value) is None:
        if is_blank(value):
            raise CheckFailed("is not a UUID (8-4-4-4-12 hexadecimal digits); leave it out")
        raise CheckFailed("is not a UUID (8-4-4-4-12 hexadecimal digits)", _as_uuid(value) or new)
    return value  # type: ignore[no-any-return]


def _foreign_uuid(value: Any, new: str | None) -> str:
    if type(value).__name__ == "UUID":
        value = str(value)
    if not is_a(value, str):
        _want("a UUID", value, new)
    return text(value)


def ip(value: Any) -> str:
    """Check an IPv4 or IPv6 address, as text or as an ``ipaddress`` object."""
    import ipaddress  # loads on the first address

    if type(value) is not str:
        value = looked_at(_foreign_ip, value)
    try:
        if "%" in value:
            raise ValueError("a scoped address means nothing to another machine")
        ipaddress.ip_address(value)
    except ValueError:
        raise CheckFailed("is not an IPv4 or IPv6 address", '"203.0.113.7"') from None
    return value  # type: ignore[no-any-return]


def _foreign_ip(value: Any) -> str:
    import ipaddress

    if is_a(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        value = str(value)
    if not is_a(value, str):
        _want("an IPv4 or IPv6 address", value, '"203.0.113.7"')
    return text(value)


def module(value: Any) -> str:
    """Check the number of an integration, as text or as an integer; return it as text."""
    return name(value) if type(value) is str else looked_at(_foreign_module, value)


def _foreign_module(value: Any) -> str:
    whole = index(value)
    return name(value) if whole is None else str(fits(whole, *INT64))


def choice(what: str, options: tuple[str, ...]) -> Validator:
    """Return a check for one of the wire's words; ``what`` names them with their article."""
    allowed = frozenset(options)
    few = ", ".join(options[:3]) + ", …" if len(options) > 4 else ", ".join(options)

    def check(value: Any) -> str:
        if type(value) is str and value in allowed:
            return value
        return looked_at(foreign, value)

    def foreign(value: Any) -> str:
        if is_a(value, Enum):
            value = own(value.value)
        word = str.__str__(value) if is_a(value, str) else value
        if type(word) is str and word in allowed:
            return word
        meant = closest(word, options) if type(word) is str else None
        hint = f"did you mean {meant!r}? ({few})" if meant else f"want one of {', '.join(options)}"
        raise CheckFailed(f"{brief(value)} is not {what}; {hint}")

    return Validator(check, words=allowed)


def choice_or_integer(what: str, options: tuple[str, ...]) -> Callable[[Any], str | int]:
    """Return a check for one of the wire's words or the integer that older clients send."""
    word: Callable[[Any], str] = choice(what, options).check

    def check(value: Any) -> str | int:
        if type(value) is str:
            return word(value)
        return integer(value) if type(value) is int else looked_at(foreign, value)

    def foreign(value: Any) -> str | int:
        whole = None if is_a(value, Enum) else index(value)
        return word(value) if whole is None else integer(whole)

    return check


def scalar(value: Any) -> Scalar:
    """Check a flat attribute value: a string, a finite number or a boolean."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _encodable(value)
    if kind is bool:
        return value  # type: ignore[no-any-return]
    if kind is int or kind is float or kind is Decimal:
        return number(value)
    return looked_at(_foreign_scalar, value)


_SCALARS = frozenset((str, bool, int, float, Decimal))


def _foreign_scalar(value: Any) -> Scalar:
    if type(value) in _SCALARS:
        return scalar(value)
    if is_a(value, Enum):
        return scalar(value.value)
    if is_a(value, str):
        return text(value)
    if is_a(value, (Decimal, float)):
        return number(value)
    whole = index(value)
    if whole is not None:
        return number(whole)
    if is_a(value, _CONTAINERS):
        raise CheckFailed(
            f"attributes are flat: want a string, number or boolean, got {type(value).__name__}",
            "json.dumps(…)",
        )
    _want("a string, number or boolean", value, as_text(value))


_CONTAINERS = (Mapping, list, tuple, set, frozenset)


def attribute(value: Any) -> Any:
    """Check a user attribute: a scalar, a list of scalars, or None for a tag."""
    if value is None:
        return None
    kind = type(value)
    if kind in _SCALARS:
        return scalar(value)
    if kind is tuple or kind is list:
        return tuple(entries(scalar, value))
    return looked_at(_foreign_attribute, value)


def _foreign_attribute(value: Any) -> Any:
    if value is None or is_a(value, (list, tuple)):
        return None if value is None else tuple(entries(scalar, value))
    if is_a(value, (set, frozenset)):
        _want("a string, number, boolean, list or None", value, f"sorted({brief(value)})")
    if is_a(value, Mapping):
        raise CheckFailed(
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
        except CheckFailed as bad:
            raise bad.inside(position, value) from None
    return checked


def _encodable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise CheckFailed(
            "has a lone surrogate, which has no UTF-8",
            f"{brief(value)}.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')",
        ) from None
    return value


def as_text(value: Any) -> str | None:
    """Return the expression that makes text of a value, where there is an obvious one."""
    if is_a(value, int):
        return repr(str(value)) if value.bit_length() < 300 else None
    if is_a(value, (float, Decimal)):
        if not _is_finite(value) or (is_a(value, float) and abs(value) >= 2**53):
            return None  # a float of that size may have lost digits
        # a whole number that became a float on its way, as integers do beside a NaN
        return repr(str(int(value) if abs(value) < 2**63 and value % 1 == 0 else value))
    if is_a(value, (bytes, bytearray)):
        return f"{brief(value)}.decode()"
    if is_a(value, (datetime, date)):
        return repr(value.isoformat())
    if type(value).__name__ == "UUID":
        return repr(str(value))
    return None


def _is_finite(value: Any) -> bool:
    return Decimal(value).is_finite()


def _as_flag(value: Any) -> str | None:
    if is_a(value, str):
        return {"true": "True", "false": "False"}.get(value.lower())
    if is_a(value, int):
        return {0: "False", 1: "True"}.get(value)
    return f"bool({brief(value)})" if hasattr(type(value), "dtype") else None


def _as_integer(value: Any) -> str | None:
    if is_a(value, str):
        plain = re.fullmatch(r"\s*-?\d{1,20}\s*", value, re.ASCII)
        return str(int(value)) if plain else None
    if is_a(value, (float, Decimal)) and _is_finite(value):
        # never another number: no rounding, and none that a float may have rounded before
        most = 2**53 if is_a(value, float) else 2**64
        return str(int(value)) if abs(value) < most and value % 1 == 0 else None
    return None


def _as_uuid(value: str) -> str | None:
    """Return the usual form of a UUID without hyphens, in braces, or written as a URN."""
    digits = value.strip().lower().removeprefix("urn:uuid:").strip("{}").replace("-", "")
    if re.fullmatch("[0-9a-f]{32}", digits, re.ASCII) is None:
        return None
    return repr("-".join(re.findall("(.{8})(.{4})(.{4})(.{4})(.{12})", digits)[0]))


def _as_number(value: Any) -> str | None:
    if is_a(value, bool):
        return str(int(value))
    if is_a(value, str):
        plain = re.fullmatch(r"\s*[-+]?\d{1,30}(\.\d{1,30})?\s*", value)
        return f"Decimal({value.strip()!r})" if plain else None
    return f"float({brief(value)})" if hasattr(type(value), "__float__") else None


def _want(what: str, value: Any, write: str | None = None) -> NoReturn:
    """Raise that another kind of value is wanted."""
    kind = type(value).__name__
    if is_missing(value):
        raise CheckFailed(f"want {what}, got {kind}; leave it out")
    raise CheckFailed(f"want {what}, got {kind}", write)


# A lone surrogate, which has no UTF-8, is not printable; to ask that is cheaper than to encode.
_TEXT = "type({v}) is str and ({v}.isascii() or {v}.isprintable())"
_INT64 = "type({v}) is int and -0x8000000000000000 <= {v} <= 0x7FFFFFFFFFFFFFFF"
_FLOAT = "type({v}) is float and {v} - {v} == 0.0"
_FLAG = "{v} is True or {v} is False"
FAST: dict[Callable[[Any], Any], str] = {
    text: _TEXT,
    name: _TEXT + " and {v}",
    identity: _TEXT + " and {v}[:1].isalnum()",
    flag: _FLAG,
    integer: _INT64,
    instant: "type({v}) is int and 100_000_000_000 <= {v} <= 0x7FFFFFFFFFFFFFFF",
    number: f"{_FLOAT} or {_INT64}",
    latitude: "type({v}) is float and -90.0 <= {v} <= 90.0",
    longitude: "type({v}) is float and -180.0 <= {v} <= 180.0",
    scalar: f"{_TEXT} or {_INT64} or {_FLAG} or {_FLOAT}",
}
