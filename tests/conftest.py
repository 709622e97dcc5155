"""What holds for every test: no keys, and no way out of this machine."""

import atexit
import gc
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import tempfile
import time

import jedi
import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase, settings
from internals import shutdown

pytest_plugins = ["pytester"]
pytest.register_assert_rewrite("frame_laws")  # which has tests
collect_ignore = ["typing"]  # what type checkers read


def pytest_addoption(parser):
    parser.addoption(
        "--slow", action="store_true", help="also run long searches, soaks and real deployments"
    )


def pytest_collection_modifyitems(config, items):
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow and not config.getoption("--slow"):
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
    # the first worker of pytest-xdist begins at the front, and others steal from the end
    items.sort(key=_group_of)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file():
    """Look for no doctests in the tests: they have none, and to look takes a second."""
    return [one for one in (yield) if type(one) is pytest.Module]


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Run no garbage collector meanwhile: it takes a fifth of the time, and all objects stay.

    Then it runs, but not as often as in a program: pytest alone makes hundreds of objects for each
    test. Programs that tests start have it as Python has it.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000, 10, 10)
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Return one worker more than there are cores, since many tests wait for other processes."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Send one report of a test from a worker, and not five messages: they take a millisecond."""
    if not hasattr(item.config, "workerinput") or item.config.getoption("durations") is not None:
        return None  # which leaves it to pytest
    for report in runtestprotocol(item, nextitem=nextitem, log=False):
        if report.when == "call" or not report.passed:  # all that is counted and shown
            item.ihook.pytest_runtest_logreport(report=report)
    return True


def _group_of(item):
    group = item.get_closest_marker("together")
    return group.args if group else ("~",)  # which is behind all names


@pytest.fixture(autouse=True, scope="module")
def little_to_collect():
    """Leave all that stays of what was before out of each run of the garbage collector."""
    gc.collect()
    gc.freeze()


# What a developer's shell, editor or CI sets must not change what a test sees: keys and proxies,
# an environment that is active, colours and widths, warnings, another locale, signals. Programs
# that tests start inherit what is left, and so do the workers of pytest-xdist.
_BEGIN = ("MPARTICLE_", "PYTHON", "PYTEST_", "GIT_", "IPYTHON", "JUPYTER_", "LC_", "VIRTUAL_ENV")
_NAMES = {
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NETRC"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"),
    *("CI", "BUILD_NUMBER", "GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS", "NO_COLOR", "CLICOLOR"),
    *("TERM", "COLORTERM", "LINES", "LANG", "LANGUAGE", "TZ"),
    *("MPFLUENT_DEBUG", "MPFLUENT_DISABLED", "MYPYPATH", "MYPY_CACHE_DIR"),
}
_NEEDED = ("PYTHONHOME", "PYTEST_XDIST_", "PYTEST_VERSION", "PYTEST_CURRENT_TEST")


def _is_of_the_shell(name):
    name = name.upper()
    return (name in _NAMES or name.startswith(_BEGIN)) and not name.startswith(_NEEDED)


# the workers of pytest-xdist find here what the first process had
_SHELL = os.environ.setdefault("MPFLUENT_TESTS_SHELL", json.dumps(dict(os.environ)))
for _name in filter(_is_of_the_shell, list(os.environ)):
    del os.environ[_name]
_IPYTHON = tempfile.mkdtemp(prefix="mpfluent-ipython-")  # its history is no other run's
atexit.register(shutil.rmtree, _IPYTHON, ignore_errors=True)
os.environ.update(COLUMNS="80", TZ="UTC", NETRC=os.devnull, IPYTHONDIR=_IPYTHON)
if hasattr(time, "tzset"):
    time.tzset()
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell has it in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
# its own cache is shared by all processes of a machine, and one may read what another half wrote
jedi.settings.cache_directory = os.path.join(_IPYTHON, "jedi")


def pytest_configure(config):
    """Say how far the searches of hypothesis go, before a test module asks for its settings."""
    examples = os.environ.get("MPFLUENT_EXAMPLES", 250 if config.getoption("--slow") else 25)
    settings.register_profile(
        "mpfluent",
        deadline=None,  # shared machines are slow now and then
        max_examples=int(examples),
        # to explain a failure takes ten times as long as to find and shrink it, in each find()
        phases=[phase for phase in Phase if phase is not Phase.explain],
    )
    settings.load_profile("mpfluent")


@pytest.fixture(scope="session")
def slow(request):
    """Whether a search goes all the way, as it does with ``--slow``."""
    return request.config.getoption("--slow")


@pytest.fixture(scope="session")
def shell():
    """The shell's own variables, for what installs something: it may need proxies and bundles."""
    return json.loads(_SHELL)


@pytest.fixture(autouse=True, scope="session")  # as each fixture of thousands of tests takes time
def no_way_out():
    """A test that connects to another machine fails, and nothing leaves."""

    def guarded(method):
        def connect(self, address):
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
                raise AssertionError(f"a test connects to {address[0]}")
            return method(self, address)

        return connect

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown():
    """What a test leaves behind is not delivered at the end, and has no thread in the next test."""
    try:
        return (yield)
    finally:
        left = list(shutdown._watched.values())
        shutdown._watched.clear()
        for dispatcher in left:
            dispatcher._workers.stop()
            with dispatcher._scheduler.lock:
                dispatcher._scheduler.for_work.notify_all()
            dispatcher._workers.join(0.5)


_WHERE_USERS_SEND = r"^(https://s2s\.\w+\.mparticle\.com|http://127\.0\.0\.1:9090)(?=/)"


@pytest.fixture
def mparticle(monkeypatch):
    """Let every pod, and ``mpfluent serve``, be a server of the test, for what users write."""
    from mpfluent import Request, RequestsTransport
    from mpfluent.testing import LocalServer

    send = RequestsTransport.send

    def rerouted(self, request):
        url = re.sub(_WHERE_USERS_SEND, server.url, request.url)
        return send(
            self, Request(url, request.body, request.headers, credentials=request.credentials)
        )

    with LocalServer() as server:
        monkeypatch.setattr(RequestsTransport, "send", rerouted)
        monkeypatch.setenv("MPARTICLE_API_KEY", "key")
        monkeypatch.setenv("MPARTICLE_API_SECRET", "secret")
        yield server


@pytest.fixture
def no_others(monkeypatch):
    """A process of its own loads no plugins but those that it names: most of its time is theirs."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture(scope="session")
def mypy_cache(tmp_path_factory):
    """What mypy found out of the library; its tests are of one group, and so of one worker."""
    return tmp_path_factory.mktemp("mypy-cache")


def _is_here(host):
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture
def path(tmp_path):
    """Where an outbox's file may be made."""
    return tmp_path / "outbox.db"
