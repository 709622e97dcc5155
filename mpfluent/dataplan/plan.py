"""A data plan, and what of a batch is not as planned."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from ..builder.batch import Batch
from ..errors import InvalidPlan, InvalidValue, brief, closest, wrong_type
from ..utils.introspection import PublicNames
from ..values.foreign import is_a, itself
from ..wire.limits import Problem
from . import containers
from .compiling import Compiled, compiled
from .definitions import Like
from .findings import Subject, of_node, of_server
from .identities import identities_of, renamed
from .javascript import cleaned
from .points import PLANNABLE, Meeting, Point, meeting_of
from .problems import about, broken_text, problems_of
from .unplanned import without
from .violation import Violation, frozen

B = TypeVar("B", bound=Batch)

_READINGS: tuple[Like, ...] = ("server", "node")
_FINDINGS = {"server": of_server, "node": of_node}


class DataPlan(PublicNames):
    """A version of a data plan: which events and attributes are expected.

    Plans are files. Download one in mParticle's UI, or by its API.

    >>> plan = DataPlan.from_dict({"data_plan_id": "ferry", "version": 3, "version_document": {
    ...     "data_points": [{
    ...         "match": {"type": "custom_event", "criteria": {
    ...             "event_name": "Searched crossings", "custom_event_type": "search"}},
    ...         "validator": {"type": "json_schema", "definition": {}},
    ...     }]}})
    >>> plan
    <DataPlan 'ferry' version 3, 1 point>
    >>> for violation in plan.validate(Batch().event("Searched crossing", type="search")):
    ...     print(violation.text)
    events[0] 'Searched crossing': is not planned; did you mean 'Searched crossings'?
    """

    __slots__ = ("_by_key", "_compiled", "_document", "_names")

    def __init__(self) -> None:
        raise InvalidPlan('a DataPlan is read; write DataPlan.from_file("plan.json")')

    @classmethod
    def from_file(cls, path: str | Path, *, version: int | None = None) -> Self:
        """Read a plan from a file of JSON.

        Args:
            path: of a version that was downloaded, a version document, a whole plan, or the
                configuration that client SDKs get.
            version: which one of a whole plan.

        Raises:
            InvalidPlan: the file cannot be read, is no plan, or does not have that version.
            ImportError: the extra ``mpfluent[plan]`` is not installed.
        """
        text = containers.read_file(path)
        return cls._of(str(path), containers.parsed(str(path), text), version)

    @classmethod
    def from_json(cls, text: str | bytes | bytearray, *, version: int | None = None) -> Self:
        """Read a plan from JSON text; see :meth:`from_file`.

        Args:
            text: JSON, or its UTF-8 bytes.
            version: which one of a whole plan.

        Raises:
            InvalidPlan: the text is no plan, or does not have that version.
            ImportError: the extra ``mpfluent[plan]`` is not installed.

        >>> DataPlan.from_json('{"data_points": []}')
        <DataPlan without an id, 0 points>
        """
        return cls._of("from_json()", containers.parsed("from_json()", text), version)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, version: int | None = None) -> Self:
        """Read a plan from JSON data; see :meth:`from_file`.

        Args:
            data: a dict, which is copied.
            version: which one of a whole plan.

        Raises:
            InvalidPlan: the data is no plan, or does not have that version.
            ImportError: the extra ``mpfluent[plan]`` is not installed.
        """
        return cls._of("from_dict()", containers.copied("from_dict()", data), version)

    @classmethod
    def _of(cls, where: str, data: Any, version: int | None) -> Self:
        if importlib.util.find_spec("jsonschema") is None:
            raise ImportError(
                "mpfluent.dataplan needs jsonschema; write pip install 'mpfluent[plan]'",
                name="jsonschema",
            )
        return cls._made(containers.document_of(where, data, version))

    @classmethod
    def _made(cls, document: containers.Document) -> Self:
        plan = object.__new__(cls)
        plan._document = document
        usable = [point for point in document.points if not point.skipped]
        plan._by_key = {point.key: point for point in usable}  # the last one of a key counts
        plan._names = {}
        for point in plan._by_key.values():
            plan._names.setdefault(point.type, []).append(point.name)
        plan._compiled = {}
        return plan

    @property
    def plan_id(self) -> str | None:
        """The id that ``context.data_plan`` names; None if the file does not say."""
        return self._document.plan_id

    @property
    def version(self) -> int | None:
        """The number of the version; None if the file does not say."""
        return self._document.version

    @property
    def name(self) -> str | None:
        """The name of the plan; None if the file does not say."""
        return self._document.name

    @property
    def description(self) -> str | None:
        """The description of the version; None if the file does not say."""
        return self._document.description

    # Verdicts

    def validate(
        self, batch: Batch | Mapping[str, Any], *, like: Like = "server"
    ) -> tuple[Violation, ...]:
        """Return what of a batch is not as planned; empty if all is.

        The batch is compared with this plan, whatever its ``context.data_plan`` says.

        Args:
            batch: a batch, or a payload as a dict, such as a captured one.
            like: "server" for what mParticle's server is documented to find; "node" for what the
                vendor's Node package finds, word for word.

        Raises:
            InvalidPlan: the definition of a point that is met is broken.
            InvalidValue: it is no batch.
        """
        _check_reading("validate", like)
        data = _data_of(batch)
        try:
            return tuple(self._violations(data, like))
        except RecursionError:
            raise InvalidPlan(
                "validate(): the batch is nested too deeply, or a $ref of the plan leads to itself"
            ) from None

    def _violations(self, data: Mapping[str, Any], like: Like) -> Iterator[Violation]:
        if like == "node" and None in self._by_key:
            point = self._by_key[None]
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
        point = self._by_key.get(meeting.key) if meeting.key.strip() else None
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
        same_name = [
            p for p in self._by_key.values() if p.type == meeting.type and p.name == meeting.label
        ]
        types = [str(p.match["criteria"].get("custom_event_type")) for p in same_name]
        return Violation(
            index,
            "unplanned",
            meeting.name,
            "#",
            match=frozen(meeting.match),
            event_name=meeting.label,
            argument=", ".join(types),
            planned=tuple(self._names.get(meeting.type, ())),
        )

    def _of_attributes(self, attributes: Any, like: Like) -> Iterator[Violation]:
        point = self._by_key.get("user_attributes")
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
        point = self._by_key.get("user_identities")
        if point is not None:
            identities = identities_of(data, point.definition)
            subject = Subject(None, "", point.match, identities)
            yield from self._of_definition(point, identities, subject, "server")

    def _of_definition(
        self, point: Point, data: Any, subject: Subject, like: Like
    ) -> Iterator[Violation]:
        validator = self._compile(point, like).validator
        if validator is None:
            raise InvalidPlan(broken_text(point, self._compile(point, like).faults[0]))
        errors = list(validator.iter_errors(data))
        if errors:
            yield from _FINDINGS[like](errors, subject._replace(match=frozen(subject.match)))

    def _compile(self, point: Point, like: Like) -> Compiled:
        found = self._compiled.get((point.place, like))
        if found is None:
            definition = point.definition
            if point.type == "user_identities":
                definition = renamed(definition)
            found = self._compiled[point.place, like] = compiled(definition, like)
        return found

    def problems(self, *, like: Like = "server") -> tuple[Problem, ...]:
        """Return what is wrong with the plan itself; with ``advice``, it can be used all the same.

        Each definition is looked at, also those that no event has met yet.

        Args:
            like: whose reading; see :meth:`validate`.

        >>> broken = {"match": {"type": "uninstall"}, "validator": {
        ...     "type": "json_schema", "definition": {"minLength": "1"}}}
        >>> DataPlan.from_dict({"data_points": [broken]}).problems()[0].text
        "data_points[0] (uninstall): its definition is broken at /minLength: '1' is no number"
        """
        _check_reading("problems", like)
        points, strict = self._document.points, like == "node"
        return problems_of(points, lambda p: self._compile(p, like).faults, strict=strict)

    def without_unplanned(self, batch: B, violations: Sequence[Violation] | None = None) -> B:
        """Return the batch without what is unplanned, as the server blocks it.

        Unplanned events, attributes of events and products, and user attributes are taken out.
        What is invalid stays.

        Args:
            batch: the batch.
            violations: what :meth:`validate` returned for it, if that is known.

        Raises:
            InvalidPlan: the definition of a point that is met is broken.
        """
        return without(batch, self.validate(batch) if violations is None else violations)

    # A value

    def __repr__(self) -> str:
        who = repr(self.plan_id) if self.plan_id else "without an id"
        which = f" version {self.version}" if self.version is not None else ""
        count = len(self._document.points)
        return f"<DataPlan {who}{which}, {count} {'point' if count == 1 else 'points'}>"

    def __eq__(self, other: object) -> bool:
        return self._document == other._document if isinstance(other, DataPlan) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.plan_id, self.version, len(self._document.points)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._made, (self._document,)


def _check_reading(verb: str, like: object) -> None:
    if like not in _READINGS:
        meant = closest(like, _READINGS) or "server"
        raise InvalidValue(
            f"{verb}(like={brief(like)}): want 'server' or 'node'; write like={meant!r}"
        )


def _data_of(batch: Any) -> Mapping[str, Any]:
    """Return a batch as plain data."""
    batch = itself("validate", batch, (Batch, dict))
    if is_a(batch, Batch):
        return batch.to_dict()  # type: ignore[no-any-return]
    if isinstance(batch, Mapping):
        return batch
    raise wrong_type("validate", batch, "a batch, or a payload as a dict", "plan.validate(batch)")
