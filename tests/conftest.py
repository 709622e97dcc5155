"""What holds for every test: no keys, and no way out of this machine."""

import ipaddress
import re
import socket

import pytest
from hypothesis import settings

from mpfluent import process

pytest_plugins = ["pytester"]


def pytest_addoption(parser):
    parser.addoption(
        "--slow", action="store_true", help="also run long searches, soaks and real deployments"
    )


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


settings.register_profile("mpfluent", deadline=None)  # shared machines are slow now and then
settings.load_profile("mpfluent")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    """A developer's own keys and proxies must not change what a test sees, let alone be used.

    Nor may what makes pytest print more, or in colours, on a CI: some tests run pytest.
    """
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    printing = ("CI", "BUILD_NUMBER", "GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS")
    ours = ("MPARTICLE_API_KEY", "MPARTICLE_API_SECRET", "MPARTICLE_ENVIRONMENT", "MPARTICLE_POD")
    for name in (*ours, "MPFLUENT_DISABLED", *proxies, *printing):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(autouse=True)
def no_way_out(monkeypatch):
    """A test that connects to another machine fails, and nothing leaves."""

    def guarded(method):
        def connect(self, address):
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
                raise AssertionError(f"a test connects to {address[0]}")
            return method(self, address)

        return connect

    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))


@pytest.fixture(autouse=True)
def nothing_left_for_the_end():
    """What a test leaves behind is not delivered at the end, and has no thread in the next test."""
    yield
    left = list(process._watched.values())
    process._watched.clear()
    for dispatcher in left:
        dispatcher._workers.stop()
        with dispatcher._floor.lock:
            dispatcher._floor.work.notify_all()
        dispatcher._workers.join(0.5)


@pytest.fixture
def mparticle(monkeypatch):
    """Let every pod lead to a server on this machine, for code that says what users write."""
    from mpfluent import Request, RequestsTransport
    from mpfluent.testing import LocalServer

    send = RequestsTransport.send

    def rerouted(self, request):
        url = re.sub(r"^https://s2s\.\w+\.mparticle\.com", server.url, request.url)
        return send(
            self, Request(url, request.body, request.headers, credentials=request.credentials)
        )

    with LocalServer() as server:
        monkeypatch.setattr(RequestsTransport, "send", rerouted)
        monkeypatch.setenv("MPARTICLE_API_KEY", "key")
        monkeypatch.setenv("MPARTICLE_API_SECRET", "secret")
        yield server


def _is_here(host):
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
