"""What is wrong with a setting of a RequestsTransport is said when the transport is made."""

from unittest.mock import MagicMock, Mock

import numpy
import pytest
import requests

from mpfluent import ConfigurationError, Request, RequestsTransport, TransportError
from mpfluent.testing import LocalServer

WRITE = "write proxies={'https': 'http://proxy:3128'}"


@pytest.mark.parametrize(
    "session",
    [
        Mock(),
        MagicMock(),
        MagicMock(spec=requests.Session),
        MagicMock(spec=requests.Session()),
        MagicMock(spec=requests.Session, proxies={}),
    ],
)
def test_a_mock_of_a_session_is_refused_since_it_has_no_settings(session):
    with pytest.raises(ConfigurationError) as raised:
        RequestsTransport(session=session)

    assert str(raised.value) == (
        f"RequestsTransport(session=…): want a requests.Session, got {type(session).__name__}; "
        "write session=requests.Session()"
    )


def test_a_mock_with_some_settings_fails_with_an_error_of_ours():
    transport = RequestsTransport(session=MagicMock(spec=requests.Session(), proxies={}))
    with pytest.raises(TransportError) as raised:
        transport.send(Request("https://127.0.0.1:1/v2/events", b"{}", {}))

    assert str(raised.value) == (
        "the session's settings are MagicMock; write session=requests.Session()"
    )
    assert not raised.value.retryable


@pytest.mark.parametrize(
    "address",
    [
        "ftp://user:hidden@proxy:21",
        "socks9://hidden",
        "http://user:hidden@bad host:x",
        "http://user:hidden@",
        "http://[hidden@proxy",
        "hidden..example",
    ],
)
@pytest.mark.parametrize("key", ["http", "https", "all", "https://127.0.0.1"])
def test_an_address_that_is_no_proxys_is_refused_and_not_shown(key, address):
    with pytest.raises(ConfigurationError) as raised:
        RequestsTransport(proxies={key: address})

    assert str(raised.value) == (
        f"RequestsTransport(proxies=…): the proxy's address is not valid; {WRITE}"
    )


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "SOCKS5"])
def test_a_socks_proxy_without_pysocks_is_refused_with_what_to_install(monkeypatch, scheme):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError) as raised:
        RequestsTransport(proxies={"https": f"{scheme}://user:hidden@127.0.0.1:1"})

    assert str(raised.value) == (
        "RequestsTransport(proxies=…): a SOCKS proxy needs PySocks; "
        "write pip install 'requests[socks]'"
    )


@pytest.mark.parametrize("address", ["socks-gateway.example:3128", "proxy", "HTTP://proxy", ""])
def test_a_proxy_may_be_called_anything(monkeypatch, address):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    RequestsTransport(proxies={"https": address, "no_proxy": "localhost,.example.com"})


@pytest.mark.parametrize("number", [numpy.float64, numpy.float32, numpy.int64, numpy.uint8])
def test_times_may_be_numbers_of_another_library(number):
    transport = RequestsTransport(timeout=(number(3), number(4)), deadline=number(5))
    with LocalServer() as server:
        transport.send(Request(server.url + "/v2/events", b"{}", {}))
        transport.close()

    assert repr(transport) in (
        "<RequestsTransport timeout=(3, 4) deadline=5>",
        "<RequestsTransport timeout=(3.0, 4.0) deadline=5.0>",
    )
