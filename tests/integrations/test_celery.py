"""Batches that are handed over to Celery, with a broker in memory: who sends what, and when."""

import threading

import pytest
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from celery_apps import BROKER, Answers, Hooks, Shop, forget_messages, lines, take
from clients import adds_up, numbered
from scenarios import KEY, PERSON, SECRET, WORDS, batch

from mpfluent import (
    Batch,
    Client,
    DeliveryError,
    FunctionTransport,
    HandedOver,
    RecordingTransport,
    Response,
    Retry,
    ThreadedDispatcher,
)
from mpfluent.integrations.celery import CeleryDispatcher


@pytest.fixture(autouse=True)
def no_messages():
    forget_messages()


# From send to the worker


def test_send_hands_over_and_a_worker_delivers():
    shop = Shop()
    delivery = shop.client.send(batch())

    assert delivery.state == "handed_over"
    assert shop.transport.batches == []
    assert shop.take().outcome == "acknowledged"
    assert [each.user_identities.customer_id for each in shop.transport.batches] == [f"{PERSON}-0"]
    assert (shop.client.stats.handed_over, shop.client.stats.delivered) == (1, 1)
    assert adds_up(shop.client)


def test_a_delivery_has_the_id_of_the_task():
    shop = Shop()
    found = shop.client.send(batch()).result()

    assert isinstance(found, HandedOver)
    assert found.message_id == shop.take().headers["id"]


def test_the_worker_sends_the_bytes_that_were_sealed():
    ids = iter(["request", "event"])
    shop = Shop(transport=Answers(), new_id=lambda: next(ids), now=lambda: 1_700_000_000_000)
    sealed = shop.client.seal(Batch.for_user(customer_id="1").event("Paid", {"price": "19.90"}))
    shop.client.send(sealed)
    shop.take()

    assert [body.decode() for body in shop.client._sender._transport.bodies] == [sealed.to_json()]


def test_before_send_runs_where_the_batch_is_sealed_and_not_in_the_worker():
    seen = []

    def note(one):
        seen.append(one)
        return one.with_ip("192.0.2.1")

    shop = Shop(before_send=note)
    shop.client.send(batch())
    shop.take()

    assert len(seen) == 1
    assert [one.ip for one in shop.transport.batches] == ["192.0.2.1"]


def test_a_batch_that_came_twice_is_sent_under_the_same_id():
    shop = Shop()
    sealed = shop.client.seal(batch())
    shop.client.send(sealed)
    shop.client.send(sealed)
    shop.take()
    shop.take()

    assert {one.source_request_id for one in shop.transport.batches} == {sealed.source_request_id}


def test_a_batch_that_needs_several_requests_is_settled_as_one():
    shop = Shop(transport=Answers(202, 503, 202))
    large = Batch.for_user(customer_id="1")
    for number in range(300):
        large = large.event(f"Event {number}", {"words": "x" * 1000})
    shop.client.send(large)

    assert shop.take().outcome == "acknowledged"
    assert shop.client.stats.handed_over == 2  # to the broker, and back to it
    assert shop.take().outcome == "acknowledged"
    assert (shop.client.stats.delivered, shop.client.stats.failed) == (1, 0)


def test_a_part_that_is_refused_for_good_settles_the_batch():
    hooks = Hooks()
    shop = Shop(transport=Answers(503, 400, 202), **hooks.options)
    large = Batch.for_user(customer_id="1")
    for number in range(300):
        large = large.event(f"Event {number}", {"words": "x" * 1000})
    shop.client.send(large)
    shop.take()

    assert shop.waiting() == 0
    assert [error.reason for error in hooks.failed] == ["rejected"]


@pytest.mark.parametrize("serializer", ["json", "pickle"])
def test_the_serializer_of_the_application_is_used(serializer):
    shop = Shop(app={"task_serializer": serializer, "accept_content": [serializer]})
    shop.client.send(batch())
    shop.take()

    assert len(shop.transport.batches) == 1


def test_several_batches_are_a_message_each():
    shop = Shop()
    shop.client.send(*numbered(3))

    assert shop.waiting() == 3


def test_send_all_hands_over():
    shop = Shop()
    report = shop.client.send_all(numbered(20))

    assert (report.handed_over, shop.waiting()) == (20, 20)


# The worker's hooks


def test_hooks_run_in_the_worker():
    hooks = Hooks()
    shop = Shop(transport=Answers(202, 400), **hooks.options)
    shop.client.send(batch(0))
    shop.client.send(batch(1))

    assert (hooks.delivered, hooks.failed) == ([], [])
    shop.take()
    shop.take()
    assert [one.user_identities.customer_id for one in hooks.delivered] == [f"{PERSON}-0"]
    assert [error.reason for error in hooks.failed] == ["rejected"]


def test_a_hook_is_called_once_however_often_a_batch_is_tried():
    hooks = Hooks()
    shop = Shop(transport=Answers(503, 503, 400), **hooks.options)
    shop.client.send(batch())
    for _ in range(3):
        assert hooks.failed == []
        shop.take()

    assert [error.reason for error in hooks.failed] == ["rejected"]
    assert adds_up(shop.client)


# What fails


@pytest.mark.parametrize("status", [401, 408, 429, 500, 503])
def test_what_may_succeed_later_comes_again(status):
    shop = Shop(transport=Answers(status))
    sent = shop.client.send(batch()).result().message_id

    assert shop.take().outcome == "acknowledged"
    assert shop.waiting() == 1
    assert shop.client.stats.failed == 0
    again = shop.take()
    assert again.headers["id"] == sent
    assert again.headers["retries"] == 1


def test_a_batch_that_comes_again_has_the_same_bytes():
    transport = Answers(503, 503)
    shop = Shop(transport=transport)
    shop.client.send(batch())
    for _ in range(3):
        shop.take()

    assert len(transport.bodies) == 3
    assert len(set(transport.bodies)) == 1
    assert shop.client.stats.delivered == 1


@pytest.mark.parametrize("status", [400, 413, 422, 404, 302])
def test_what_is_final_never_comes_again(status, caplog):
    errors = '{"errors": [{"code": "BAD_REQUEST", "message": "words of mParticle"}]}'
    shop = Shop(transport=Answers(Response(status, body=errors)))
    shop.client.send(batch())
    taken = shop.take()

    final = status not in (302,)
    assert taken.outcome == "acknowledged"
    assert shop.waiting() == (0 if final else 1)
    (line,) = lines(caplog)
    assert line.endswith(f", {status} BAD_REQUEST")
    assert line.startswith("a batch failed for good: " if final else "a batch stays in the queue: ")


def test_a_wait_that_the_server_asked_for_is_kept():
    transport = Answers(Response(429, headers={"Retry-After": "120"}))
    shop = Shop(transport=transport)
    shop.client.send(batch())
    shop.take()

    assert shop.take().seconds == pytest.approx(120, abs=10)


def test_a_wait_is_never_longer_than_a_redis_may_keep_a_message():
    shop = Shop(transport=Answers(Response(503, headers={"retry-after": "86400"})))
    shop.client.send(batch())
    shop.take()

    assert shop.take().seconds == pytest.approx(300, abs=10)


def test_pauses_grow():
    shop = Shop(transport=Answers(*[503] * 8))
    shop.client.send(batch())
    shop.take()
    pauses = [shop.take().seconds for _ in range(8)]

    assert 0 < pauses[0] <= 5
    assert 150 - 10 < pauses[-1] <= 300


def test_a_key_that_is_refused_leaves_all_batches_in_the_queue(caplog):
    transport = Answers(*[401] * 9)
    shop = Shop(transport=transport)
    shop.client.send(*numbered(5))
    for _ in range(5):
        shop.take()

    assert shop.waiting() == 5
    assert len(transport.bodies) == 1
    assert lines(caplog) == [
        "mParticle answered 401 to the credentials: batches fail at once from now on, with one "
        "attempt a minute"
    ]
    assert shop.take().seconds == pytest.approx(60, abs=10)


def test_a_batch_older_than_max_age_is_not_sent(caplog):
    hooks = Hooks()
    shop = Shop(dispatcher={"max_age": 0}, **hooks.options)
    shop.client.send(batch())

    assert shop.take().outcome == "acknowledged"
    assert shop.transport.batches == []
    assert [(error.reason, error.batch.source_request_id is None) for error in hooks.failed] == [
        ("expired", False)
    ]
    assert dict(shop.client.stats.failed_by_reason) == {"expired": 1}
    assert lines(caplog) == [
        "a batch failed for good: expired, it was in the queue for longer than 0 s"
    ]


def test_a_client_that_is_off_drops_what_it_gets():
    disabled = Client(environment="production", disabled=True)
    shop = Shop(dispatcher={"client": lambda: disabled})
    shop.client.send(batch())
    shop.take()

    assert dict(disabled.stats.failed_by_reason) == {"disabled": 1}
    assert shop.waiting() == 0


def test_an_error_of_the_transport_leaves_the_batch_in_the_queue(caplog):
    def broken(request):
        raise RuntimeError(WORDS)

    shop = Shop(transport=FunctionTransport(broken))
    shop.client.send(batch())
    shop.take()

    assert shop.waiting() == 1
    assert WORDS not in caplog.text


def test_a_time_limit_of_the_task_leaves_the_batch_in_the_queue(caplog):
    def limited():
        raise SoftTimeLimitExceeded

    shop = Shop(dispatcher={"client": limited})
    shop.client.send(batch())
    shop.take()

    assert shop.waiting() == 1
    assert lines(caplog) == ["a batch stays in the queue: sending it raised SoftTimeLimitExceeded"]


# The worker's client


def test_the_worker_has_a_client_of_its_own_if_it_is_told_how_to_make_one():
    made, transport = [], RecordingTransport()

    def make():
        made.append(Client(KEY, SECRET, transport=transport))
        return made[-1]

    shop = Shop(dispatcher={"client": make})
    shop.client.send(*numbered(3))
    assert made == []
    for _ in range(3):
        shop.take()

    assert len(made) == 1
    assert (len(transport.batches), shop.transport.batches) == (3, [])
    assert (shop.client.stats.handed_over, made[0].stats.delivered) == (3, 3)


def test_a_worker_without_keys_leaves_all_batches_in_the_queue(caplog):
    shop = Shop(dispatcher={"client": Client})
    shop.client.send(*numbered(3))
    for _ in range(3):
        shop.take()

    assert shop.waiting() == 3
    assert lines(caplog) == [
        "a batch stays in the queue: its client cannot be made: Client(api_key=…): is missing; "
        "write Client(api_key='…') or set MPARTICLE_API_KEY"
    ]


def test_a_function_that_makes_no_client_is_told(caplog):
    shop = Shop(dispatcher={"client": lambda: "us1"})
    shop.client.send(batch())
    shop.take()

    assert shop.waiting() == 1
    assert lines(caplog) == [
        "a batch stays in the queue: its client cannot be made: CeleryDispatcher(client=…): the "
        "function returned 'us1': want a Client; write "
        "client=lambda: Client(environment='production')"
    ]


def test_a_client_that_hands_over_itself_does_not_hand_over_again():
    shop = Shop()
    shop.client_of({"client": lambda: shop.client, "queue": "ios"}).send(batch())
    shop.take("ios")

    assert (len(shop.transport.batches), shop.waiting("ios")) == (1, 0)


def test_a_worker_needs_no_client_that_hands_over():
    Shop().client.send(batch())
    transport = RecordingTransport()
    app = Celery("worker", broker=BROKER)
    CeleryDispatcher(app, client=lambda: Client(KEY, SECRET, transport=transport))
    take(app)

    assert len(transport.batches) == 1


def test_a_pace_of_the_client_is_that_of_the_worker():
    asked = []

    class Pace:
        def take(self, batches):
            asked.append(batches)
            return 0.0

    shop = Shop(rate_limit=Pace())
    shop.client.send(batch())
    assert asked == []
    shop.take()

    assert asked == [1]


# Queues


def test_a_queue_may_be_named():
    shop = Shop(dispatcher={"queue": "ios"})
    shop.client.send(batch())

    assert (shop.waiting("ios"), shop.waiting()) == (1, 0)
    shop.take("ios")
    assert len(shop.transport.batches) == 1


def test_what_comes_again_stays_in_its_queue():
    shop = Shop(dispatcher={"queue": "ios"}, transport=Answers(503))
    shop.client.send(batch())
    shop.take("ios")

    assert (shop.waiting("ios"), shop.waiting()) == (1, 0)


def test_two_clients_with_a_queue_each_send_with_their_own_keys():
    shop = Shop(dispatcher={"queue": "ios"})
    transport = RecordingTransport()
    android = shop.client_of({"queue": "android"}, key="another", transport=transport)
    shop.client.send(batch(1))
    android.send(batch(2))
    shop.take("android")
    shop.take("ios")

    assert [one.user_identities.customer_id for one in transport.batches] == [f"{PERSON}-2"]
    assert [one.user_identities.customer_id for one in shop.transport.batches] == [f"{PERSON}-1"]


def test_a_batch_of_a_queue_that_the_worker_does_not_know_stays(caplog):
    shop = Shop(dispatcher={"queue": "ios"})
    shop.client.send(batch())
    worker = Shop()
    worker.take("ios")

    assert worker.transport.batches == []
    assert lines(caplog) == [
        "a batch stays in the queue: this worker has no CeleryDispatcher(app, queue='ios')"
    ]


def test_a_countdown_is_kept():
    shop = Shop(dispatcher={"countdown": 100})
    shop.client.send(batch())

    assert shop.take().seconds == pytest.approx(100, abs=10)


def test_the_same_client_may_be_made_again():
    shop = Shop()
    again = shop.client_of(transport=shop.transport)
    shop.client.send(batch(1))
    again.send(batch(2))
    shop.take()
    shop.take()

    assert len(shop.transport.batches) == 2


# Threads of one worker meet


def test_batches_of_several_threads_meet_in_one_request_and_are_acknowledged_after_it():
    busy, go = threading.Event(), threading.Event()
    transport = RecordingTransport()

    def slow(request):
        transport.send(request)
        busy.set()
        go.wait(60)
        return 202

    shop = Shop(dispatcher={"gather": ThreadedDispatcher()}, transport=FunctionTransport(slow))
    shop.client.send(*numbered(20))
    taken = []
    threads = [
        threading.Thread(target=lambda: taken.append(shop.take().outcome)) for _ in range(20)
    ]
    threads[0].start()
    assert busy.wait(60)
    for thread in threads[1:]:
        thread.start()
    gather = shop.client._dispatchers[0]
    while gather.waiting < 19:
        threading.Event().wait(0.001)
    assert taken == []
    go.set()
    for thread in threads:
        thread.join()

    assert taken == ["acknowledged"] * 20
    assert [len(request.batch_ids) for request in transport.requests] == [1, 19]


def test_what_was_gathered_and_fails_comes_again_with_one_line(caplog):
    gather = ThreadedDispatcher()
    shop = Shop(dispatcher={"gather": gather}, transport=Answers(503))
    shop.client.send(batch())

    assert shop.take().outcome == "acknowledged"
    assert shop.waiting() == 1
    assert lines(caplog) == ["a batch stays in the queue: retries_exhausted, 503"]
    shop.client.close()


# Without a broker


def test_with_always_eager_send_delivers():
    hooks = Hooks()
    shop = Shop(app={"task_always_eager": True}, **hooks.options)
    delivery = shop.client.send(batch())

    assert delivery.state == "delivered"
    assert (len(shop.transport.batches), len(hooks.delivered)) == (1, 1)
    assert shop.client.stats.submitted == 1


def test_with_always_eager_send_raises_what_goes_wrong():
    hooks = Hooks()
    shop = Shop(app={"task_always_eager": True}, transport=Answers(503), **hooks.options)
    with pytest.raises(DeliveryError) as caught:
        shop.client.send(batch())

    assert caught.value.reason == "retries_exhausted"
    assert len(hooks.failed) == 1


def test_with_always_eager_the_client_of_the_worker_sends():
    transport = Answers(202, 400)
    worker = Client(KEY, SECRET, transport=transport, retry=Retry(max_attempts=1))
    shop = Shop(app={"task_always_eager": True}, dispatcher={"client": lambda: worker})

    assert shop.client.send(batch()).state == "handed_over"
    with pytest.raises(DeliveryError) as caught:
        shop.client.send(batch())
    assert caught.value.reason == "rejected"
    assert (worker.stats.delivered, worker.stats.failed) == (1, 1)
