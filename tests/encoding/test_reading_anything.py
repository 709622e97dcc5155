"""Whatever is read becomes a batch or an error of ours, and the loader agrees with the schemas."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import Schema
from readings import event, exactly
from strategies import full, full_events

from mpfluent import AppEvent, Batch, Event, InvalidBatch, InvalidValue, MPFluentError
from mpfluent.encoding import loader, reader, schema
from mpfluent.testing.strategies import batches
from mpfluent.testing.strategies.records import RECORD_CLASSES

FUZZ = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [*Batch._wire, *AppEvent._wire, "event_type", "data", "platform", "gdpr"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(FUZZ, st.sampled_from(["raise", "ignore"]))
@settings(deadline=None)
def test_whatever_is_read_is_a_batch_or_an_error_of_ours(data: Any, unknown: Any) -> None:
    try:
        batch = Batch.from_dict(data, unknown=unknown)
    except MPFluentError:
        return
    assert Batch.from_dict(batch.to_dict()) == batch


@given(batches(max_fields=3, max_events=2), st.data())
@settings(deadline=None)
def test_one_wrong_value_is_found_wherever_it_stands(batch: Batch, data: Any) -> None:
    wire = batch.to_dict()
    paths = list(leaves(wire))
    if not paths:
        return
    path = data.draw(st.sampled_from(paths))
    holder = wire
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = object()
    with pytest.raises(InvalidBatch) as caught:
        Batch.from_dict(wire)
    assert str(path[0]) in str(caught.value)


def leaves(data: Any, path: tuple[Any, ...] = ()) -> Any:
    """Yield the path to every value that is neither an object nor an array."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in pairs:
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


@pytest.mark.parametrize(
    "text",
    [
        '{"mpid": 1e400}',
        '{"mpid": 123456789012345678901234567890.5}',
        '{"mpid": 1E+40}',
        '{"user_attributes": {"a": 1e9999999999999999999}}',
        '{"user_identities": [{"identity_type": ["x"], "identity": "a"}]}',
        '{"user_identities": [{"identity_type": {}, "identity": "a"}]}',
    ],
)
def test_hostile_json_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"^from_json\(\): "):
        Batch.from_json(text)


@pytest.mark.parametrize("digits", ["Infinity", "-Infinity", "NaN", "sNaN", "1E+40"])
def test_a_decimal_that_is_no_integer_is_an_error_of_ours(digits: str) -> None:
    with pytest.raises(InvalidValue, match=r"^from_dict\(\): mpid"):
        Batch.from_dict({"mpid": Decimal(digits)})


# The loader beside the schemas


def strictly(data: Any) -> dict[str, Any]:
    """Return a batch's data in strict wire form, as schemas take it."""
    return reader._Reader("from_dict", "raise").record(Batch, data, "")


@given(batches(max_fields=4, max_events=3))
@settings(deadline=None)
def test_the_loader_loads_whatever_is_valid_as_its_schema_does(batch: Batch) -> None:
    tidy = strictly(batch.to_dict())
    loaded = loader.load_valid(Batch, tidy)

    assert loaded == schema.schema_of(Batch).load(tidy)
    assert exactly(loaded.to_dict()) == exactly(tidy)


@given(batches(max_fields=3, max_events=2), FUZZ | st.just("unset"), st.data())
@settings(deadline=None)
def test_what_a_schema_refuses_the_loader_refuses_too(batch: Batch, odd: Any, data: Any) -> None:
    tidy = strictly(batch.to_dict())
    holder: Any = tidy
    while True:  # change, add or take away one thing, wherever it stands
        keys = [*holder] if isinstance(holder, dict) else [*range(len(holder))]
        key = data.draw(st.sampled_from([*keys, "platform"] if isinstance(holder, dict) else keys))
        inside = holder[key] if key in keys else None
        if inside and isinstance(inside, dict | list) and data.draw(st.booleans()):
            holder = inside
            continue
        if odd == "unset" and key in keys:
            del holder[key]
        else:
            holder[key] = odd
        break
    try:
        loaded = loader.load_valid(Batch, tidy)
    except Exception:
        return
    excused = ["events.data.session_duration_ms"]  # reading does without it
    by_schema = schema.schema_of(Batch).load(tidy, partial=excused)
    assert exactly(by_schema.to_dict()) == exactly(loaded.to_dict())


@pytest.mark.parametrize("platform", ["iOS", "no platform"])
def test_a_schema_is_made_once_and_not_for_each_read(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {**event(custom_attributes={"a": 1}), "device_info": {"platform": platform}}
    made = []
    make = Schema.__init__

    def counted(self: Schema, **options: Any) -> None:
        made.append(self)
        make(self, **options)

    def read() -> None:
        with contextlib.suppress(InvalidBatch):
            Batch.from_dict(data)

    read()
    monkeypatch.setattr(Schema, "__init__", counted)
    read()

    assert made == []


def test_what_is_valid_is_read_without_marshmallow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Schema, "load", lambda *_, **__: pytest.fail("marshmallow loads"))

    for cls in RECORD_CLASSES:
        assert cls.from_dict(full(cls).to_dict()) == full(cls)
    for one in full_events():
        assert Batch.from_dict({"events": [one.to_dict()]}).events == (one,)
        assert Event.from_dict(one.to_dict()) == one
