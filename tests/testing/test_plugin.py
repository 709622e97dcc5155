"""The pytest plugin, in projects of its own: an empty folder, and no configuration.

This suite itself runs without it (``-p no:mpfluent``): loaded by its entry point, it would import
the package before coverage looks.
"""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from unittest import mock

import pytest
import requests
import urllib3

from mpfluent import Batch, Client, Request, RequestsTransport, TransportError
from mpfluent.builder import unused_warning
from mpfluent.testing import LocalServer
from mpfluent.testing.network_guard import Guard, is_this_machine
from mpfluent.transport import guard as network

ROOT = Path(__file__).parents[2]
QUIET = ("-p", "no:cacheprovider", "-p", "no:randomly")
BARE = (*QUIET, "-p", "no:hypothesispytest")  # plugins are loaded, but not those that take long
SHOP = """
from mpfluent import Batch, Client, MPFluentError

def sign_up(client, plan):
    client.send(Batch.for_user(customer_id="1").event("Signed up", {"plan": plan}))

def careless():
    try:
        sign_up(Client("key", "secret", environment="development"), "pro")
    except MPFluentError:
        print("never mind")
"""
INSTEAD = (
    "use the fixture mparticle_client, Client(…, transport=RecordingTransport()) or "
    "Client(…, host=mparticle_server.url), or mark the test with @pytest.mark.mparticle_network, "
    "which lets it send to the real mParticle"
)
EVERY_FIXTURE = """
    import re

    import pytest
    import shop
    from mpfluent import Client
    from mpfluent.testing import assert_nothing_sent, assert_sent

    def test_client_and_sent(mparticle_client, mparticle_sent):
        assert_nothing_sent(mparticle_sent)
        shop.sign_up(mparticle_client, "pro")
        assert_sent(mparticle_sent, "Signed up", {"plan": "pro"}, times=1)

    @pytest.mark.parametrize("time", [1, 2])
    def test_the_same_bytes(mparticle_client, mparticle_sent, mparticle_clock, mparticle_ids, time):
        shop.sign_up(mparticle_client, "pro")
        mparticle_clock.advance(60)
        shop.sign_up(mparticle_client, "pro")
        first, second = mparticle_sent.batches
        assert first.environment == "development"
        assert first.events[0].at == 1_795_428_900_000
        assert second.events[0].at == 1_795_428_960_000
        assert first.events[0].source_message_id == "00000000-0000-4000-8000-000000000001"
        assert first.source_request_id == "00000000-0000-4000-8000-000000000002"
        assert mparticle_ids() == "00000000-0000-4000-8000-000000000005"

    def test_server(mparticle_server):
        mparticle_server.script(503)
        with Client(
            "key", "secret", environment="development", host=mparticle_server.url
        ) as client:
            shop.sign_up(client, "pro")
        assert_sent(mparticle_server, "Signed up", times=1)

    def test_the_client_does_not_wait_between_attempts(mparticle_client):
        assert "base=0" in repr(mparticle_client._sender._retry)
"""


@pytest.fixture(autouse=True)
def guard_of_the_outer_run(monkeypatch):
    """What runs within this process leaves its guards behind; they end with the test."""
    monkeypatch.setattr(network, "refuse", network.refuse)
    monkeypatch.setattr(unused_warning, "watch", lambda: None)


@pytest.fixture
def project(pytester):
    pytester.makepyfile(shop=SHOP)
    return pytester


OURS = ("-p", "mpfluent.testing.plugin", "-p", "no:cacheprovider")


def alone(*words, **options):
    return subprocess.run(
        [sys.executable, *words], capture_output=True, encoding="utf-8", check=False, **options
    )


# A brand-new project


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), marks=pytest.mark.slow),  # the last case asks for more
        pytest.param(("-n", "2"), marks=pytest.mark.slow),
        pytest.param(("-p", "randomly", "-p", "no:xdist"), marks=pytest.mark.slow),
        ("-p", "no:randomly", "-W", "error", "--strict-config", "--strict-markers"),
    ],
    ids=" ".join,
)
def test_a_new_project_has_every_fixture_without_configuration(project, arguments):
    project.makepyfile(EVERY_FIXTURE)

    run = alone("-m", "pytest", "-p", "no:cacheprovider", *arguments, cwd=project.path)

    assert " 5 passed" in run.stdout, run.stdout + run.stderr
    assert run.returncode == 0


def test_it_needs_no_other_plugin(project, no_others):
    project.makepyfile(EVERY_FIXTURE)

    assert "5 passed" in alone("-m", "pytest", "-p", "mpfluent", cwd=project.path).stdout


def test_it_can_be_left_out(project):
    project.makepyfile("def test_client(mparticle_client): pass")

    run = alone("-m", "pytest", *BARE, "-p", "no:mpfluent", cwd=project.path)

    assert "fixture 'mparticle_client' not found" in run.stdout


@pytest.mark.parametrize("version", ["6.2.5", "7.4.4"])
def test_an_older_pytest_runs_as_if_there_were_no_plugin(project, version):
    project.makepyfile("def test_passes(): pass")
    older = f"""
import pytest, sys
pytest.__version__ = "{version}"
pytest.version_tuple = (7, 4, 4)
if "{version}"[0] == "6":
    del pytest.version_tuple, pytest.StashKey
code = pytest.main(["-p", "no:cacheprovider", "-p", "mpfluent"])
print("hooks" if "mpfluent.testing.pytest_hooks" in sys.modules else "no hooks")
sys.exit(code)
"""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    run = alone("-c", older, cwd=project.path, env=environment)

    says = f"mpfluent: its plugin needs pytest 8 or newer, and this is {version}"
    assert says in run.stdout.splitlines(), run.stdout + run.stderr
    assert " 1 passed" in run.stdout
    assert run.stdout.endswith("\nno hooks\n")


def test_the_fixtures_say_what_they_are(project):
    project.makepyfile("")

    said = project.runpytest_inprocess(*QUIET, "--fixtures").stdout.str()
    found = re.findall(r"^(mparticle_\w+) -- .*\n    (.*)", said, re.M)

    assert dict(found).keys() == {
        "mparticle_client",
        "mparticle_clock",
        "mparticle_ids",
        "mparticle_sent",
        "mparticle_server",
    }
    assert all(text.strip() for _, text in found)


def test_loading_the_plugin_imports_nothing_heavy():
    code = """
import sys, pytest, argparse
before = set(sys.modules)
import mpfluent.testing.plugin
print(*sorted(set(sys.modules) - before))
"""
    run = alone("-c", code)

    assert run.stdout.split() == [
        "mpfluent",
        "mpfluent.builder",
        "mpfluent.builder.unused_warning",
        "mpfluent.errors",
        "mpfluent.sdk_names",
        "mpfluent.testing",
        "mpfluent.testing.network_guard",
        "mpfluent.testing.plugin",
        "mpfluent.testing.pytest_hooks",
        "mpfluent.transport",
        "mpfluent.transport.guard",
    ], run.stderr


def test_a_run_that_uses_nothing_imports_nothing(project):
    project.makepyfile(
        """
        import sys

        def test_nothing():
            loaded = {name for name in sys.modules if name.split(".")[0] == "mpfluent"}
            assert "mpfluent.testing.plugin" in loaded
            heavy = {"mpfluent.builder.batch", "mpfluent.client.client", "mpfluent.values.frozen"}
            assert not heavy & loaded
            assert "marshmallow" not in sys.modules
            assert 1 == 1
        """
    )

    assert "1 passed" in alone("-m", "pytest", *BARE, cwd=project.path).stdout


# The guard


def test_a_test_that_sends_to_the_network_fails(project):
    project.makepyfile(
        test_it="""
        import shop
        from mpfluent import Client

        def test_sends():
            shop.sign_up(Client("key", "secret", environment="development"), "pro")
        """
    )

    result = project.runpytest_inprocess(*QUIET)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ test_sends _*",
            "a test does not send to the network, and this was refused:",
            "  https://s2s.us1.mparticle.com, from shop.py:4 in sign_up",
            INSTEAD.replace("[", "[[]"),
        ],
        consecutive=True,
    )
    assert "client.py" not in result.stdout.str()


@pytest.mark.parametrize(
    ("test", "sender"),
    [
        ("shop.careless()", "from shop.py:4 in sign_up"),
        (
            "thread = threading.Thread(target=shop.careless)\n"
            "    thread.start()\n"
            "    thread.join()",
            "from shop.py:4 in sign_up",
        ),
        (
            "options = {'environment': 'development', 'dispatcher': ThreadedDispatcher()}\n"
            "    with Client('k', 's', **options) as client:\n"
            "        shop.sign_up(client, 'pro')",
            "on the thread mpfluent-worker; if this test sends nothing, an earlier one has left "
            "its client open",
        ),
    ],
    ids=["swallowed", "thread", "background"],
)
def test_a_send_that_nobody_hears_of_fails_the_test_too(project, test, sender):
    project.makepyfile(
        "import threading\nimport shop\nfrom mpfluent import Client, ThreadedDispatcher\n"
        f"def test_sends():\n    {test}\n"
        "def test_next(): pass\n"
    )

    result = project.runpytest_inprocess(*QUIET)

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([f"  https://s2s.us1.mparticle.com, {sender}"])


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_fixture_sends_fails_too(project, when):
    steps = {"before": "shop.careless(); yield", "after": "yield; shop.careless()"}
    project.makepyfile(
        "import pytest, shop\n"
        f"@pytest.fixture\ndef sends():\n    {steps[when]}\n"
        "def test_sends(sends): pass\n"
        "def test_next(): pass\n"
    )

    result = project.runpytest_inprocess(*QUIET)

    outcomes = {"before": {"errors": 1, "passed": 1}, "after": {"errors": 1, "passed": 2}}
    result.assert_outcomes(**outcomes[when])
    result.stdout.fnmatch_lines(["a test does not send to the network, *"])


def test_a_test_that_fails_anyway_says_what_was_refused_beside_it(project):
    project.makepyfile(
        "import shop\ndef test_sends():\n    shop.careless()\n    assert 'this' == 'that'\n"
    )

    result = project.runpytest_inprocess(*QUIET)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E       AssertionError: assert 'this' == 'that'",
            "*- Captured mpfluent call -*",
            "a test does not send to the network, and this was refused:",
            "  https://s2s.us1.mparticle.com, from shop.py:4 in sign_up",
        ]
    )


def test_a_long_list_of_refusals_is_cut(project):
    project.makepyfile("import shop\ndef test_sends():\n    for _ in range(8): shop.careless()\n")

    result = project.runpytest_inprocess(*QUIET)

    assert result.stdout.str().count("from shop.py") == 5
    result.stdout.fnmatch_lines(["  … and 3 more"])


ASKS = """
    import pytest
    from mpfluent.transport import guard as network

    {mark}
    def test_asks():
        network.refuse and network.refuse("https://s2s.us1.mparticle.com/v2/events")
"""


@pytest.mark.parametrize(("ini", "strict"), [("", False), ("mparticle_strict = true", True)])
def test_the_server_is_strict_if_an_option_says_so(project, ini, strict):
    project.makeini(f"[pytest]\n{ini}\n")
    project.makepyfile(
        f"def test_it(mparticle_server): assert mparticle_server._strict is {strict}\n"
    )

    result = project.runpytest_inprocess(*QUIET, "--strict-config")

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("mark", "ini", "outcome"),
    [
        ("", "", {"failed": 1}),
        ("@pytest.mark.mparticle_network", "", {"passed": 1}),
        ("", "mparticle_network = true", {"passed": 1}),
        ("", "mparticle_network = false", {"failed": 1}),
    ],
)
def test_the_network_is_closed_unless_a_marker_or_an_option_opens_it(project, mark, ini, outcome):
    project.makeini(f"[pytest]\n{ini}\n")
    project.makepyfile(ASKS.format(mark=mark))

    result = project.runpytest_inprocess(*QUIET, "--strict-markers", "--strict-config")

    result.assert_outcomes(**outcome)


def test_a_marker_opens_it_for_one_test_only(project):
    project.makepyfile(
        ASKS.format(mark="@pytest.mark.mparticle_network")
        + ASKS.format(mark="").replace("test_asks", "test_asks_again")
    )

    project.runpytest_inprocess(*QUIET).assert_outcomes(passed=1, failed=1)


def test_the_guard_holds_in_the_workers_of_xdist(project, no_others):
    project.makepyfile(
        "import shop\n" + "".join(f"def test_{n}(): shop.careless()\n" for n in range(4))
    )

    run = alone("-m", "pytest", "-p", "xdist", "-n", "2", *OURS, cwd=project.path)

    assert " 4 failed" in run.stdout, run.stdout


def test_one_run_within_another_leaves_its_guard(project, monkeypatch):
    outer = Guard()
    monkeypatch.setattr(network, "refuse", outer.refuse)
    project.makepyfile(ASKS.format(mark=""))

    project.runpytest_inprocess(*QUIET).assert_outcomes(failed=1)

    assert network.refuse == outer.refuse
    assert outer.report() is None


@pytest.mark.parametrize(("leaves", "after"), [("pass", "open"), ("shop.leave()", "closed")])
def test_a_process_that_goes_on_may_send_unless_a_test_left_something(
    project, no_others, leaves, after
):
    project.makepyfile(
        shop="""
        from mpfluent import Batch, Client, ThreadedDispatcher

        def leave():
            dispatcher = ThreadedDispatcher(flush_interval=600)
            client = Client("k", "s", environment="development", dispatcher=dispatcher)
            client.send(Batch.for_user(customer_id="1").event("Signed up"))
        """,
        test_it=f"import shop\ndef test_it(): {leaves}\n",
    )
    script = f"""
import pytest
from mpfluent.transport import guard as network

for _ in range(2):
    assert pytest.main([*{OURS}, "-q"]) == 0
    print("network:", "open" if network.refuse is None else "closed")
"""

    run = alone("-c", script, cwd=project.path)

    assert re.findall("network: (.*)", run.stdout) == [after, after], run.stdout + run.stderr


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("shop.careless()", "a test does not send to the network, and this was refused:"),
        (
            "shop.sign_up(Client('k', 's', environment='development'), 'pro')",
            "a test does not send to the network, and this was refused:",
        ),
        ("shop.careless(); 1 / 0", "E   ZeroDivisionError: division by zero"),
        ("shop.careless(); pytest.skip('x', allow_module_level=True)", "a test does not send*"),
    ],
    ids=["swallowed", "raised", "fails anyway", "skipped"],
)
def test_what_a_module_sends_when_it_is_imported_is_an_error_of_the_module(project, line, says):
    project.makepyfile(
        test_a=f"import pytest, shop\nfrom mpfluent import Client\n{line}\ndef test_a(): pass\n",
        test_b="def test_b(): pass\n",
    )

    result = project.runpytest_inprocess(*QUIET, "--continue-on-collection-errors")

    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ ERROR collecting test_a.py _*",
            says,
            "  https://s2s.us1.mparticle.com, from shop.py:*",
        ]
    )


def test_what_is_left_in_a_queue_is_not_sent_at_the_end_of_the_process(project, no_others):
    project.makepyfile(
        """
        import shop
        from mpfluent import Client, ThreadedDispatcher

        def told(batch, error):
            print("LEFT:", error)

        def test_leaves():
            dispatcher = ThreadedDispatcher(flush_interval=600)
            client = Client(
                "k", "s", environment="development", dispatcher=dispatcher, on_failed=told
            )
            shop.sign_up(client, "pro")
        """
    )

    run = alone("-m", "pytest", *OURS, cwd=project.path)

    assert " 1 passed" in run.stdout
    assert "LEFT: a test does not send to https://s2s.us1.mparticle.com; use the" in run.stdout


def test_the_transport_asks_before_it_opens_anything(monkeypatch):
    opened = []
    monkeypatch.setattr(urllib3.util.connection, "create_connection", opened.append)
    guard = Guard()
    monkeypatch.setattr(network, "refuse", guard.refuse)
    client = Client("key", "secret", environment="development", transport=RequestsTransport())

    with pytest.raises(TransportError) as caught:
        client.send(Batch.for_user(customer_id="1").event("Searched"))

    assert str(caught.value) == f"a test does not send to https://s2s.us1.mparticle.com; {INSTEAD}"
    assert client.stats.retries == 0
    assert opened == []
    assert guard.raised(caught.value)
    assert "s2s.us1" in guard.report()
    assert guard.report() is None


@pytest.mark.parametrize("how", ["transport", "environment", "session"])
@pytest.mark.parametrize("proxy", ["http://user:word@proxy.example:3128", "proxy.example:3128"])
def test_a_request_to_this_machine_does_not_leave_through_a_proxy(monkeypatch, how, proxy):
    guard = Guard()
    monkeypatch.setattr(network, "refuse", guard.refuse)
    for name in ("NO_PROXY", "no_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    options = {}
    if how == "transport":
        options["proxies"] = {"https": proxy}
    elif how == "environment":
        monkeypatch.setenv("https_proxy", proxy)
    else:
        options["session"] = requests.Session()
        options["session"].proxies["https"] = proxy
    transport = RequestsTransport(**options)
    client = Client(
        "key", "secret", environment="development", host="https://127.0.0.1:9", transport=transport
    )

    with pytest.raises(TransportError) as caught:
        client.send(Batch.for_user(customer_id="1").event("Searched"))

    assert str(caught.value) == f"a test does not send to http://proxy.example; {INSTEAD}"
    assert client.stats.retries == 0
    assert "http://proxy.example, from " in guard.report()


def test_a_proxy_on_this_machine_is_asked(monkeypatch):
    guard = Guard()
    monkeypatch.setattr(network, "refuse", guard.refuse)
    with LocalServer() as proxy:
        proxy.script(202)
        client = Client(
            "key",
            "secret",
            environment="development",
            host="http://127.0.0.1:9",
            transport=RequestsTransport(proxies={"http": proxy.url}),
        )
        client.send(Batch.for_user(customer_id="1").event("Searched"))

        assert len(proxy.requests) == 1
    assert guard.report() is None


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("example.com", False),
        ("localhost.example.com", False),
    ],
)
def test_only_loopback_is_this_machine(host, here):
    assert is_this_machine(host) is here


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (r"http://evil.example\[::1]/v2/events", "http://evil.example"),
        (r"https://evil.example:80\@localhost/", "https://evil.example"),
        ("http://localhost@evil.example", "http://evil.example"),
        ("http://[::1].evil.example", "://an address that is not valid"),
        ("http://[::1", "://an address that is not valid"),
    ],
)
def test_the_guard_reads_an_address_as_who_connects_does(url, place):
    guard = Guard()
    with pytest.raises(TransportError) as caught:
        guard.refuse(url)

    assert str(caught.value) == f"a test does not send to {place}; {INSTEAD}"
    guard.report()
    guard.refuse("http://user:word@localhost:3128")
    assert guard.report() is None


MOCKED = {
    "session": """
        from unittest import mock

        @pytest.fixture
        def mocked():
            with mock.patch("requests.Session.send") as send:
                send.return_value = mock.Mock(status_code=202)
                yield lambda: send.call_args.args[0]
        """,
    "session with its self": """
        from unittest import mock

        @pytest.fixture
        def mocked():
            with mock.patch("requests.Session.send", autospec=True) as send:
                send.return_value = requests.Response()
                send.return_value.status_code = 202
                yield lambda: send.call_args.args[1]
        """,
    "adapter": """
        @pytest.fixture
        def mocked(monkeypatch):  # as responses does
            asked = []

            def send(adapter, request, **options):
                asked.append(request)
                raw = urllib3.HTTPResponse(io.BytesIO(b"{}"), status=202, preload_content=False)
                return adapter.build_response(request, raw)

            monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
            return lambda: asked[-1]
        """,
    "adapter of a session": """
        @pytest.fixture
        def mocked(monkeypatch):  # as requests_mock does
            asked = []
            real = requests.Session.send

            class Adapter(requests.adapters.BaseAdapter):
                def send(self, request, **options):
                    asked.append(request)
                    answer = requests.Response()
                    answer.status_code = 202
                    answer.raw = io.BytesIO(b"{}")
                    return answer

                def close(self):
                    pass

            def send(session, request, **options):
                with monkeypatch.context() as patch:
                    patch.setattr(session, "get_adapter", lambda url: Adapter())
                    return real(session, request, **options)

            monkeypatch.setattr(requests.Session, "send", send)
            return lambda: asked[-1]
        """,
}


@pytest.mark.parametrize("stand_in", MOCKED.values(), ids=MOCKED)
def test_what_stands_for_requests_in_a_test_is_asked_and_the_guard_is_not(project, stand_in):
    project.makepyfile(
        "import io, json, pytest, requests, shop, urllib3\n"
        "from mpfluent import Client\n"
        f"{textwrap.dedent(stand_in)}\n"
        "def test_sends(mocked):\n"
        "    with Client('key', 'secret', environment='development') as client:\n"
        "        shop.sign_up(client, 'pro')\n"
        "        shop.sign_up(client, 'trial')\n"
        "    request = mocked()\n"
        "    assert request.url == 'https://s2s.us1.mparticle.com/v2/events'\n"
        "    assert json.loads(request.body)['events'][0]['data']['event_name'] == 'Signed up'\n"
    )

    project.runpytest_inprocess(*QUIET).assert_outcomes(passed=1)


def test_what_stands_for_connections_is_asked_where_the_network_is_open(project):
    """A recorder, such as vcr, puts its class in the place of urllib3's; it may well connect."""
    project.makepyfile(
        """
        import pytest, shop, urllib3
        from mpfluent import Client, Retry, TransportError

        class Recorder(urllib3.connection.HTTPSConnection):
            asked = []

            def connect(self):
                self.asked.append(self.host)
                raise OSError("nothing is recorded")

        @pytest.fixture(autouse=True)
        def recording(monkeypatch):
            Recorder.asked.clear()
            pool = urllib3.connectionpool.HTTPSConnectionPool
            monkeypatch.setattr(pool, "ConnectionCls", Recorder)

        def send():
            client = Client("key", "secret", environment="development", retry=Retry(max_attempts=1))
            shop.sign_up(client, "pro")

        @pytest.mark.mparticle_network
        def test_records():
            with pytest.raises(TransportError, match="nothing is recorded"):
                send()
            assert Recorder.asked == ["s2s.us1.mparticle.com"]

        def test_refuses():
            try:
                send()
            finally:
                assert Recorder.asked == []
        """
    )

    project.runpytest_inprocess(*QUIET).assert_outcomes(passed=1, failed=1)


def test_a_status_that_is_none_says_what_to_write():
    with mock.patch("requests.Session.send"), pytest.raises(TransportError) as caught:
        RequestsTransport().send(Request("https://s2s.us1.mparticle.com/v2/events", b"{}", {}))

    assert str(caught.value) == (
        "requests answered with a status that is MagicMock; write return_value.status_code = 202, "
        "or Client(…, transport=RecordingTransport())"
    )


def test_the_examples_of_the_page_about_testing_are_tests_that_pass(pytester):
    text = (ROOT / "docs/testing.md").read_text(encoding="utf-8").split("\n## Assert")[0]
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    pytester.makepyfile("\n".join(blocks))

    pytester.runpytest_inprocess(*QUIET).assert_outcomes(passed=3)


# Batches that are thrown away

THROWS_AWAY = """
    from mpfluent import Batch

    def test_forgets():
        batch = Batch.for_user(customer_id="1")
        batch.event("Signed up")
        assert batch.events == ()
"""


@pytest.mark.parametrize(
    ("ini", "options", "outcome"),
    [
        ("", (), {"failed": 1}),
        ("filterwarnings = ignore::mpfluent.errors.UnusedBatchWarning", (), {"passed": 1}),
        pytest.param("filterwarnings = ignore", (), {"passed": 1}, marks=pytest.mark.slow),
        ("filterwarnings = default", (), {"passed": 1, "warnings": 1}),
        ("", ("-W", "ignore::mpfluent.errors.UnusedBatchWarning"), {"passed": 1}),
    ],
)
def test_a_line_that_throws_a_batch_away_fails_the_test(project, no_others, ini, options, outcome):
    project.makeini(f"[pytest]\n{ini}\n")
    project.makepyfile(THROWS_AWAY)

    result = project.runpytest_subprocess(*OURS, *options)

    result.assert_outcomes(**outcome)
    said = "UnusedBatchWarning: event() returns a new batch, and this line throws it away; "
    assert (said in result.stdout.str()) is ("passed" not in outcome or "warnings" in outcome)
    if "failed" in outcome:
        result.stdout.fnmatch_lines(['>       batch.event("Signed up")'])
