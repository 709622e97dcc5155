"""A data plan, and what of a batch is not as planned."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from ..builder.batch import Batch
from ..errors import InvalidBatch, InvalidPlan, InvalidValue, brief, closest, wrong_type
from ..utils.introspection import PublicNames
from ..values.foreign import is_a, itself
from ..wire.limits import Problem
from . import containers
from .definitions import Like
from .example import NoExample, event_of, point_named, user_of
from .generated_module import module_text, prefix_of, written
from .names_file import names_of
from .problems import problems_of
from .unplanned import without
from .validation import Validation
from .violation import Violation
from .vocabulary import Vocabulary, vocabulary_of

B = TypeVar("B", bound=Batch)

_OWN_VALUES = 'write your own values, as in example(name, {"attribute": …})'
_READINGS: tuple[Like, ...] = ("server", "node")


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

    __slots__ = ("_document", "_validation")
    _document: containers.Document
    _validation: Validation

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
        plan._validation = Validation(document.points)
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
            return tuple(self._validation.violations(data, like))
        except RecursionError:
            raise InvalidPlan(
                "validate(): the batch is nested too deeply, or a $ref of the plan leads to itself"
            ) from None

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
        compile = self._validation.compile
        points, strict = self._document.points, like == "node"
        return problems_of(points, lambda point: compile(point, like).faults, strict=strict)

    def without_unplanned(self, batch: B, violations: Sequence[Violation] | None = None) -> B:
        """Return the batch without what is unplanned, as the server blocks it.

        Unplanned events, attributes of events and products, and user attributes are taken out.
        What is invalid stays.

        Args:
            batch: the batch.
            violations: what :meth:`validate` returned for it, if that is known.

        Raises:
            InvalidPlan: the definition of a point that is met is broken.
            InvalidValue: it is no batch, or these are no violations.
        """
        own = itself("without_unplanned", batch, Batch)
        if not is_a(own, Batch):
            line = "plan.without_unplanned(batch)"
            raise wrong_type("without_unplanned", batch, "a batch", line)
        if violations is None:
            violations = self.validate(own)
        elif not isinstance(violations, list | tuple) or not all(
            isinstance(one, Violation) for one in violations
        ):
            want, line = "what validate() returned", "violations=plan.validate(batch)"
            raise wrong_type("without_unplanned", violations, want, line, "violations")
        return without(cast("B", own), violations)

    def example(
        self,
        name: str,
        attributes: Mapping[str, Any] | None = None,
        *,
        type: str | None = None,
    ) -> Batch:
        """Return a batch with one event that the plan allows, of a user whom it allows.

        It has every attribute that is planned, with a made-up value, the same each time.

        Args:
            name: of the event or the screen, or the action, as in "purchase".
            attributes: your own values; they win over made-up ones.
            type: the ``custom_event_type``, or the type of the point, if there are several.

        Raises:
            InvalidPlan: the plan has no such event, or no example can be made up.
            InvalidValue: the attributes are no dict.

        >>> criteria = {"event_name": "Searched", "custom_event_type": "search"}
        >>> plan = DataPlan.from_dict({"data_points": [{
        ...     "match": {"type": "custom_event", "criteria": criteria},
        ...     "validator": {"type": "json_schema", "definition": {"properties": {"data": {
        ...         "properties": {"custom_attributes": {"type": "object", "properties": {
        ...             "Passengers": {"type": "number", "minimum": 2}}}}}}}},
        ... }]})
        >>> print(plan.example("Searched").to_python())
        Batch().event("Searched", {"Passengers": 2}, type="search")
        """
        if attributes is not None and not isinstance(attributes, Mapping):
            line = 'example(name, {"attribute": …})'
            raise wrong_type("example", attributes, "a dict", line, "attributes")
        points = self._validation.by_key
        point = point_named(name, type, points)
        user = points.get("user_attributes"), points.get("user_identities")
        for each in (point, *user):
            if each is not None:
                self._validation.validator_of(each, "server")  # which raises what is broken
        where = f"example({name!r})"
        try:
            payload = {**user_of(*user), "events": [event_of(point, attributes or {})]}
            batch = Batch.from_dict(payload, unknown="ignore")
        except (NoExample, InvalidBatch, TypeError, ValueError) as error:
            raise InvalidPlan(f"{where}: {error}; {_OWN_VALUES}") from None
        for violation in self.validate(batch):
            raise InvalidPlan(f"{where}: {violation.text}; {_OWN_VALUES}")
        return batch

    # Verbs

    def generate(self, *, names: str | Path | Mapping[str, Any] | None = None) -> str:
        """Return a module of Python with a typed verb for each event of the plan.

        It is text to be kept in a file: ``mpfluent plan generate`` writes it.

        Args:
            names: the path of a TOML file with names that you prefer, or what it says.

        Raises:
            InvalidPlan: a definition is broken; :meth:`problems` lists all.
            ConfigurationError: a preferred name is about nothing in the plan, or is taken.

        >>> point = {"match": {"type": "screen_view", "criteria": {"screen_name": "Cart"}},
        ...     "validator": {"type": "json_schema"}}
        >>> module = DataPlan.from_dict({"data_points": [point]}).generate()
        >>> "def viewed_cart(" in module
        True
        """
        for problem in self.problems():
            if not problem.advice and problem.kind != "too_many_points":
                raise InvalidPlan(f"generate(): {problem.text}; plan.problems() lists them all")
        chosen = names_of(names)
        found = written(self._validation.by_key.values(), chosen)
        plan = f'the data plan "{self.plan_id or self.name}"' if self.plan_id or self.name else ""
        version = f", version {self.version}" if self.version is not None else ""
        title = f"Verbs of {plan or 'a data plan'}{version}"
        prefix = prefix_of(self.plan_id, self.name, chosen)
        return module_text(found, prefix, title, self.description or "")

    def vocabulary(self, *, names: str | Path | Mapping[str, Any] | None = None) -> Vocabulary:
        """Return the classes of the generated module, for the prompt.

        Args:
            names: as in :meth:`generate`.

        Raises:
            InvalidPlan: a definition is broken; :meth:`problems` lists all.
            ConfigurationError: a preferred name is about nothing in the plan, or is taken.

        >>> point = {"match": {"type": "screen_view", "criteria": {"screen_name": "Cart"}},
        ...     "validator": {"type": "json_schema"}}
        >>> shop = DataPlan.from_dict({"data_points": [point]}).vocabulary()
        >>> shop.Batch().viewed_cart().events[0].screen_name
        'Cart'
        """
        prefix = prefix_of(self.plan_id, self.name, names_of(names))
        return vocabulary_of(self.generate(names=names), prefix)

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
