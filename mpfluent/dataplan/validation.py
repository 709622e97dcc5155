"""A batch, compared with the points of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import InvalidPlan, InvalidValue, brief
from .compiling import Compiled, compiled
from .definitions import Like
from .findings import Subject, of_node, of_server
from .identities import identities_of, renamed
from .javascript import cleaned
from .points import PLANNABLE, Meeting, Point, meeting_of
from .problems import about, broken_text
from .violation import Violation, frozen

_FINDINGS = {"server": of_server, "node": of_node}


class Validation:
    """Compares batches with points; each definition is compiled when it is first met.

    Args:
        points: of the plan.

    Attributes:
        by_key: the points that can be met; the last one of a key counts.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self.by_key = {point.key: point for point in points if not point.skipped}
        names: dict[str, list[str]] = {}
        self._types: dict[str, list[str]] = {}  # of custom events, by their name
        for point in self.by_key.values():
            name = point.name
            names.setdefault(point.type, []).append(name)
            if point.type == "custom_event":
                self._types.setdefault(name, []).append(repr(point.custom_type))
        self._names = {kind: tuple(listed) for kind, listed in names.items()}  # by type of points
        # Two threads may compile one definition at once, which does no harm.
        self._cache: dict[tuple[str, Like], Compiled] = {}

    def violations(self, data: Mapping[str, Any], like: Like) -> Iterator[Violation]:
        """Yield what of a batch is not as planned.

        Args:
            data: the batch, as plain data.
            like: whose reading.

        Raises:
            InvalidPlan: the definition of a point that is met is broken.
            InvalidValue: it is no batch.
        """
        if like == "node" and None in self.by_key:
            point = self.by_key[None]
            raise InvalidPlan(f'{about(point)} has no criteria; write "criteria": {{…}}')
        events = data.get("events")
        if events is None:
            events = ()
        if not isinstance(events, list | tuple):
            raise InvalidValue(f"validate(): events is {brief(events)}: want a list; write [{{…}}]")
        for index, event in enumerate(events):
            if not isinstance(event, Mapping):
                raise InvalidValue(
                    f"validate(): events[{index}] is {brief(event)}: want an object; "
                    'write {"event_type": …, "data": {…}}'
                )
            yield from self._of_event(index, event, like)
        yield from self._of_attributes(data.get("user_attributes"), like)
        if like == "server":
            yield from self._of_identities(data)

    def _of_event(self, index: int, event: Mapping[str, Any], like: Like) -> Iterator[Violation]:
        meeting = meeting_of(event)
        point = self.by_key.get(meeting.key) if meeting.key.strip() else None
        if point is not None:
            clean = cleaned(event, f"events[{index}]")
            subject = Subject(index, point.name, point.match, event)
            yield from self._of_definition(point, clean, subject, like)
        elif (
            like == "node"
            or meeting.type in PLANNABLE
            or meeting.name in ("custom_event", "commerce_event")
        ):
            yield self._unplanned(index, meeting)

    def _unplanned(self, index: int, meeting: Meeting) -> Violation:
        if not meeting.key.strip():
            return Violation(index, "unplanned", "unknown", "#", event_name=meeting.name)
        is_custom = meeting.type == "custom_event"
        return Violation(
            index,
            "unplanned",
            meeting.name,
            "#",
            match=frozen(meeting.match),
            event_name=meeting.label,
            argument=", ".join(self._types.get(meeting.label, ()) if is_custom else ()),
            planned=self._names.get(meeting.type, ()),
        )

    def _of_attributes(self, attributes: Any, like: Like) -> Iterator[Violation]:
        point = self.by_key.get("user_attributes")
        if point is None:
            return
        clean = {} if attributes is None else cleaned(attributes, "user_attributes")
        subject = Subject(None, "", point.match, attributes)
        if like == "node" and point.definition in (True, False, {}):
            yield Violation(
                None,
                "unknown",
                "user_attributes",
                "#",
                actual="Invalid JSON Schema",
                match=frozen({"type": "user_attributes"}),
            )
            return
        yield from self._of_definition(point, clean, subject, like)

    def _of_identities(self, data: Mapping[str, Any]) -> Iterator[Violation]:
        point = self.by_key.get("user_identities")
        if point is not None:
            self.validator_of(point, "server")  # it raises for a definition that is broken
            identities = identities_of(data, point.definition)
            subject = Subject(None, "", point.match, identities)
            yield from self._of_definition(point, identities, subject, "server")

    def _of_definition(
        self, point: Point, data: Any, subject: Subject, like: Like
    ) -> Iterator[Violation]:
        errors = list(self.validator_of(point, like).iter_errors(data))
        if errors:
            yield from _FINDINGS[like](errors, subject._replace(match=frozen(subject.match)))

    def validator_of(self, point: Point, like: Like) -> Any:
        """Return the library's validator for a point.

        Raises:
            InvalidPlan: its definition is broken.
        """
        found = self.compile(point, like)
        if found.validator is None:
            raise InvalidPlan(broken_text(point, found.faults[0]))
        return found.validator

    def compile(self, point: Point, like: Like) -> Compiled:
        """Return the definition of a point, compiled; the second time, the same one."""
        found = self._cache.get((point.place, like))
        if found is None:
            definition = point.definition
            if point.type == "user_identities":
                definition = renamed(definition)
            found = self._cache[point.place, like] = compiled(definition, like)
        return found
