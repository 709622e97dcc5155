"""Where a client sends, with which keys, and the errors of wrong settings."""

from urllib.parse import urlsplit

import pytest
from clients import BATCH, client_of
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from mpfluent import Client, ConfigurationError, RecordingTransport, SyncDispatcher
from mpfluent.testing import LocalServer
from mpfluent.testing.network_guard import is_this_machine


@pytest.mark.parametrize(
    ("pod", "host"),
    [
        ("us1", "https://s2s.us1.mparticle.com"),
        ("us2", "https://s2s.us2.mparticle.com"),
        ("eu1", "https://s2s.eu1.mparticle.com"),
        ("au1", "https://s2s.au1.mparticle.com"),
    ],
)
def test_each_pod_has_its_host(pod, host):
    transport = RecordingTransport()
    client_of(transport, pod=pod).send(BATCH)

    assert transport.requests[0].url == f"{host}/v2/events"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("https://example.com", "https://example.com/v2/events"),
        ("https://example.com/", "https://example.com/v2/events"),
        ("https://example.com:8443", "https://example.com:8443/v2/events"),
        ("https://inbound.mparticle.com/s2s", "https://inbound.mparticle.com/s2s/v2/events"),
        ("https://inbound.mparticle.com/s2s/", "https://inbound.mparticle.com/s2s/v2/events"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443/v2/events"),
        ("http://localhost:8080", "http://localhost:8080/v2/events"),
        ("http://127.0.0.1", "http://127.0.0.1/v2/events"),
        ("http://[::1]:1", "http://[::1]:1/v2/events"),
    ],
)
def test_a_host_can_be_given(host, url):
    transport = RecordingTransport()
    client_of(transport, host=host).send(BATCH)

    assert transport.requests[0].url == url


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (
            "example.com",
            "Client(host='example.com'): want https://name[:port]; "
            "write host='https://example.com'",
        ),
        ("", "Client(host=''): want https://name[:port]; write host='https://…'"),
        ("https://", "Client(host='https://'): want https://name[:port]; write host='https://…'"),
        (
            "ftp://example.com",
            "Client(host='ftp://example.com'): want https://name[:port]; write host='https://…'",
        ),
        (
            "https://example.com:port",
            "Client(host=…): want https://name[:port]; write host='https://…'",
        ),
        (
            "https://exam ple.com",
            "Client(host='https://exam ple.com'): want https://name[:port]; write host='https://…'",
        ),
        (
            "https://example\n.com",
            "Client(host='https://example\\n.com'): want https://name[:port]; "
            "write host='https://…'",
        ),
        (5, "Client(host=5): want https://name[:port]; write host='https://…'"),
        (
            b"https://x",
            "Client(host=b'https://x'): want https://name[:port]; write host='https://…'",
        ),
        (
            "https://gw.example.com/v2/mp/v2/bulkevents/",
            "Client(host='https://gw.example.com/v2/mp/v2/bulkevents/'): want only what comes "
            "before /v2; write host='https://gw.example.com/v2/mp'",
        ),
        (
            "https://s2s.eu1.mparticle.com/v2/events",
            "Client(host='https://s2s.eu1.mparticle.com/v2/events'): want only what comes before "
            "/v2; write host='https://s2s.eu1.mparticle.com'",
        ),
        (
            "https://example.com/s2s/v2/",
            "Client(host='https://example.com/s2s/v2/'): want only what comes before /v2; "
            "write host='https://example.com/s2s'",
        ),
        (
            "http://example.com",
            "Client(host='http://example.com'): plain http would show the secret on the way, and "
            "goes to this machine only; write host='https://example.com'",
        ),
        (
            "http://localhost.example.com",
            "Client(host='http://localhost.example.com'): plain http would show the secret on the "
            "way, and goes to this machine only; write host='https://localhost.example.com'",
        ),
        (
            "https://user:hidden@example.com",
            "Client(host=…): want https://name[:port] without credentials, query or fragment",
        ),
        (
            "user:hidden@example.com",
            "Client(host=…): want https://name[:port] without credentials, query or fragment",
        ),
        (
            "https://example.com?x=1",
            "Client(host=…): want https://name[:port] without credentials, query or fragment",
        ),
        (
            "https://example.com#x",
            "Client(host=…): want https://name[:port] without credentials, query or fragment",
        ),
    ],
)
def test_a_bad_host_fails_at_construction(host, text):
    with pytest.raises(ConfigurationError) as raised:
        client_of(host=host)

    assert str(raised.value) == text


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "address",
    [
        r"evil.example\[::1]",
        r"evil.example:80\[::1]",
        r"\[::1]",
        r"localhost\evil.example",
        r"localhost/\evil.example",
        "evil.example[::1]",
        "[::1]evil.example",
        "[::1].evil.example",
        "[::1",
        "::1]",
        "[localhost]",
        "[::1]]",
        "[[::1]]",
        "[::1%25eth0]",
        "a..b",
        ".localhost",
        "localhost..",
        "%6cocalhost",
        "a" * 64 + ".example",
        "local\tho\u202est",
    ],
)
def test_an_address_that_two_could_read_differently_is_none(scheme, address):
    with pytest.raises(ConfigurationError) as raised:
        client_of(host=f"{scheme}://{address}")

    assert "want https://name[:port]" in str(raised.value)


URL_PARTS = [
    *("http://", "https://", "//", "localhost", "127.0.0.1", "[::1]", "::1", "evil.example"),
    *("\\", "@", ":", "/", "?", "#", ".", "%2f", "%", "[", "]", "80", "\t", " ", "x" * 64),
]


@given(scheme=st.sampled_from(["http://", "https://"]), parts=st.lists(st.sampled_from(URL_PARTS)))
def test_who_connects_reads_a_host_as_we_do(scheme, parts):
    host = scheme + "".join(parts)
    transport = RecordingTransport()
    try:
        client_of(transport, host=host).send(BATCH)
    except ConfigurationError:
        return

    url = transport.requests[0].url
    read = parse_url(url)
    assert read.host.strip("[]") == urlsplit(url).hostname.encode("idna").decode()
    assert read.scheme == "https" or is_this_machine(read.host.strip("[]"))
    assert read.auth is None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"pod": "us3"}, "Client(pod='us3'): not a pod; did you mean 'us2'? (us1, us2, eu1, au1)"),
        ({"pod": "US1"}, "Client(pod='US1'): not a pod; did you mean 'us1'? (us1, us2, eu1, au1)"),
        ({"pod": None}, "Client(pod=None): not a pod; want one of us1, us2, eu1, au1"),
        (
            {"environment": "prod"},
            "Client(environment='prod'): not an environment; did you mean 'production'? "
            "(development, production)",
        ),
        ({"historical": 1}, "Client(historical=1): want True or False"),
        ({"before_send": 5}, "Client(before_send=5): want a function"),
        ({"on_delivered": 5}, "Client(on_delivered=5): want a function"),
        ({"on_failed": 5}, "Client(on_failed=5): want a function"),
        ({"now": 5}, "Client(now=5): want a function"),
        ({"new_id": 5}, "Client(new_id=5): want a function"),
        (
            {"retry": 3},
            "Client(retry=3): want a Retry; write retry=Retry(max_attempts=3)",
        ),
        (
            {"transport": 3},
            "Client(transport=3): want an object with a method send(); "
            "write transport=RequestsTransport()",
        ),
        (
            {"transport": RecordingTransport},
            "Client(transport=<class 'mpfluent.testing.recording.RecordingTransport'>): want an "
            "object with a method send(); write transport=RecordingTransport()",
        ),
        (
            {"outbox": "outbox.db"},
            "Client() has no option 'outbox', its dispatcher has; "
            "write dispatcher=ThreadedDispatcher(outbox=Outbox('outbox.db'))",
        ),
        (
            {"workers": 2},
            "Client() has no option 'workers', its dispatcher has; "
            "write dispatcher=ThreadedDispatcher(workers=1)",
        ),
        (
            {"dispatcher": 3},
            "Client(dispatcher=3): want an object with a method submit(); "
            "write dispatcher=SyncDispatcher()",
        ),
    ],
)
def test_a_bad_argument_fails_at_construction(options, text):
    with pytest.raises(ConfigurationError) as raised:
        Client("key", "secret", **options)

    assert str(raised.value) == text


def test_a_dispatcher_belongs_to_one_client():
    dispatcher = SyncDispatcher()
    client_of(dispatcher=dispatcher)

    with pytest.raises(ConfigurationError, match="a dispatcher belongs to one client"):
        client_of(dispatcher=dispatcher)


def test_a_dispatcher_without_a_client_sends_nothing():
    with pytest.raises(ConfigurationError, match="a dispatcher belongs to a client"):
        SyncDispatcher().submit([], lambda: None)


# Keys


def test_keys_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("MPARTICLE_API_KEY", "env-key")
    monkeypatch.setenv("MPARTICLE_API_SECRET", "env-secret")
    with (
        LocalServer(api_key="env-key", api_secret="env-secret") as server,
        Client(environment="development", host=server.url) as client,
    ):
        assert client.send(BATCH).state == "delivered"


def test_arguments_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("MPARTICLE_API_KEY", "env-key")
    monkeypatch.setenv("MPARTICLE_API_SECRET", "env-secret")
    with (
        LocalServer() as server,
        Client("key", "secret", environment="development", host=server.url) as client,
    ):
        assert client.send(BATCH).state == "delivered"


def test_a_secret_can_hold_any_text():
    secret = "pässwörd:with:colons & spaces"
    with (
        LocalServer(api_secret=secret) as server,
        Client("key", secret, environment="development", host=server.url) as client,
    ):
        assert client.send(BATCH).state == "delivered"


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (
            (None, "hidden"),
            "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY",
        ),
        (
            ("key", None),
            "Client(api_secret=…): is missing; write Client(api_secret='…') or set "
            "MPARTICLE_API_SECRET",
        ),
        (
            ("", "hidden"),
            "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY",
        ),
        (
            ("key", ""),
            "Client(api_secret=…): is missing; write Client(api_secret='…') or set "
            "MPARTICLE_API_SECRET",
        ),
        (
            ("key", 5),
            "Client(api_secret=…): want a string, got int; write Client(api_secret='…') or set "
            "MPARTICLE_API_SECRET",
        ),
        (
            ("key", " hidden\n"),
            "Client(api_secret=…): has spaces around it; write Client(api_secret='…') or set "
            "MPARTICLE_API_SECRET",
        ),
        (
            ("key", "hid\nden"),
            "Client(api_secret=…): has characters that are not printable; "
            "write Client(api_secret='…') or set MPARTICLE_API_SECRET",
        ),
        (
            ("key", "hid\ud83dden"),
            "Client(api_secret=…): has characters that are not printable; "
            "write Client(api_secret='…') or set MPARTICLE_API_SECRET",
        ),
        (
            ("ke:y", "hidden"),
            "Client(api_key=…): a key has no ':'; write the key and the secret apart",
        ),
    ],
)
def test_bad_keys_fail_at_construction(keys, text):
    with pytest.raises(ConfigurationError) as raised:
        Client(*keys)

    assert str(raised.value) == text
