"""What one cell of a table says: text, a number, a flag, a moment, or nothing.

Each function takes a cell that is not missing, and returns what it says or raises
:class:`~mpfluent.values.check_failed.CheckFailed`: the row adds the place and the column.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from time import strptime
from typing import Any

from ..encoding.json import parsed
from ..errors import ConfigurationError, InvalidValue, brief, closest, one_line
from ..values import validators
from ..values.check_failed import CheckFailed
from ..values.foreign import is_a, is_missing, own, time_unit
from ..values.times import EPOCH, SECONDS_BELOW, parse_iso, plain_datetime

MISSING = frozenset(("nan", "null", "none", "n/a", "#n/a"))
"""The words that stand for a missing cell, in any case. ``NA`` is not one: it is Namibia."""

_FLAGS = {
    # 1.0 is what a column with gaps makes of 1
    **dict.fromkeys(("true", "yes", "y", "t", "on", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "n", "f", "off", "0", "0.0"), False),
}
_INTEGER = re.compile(r"([+-]?[0-9]+)(\.0*)?")
_DAY = re.compile(r"(19|20)[0-9]{2}[01][0-9][0-3][0-9](\.0)?")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LONGEST = 400  # letters of a number or a time: more are none, and take long to read


def missing(cell: Any, words: frozenset[str]) -> bool:
    """Return whether a cell is missing: None, NaN, NaT, NA, blank, or one of these words.

    Args:
        words: in lower case.
    """
    if type(cell) is str:
        return not cell or cell.strip().lower() in words or validators.is_blank(cell)
    if cell is None:
        return True
    cell = own(cell)
    if is_a(cell, str):
        return missing(str.__str__(cell), words)
    if is_a(cell, Decimal):
        return Decimal.is_nan(cell)
    if is_a(cell, float):
        return math.isnan(cell)
    return cell is None or is_missing(cell)


def plain(cell: Any) -> Any:
    """Return what a cell stands for; text and moments of any class as those of Python's own."""
    if type(cell) in _PLAIN:
        return cell
    cell = own(cell)
    if time_unit(cell) == "M":
        cell = _python_time(cell)
    if is_a(cell, datetime):
        return plain_datetime(cell)
    return str.__str__(cell) if is_a(cell, str) else cell


_PLAIN = frozenset((str, bool, int, float, Decimal))
_NO_MOMENT = "want a time between the years 1 and 9999"


def _python_time(cell: Any) -> datetime:
    """Return a moment of NumPy's as one of Python's."""
    day = "datetime64[D]"
    with suppress(OverflowError):  # which older versions of NumPy do not raise: they wrap around
        found = cell.astype("datetime64[us]")
        moment = found.item()
        if found.astype(day) == cell.astype(day) and is_a(moment, datetime):
            return moment  # type: ignore[no-any-return]
    raise CheckFailed(_NO_MOMENT)


def text(cell: Any) -> str:
    """Return text; a whole number that became a float on its way is written without ``.0``."""
    if type(cell) is str:
        return cell if cell.isascii() else validators.text(cell)
    cell = plain(cell)
    if is_a(cell, bool):
        return "true" if cell else "false"
    if is_a(cell, int):
        return int.__repr__(cell)
    if is_a(cell, (float, Decimal)):
        exact = validators.number(cell)
        whole = _whole(exact)
        return str(exact if whole is None else whole)
    if is_a(cell, (date, time)):
        return str(cell.isoformat())
    if is_a(cell, (bytes, bytearray, memoryview)):
        try:
            return bytes(cell).decode()
        except UnicodeDecodeError:
            raise CheckFailed("want bytes that are UTF-8") from None
    return str(cell) if type(cell).__name__ == "UUID" else validators.text(cell)


def attribute(cell: Any) -> Any:
    """Return a cell as an attribute holds it: times, UUIDs and bytes as text, all else as it is."""
    if type(cell) is str:
        return cell
    cell = plain(cell)
    if is_a(cell, (date, time, bytes, bytearray, memoryview)) or type(cell).__name__ == "UUID":
        return text(cell)
    return cell


def integer(cell: Any) -> int:
    """Return a whole number of 64 bits; ``123.0`` is 123."""
    if type(cell) is str and len(cell) < 19 and cell.isdigit() and cell.isascii():
        return int(cell)  # as nearly all are
    cell = plain(cell)
    if type(cell) is str:
        digits = _INTEGER.fullmatch(_short(cell, _WHOLE))
        if digits is None:
            raise CheckFailed(_WHOLE)
        return validators.integer(int(digits[1]))
    if is_a(cell, (float, Decimal)):
        cell = _whole(validators.number(cell))
        if cell is None:
            raise CheckFailed(_WHOLE)
    return validators.integer(cell)


_WHOLE = "want a whole number, such as 3"


def _whole(number: Any) -> int | None:
    """Return a finite float or Decimal as an integer; None if it has a fraction."""
    if is_a(number, float) and abs(number) >= 2**53:
        raise CheckFailed("a float of that size may have lost digits; make the column one of text")
    whole = int(number)
    return whole if whole == number else None


def number(cell: Any) -> validators.Number:
    """Return a finite number; digits that a float would round become a Decimal."""
    if type(cell) is str and len(cell) < 16 and cell.replace(".", "", 1).isdigit():
        if cell.isascii():  # as nearly all are; and a float holds fifteen digits
            return float(cell) if "." in cell else int(cell)
        raise CheckFailed(_DIGITS)
    cell = plain(cell)
    if type(cell) is not str:
        return validators.number(cell)
    digits = _digits(cell)
    if digits.lstrip("+-").isdigit():
        return validators.number(int(digits))
    near, exact = float(digits), _exact(digits)
    return validators.number(near if Decimal(repr(near)) == exact else exact)


def decimal(cell: Any) -> Decimal:
    """Return a finite number as a Decimal, digit by digit."""
    cell = plain(cell)
    found = validators.number(_exact(_digits(cell)) if type(cell) is str else cell)
    return Decimal(repr(found)) if is_a(found, float) else Decimal(found)


def _digits(cell: str) -> str:
    """Return the digits of a number, without the blanks around it."""
    digits = _short(cell, _DIGITS)
    if _NUMBER.fullmatch(digits) is None:
        raise CheckFailed(_DIGITS)
    return digits


def _exact(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except ArithmeticError:  # an exponent that is out of all bounds
        raise CheckFailed(_DIGITS) from None


_DIGITS = "want a number, such as 19.90"


def _short(cell: str, want: str) -> str:
    """Return text without the blanks around it, if a number or a time can be that long."""
    if len(cell) > _LONGEST:
        raise CheckFailed(want)
    return cell.strip()


def flag(cell: Any) -> bool:
    """Return true/false, yes/no, y/n, t/f, on/off or 1/0, in any case."""
    cell = plain(cell)
    found = None
    if type(cell) is str:
        found = _FLAGS.get(cell.strip().lower())
    elif is_a(cell, (int, float, Decimal)) and cell in (0, 1):
        found = bool(cell)
    if found is None:
        raise CheckFailed("want true/false, yes/no, y/n, t/f, on/off or 1/0")
    return found


def json(cell: Any) -> Any:
    """Return what JSON text says; what is no text, such as a list, is returned as it is."""
    cell = own(cell)
    if not is_a(cell, (str, bytes, bytearray)):
        return cell
    try:
        return parsed(cell)
    except InvalidValue as error:
        raise CheckFailed(reason_of(error)) from None


def reason_of(error: InvalidValue) -> str:
    """Return what is said of a text that is not JSON, without the name of a function."""
    return str(error).removeprefix("from_json(): ")


def moment(cell: Any, form: str | None = None, zone: tzinfo | None = None) -> datetime:
    """Return an aware moment; a date without a time is midnight.

    Args:
        form: as for ``strptime``; "s" and "ms" for seconds and milliseconds since 1970; None for
            ISO 8601.
        zone: of a time that names none.
    """
    if type(cell) is str:
        try:
            return _read(cell, form, zone)
        except TypeError:  # a zone of dateutil has no hash
            return _read.__wrapped__(cell, form, zone)
    cell = plain(cell)
    if is_a(cell, datetime):
        return _zoned(cell, zone, is_date=False)
    if is_a(cell, date):
        return _zoned(datetime(cell.year, cell.month, cell.day), zone, is_date=True)
    if is_a(cell, (int, float, Decimal)) and not is_a(cell, bool):
        if form in (None, "s", "ms"):
            return _counted(validators.number(cell), form)
        cell = text(cell)  # as 20261130 is, in a warehouse
    if type(cell) is not str:
        raise CheckFailed(f"want a time, got {type(cell).__name__}")
    return _read.__wrapped__(cell, form, zone)


@lru_cache(10_000)  # a column of times repeats itself, and strptime takes as long as all the rest
def _read(cell: str, form: str | None, zone: tzinfo | None) -> datetime:
    """Return the moment that a text says."""
    cell = _short(cell, _NO_MOMENT)
    if form in ("s", "ms"):
        return _counted(_exact(_digits(cell)), form)
    try:
        if form is None:
            found, is_date = parse_iso(cell), not re.search("[Tt ]", cell)
        else:
            found, is_date = datetime.strptime(cell, form), not re.search("%[HIcX]", form)
            if found.tzinfo is None and "%Z" in form.replace("%%", ""):
                found = found.replace(tzinfo=_zone_in(cell, form))
    except (ValueError, OverflowError):
        if form is not None:
            raise CheckFailed(f"want a time of the form {form!r}") from None
        digits = len(cell) if re.fullmatch("[0-9]+", cell) else 0
        other = {10: "s", 13: "ms"}.get(digits, "%d/%m/%Y")
        raise CheckFailed(
            f"want a time in ISO 8601, such as 2026-11-30; for another form write format={other!r}"
        ) from None
    return _zoned(found, zone, is_date=is_date)


def _zone_in(cell: str, form: str) -> tzinfo:
    """Return the zone that a text names, which ``datetime.strptime`` reads and forgets."""
    name = strptime(cell, form).tm_zone
    if name.upper() in ("UTC", "GMT"):
        return UTC
    raise CheckFailed(f"the zone {name} may be one of several; want UTC, GMT or an offset, as %z")


def _counted(value: Any, form: str | None) -> datetime:
    """Return the moment that is so many milliseconds after 1970, or seconds."""
    if form is None and 0 < abs(value) < SECONDS_BELOW:
        if _DAY.fullmatch(str(value)):  # of which "s" would make a day of 1970
            raise CheckFailed("looks like a date; write format='%Y%m%d'")
        raise CheckFailed("looks like seconds since 1970; write format='s'")
    if abs(value) > 1e15:  # which the year 9999 is not; and what is larger is slow to count with
        raise CheckFailed(_NO_MOMENT)
    try:
        return EPOCH + timedelta(milliseconds=round(value * 1000 if form == "s" else value))
    except OverflowError:
        raise CheckFailed(_NO_MOMENT) from None


def _zoned(found: datetime, zone: tzinfo | None, *, is_date: bool) -> datetime:
    """Return a time in its own zone, or else in this one; of a repeated hour the first is meant."""
    if found.utcoffset() is not None:
        return found
    if zone is None:
        raise CheckFailed("a time without a zone; write tz='Europe/London', the zone that it is in")
    local = found.replace(tzinfo=zone)
    if not is_date and not found.fold:
        before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
        if before is None or after is None or before < after:
            raise CheckFailed(f"does not exist in {zone}, where the clocks went forward")
    return local


def checked_format(where: str, form: Any) -> str | None:
    """Return the format of a column of times.

    Args:
        where: what the error names.
        form: as for ``strptime``; or "s", "ms", or None.

    Raises:
        ConfigurationError: ``strptime`` does not know it.
    """
    if form in (None, "s", "ms"):
        return form  # type: ignore[no-any-return]
    why = _fault_of(form) if type(form) is str else f"want text, got {type(form).__name__}"
    if why is None:
        return str(form)
    raise ConfigurationError(f"{where}(format={brief(form)}): {why}; write format='%d/%m/%Y'")


@lru_cache(100)
def _fault_of(form: str) -> str | None:
    """Return what is wrong with a format of ``strptime``, if anything is."""
    if "%" not in form:
        return 'want a form as for strptime, "s" or "ms"'
    has_year = re.search("%[YyGcxDF]", form.replace("%%", ""))
    # Newer Pythons warn of a form without a year. What keeps a warning back would do it in other
    # threads, too, and could stay.
    year = "" if has_year else "%Y "
    try:
        datetime.strptime("", year + form)
    except Exception as error:  # a name that comes twice is an error of re
        if "does not match" not in str(error):
            return f"not a form of strptime ({one_line(str(error).replace(year, '', 1))})"
    return None if has_year else "it has no year"


def zone_of(where: str, tz: Any) -> tzinfo | None:
    """Return a time zone by its name.

    Args:
        where: what the error names.
        tz: such as "Europe/London"; a tzinfo, and None, are returned as they are.

    Raises:
        ConfigurationError: there is none of this name.
    """
    if is_a(tz, tzinfo) and hasattr(tz, "localize"):
        tz = getattr(tz, "zone", None) or tz  # one of pytz, which must not be put into a datetime
    if tz is None or is_a(tz, tzinfo):
        return tz  # type: ignore[no-any-return]
    if not is_a(tz, str):
        raise ConfigurationError(
            f"{where}(tz={brief(tz)}): want the name of a time zone, got {type(tz).__name__}; "
            "write tz='Europe/London'"
        )
    return _named_zone(where, str.__str__(tz))


@lru_cache(100)  # for it is asked for each row
def _named_zone(where: str, tz: str) -> tzinfo:
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(tz)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        meant = closest(tz, known)
        hint = f"did you mean {meant!r}?" if meant else "write tz='Europe/London'"
        if not known:
            hint = "this machine knows none; write pip install tzdata"
        elif meant is None:
            hint += ", or pip install tzdata if it is a new one"
        raise ConfigurationError(f"{where}(tz={brief(tz)}): no such time zone; {hint}") from None
