"""The sweep: the secret and the Authorization header appear nowhere, payloads in no log."""

import base64
import contextlib
import copy
import gc
import io
import pickle
import reprlib
import socket
import subprocess
import sys
import textwrap
import traceback

import fault_server as faults
import pytest
import requests
from fault_server import AUTHORITY, FakeTime, FaultServer, status
from log_records import text_of
from scenarios import held

from mpfluent import (
    Batch,
    Client,
    Configuration,
    ConfigurationError,
    DeliveryError,
    EventsApi,
    FunctionTransport,
    Outbox,
    PrintingTransport,
    RecordingTransport,
    RequestsTransport,
    Retry,
    SyncDispatcher,
    ThreadedDispatcher,
)
from mpfluent.testing import LocalServer

KEY = "us1-0123456789abcdef"
SECRET = "s3cr3t-fedcba9876543210"
TOKEN = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
PERSON = "person-4711"
WORDS = "words-of-the-payload"
BATCH = Batch.for_user(customer_id=PERSON).event("Searched", {"query": WORDS})

# put together only here, so that no frame of a test holds a whole secret under a name
HIDDEN = (SECRET, TOKEN, TOKEN[:20], SECRET[:12])


def credentials():
    return {"api_key": KEY, "api_secret": SECRET}


def client_of(host, **options):
    options.setdefault("retry", Retry(max_attempts=2, base=0))
    return Client(**credentials(), environment="production", host=host, **options)


def linked(error):
    """Yield an error and every other that can be reached from it."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, *one.args, *vars(one).values()]


def printed(error):
    """Return all that a debugger's report of an error could show, but for this file's frames."""
    found = []
    for one in linked(error):
        found += [repr(one), str(one), repr(one.args), repr(vars(one))]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if frame.f_code.co_filename != __file__:
                found += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
        text = traceback.TracebackException.from_exception(one, capture_locals=True)
        for summary in text.stack:
            if summary.filename != __file__:
                found.append(repr(summary.locals))
    return "\n".join(found)


def is_clean(text):
    assert not [hidden for hidden in HIDDEN if hidden in text]
    return True


@pytest.fixture
def log():
    """Everything that is logged, by anybody, at DEBUG."""
    with text_of("%(name)s %(message)s %(args)s", logger="") as lines:
        yield lines


# Errors of sending


FAULTS = {
    "202": status(202),
    "302": status(302, {"Location": "https://elsewhere.example/"}),
    "400": status(400, {}, b'{"errors":[{"code":"BAD_REQUEST","message":"No."}]}'),
    "401": status(401),
    "413": status(413),
    "429": status(429, {"Retry-After": "0"}),
    "503": status(503),
    "reset before reading": faults.rst_before_read,
    "reset after reading": faults.rst_after_read,
    "end": faults.fin_no_response,
    "nonsense": faults.raw(b"nonsense\r\n\r\n", then_close=True),
    "too many headers": faults.raw(b"HTTP/1.1 202 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
    "two lengths": faults.raw(b"HTTP/1.1 202 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    "drip": faults.drip(b"HTTP/1.1 202 " + b"x" * 5000),
    "silence": faults.hang,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_no_failure_shows_the_secret(fault, log):
    transport = RequestsTransport(timeout=(5, 0.1), deadline=0.2)
    failures = []
    with (
        FaultServer(*[fault] * 20) as server,
        client_of(
            server.url,
            transport=transport,
            on_failed=lambda batch, error: failures.append(error),
        ) as client,
    ):
        for batches in ([BATCH], [BATCH, BATCH], [BATCH]):
            with contextlib.suppress(DeliveryError):
                delivery = client.send(*batches)
                assert is_clean(repr(held(delivery)) + repr(delivery.result()))

    for error in failures:
        assert is_clean(printed(error))
        assert is_clean(repr(vars(pickle.loads(pickle.dumps(error)))))
    assert is_clean(log.getvalue())
    assert PERSON not in log.getvalue()
    assert WORDS not in log.getvalue()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_no_failure_in_the_background_shows_the_secret(fault, log, tmp_path):
    transport = RequestsTransport(timeout=(5, 0.1), deadline=0.2)
    outbox = Outbox(tmp_path / "outbox.db")
    dispatcher = ThreadedDispatcher(flush_interval=0, coalesce=True, outbox=outbox)
    failures, deliveries = [], []
    with FaultServer(*[fault] * 20) as server:
        client = client_of(
            server.url,
            transport=transport,
            dispatcher=dispatcher,
            on_failed=lambda batch, error: failures.append(error),
        )
        deliveries += [client.send(BATCH, BATCH), client.send(BATCH)]
        for delivery in deliveries:
            with contextlib.suppress(DeliveryError):
                delivery.result(10)
            failures += [delivery._kept] if delivery._kept else []
        for one in (client, dispatcher, outbox, *deliveries, *map(held, deliveries)):
            assert is_clean(repr(one))
        for part in (
            dispatcher._settlement,
            dispatcher._settlement.kept,
            dispatcher._scheduler,
            dispatcher._workers,
            outbox._owner,
        ):
            assert is_clean(repr(vars(part)))
        client.close(0)

    for error in failures:
        assert is_clean(printed(error))
        assert is_clean(repr(vars(pickle.loads(pickle.dumps(error)))))
    for file in tmp_path.iterdir():
        for hidden in (*HIDDEN, KEY):
            assert hidden.encode() not in file.read_bytes()
    assert is_clean(log.getvalue())
    assert PERSON not in log.getvalue()
    assert WORDS not in log.getvalue()


@pytest.mark.parametrize(
    "made",
    [
        lambda path: ThreadedDispatcher(),
        lambda path: Outbox(path / "outbox.db"),
        lambda path: client_of("https://example.com", dispatcher=ThreadedDispatcher()),
    ],
    ids=["dispatcher", "outbox", "client"],
)
def test_what_sends_in_the_background_is_not_pickled(made, tmp_path):
    with pytest.raises(ConfigurationError):
        pickle.dumps(made(tmp_path))


def failure_of(send):
    with pytest.raises(DeliveryError) as raised:
        send(BATCH)
    return raised.value


def test_a_refused_connection_shows_nothing(log):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with client_of(f"http://127.0.0.1:{port}") as client:
        assert is_clean(printed(failure_of(client.send)))
    assert is_clean(log.getvalue())


def test_a_bad_certificate_shows_nothing(log):
    with FaultServer(certificate="expired.pem") as server:
        transport = RequestsTransport(verify=AUTHORITY)
        with client_of(server.url, transport=transport) as client:
            assert is_clean(printed(failure_of(client.send)))
    assert is_clean(log.getvalue())


@pytest.mark.parametrize(
    ("proxy", "script"),
    [
        ("http://user:{hidden}@127.0.0.1:{port}", status(407)),
        ("http://user:{hidden}@127.0.0.1:{port}", faults.fin_no_response),
        ("http://user:{hidden}@127.0.0.1:1", None),
    ],
)
def test_the_password_of_a_proxy_is_shown_nowhere(proxy, script, log):
    with FaultServer(*[script] * 9) as server:
        transport = RequestsTransport(
            proxies={"https": proxy.format(hidden=SECRET, port=server.port)}
        )
        with client_of("https://127.0.0.1:1", transport=transport) as client:
            error = failure_of(client.send)

    assert is_clean(printed(error))
    assert is_clean(log.getvalue())
    assert is_clean(repr(transport))


@pytest.mark.parametrize(
    "proxy",
    [
        f"http://user:{SECRET}@127.0.0.1:port",
        f"http://user:{SECRET}@exa mple",
        f"nonsense://user:{SECRET}@127.0.0.1",
    ],
)
def test_the_password_in_a_proxys_address_that_is_not_valid_shows_nowhere(monkeypatch, proxy, log):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with client_of("https://127.0.0.1:1") as client:
        error = failure_of(client.send)
    with pytest.raises(ConfigurationError) as raised:
        RequestsTransport(proxies={"https": proxy})

    assert is_clean(printed(error))
    assert is_clean(printed(raised.value))
    assert is_clean(log.getvalue())


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, TimeoutError, ValueError])
def test_an_exception_from_outside_takes_no_frame_with_the_header_along(monkeypatch, interruption):
    """As a signal handler raises one in the midst of a send: a soft time limit, or Ctrl-C."""

    def interrupted(self, *args, **options):
        raise interruption("from outside")

    monkeypatch.setattr("http.client.HTTPConnection.getresponse", interrupted)
    with (
        LocalServer() as server,
        client_of(server.url) as client,
        pytest.raises((interruption, DeliveryError)) as raised,
    ):
        client.send(BATCH)

    assert "from outside" in printed(raised.value)
    assert is_clean(printed(raised.value))


def test_the_sweep_would_find_a_leak():
    """The same frames, without what forgets them, hold the header: the sweep is not blind."""
    with FaultServer(faults.fin_no_response) as server:
        requested = []

        def note(request):
            requested.append(request)
            return 202

        client_of(server.url, transport=FunctionTransport(note)).send(BATCH)
        (request,) = requested
        with pytest.raises(requests.ConnectionError) as raised:
            requests.post(request.url, data=request.body, auth=request.credentials.sign, timeout=5)

    with pytest.raises(AssertionError):
        is_clean(printed(raised.value))


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_a_transport_that_raises_shows_nothing(kind):
    def broken(request):
        raise kind(f"cannot send {request!r}")

    client = client_of("https://127.0.0.1:1", transport=FunctionTransport(broken))
    with pytest.raises((DeliveryError, KeyboardInterrupt)) as raised:
        client.send(BATCH)

    assert is_clean(printed(raised.value))


def test_a_callback_that_raises_shows_nothing(log):
    def broken(*_):
        raise ValueError(WORDS)

    with client_of(
        "https://127.0.0.1:1",
        transport=RecordingTransport(),
        on_delivered=broken,
    ) as client:
        client.send(BATCH, callback=broken)

    assert is_clean(log.getvalue())
    assert WORDS not in log.getvalue()


# Errors of construction


@pytest.mark.parametrize(
    "options",
    [
        {"api_key": None},
        {"api_key": "a:b"},
        {"api_key": 5},
        {"api_secret": SECRET + " "},
        {"api_secret": SECRET + "\n" + SECRET},
        {"api_secret": SECRET + "\ud83d"},
        {"api_secret": [SECRET]},
        {"pod": "us9"},
        {"host": f"https://user:{SECRET}@example.com"},
        {"host": f"user:{SECRET}@example.com"},
        {"host": "nowhere"},
        {"environment": "staging"},
        {"retry": 5},
        {"transport": 5},
        {"before_send": 5},
        {"dispatcher": SyncDispatcher},
    ],
    ids=lambda options: f"{next(iter(options))}",
)
@pytest.mark.parametrize("make", [Client, Configuration])
def test_no_failed_construction_shows_the_secret(make, options):
    given = {**credentials(), **options}
    with pytest.raises(ValueError, match="Client") as raised:
        make(**given)

    assert is_clean(printed(raised.value))


def broken_off(make, kind, number):
    """Return what comes out where a line of ours breaks off, and whether there are so many."""
    left = number

    def tracer(frame, event, _):
        nonlocal left
        if "mpfluent" not in frame.f_globals.get("__name__", ""):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                sys.settrace(before)
                raise kind("from outside")
        return tracer

    before = sys.gettrace()
    gc.disable()  # what earlier tests left has lines of ours, too, in its __del__
    sys.settrace(tracer)
    try:
        make()
    except kind as error:
        return error, True
    finally:
        sys.settrace(before)
        gc.enable()
    return None, left <= 0


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize(
    "by", ["argument", "environment", "misspelt", "pod", "configuration", "configuration of a pod"]
)
def test_no_line_of_making_a_client_shows_the_secret_where_it_breaks_off(monkeypatch, kind, by):
    given = credentials()
    if by == "environment":
        monkeypatch.setenv("MPARTICLE_API_KEY", given.pop("api_key"))
        monkeypatch.setenv("MPARTICLE_API_SECRET", given.pop("api_secret"))
    elif by == "misspelt":
        given["api_secrets"] = given.pop("api_secret")
    if "pod" in by:
        given["pod"] = "us9"
    make = Configuration if by.startswith("configuration") else Client

    def made():
        with contextlib.suppress(ConfigurationError):
            make(**given, environment="development", transport=RecordingTransport())

    made()  # what is imported with the first is not of interest
    number, there = 0, True
    while there:
        number += 1
        error, there = broken_off(made, kind, number)
        for frame, line in traceback.walk_tb(error and error.__traceback__):
            if frame.f_code.co_filename != __file__:
                where = f"{frame.f_code.co_name}, line {line}: "
                assert is_clean(where + "".join(map(shown, frame.f_locals.values())))

    assert number > 15


def shown(value):
    try:
        return repr(value)
    except AttributeError:  # it was not finished
        return ""


def test_keys_of_the_environment_are_shown_nowhere(monkeypatch):
    monkeypatch.setenv("MPARTICLE_API_KEY", "a:b")
    monkeypatch.setenv("MPARTICLE_API_SECRET", SECRET)
    with pytest.raises(ValueError, match="a key has no ':'") as raised:
        Client()

    assert is_clean(printed(raised.value))


def test_an_uncaught_error_prints_no_secret():
    code = f"""
        import sys, traceback
        def show(kind, error, _):
            shown = traceback.TracebackException.from_exception(error, capture_locals=True)
            print("".join(shown.format()), file=sys.stderr)
        sys.excepthook = show
        def secret():
            return "{SECRET[:12]}" + "{SECRET[12:]}"
        from mpfluent import Batch, Client, Retry
        client = Client("key", secret(), environment="development", host="http://127.0.0.1:1",
                        retry=Retry(max_attempts=1))
        client.send(Batch.for_user(customer_id="1").event("Searched"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )

    assert "TransportError" in done.stderr
    assert SECRET not in done.stderr
    assert base64.b64encode(f"key:{SECRET}".encode()).decode() not in done.stderr


# Things at hand


def things():
    configuration = Configuration(
        **credentials(), environment="development", transport=RecordingTransport()
    )
    client = configuration.client
    api = EventsApi(configuration)
    upload = api.upload_events(BATCH, lambda *_: None)
    upload.join(10)
    delivery = client.send(BATCH)
    return [
        configuration,
        client,
        api,
        upload,
        delivery,
        delivery.result(),
        client.stats,
        client._sender,
        client._sender._credentials,
        client._sender._transport,
        client._sender._transport.requests[0],
        client._dispatcher,
        RequestsTransport(),
        Retry(),
    ]


def test_no_repr_shows_the_secret():
    for thing in things():
        assert is_clean(repr(thing) + str(thing) + f"{thing}" + reprlib.repr(thing))
        assert is_clean(repr(getattr(thing, "__dict__", "")))


def test_the_repr_of_a_transport_shows_no_password_of_a_proxy():
    assert is_clean(repr(RequestsTransport(proxies={"https": f"http://user:{SECRET}@proxy"})))


def test_no_pickle_and_no_copy_holds_the_secret():
    pickled = 0
    for thing in things():
        for dump in (pickle.dumps, copy.deepcopy, copy.copy):
            try:
                made = dump(thing)
                made = made if isinstance(made, bytes) else pickle.dumps(made)
            except (TypeError, ValueError, AttributeError):
                continue  # what holds sockets or locks is not copied at all
            pickled += 1
            assert is_clean(made.decode("latin-1"))

    assert pickled > 6


def test_credentials_leave_in_the_header_only(log):
    bodies = []
    out = io.StringIO()

    def look(request):
        bodies.append((request.url, request.body, dict(request.headers), request.batch_ids))
        return there.send(request)

    with FaultServer() as server:
        there = RequestsTransport()
        transport = PrintingTransport(FunctionTransport(look), file=out)
        with client_of(server.url, transport=transport) as client:
            client.send(BATCH)
            client.send(BATCH, BATCH)
        there.close()

    assert is_clean(repr(bodies) + out.getvalue() + log.getvalue())
    assert [request.headers["authorization"] for request in server.requests] == [
        f"Basic {TOKEN}"
    ] * 2
    assert is_clean(repr([request.body for request in server.requests]))


def test_a_local_server_keeps_no_credentials(capfd):
    with LocalServer(api_key=KEY, api_secret=SECRET) as server:
        with client_of(server.url) as client:
            client.send(BATCH)
        assert is_clean(repr(server.requests) + repr(server.batches) + repr(server))
    assert is_clean(capfd.readouterr().err)


# Payloads


def test_no_payload_is_logged(log):
    clock = FakeTime()
    long = BATCH.event(WORDS + "x" * 300, {WORDS: "x" * 5000})
    answers = iter([503, 429, 400, 401, 401])
    with client_of(
        "https://127.0.0.1:1",
        transport=FunctionTransport(lambda request: next(answers)),
        dispatcher=clock.dispatcher(),
        before_send=lambda batch: batch,
    ) as client:
        client.send_all([long, long])
        client.send_all([BATCH])

    assert "problem of the kind" in log.getvalue()
    assert "failed" in log.getvalue()
    assert WORDS not in log.getvalue()
    assert PERSON not in log.getvalue()


def test_the_servers_words_are_in_the_error_and_not_in_the_log(log):
    body = f'{{"errors":[{{"code":"BAD_REQUEST","message":"{WORDS}"}}]}}'.encode()
    with FaultServer(status(400, {}, body)) as server, client_of(server.url) as client:
        assert WORDS in str(failure_of(client.send))

    assert WORDS not in log.getvalue()
