"""Batches that a data plan allows, and ones that it does not."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...builder.batch import Batch
from ...dataplan import DataPlan
from ...dataplan.patterns import Unreadable, compiled
from ...errors import InvalidPlan, InvalidValue, brief
from ...model.event import Event
from .single_values import NAMES, few, scalars, texts

_MOST = 10**9  # the largest number that is drawn where a plan has no limit


class _Sample(NamedTuple):
    """An event that a plan allows, and the schema of its attributes."""

    event: Event
    attributes: Mapping[str, Any]


def planned(plan: DataPlan, *, valid: bool = True) -> SearchStrategy[Batch]:
    """Draw batches that a data plan allows, or ones that it does not.

    Events of which no example can be made up are left out.

    Args:
        plan: the data plan.
        valid: whether the plan allows what is drawn.

    Raises:
        InvalidPlan: the plan has no event, or there are examples of none.
        InvalidValue: it is no data plan.

    >>> from hypothesis import find
    >>> plan = DataPlan.from_dict({"data_points": [{
    ...     "match": {"type": "screen_view", "criteria": {"screen_name": "Cart"}},
    ...     "validator": {"type": "json_schema"}}]})
    >>> find(planned(plan), lambda batch: batch.events).events[0].screen_name
    'Cart'
    >>> plan.validate(find(planned(plan, valid=False), lambda batch: True))[0].kind
    'unplanned'
    """
    if not isinstance(plan, DataPlan):
        raise InvalidValue(
            f"planned({brief(plan)}): want a DataPlan; "
            'write planned(DataPlan.from_file("plan.json"))'
        )
    samples, user = _samples(plan)
    drawn = _planned(samples, user, plan).filter(lambda batch: not plan.validate(batch))
    if valid:
        return drawn
    return _spoilt(drawn).filter(lambda batch: bool(plan.validate(batch)))


def _samples(plan: DataPlan) -> tuple[list[_Sample], Batch]:
    """Return an event for each point that has an example, and a user."""
    samples = []
    user, why = Batch(), f"planned({plan!r}): the plan has no events"
    for point in plan._validation.by_key.values():
        try:
            example = plan.example(point.name, type=point.custom_type or point.type)
        except InvalidPlan as error:
            if point.type not in ("user_attributes", "user_identities", "unknown"):
                why = f"planned({plan!r}): {error}"
            continue
        user = example._having(())
        schema = _inside(_inside(point.definition, "data"), "custom_attributes")
        samples.append(_Sample(example.events[0], schema))
    if not samples:
        raise InvalidPlan(why)
    return samples, user


def _inside(schema: Any, name: str) -> Any:
    properties = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
    return properties.get(name, {})


@st.composite
def _planned(draw: DrawFn, samples: list[_Sample], user: Batch, plan: DataPlan) -> Batch:
    events = []
    for event, schema in draw(few(st.sampled_from(samples))):
        attributes = _drawn(draw, schema, event.attributes or {})
        events.append(event.__replace__(attributes=attributes))
    point = plan._validation.by_key.get("user_attributes")
    known: Mapping[str, Any] = user.user_attributes or {}
    attributes = _drawn(draw, point.definition, known) if point is not None else {}
    return user.without_user_attributes(*known).with_user_attributes(attributes)._having(events)


def _drawn(draw: DrawFn, schema: Any, sample: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes: all that are required, and some of the others."""
    required = schema.get("required", ()) if isinstance(schema, Mapping) else ()
    names = [name for name in sample if name in required or draw(st.booleans())]
    if sample and not names:  # the plan may want attributes of any name
        names = [draw(st.sampled_from([*sample]))]
    return {name: draw(_values(_inside(schema, name), sample[name])) for name in names}


def _values(schema: Any, sample: Any) -> SearchStrategy[Any]:
    """Draw values that a schema allows; at worst, the one of the example."""
    if not isinstance(schema, Mapping) or not schema:
        return scalars()
    kind = schema.get("type")
    if "const" in schema or "enum" in schema or not isinstance(kind, str):
        return st.just(sample)
    return _KINDS.get(kind, _same)(schema, sample)


def _same(schema: Mapping[str, Any], sample: Any) -> SearchStrategy[Any]:
    return st.just(sample)


def _texts(schema: Mapping[str, Any], sample: Any) -> SearchStrategy[Any]:
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    if "format" in schema:
        return st.just(sample)
    if "pattern" not in schema:
        return texts(least, int(most) if most is not None else least + 12)
    try:
        expression = compiled(schema["pattern"]).expression
    except Unreadable:
        return st.just(sample)
    drawn = st.from_regex(expression, alphabet=st.characters(exclude_categories=["Cs"]))
    fits = re.compile(f"(?s).{{{least},{'' if most is None else int(most)}}}")
    return drawn.filter(lambda text: fits.fullmatch(text) is not None)


def _limits(schema: Mapping[str, Any]) -> tuple[float, float]:
    least = max(schema.get("minimum", -_MOST), schema.get("exclusiveMinimum", -_MOST))
    return least, min(schema.get("maximum", _MOST), schema.get("exclusiveMaximum", _MOST))


def _integers(schema: Mapping[str, Any], sample: Any) -> SearchStrategy[Any]:
    least, most = _limits(schema)
    step = schema.get("multipleOf", 1)
    if step != int(step):
        return st.just(sample)
    first, last = math.ceil(least / step), math.floor(most / step)
    numbers = st.integers(first, last).map(lambda number: number * int(step))
    return numbers.filter(lambda number: _is_inside(schema, number))


def _numbers(schema: Mapping[str, Any], sample: Any) -> SearchStrategy[Any]:
    least, most = _limits(schema)
    if "multipleOf" in schema or math.ceil(least) > math.floor(most):
        return st.just(sample)
    numbers = _integers(schema, sample) | st.floats(least, most, allow_nan=False)
    return numbers.filter(lambda number: _is_inside(schema, number))


def _is_inside(schema: Mapping[str, Any], number: float) -> bool:
    above = number > schema.get("exclusiveMinimum", -math.inf)
    return bool(above and number < schema.get("exclusiveMaximum", math.inf))


_KINDS: dict[str, Callable[[Mapping[str, Any], Any], SearchStrategy[Any]]] = {
    "string": _texts,
    "integer": _integers,
    "number": _numbers,
    "boolean": lambda schema, sample: st.booleans(),
}


@st.composite
def _spoilt(draw: DrawFn, batches: SearchStrategy[Batch]) -> Batch:
    """Draw a batch with one thing in it that may not be as planned."""
    batch = draw(batches)
    if not batch.events or draw(st.booleans()):
        return batch.event(draw(NAMES), type="other")
    place = draw(st.integers(0, len(batch.events) - 1))
    event = batch.events[place]
    attributes = dict(event.attributes or {})
    loses_one = draw(st.booleans())
    if attributes and loses_one:
        attributes.pop(draw(st.sampled_from([*attributes])))
    else:
        known = [st.sampled_from([*attributes])] if attributes else []
        name: str = draw(st.one_of(NAMES, *known))
        attributes[name] = draw(scalars())
    events = [*batch.events]
    events[place] = event.__replace__(attributes=attributes)
    return batch._having(events)
