"""What several tests of the encoding share: the schema of a class, and JSON with exact numbers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from mpfluent import schemas

OFTEN = 20  # more often than a shape must come back before code is written for it


def schema_of(cls: type[Any]) -> Any:
    """Return the schema class of a value class, by its public name."""
    return getattr(schemas, f"{cls.__name__}Schema")


def exact(data: Any) -> str:
    """Return a text that is the same only for the same data: order and types of numbers count."""
    return repr(data)


def lengthened(value: Any) -> Any:
    """Return plain data with every number as the Decimal that its digits say."""
    if isinstance(value, dict):
        return {key: lengthened(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [lengthened(entry) for entry in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(repr(value))
    return value


def parsed(text: str) -> Any:
    """Return what JSON text says, with the digits of every number."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)
