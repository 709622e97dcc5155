"""The test kit with a data plan: pytest's setting, and the local server."""

import json
from pathlib import Path

import pytest
import requests
from data_plans import attributes_of, event_point, plan_of, point_of, user_point

from mpfluent import Batch, Client, ConfigurationError, Retry
from mpfluent.testing import LocalServer
from mpfluent.testing.pytest_diff import explanation

OURS = ("-p", "mpfluent.testing.plugin")
POINTS = [event_point("Boarded", attributes_of({"deck": {"enum": ["upper"]}}))]
TESTS = """
    from mpfluent import Batch, Client

    KEYS = {"api_key": "key", "api_secret": "secret", "environment": "development"}
    USER = Batch.for_user(customer_id="1")

    def test_planned(mparticle_client, mparticle_sent, mparticle_data_plan):
        mparticle_client.send(USER.event("Boarded", {"deck": "upper"}))
        assert mparticle_sent.batches[0].context.data_plan.plan_id == "ferry"
        assert mparticle_data_plan.version == 2

    def test_unplanned(mparticle_client):
        mparticle_client.send(USER.event("Landed"))

    def test_unplanned_in_production(mparticle_client):
        mparticle_client.send(USER.with_environment("production").event("Docked"))

    def test_a_server_that_got_what_is_planned(mparticle_server):
        with Client(**KEYS, host=mparticle_server.url) as client:
            client.send(USER.event("Boarded"))

    def test_a_server_that_got_what_is_unplanned(mparticle_server):
        with Client(**KEYS, host=mparticle_server.url) as client:
            client.send(USER.event("Boarded", {"deck": "lower"}).event("Landed"))
            client.send(USER.event("Boarded", {"deck": "lower"}))
"""


@pytest.fixture
def project(pytester, monkeypatch, no_others):
    # the plugin of this package, also where another one is installed
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))

    def run(ini, plan=None, *options, tests=TESTS, plugins=OURS):
        pytester.makeini(f"[pytest]\n{ini}\n")
        if plan is not None:
            pytester.makefile(".json", plan=json.dumps(plan))
        pytester.makepyfile(tests)
        return pytester.runpytest_subprocess(*plugins, "-p", "no:cacheprovider", *options)

    return run


def test_what_is_not_as_planned_fails_the_test_that_sends_it(project):
    plan = {"data_plan_id": "ferry", "version": 2, "version_document": {"data_points": POINTS}}

    run = project("mparticle_plan = plan.json", plan)

    run.assert_outcomes(passed=3, failed=2, errors=1)
    run.stdout.fnmatch_lines(
        [
            "*not as planned:*",
            "*events[[]0] 'Boarded': attributes 'deck' is 'lower': want one of 'upper'*",
            "*events[[]1] 'Landed': is not planned; the plan has 'Boarded'*",
            "*InvalidBatch: events[[]0] 'Landed': is not planned; the plan has 'Boarded'*",
            "*InvalidBatch: events[[]0] 'Docked': is not planned; the plan has 'Boarded'*",
        ]
    )
    assert run.stdout.str().count("'deck' is 'lower'") == 1


def test_a_setting_that_names_no_plan_is_told(project):
    run = project("mparticle_plan = gone.json")

    run.assert_outcomes(errors=5)
    run.stdout.fnmatch_lines(["*InvalidPlan: *gone.json does not exist*"])


def test_without_the_setting_nothing_is_compared(project):
    run = project("")

    run.assert_outcomes(passed=4, failed=1)  # the first one asks for the plan


def send(server, *batches):
    with Client("key", "secret", environment="development", host=server.url) as client:
        client.send(*batches)


def test_a_server_says_of_each_request_what_is_not_as_planned():
    batch = Batch.for_user(customer_id="1")
    with LocalServer(data_plan=plan_of(*POINTS)) as server:
        send(server, batch.event("Boarded"))
        send(server, batch.event("Boarded").event("Landed"), batch.event("Boarded", {"seat": 4}))

    assert [[found.key for found in request.violations] for request in server.requests] == [
        [],
        ["Landed", "seat"],
    ]
    assert len(server.batches) == 3


def test_a_server_says_it_of_accepted_requests_only():
    with LocalServer(data_plan=plan_of(*POINTS)) as server:
        server.script(503)
        batch = Batch.for_user(customer_id="1").event("Landed")
        with Client(
            "key", "secret", environment="development", host=server.url, retry=Retry(base=0)
        ) as client:
            client.send(batch)

    assert [(request.status_code, len(request.violations)) for request in server.requests] == [
        (503, 0),
        (202, 1),
    ]


def test_a_server_notes_what_it_cannot_compare():
    plan = plan_of(*POINTS, user_point({}, "user_identities"))
    odd = {"environment": "development", "device_info": "x", "events": []}
    with LocalServer(data_plan=plan) as server:
        answer = requests.post(f"{server.url}/v2/events", auth=("key", "secret"), json=odd)

        assert answer.status_code == 202
        assert server.requests[0].violations == ()
        assert server.requests[0].problems[-1] == (
            "validate(): device_info is 'x': want an object; write {\"android_uuid\": …}"
        )


def test_a_server_compares_nothing_that_is_no_batch_whatever_its_script_says():
    with LocalServer(data_plan=plan_of(*POINTS)) as server:
        server.script(202)
        answer = requests.post(f"{server.url}/v2/events", auth=("key", "secret"), data=b"{")

        assert answer.status_code == 202
        assert server.requests[0].violations == ()


def test_a_server_without_a_plan_compares_nothing():
    with LocalServer() as server:
        send(server, Batch.for_user(customer_id="1").event("Landed"))

    assert server.requests[0].violations == ()


def test_a_server_refuses_a_plan_that_is_none_or_broken():
    broken = plan_of(point_of({"type": "uninstall"}, {"type": "text"}))
    for plan, said in (
        ("plan.json", "LocalServer(data_plan='plan.json'): want a DataPlan; write data_plan="),
        (broken, "LocalServer(data_plan=…): data_points[0] (uninstall): its definition is broken"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            LocalServer(data_plan=plan)

        assert str(caught.value).startswith(said)


def test_an_assertion_that_a_batch_is_as_planned_fails_with_each_sentence():
    plan = plan_of(*POINTS)
    found = plan.validate(Batch().event("Boarded", {"deck": "lower"}).event("Landed"))

    assert explanation(found, (), 0) == ["2 violations of the data plan", "", *SAID]
    assert explanation((), found, 2) == ["2 violations of the data plan", "", *SAID]
    assert explanation(found[:1], (), 0) == ["1 violation of the data plan", "", SAID[0]]
    assert explanation((), (), 0) is None
    assert explanation(found, found[:1], 0) is None


@pytest.mark.parametrize("option", ["without the plugin", "-q", "-vv"])
def test_the_one_line_of_the_documentation_fails_with_the_sentence(project, option):
    options, plugins = ((), ()) if option == "without the plugin" else ((option,), OURS)

    result = project("", {"data_points": POINTS}, *options, tests=ONE_LINE, plugins=plugins)

    said = SAID[0] if plugins else f"<Violation {SAID[0]}>"
    assert any(line.startswith("E ") and line.endswith(said) for line in result.outlines)


ONE_LINE = """
    from mpfluent import Batch
    from mpfluent.dataplan import DataPlan

    def test_one():
        batch = Batch().event("Boarded", {"deck": "lower"})
        assert DataPlan.from_file("plan.json").validate(batch) == ()
"""
SAID = [
    "events[0] 'Boarded': attributes 'deck' is 'lower': want one of 'upper'",
    "events[1] 'Landed': is not planned; the plan has 'Boarded'",
]
