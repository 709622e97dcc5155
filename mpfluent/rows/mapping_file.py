"""A mapping file: TOML that says what the columns of a table mean."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from ..builder.batch import Batch
from ..errors import brief, closest, one_line
from ..model.context import DataPlanContext
from .mapping_sections import CONTEXT, Step, context_steps, event_step, keywords
from .mapping_spot import Spot
from .mapping_values import Scope, zone_of
from .row import Row

_DEFAULTS = ("key", "job", "tz")
# What people try, and where it stands.
_ELSEWHERE = {
    **dict.fromkeys(("identities", "users", "identity"), "user"),
    **dict.fromkeys(("consent", "consents", "gdpr", "consent_state"), "gdpr_consent"),
    **dict.fromkeys(("source_request_id", "keys", "id"), "key"),
    **dict.fromkeys(("attributes", "attribute"), "user_attributes"),
    "ccpa": "ccpa_data_sale_opt_out",
    "timezone": "tz",
    "plan": "data_plan",
}


class Mapping(NamedTuple):
    """What a row means.

    Attributes:
        name: the file, or the function, as it was written.
        function: returns a row's batch; None leaves the row out.
        key: the columns that make the id of a row.
        job: what is sent once, however often it is run.
        tz: the zone of times that name none.
        data_plan: what mParticle checks each batch against; the function sets it, too.
    """

    name: str
    function: Callable[[Row], Batch | None]
    key: tuple[str, ...] = ()
    job: str | None = None
    tz: str | None = None
    data_plan: DataPlanContext | None = None

    def __call__(self, row: Row) -> Batch | None:
        """Return the batch of a row; None leaves the row out."""
        return self.function(row)

    def __repr__(self) -> str:
        return f"<Mapping {self.name}>"


def read_mapping(path: str | Path) -> Mapping:
    """Return the mapping of a TOML file.

    Args:
        path: of the file.

    Raises:
        ConfigurationError: it cannot be read, or there is a mistake in it.
    """
    spot = Spot(str(path))
    table = _parsed(spot, _text(spot, Path(path)))
    if not table:
        raise spot.error("is empty; write [user] and [[event]], at least")
    allowed = (*_DEFAULTS, *CONTEXT, "event")
    for name in table:
        if name not in allowed:
            raise spot.unknown(name, allowed, _ELSEWHERE.get(name) or _in_section(name))
    sections = sorted(table.keys() - {*_DEFAULTS}, key=[*_DEFAULTS, "user", *table].index)
    if not sections:
        raise spot.error("says nothing of a row; write [user] and [[event]], at least")
    tz = spot.option(table, "tz", str, '"Europe/London"')
    scope = Scope(zone_of(spot.at("tz"), tz), allowed)
    key = tuple(scope.column(spot.at("key"), column) for column in _key(spot.at("key"), table))
    start, steps = Batch(), []
    for name in sections:
        for step in _steps(spot.at(name), name, table[name], scope):
            if step.is_constant and name != "event":  # events have an order
                start = step.call(start, step.get(Row({})))
            else:
                steps.append(step)
    return Mapping(
        spot.file,
        _function(start, steps, scope),
        key,
        spot.option(table, "job", str, '"policies 2026-11"'),
        tz,
        start.context.data_plan if start.context else None,
    )


def _steps(spot: Spot, name: str, written: Any, scope: Scope) -> list[Step]:
    """Return the steps that a section stands for."""
    if name != "event":
        return context_steps(spot, name, written, scope)
    if type(written) is not list:
        raise spot.error("is one table, and there may be several; write [[event]], in two brackets")
    return [event_step(spot.at(i), each, scope) for i, each in enumerate(written)]


def _function(start: Batch, steps: list[Step], scope: Scope) -> Callable[[Row], Batch]:
    """Return the function that makes a row's batch."""
    calls = [(step.get, step.call) for step in steps]
    seen: set[str] = set()  # files: the first row of each says which columns there are

    def mapped(row: Row) -> Batch:
        if row.place.file not in seen:
            scope.check_row(row)
            seen.add(row.place.file)
        batch = start
        for get, call in calls:
            given = get(row)
            if given is not None:
                batch = call(batch, given)
        return batch

    return mapped


def _key(spot: Spot, table: dict[str, Any]) -> list[str]:
    """Return the columns of the key."""
    key = table.get("key", [])
    columns = [key] if type(key) is str else key
    if type(columns) is not list or not all(type(name) is str and name for name in columns):
        raise spot.wrong(key, 'want the names of columns; write key = ["Policy Number"]')
    if "key" in table and not columns:
        raise spot.wrong(key, 'want a column, at least; write key = ["Policy Number"]')
    return columns


def _in_section(name: str) -> str | None:
    """Return the key with its section, where it stands outside of that."""
    return next((f"{section}.{name}" for section in CONTEXT if name in keywords(section)), None)


def _text(spot: Spot, path: Path) -> str:
    """Return the text of a file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        there = sorted(each.name for each in path.parent.glob("*.toml"))
        meant = closest(path.name, there)
        hint = f"did you mean {meant!r}?" if meant else f"in {path.parent.resolve()} there is none"
        raise spot.error(f"does not exist; {hint}") from None
    except IsADirectoryError:
        raise spot.error("is a directory; write the name of a file in it") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise spot.error(f"cannot be read: {why}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Spot(f"{spot.file}:{line}").error(
            f"has a byte that is no UTF-8 (0x{data[error.start]:02X}); save the file as UTF-8"
        ) from None


def _parsed(spot: Spot, text: str) -> dict[str, Any]:
    """Return the tables of a text."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        why, _, where = str(error).rpartition(" (at ")
        found = re.match(r"line (\d+)", where)
        lines = text.split("\n")
        number = int(found[1]) if found else len(lines)
        line = one_line(lines[number - 1], 60)
        hint = 'write key = "text", [section] or [[event]]'
        if why == "Invalid value":
            hint = 'write text in quotes, as in email = "Email Address"'
        elif why.startswith("Cannot "):
            hint = "write each key and each section once"
        place = Spot(f"{spot.file}:{number}")
        raise place.error(f"is not TOML at {brief(line)}: {why}; {hint}") from None
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise spot.error(f"is not TOML: {why}") from None
