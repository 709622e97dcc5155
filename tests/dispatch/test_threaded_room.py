"""No room in the queue, nobody who may wait, and hooks that run under no lock."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from stages import ONE_ATTEMPT, SOON, Stage, client_of, user, users

from mpfluent import (
    Delivery,
    FunctionTransport,
    Kept,
    Outbox,
    RecordingTransport,
    Retry,
)


def test_a_stored_batch_without_room_is_kept_whatever_the_policy(path):
    stage = Stage(outbox=Outbox(path), max_queue=1, when_full="drop_oldest")
    scheduler = stage.dispatcher._scheduler

    def wait(seconds):
        stage.time.now += 1e9  # nobody makes room

    scheduler.for_progress.wait = wait
    report = stage.client.send_all(users(5))

    assert (report.failed, report.pending) == (0, 5)
    assert stage.told == []


def test_send_all_waits_for_room_however_short_a_request_may_take(path):
    client = client_of(
        FunctionTransport(lambda request: 202), max_queue=2, retry=Retry(max_elapsed=0)
    )
    report = client.send_all(users(500))
    client.close(SOON)

    assert report.failed == 0
    assert client.stats.delivered == 500


def test_awaiting_says_so_where_nobody_may_wait():
    delivery = Delivery(1, dispatcher=SimpleNamespace(may_wait=lambda: False))

    async def main():
        return await delivery

    with pytest.raises(TimeoutError, match="a callback cannot wait"):
        asyncio.run(main())
    parents = Delivery(1)
    parents._pid = -1

    async def child():
        return await parents

    with pytest.raises(TimeoutError, match="still pending in the process that sent it"):
        asyncio.run(child())


def test_what_the_file_has_is_accepted_though_the_client_was_closed_meanwhile(path):
    stage = Stage(outbox=Outbox(path), when_full="raise")
    stage.client.send(user("a"))
    stage.time.now += 1
    stage.work()
    stage.dispatcher._scheduler.closed = True  # by another thread, since the row was written
    delivery = stage.client.send(user("b"))

    assert delivery.state == "kept"
    with pytest.raises(Kept, match="the client was closed meanwhile"):
        delivery.result()
    assert stage.client.stats[:4] == (2, 1, 0, 1)


def test_the_end_counts_what_was_kept_before_too(path):
    stage = Stage(RecordingTransport(*[503] * 9), outbox=Outbox(path), retry=ONE_ATTEMPT)
    stage.client.send(*users(3))
    stage.time.now += 1
    stage.work()
    stage.client.send(*users(2))

    assert stage.dispatcher.finish(0) == (0, 5)


def test_nothing_is_sent_and_no_hook_called_under_the_lock():
    """Where no thread can be had any more, flush sends; others must get on meanwhile."""
    fails, free = [], []

    def start(work):
        if fails:
            raise RuntimeError("can't start new thread")
        fails.append(True)
        return SimpleNamespace(is_alive=lambda: len(free) == 0 and not dead)

    def look(batch, response):
        def acquire():
            free.append(client._dispatcher._scheduler.lock.acquire(timeout=SOON))
            if free[-1]:
                client._dispatcher._scheduler.lock.release()

        other = threading.Thread(target=acquire)
        other.start()
        other.join()

    dead = []
    client = client_of(RecordingTransport(), start=start, on_delivered=look, flush_interval=60)
    client.send(user())
    scheduler = client._dispatcher._scheduler
    wait = scheduler.for_progress.wait

    def die(seconds):
        dead.append(True)  # the worker is stopped without a word while flush waits
        return wait(0)

    scheduler.for_progress.wait = die
    assert client.flush(SOON) is True

    assert free == [True]
    scheduler.for_progress.wait = wait
    client.close()
