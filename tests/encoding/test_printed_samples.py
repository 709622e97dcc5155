"""The samples that the vendor prints are read, or fail with a path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from readings import event, exactly

from mpfluent import Batch, InvalidBatch

SAMPLES = Path(__file__).parents[3] / "shared" / "wire" / "samples"
needs_samples = pytest.mark.skipif(
    not SAMPLES.exists(), reason="the vendor's printed samples are not at hand"
)


# The vendor's valid samples: to_dict(from_dict(x)) == x, but for what says nothing

# by the name of the object that holds it
SERVER_SET = {
    "batch": {
        "schema_version",
        "timestamp_unixtime_ms",
        "batch_id",
        "source_info",
        "api_key",
        "api_keys",
        "job_id",
        "origin_mpid",
        "modified",
        "system_notifications",
        "unique_id",
    },
    "event": {"message_id", "message_type"},
    "data": {"event_id", "event_system_notification_info"},
    "commerce": {"event_id", "event_system_notification_info", "event_name", "custom_event_type"},
    "data_plan": {"block_metadata"},
}


def clean(data: Any, holder: str = "batch") -> Any:
    """Return the data without nulls, empty containers and what only the server sets.

    Nulls stay where they are values: in user attributes, and as the two sides of a change.
    """
    if isinstance(data, list):
        kept = [clean(item, "event" if holder == "events" else holder) for item in data]
        return [item for item in kept if item not in ({}, [], None)]
    if not isinstance(data, dict):
        return data
    if holder == "event":
        inside = "commerce" if data.get("event_type") == "commerce_event" else "data"
        return {"event_type": data["event_type"], "data": clean(data.get("data", {}), inside)}
    found = {}
    for key, value in data.items():
        if key in SERVER_SET.get(holder, ()):
            continue
        means_null = holder == "user_attributes" or key in ("old", "new")
        value = clean(value, key)
        if value in ({}, []) or (value is None and not means_null):
            continue
        found[key] = value
    return found


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text())


# files, and the events or parts of a batch that the fragments file holds
VALID_FILES = [
    "docs_static_inbound_sample_2023-10.json",
    "docs_static_inbound_sample_2026-08_harvest.json",
    "docs_jsonref_python_validation_instance.json",
    "docs_segment_migration.json",
    "docs_privacy_consent_state.json",
    "docs_dataplanning_context.json",
    "generated_from_wire_format_full.json",
    "generated_from_wire_format_minimal.json",
]
VALID_FRAGMENTS = [
    "promotion_action",
    "product_impressions",
    "shopping_cart",
    "promotion",
    "location",
    "context",
    "custom_flags",
    "application_info",
    "user_attributes",
    "user_identities",
    "partner_identities",
    "integration_attributes",
    "consent_state",
    "source_info",
]


def fragment(name: str) -> Any:
    """Return one of the printed fragments, in the smallest batch that can hold it."""
    data = sample("docs_jsonref_fragments.json")[name]
    purchase = {"product_action": {"action": "purchase"}}
    wrapped = {
        "promotion_action": lambda: event("commerce_event", promotion_action=data),
        "product_impressions": lambda: event("commerce_event", product_impressions=[data]),
        "shopping_cart": lambda: event("commerce_event", **purchase, shopping_cart=data),
        "promotion": lambda: event(
            "commerce_event", promotion_action={"action": "view", "promotions": [data]}
        ),
        "location": lambda: event("session_end", session_duration_ms=1, **data),
        "custom_flags": lambda: event(custom_event_type="other", **data),
    }
    return wrapped[name]() if name in wrapped else data


@needs_samples
@pytest.mark.parametrize("name", VALID_FILES)
def test_a_valid_sample_comes_back_as_it_was(name: str) -> None:
    data = sample(name)
    assert exactly(clean(Batch.from_dict(data).to_dict())) == exactly(clean(data))


@needs_samples
@pytest.mark.parametrize("name", VALID_FILES)
def test_a_valid_sample_reads_the_same_from_its_text(name: str) -> None:
    text = (SAMPLES / name).read_text()
    batch = Batch.from_json(text)
    assert batch == Batch.from_dict(json.loads(text))
    assert exactly(clean(json.loads(batch.to_json()))) == exactly(clean(json.loads(text)))


@needs_samples
@pytest.mark.parametrize("name", VALID_FRAGMENTS)
def test_a_valid_fragment_comes_back_as_it_was(name: str) -> None:
    data = fragment(name)
    assert exactly(clean(Batch.from_dict(data).to_dict())) == exactly(clean(data))


@needs_samples
@pytest.mark.parametrize("name", VALID_FILES)
def test_a_sample_that_was_read_can_be_written_again_and_again(name: str) -> None:
    batch = Batch.from_dict(sample(name))
    for one in (batch, *batch.events):
        assert len({one.to_json() for _ in range(20)}) == 1
        assert exactly(json.loads(one.to_json())) == exactly(one.to_dict())


# The other printed samples are not valid; they read, or fail with a path

READS = ""
NO_NAME = "from_dict(): events[0].data.event_name: must be given"
PRINTED = {
    "docs_jsonref_overall_structure.json": NO_NAME,
    "docs_http_events_skeleton.json": NO_NAME,
    "docs_quickstart_http_curl.json": READS,
    "docs_jsonref_event_custom_event.json": READS,
    "docs_jsonref_event_session_start.json": READS,
    "docs_jsonref_event_session_end.json": READS,
    "docs_jsonref_event_screen_view.json": READS,
    "docs_jsonref_event_uninstall.json": READS,
    "docs_jsonref_event_opt_out.json": READS,
    "docs_jsonref_event_push_registration.json": READS,
    "docs_jsonref_event_push_message.json": READS,
    # prints the response code as a string
    "docs_jsonref_event_network_performance.json": READS,
    # prints the server's event id as a string
    "docs_jsonref_event_breadcrumb.json": READS,
    "docs_jsonref_event_commerce_event.json": (
        "from_dict(): events[0].data.product_impressions[0].product_impression_list: must be given"
    ),
    "docs_jsonref_event_crash_report.json": (
        "from_dict(): events[0].data.breadcrumbs[0]: "
        'Required event field "event_type" is missing or empty.'
    ),
    # has two fields of push_registration
    "docs_jsonref_event_application_state_transition.json": (
        "from_dict(): events[0].data has no field 'register'; "
        "it has application_transition_type, is_first_run, is_upgrade, successfully_closed, "
        "push_notification_payload, launch_referral, timestamp_unixtime_ms, source_message_id, "
        "session_uuid, session_id, event_num, custom_attributes, …"
    ),
    "docs_http_error_response.json": (
        "from_dict() has no field 'errors'; it has environment, source_request_id, mpid, "
        "mp_deviceid, user_identities, user_attributes, deleted_user_attributes, device_info, "
        "application_info, ip, consent_state, context, …"
    ),
}


def outcome(data: Any) -> str:
    """Return READS, or the text of the error."""
    try:
        Batch.from_dict(data)
    except InvalidBatch as error:
        return str(error)
    return READS


@needs_samples
@pytest.mark.parametrize(("name", "expected"), PRINTED.items())
def test_a_printed_sample_reads_or_fails_with_its_path(name: str, expected: str) -> None:
    data = sample(name)
    assert outcome({"events": [data]} if "event_type" in data else data) == expected


@needs_samples
def test_each_batch_of_the_printed_bulk_fails_with_its_path() -> None:
    data = sample("docs_http_bulkevents_skeleton.json")
    assert [outcome(batch) for batch in data] == [NO_NAME, NO_NAME]


@needs_samples
def test_the_master_sample_fails_for_its_upgrade_in_the_background() -> None:
    data = sample("docs_jsonref_master_sample.json")
    expected = "from_dict(): events[1].data"
    assert outcome(data).startswith(expected)
    assert "is_upgrade" in outcome(data)
    data["events"][1]["data"]["is_upgrade"] = False
    assert outcome(data) == READS


PRINTED_FRAGMENTS = {
    # prints empty strings for numbers, which are unset
    "product_action": READS,
    "product": READS,
    # prints system_memory_available_Bytes and the orientation "undefined"
    "device_current_state": READS,
    "device_info": READS,
    "outgoing_user_identities": READS,
    "common_event_data_node_properties": (
        'from_dict(): events[0]: Required event field "event_type" is missing or empty.'
    ),
    "events": 'from_dict(): events[0]: Required event field "event_type" is missing or empty.',
}


@needs_samples
@pytest.mark.parametrize(("name", "expected"), PRINTED_FRAGMENTS.items())
def test_a_printed_fragment_reads_or_fails_with_its_path(name: str, expected: str) -> None:
    data = sample("docs_jsonref_fragments.json")[name]
    if name == "product_action":
        data = event("commerce_event", product_action=data)
    elif name == "product":
        data = event("commerce_event", product_action={"action": "click", "products": [data]})
    elif name == "device_current_state":
        data = event("session_end", session_duration_ms=1, **data)
    elif "event_type" in data:
        data = {"events": [data]}
    assert outcome(data) == expected


@needs_samples
def test_every_printed_sample_is_in_a_table() -> None:
    files = {path.name for path in SAMPLES.glob("*.json")}
    elsewhere = {
        "docs_http_bulkevents_skeleton.json",
        "docs_jsonref_master_sample.json",
        "docs_jsonref_fragments.json",
    }
    assert files - elsewhere == {*VALID_FILES, *PRINTED}
    fragments = {key for key in sample("docs_jsonref_fragments.json") if "__note" not in key}
    assert fragments == {*VALID_FRAGMENTS, *PRINTED_FRAGMENTS}
