"""Closing, flushing and sending at bad moments: scenarios 36 to 41 of delivery under faults."""

import asyncio
import ctypes
import gc
import threading
import time
from collections import Counter
from functools import partial

import pytest
from scenarios import KEY, SECRET, batch, batches, eventually, invariants, scenario

from mpfluent import Client, Closed, FunctionTransport, Outbox, Retry, ThreadedDispatcher
from mpfluent.testing import hang, ok

SOON = 10.0  # seconds after which a test that waits has failed


# 36: close


def test_closing_twice_reports_the_same():  # 36
    with scenario() as one:
        one.send(*batches(3))
        report = one.client.close(5)

        assert report == (3, 0, 0)
        assert one.timed(lambda: one.client.close(5), 0) is report


def test_closing_in_many_threads_at_once_reports_the_same():  # 36
    with scenario(delay=0.05) as one:
        one.send(*batches(3))
        start, reports = threading.Barrier(8), []

        def close():
            start.wait(SOON)
            reports.append(one.client.close(5))

        threads = [threading.Thread(target=close) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON)

        assert reports == [(3, 0, 0)] * 8


def test_closing_in_many_threads_while_the_server_hangs_reports_the_same():  # 36
    with scenario(hang(20), hang(20)) as one:
        one.send(*batches(3))
        start, reports = threading.Barrier(8), []

        def close():
            start.wait(SOON)
            reports.append(one.timed(lambda: one.client.close(0.3), 0.3 + 2))

        threads = [threading.Thread(target=close) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON)

        assert reports == [(0, 3, 0)] * 8
        assert one.reasons == {"closed": 3}


def calling(hook, call):
    """Return options of a scenario in which this hook calls ``call(client)``, and the scenario."""
    here = []

    def told(where):
        def hear(batch, outcome):
            getattr(here[0], where).append((batch, outcome))
            if f"on_{where}" == hook:
                call(here[0].client)

        return hear

    return here, {"on_delivered": told("delivered"), "on_failed": told("failed")}


HOOKS = [("on_delivered", 202), ("on_failed", 400)]


@pytest.mark.parametrize(("hook", "status"), HOOKS)
@pytest.mark.parametrize("left", [5, 0])
def test_closing_in_a_callback_waits_for_nothing(hook, status, left):  # 36
    reports = []

    def close(client):
        reports.append(here[0].timed(lambda: client.close(left), 0))

    here, options = calling(hook, close)
    with scenario(status, status, status, **options) as one:
        here.append(one)
        (delivery,) = one.send(batch())
        assert delivery.wait(SOON)
        counts = (1, 0, 0) if hook == "on_delivered" else (0, 1, 0)

        assert eventually(lambda: not one.client._dispatcher._workers.any())
        assert reports == [counts]
        assert one.client.close() == counts
        assert one.client.stats.hook_errors == 0


def test_closing_where_a_delivery_settles_waits_for_nothing():  # 36
    with scenario() as one:
        reports = []
        delivery = one.client.send(
            *batches(3), callback=lambda _: reports.append(one.client.close(5))
        )
        assert delivery.wait(SOON)

        assert eventually(lambda: reports)
        assert one.client.close() == (3, 0, 0)
        assert reports == [(3, 0, 0)]


def test_closing_in_the_midst_of_a_request_of_the_same_worker_waits_for_nothing():  # 36
    reports = []

    def close(request):
        reports.append(one.timed(lambda: one.client.close(5), 0))
        return 202

    with scenario(transport=FunctionTransport(close)) as one:
        (delivery,) = one.send(batch())

        assert delivery.result(SOON).status_code == 202
        assert one.client.close() == (1, 0, 0)
        assert reports == [(0, 0, 1)]


class Cycle:
    """Garbage that only the collector finds; it calls something as it goes."""

    def __init__(self, call):
        self.itself = self
        self.call = call

    def __del__(self):
        self.call()


LOCKS = {
    "scheduler": lambda client, delivery: client._dispatcher._scheduler.lock,
    "counters": lambda client, delivery: client._counters.lock,
    "sender": lambda client, delivery: client._sender.gate._lock,
    "transport": lambda client, delivery: client._sender._transport._lock,
    "outbox": lambda client, delivery: client._dispatcher._settlement.kept.outbox._lock,
    "notices": lambda client, delivery: client._dispatcher._settlement.notices._lock,
    "delivery": lambda client, delivery: delivery._lock,
    "settlement": lambda client, delivery: client._dispatcher._settlement._lock,
}


@pytest.mark.parametrize("lock", LOCKS)
def test_the_garbage_collector_may_close_in_the_midst_of_anything(lock, tmp_path):  # 36
    """It runs wherever memory is allocated, also where this very thread holds a lock."""
    outbox = Outbox(tmp_path / "outbox.db")
    with scenario(outbox=outbox, flush_interval=60) as one:
        (delivery,) = one.send(batch())
        reports = []

        def close():
            reports.append(one.timed(lambda: one.client.close(0), 0.5))

        gc.collect()
        Cycle(close)
        with LOCKS[lock](one.client, delivery):
            gc.collect()

        assert reports == [(0, 0, 1)]
        assert one.client.close() == (0, 0, 1)
        assert delivery.state == "kept"


def test_the_garbage_collector_may_close_on_a_worker():  # 36
    reports = []

    def collect(request):
        Cycle(lambda: reports.append(one.timed(lambda: one.client.close(5), 0)))
        gc.collect()
        return 202

    with scenario(transport=FunctionTransport(collect)) as one:
        (delivery,) = one.send(batch())

        assert delivery.result(SOON).status_code == 202
        assert reports[0] == (0, 0, 1)
        assert one.client.close() == (1, 0, 0)


def test_what_closes_its_client_when_it_is_garbage_loses_nothing():  # 36
    with scenario(flush_interval=0.2) as one:
        counts = Counter()
        client = Client(
            KEY,
            SECRET,
            environment="production",
            host=one.server.url,
            dispatcher=ThreadedDispatcher(flush_interval=0.2),
            on_delivered=lambda *_: counts.update(delivered=1),
        )
        for each in batches(3):
            client.send(each)
        Cycle(partial(client.close, 5))
        del client
        gc.collect()

        assert counts == {"delivered": 3}


# 37: flush


@pytest.mark.parametrize(("hook", "status"), HOOKS)
def test_flushing_in_a_callback_waits_for_nothing(hook, status):  # 37
    said = []

    def flush(client):
        said.append(here[0].timed(lambda: client.flush(60), 0))

    here, options = calling(hook, flush)
    with scenario(*[status] * 5, flush_interval=60, **options) as one:
        here.append(one)
        one.send(*batches(3))
        assert one.client.flush(SOON) is True

        assert said == [False, False, True]  # by the last one, all are settled
        assert one.client.stats.hook_errors == 0


def test_flushing_where_a_delivery_settles_waits_for_nothing():  # 37
    with scenario(flush_interval=60) as one:
        said = []
        one.client.send(batch(0), callback=lambda _: said.append(one.client.flush(60)))
        one.client.send(batch(1))
        assert one.timed(lambda: one.client.flush(SOON), 5) is True

        assert said == [False]


# 38: after the end


@pytest.mark.parametrize("verb", [Client.send, lambda client, one: client.send_all([one])])
def test_sending_on_a_closed_client_raises_and_accepts_nothing(verb):  # 38
    with scenario() as one:
        one.send(batch(0))
        assert one.client.close(5) == (1, 0, 0)
        with pytest.raises(Closed) as raised:
            one.timed(lambda: verb(one.client, batch(1)), 0)

        assert str(raised.value) == "the client is closed; write Client(…) for a new one"
        assert raised.value.reason == "closed"
        assert one.client.stats.submitted == 1
        assert len(one.server.requests) == 1


# 39: no thread


def test_a_thread_that_cannot_be_started_is_tried_again_with_each_send(monkeypatch):  # 39
    start, tried, threads = threading.Thread.start, [], []

    def sometimes(thread):
        if thread.name == "mpfluent-worker":
            tried.append(thread)
            if len(tried) < 3:
                raise RuntimeError("can't start new thread")
        start(thread)

    def hear(batch, response):
        one.delivered.append((batch, response))
        threads.append(threading.current_thread())

    monkeypatch.setattr(threading.Thread, "start", sometimes)
    with scenario(on_delivered=hear) as one:
        states = [one.send(each)[0].state for each in batches(2)]
        (third,) = one.send(batch(3))

        assert states == ["delivered"] * 2
        assert third.result(SOON).status_code == 202
        assert threads == [threading.main_thread()] * 2 + [tried[2]]
        assert "no thread could be started" in one.log.getvalue()


def test_without_threads_what_cannot_be_delivered_fails_in_time(monkeypatch):  # 39
    start = threading.Thread.start

    def never(thread):
        if thread.name == "mpfluent-worker":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", never)
    with scenario(*[503] * 50, retry=Retry(base=0.05, max_elapsed=0.5)) as one:
        (delivery,) = one.timed(lambda: one.send(batch()), 0.5)

        assert delivery.state == "failed"
        assert one.reasons == {"retries_exhausted": 1}


# 40: a worker that is killed


class Killed(BaseException):
    """What a worker is killed with."""


def kill_worker(one):
    """Raise in the worker's thread, as soon as that runs Python code again."""
    (thread,) = one.client._dispatcher._workers._threads
    ident, error = ctypes.c_ulong(thread.ident), ctypes.py_object(Killed)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, error) == 1
    return thread


def test_what_a_killed_worker_had_in_its_hands_is_sent_again_as_it_was():  # 40
    with scenario(ok(delay=0.3)) as one:
        (delivery,) = one.send(batch())
        assert eventually(lambda: one.server.requests)
        killed = kill_worker(one)

        assert delivery.result(SOON).status_code == 202
        assert not killed.is_alive()
        first, again = one.server.attempts(one.delivered[0][0].source_request_id)
        assert (first.body, first.headers["content-type"]) == (
            again.body,
            again.headers["content-type"],
        )
        assert one.server.duplicates == one.server.unique_ids
        assert "a worker was stopped by Killed" in one.log.getvalue()
        assert one.send(batch(1))[0].result(SOON).status_code == 202


def test_what_kills_two_workers_fails():  # 40
    with scenario(ok(delay=0.3), ok(delay=0.3)) as one:
        (delivery,) = one.send(batch())
        for count in (1, 2):
            assert eventually(lambda: len(one.server.requests) == count)  # noqa: B023
            killed = kill_worker(one)
            assert eventually(lambda: not killed.is_alive())  # noqa: B023
        assert delivery.wait(SOON)

        assert one.reasons == {"transport_error": 1}
        assert str(delivery.failures[0]) == "sending was broken off by Killed, twice"
        assert one.send(batch(1))[0].result(SOON).status_code == 202
        assert len(one.server.requests) == 3


def test_a_worker_that_is_killed_while_it_waits_is_replaced_by_the_next_send():  # 40
    with scenario() as one:
        one.send(batch(0))[0].result(SOON)
        killed = kill_worker(one)
        (delivery,) = one.send(batch(1))

        assert delivery.result(SOON).status_code == 202
        assert eventually(lambda: not killed.is_alive())
        assert (len(one.server.unique_ids), one.server.duplicates) == (2, [])


# 41: an event loop


def test_an_event_loop_goes_on_while_batches_are_sent():  # 41
    async def main(client):
        gaps, over = [], asyncio.Event()

        async def tick():
            last = time.monotonic()
            while not over.is_set():
                await asyncio.sleep(0.005)
                gaps.append(time.monotonic() - last)
                last = time.monotonic()

        ticker = asyncio.create_task(tick())
        sent = []
        for each in batches(1_000):
            sent.append(client.send(each))
            await asyncio.sleep(0)
        answers = await asyncio.gather(*sent)
        over.set()
        await ticker
        return [answer.status_code for answer in answers], gaps

    with scenario(delay=0.02) as one:
        statuses, gaps = asyncio.run(main(one.client))

        assert statuses == [202] * 1_000
        assert len(gaps) > 20
        assert max(gaps) < 1.0
        assert one.client.stats[:4] == (1_000, 1_000, 0, 0)
        assert (len(one.server.unique_ids), one.server.duplicates) == (1_000, [])


def test_an_event_loop_does_not_wait_for_room():  # 41
    async def main(client):
        for each in batches(50):
            client.send(each)

    with scenario(hang(20), hang(20), max_queue=10, block_timeout=60) as one:
        one.timed(lambda: asyncio.run(main(one.client)), 0.5)

        stats = one.client.stats
        assert stats.submitted == 50
        assert stats.failed_by_reason == {"queue_full": stats.failed}
        assert 10 <= stats.pending <= 20  # some on their way, and as many as may wait


# 46: everything at once


def test_threads_that_race_with_flush_and_close_lose_nothing(slow):  # 46
    each, workers = 1_000 if slow else 250, 64
    delivered, failed, refused, escaped = [], [], [], []
    with invariants(list):
        client = Client(
            KEY,
            SECRET,
            environment="production",
            transport=FunctionTransport(lambda request: 202),
            dispatcher=ThreadedDispatcher(flush_interval=0.01, block_timeout=SOON),
            on_delivered=lambda one, response: delivered.append(one.source_request_id),
            on_failed=lambda one, error: failed.append((one.source_request_id, error.reason)),
        )
        one, start = batch(), threading.Barrier(workers + 2)

        def send(number):
            start.wait(SOON)
            for place in range(each):
                sent = one.with_source_request_id(f"{number}-{place}")
                try:
                    client.send(sent)
                except Closed:
                    refused.append(sent.source_request_id)
                except BaseException as error:
                    escaped.append(error)

        def flush():
            start.wait(SOON)
            while not client._closed:
                client.flush(0.05)
                stats = client.stats
                if stats.submitted != stats.delivered + stats.failed + stats.pending:
                    escaped.append(stats)

        def close():
            start.wait(SOON)
            assert eventually(lambda: client.stats.submitted > each * workers // 2, 60)
            client.close(SOON)

        threads = [threading.Thread(target=send, args=(number,)) for number in range(workers)]
        threads += [threading.Thread(target=flush), threading.Thread(target=close)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        report, stats = client.close(), client.stats

    assert escaped == []
    assert stats.pending == 0
    assert report == (len(delivered), len(failed), 0)
    assert (stats.delivered, stats.failed) == (len(delivered), len(failed))
    assert Counter(reason for _, reason in failed) == stats.failed_by_reason
    assert set(stats.failed_by_reason) <= {"closed"}
    told = Counter([*delivered, *(name for name, _ in failed), *refused])
    assert len(told) == each * workers
    assert set(told.values()) == {1}
