"""Plans and batches for tests: the smallest ones that ask something."""

from typing import Any

from mpfluent.dataplan import DataPlan, Violation


def point_of(match: dict[str, Any], definition: Any = True) -> dict[str, Any]:
    """Return a data point."""
    return {"match": match, "validator": {"type": "json_schema", "definition": definition}}


def event_point(name: str, attributes: Any = None, custom_type: str = "other") -> dict[str, Any]:
    """Return the point of a custom event, whose attributes have this schema."""
    criteria = {"event_name": name, "custom_event_type": custom_type}
    definition = {"properties": {"data": {"properties": {"custom_attributes": attributes}}}}
    match = {"type": "custom_event", "criteria": criteria}
    return point_of(match, {} if attributes is None else definition)


def user_point(properties: dict[str, Any], kind: str = "user_attributes", **rest: Any) -> Any:
    """Return the point of user attributes, or of identities; what it has not is unplanned."""
    definition = {"additionalProperties": False, "properties": properties, **rest}
    return point_of({"type": kind, "criteria": {}}, definition)


def plan_of(*points: dict[str, Any], **rest: Any) -> DataPlan:
    """Return a plan of these points."""
    return DataPlan.from_dict({"version_document": {"data_points": list(points)}, **rest})


def attributes_of(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """Return the schema of attributes, as mParticle's UI writes it."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": list(required),
    }


def payload_of(*events: dict[str, Any], **context: Any) -> dict[str, Any]:
    """Return the payload of a batch."""
    return {"environment": "development", "events": list(events), **context}


def custom_event(attributes: Any = None, name: str = "Boarded", **data: Any) -> dict[str, Any]:
    """Return the payload of a custom event."""
    given = {} if attributes is None else {"custom_attributes": attributes}
    named = {"event_name": name, "custom_event_type": "other", **given, **data}
    return {"event_type": "custom_event", "data": named}


def findings(schema: Any, value: Any, **options: Any) -> tuple[Violation, ...]:
    """Return what is said of an attribute ``v`` with this schema and this value."""
    plan = plan_of(event_point("Boarded", {"properties": {"v": schema}}))
    return plan.validate(payload_of(custom_event({"v": value})), **options)


def vendors(violations: tuple[Violation, ...]) -> dict[int | None, dict[str, Any]]:
    """Return the vendor's answer for each event, and for the user under None."""
    answers: dict[int | None, dict[str, Any]] = {}
    for violation in violations:
        answer = violation.to_vendor()
        known = answers.setdefault(violation.event_index, answer)
        if known is not answer:
            known["data"]["validation_errors"] += answer["data"]["validation_errors"]
    return answers
