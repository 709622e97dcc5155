"""The local server takes what the vendor's SDKs send, and says what it did not hold of it."""

import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from unittest import mock

import pytest
import requests
from damaged_batches import damaged
from hypothesis import given

from benchmarks.environments import Environments, Unavailable
from mpfluent import Batch, ConfigurationError, InvalidBatch
from mpfluent.testing import LocalServer, assert_nothing_sent, assert_sent
from mpfluent.testing.held_values import held

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT.parent / "shared" / "wire" / "samples"
NOW = 1_795_428_900_000


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


def post(server, body, path="/v2/events"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(server.url + path, data=data, auth=("key", "secret"), timeout=10)


def event(event_type, **data):
    return {"event_type": event_type, "data": data}


def batch_of(*events, **more):
    return {"environment": "development", "events": list(events), **more}


# What the SDKs of the vendor send, in the shapes of their printed examples

FLAGS = {"answer": 42, "dolphins": ["So long", "Thanks"]}
PYTHON = batch_of(
    event("session_start", session_id=7, timestamp_unixtime_ms=NOW),
    event("custom_event", event_name="Example", custom_event_type="navigation", custom_flags=FLAGS),
    event("session_end"),
    user_identities={"customerid": "123456", "email": "user@example.com"},
    consent_state={
        "gdpr": {"agreement": {"consented": True, "timestamp_unixtime_ms": 1_795_428_900}},
        "ccpa": {},
    },
    mpid="600868121729048600",
    mp_deviceid="59780f39-d7a0-4ebe-9950-280f937c29e2",
)
JAVA = {
    "environment": "DEVELOPMENT",
    "mpid": None,
    "ip": None,
    "schema_version": None,
    "device_info": {"platform": None, "ios_advertising_id": "5864e6b0-0d46-4667-a463-21d9493b6c10"},
    "consent_state": {"gdpr": None, "ccpa": None},
    "user_identities": {"customer_id": "123456", "email": None},
    "user_attributes": {"colours": ["red", "blue"]},
    "context": {"data_plan": {"plan_id": "mobile", "plan_version": 2}},
    "events": [
        {
            "data": {
                "event_name": "Example",
                "custom_event_type": "LOCATION",
                "custom_attributes": {"foo": "bar"},
                "custom_flags": None,
                "location": None,
            },
            "event_type": "CUSTOM_EVENT",
        },
        {
            "event_type": "COMMERCE_EVENT",
            "data": {
                "product_action": {
                    "action": "REMOVE_FROM_WISHLIST",
                    "products": [{"id": "sku-1", "name": "Teapot", "total_product_amount": 123.12}],
                    "total_amount": 123.12,
                },
                "promotion_action": None,
                "product_impressions": [],
            },
        },
    ],
}


def test_what_the_python_sdk_sends_is_taken_and_held(server):
    answer = post(server, PYTHON)

    assert (answer.status_code, answer.content) == (202, b"")
    (batch,) = server.batches
    assert batch.user_identities.customer_id == "123456"
    assert batch.mpid == 600868121729048600
    assert [each.event_type for each in batch.events] == [
        "session_start",
        "custom_event",
        "session_end",
    ]
    assert batch.events[1].flags == {"answer": 42}
    assert batch.events[2].session_duration_ms is None
    assert server.requests[0].problems == (
        "events[1].data.custom_flags['dolphins']=['So long', 'Thanks']: "
        "attributes are flat: want a string, number or boolean, got list",
    )
    assert_sent(server, "Example", customer_id="123456", flags={"answer": 42}, times=1)


def test_what_the_java_sdk_sends_is_taken_and_held(server):
    assert post(server, [JAVA], "/v2/bulkevents").status_code == 202
    (batch,) = server.batches

    assert batch.environment == "development"
    assert [batch.events[0].type, batch.events[1].product_action.action] == [
        "location",
        "remove_from_wish_list",
    ]
    assert server.requests[0].problems == ()


@pytest.mark.parametrize(
    ("entry", "path", "expected"),
    [
        ({"user_identities": {"customerid": "1"}}, "user_identities.customer_id", "1"),
        ({"mpid": "600868121729048600"}, "mpid", 600868121729048600),
        ({"environment": "Production"}, "environment", "production"),
        ({"device_info": {"platform": "TVOS"}}, "device_info.platform", "tvOS"),
        ({"device_info": {"platform": "FIRE_TV"}}, "device_info.platform", "fire_tv"),
        (
            batch_of(
                event(
                    "commerce_event", product_action={"action": "purchase", "total_amount": "21.49"}
                )
            ),
            "events.0.product_action.total_amount",
            Decimal("21.49"),
        ),
        (batch_of(event("session_end")), "events.0.session_duration_ms", None),
        (batch_of(event("custom_event", event_name="x")), "events.0.type", "other"),
        (batch_of({"event_type": "session_start", "data": None}), "events.0.at", None),
        (batch_of({"event_type": "session_start"}), "events.0.at", None),
        (batch_of(event("session_start", location={})), "events.0.location", None),
        ({"schema_version": 2, "api_key": "key", "batch_id": 5}, "mpid", None),
        ({"ip": ""}, "ip", None),
    ],
)
def test_what_can_be_held_is_held_without_a_problem(server, entry, path, expected):
    assert post(server, entry).status_code == 202
    found = server.batches[0]
    for name in path.split("."):
        found = found[int(name)] if name.isdecimal() else getattr(found, name)

    assert found == expected
    assert server.requests[0].problems == ()


GOOD_EVENT = event("custom_event", event_name="kept", custom_event_type="other")


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"ip": "nowhere"}, "ip='nowhere': "),
        ({"mpid": "not a number"}, "mpid='not a number': "),
        ({"user_identities": []}, None),
        ({"user_identities": 5}, "user_identities=5: want an object, got int"),
        ({"user_identities": {"customer": "1"}}, "user_identities.customer='1': "),
        ({"user_identities": {"customer_id": ["1"]}}, "user_identities.customer_id=['1']: "),
        ({"device_info": {"platform": "toaster"}}, "device_info.platform='toaster': "),
        ({"user_attributes": {"a": {"b": 1}}}, "user_attributes['a']={'b': 1}: "),
        ({"user_attributes": ["a"]}, "user_attributes=['a']: want an object, got list"),
        ({"user_attributes": {"a": [None]}}, "user_attributes['a'][0]=None: "),
        ({"deleted_user_attributes": ["a", 5]}, "deleted_user_attributes[1]=5: "),
        ({"deleted_user_attributes": "a"}, "deleted_user_attributes='a': want an array, got str"),
        ({"integration_attributes": {"92": 5}}, "integration_attributes['92']=5: "),
        ({"consent_state": {"gdpr": {"p": {"consented": True}}}}, "consent_state.gdpr.p: "),
        ({"consent_state": {"gdpr": {"p": {}}}}, None),
        ({"context": {"data_plan": {"plan_version": 2}}}, "context.data_plan: "),
        ({"sideloaded_kits_count": 2}, "sideloaded_kits_count=2: no value of ours has this field"),
        ({"a b\x1b": 2}, "['a b\\x1b']=2: no value of ours has this field"),
        ({"source_request_id": "\ud800"}, r"source_request_id='\ud800': has a lone surrogate"),
        ({"user_attributes": {"a": "\udfff"}}, r"user_attributes['a']='\udfff': has a lone surr"),
    ],
)
def test_what_cannot_be_held_is_left_out_and_reported_and_the_rest_is_kept(server, more, problem):
    entry = batch_of(GOOD_EVENT, **{"mp_deviceid": "59780f39-d7a0-4ebe-9950-280f937c29e2", **more})
    assert post(server, entry).status_code == 202

    (batch,) = server.batches
    assert batch.mp_deviceid == "59780f39-d7a0-4ebe-9950-280f937c29e2"
    assert batch.events[0].event_name == "kept"
    problems = server.requests[0].problems
    assert len(problems) == (problem is not None)
    assert problem is None or problems[0].startswith(problem)


@pytest.mark.parametrize(
    ("one", "problem"),
    [
        (event("screen_view"), "events[0]: data.screen_name: must be given"),
        (event("commerce_event"), "events[0]: data: a commerce event has exactly one of "),
        (event("opt_out"), "events[0]: data.is_opted_out: must be given"),
        (
            event("application_state_transition", application_transition_type="INITIALIZED"),
            "events[0].data.application_transition_type='INITIALIZED': ",
        ),
    ],
)
def test_an_event_that_cannot_be_held_is_left_out_as_a_whole(server, one, problem):
    assert post(server, batch_of(one, GOOD_EVENT)).status_code == 202

    assert [each.event_name for each in server.batches[0].events] == ["kept"]
    assert server.requests[0].problems[0].startswith(problem)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"custom_attributes": {"a": [1], "b": 2}}, "custom_attributes['a']=[1]: "),
        ({"timestamp_unixtime_ms": "yesterday"}, "timestamp_unixtime_ms='yesterday': "),
        ({"session_uuid": "no"}, "session_uuid='no': "),
        ({"is_goal_defined": "perhaps"}, "is_goal_defined='perhaps': "),
        ({"location": {"latitude": 1}}, "location: longitude: must be given"),
        ({"a_name_of_their_own": 1}, "a_name_of_their_own=1: no value of ours has this field"),
    ],
)
def test_a_field_of_an_event_that_cannot_be_held_leaves_the_event(server, data, problem):
    one = event("custom_event", event_name="kept", custom_event_type="other", **data)
    assert post(server, batch_of(one)).status_code == 202

    assert server.batches[0].events[0].event_name == "kept"
    (problem_text,) = server.requests[0].problems
    assert problem_text.startswith(f"events[0].data.{problem}")


def test_bad_products_leave_the_good_ones(server):
    products = [{"id": "a"}, 7, {}, {"id": "b", "price": []}]
    action = {"action": "purchase", "products": products}
    assert post(server, batch_of(event("commerce_event", product_action=action))).status_code == 202

    found = server.batches[0].events[0].product_action.products
    assert [product.id for product in found] == ["a", "b"]
    assert [each.partition(": ")[0] for each in server.requests[0].problems] == [
        "events[0].data.product_action.products[1]=7",
        "events[0].data.product_action.products[3].price=[]",
    ]


def test_the_problems_of_a_bulk_say_which_batch(server):
    post(server, [batch_of(GOOD_EVENT), {"ip": "x"}], "/v2/bulkevents")

    assert [each[:12] for each in server.requests[0].problems] == ["[1].ip='x': "]
    assert len(server.batches) == 2


# What is known to be refused

KNOWN = [
    (b"{", "not JSON"),
    ([], "A batch must be an object."),
    ({"environment": "staging"}, "environment: 'staging' is not an environment"),
    ({"environment": 5}, "environment: 5 is not an environment"),
    ({"events": {}}, "events: not an array."),
    ({"events": [5]}, "events[0]: not an object."),
    ({"events": [{"data": {}}]}, 'Required event field "event_type" is missing or empty.'),
    (batch_of(event("", event_name="x")), "event_type"),
    (batch_of(event(None, event_name="x")), "event_type"),
    (batch_of(event("nonsense")), "events[0].event_type: 'nonsense' is not an event type"),
    (batch_of(event(["custom_event"])), "is not an event type"),
    (batch_of(GOOD_EVENT, {"event_type": "session_start", "data": 5}), "events[1].data: not an"),
    (batch_of(event("custom_event")), "events[0].data.event_name: must be given"),
    (batch_of(event("custom_event", event_name=None)), "events[0].data.event_name: must be given"),
    (batch_of(event("breadcrumb")), "events[0].data.label: must be given"),
    (
        batch_of(event("application_state_transition")),
        "events[0].data.application_transition_type: must be given",
    ),
    # what the Python SDK sends for Batch(events=[…]): the event without its wrapper
    (batch_of({"event_name": "x", "custom_event_type": "other"}), "event_type"),
    ({"user_attributes": {"a": "x" * 128_000}}, "A batch is larger than 128000 bytes."),
]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("body", "why"), KNOWN)
def test_what_mparticle_is_known_to_refuse_is_refused(body, why, strict):
    with LocalServer(strict=strict) as server:
        answer = post(server, body)

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    if not strict:
        assert why in error["message"]
    assert server.requests[0].problems == (error["message"],)
    assert server.batches == []


def test_a_request_that_is_turned_away_at_the_door_has_no_problems(server):
    assert requests.post(server.url + "/v2/nowhere", data=b"{", timeout=10).status_code == 404
    assert server.requests[0].problems == ()


@pytest.mark.parametrize("entry", [PYTHON, JAVA, {"mpid": "7"}, {"ip": "nowhere"}])
def test_a_strict_server_refuses_what_the_schema_does_not_have(entry):
    with LocalServer(strict=True) as server:
        assert post(server, entry).status_code == 400


@pytest.mark.parametrize("strict", ["yes", 1, None])
def test_strict_is_a_boolean(strict):
    with pytest.raises(ConfigurationError, match=r"^LocalServer\(strict=.*\): want a boolean"):
        LocalServer(strict=strict)


def test_a_failing_assertion_lists_the_problems(server):
    post(server, PYTHON)
    with pytest.raises(AssertionError) as raised:
        assert_sent(server, "Example", flags={"dolphins": "So long"})
    assert "problem: events[1].data.custom_flags['dolphins']=" in str(raised.value)

    with LocalServer() as refusing:
        post(refusing, batch_of(event("custom_event")))
        with pytest.raises(AssertionError) as raised:
            assert_sent(refusing, "Example")
        assert str(raised.value).splitlines()[-2:] == [
            "1 request came, and none was accepted: 400",
            "  problem: events[0].data.event_name: must be given",
        ]
        assert_nothing_sent(refusing)


# Whatever comes


@given(damaged())
def test_whatever_is_wrong_with_a_batch_the_rest_is_held(entry):
    batch, problems = held(entry)

    assert isinstance(batch, Batch)
    assert Batch.from_dict(batch.to_dict()) == batch
    try:
        whole = Batch.from_dict(entry)
    except InvalidBatch:
        return
    assert (batch, problems) == (whole, ())


@pytest.mark.skipif(not SAMPLES.exists(), reason="the vendor's printed samples are not at hand")
def test_the_printed_samples_are_taken_but_for_those_without_a_name(server):
    refused = {}
    for path in sorted(SAMPLES.glob("docs_*.json")):
        if path.name in ("docs_http_error_response.json", "docs_jsonref_fragments.json"):
            continue
        data = json.loads(path.read_text(encoding="utf-8"))
        bulk = isinstance(data, list)
        entry = batch_of(data) if not bulk and "event_type" in data else data
        answer = post(server, entry, "/v2/bulkevents" if bulk else "/v2/events")
        if answer.status_code != 202:
            refused[path.name] = answer.json()["errors"][0]["message"]

    no_name = "events[0].data.event_name: must be given"
    assert refused == {
        "docs_http_bulkevents_skeleton.json": no_name,
        "docs_http_events_skeleton.json": no_name,
        "docs_jsonref_overall_structure.json": no_name,
    }


# The vendor's SDK itself


def program_of_the_page():
    """Return the program in docs/from-the-vendors-sdk.md that is written for the vendor's SDK."""
    page = (ROOT / "docs" / "from-the-vendors-sdk.md").read_text(encoding="utf-8")
    programs = re.findall(r"^```py\n(.*?)^```", page, re.M | re.S)
    (program,) = [text for text in programs if text.startswith("import mparticle\n")]
    return program


TO_HERE = """
import sys, mparticle
made = mparticle.Configuration.__init__
def here(self):
    made(self)
    self.host = sys.argv[1] + "/v2"
mparticle.Configuration.__init__ = here
"""


@pytest.fixture(scope="session")
def vendors_python(tmp_path_factory, shell):
    """An interpreter of an environment in which the vendor's SDK is installed."""
    folder = tmp_path_factory.mktemp("vendor")
    try:
        with mock.patch.dict(os.environ, shell):
            return Environments(sys.executable, folder, offline=False).interpreter("mparticle")
    except Unavailable as why:
        pytest.skip(f"the vendor's SDK cannot be installed: {why}")


@pytest.mark.slow
def test_the_vendors_sdk_runs_the_program_of_the_page(vendors_python, server):
    def run(program):
        done = subprocess.run(
            [vendors_python, "-c", TO_HERE + program, server.url],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    run(program_of_the_page())
    assert [request.status_code for request in server.requests] == [202]
    assert server.requests[0].problems == ()
    assert_sent(server, "Searched", {"query": "teapot"}, customer_id="123456", type="search")
    assert_sent(server, "purchase", total_amount=21.49, products=[{"id": "sku-1"}])

    run(
        """
configuration = mparticle.Configuration()
configuration.api_key, configuration.api_secret = "key", "secret"
start, end = mparticle.SessionStartEvent(), mparticle.SessionEndEvent()
start.session_id = end.session_id = 7
searched = mparticle.AppEvent("Searched", "search")
searched.custom_flags = {"answer": 42, "dolphins": ["So long", "Thanks"]}
batch = mparticle.Batch()
batch.environment = "development"
batch.mpid = "600868121729048600"
batch.user_identities = mparticle.UserIdentities(customerid="123456")
batch.events = [start, searched, end]
mparticle.EventsApi(configuration).bulk_upload_events([batch, batch])
"""
    )
    request = server.requests[-1]
    assert (request.status_code, len(server.batches)) == (202, 3)
    assert server.batches[2].mpid == 600868121729048600
    assert len(server.batches[2].events) == 3
    assert [each.partition("=")[0] for each in request.problems] == [
        f"[{index}].events[1].data.custom_flags['dolphins']" for index in (0, 1)
    ]
