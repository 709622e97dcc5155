"""Who waits for a delivery lets it leave at once; who only looks at it does not."""

import asyncio
import threading

import pytest
from stages import SOON, Stage, client_of, user, users

from mpfluent import (
    Client,
    Configuration,
    EventsApi,
    FunctionTransport,
    Outbox,
    RecordingTransport,
    ThreadedDispatcher,
)

LONG = 600.0  # seconds for which nothing leaves by itself


def sizes(transport):
    return [len(request.batch_ids) for request in transport.requests]


async def as_task(delivery):
    return await asyncio.ensure_future(delivery)


async def in_a_group(delivery):
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_coroutine(delivery))
    return task.result()


async def first_completed(delivery):
    for soonest in asyncio.as_completed([delivery], timeout=SOON):
        return await soonest


async def waited(delivery):
    done, pending = await asyncio.wait([asyncio.ensure_future(delivery)], timeout=SOON)
    assert pending == set()
    return done.pop().result()


async def _coroutine(delivery):
    return await delivery


AWAITED = {
    "await": _coroutine,
    "gather": lambda delivery: asyncio.gather(delivery),
    "wait_for": lambda delivery: asyncio.wait_for(delivery, SOON),
    "shield": lambda delivery: asyncio.shield(delivery),
    "ensure_future": as_task,
    "create_task": lambda delivery: asyncio.create_task(_coroutine(delivery)),
    "as_completed": first_completed,
    "TaskGroup": in_a_group,
    "wait": waited,
}


@pytest.mark.parametrize("coalesce", [False, True])
@pytest.mark.parametrize("way", AWAITED)
def test_a_delivery_that_is_awaited_in_any_way_leaves_at_once(way, coalesce):
    client = client_of(RecordingTransport(), flush_interval=LONG, coalesce=coalesce)

    async def main():
        answer = AWAITED[way](client.send(user()))
        if way == "gather":
            (response,) = await asyncio.wait_for(answer, SOON)
            return response
        return await asyncio.wait_for(answer, SOON)

    assert asyncio.run(main()).status_code == 202
    client.close()


def test_a_loop_that_runs_until_a_delivery_is_complete_lets_it_leave():
    client = client_of(RecordingTransport(), flush_interval=LONG)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        response = loop.run_until_complete(asyncio.wait_for(client.send(user()), SOON))
    client.close()

    assert response.status_code == 202


@pytest.mark.parametrize("settled", [False, True], ids=["pending", "settled"])
@pytest.mark.parametrize("timeout", [None, 0.01])
def test_asyncio_wait_says_at_once_that_it_takes_tasks(timeout, settled):
    client = client_of(RecordingTransport(), flush_interval=LONG)
    delivery = client.send(user())
    if settled:
        delivery.result(SOON)

    async def main():
        await asyncio.wait([delivery], timeout=timeout)

    with pytest.raises(TypeError) as raised:
        asyncio.run(asyncio.wait_for(main(), SOON))

    assert str(raised.value) == (
        "asyncio.wait() takes tasks, not deliveries; "
        "write asyncio.wait([asyncio.ensure_future(delivery)])"
    )
    client.close()


def test_a_task_is_made_of_a_coroutine_and_not_of_a_delivery():
    client = client_of(RecordingTransport())

    async def main():
        delivery = client.send(user())
        async with asyncio.TaskGroup() as group:
            for create_task in (asyncio.create_task, group.create_task):
                with pytest.raises(TypeError, match="a coroutine was expected"):
                    create_task(delivery)
        return await delivery

    assert asyncio.run(main()).status_code == 202
    client.close()


def test_what_tasks_send_and_await_together_travels_together():
    transport = RecordingTransport()
    client = client_of(transport, flush_interval=LONG)

    async def send_and_await(batch):
        return await client.send(batch)

    async def main():
        tasks = asyncio.gather(*[send_and_await(batch) for batch in users(100)])
        return await asyncio.wait_for(tasks, SOON)

    assert [response.status_code for response in asyncio.run(main())] == [202] * 100
    assert sizes(transport) == [100]
    client.close()


def test_deliveries_that_are_gathered_travel_together():
    transport = RecordingTransport()
    client = client_of(transport, flush_interval=LONG)

    async def main():
        await asyncio.wait_for(asyncio.gather(*map(client.send, users(99))), SOON)

    asyncio.run(main())
    assert sizes(transport) == [99]
    client.close()


@pytest.mark.parametrize("coalesce", [False, True])
@pytest.mark.parametrize("outbox", [False, True])
@pytest.mark.parametrize("waits", ["wait", "result"])
def test_who_waits_in_a_thread_lets_it_leave_at_once(waits, outbox, coalesce, tmp_path):
    kept = {"outbox": Outbox(tmp_path / "o.db")} if outbox else {}
    client = client_of(RecordingTransport(), flush_interval=LONG, coalesce=coalesce, **kept)

    assert getattr(client.send(user()), waits)(SOON)
    client.close()


def test_who_waits_without_a_limit_lets_it_leave_at_once():
    client = client_of(RecordingTransport(), flush_interval=LONG)

    assert client.send(user()).wait() is True
    client.close()


def test_several_threads_wait_for_deliveries_of_their_own():
    client = client_of(RecordingTransport(), flush_interval=LONG, workers=2)
    start, answers = threading.Barrier(8), []

    def work():
        start.wait(SOON)
        answers.extend(client.send(user()).result(SOON).status_code for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)

    assert answers == [202] * 160
    client.close()


def test_several_threads_wait_for_one_delivery():
    client = client_of(RecordingTransport(), flush_interval=LONG)
    delivery, answers = client.send(user()), []
    threads = [
        threading.Thread(target=lambda: answers.append(delivery.wait(SOON))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)

    assert answers == [True] * 8
    client.close()


def result_of(delivery):
    with pytest.raises(TimeoutError):
        delivery.result(0)


LOOKS = {
    "state": lambda delivery: delivery.state,
    "failures": lambda delivery: delivery.failures,
    "repr": repr,
    "wait(0)": lambda delivery: delivery.wait(0),
    "wait(0.0)": lambda delivery: delivery.wait(0.0),
    "result(0)": result_of,
    "callback": lambda delivery: delivery.add_done_callback(print),
}


@pytest.mark.parametrize("look", LOOKS)
def test_who_only_looks_lets_nothing_leave(look):
    stage = Stage(flush_interval=0.5)
    LOOKS[look](stage.client.send(user()))
    stage.work()
    assert stage.requests() == []

    stage.time.now += 0.5
    stage.work()
    assert stage.requests() == [["1"]]


def test_a_callback_of_a_send_lets_nothing_leave():
    stage = Stage(flush_interval=0.5)
    stage.client.send(user(), callback=print)
    stage.work()

    assert stage.requests() == []


def test_what_waits_by_then_leaves_with_it_and_what_comes_later_gathers_anew():
    stage = Stage(flush_interval=0.5)
    deliveries = [stage.client.send(batch) for batch in users(150)]
    assert deliveries[120].wait(0.001) is False
    stage.client.send(user("later"))
    stage.work()
    assert [len(names) for names in stage.requests()] == [100, 51]

    stage.client.send(user("later still"))
    stage.work()
    assert len(stage.requests()) == 2

    stage.time.now += 0.5
    stage.work()
    assert stage.requests()[2] == ["later still"]


def test_who_waits_for_what_has_left_hurries_nothing_that_comes_later():
    stage = Stage(RecordingTransport(503), flush_interval=0.5)
    delivery = stage.client.send(user())
    stage.time.now += 0.5
    stage.work()
    assert delivery.wait(0.001) is True

    stage.client.send(user("2"))
    stage.work()
    assert delivery.wait(5) is True
    stage.work()
    assert stage.requests() == [["1"], ["1"]]


def test_batches_of_one_user_that_are_awaited_together_travel_as_one():
    transport = RecordingTransport()
    client = client_of(transport, flush_interval=LONG, coalesce=True)

    async def main():
        await asyncio.wait_for(asyncio.gather(*[client.send(user()) for _ in range(10)]), SOON)

    asyncio.run(main())
    client.close()

    assert [len(batch.events) for batch in transport.batches] == [10]


def test_who_waits_in_a_callback_hurries_nothing():
    waited = []
    transport = RecordingTransport()
    client = Client(
        *("key", "secret"),
        environment="production",
        transport=transport,
        dispatcher=ThreadedDispatcher(flush_interval=LONG),
        on_delivered=lambda batch, response: waited.append(client.send(user("2")).wait(1)),
    )
    client.send(user()).result(SOON)
    assert waited == [False]
    assert sizes(transport) == [1]
    client.close(SOON)


def test_an_upload_that_is_joined_leaves_at_once():
    called = []
    api = EventsApi(
        Configuration(
            api_key="key",
            api_secret="secret",
            environment="production",
            transport=RecordingTransport(),
            dispatcher=ThreadedDispatcher(flush_interval=LONG),
        )
    )
    upload = api.upload_events(user(), callback=lambda *answer: called.append(answer[1]))
    upload.join(SOON)
    assert called == [202]
    assert api.upload_events(user())[1] == 202
    api.close()


def test_an_upload_that_is_joined_for_no_time_gathers():
    gate = threading.Event()
    api = EventsApi(
        Configuration(
            api_key="key",
            api_secret="secret",
            environment="production",
            transport=FunctionTransport(lambda request: gate.set() or 202),
            dispatcher=ThreadedDispatcher(flush_interval=LONG),
        )
    )
    upload = api.upload_events(user(), callback=lambda *answer: None)
    upload.join(0)
    assert not gate.wait(0.05)
    api.close()
