"""Corners of background sending that a careful reader found: what must not happen in them."""

import logging
import threading
from types import SimpleNamespace

import pytest
from internals import WorkItem, shutdown
from log_records import calling
from scenarios import eventually
from sizes import large
from stages import ONE_ATTEMPT, SOON, Stage, client_of, name_of, user, users

from mpfluent import (
    Batch,
    Client,
    Configuration,
    ConfigurationError,
    Delivery,
    DeliveryError,
    EventsApi,
    FunctionTransport,
    InvalidValue,
    Kept,
    Outbox,
    RecordingTransport,
    Response,
    Retry,
    ThreadedDispatcher,
)


def api_of(transport, **options):
    keys = {"api_key": "key", "api_secret": "secret"}
    return EventsApi(
        Configuration(**keys, environment="production", transport=transport, **options)
    )


# Batches in parts


def test_a_part_that_is_sent_twice_does_not_stand_for_another():
    asked = []

    def answer(request):
        asked.append([name[-1] for name in request.batch_ids])
        if len(asked) == 2:
            raise SystemExit
        return 400 if "3" in asked[-1] else 202

    stage = Stage(FunctionTransport(answer))
    delivery = stage.client.send(large(5))
    stage.time.now += 1
    with pytest.raises(SystemExit):
        stage.work()
    stage.work()

    assert asked == [["1", "2"], ["3", "4"], ["3", "4"], ["3"], ["4"], ["5"]]
    assert delivery.state == "failed"
    assert delivery.failures[0].status_code == 400


# Coalescing and the outbox


def counted(count=999):
    return map("id-{}".format, range(count)).__next__


def searched(name):
    return Batch.for_user(customer_id="a").event(name, source_message_id=name)


def of_client(transport, path, **options):
    return Client(
        "key",
        "secret",
        environment="production",
        transport=transport,
        new_id=counted(),
        retry=ONE_ATTEMPT,
        dispatcher=ThreadedDispatcher(
            outbox=Outbox(path, **options.pop("outbox", {})), coalesce=True, **options
        ),
    )


def test_a_group_expires_as_a_whole_or_not_at_all(path):
    now = [1_000_000.0]
    with of_client(RecordingTransport(503), path, outbox={"wall": lambda: now[0]}) as client:
        dispatcher = client._dispatcher
        client.send(searched("old"))
        now[0] += 1_000  # while both wait
        client.send(searched("young"))
        client.flush(SOON)
        assert dispatcher._settlement.kept.outbox.parked
    now[0] += 100
    later = {"wall": lambda: now[0], "max_age": 500.0}
    transport = RecordingTransport()
    with of_client(transport, path, outbox=later) as client:
        assert client.flush(SOON) is True

    (batch,) = transport.batches
    assert [event.event_name for event in batch.events] == ["old", "young"]


def test_a_group_that_could_not_be_stored_travels_apart(path, monkeypatch):
    monkeypatch.setattr(Outbox, "join", lambda self, rows: False)
    transport = RecordingTransport()
    with of_client(transport, path) as client:
        client.send(searched("one"), searched("two"))

    assert [len(batch.events) for batch in transport.batches] == [1, 1]


def test_send_all_counts_what_is_kept_as_pending(path, caplog):
    leave = threading.Event()

    def slow(request):
        assert leave.wait(SOON)
        return 202

    client = client_of(
        FunctionTransport(slow), max_queue=2, outbox=Outbox(path), retry=Retry(max_elapsed=0.1)
    )
    client._dispatcher.max_elapsed = 0.1  # so that its patience ends soon
    report = client.send_all(users(6))

    assert (report.submitted, report.failed, report.pending) == (6, 0, 6)
    assert "batches failed" not in caplog.text
    leave.set()
    assert client.flush(SOON) is True
    client.close()


def test_a_batch_that_never_arrives_holds_nobody_up(path):
    attempts = []

    def answer(request):
        attempts.append(request.batch_ids)
        return 503 if "poison" in request.batch_ids else 202

    stage = Stage(
        FunctionTransport(answer), outbox=Outbox(path), retry=Retry(base=0.1, max_elapsed=1)
    )
    stage.client.send(user("x").with_source_request_id("poison"))
    stage.time.now += 1
    stage.work()
    assert stage.client.stats.pending == 1
    for number in range(50):
        stage.client.send(user(number))
        stage.time.now += 1
        stage.work()

    assert stage.client.stats.delivered == 50
    tried = [names for names in attempts if names == ("poison",)]
    first = 2 + stage.client.stats.retries
    assert len(tried) - first <= 2  # one more attempt as soon as others arrived, then one a minute


def test_what_was_kept_with_a_poisonous_batch_arrives_without_it(path):
    def answer(request):
        return 503 if "poison" in request.batch_ids or not up else 202

    up = []
    stage = Stage(FunctionTransport(answer), outbox=Outbox(path), retry=ONE_ATTEMPT)
    stage.client.send(user("x").with_source_request_id("poison"), *users(30))
    stage.time.now += 1
    stage.work()
    assert stage.client.stats.pending == 31
    up.append(True)
    for _ in range(40):
        stage.time.now += 61
        stage.work()

    assert stage.client.stats[:4] == (31, 30, 0, 1)


def test_what_expired_does_not_hold_up_what_did_not(path):
    now = [1_000_000.0]
    options = {"wall": lambda: now[0], "max_age": 500.0}
    with of_client(RecordingTransport(*[503] * 9), path, outbox=options) as client:
        client.send(*[searched(f"{number}").with_mpid(number) for number in range(150)])
        client.flush(SOON)
        now[0] += 1_000
        client.send(user("young"))
    failed = []
    with Client(
        *("key", "secret"),
        environment="production",
        transport=RecordingTransport(),
        on_failed=lambda batch, error: failed.append(error.reason),
        dispatcher=ThreadedDispatcher(outbox=Outbox(path, **options)),
    ) as client:
        assert client.flush(SOON) is True
        assert client.stats[:4] == (151, 1, 150, 0)
    assert set(failed) == {"expired"}


def test_a_full_outbox_drops_nothing_that_frees_nothing(path, monkeypatch):
    stage = Stage(outbox=Outbox(path, max_bytes=10_000), when_full="drop_oldest")
    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "put", lambda self, batches: None)  # as a broken disk
        in_memory = [stage.client.send(one) for one in users(3)]
    stored = [stage.client.send(user("x" * 200)) for _ in range(40)]

    assert [delivery.state for delivery in in_memory] == ["pending"] * 3
    assert {delivery.state for delivery in stored} == {"failed", "pending"}


def test_what_is_adopted_counts_before_it_moves(path):
    with of_client(RecordingTransport(503), path) as client:
        client.send(searched("one"), searched("two"))
        client.flush(SOON)
    client = of_client(RecordingTransport(), path)
    outbox = client._dispatcher._settlement.kept.outbox
    seen = []
    park = outbox._own.park
    outbox._own.park = lambda rows: (seen.append(client.stats.submitted), park(rows))
    client.close() if client.flush(SOON) else pytest.fail("not delivered")

    assert seen[0] == 2


# Hooks that leave, callbacks that look


def test_a_hook_that_exits_while_old_ones_are_dropped_leaves_none_without_an_outcome():
    """No worker runs: one that is woken by the full queue may empty it before any is dropped."""
    told, leaves = [], [True]

    def leave(batch, error):
        told.append(name_of(batch))
        if leaves:
            raise SystemExit

    client = Client(
        *("key", "secret"),
        environment="production",
        transport=RecordingTransport(),
        on_failed=leave,
        dispatcher=ThreadedDispatcher(
            max_queue_bytes=3_000,
            when_full="drop_oldest",
            start=lambda work: SimpleNamespace(is_alive=lambda: True),
        ),
    )
    client.send(*users(8))
    with pytest.raises(SystemExit):
        client.send(user("x" * 2_500))

    assert client.stats.pending == client._dispatcher._scheduler.queue.waiting.__len__()
    assert len(told) == client.stats.failed
    leaves.clear()
    client.close(0)


def test_a_hook_that_exits_while_kept_ones_expire_leaves_the_others_in_hand(path):
    now = [1_000_000.0]
    options = {"wall": lambda: now[0], "max_age": 500.0}
    with of_client(RecordingTransport(*[503] * 9), path, outbox=options) as client:
        client.send(searched("old"))
        client.flush(SOON)
        now[0] += 1_000
        client.send(user("young"))

    def leave(batch, error):
        raise SystemExit

    client = Client(
        *("key", "secret"),
        environment="production",
        transport=RecordingTransport(),
        on_failed=leave,
        dispatcher=ThreadedDispatcher(outbox=Outbox(path, **options)),
    )
    client.flush(SOON)

    assert client.stats[:4] == (2, 1, 1, 0)
    client.close()


def test_a_callback_that_exits_keeps_no_other_from_being_called():
    delivery, called = Delivery(1), []

    def leave(delivery):
        raise SystemExit

    delivery.add_done_callback(leave)
    delivery.add_done_callback(called.append)
    with pytest.raises(SystemExit):
        delivery._settle(Response(202))

    assert called == [delivery]


def test_close_leaves_nobody_untold_however_slow_the_hooks_are():
    told, slow = [], threading.Event()

    def linger(batch, error):
        slow.wait(0.01)
        told.append(error.reason)

    client = client_of(
        FunctionTransport(lambda request: 503),
        retry=Retry(base=60, random=lambda: 1),
        on_failed=linger,
    )
    client.send(*users(80))
    assert eventually(lambda: client._dispatcher._scheduler.in_hand())
    report = client.close(0.05)

    assert report == (0, 80, 0)
    assert eventually(lambda: len(told) == 80)  # the last one may be in its hook still
    assert set(told) == {"closed"}


def test_flush_in_a_callback_of_the_events_api_does_not_wait_for_itself():
    said = []
    api = api_of(RecordingTransport())
    client = api._client
    done = threading.Event()

    def look(*answer):
        client.send_all([])
        said.append(client.flush(60))
        api.close()
        done.set()

    api.upload_events(user("a"), look)

    assert done.wait(SOON)
    assert eventually(lambda: client.close().left == 0)


def test_two_apis_of_one_configuration_share_one_dispatcher():
    configuration = Configuration(api_key="key", api_secret="secret", environment="production")

    assert EventsApi(configuration)._background is EventsApi(configuration)._background


def test_an_upload_without_a_callback_in_a_callback_says_that_it_cannot_wait():
    said = []
    api = api_of(RecordingTransport(), dispatcher=ThreadedDispatcher(flush_interval=0))

    def again(*answer):
        with pytest.raises(TimeoutError) as raised:
            api.upload_events(user("b"))
        said.append(str(raised.value))

    api.upload_events(user("a"), again).join(SOON)
    api.close()

    assert said == ["still pending; a callback cannot wait for what comes after it"]


def test_a_log_handler_that_sends_holds_nobody_up():
    """Who logs holds the handler's lock, and who sends may log: never both at once."""

    def emit(record):
        if record.name == "app":
            began.set()
            assert goes.wait(SOON)
        client.send(user("log"))

    def no_thread(work):
        began.wait(SOON)
        raise RuntimeError("can't start new thread")

    began, goes = threading.Event(), threading.Event()
    client = client_of(RecordingTransport(), start=no_thread)
    with calling(emit, logger="", level=logging.WARNING):
        first = threading.Thread(target=lambda: client.send(user()), daemon=True)
        second = threading.Thread(target=logging.getLogger("app").warning, args=("x",), daemon=True)
        first.start()
        second.start()
        goes.set()
        first.join(SOON)
        second.join(SOON)

    assert (first.is_alive(), second.is_alive()) == (False, False)
    client.close()


# Small things


@pytest.mark.parametrize("verb", ["wait", "result"])
def test_a_deliverys_timeout_is_in_seconds(verb):
    delivery = Delivery(1)
    with pytest.raises(InvalidValue) as raised:
        getattr(delivery, verb)("5")

    assert str(raised.value) == (
        f"{verb}(timeout='5'): want seconds, or None for as long as it takes; write {verb}(5.0)"
    )


@pytest.mark.parametrize("timeout", [1e300, float("inf")])
def test_a_very_long_timeout_is_as_long_as_it_takes(timeout):
    delivery = Delivery(1)
    threading.Timer(0.01, delivery._settle, [Response(202)]).start()

    assert delivery.wait(timeout) is True


def test_as_many_workers_begin_as_there_are_requests_to_make():
    together = threading.Barrier(4, timeout=SOON)

    def meet(request):
        together.wait()
        return 202

    client = client_of(FunctionTransport(meet), workers=4, flush_interval=60)
    client.send(*users(400))

    assert client.close(SOON) == (400, 0, 0)


def test_a_failure_of_the_disk_is_one_line_whatever_it_says(path, caplog):
    stage = Stage(outbox=Outbox(path))
    for number in range(20):
        stage.dispatcher._settlement.kept._failed(OSError(f"row {number} is damaged"))

    assert len(caplog.messages) == 1
    assert stage.client.stats.outbox_errors == 20


def test_an_outbox_that_cannot_be_read_is_not_asked_again_and_again(path, monkeypatch):
    stage = Stage(RecordingTransport(503), outbox=Outbox(path), retry=ONE_ATTEMPT)
    stage.client.send(user())
    stage.time.now += 1
    stage.work()
    asked = []
    monkeypatch.setattr(Outbox, "load", lambda self, *bounds: asked.append(bounds) or [])
    stage.client.flush(0)
    stage.work()

    assert len(asked) == 1
    assert stage.client.stats.pending == 1


def test_batches_for_another_host_are_told_of_once(path, caplog):
    with client_of(RecordingTransport(503), outbox=Outbox(path), retry=ONE_ATTEMPT) as client:
        client.send(user())
    caplog.clear()
    elsewhere = Client(
        *("key", "secret"),
        environment="production",
        pod="eu1",
        transport=RecordingTransport(),
        dispatcher=ThreadedDispatcher(outbox=Outbox(path)),
    )
    for _ in range(3):
        elsewhere.flush(SOON)
    elsewhere.close()

    assert caplog.messages == [
        "the outbox holds 1 batch of this key for another host; "
        "a client of that host sends what is there"
    ]


@pytest.mark.parametrize("coalesce", [False, True])
def test_a_batch_that_waits_is_held_as_json_only_and_read_back_if_it_fails(coalesce):
    class ShopBatch(Batch):
        pass

    failed = []
    client = client_of(
        RecordingTransport(400),
        on_failed=lambda batch, error: failed.append(error),
        coalesce=coalesce,
        flush_interval=60,
    )
    sent = ShopBatch.for_user(customer_id="1").event("Searched", {"price": 1.5})
    client.send(sent)
    (waits,) = client._dispatcher._scheduler.queue.waiting
    assert callable(waits._batch)
    client.close()
    (error,) = failed

    assert type(error.batch) is ShopBatch
    assert isinstance(error, DeliveryError)
    assert error.batch.events[0].attributes == sent.events[0].attributes
    assert error.batch.source_request_id is not None


def test_a_kept_batch_is_in_the_error(path):
    client = client_of(RecordingTransport(503), outbox=Outbox(path), retry=ONE_ATTEMPT)
    with pytest.raises(Kept) as raised:
        client.send(user("kept")).result(SOON)
    client.close(0)

    assert name_of(raised.value.batch) == "kept"
    assert (raised.value.reason, raised.value.status_code) == ("retries_exhausted", 503)


# What a second reader found


def test_an_idle_worker_does_not_let_the_process_forget_a_busy_one(monkeypatch):
    monkeypatch.setattr("mpfluent.dispatch.workers._IDLE", 0.01)
    leave = threading.Event()

    def slow(request):
        assert leave.wait(SOON)
        return 202

    client = client_of(FunctionTransport(slow), workers=2)
    client.send(user("a"))
    assert eventually(lambda: client._dispatcher._scheduler.in_hand())
    client._dispatcher._workers.call()  # nothing to do, so the second one starts for the next
    delivery = client.send(user("b"))
    other = client._dispatcher._workers
    assert eventually(lambda: len([one for one in other._threads if one.is_alive()]) >= 1)
    leave.set()
    delivery.result(SOON)
    leave.clear()
    client.send(user("c"))
    assert eventually(lambda: client._dispatcher._scheduler.in_hand())
    assert eventually(lambda: sum(one.is_alive() for one in other._threads) == 1)

    assert id(client._dispatcher) in shutdown._watched
    leave.set()
    client.close()


def test_a_patient_send_goes_on_as_soon_as_the_overflow_ends(path):
    stage = Stage(outbox=Outbox(path), max_queue=1)
    stage.client.send(*users(3))
    scheduler = stage.dispatcher._scheduler
    assert scheduler.overflowing
    woken = []
    notify = scheduler.for_progress.notify_all
    scheduler.for_progress.notify_all = lambda: (woken.append(scheduler.overflowing), notify())
    stage.time.now += 1
    stage.work()

    assert False in woken
    assert stage.client.stats.delivered == 3


def test_what_is_kept_for_want_of_room_wakes_a_worker(path, monkeypatch):
    stage = Stage(outbox=Outbox(path), max_queue=1)
    scheduler, kept = stage.dispatcher._scheduler, stage.dispatcher._settlement.kept
    woken, notify = [], scheduler.for_work.notify

    def note(*count):
        woken.append((scheduler.being_kept, kept.outbox.parked > 0))
        notify(*count)

    with monkeypatch.context() as patch:
        patch.setattr(scheduler.for_work, "notify", note)
        stage.client.send(*users(2))

    assert woken[-1] == (0, True)


def test_what_was_not_accepted_when_ctrl_c_came_leaves_no_trace(path):
    stage = Stage(outbox=Outbox(path), when_full="raise")

    class Interrupting:
        def __enter__(self):
            raise KeyboardInterrupt

        def __exit__(self, *_):
            return None

    scheduler = stage.dispatcher._scheduler
    lock, scheduler.lock = scheduler.lock, Interrupting()
    with pytest.raises(KeyboardInterrupt):
        stage.client.send(user())
    scheduler.lock = lock

    assert stage.client.stats[:4] == (0, 0, 0, 0)
    assert stage.told == []
    stage.client.close(0)
    with client_of(RecordingTransport(), outbox=Outbox(path)) as later:
        later.flush(SOON)
        assert later.stats.submitted == 0


def test_a_full_outbox_drops_the_oldest_however_often_that_was_tried(path):
    stage = Stage(
        RecordingTransport(*[503] * 99),
        outbox=Outbox(path, max_bytes=1_600),
        when_full="drop_oldest",
        retry=ONE_ATTEMPT,
    )
    for number in range(3):
        stage.client.send(user(f"{number}" + "x" * 150))
        stage.time.now += 61
        stage.work()
    assert stage.told == []
    stage.client.send(user("3" + "x" * 150))

    assert [(name[0], reason) for name, reason in stage.told] == [("0", "dropped_oldest")]


def test_closing_in_a_callback_ends_the_waits_of_other_workers():
    entered = threading.Event()

    def answer(request):
        if b"slow" in request.body:
            entered.set()
            return 503
        assert entered.wait(SOON)
        return 202

    client = client_of(
        FunctionTransport(answer),
        workers=2,
        retry=Retry(base=60, cap=60, random=lambda: 1),
        on_delivered=lambda batch, response: client.close(0.05),
    )
    slow = client.send(user("slow"))
    assert entered.wait(SOON)
    client.send(user("quick"))

    assert slow.wait(SOON) is True
    assert slow.failures[0].reason == "closed"
    assert eventually(lambda: client.close() == (1, 1, 0))


def test_a_group_of_which_a_row_is_missing_is_not_stored_at_all(path):
    outbox = Outbox(path)
    client = client_of(RecordingTransport(503), outbox=outbox, flush_interval=60)
    client.send(*users(3))
    rows = sorted(outbox._own.held)
    outbox.remove(rows[:1])

    assert outbox.join(rows) is False
    database = outbox._owner.current().connection
    assert database.execute("SELECT DISTINCT grp FROM rows").fetchall() == [(None,)]
    client.close(0)


def test_the_transport_is_not_closed_under_a_callback_that_closes():
    calls = []

    class Told(RecordingTransport):
        def send(self, request):
            calls.append("send")
            return super().send(request)

        def close(self):
            calls.append("close")

    api = api_of(Told())
    api.bulk_upload_events(users(150), lambda *answer: None).join(SOON)
    api.bulk_upload_events(users(150), lambda *answer: api.close()).join(SOON)
    assert eventually(lambda: not api._background._workers.any())
    api.close()

    assert "send" not in calls[calls.index("close") :]


# Numbers beyond reason


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: ThreadedDispatcher(flush_interval=10**400),
            "want seconds, 0 or more; write flush_interval=0.5",
        ),
        (lambda: Retry(base=10**400), "want seconds, 0 or more"),
    ],
)
def test_a_number_that_no_float_can_hold_is_told(make, text):
    with pytest.raises(ConfigurationError) as raised:
        make()

    assert str(raised.value).endswith(text)


def test_a_very_long_wait_for_room_is_as_long_as_it_takes():
    stage = Stage(max_queue=1, block_timeout=1e300)
    stage.client.send(user("a"))
    scheduler = stage.dispatcher._scheduler
    waited = []
    scheduler.for_progress.wait = lambda seconds: (
        waited.append(seconds),
        scheduler.queue.take(1, 10**9, WorkItem()),
    )

    assert stage.client.send(user("b")).state == "pending"
    assert waited == [None]


def test_a_very_long_wait_between_attempts_ends_with_the_client():
    client = client_of(
        FunctionTransport(lambda request: 503),
        retry=Retry(base=1e300, cap=1e300, max_elapsed=1e301, random=lambda: 1),
    )
    delivery = client.send(user())
    assert eventually(lambda: client._dispatcher._scheduler.in_hand())

    assert client.close(0.05) == (0, 1, 0)
    assert delivery.failures[0].reason == "closed"
