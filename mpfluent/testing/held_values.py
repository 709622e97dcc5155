"""Reads a batch from JSON as far as our values can hold it, and lists what was left out.

mParticle accepts more than our values hold: its own SDKs send lists as flags, events without
required fields, and words in upper case.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from ..builder.batch import Batch
from ..encoding.reader import _Reader, read
from ..encoding.schema import reading_check
from ..errors import InvalidBatch, InvalidValue, brief
from ..model.event import Event
from ..values.fields import Field
from ..values.frozen import Frozen
from ..values.validators import CheckFailed

_IN_WRAPPER = frozenset(("event_type", "data", "message_id", "message_type"))
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")


class Held(NamedTuple):
    """A batch as our values hold it.

    Attributes:
        batch: the batch, without what our values cannot hold.
        problems: what was left out, each with its path and the reason.
    """

    batch: Batch
    problems: tuple[str, ...]


def held(data: Any) -> Held:
    """Return the part of a batch in JSON that our values can hold.

    >>> flags = {"answer": 42, "dolphins": ["So long"]}
    >>> batch, problems = held(
    ...     {"events": [{"event_type": "session_start", "data": {"custom_flags": flags}}]}
    ... )
    >>> batch.events[0].flags
    {'answer': 42}
    >>> problems[0][:52]
    "events[0].data.custom_flags['dolphins']=['So long']:"
    """
    try:
        return Held(Batch.from_dict(data), ())
    except InvalidBatch:  # rare, so the strict and fast way comes first
        forgiving = _Forgiving()
        tidy = forgiving.tidied(Batch, data, "")
        return Held(Batch.from_dict(tidy), tuple(forgiving.problems))


def meant(word: object, words: Collection[object]) -> Any:
    """Return the one of some words that is meant, in any case of letters, or None.

    The vendor's Java SDK sends the names of its constants, and the API accepts them.

    >>> meant("CUSTOM_EVENT", ["session_end", "custom_event"]), meant("IOS", ["iOS"]), meant(5, [])
    ('custom_event', 'iOS', None)
    """
    if not isinstance(word, str):
        return None
    if word in words:
        return word
    letters = _letters(word)
    return next((one for one in words if isinstance(one, str) and _letters(one) == letters), None)


def _letters(word: str) -> str:
    return word.replace("_", "").casefold()


class _Forgiving(_Reader):
    """Reads what it can, and lists what it leaves out."""

    def __init__(self) -> None:
        super().__init__("from_dict", "raise")
        self.problems: list[str] = []

    def record(self, cls: type[Frozen], data: Any, path: str) -> dict[str, Any]:
        """Return a record in strict wire form; an empty one if our values cannot hold it."""
        if not isinstance(cls._unify(data), Mapping):
            self._leave_out(path, data, f"want an object, got {type(data).__name__}")
            return {}
        tidy = self.tidied(cls, data, path)
        return tidy if not tidy or self._reads(cls, tidy, path) else {}

    def tidied(self, cls: type[Frozen], data: Any, path: str) -> dict[str, Any]:
        """Return a record in strict wire form, in which each field by itself is valid."""
        known = {*cls._wire, *cls._read_as, *cls._server_set}
        return super().record(cls, self._known(cls._unify(data), known, path), path)

    def event(self, data: Any, path: str, base: Any) -> dict[str, Any] | None:
        """Return an event in strict wire form; None if our values cannot hold it."""
        wrapper = data if isinstance(data, Mapping) else {}
        of = Event._by_type.get(meant(wrapper.get("event_type"), Event._by_type))
        inside = wrapper.get("data") or {}
        if of is None or not isinstance(inside, Mapping):
            self._leave_out(path, data, "want an event: {'event_type': …, 'data': {…}}")
            return None
        self._known(wrapper, _IN_WRAPPER, path)
        tidy = {"event_type": of.event_type, "data": self.tidied(of, inside, f"{path}.data")}
        return tidy if self._reads(base, tidy, path) else None

    def field(self, declared: Field[Any], value: Any, path: str) -> Any:
        """Return the value in strict wire form; None if it is unset or cannot be held."""
        kind = declared.kind
        try:
            if value is None or (kind.records and kind.container is None):
                return super().field(declared, value, path)
            if kind.records:
                found = super().field(declared, value, path)
                if isinstance(found, dict):
                    return {name: one for name, one in found.items() if one}
                return [one for one in found or () if one] or ([] if declared.required else None)
            # entries one by one: a bad one does not take the others with it
            if kind.container is dict:
                parts = [
                    self._leaf(declared, {key: entry}, path)
                    for key, entry in self.mapping(value, path)
                ]
                return {key: entry for part in parts if part for key, entry in part.items()}
            if kind.container is list:
                items = [
                    self._leaf(declared, [item], path, f"[{index}]")
                    for index, item in self.items(value, path)
                ]
                return [item for part in items if part for item in part]
        except InvalidValue as error:  # the container itself is wrong: a list that is a text, say
            self.problems.append(_reason(error))
            return None
        return self._leaf(declared, value, path)

    def _leaf(self, declared: Field[Any], value: Any, path: str, entry: str = "") -> Any:
        tidy = super().field(declared, _converted(declared, value), path)
        try:
            return None if tidy is None or reading_check(declared)(tidy) is None else tidy
        except CheckFailed as bad:
            # a check of a container names the entry that is wrong; show that one
            shown = bad.value if bad.path else value
            self._leave_out(f"{path}{entry or bad.path}", shown, bad.why)
            return None

    def _reads(self, cls: type[Frozen], tidy: dict[str, Any], path: str) -> bool:
        try:
            read(cls, tidy)
        except InvalidBatch as error:  # its fields are valid, but not together
            self.problems.append(f"{path}: {_reason(error)}")
            return False
        return True

    def _known(self, data: Mapping[Any, Any], known: Any, path: str) -> dict[Any, Any]:
        for key, value in data.items():
            if key not in known and value is not None:
                inside = f"{path}.{key}" if str(key).isidentifier() else f"{path}[{brief(key)}]"
                self._leave_out(inside.removeprefix("."), value, "no value of ours has this field")
        return {key: value for key, value in data.items() if key in known}

    def _leave_out(self, path: str, value: Any, why: str) -> None:
        self.problems.append(f"{path}={brief(value)}: {why}")


def _converted(declared: Field[Any], value: Any) -> Any:
    """Return the word, or the number, that the API reads in a text."""
    if declared.kind.name == "choice":
        words = (*declared.validator.words, *declared.liberal)
        return value if value in words else meant(value, words) or value
    if declared.kind.name == "number" and isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    return value


def _reason(error: InvalidBatch) -> str:
    return str(error).removeprefix("from_dict(): ")
