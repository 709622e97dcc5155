"""Certificates: which files are none, why a server's is not trusted, and who decides."""

import ssl
from pathlib import Path

import pytest
import requests
import urllib3
from fault_server import AUTHORITY, CERTIFICATES, FakeTime, FaultServer

from mpfluent import (
    Batch,
    Client,
    ConfigurationError,
    DeadlineAdapter,
    RequestsTransport,
    TransportError,
)
from mpfluent.testing import LocalServer

BATCH = Batch.for_user(customer_id="1").event("Searched")
ELSEWHERE = str(CERTIFICATES / "elsewhere.pem")  # signed by itself, for elsewhere.example
CARELESS = str(CERTIFICATES / "careless-authority.pem")  # signs without key identifiers
LOCALHOST = str(CERTIFICATES / "localhost.pem")
LOCKED = str(CERTIFICATES / "locked.pem")  # its key has a password


@pytest.fixture(autouse=True)
def no_bundles(monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def client_of(server, transport, **options):
    url = server if isinstance(server, str) else server.url
    return Client(
        "key", "secret", environment="development", host=url, transport=transport, **options
    )


class Strict(DeadlineAdapter):
    """Checks as Python 3.13 does, with every Python."""

    def init_poolmanager(self, *args, **options):
        context = urllib3.util.ssl_.create_urllib3_context()
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        super().init_poolmanager(*args, ssl_context=context, **options)


def strict():
    session = requests.Session()
    session.mount("https://", Strict())
    return session


# Why a server's is not trusted


@pytest.mark.parametrize(
    ("certificate", "options", "why"),
    [
        ("expired.pem", {"verify": AUTHORITY}, "has expired, by the clock of this machine"),
        ("elsewhere.pem", {"verify": ELSEWHERE}, "is for another name ("),
        ("localhost.pem", {}, "is not trusted (unable to get local issuer certificate); if"),
        ("elsewhere.pem", {}, "is not trusted (self-signed certificate); if you trust its issuer"),
        ("careless.pem", {"verify": CARELESS, "session": "strict"}, "breaks a rule that Python"),
    ],
    ids=["expired", "another name", "unknown issuer", "self-signed", "strict"],
)
def test_a_certificate_that_is_not_trusted_is_final_and_says_why(certificate, options, why):
    clock = FakeTime()
    session = strict() if options.get("session") else None
    transport = RequestsTransport(**{**options, "session": session})
    with FaultServer(certificate=certificate) as server:
        with client_of(server, transport, dispatcher=clock.dispatcher()) as client:
            with pytest.raises(TransportError) as raised:
                client.send(BATCH)

            assert client.stats.retries == 0
        place = server.url
    if session is not None:
        session.close()

    assert str(raised.value).startswith(f"no answer from {place}: its certificate {why}")
    helps = "trusted" in why  # a bundle mends nothing else
    assert ("write RequestsTransport(verify=" in str(raised.value)) is helps
    assert raised.value.reason == "transport_error"
    assert server.requests == []
    assert server.connections == 1
    assert clock.waits == []


def test_another_name_is_said_with_the_name_that_was_asked_for():
    with (
        FaultServer(certificate="elsewhere.pem") as server,
        client_of(server, RequestsTransport(verify=ELSEWHERE)) as client,
        pytest.raises(TransportError, match=r"127\.0\.0\.1.*\); check the host and who answers"),
    ):
        client.send(BATCH)


@pytest.mark.skipif(urllib3.__version__.startswith("1."), reason="it does not say whose")
def test_a_certificate_of_the_proxy_is_the_proxys():
    with FaultServer(certificate="localhost.pem") as proxy:
        transport = RequestsTransport(proxies={"https": proxy.url})
        with (
            client_of("https://127.0.0.1:1", transport) as client,
            pytest.raises(TransportError, match=r"the proxy's certificate is not trusted \("),
        ):
            client.send(BATCH)


# Files that are none


@pytest.fixture
def files(tmp_path):
    """Make files to go wrong with, by name."""
    text = Path(LOCALHOST).read_text()
    certificate, _, key = text.partition("-----BEGIN EC")
    other = Path(ELSEWHERE).read_text().partition("-----BEGIN EC")[2]
    for name, content in (
        ("text.pem", "no certificate"),
        ("empty.pem", ""),
        ("bytes.pem", "\x00\x30\x82"),
        ("broken.pem", certificate[:200] + "!" + certificate[201:]),
        ("certificate.pem", certificate),
        ("key.pem", "-----BEGIN EC" + key),
        ("other-key.pem", "-----BEGIN EC" + other),
    ):
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    ("verify", "problem"),
    [
        ("nowhere.pem", "it cannot be read (No such file or directory)"),
        ("text.pem", "there is no PEM certificate in it"),
        ("empty.pem", "there is no PEM certificate in it"),
        ("bytes.pem", "there is no PEM certificate in it"),
        ("broken.pem", "there is no PEM certificate in it"),
        ("key.pem", "there is no PEM certificate in it"),
        ("a\0b", "that is no path"),
        ("", "want True, False or the path of a file of PEM certificates"),
        (0, "want True, False or the path of a file of PEM certificates"),
        (b"ca.pem", "want True, False or the path of a file of PEM certificates"),
        (["ca.pem"], "want True, False or the path of a file of PEM certificates"),
    ],
)
def test_a_bundle_that_is_none_is_told_when_the_transport_is_made(
    files, monkeypatch, verify, problem
):
    monkeypatch.chdir(files)
    with pytest.raises(ConfigurationError) as raised:
        RequestsTransport(verify=verify)

    assert str(raised.value) == (
        f"RequestsTransport(verify={verify!r}): {problem}; write verify='/etc/ssl/our-ca.pem'"
    )


@pytest.mark.parametrize(
    ("cert", "problem"),
    [
        ("nowhere.pem", "it cannot be read (No such file or directory)"),
        (("certificate.pem", "nowhere.pem"), "it cannot be read (No such file or directory)"),
        ("text.pem", "there is no PEM certificate with its key in it"),
        ("certificate.pem", "there is no PEM certificate with its key in it"),
        ("key.pem", "there is no PEM certificate with its key in it"),
        (("certificate.pem", "text.pem"), "there is no PEM certificate with its key in it"),
        (("certificate.pem", "other-key.pem"), "its key does not match the certificate"),
        (LOCKED, "its key has a password, which requests cannot give; save the key without one"),
        (["certificate.pem", "key.pem"], "want the path of a PEM file, or a pair of paths"),
        (("certificate.pem",), "want the path of a PEM file, or a pair of paths"),
        (("certificate.pem", None), "want the path of a PEM file, or a pair of paths"),
        (("a", "b", "c"), "want the path of a PEM file, or a pair of paths"),
        ("", "want the path of a PEM file, or a pair of paths"),
        (5, "want the path of a PEM file, or a pair of paths"),
        (b"client.pem", "want the path of a PEM file, or a pair of paths"),
    ],
)
def test_a_client_certificate_that_is_none_is_told_when_the_transport_is_made(
    files, monkeypatch, cert, problem
):
    monkeypatch.chdir(files)
    with pytest.raises(ConfigurationError) as raised:
        RequestsTransport(cert=cert)

    text = str(raised.value)
    assert text.startswith("RequestsTransport(cert=")
    assert text.endswith(f"): {problem}; write cert=('cert.pem', 'key.pem')")


@pytest.mark.parametrize("name", ["verify", "cert"])
def test_a_key_that_was_pasted_for_its_path_is_not_shown(name):
    with pytest.raises(ConfigurationError) as raised:
        RequestsTransport(**{name: Path(LOCALHOST).read_text()})

    assert str(raised.value).startswith(f"RequestsTransport({name}=…): ")


@pytest.mark.parametrize("as_path", [str, Path])
def test_files_that_are_some_are_used(files, as_path):
    pair = as_path(files / "certificate.pem"), as_path(files / "key.pem")
    with FaultServer(certificate="localhost.pem") as server:
        for cert in (as_path(LOCALHOST), pair, None):
            transport = RequestsTransport(verify=as_path(AUTHORITY), cert=cert)
            with client_of(server, transport) as client:
                assert client.send(BATCH).state == "delivered"


def test_a_folder_of_certificates_may_be_a_bundle(tmp_path):
    assert repr(RequestsTransport(verify=tmp_path)).startswith("<RequestsTransport")


def test_a_file_that_is_gone_when_it_is_needed_is_final(tmp_path):
    clock = FakeTime()
    bundle = tmp_path / "ca.pem"
    bundle.write_text(Path(AUTHORITY).read_text())
    transport = RequestsTransport(verify=bundle)
    bundle.unlink()
    with client_of("https://127.0.0.1:1", transport, dispatcher=clock.dispatcher()) as client:
        with pytest.raises(TransportError, match=r"verify='.*ca\.pem': it cannot be read"):
            client.send(BATCH)

        assert client.stats.failed_by_reason == {"transport_error": 1}
    assert clock.waits == []


# Who decides


@pytest.fixture(params=["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def bundle_of_the_environment(request, monkeypatch):
    def point(path):
        monkeypatch.setenv(request.param, str(path))

    return point


def test_the_bundle_of_the_environment_counts_where_nobody_says_more(bundle_of_the_environment):
    bundle_of_the_environment(AUTHORITY)
    session = requests.Session()
    with FaultServer(certificate="localhost.pem") as server:
        for transport in (RequestsTransport(), RequestsTransport(session=session)):
            with client_of(server, transport) as client:
                assert client.send(BATCH).state == "delivered"
    session.close()


def test_a_session_decides_what_it_trusts(bundle_of_the_environment):
    bundle_of_the_environment(ELSEWHERE)
    session = requests.Session()
    session.verify = AUTHORITY
    with (
        FaultServer(certificate="localhost.pem") as server,
        client_of(server, RequestsTransport(session=session)) as client,
    ):
        assert client.send(BATCH).state == "delivered"
    session.close()


def test_a_session_decides_to_trust_anybody(bundle_of_the_environment):
    bundle_of_the_environment(ELSEWHERE)
    session = requests.Session()
    session.verify = False
    with (
        FaultServer(certificate="localhost.pem") as server,
        client_of(server, RequestsTransport(session=session)) as client,
        pytest.warns(urllib3.exceptions.InsecureRequestWarning),
    ):
        assert client.send(BATCH).state == "delivered"
    session.close()


def test_a_session_may_trust_less_than_the_environment(bundle_of_the_environment):
    bundle_of_the_environment(AUTHORITY)
    session = requests.Session()
    session.verify = ELSEWHERE
    with (
        FaultServer(certificate="localhost.pem") as server,
        client_of(server, RequestsTransport(session=session)) as client,
        pytest.raises(TransportError, match="is not trusted"),
    ):
        client.send(BATCH)
    session.close()


def test_a_session_that_trusts_no_environment_is_left_alone(bundle_of_the_environment):
    bundle_of_the_environment(AUTHORITY)
    session = requests.Session()
    session.trust_env = False
    with (
        FaultServer(certificate="localhost.pem") as server,
        client_of(server, RequestsTransport(session=session)) as client,
        pytest.raises(TransportError, match="is not trusted"),
    ):
        client.send(BATCH)
    session.close()


def test_what_the_transport_is_told_goes_before_the_session():
    session = requests.Session()
    session.verify = ELSEWHERE
    with (
        FaultServer(certificate="localhost.pem") as server,
        client_of(server, RequestsTransport(session=session, verify=AUTHORITY)) as client,
    ):
        assert client.send(BATCH).state == "delivered"
    session.close()


@pytest.mark.parametrize(
    ("name", "value"), [("verify", "nowhere.pem"), ("verify", ""), ("cert", ["a", "b"])]
)
def test_what_is_wrong_with_a_session_is_final(name, value):
    clock = FakeTime()
    session = requests.Session()
    setattr(session, name, value)
    transport = RequestsTransport(session=session)
    with (
        client_of("https://127.0.0.1:1", transport, dispatcher=clock.dispatcher()) as client,
        pytest.raises(TransportError, match=f"{name}=.*: (want|it cannot)") as raised,
    ):
        client.send(BATCH)
    session.close()

    assert raised.value.reason == "transport_error"
    assert clock.waits == []


def test_a_bundle_of_the_environment_that_is_none_is_final(bundle_of_the_environment):
    clock = FakeTime()
    bundle_of_the_environment("nowhere.pem")
    with (
        client_of(
            "https://127.0.0.1:1", RequestsTransport(), dispatcher=clock.dispatcher()
        ) as client,
        pytest.raises(TransportError, match=r"verify='nowhere\.pem': it cannot be read"),
    ):
        client.send(BATCH)

    assert clock.waits == []


def test_plain_http_needs_no_certificates(bundle_of_the_environment):
    bundle_of_the_environment("nowhere.pem")
    with LocalServer() as server, client_of(server, RequestsTransport()) as client:
        assert client.send(BATCH).state == "delivered"


@pytest.mark.parametrize("key", ["https", "all", "https://127.0.0.1"])
def test_the_proxies_of_a_session_go_before_those_of_the_environment(monkeypatch, key):
    import fault_server as faults

    with (
        FaultServer(faults.tunnel) as proxy,
        FaultServer() as other,
        FaultServer(certificate="localhost.pem") as server,
    ):
        monkeypatch.setenv("HTTPS_PROXY", other.url)
        session = requests.Session()
        session.proxies[key] = proxy.url
        with client_of(server, RequestsTransport(session=session, verify=AUTHORITY)) as client:
            assert client.send(BATCH).state == "delivered"
        session.close()

    assert len(proxy.requests) == 1
    assert other.connections == 0


def test_a_session_that_trusts_no_environment_takes_no_proxy_from_it(monkeypatch):
    with FaultServer() as other, FaultServer(certificate="localhost.pem") as server:
        monkeypatch.setenv("HTTPS_PROXY", other.url)
        session = requests.Session()
        session.trust_env = False
        with client_of(server, RequestsTransport(session=session, verify=AUTHORITY)) as client:
            assert client.send(BATCH).state == "delivered"
        session.close()

    assert other.connections == 0


def test_the_client_certificate_of_a_session_is_shown_to_the_server():
    session = requests.Session()
    session.cert = LOCALHOST
    with FaultServer(certificate="localhost.pem") as server:
        server.tls.verify_mode = ssl.CERT_REQUIRED
        server.tls.load_verify_locations(AUTHORITY)
        with client_of(server, RequestsTransport(session=session, verify=AUTHORITY)) as client:
            assert client.send(BATCH).state == "delivered"
    session.close()
