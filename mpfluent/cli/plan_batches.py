"""The batches that ``mpfluent plan validate`` compares: each with its place, or why it is none."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ..builder.batch import Batch
from ..errors import ConfigurationError, InvalidValue, brief, closest
from .payloads import batches_in

_COMPARED = ("events", "user_attributes", "user_identities")
_KNOWN = {*Batch._wire, *Batch._read_as, *Batch._server_set}


def batches_of(file: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the batches of a file, each with its place.

    Args:
        file: its path, or "-" for standard input.

    Raises:
        ConfigurationError: it cannot be read.
        InvalidValue: it holds something else, or nothing.
    """
    found = False
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else open(file, "rb") as content:
            for place, payload in batches_in(content):
                found = True
                yield f"{file}, {place}", _checked(f"{file}, {place}", payload)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}{_hint(file)}") from None
    except InvalidValue as error:
        raise InvalidValue(_told(file, str(error))) from None
    if not found:
        raise InvalidValue(f"{file}: there is no batch in it")


def _checked(place: str, payload: Any) -> Mapping[str, Any]:
    """Return a payload that is a batch: it has what is compared, or nothing that no batch has."""
    if not isinstance(payload, dict):
        raise InvalidValue(f'{place}: {brief(payload)} is no batch; write {{"events": […]}}')
    others = [name for name in payload if name not in _KNOWN]
    if payload.keys().isdisjoint(_COMPARED) and (others or not payload):
        there = f"no events and no user, but {_listed(others)}" if others else "nothing"
        raise InvalidValue(f'{place}: it is no batch, for it has {there}; write {{"events": […]}}')
    return payload


def _listed(names: list[Any]) -> str:
    return ", ".join(map(brief, names[:6]))


def _told(file: str, message: str) -> str:
    """Return an error in the words of a shell, with the place of what it is about."""
    if message.startswith(f"{file}, "):
        return message
    message = message.replace("from_json(): not JSON: ", "it is no JSON: ")
    if message.startswith("line "):  # which stands there already
        message = re.sub(r" line 1 (column \d+) \(char \d+\)", r" \1", message)
    return f"{file}: {message}"


def _hint(file: str) -> str:
    """Return which file was probably meant, if this one does not exist."""
    path = Path(file)
    if path.exists() or not path.parent.is_dir():
        return ""
    meant = closest(path.name, [each.name for each in path.parent.iterdir()])
    return f"; did you mean {str(path.parent / meant)!r}?" if meant else ""
