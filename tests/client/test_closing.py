"""The end of a client: closing, and what is settled when something interrupts it."""

import gc
import pickle
import threading
import time

import pytest
from clients import BATCH, adds_up, client_of, failing_for, numbered

from mpfluent import (
    ApiError,
    Closed,
    ConfigurationError,
    FunctionTransport,
    RecordingTransport,
    Retry,
    ThreadedDispatcher,
)


def test_close_reports_and_reports_the_same_again():
    client = client_of(RecordingTransport(202, 400))
    client.send(BATCH)
    with pytest.raises(ApiError):
        client.send(BATCH)

    assert client.close() == (1, 1, 0)
    assert client.close() is client.close(1)
    assert repr(client) == "<Client https://s2s.us1.mparticle.com development closed>"


def test_nothing_is_sent_after_close():
    transport = RecordingTransport()
    client = client_of(transport)
    client.close()
    for call in (lambda: client.send(BATCH), lambda: client.send_all([BATCH])):
        with pytest.raises(Closed) as raised:
            call()
        assert str(raised.value) == "the client is closed; write Client(…) for a new one"
        assert raised.value.reason == "closed"

    assert transport.requests == []
    assert client.flush() is True


def test_the_with_block_closes_the_client_and_its_transport():
    closed = []

    class Transport(RecordingTransport):
        def close(self):
            closed.append(len(self.requests))

    with client_of(Transport()) as client:
        client.send(BATCH)

    assert closed == [1]
    with pytest.raises(Closed):
        client.send(BATCH)


def test_a_transport_that_cannot_be_closed_is_logged(caplog):
    class Transport(RecordingTransport):
        def close(self):
            raise OSError("customer 1")

    client = client_of(Transport())
    client.send(BATCH)

    assert client.close() == (1, 0, 0)
    assert client.stats.hook_errors == 1
    assert "close raised OSError" in caplog.text
    assert "customer" not in caplog.text


@pytest.mark.parametrize("hook", ["on_delivered", "on_failed", "callback"])
def test_close_and_flush_in_a_callback_do_not_wait_for_it(hook):
    reports = []

    def close(*_):
        reports.append((client.flush(), client.close()))

    options = {hook: close} if hook != "callback" else {}
    client = client_of(RecordingTransport(*[400 if hook == "on_failed" else 202] * 2), **options)
    if hook == "on_failed":
        with pytest.raises(ApiError):
            client.send(BATCH)
    else:
        client.send(BATCH, callback=close if hook == "callback" else None)

    assert len(reports) == 1
    assert client.close().left == 0
    assert adds_up(client)


def test_what_is_left_when_a_callback_closes_fails_as_closed():
    closes = []

    def close(*_):
        closes.append(client.close())

    client = client_of(failing_for("0"), on_failed=close)
    with pytest.raises(ApiError):
        client.send(*numbered(4))

    assert client.stats.failed_by_reason["rejected"] == 1
    assert client.stats.failed_by_reason["closed"] >= 1
    assert client.close().left == 0
    assert adds_up(client)


def test_close_waits_for_what_other_threads_send():
    entered, leave = threading.Event(), threading.Event()

    def slow(request):
        entered.set()
        leave.wait(5)
        return 202

    client = client_of(FunctionTransport(slow))
    sender = threading.Thread(target=client.send, args=(BATCH,))
    sender.start()
    assert entered.wait(5)
    assert client.flush(0) is False
    assert client.stats.pending == 1
    threading.Timer(0.05, leave.set).start()

    assert client.flush(5) is True
    assert client.close() == (1, 0, 0)
    sender.join()


def test_close_ends_the_waits_of_other_threads():
    waiting = threading.Event()

    def unavailable(request):
        waiting.set()
        return 503

    client = client_of(
        FunctionTransport(unavailable), retry=Retry(base=60, max_elapsed=600, random=lambda: 1.0)
    )
    errors = []

    def send():
        with pytest.raises(Closed) as raised:
            client.send(BATCH)
        errors.append(raised.value)

    sender = threading.Thread(target=send)
    sender.start()
    assert waiting.wait(5)
    began = time.monotonic()
    report = client.close(0.05)

    assert time.monotonic() - began < 5
    sender.join(5)
    assert report == (0, 1, 0)
    assert errors[0].reason == "closed"
    assert errors[0].batch.events
    assert client.stats.failed_by_reason == {"closed": 1}


def test_close_says_what_it_left_behind():
    entered, leave = threading.Event(), threading.Event()

    def slow(request):
        entered.set()
        leave.wait(5)
        return 202

    client = client_of(FunctionTransport(slow))
    sender = threading.Thread(target=client.send, args=(BATCH,))
    sender.start()
    assert entered.wait(5)

    assert client.close(0.01) == (0, 0, 1)
    leave.set()
    sender.join(5)
    assert client.close() == (0, 0, 1)
    assert client.stats.delivered == 1


def test_closing_in_several_threads_at_once_is_one_closing():
    closes = []

    class Transport(RecordingTransport):
        def close(self):
            closes.append(1)

    client = client_of(Transport())
    client.send(BATCH)
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(client.close())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert reports == [(1, 0, 0)] * 8


def test_closing_two_threads_from_each_others_callbacks_ends():
    """Each waits for the other's delivery, which waits for the callback."""
    both = threading.Barrier(2)

    def close(*_):
        both.wait(5)
        client.close()

    client = client_of(on_delivered=close)
    threads = [threading.Thread(target=client.send, args=(BATCH,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert [thread.is_alive() for thread in threads] == [False, False]
    assert client.close() == (2, 0, 0)


def test_closing_by_the_garbage_collector_in_the_midst_of_a_send_ends():
    class App:
        def __del__(self):
            client.close()

    def send(request):
        app = App()
        app.itself = app
        del app
        gc.collect()
        return 202

    client = client_of(FunctionTransport(send))
    with client._counters.lock:  # the thread holds what closing needs
        App()

    assert client.close() == (0, 0, 0)

    client = client_of(FunctionTransport(send))
    client.send(BATCH)
    assert client.close() == (1, 0, 0)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupted_send_settles_every_batch(error):
    failures = []

    def interrupt(request):
        if b'"120"' in request.body:
            raise error
        return 202

    client = client_of(
        FunctionTransport(interrupt), on_failed=lambda batch, error: failures.append(error)
    )
    with pytest.raises(error):
        client.send(*numbered(250))

    assert client.stats.delivered == 100
    assert client.stats.failed_by_reason == {"transport_error": 150}
    assert str(failures[0]) == f"sending was broken off by {error.__name__}"
    assert len(failures) == 150
    assert client.flush() is True


def test_a_callback_that_exits_settles_every_batch():
    def leave(*_):
        raise SystemExit(3)

    client = client_of(on_delivered=leave)
    with pytest.raises(SystemExit):
        client.send(*numbered(3))

    assert client.stats.pending == 0
    assert adds_up(client)


def test_a_broken_retry_policy_settles_every_batch():
    client = client_of(RecordingTransport(503), retry=Retry(random=lambda: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        client.send(BATCH)

    assert client.stats.failed_by_reason == {"transport_error": 1}


def test_a_client_is_not_pickled():
    client = client_of()
    for thing in (client, client._sender._credentials):
        with pytest.raises(ConfigurationError):
            pickle.dumps(thing)


def test_a_thread_that_closes_while_another_does_keeps_no_report_of_the_midst(monkeypatch):
    monkeypatch.setattr("mpfluent.dispatch.threaded._GRACE", 0.01)
    entered, leave, reports = threading.Event(), threading.Event(), []

    def slow(batch, error):
        entered.set()
        leave.wait(5)

    transport = FunctionTransport(lambda request: leave.wait(5) and 202)
    client = client_of(transport, dispatcher=ThreadedDispatcher(), on_failed=slow)
    client.send(*numbered(3))
    closer = threading.Thread(target=lambda: reports.append(client.close(0)))
    closer.start()
    assert entered.wait(5)
    early = client.close(0)
    leave.set()
    closer.join(5)

    assert early.left == 2
    assert reports == [(0, 3, 0)]
    assert client.close() == (0, 3, 0)
