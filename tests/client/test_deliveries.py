"""A ``Delivery``: its state, its result, its callbacks, and waiting for it."""

import asyncio
import os
import threading

import pytest
from clients import BATCH, boom, client_of

from mpfluent import (
    Batch,
    Client,
    Delivery,
    DeliveryError,
    InvalidValue,
    Kept,
    RecordingTransport,
    Response,
    TransportError,
)


def test_a_delivery_says_its_outcome():
    delivery = client_of(RecordingTransport(Response(202, {"X-Any": "1"}, b"ok"))).send(BATCH)

    assert delivery.state == "delivered"
    assert delivery.wait() is True
    assert delivery.wait(0) is True
    assert delivery.result() == Response(202, {"X-Any": "1"}, b"ok")
    assert delivery.failures == ()
    assert repr(delivery) == "<Delivery delivered>"


def test_a_delivery_that_is_pending_can_be_waited_for():
    delivery = Delivery(2)

    assert delivery.state == "pending"
    assert delivery.wait(0) is False
    with pytest.raises(TimeoutError) as raised:
        delivery.result(0)
    assert str(raised.value) == "still pending after 0 s"

    delivery._settle(Response(202))
    assert delivery.state == "pending"
    threading.Timer(0.01, delivery._settle, (DeliveryError("no", reason="closed"),)).start()

    assert delivery.wait(5) is True
    assert delivery.state == "failed"
    with pytest.raises(DeliveryError, match="no"):
        delivery.result()


def test_done_callbacks_are_called_once_now_or_later(caplog):
    delivery = Delivery(1)
    called = []
    delivery.add_done_callback(called.append)
    delivery.add_done_callback(boom)
    delivery.add_done_callback(called.append)

    assert called == []
    delivery._settle(Response(202))
    assert called == [delivery, delivery]
    delivery.add_done_callback(called.append)
    assert called == [delivery] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "the callback boom raised ValueError; delivery goes on"
    ]


def test_a_delivery_can_be_awaited():
    async def main():
        settled = client_of().send(BATCH)
        pending = Delivery(1)
        timer = threading.Timer(0.01, pending._settle, (Response(204),))
        timer.start()
        both = await asyncio.gather(_of(settled), _of(pending))
        timer.join()
        return both

    assert [response.status_code for response in asyncio.run(main())] == [202, 204]


async def _of(delivery):
    return await delivery


def test_awaiting_a_failed_delivery_raises_its_error():
    async def main():
        delivery = Delivery(1)
        delivery._settle(TransportError("no answer"))
        return await delivery

    with pytest.raises(TransportError, match="no answer"):
        asyncio.run(main())


def test_an_await_that_is_cancelled_or_outlived_harms_nothing(caplog):
    delivery = Delivery(1)

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_of(delivery), 0.01)

    asyncio.run(main())
    delivery._settle(Response(202))

    assert delivery.state == "delivered"
    assert caplog.records == []


def test_a_delivery_of_the_parent_is_not_waited_for(monkeypatch):
    delivery = Delivery(1)
    delivery._lock.acquire()  # by a thread that is only in the parent
    monkeypatch.setattr(os, "getpid", lambda: -1)

    assert delivery.state == "pending"
    assert delivery.wait() is False
    with pytest.raises(TimeoutError) as raised:
        delivery.result()
    assert str(raised.value) == "still pending in the process that sent it"


def test_a_kept_delivery_is_neither_delivered_nor_failed():
    delivery = Delivery(2)
    delivery._settle(Response(202))
    delivery._settle(Kept("kept for later"))

    assert delivery.state == "kept"
    assert delivery.failures == ()
    with pytest.raises(Kept, match="kept for later"):
        delivery.result()


def test_the_result_of_a_delivery_does_not_raise_for_what_was_dropped_on_purpose():
    client = Client(
        "k",
        "s",
        environment="development",
        transport=RecordingTransport(),
        before_send=lambda batch: None if batch.mpid == 1 else batch,
    )

    delivery = client.send(Batch.for_user(mpid=1), Batch.for_user(mpid=2))

    assert delivery.result().status_code == 202
    assert [error.reason for error in delivery.failures] == ["filtered"]


@pytest.mark.parametrize("verb", ["flush", "close"])
@pytest.mark.parametrize("timeout", ["x", True, -1, float("nan")])
def test_a_timeout_is_in_seconds(verb, timeout):
    client = Client("k", "s", environment="development", transport=RecordingTransport())

    with pytest.raises(InvalidValue) as caught:
        getattr(client, verb)(timeout)

    assert str(caught.value) == (
        f"{verb}(timeout={timeout!r}): want seconds, or None for as long as it takes; "
        f"write {verb}(5.0)"
    )


@pytest.mark.parametrize("verb", ["flush", "close"])
def test_a_timeout_is_a_number_that_clocks_can_count(verb):
    client = Client("k", "s", environment="development", transport=RecordingTransport())

    with pytest.raises(InvalidValue, match=r"want seconds, or None for as long as it takes"):
        getattr(client, verb)(10**5000)
