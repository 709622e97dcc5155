"""What cannot be read from JSON or a dict, and the errors' texts."""

from __future__ import annotations

from mistake_tables import ONE_OF_THREE, assert_error, mistakes

from mpfluent import Batch, InvalidValue, UnknownField


@mistakes(
    (
        lambda: Batch.from_json(5),
        InvalidValue,
        "from_json(5): want JSON text, got int",
    ),
    (
        lambda: Batch.from_json('{"mpid": NaN}'),
        InvalidValue,
        "from_json(): NaN is not a number that JSON can carry",
    ),
    (
        lambda: Batch.from_dict([]),
        InvalidValue,
        "from_dict(): []: want an object, got list",
    ),
    (
        lambda: Batch.from_dict({"mpdi": 5}),
        UnknownField,
        "from_dict() has no field 'mpdi'; did you mean 'mpid'?",
    ),
    (
        lambda: Batch.from_dict({"device_info": {"platfrom": "iOS"}}),
        UnknownField,
        "from_dict(): device_info has no field 'platfrom'; did you mean 'platform'?",
    ),
    (
        lambda: Batch.from_dict({"device_info": {"platform": "ios"}}),
        InvalidValue,
        "from_dict(): device_info.platform='ios': 'ios' is not a platform; "
        "did you mean 'iOS'? (iOS, Android, web, …)",
    ),
    (
        lambda: Batch.from_dict({"events": [{"event_type": "custom_evnt", "data": {}}]}),
        InvalidValue,
        "from_dict(): events[0].event_type='custom_evnt': 'custom_evnt' is not an event type",
    ),
    (
        lambda: Batch.from_dict({"events": [{"event_type": "custom_event"}]}),
        InvalidValue,
        "from_dict(): events[0].data.event_name: must be given",
    ),
    (
        lambda: Batch.from_dict({"events": [{"event_type": "commerce_event", "data": {}}]}),
        InvalidValue,
        f"from_dict(): events[0].data: {ONE_OF_THREE}, got none of them",
    ),
    (
        lambda: Batch.from_dict({"user_attributes": {"address": {"city": "Berlin"}}}),
        InvalidValue,
        "from_dict(): user_attributes['address']={'city': 'Berlin'}: attributes are flat: "
        "want a string, number, boolean, list or None, got dict",
    ),
    (
        lambda: Batch.from_dict({}, unknown="drop"),
        InvalidValue,
        "from_dict(unknown='drop'): want 'raise' or 'ignore'",
    ),
)
def test_the_error_of_what_cannot_be_read_has_its_path(call, error, text):
    assert_error(call, error, text)
