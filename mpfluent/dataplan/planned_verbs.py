"""The points of a plan, as generated verbs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from ..builder.batch import Batch
from ..errors import InvalidBatch, InvalidValue
from ..formatting.code_layout import quoted
from ..model.events import AppEvent, CustomEventType, ScreenViewEvent
from .functions import Entries, Function
from .names_file import Names
from .never_planned import why_never
from .planned_arguments import (
    Attributes,
    Impossible,
    attributes_of,
    inside,
    is_closed,
    listed,
    required,
)
from .points import Point

FIELDS = "**fields: Unpack[CommonFields]"
"""The last argument of each verb."""

# What every event has, whatever is written.
_KNOWN = {"event_name", "custom_event_type", "screen_name", "custom_attributes"}
_COMMERCE = {"product_action", "promotion_action", "product_impressions"}
_FIELDS_OF_COMMERCE = {"currency_code", "screen_name", "is_non_interactive"}  # which have arguments
_ALWAYS = {*_KNOWN, *_COMMERCE, "timestamp_unixtime_ms"}


def function_of(point: Point, name: str, names: Names) -> Function:
    """Return the verb of a custom event or a screen.

    Args:
        point: of the event.
        name: of the verb.
        names: that were chosen.

    Raises:
        Impossible: no batch could hold the event, or none as planned.
    """
    is_screen = point.type == "screen_view"
    label = quoted(point.name)
    try:
        if is_screen:
            ScreenViewEvent(point.name)
        else:
            AppEvent(point.name)
    except InvalidValue:
        raise Impossible(f"a batch cannot hold the name {label}") from None
    if not is_screen and point.custom_type not in get_args(CustomEventType):
        raise Impossible(f"a batch cannot hold the type {quoted(point.custom_type)}")
    found = event_attributes(point, "screen" if is_screen else "event", names)
    given = entries_of(found, "attributes=" if is_screen else "")
    kind = [] if is_screen else [f"type={quoted(point.custom_type)}"]
    return Function(
        name=name,
        first=["self: V"],
        arguments=found.arguments,
        last=[*others_of(found), FIELDS],
        returns="V",
        call="self.screen_view" if is_screen else "self.event",
        items=[label, *given, *kind, "**fields"],
        summary=f"Append the screen {label}" if is_screen else f"Append {label} ({kind[0][6:-1]})",
        description=point.description,
        notes=found.notes,
    )


def user_function_of(point: Point, names: Names) -> Function | None:
    """Return the verb for the user's attributes; None if the plan names none.

    Args:
        point: of user attributes.
        names: that were chosen.

    Raises:
        Impossible: no user could be as planned.
    """
    found = attributes_of(
        point.definition, "user", _user_holds, renamed=names.arguments, lists=True
    )
    if not found.arguments:
        return None
    return Function(
        name="with_planned_attributes",
        first=["self: B"],
        arguments=found.arguments,
        last=[],
        returns="B",
        call="self.with_user_attributes",
        items=[Entries(("_given(", "{"), [each.entry for each in found.arguments])],
        summary="Merge attributes of the user; those that are None are left as they are",
        description=point.description,
        notes=found.notes,
    )


def event_attributes(point: Point, reserved: str, names: Names) -> Attributes:
    """Return the attributes that an event may have.

    Args:
        point: of the event.
        reserved: for what kind of function, a key of ``RESERVED``.
        names: that were chosen.

    Raises:
        Impossible: no event is as planned.
    """
    data = inside(point.definition, "data")
    if data is False or point.definition is False:
        raise Impossible("its definition allows nothing")
    why = why_never(point)
    if why is not None:
        raise Impossible(why)
    wanted = required(data)
    found = attributes_of(
        schema_of_attributes(data),
        reserved,
        _event_holds,
        renamed=names.arguments,
        is_required="custom_attributes" in wanted,
    )
    known = _ALWAYS | (_FIELDS_OF_COMMERCE if reserved == "commerce" else set())
    notes = [f"The plan requires {quoted(name)}, too." for name in wanted if name not in known]
    if found.is_open:
        notes.append("The plan allows other attributes, too: write attributes={…}.")
    return found._replace(notes=(*found.notes, *notes))


def schema_of_attributes(around: Any) -> Any:
    """Return the schema of the attributes in an event, or in a product.

    Args:
        around: the schema of the event's data, or of the product.
    """
    schema = inside(around, "custom_attributes")
    if schema is None and is_closed(around):
        return False
    kinds = schema.get("type", "object") if isinstance(schema, dict) else "object"
    return schema if kinds == "object" or "object" in listed(kinds) else False


def others_of(found: Attributes) -> list[str]:
    """Return the argument for attributes that the plan does not name."""
    if not found.is_open:
        return []
    said = f"attributes: Mapping[str, {found.others} | None]"
    return [said if found.needs_others else f"{said} | None = None"]


def entries_of(found: Attributes, openings: str | Sequence[str]) -> list[str | Entries]:
    """Return the attributes as an argument of a call.

    Args:
        found: the attributes.
        openings: what stands before the dict: a keyword, or that and a function's bracket.
    """
    keyword, *brackets = [openings] if isinstance(openings, str) else openings
    entries = [each.entry for each in found.arguments]
    others = "attributes" if found.needs_others else "attributes or {}"
    if not entries and not found.is_open:
        return []
    if not entries:
        whole = f"{brackets[0]}{others})" if brackets else "attributes"
        return [f"{keyword or 'attributes='}{whole}"]
    entries += ["**(attributes or {})"] * found.is_open
    opened = [f"{keyword}{brackets[0]}", "{"] if brackets else [f"{keyword}{{"]
    return [Entries(opened, entries)]


def is_made(make: Callable[[], object]) -> bool:
    """Return whether a value of ours can be made."""
    try:
        make()
    except InvalidBatch:
        return False
    return True


def _event_holds(name: str) -> bool:
    return is_made(lambda: AppEvent("event", {name: "text"}))


def _user_holds(name: str) -> bool:
    return is_made(lambda: Batch().with_user_attributes({name: "text"}))
