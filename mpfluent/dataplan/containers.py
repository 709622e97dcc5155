"""The four forms in which plans come, and what is no plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Never

from ..encoding.json import why_no_json
from ..errors import InvalidPlan, brief, closest, one_line
from .javascript import integer
from .points import Point, point_of

_DOWNLOAD = "download one version in mParticle's data planning, or write the path of its file"


class Document(NamedTuple):
    """A version of a plan, whatever it came in.

    Attributes:
        points: in the order of the plan.
        plan_id: its id; None if the file does not say.
        version: its number; None if the file does not say.
        name: of the plan; None if the file does not say.
        description: of the version; None if the file does not say.
    """

    points: tuple[Point, ...]
    plan_id: str | None
    version: int | None
    name: str | None
    description: str | None


def read_file(path: str | Path) -> str:
    """Return the text of a plan's file.

    Raises:
        InvalidPlan: it cannot be read.
    """
    try:
        path = Path(path)
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        folder = Path(path).parent
        meant = closest(Path(path).name, sorted(each.name for each in folder.glob("*.json")))
        hint = f"did you mean {meant!r}?" if meant else _DOWNLOAD
        raise InvalidPlan(f"{path} does not exist; {hint}") from None
    except UnicodeDecodeError as error:
        raise InvalidPlan(f"{path} is no UTF-8 (byte {error.start}); save it as UTF-8") from None
    except TypeError:
        write = 'DataPlan.from_file("plan.json")'
        raise InvalidPlan(f"from_file({brief(path)}): want a path; write {write}") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InvalidPlan(f"{brief(str(path))} cannot be read: {why}; {_DOWNLOAD}") from None


def parsed(where: str, text: Any) -> Any:
    """Return what a text of JSON holds.

    Args:
        where: the file, or the function, for errors.
        text: JSON text, or its UTF-8 bytes.

    Raises:
        InvalidPlan: it is no JSON.
    """
    if not isinstance(text, str | bytes | bytearray):
        write = "DataPlan.from_dict(…)" if isinstance(text, Mapping) else "its JSON text"
        raise InvalidPlan(f"from_json({brief(text)}): want text; write {write}")
    try:
        return json.loads(text, parse_constant=_no_constant, parse_int=integer)
    except json.JSONDecodeError as error:
        line = one_line(error.doc.split("\n")[error.lineno - 1], 60)
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidPlan(
            f"{where} is no JSON at {place}, {brief(line)}: {error.msg}; {_DOWNLOAD}"
        ) from None
    except RecursionError:
        raise InvalidPlan(f"{where} is no plan: it is nested too deeply; {_DOWNLOAD}") from None
    except ValueError as error:  # also bytes that are no UTF-8
        raise InvalidPlan(
            f"{where} is no JSON: {one_line(why_no_json(error))}; {_DOWNLOAD}"
        ) from None


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no number of JSON")


def copied(where: str, data: Any) -> Any:
    """Return a copy of JSON data.

    Raises:
        InvalidPlan: it holds what JSON does not have.
    """
    try:
        text = json.dumps(data if type(data) is dict else _plain(data), allow_nan=False)
    except RecursionError:
        raise InvalidPlan(f"{where}: the plan is nested too deeply; {_DOWNLOAD}") from None
    except (TypeError, ValueError) as error:
        if "not JSON compliant" in str(error):
            what = "NaN or infinity, which JSON does not have; write a number"
            raise InvalidPlan(f"{where}: the plan holds {what}") from None
        raise InvalidPlan(
            f"{where}: the plan holds what JSON does not have: {one_line(str(error))}; "
            "write DataPlan.from_json(text)"
        ) from None
    return json.loads(text, parse_int=integer)


def _plain(data: Any) -> Any:
    return dict(data) if isinstance(data, Mapping) else data


def document_of(where: str, data: Any, version: object) -> Document:
    """Return the version that JSON data holds.

    Args:
        where: the file, or the function, for errors.
        data: one of the four containers.
        version: which one, or None.

    Raises:
        InvalidPlan: it holds no version, several, or not that one.
    """
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise InvalidPlan(
            f"{where}: version={brief(version)} is no number of a version; write version=1"
        )
    if isinstance(data, list):
        raise InvalidPlan(f"{where} is a list of plans, which has no data points; {_DOWNLOAD}")
    if not isinstance(data, dict):
        raise InvalidPlan(f"{where} holds {brief(data)}, which is no data plan; {_DOWNLOAD}")
    plan: dict[str, Any] = {}
    found = data
    if "dtpn" in data:
        found = _object(where, data["dtpn"], "dtpn")
        found = _object(where, found.get("vers"), "dtpn.vers")
    elif "data_plan_versions" in data:
        plan, found = data, _chosen(where, data, version)
    document = found
    if "version_document" in found:
        document = _object(where, found["version_document"], "version_document")
    if "data_points" not in document:
        there = f"has no data_points, but {_names(document)}" if document else "is empty"
        raise InvalidPlan(f"{where} is no data plan: it {there}; {_DOWNLOAD}")
    number = _number(where, found, version)
    return Document(
        points=_points(where, document["data_points"]),
        plan_id=_text(where, {**plan, **found}, "data_plan_id"),
        version=number,
        name=_text(where, {**plan, **found}, "data_plan_name"),
        description=_text(where, found, "version_description"),
    )


def _chosen(where: str, plan: dict[str, Any], version: int | None) -> dict[str, Any]:
    versions = plan["data_plan_versions"]
    if not isinstance(versions, list) or not versions:
        raise InvalidPlan(f"{where} is a plan without versions; {_DOWNLOAD}")
    each = [_object(where, one, f"data_plan_versions[{i}]") for i, one in enumerate(versions)]
    numbers = [_number(where, one, None) for one in each]
    if None in numbers:
        place = numbers.index(None)
        raise InvalidPlan(
            f'{where}: data_plan_versions[{place}] has no version; write "version": 1'
        )
    *some, last = map(brief, numbers)
    listed = f"{', '.join(some)} and {last}" if some else last
    if version is None:
        which = f"version{'s' if some else ''} {listed}"
        raise InvalidPlan(f"{where} is a whole plan, with {which}; write version={last}")
    if version not in numbers:
        raise InvalidPlan(f"{where} has no version {version}, but {listed}; write version={last}")
    return each[numbers.index(version)]


def _number(where: str, found: dict[str, Any], version: Any) -> int | None:
    number = found.get("version")
    if number is None:
        return version  # type: ignore[no-any-return]
    if isinstance(number, bool) or not isinstance(number, int):
        raise InvalidPlan(f"{where}: its version is {brief(number)}; write a number, such as 1")
    if version is not None and number != version:
        raise InvalidPlan(f"{where} is version {number}, not {version}; write version={number}")
    return number


def _text(where: str, found: dict[str, Any], name: str) -> str | None:
    value = found.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidPlan(f"{where}: its {name} is {brief(value)}; write text")
    return value or None


def _object(where: str, value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidPlan(f"{where} is no data plan: its {name} is {brief(value)}; {_DOWNLOAD}")
    return value


def _names(data: dict[str, Any]) -> str:
    return ", ".join(map(brief, list(data)[:6]))


def _points(where: str, entries: Any) -> tuple[Point, ...]:
    if not isinstance(entries, list):
        raise InvalidPlan(
            f"{where} is no data plan: its data_points are {brief(entries)}; write a list"
        )
    points = []
    for number, entry in enumerate(entries):
        place = f"data_points[{number}]"
        inside = {"": entry}
        if isinstance(entry, dict):
            match = entry.get("match")
            criteria = match.get("criteria") if isinstance(match, dict) else None
            inside = {".match": match, ".validator": entry.get("validator")}
            inside[".match.criteria"] = criteria
        for name, value in inside.items():
            if not isinstance(value, dict) and (value is not None or not name):
                raise InvalidPlan(f"{where}: {place}{name} is {brief(value)}; write an object")
        points.append(point_of(entry, place))
    return tuple(points)
