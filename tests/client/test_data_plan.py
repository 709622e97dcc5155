"""A client with a data plan: what it adds to batches, and what it does with violations."""

import logging
from weakref import WeakKeyDictionary

import pytest
from data_plans import attributes_of, event_point, plan_of, point_of, user_point

from mpfluent import (
    Batch,
    Client,
    Configuration,
    ConfigurationError,
    DataPlanContext,
    DeliveryError,
    EventsApi,
    InvalidBatch,
    InvalidValue,
    RecordingTransport,
    SealedBatch,
    ThreadedDispatcher,
)
from mpfluent.dataplan import DataPlan
from mpfluent.rows import Rows

PLAN = plan_of(
    event_point("Boarded", attributes_of({"deck": {"enum": ["upper", "lower"]}})),
    user_point({"tier": {"type": "string"}}),
    data_plan_id="ferry",
    version=2,
)
USER = Batch.for_user(customer_id="7")
GOOD = USER.event("Boarded", {"deck": "upper"})
TRANSPORTS = WeakKeyDictionary()
BAD = USER.event("Boarded", {"deck": "middle", "colour": "red"}).event("Landed")


def client_of(environment="development", **options):
    given = {"data_plan": PLAN, "transport": RecordingTransport(), **options}
    client = Client("key", "secret", environment=environment, **given)
    TRANSPORTS[client] = given["transport"]
    return client


def sent(client):
    """Return the batches that arrived."""
    return TRANSPORTS[client].batches


def plans_of(client):
    return [batch.context.data_plan if batch.context else None for batch in sent(client)]


# The identity of the plan


def test_a_batch_that_names_no_plan_gets_the_clients():
    client = client_of()

    client.send(GOOD, GOOD.with_location(54.3, 10.1))

    assert plans_of(client) == [DataPlanContext("ferry", 2)] * 2
    assert sent(client)[1].context.location.latitude == 54.3


def test_a_batch_that_names_a_plan_keeps_it_and_is_compared_with_the_clients():
    client = client_of()
    other = GOOD.with_data_plan("shop")

    client.send(other)

    assert plans_of(client) == [DataPlanContext("shop")]
    with pytest.raises(InvalidBatch):
        client.send(BAD.with_data_plan("shop"))


def test_a_plan_without_an_id_marks_no_batch_but_is_compared():
    client = client_of(data_plan=plan_of(event_point("Boarded")))

    client.send(GOOD)

    assert plans_of(client) == [None]
    with pytest.raises(InvalidBatch):
        client.send(USER.event("Landed"))


def test_before_send_sees_the_plan_and_what_it_makes_gets_it_too():
    seen = []

    def anew(batch):
        seen.append(batch.context.data_plan)
        return GOOD

    client = client_of(before_send=anew)
    client.send(BAD)

    assert seen == [DataPlanContext("ferry", 2)]
    assert plans_of(client) == [DataPlanContext("ferry", 2)]


def test_what_before_send_makes_is_compared():
    client = client_of(before_send=lambda batch: batch.event("Landed"))

    with pytest.raises(InvalidBatch, match=r"events\[1\] 'Landed'"):
        client.send(GOOD)


def test_a_client_without_a_plan_marks_nothing():
    client = client_of(data_plan=None)

    client.send(BAD)

    assert plans_of(client) == [None]


# What happens


def test_in_development_a_violation_raises_and_nothing_is_accepted():
    client = client_of()

    with pytest.raises(InvalidBatch) as caught:
        client.send(GOOD, BAD)

    assert str(caught.value) == (
        "events[0] 'Boarded': attributes 'colour' is not planned; the plan has 'deck' "
        "(and 2 more); plan.validate(batch) lists them all"
    )
    assert caught.value.is_unplanned
    assert client.stats.submitted == 0
    assert sent(client) == []


def test_a_single_violation_is_told_alone():
    with pytest.raises(InvalidBatch) as caught:
        client_of().send(USER.event("Landed"))

    assert str(caught.value) == (
        "events[0] 'Landed': is not planned; the plan has 'Boarded'; "
        "plan.validate(batch) lists them all"
    )


def test_in_production_each_kind_is_logged_once_without_anything_of_the_batch(caplog):
    client = client_of("production")

    with caplog.at_level(logging.WARNING, "mpfluent"):
        client.send(BAD)
        client.send(BAD.with_user_attributes(secret="s3cr3t"))

    assert [record.getMessage() for record in caplog.records] == [
        "a batch is not as its data plan says (unplanned) at events[0], logged once; "
        "plan.validate() says more",
        "a batch is not as its data plan says (invalid_value) at events[0], logged once; "
        "plan.validate() says more",
    ]
    assert [record.problem for record in caplog.records] == ["unplanned", "invalid_value"]
    assert [len(batch.events) for batch in sent(client)] == [2, 2]
    assert client.stats.unplanned_dropped == 0


@pytest.mark.parametrize("environment", ["development", "production"])
def test_what_happens_can_be_chosen_for_both_environments(environment, caplog):
    with pytest.raises(InvalidBatch):
        client_of(environment, on_violation="raise").send(BAD)

    warned, ignoring = (client_of(environment, on_violation=w) for w in ("warn", "ignore"))
    with caplog.at_level(logging.WARNING, "mpfluent"):
        ignoring.send(BAD)
        before = len(caplog.records)
        warned.send(BAD)

    assert before == 0
    assert len(caplog.records) == 2
    assert [len(sent(client)[0].events) for client in (warned, ignoring)] == [2, 2]
    assert plans_of(ignoring) == [DataPlanContext("ferry", 2)]


@pytest.mark.parametrize("environment", ["development", "production"])
def test_drop_takes_out_what_is_unplanned_and_counts_it(environment, caplog):
    client = client_of(environment, on_violation="drop")

    with caplog.at_level(logging.WARNING, "mpfluent"):
        client.send(GOOD, BAD.with_user_attributes(tier="gold", age=5))

    assert [
        [(event.event_name, event.attributes) for event in batch.events] for batch in sent(client)
    ] == [[("Boarded", {"deck": "upper"})], [("Boarded", {"deck": "middle"})]]
    assert sent(client)[1].user_attributes == {"tier": "gold"}
    assert client.stats.unplanned_dropped == 3
    assert client.stats.delivered == 2
    assert [record.problem for record in caplog.records] == ["unplanned", "invalid_value"]


def test_what_was_taken_out_is_counted_only_of_what_is_submitted_or_sealed():
    client = client_of("production", on_violation="drop")
    off = client_of("production", on_violation="drop", disabled=True)

    client.to_curl(BAD)
    with pytest.raises(InvalidValue):
        client.send(BAD, "no batch")
    off.send(BAD)
    assert (client.stats.unplanned_dropped, off.stats.unplanned_dropped) == (0, 0)

    sealed = client.seal(BAD)
    assert client.stats.unplanned_dropped == 2
    client.send(sealed)
    assert client.stats.unplanned_dropped == 2
    client.send(BAD, BAD)
    assert client.stats.unplanned_dropped == 6


def test_what_was_taken_out_of_rows_is_counted_once_if_their_batch_is_made_again():
    names = ["Boarded", "Boarded" * 1000, "Boarded"]
    plan = plan_of(*(event_point(name, attributes_of({})) for name in set(names)))
    rows = Rows([{"id": "1", "name": name} for name in names])
    rows = rows.map(lambda row: USER.event(row.text("name"), {"seat": 4})).grouped_by("id")
    client = client_of("production", data_plan=plan, on_violation="drop")

    report = client.send_all(rows)

    assert (report.delivered, report.rejected) == (2, 1)
    assert client.stats.unplanned_dropped == sum(len(batch.events) for batch in sent(client)) == 2


def test_what_is_left_after_a_drop_keeps_its_ids():
    ids = iter(["e-0", "e-1", "e-2", "batch"])
    client = client_of(on_violation="drop", new_id=lambda: next(ids))

    client.send(USER.event("Landed").event("Boarded").event("Landed"))

    (batch,) = sent(client)
    assert batch.source_request_id == "batch"
    assert [event.source_message_id for event in batch.events] == ["e-1"]


def test_a_limit_counts_for_what_is_left():
    client = client_of(on_violation="drop")

    client.send(USER.event("x" * 1000).event("Boarded"))

    assert [len(batch.events) for batch in sent(client)] == [1]


def test_a_historical_batch_of_which_no_event_is_left_is_filtered():
    failed = []
    client = client_of(
        on_violation="drop",
        historical=True,
        now=lambda: 1_790_000_000_000,
        on_failed=lambda batch, error: failed.append((len(batch.events), str(error))),
    )

    delivery = client.send(USER.event("Landed", at=1_700_000_000_000))

    assert delivery.state == "failed"
    assert client.stats.failed_by_reason == {"filtered": 1}
    assert failed == [
        (1, "no event of the batch is planned; the historical endpoint takes none without")
    ]


def test_a_sealed_batch_is_not_touched():
    sealed = client_of(data_plan=None).seal(BAD)
    client = client_of(on_violation="drop")

    client.send(sealed)

    assert isinstance(sealed, SealedBatch)
    assert [batch.to_json() for batch in sent(client)] == [sealed.to_json()]
    assert client.stats.unplanned_dropped == 0


def test_seal_marks_and_compares():
    client = client_of()

    assert client.seal(GOOD).context.data_plan == DataPlanContext("ferry", 2)
    with pytest.raises(InvalidBatch):
        client.seal(BAD)


def test_a_disabled_client_compares_too():
    client = client_of(disabled=True)

    with pytest.raises(InvalidBatch):
        client.send(BAD)


def test_in_the_background_it_raises_on_the_callers_line():
    with client_of(dispatcher=ThreadedDispatcher()) as client:
        with pytest.raises(InvalidBatch):
            client.send(BAD)
        client.send(GOOD)

    assert client.stats.delivered == 1


def test_a_row_that_is_not_as_planned_is_rejected_in_production_too(caplog):
    rows = Rows([{"name": "Boarded"}, {"name": "Landed"}]).map(
        lambda row: USER.event(row.text("name"))
    )
    report = client_of("production").send_all(rows)

    assert (report.delivered, report.rejected_by_reason) == (1, {"unplanned": 1})


def test_send_all_raises_in_development_and_sends_what_came_before():
    client = client_of()

    with pytest.raises(InvalidBatch):
        client.send_all([GOOD, BAD, GOOD])

    assert len(sent(client)) == 1


def test_the_vendors_two_calls_have_it_too():
    settings = Configuration(
        api_key="key",
        api_secret="secret",
        environment="development",
        transport=RecordingTransport(),
        data_plan=PLAN,
    )
    api = EventsApi(settings)

    assert api.upload_events(GOOD)[1] == 202
    with pytest.raises(InvalidBatch):
        api.upload_events(BAD)


def test_an_error_of_the_server_has_the_batch_with_the_plan():
    client = client_of(transport=RecordingTransport(400))

    with pytest.raises(DeliveryError) as caught:
        client.send(GOOD)

    assert caught.value.batch.context.data_plan == DataPlanContext("ferry", 2)


# Mistakes


def said(**options):
    with pytest.raises(ConfigurationError) as caught:
        client_of(**options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"on_violation": "dropp"},
            "Client(on_violation='dropp'): want one of 'raise', 'warn', 'drop', 'ignore'; "
            "did you mean 'drop'?",
        ),
        (
            {"on_violation": 5},
            "Client(on_violation=5): want one of 'raise', 'warn', 'drop', 'ignore'; "
            "write on_violation='raise'",
        ),
        (
            {"on_violation": "drop", "data_plan": None},
            "Client(on_violation='drop'): there is no data plan; "
            'write data_plan=DataPlan.from_file("plan.json")',
        ),
        (
            {"data_plan": "plan.json"},
            "Client(data_plan='plan.json'): want a DataPlan; "
            "write data_plan=DataPlan.from_file('plan.json')",
        ),
        (
            {"data_plan": {"data_points": []}},
            "Client(data_plan={'data_points': []}): want a DataPlan; "
            "write data_plan=DataPlan.from_dict(…)",
        ),
        (
            {"data_plan": 5},
            'Client(data_plan=5): want a DataPlan; write data_plan=DataPlan.from_file("plan.json")',
        ),
        (
            {"data_plan": DataPlan},
            "Client(data_plan=<class 'mpfluent.dataplan.plan.DataPlan'>): want a DataPlan; "
            'write data_plan=DataPlan.from_file("plan.json")',
        ),
    ],
)
def test_a_setting_that_makes_no_sense_is_told(options, text):
    assert said(**options) == text


def test_a_broken_plan_is_refused():
    broken = point_of({"type": "uninstall"}, {"type": "text"})
    plan = plan_of(event_point("Boarded"), broken, {**broken, "match": {"type": "opt_out"}})

    assert said(data_plan=plan) == (
        "Client(data_plan=…): data_points[1] (uninstall): its definition is broken at /type: "
        "'text' is no type; write one of array, boolean, integer, null, number, object, string "
        "(and 1 more); plan.problems() lists them all"
    )


def test_a_plan_that_no_batch_can_name_is_refused():
    assert said(data_plan=plan_of(data_plan_id="a\ud800", version=2)) == (
        "Client(data_plan=…): no batch can name the plan 'a\\ud800' with the version 2; "
        "write another data_plan_id or version in its file"
    )


def test_a_plan_with_advice_is_taken():
    plan = plan_of(event_point("Boarded"), event_point("Boarded"), {"match": {"type": "opt_out"}})

    client_of(data_plan=plan).send(USER.event("Boarded"))


def test_any_object_with_the_methods_of_a_plan_will_do():
    class Nothing:
        plan_id = "mine"
        version = None

        def problems(self):
            return ()

        def validate(self, batch):
            return ()

        def without_unplanned(self, batch, violations=None):
            return batch

    client = client_of(data_plan=Nothing())
    client.send(BAD)

    assert plans_of(client) == [DataPlanContext("mine")]
