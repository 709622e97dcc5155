"""Who may read and change what a local server keeps, and what a browser is told."""

import http.client
import socket

import pytest
import requests
from local_servers import AUTH, LocalServer, answered, ask, batch, event, post, refused

from mpfluent import ConfigurationError
from mpfluent.testing import ok, reset_before_read

EVIL = "http://evil.example"


@pytest.fixture
def server():
    with LocalServer() as server:
        post(server, batch(event()))
        yield server


def raw(server, method, path, **headers):
    """Return the status and the headers of an answer to a request with these headers only."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    connection.close()
    return answer.status, dict(answer.headers)


HOSTS = {
    "127.0.0.1": 200,
    "127.0.0.1:9999": 200,
    "localhost": 200,
    "LOCALHOST:80": 200,
    "shop.localhost:80": 200,
    "[::1]:80": 200,
    "192.168.0.2": 200,
    "evil.example": 421,
    "evil.example:9090": 421,
    "localhost.evil.example": 421,
    "127.0.0.1.evil.example": 421,
    "localhost@evil.example": 421,
    "evil": 421,
    "": 421,
    "[::1": 421,
    "127.0.0.1:80:80": 421,
}


@pytest.mark.parametrize(("host", "status_code"), HOSTS.items())
@pytest.mark.parametrize("path", ["/_mpfluent/events", "/_mpfluent/stream", "/v2/events"])
def test_a_request_with_another_host_is_refused(server, host, status_code, path):
    method = "POST" if path.startswith("/v2") else "GET"
    answered, _ = raw(server, method, path, Host=host)
    wanted = status_code if method == "GET" or status_code == 421 else 401

    assert answered == wanted


def test_a_request_without_a_host_comes_from_no_browser(server):
    assert raw(server, "GET", "/_mpfluent/events")[0] == 200


ELSEWHERE = {
    "host": ("POST", "/v2/events", {"Host": "evil.example"}, 421),
    "origin": ("POST", "/v2/events", {"Origin": EVIL}, 403),
    "picture": ("GET", "/x.png", {"Sec-Fetch-Site": "cross-site"}, 403),
    "another port": ("GET", "/x.png", {"Sec-Fetch-Site": "same-site"}, 403),
    "link": ("GET", "/x", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    "long address": ("GET", f"/{'x' * 70_000}", {}, 414),
}


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize("action", [ok(), reset_before_read()], ids=["ok", "reset"])
def test_a_page_elsewhere_takes_no_fault_and_no_place(name, action):
    method, path, headers, status_code = ELSEWHERE[name]
    with LocalServer(max_events=1) as server:
        post(server, batch(event()))
        server.script(action)
        for _ in range(3):
            answer = requests.request(method, server.url + path, headers=headers, data=b"{}")
            assert answer.status_code == status_code
        counts = answered(server, "counts")

    assert [one.event.event_name for one in server.events()] == ["Searched"]
    assert len(server.requests) == 1
    told = {key: counts[key] for key in ("foreign", "faults", "refused", "dropped", "batches")}
    assert told == {"foreign": 3, "faults": 1, "refused": 0, "dropped": 0, "batches": 1}


def test_who_sends_to_another_host_is_told_what_to_write(server):
    answer = post(server, batch(event()), headers={"Host": "evil.example"})

    assert answer.json()["errors"][0]["message"] == (
        "Host 'evil.example' is not this server; write http://localhost:PORT or "
        "http://127.0.0.1:PORT"
    )


def test_a_link_elsewhere_may_lead_to_the_page_and_a_picture_may_not(server):
    site = {"Sec-Fetch-Site": "cross-site"}
    link = requests.get(server.url, headers={**site, "Sec-Fetch-Mode": "navigate"}, timeout=60)

    assert link.status_code == 200
    assert requests.get(server.url, headers=site, timeout=60).status_code == 403
    assert ask(server, "events", headers=site).status_code == 403
    assert ask(server, "events", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_a_request_with_two_hosts_is_refused(server):
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(b"GET /_mpfluent/events HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


ORIGINS = [EVIL, "null", "https://127.0.0.1", "http://127.0.0.1:1", "file://"]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "events"),
        ("GET", "stream"),
        ("GET", "batches/unnamed-1"),
        ("DELETE", "events"),
        ("POST", "faults"),
        ("DELETE", "faults"),
    ],
)
def test_a_page_of_another_origin_reads_and_changes_nothing(server, origin, method, path):
    answer = ask(server, path, method, headers={"Origin": origin}, json={"actions": [{}]})

    assert answer.status_code == 403
    assert answer.json() == {
        "error": f"a page of {origin!r} may not read or change what this server keeps"
    }
    assert "Access-Control-Allow-Origin" not in answer.headers
    counts = answered(server, "counts")
    assert (counts["events"], counts["foreign"]) == (1, 1)


def test_a_page_of_another_origin_sends_no_events(server):
    # as a form does whose address has the keys in it
    assert post(server, batch(event()), headers={"Origin": EVIL}).status_code == 403
    assert post(server, batch(event()), headers={"Origin": server.url}).status_code == 202

    assert answered(server, "counts")["events"] == 2


def test_its_own_page_may(server):
    own = {"Origin": server.url}

    assert answered(server, "events", headers=own)["events"]
    assert ask(server, "events", "DELETE", headers=own).status_code == 200
    port = server.url.rpartition(":")[2]
    by_name = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert ask(server, "events", headers=by_name).status_code == 200


def test_a_question_changes_nothing(server):
    for path in ("events", "faults", "counts", "batches"):
        answered(server, path)

    assert answered(server, "counts")["events"] == 1


def test_a_browser_is_told_to_keep_nothing_and_to_guess_nothing(server):
    for path in ("events", "counts", "batches/unnamed-1?format=python", "no", "page.css"):
        headers = ask(server, path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/?filter=a", "text/html; charset=utf-8"),
        ("/favicon.ico", "image/svg+xml"),
        ("/_mpfluent/page.css", "text/css; charset=utf-8"),
        ("/_mpfluent/page.js", "text/javascript; charset=utf-8"),
    ],
)
def test_the_page_and_its_files_are_served_and_are_no_requests_to_mparticle(server, path, kind):
    server.script(503)
    answer = requests.get(server.url + path, timeout=60)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert len(answer.content) > 100
    assert answered(server, "counts")["refused"] == 0


@pytest.mark.parametrize(
    "path", ["../server.py", "page/../store.py", "%2e%2e/store.py", "store.py", "..%2Fstore.py", ""]
)
def test_no_other_file_is_served(server, path):
    assert raw(server, "GET", f"/_mpfluent/{path}", Host="localhost")[0] == 404


# A token


@pytest.fixture
def guarded():
    with LocalServer(token="s3cret") as server:
        post(server, batch(event()))
        yield server


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {}),
        ("?token=", {}),
        ("?token=S3CRET", {}),
        ("", {"Authorization": "Bearer wrong"}),
        ("", {"Authorization": "Basic s3cret"}),
        ("?token=s3cret", {"Authorization": "Bearer wrong"}),
    ],
)
def test_without_the_token_nothing_is_told(guarded, query, headers):
    assert refused(guarded, f"events{query}", headers=headers, auth=lambda request: request) == (
        403,
        "the token is missing or wrong; write Authorization: Bearer TOKEN, or ?token=TOKEN",
    )


def test_without_the_token_a_mistake_is_not_told(guarded):
    assert refused(guarded, "events?x=1")[0] == 403


def test_with_the_token_all_is_told_and_the_events_api_has_its_own_keys(guarded):
    assert answered(guarded, "events?token=s3cret&limit=5")["events"]
    assert answered(guarded, "counts", headers={"Authorization": "Bearer s3cret"})["events"] == 1
    assert "s3cret" not in str(guarded.requests)


# Elsewhere


def test_other_machines_are_let_in_with_a_token_only():
    with pytest.raises(ConfigurationError) as caught:
        LocalServer(bind="0.0.0.0")

    assert str(caught.value) == (
        "LocalServer(bind='0.0.0.0'): other machines could read what arrives; "
        "write LocalServer(bind='0.0.0.0', token='…')"
    )


def test_with_a_token_it_listens_at_all_addresses_and_takes_any_name():
    with LocalServer(bind="0.0.0.0", token="t") as server:
        assert server.url.startswith("http://127.0.0.1:")
        named = {"Host": "mparticle:9090"}  # as a container calls it
        assert post(server, batch(event()), headers=named).status_code == 202
        assert answered(server, "events?token=t", headers=named)["events"]
        assert ask(server, "events", headers=named).status_code == 403


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
def test_it_listens_at_an_address_of_ipv6():
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("there is no IPv6 loopback here")
    with LocalServer(bind="::1") as server:
        assert server.url.startswith("http://[::1]:")
        assert post(server, batch(event())).status_code == 202
        assert answered(server, "events")["events"]


def test_it_listens_at_localhost_by_name():
    with LocalServer(bind="localhost") as server:
        assert server.url.startswith("http://localhost:")
        assert post(server, batch(event())).status_code == 202


BAD = {
    "bind": (5, "", "want an address of this machine; write LocalServer(bind='127.0.0.1')"),
    "max_events": (0, "10", "want events, from 1 to 1000000000; "),
    "token": (
        *("", 5, "a b", "a+b&c#d", "a\nb", "é"),
        "want a text of ASCII letters, digits and . _ ~ -; write LocalServer(token='…')",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_an_option_that_makes_no_sense_is_told(name):
    *values, message = BAD[name]
    for value in values:
        with pytest.raises(ConfigurationError) as caught:
            LocalServer(**{name: value})
        assert message in str(caught.value)


def test_a_port_that_is_taken_is_told(server):
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(ConfigurationError) as caught:
        LocalServer(port=port)

    assert str(caught.value) == (
        f"LocalServer(port={port}): another program has this port; "
        "write LocalServer(port=0) for any free one"
    )


def test_any_key_may_be_let_in():
    with LocalServer(api_key=None, api_secret=None) as server:
        assert post(server, batch(), auth=("mine", "own")).status_code == 202
        url = server.url + "/v2/events"
        headers = {"Authorization": "Bearer x"}
        assert requests.post(url, data=b"{}", headers=headers, timeout=60).status_code == 403
        assert raw(server, "POST", "/v2/events", Host="localhost")[0] == 401
    with pytest.raises(ConfigurationError):
        LocalServer(api_key=None)
    with LocalServer() as server:
        assert post(server, batch(), auth=AUTH).status_code == 202
