"""Moments and lengths of time: what is written for them, as whole milliseconds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from .check_failed import CheckFailed
from .foreign import index, is_a, is_missing, looked_at, time_unit

Instant = datetime | str | int
"""A moment: an aware datetime, an ISO 8601 string with a zone, or integer Unix milliseconds."""

INT64 = (-(2**63), 2**63 - 1)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
SECONDS_BELOW = 10**11
_NO_ZONE = "has no time zone, so it names no moment"
# The form of an ISO 8601 time: older versions of dateutil read spaces, signs and underscores among
# the digits, and one digit for two.
_ISO = (
    r"\d{4}(?:-?(?:\d\d(?:-?\d\d)?|\d{3}|W\d\d(?:-?\d)?))?"
    r"(?:[Tt ]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?(?:[Zz]|[+-]\d\d(?::?[0-5]\d)?)?)?"
)


def fits(value: int, low: int, high: int) -> int:
    """Return an integer that fits 64 bits."""
    if not low <= value <= high:
        raise CheckFailed(f"does not fit 64 bits; mParticle takes {low} to {high}")
    return value


def instant(value: Any) -> int:
    """Check a moment and return it as integer Unix milliseconds."""
    kind = type(value)
    if kind is int:
        if 0 < abs(value) < SECONDS_BELOW:
            raise CheckFailed(
                "looks like seconds since the epoch; mParticle wants milliseconds",
                str(value * 1000),
                time=True,
            )
        return fits(value, *INT64)
    if kind is datetime:
        try:
            return (value - EPOCH) // _MILLISECOND  # type: ignore[no-any-return]
        except Exception:  # without a zone, or whatever the code of one raises
            return looked_at(_zoned, value, time=True)
    if kind is str:
        return _parsed(value)
    return looked_at(_foreign, value, time=True)


def _foreign(value: Any) -> int:
    if type(value) in (int, str):
        return instant(value)
    if is_missing(value):
        raise CheckFailed("is not a moment; leave it out", time=True)
    if is_a(value, datetime):
        return _zoned(value)
    if is_a(value, str):
        return _parsed(str.__str__(value))
    if time_unit(value) == "M":
        raise CheckFailed(_NO_ZONE, f'"{value.astype("datetime64[ms]")}Z"', time=True)
    whole = index(value)
    if whole is None:
        raise _no_instant(value)
    return instant(whole)


def _zoned(value: Any) -> int:
    """Return a datetime of any class as milliseconds; complain about one without a zone."""
    plain = plain_datetime(value)
    if plain.utcoffset() is None:
        raise CheckFailed(
            f"{_NO_ZONE}; for the current time use datetime.now(timezone.utc), for a local time",
            f"{plain.replace(tzinfo=None)!r}.astimezone()",
            time=True,
        )
    return (plain - EPOCH) // _MILLISECOND


def plain_datetime(value: Any) -> datetime:
    """Return a datetime of any class as one of Python's own.

    It is copied part by part, since a class of another library has its own idea of a difference.
    """
    return datetime(
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        value.tzinfo,
        fold=value.fold,
    )


@cache
def _iso() -> re.Pattern[str]:
    return re.compile(_ISO, re.ASCII)  # on the first string: an import does without it


@cache
def _isoparser() -> Callable[[str], datetime]:
    """Return a parser that takes T alone before the hour, for by itself it takes digits, too."""
    from dateutil.parser import isoparser  # loads on the first string, it is slow to import

    return isoparser("T").isoparse


def parse_iso(value: str) -> datetime:
    """Return the moment of an ISO 8601 time; without a zone, if it names none.

    Raises:
        ValueError: it is none. An OverflowError says that the time is beyond the year 9999.
    """
    if _iso().fullmatch(value) is None:
        raise ValueError(value)
    value = value.replace(" ", "T").replace("t", "T")
    if value[4:8:3] == "--":  # a day of a month: Python reads it, many times as fast
        with suppress(ValueError):  # it knows no 24:00
            return datetime.fromisoformat(value)
    return _isoparser()(value)


def _parsed(value: str) -> int:
    try:
        moment = parse_iso(value)
    except (ValueError, OverflowError):
        instead = '"2026-11-23T10:15:00Z"'
        if re.fullmatch(r"\s*-?\d{9,13}\s*", value, re.ASCII):
            digits = int(value)
            instead = str(digits * 1000 if abs(digits) < SECONDS_BELOW else digits)
        raise CheckFailed("is not an ISO 8601 time", instead, time=True) from None
    if moment.tzinfo is None:
        zoned = repr(f"{moment.isoformat()}Z").replace("'", '"')
        raise CheckFailed(_NO_ZONE, zoned, time=True)
    return instant(moment)


def _no_instant(value: Any) -> CheckFailed:
    want = f"is a {type(value).__name__}, not a datetime, an ISO 8601 string or milliseconds"
    instead = None
    if is_a(value, float) and abs(value) < 1e15:
        instead = str(round(value * 1000) if abs(value) < SECONDS_BELOW else round(value))
    elif is_a(value, date):
        instead = f'"{value.isoformat()}T00:00:00Z"'
    return CheckFailed(want, instead, time=True)


def duration(value: Any) -> int:
    """Check a length of time, in seconds or as a timedelta, and return it as milliseconds."""
    kind = type(value)
    if kind is int:
        return value * 1000  # type: ignore[no-any-return]
    if kind is float:
        if not math.isfinite(value):
            raise CheckFailed("want seconds, as a finite number", "1.5")
        # a float of that size is whole, and its product may be too large for one
        return int(value) * 1000 if abs(value) >= 2**53 else round(value * 1000)
    if kind is timedelta:
        return round(value / _MILLISECOND)  # type: ignore[no-any-return]
    return looked_at(_foreign_duration, value)


def _foreign_duration(value: Any) -> int:
    if is_a(value, timedelta):
        # told by itself, for a class of another library may keep it elsewhere
        return duration(timedelta(seconds=value.total_seconds()))
    if time_unit(value) == "m":
        value = value.astype("timedelta64[us]").item()
    if is_a(value, float):
        value = float.__float__(value)
    whole = index(value)
    if whole is not None:
        return duration(whole)
    if type(value) in (float, timedelta):
        return duration(value)
    raise CheckFailed(f"want seconds or a timedelta, got {type(value).__name__}", "1.5")
