"""What one cell of a table says: text, a number, a flag, a moment, or nothing.

Each function takes a cell that is not missing. It returns what the cell says, or raises
:class:`~mpfluent.values.check_failed.CheckFailed`: the row adds the place and the column.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from ..encoding.json import parsed
from ..errors import ConfigurationError, InvalidValue, brief
from ..values import validators
from ..values.check_failed import CheckFailed
from ..values.foreign import is_a, is_missing, own, time_unit
from ..values.times import parse_iso

MISSING = ("nan", "null", "none", "n/a", "#n/a")
"""The words that stand for a missing cell, in any case. ``NA`` is not one: it is Namibia."""

_FLAGS = {
    **dict.fromkeys(("true", "yes", "y", "t", "on", "1"), True),
    **dict.fromkeys(("false", "no", "n", "f", "off", "0"), False),
}
_INTEGER = re.compile(r"[+-]?[0-9]+(\.0*)?")  # "123.0" is what a column with gaps makes of 123
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LONGEST = 400  # letters of a number: more are not one, and take long to read


def missing(cell: Any, words: frozenset[str]) -> bool:
    """Return whether a cell is empty: None, NaN, NaT, NA, blank, or one of these words."""
    if type(cell) is str:
        if len(cell) > _LONGEST:
            return not cell.strip()
        text = cell.strip()
        return not text or text.lower() in words
    if cell is None:
        return True
    if is_a(cell, (float, Decimal)):
        return bool(cell != cell)
    return is_missing(cell) or (is_a(cell, str) and missing(str.__str__(cell), words))


def text(cell: Any) -> str:
    """Return text; a whole number that became a float on its way is written without ``.0``."""
    if type(cell) is str:
        return validators.text(cell)
    cell = own(cell)
    if is_a(cell, bool):
        return "true" if cell else "false"
    if is_a(cell, (float, Decimal)) and cell % 1 == 0 and abs(cell) < 2**53:
        return str(int(cell))
    if is_a(cell, (int, float, Decimal)):
        return str(cell)
    if is_a(cell, (datetime, date, time)):
        return str(cell.isoformat())
    if type(cell).__name__ == "UUID":
        return str(cell)
    if is_a(cell, (bytes, bytearray)):
        try:
            return bytes(cell).decode()
        except UnicodeDecodeError:
            raise CheckFailed("has bytes that are not UTF-8") from None
    return validators.text(cell)


def integer(cell: Any) -> int:
    """Return a whole number of 64 bits; ``123.0`` is 123."""
    cell = own(cell)
    if is_a(cell, str):
        digits = cell.strip()
        if len(digits) > _LONGEST or _INTEGER.fullmatch(digits) is None:
            raise CheckFailed("is not a whole number")
        cell = int(digits.partition(".")[0])
    elif is_a(cell, (float, Decimal)) and cell % 1 == 0:
        cell = int(cell)
    return validators.integer(cell)


def number(cell: Any) -> validators.Number:
    """Return a finite number; digits that a float would round become a Decimal."""
    cell = own(cell)
    if is_a(cell, str):
        exact = _decimal(cell)
        if "." not in cell and "e" not in cell.lower():
            return validators.number(int(exact))
        near = float(exact)
        return validators.number(near if Decimal(repr(near)) == exact else exact)
    return validators.number(cell)


def decimal(cell: Any) -> Decimal:
    """Return a finite number as a Decimal, digit by digit."""
    cell = own(cell)
    found = _decimal(cell) if is_a(cell, str) else validators.number(cell)
    exact = Decimal(repr(found)) if is_a(found, float) else Decimal(found)
    validators.number(exact)
    return exact


def _decimal(cell: str) -> Decimal:
    digits = cell.strip()
    if len(digits) > _LONGEST or _NUMBER.fullmatch(digits) is None:
        raise CheckFailed("is not a number (digits, with a point)")
    return Decimal(digits)


def flag(cell: Any) -> bool:
    """Return true/false, yes/no, y/n, t/f, on/off or 1/0, in any case."""
    cell = own(cell)
    if is_a(cell, bool):
        return bool(cell)
    if is_a(cell, (int, float, Decimal)) and cell in (0, 1):
        return bool(cell)
    found = _FLAGS.get(cell.strip().lower()) if is_a(cell, str) else None
    if found is None:
        raise CheckFailed("is not a flag (true/false, yes/no, y/n, t/f, on/off, 1/0)")
    return found


def json(cell: Any) -> Any:
    """Return what JSON text says; a list or a dict is returned as it is."""
    if not is_a(cell, (str, bytes, bytearray)):
        return cell
    try:
        return parsed(cell)
    except InvalidValue as error:
        raise CheckFailed(f"is {str(error).partition('from_json(): ')[2] or 'not JSON'}") from None


class Clock(NamedTuple):
    """How the times of a column are written.

    Attributes:
        format: as for ``strptime``; or "s" and "ms" for seconds and milliseconds since 1970; None
            for ISO 8601.
        zone: of a time that names none.
    """

    format: str | None
    zone: tzinfo | None


def moment(cell: Any, clock: Clock) -> datetime:
    """Return an aware moment; a date without a time is midnight."""
    if type(cell) is str:
        return _read(cell.strip(), clock)
    cell = own(cell)
    if time_unit(cell) == "M":
        cell = cell.astype("datetime64[us]").item()
    if is_a(cell, datetime):
        return _zoned(cell, clock.zone)
    if is_a(cell, date):
        return _zoned(datetime(cell.year, cell.month, cell.day), clock.zone, is_date=True)
    if is_a(cell, (int, float, Decimal)) and not is_a(cell, bool):
        return _counted(cell, clock.format)
    if is_a(cell, str):
        return _read(str.__str__(cell).strip(), clock)
    raise CheckFailed(f"is a {type(cell).__name__}, not a time")


@lru_cache(10_000)  # a column of times repeats itself, and strptime takes as long as the rest
def _read(cell: str, clock: Clock) -> datetime:
    form = clock.format
    if form in ("s", "ms"):
        return _counted(_decimal(cell), form)
    try:
        if form is not None:
            return _zoned(datetime.strptime(cell, form), clock.zone, is_date=not _has_hour(form))
        return _zoned(parse_iso(cell), clock.zone, is_date=len(cell) <= len("2026-11-30"))
    except (ValueError, OverflowError):
        form_shown = "ISO 8601; write format=…" if form is None else f"of the form {form!r}"
        raise CheckFailed(f"is not a time {form_shown}") from None


def _has_hour(form: str) -> bool:
    return any(code in form for code in ("%H", "%I", "%c", "%X"))


def _counted(value: Any, form: str | None) -> datetime:
    """Return the moment that is so long after 1970."""
    if form is None:
        if 0 < abs(value) < validators.SECONDS_BELOW:
            raise CheckFailed("looks like seconds since 1970; write format='s'")
        form = "ms"
    if form not in ("s", "ms"):
        raise CheckFailed(f"is a number, not a time of the form {form!r}")
    try:
        milliseconds = int(value * 1000 if form == "s" else value)
        return validators.EPOCH + timedelta(milliseconds=milliseconds)
    except (OverflowError, ValueError):
        raise CheckFailed("is not a time between the years 1 and 9999") from None


def _zoned(found: datetime, zone: tzinfo | None, *, is_date: bool = False) -> datetime:
    if found.utcoffset() is not None:
        return found
    if zone is None:
        raise CheckFailed("has no time zone; write tz='Europe/London', where the times are from")
    local = found.replace(tzinfo=zone)
    if not is_date and local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != found:
        raise CheckFailed(f"does not exist in {zone}: the clocks went forward")
    return local


def zone_of(where: str, tz: Any) -> tzinfo | None:
    """Return a time zone by its name.

    Args:
        where: what the error names.
        tz: such as "Europe/London"; a tzinfo is returned as it is.
    """
    if tz is None or is_a(tz, tzinfo):
        return tz  # type: ignore[no-any-return]
    if is_a(tz, str):
        import zoneinfo

        try:
            return zoneinfo.ZoneInfo(tz)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            if not zoneinfo.available_timezones():
                raise ConfigurationError(
                    f"{where}(tz={tz!r}): this machine knows no time zones; write pip install tzdata"
                ) from None
            from ..errors import closest

            meant = closest(tz, zoneinfo.available_timezones())
            hint = f"did you mean {meant!r}?" if meant else "pip install tzdata brings the newest"
            raise ConfigurationError(f"{where}(tz={tz!r}): no such time zone; {hint}") from None
    raise ConfigurationError(
        f"{where}(tz={brief(tz)}): want a time zone's name, got {type(tz).__name__}; "
        "write tz='Europe/London'"
    )


Getter = Callable[..., Any]
