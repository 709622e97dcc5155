"""The two calls that the vendor documents, synchronous and with a callback."""

import inspect
import os
import pickle
import subprocess
import sys
import textwrap
import threading

import pytest

from mpfluent import (
    ApiError,
    Batch,
    Client,
    Closed,
    Configuration,
    ConfigurationError,
    DeliveryError,
    EventsApi,
    FunctionTransport,
    InvalidBatch,
    InvalidValue,
    RecordingTransport,
    Response,
    Retry,
    TransportError,
    Upload,
)
from mpfluent.testing import LocalServer
from mpfluent.testing import status as refusal

BATCH = Batch.for_user(customer_id="1").event("Searched", {"query": "teapot"})
SOON = 10


def api_of(transport=None, **options):
    options.setdefault("api_key", "key")
    options.setdefault("api_secret", "secret")
    options.setdefault("environment", "development")
    options.setdefault("retry", Retry(max_attempts=1))
    return EventsApi(Configuration(transport=transport, **options))


def close(api):
    api._client.close()


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture
def api(server):
    api = api_of(host=server.url)
    yield api
    close(api)


def broken(request):
    raise TransportError("no answer from anywhere", retryable=False)


# Synchronous


def test_a_single_upload_returns_data_status_and_headers(api, server):
    data, status, headers = api.upload_events(BATCH)

    assert (data, status) == (None, 202)
    assert headers["X-mp-rate-limit-percentage-used"] == "1"
    assert server.requests[0].path == "/v2/events"
    assert server.batches[0].events[0].event_name == "Searched"


def test_a_bulk_upload_returns_the_same(api, server):
    data, status, headers = api.bulk_upload_events([BATCH, BATCH.event("Compared")])

    assert (data, status) == (None, 202)
    assert isinstance(headers, dict)
    assert server.requests[0].path == "/v2/bulkevents"
    assert len(server.batches) == 2


def test_data_is_the_parsed_body():
    api = api_of(RecordingTransport(Response(200, {"X": "1"}, b'{"accepted": 1}')))

    assert api.upload_events(BATCH) == ({"accepted": 1}, 200, {"X": "1"})


@pytest.mark.parametrize("batches", [[BATCH], (BATCH, BATCH), iter([BATCH])])
def test_a_bulk_takes_any_iterable(batches):
    assert api_of(RecordingTransport()).bulk_upload_events(batches)[1] == 202


def test_more_batches_than_a_request_holds_are_several_requests(api, server):
    api.bulk_upload_events([BATCH] * 150)

    assert len(server.requests) == 2
    assert len(server.batches) == 150


def test_a_refusal_is_an_api_error(api, server):
    server.script(refusal(400, headers={"X-Why": "so"}, message="No."))
    with pytest.raises(ApiError) as raised:
        api.upload_events(BATCH)

    error = raised.value
    assert error.status_code == 400
    assert error.headers["X-Why"] == "so"
    assert error.body == '{"errors": [{"code": "BAD_REQUEST", "message": "No."}]}'
    assert error.errors == ({"code": "BAD_REQUEST", "message": "No."},)
    assert [dict(entry) for entry in error.errors] == [{"code": "BAD_REQUEST", "message": "No."}]
    assert str(error) == "mParticle answered 400 BAD_REQUEST: No."
    assert error.batch.events[0].event_name == "Searched"
    again = pickle.loads(pickle.dumps(error))
    assert (again.status_code, again.body, again.errors) == (400, error.body, error.errors)


def test_the_errors_of_an_api_error_cannot_be_changed(api, server):
    server.script(refusal(400, message="No."))
    with pytest.raises(ApiError) as raised:
        api.upload_events(BATCH)

    with pytest.raises(TypeError):
        raised.value.errors[0]["code"] = "OTHER"


def test_a_wrong_secret_is_an_api_error(server):
    with pytest.raises(ApiError) as raised:
        api_of(host=server.url, api_secret="wrong").upload_events(BATCH)

    assert (raised.value.status_code, raised.value.reason) == (403, "unauthorized")


def test_no_answer_is_an_error():
    with pytest.raises(TransportError):
        api_of(FunctionTransport(broken)).upload_events(BATCH)


def test_it_tries_again_as_the_client_does(server):
    server.script(503)
    api = api_of(host=server.url, retry=Retry(base=0.01))

    assert api.upload_events(BATCH)[1] == 202
    assert len(server.requests) == 2
    close(api)


# With a callback


def test_a_callback_is_called_once_with_the_answer(api, server):
    answers = []
    upload = api.upload_events(BATCH, callback=lambda *answer: answers.append(answer))
    upload.join(SOON)

    assert isinstance(upload, Upload)
    assert not upload.is_alive()
    ((data, status, headers),) = answers
    assert (data, status) == (None, 202)
    assert headers["X-mp-rate-limit-percentage-used"] == "1"
    assert upload.result() == answers[0]
    assert repr(upload) == "<Upload delivered>"
    assert len(server.batches) == 1


def test_a_bulk_takes_a_callback_too(api, server):
    answers = []
    upload = api.bulk_upload_events([BATCH] * 3, callback=lambda *answer: answers.append(answer))
    upload.join(SOON)

    assert [answer[1] for answer in answers] == [202]
    assert len(server.batches) == 3


def test_a_callback_gets_a_refusal_with_the_errors_body(api, server):
    answers = []
    server.script(refusal(400, headers={"X-Why": "so"}, message="No."))
    upload = api.upload_events(BATCH, lambda *answer: answers.append(answer))
    upload.join(SOON)

    ((data, status, headers),) = answers
    assert data == {"errors": [{"code": "BAD_REQUEST", "message": "No."}]}
    assert status == 400
    assert headers["X-Why"] == "so"
    with pytest.raises(ApiError, match=r"No\."):
        upload.result()
    assert repr(upload) == "<Upload failed>"


@pytest.mark.parametrize(
    ("body", "data"), [(b"", None), (b"<html>", "<html>"), (b"[1]", [1]), (b"\xff", "�")]
)
def test_a_callback_gets_whatever_the_body_of_a_refusal_is(body, data):
    answers = []
    api = api_of(RecordingTransport(Response(404, {}, body)))
    api.upload_events(BATCH, lambda *answer: answers.append(answer)).join(SOON)

    assert answers == [(data, 404, {})]


def test_a_callback_gets_an_error_if_no_answer_ever_came():
    answers = []
    upload = api_of(FunctionTransport(broken)).upload_events(
        BATCH, lambda *answer: answers.append(answer)
    )
    upload.join(SOON)

    assert answers == [(None, 0, {})]
    with pytest.raises(TransportError, match="no answer from anywhere"):
        upload.result()


@pytest.mark.parametrize("interruption", [SystemExit, KeyboardInterrupt])
def test_a_callback_is_called_even_if_sending_is_broken_off(interruption):
    def leave(request):
        raise interruption

    answers = []
    api = api_of(FunctionTransport(leave))
    api.upload_events(BATCH, lambda *answer: answers.append(answer)).join(SOON)
    api.upload_events(BATCH, lambda *answer: answers.append(answer)).join(SOON)

    assert answers == [(None, 0, {})] * 2


def test_a_callback_that_raises_harms_nothing(caplog):
    api = api_of(RecordingTransport())

    def raising(*_):
        raise ValueError("customer 1")

    first = api.upload_events(BATCH, raising)
    first.join(SOON)
    answers = []
    api.upload_events(BATCH, lambda *answer: answers.append(answer)).join(SOON)

    assert not first.is_alive()
    assert first.result()[1] == 202
    assert [answer[1] for answer in answers] == [202]
    assert api._client.stats.hook_errors == 1
    assert "raised ValueError" in caplog.text
    assert "customer" not in caplog.text


def test_a_callback_may_upload_and_join_nothing_else():
    api = api_of(RecordingTransport())
    done = threading.Event()
    answers = []

    def second(*answer):
        answers.append(answer)
        done.set()

    api.upload_events(BATCH, lambda *_: api.upload_events(BATCH, second))

    assert done.wait(SOON)
    assert answers[0][1] == 202


def test_uploads_leave_in_order_in_one_thread():
    threads, order = set(), []

    def record(request):
        threads.add(threading.current_thread())
        body = request.json()  # what comes while another is on its way travels together
        batches = body if isinstance(body, list) else [body]
        order.extend(batch["user_identities"]["customer_id"] for batch in batches)
        return 202

    api = api_of(FunctionTransport(record))
    uploads = [
        api.upload_events(Batch.for_user(customer_id=str(n)).event("Searched"), lambda *_: None)
        for n in range(20)
    ]
    for upload in uploads:
        upload.join(SOON)

    assert order == [str(n) for n in range(20)]
    assert len(threads) == 1
    assert threading.current_thread() not in threads


def test_an_upload_on_its_way_is_alive():
    leave = threading.Event()

    def slow(request):
        leave.wait(SOON)
        return 202

    upload = api_of(FunctionTransport(slow)).upload_events(BATCH, lambda *_: None)

    assert upload.is_alive()
    assert repr(upload) == "<Upload pending>"
    upload.join(0.01)
    with pytest.raises(TimeoutError):
        upload.result(0.01)
    leave.set()
    assert upload.result(SOON)[1] == 202
    upload.join(SOON)
    assert not upload.is_alive()


def test_join_waits_for_the_callback():
    finished = []
    called, leave = threading.Event(), threading.Event()

    def slow(*_):
        called.set()
        leave.wait(SOON)
        finished.append(1)

    upload = api_of(RecordingTransport()).upload_events(BATCH, slow)
    assert called.wait(SOON)
    assert upload.is_alive()
    assert upload.result()[1] == 202
    leave.set()
    upload.join(SOON)

    assert finished == [1]


def test_no_thread_begins_without_a_callback():
    before = threading.active_count()
    api = api_of(RecordingTransport())
    api.upload_events(BATCH)

    assert threading.active_count() == before


def test_an_upload_without_a_thread_is_made_at_once(monkeypatch):
    def no_thread(self):
        raise RuntimeError("can't start new thread")

    transport = RecordingTransport()
    api = api_of(transport)
    answers = []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        api.upload_events(BATCH, lambda *answer: answers.append(answer)).join(SOON)
    assert [answer[1] for answer in answers] == [202]

    api.upload_events(BATCH, lambda *answer: answers.append(answer)).join(SOON)
    assert [answer[1] for answer in answers] == [202, 202]
    assert len(transport.requests) == 2


def test_closing_the_client_delivers_what_waits():
    leave = threading.Event()

    def slow(request):
        leave.wait(SOON)
        return 202

    configuration = Configuration(
        api_key="key",
        api_secret="secret",
        environment="development",
        transport=FunctionTransport(slow),
    )
    api = EventsApi(configuration)
    answers = []
    uploads = [api.upload_events(BATCH, lambda *a: answers.append(a[1])) for _ in range(5)]
    threading.Timer(0.05, leave.set).start()

    assert configuration.client.close() == (5, 0, 0, 0)
    assert answers == [202] * 5
    assert all(upload.result(SOON)[1] == 202 for upload in uploads)
    for call in (lambda: api.upload_events(BATCH), lambda: api.upload_events(BATCH, print)):
        with pytest.raises(Closed):
            call()


def test_closing_in_a_hurry_calls_every_callback():
    leave = threading.Event()

    def slow(request):
        leave.wait(SOON)
        return 202

    api = api_of(FunctionTransport(slow))
    answers = []
    uploads = [api.upload_events(BATCH, lambda *a: answers.append(a[1])) for _ in range(5)]
    report = api._client.close(0.01)
    leave.set()
    for upload in uploads:
        upload.join(SOON)

    assert report == (0, 5, 0, 0)
    assert answers == [0] * 5
    assert api._client.stats.failed_by_reason == {"closed": 5}


# What is wrong is raised at the call


@pytest.mark.parametrize("callback", [None, print])
def test_what_is_wrong_is_raised_at_the_call(callback):
    transport = RecordingTransport()
    api = api_of(transport)
    with pytest.raises(InvalidValue, match="want a Batch, got dict"):
        api.upload_events({}, callback)
    with pytest.raises(InvalidValue, match="want a Batch, got str"):
        api.bulk_upload_events(["batch"], callback)
    with pytest.raises(InvalidBatch, match="bulk_upload_events\\(\\) needs at least one batch"):
        api.bulk_upload_events([], callback)
    with pytest.raises(InvalidBatch) as raised:
        api.bulk_upload_events(BATCH, callback)

    assert str(raised.value) == (
        "bulk_upload_events() wants a list of batches, got Batch; write bulk_upload_events([batch])"
    )
    assert transport.requests == []


def test_a_callback_must_be_a_function():
    with pytest.raises(InvalidBatch) as raised:
        api_of(RecordingTransport()).upload_events(BATCH, "print")

    assert str(raised.value) == (
        "callback='print': want a function of (data, status_code, headers); write callback=print"
    )


def test_a_batch_without_an_environment_is_an_error():
    with pytest.raises(InvalidBatch, match="the batch has no environment"):
        api_of(RecordingTransport(), environment=None).upload_events(BATCH)


# Filters


def test_what_before_send_drops_never_raises():
    answers = []
    api = api_of(RecordingTransport(), before_send=lambda batch: None)
    upload = api.upload_events(BATCH, lambda *answer: answers.append(answer))
    upload.join(SOON)

    assert api.upload_events(BATCH) == (None, 0, {})
    assert upload.result() == (None, 0, {})
    assert answers == [(None, 0, {})]


def test_the_answer_to_the_rest_counts():
    drop = Batch.for_user(customer_id="drop").event("Searched")
    answers = []
    api = api_of(
        RecordingTransport(),
        before_send=lambda b: None if b.user_identities.customer_id == "drop" else b,
    )
    api.bulk_upload_events([drop, BATCH], lambda *answer: answers.append(answer)).join(SOON)

    assert api.bulk_upload_events([drop, BATCH]) == (None, 202, {})
    assert answers == [(None, 202, {})]


def test_a_before_send_that_raises_is_an_error():
    api = api_of(RecordingTransport(), before_send=lambda batch: 1 / 0)
    with pytest.raises(DeliveryError, match="before_send raised ZeroDivisionError"):
        api.upload_events(BATCH)


# Configuration


def test_configuration_takes_the_keywords_of_client(server):
    failures = []
    configuration = Configuration(
        api_key="key",
        api_secret="secret",
        environment="production",
        host=server.url,
        retry=Retry(max_attempts=1),
        on_failed=lambda batch, error: failures.append(error.reason),
    )
    server.script(400)
    with pytest.raises(ApiError):
        EventsApi(configuration).upload_events(BATCH)

    assert failures == ["rejected"]
    assert repr(configuration) == f"<Configuration of <Client {server.url} production>>"
    configuration.client.close()


def test_configuration_has_the_keywords_of_client_and_no_other():
    def is_known(name):
        try:
            Configuration(**{name: object()})
        except ConfigurationError as error:
            return "has no option" not in str(error)
        return True

    assert all(is_known(name) for name in inspect.signature(Client).parameters)
    assert not is_known("timeout")


def test_keys_come_from_the_environment(monkeypatch, server):
    monkeypatch.setenv("MPARTICLE_API_KEY", "key")
    monkeypatch.setenv("MPARTICLE_API_SECRET", "secret")

    assert "us1" in repr(EventsApi()._client)
    api = EventsApi(Configuration(environment="development", host=server.url))
    assert api.upload_events(BATCH)[1] == 202
    close(api)


def test_without_keys_there_is_no_api():
    with pytest.raises(ConfigurationError, match=r"Client\(api_key=…\): is missing"):
        EventsApi()


@pytest.mark.parametrize("configuration", ["key", {"api_key": "key"}, Configuration])
def test_a_configuration_is_wanted(configuration):
    with pytest.raises(ConfigurationError) as raised:
        EventsApi(configuration)

    assert str(raised.value).endswith(
        ": want a Configuration; write EventsApi(Configuration(api_key=…, api_secret=…))"
    )


def test_apis_of_one_configuration_share_a_client():
    configuration = Configuration(
        api_key="key",
        api_secret="secret",
        environment="development",
        transport=RecordingTransport(),
    )
    EventsApi(configuration).upload_events(BATCH)
    EventsApi(configuration).upload_events(BATCH)

    assert configuration.client.stats.delivered == 2


# Processes


def run(code, *arguments):
    return subprocess.run(
        # Python 3.12 warns of every fork of a process with threads, which is the point here
        [
            sys.executable,
            "-W",
            "ignore:This process:DeprecationWarning",
            "-c",
            textwrap.dedent(code),
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_uploads_that_wait_are_made_before_the_interpreter_ends(server):
    done = run(
        """
        import sys
        from mpfluent import Batch, Configuration, EventsApi
        api = EventsApi(Configuration(
            api_key="key", api_secret="secret", environment="development", host=sys.argv[1]))
        for number in range(20):
            api.upload_events(Batch.for_user(customer_id=str(number)).event("x"), lambda *a: None)
        """,
        server.url,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert len(server.batches) == 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_uploads_its_own_and_nothing_of_its_parent(server):
    done = run(
        """
        import os, sys, threading
        from mpfluent import Batch, Configuration, EventsApi
        from mpfluent import FunctionTransport, RequestsTransport
        there, go = RequestsTransport(), threading.Event()

        def send(request):
            go.wait(20)
            return there.send(request)

        api = EventsApi(Configuration(
            api_key="key", api_secret="secret", environment="development", host=sys.argv[1],
            transport=FunctionTransport(send)))
        answers = []
        def upload(name):
            batch = Batch.for_user(customer_id=name).event("x")
            return api.upload_events(batch, lambda *answer: answers.append(name))

        before = upload("parent 1")
        lock = api._background._scheduler.lock
        lock.acquire()  # as if another thread held it
        child = os.fork()
        go.set()
        if child:
            lock.release()
            before.join(20)
            upload("parent 2").join(20)
            assert answers == ["parent 1", "parent 2"], answers
            assert os.waitpid(child, 0)[1] == 0
        else:
            before.join()
            assert not before.is_alive()
            assert before._delivery.wait() is False
            try:
                before.result()
            except TimeoutError as error:
                assert str(error) == "still pending in the process that sent it"
            else:
                raise AssertionError
            upload("child 1").join(20)
            upload("child 2").join(20)
            assert answers == ["child 1", "child 2"], answers
            assert api._client.stats.delivered == 2
            os._exit(0)
        """,
        server.url,
    )

    assert (done.returncode, done.stderr) == (0, "")
    people = sorted(batch.user_identities.customer_id for batch in server.batches)
    assert people == ["child 1", "child 2", "parent 1", "parent 2"]
    assert server.duplicates == []


def test_the_end_of_a_with_block_waits_for_what_is_on_the_way_and_closes():
    answers = []
    sent = RecordingTransport()
    configuration = Configuration(
        api_key="key", api_secret="secret", environment="development", transport=sent
    )

    with EventsApi(configuration) as api:
        for _ in range(5):
            api.upload_events(BATCH, lambda *answer: answers.append(answer))

    assert [status for _, status, _ in answers] == [202] * 5
    assert len(sent.batches) == 5
    with pytest.raises(Closed):
        api.upload_events(BATCH)


def test_closing_an_api_that_sent_nothing_closes_its_client():
    configuration = Configuration(api_key="key", api_secret="secret")

    EventsApi(configuration).close()

    assert repr(configuration.client).endswith("closed>")


def test_a_callback_may_upload_and_join_and_close():
    statuses = []
    configuration = Configuration(
        api_key="key",
        api_secret="secret",
        environment="development",
        transport=RecordingTransport(),
    )
    api = EventsApi(configuration)

    def callback(data, status, headers):
        inner = api.upload_events(BATCH, lambda *answer: statuses.append(answer[1]))
        inner.join(SOON)
        statuses.append(status)
        api.close()

    api.upload_events(BATCH, callback).join(SOON)
    configuration.client.close(SOON)

    assert statuses == [202, 202]
    assert repr(configuration.client).endswith("closed>")
