"""Closing and flushing in a coroutine: the event loop goes on, in asyncio and in trio."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mpfluent import (
    Batch,
    Client,
    Closed,
    FunctionTransport,
    InvalidValue,
    Outbox,
    RecordingTransport,
    SyncDispatcher,
    ThreadedDispatcher,
)

SOON = 10.0  # seconds after which a test that waits has failed
BATCH = Batch.for_user(customer_id="1").event("Searched")


class Asyncio:
    """How a loop runs, sleeps and gives up, so that one test is for both."""

    run = staticmethod(asyncio.run)
    sleep = staticmethod(asyncio.sleep)

    @staticmethod
    async def within(seconds, function):
        try:
            return await asyncio.wait_for(function(), seconds)
        except TimeoutError:
            return "gave up"


class Trio:
    @staticmethod
    def run(coroutine):
        async def main():
            return await coroutine

        return pytest.importorskip("trio").run(main)

    @staticmethod
    async def sleep(seconds):
        import trio

        await trio.sleep(seconds)

    @staticmethod
    async def within(seconds, function):
        import trio

        with trio.move_on_after(seconds):
            return await function()
        return "gave up"


@pytest.fixture(params=[Asyncio, Trio])
def loop(request):
    if request.param is Trio:
        pytest.importorskip("trio")
    return request.param


def client_of(transport=None, **options):
    return Client(
        "key",
        "secret",
        environment="development",
        transport=transport or RecordingTransport(),
        dispatcher=options.pop("dispatcher", None) or ThreadedDispatcher(flush_interval=60),
        **options,
    )


def stuck():
    """Return an event, and a transport that answers only when it is set."""
    go = threading.Event()
    return go, FunctionTransport(lambda request: 202 if go.wait(SOON) else 503)


@pytest.mark.parametrize("dispatcher", [SyncDispatcher, lambda: ThreadedDispatcher(workers=3)])
def test_the_end_of_an_async_with_block_delivers_what_waits(loop, dispatcher):
    transport = RecordingTransport()

    async def main():
        async with client_of(transport, dispatcher=dispatcher()) as client:
            for _ in range(3):
                client.send(BATCH)
        return client

    client = loop.run(main())

    assert len(transport.batches) == 3
    assert client.stats[:4] == (3, 3, 0, 0)
    with pytest.raises(Closed):
        client.send(BATCH)


def test_an_error_in_the_block_comes_out_of_it_when_the_client_is_closed(loop):
    transport = RecordingTransport()

    async def main():
        async with client_of(transport) as client:
            client.send(BATCH)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        loop.run(main())
    assert len(transport.batches) == 1


@pytest.mark.parametrize(
    ("verb", "said"), [("aclose", (1, 0, 0, 0)), ("aflush", True)], ids=["aclose", "aflush"]
)
def test_the_loop_goes_on_while_it_waits(loop, verb, said):
    go, transport = stuck()

    async def main():
        client = client_of(transport)
        client.send(BATCH)
        told = []

        async def tell():
            told.append(await getattr(client, verb)())
            return told

        assert await loop.within(0.05, tell) == "gave up"  # so the loop's own clock went on
        go.set()
        return await getattr(client, verb)(SOON)

    assert loop.run(main()) == said


def test_aflush_says_whether_nothing_is_pending(loop):
    go, transport = stuck()

    async def main():
        async with client_of(transport) as client:
            client.send(BATCH)
            before = await client.aflush(0.01)
            go.set()
            return before, await client.aflush(SOON), await client.aflush()

    assert loop.run(main()) == (False, True, True)


def test_what_aclose_has_no_time_for_fails_with_closed(loop):
    go, transport = stuck()
    failed = []

    async def main():
        client = client_of(transport, on_failed=lambda batch, error: failed.append(error.reason))
        delivery = client.send(BATCH)
        return await client.aclose(0.01), delivery.state

    assert loop.run(main()) == ((0, 1, 0, 0), "failed")
    assert failed == ["closed"]
    go.set()


def test_what_aclose_has_no_time_for_is_kept_in_the_outbox(loop, tmp_path):
    go, transport = stuck()

    async def main():
        dispatcher = ThreadedDispatcher(flush_interval=60, outbox=Outbox(tmp_path / "outbox.db"))
        client = client_of(transport, dispatcher=dispatcher)
        delivery = client.send(BATCH)
        return await client.aclose(0.01), delivery.state

    assert loop.run(main()) == ((0, 0, 1, 0), "kept")
    go.set()


def test_closing_again_reports_the_same_in_either_way(loop):
    async def main():
        client = client_of()
        client.send(BATCH)
        first = await client.aclose()
        return first, await client.aclose(), client.close(), await client.aflush()

    assert loop.run(main()) == ((1, 0, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0), True)


def test_closing_in_many_tasks_at_once_reports_the_same():
    async def main():
        client = client_of()
        client.send(BATCH)
        return await asyncio.gather(*(client.aclose() for _ in range(20)))

    assert asyncio.run(main()) == [(1, 0, 0, 0)] * 20


def test_who_is_cancelled_waits_no_longer_and_the_closing_goes_on(loop):
    go, transport = stuck()
    client = client_of(transport)

    async def main():
        delivery = client.send(BATCH)
        return delivery, await loop.within(0.01, client.aclose)

    delivery, said = loop.run(main())  # the loop ends, too, though the closing goes on

    assert (said, delivery.state) == ("gave up", "pending")
    go.set()
    assert delivery.result(SOON).status_code == 202
    assert client.close(SOON) == (1, 0, 0, 0)


def test_threads_of_the_loop_that_are_all_busy_hold_nothing_up():
    busy = threading.Event()

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        waiting = loop.run_in_executor(None, busy.wait, SOON)
        async with client_of() as client:
            client.send(BATCH)
        busy.set()
        assert await waiting
        return client.stats.delivered

    assert asyncio.run(main()) == 1


def test_where_no_thread_can_be_had_the_client_is_closed_all_the_same(monkeypatch):
    start = threading.Thread.start

    def no_more(thread):
        if thread.name == "mpfluent-waiting":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", no_more)

    async def main():
        client = client_of()
        client.send(BATCH)
        return await client.aclose()

    assert asyncio.run(main()) == (1, 0, 0, 0)


def test_in_a_callback_it_waits_for_nothing(loop):
    said = []

    def hook(batch, response):
        async def main():
            return await client.aflush(), await client.aclose()

        said.append(loop.run(main()))

    client = client_of(dispatcher=ThreadedDispatcher(flush_interval=0), on_delivered=hook)
    delivery = client.send(BATCH)

    assert delivery.wait(SOON)
    assert client.close(SOON) == (1, 0, 0, 0)
    assert said == [(True, (1, 0, 0, 0))]


def test_a_hook_that_exits_does_so_where_the_closing_is_awaited():
    go, transport = stuck()

    def leave(batch, error):
        raise SystemExit(3)

    async def main():
        client = client_of(transport, on_failed=leave)
        client.send(BATCH)
        await client.aclose(0.01)

    with pytest.raises(SystemExit) as left:
        asyncio.run(main())
    assert left.value.code == 3
    go.set()


@pytest.mark.parametrize("verb", ["aclose", "aflush"])
@pytest.mark.parametrize("timeout", [-1, "5", True, float("nan")])
def test_a_timeout_that_is_none_is_an_error_that_names_the_verb(verb, timeout):
    client = client_of()

    with pytest.raises(InvalidValue) as error:
        asyncio.run(getattr(client, verb)(timeout))

    assert str(error.value) == (
        f"{verb}(timeout={timeout!r}): want seconds, or None for as long as it takes; "
        f"write {verb}(5.0)"
    )


def test_a_client_whose_closing_is_not_awaited_is_still_open():
    client = client_of()
    client.aclose().close()  # a coroutine that never ran

    assert client.send(BATCH).state == "pending"
    assert client.close(SOON) == (1, 0, 0, 0)
