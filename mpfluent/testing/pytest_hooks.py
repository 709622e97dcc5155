"""The hooks and fixtures of the pytest plugin. They import the rest of the package when used.

* Fixtures: ``mparticle_client``, ``mparticle_sent``, ``mparticle_server``, ``mparticle_clock`` and
  ``mparticle_ids``.
* A failing ``==`` of two batches shows what differs.
* A test that sends to the real network fails.
* A statement that makes a batch and does not use it fails.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, TypeVar

import pytest

from ..builder import unused_warning
from ..transport import guard as network
from .network_guard import Guard

if TYPE_CHECKING:
    from ..client.client import Client
    from ..dataplan import DataPlan
    from .deterministic import FrozenClock, SeededIds
    from .recording import RecordingTransport
    from .server import LocalServer

T = TypeVar("T")

_OPTIONS = {
    "mparticle_network": "let mpfluent send to the real network in tests",
    "mparticle_strict": "let mparticle_server refuse what the vendor's JSON schema does not have",
}
_PLAN = "a file with a data plan; what is not as planned fails the test that sends it"
_MARKER = "mparticle_network: let this test send to the real network"
_UNUSED = "error::mpfluent.errors.UnusedBatchWarning"
_GUARD = pytest.StashKey[Guard]()
_BEFORE = pytest.StashKey[Callable[[str], None] | None]()  # the guard from before this run


# Fixtures


@pytest.fixture
def mparticle_clock() -> FrozenClock:
    """The clock of mparticle_client: 2026-11-23T10:15:00Z, until it is set or advanced."""
    from .deterministic import FrozenClock

    return FrozenClock()


@pytest.fixture
def mparticle_ids() -> SeededIds:
    """The ids of mparticle_client: UUIDs that are counted up from …0001 in every test."""
    from .deterministic import SeededIds

    return SeededIds()


@pytest.fixture
def mparticle_sent() -> RecordingTransport:
    """What mparticle_client sent, in .batches and .requests; for assert_sent(mparticle_sent)."""
    from .recording import RecordingTransport

    return RecordingTransport()


@pytest.fixture(scope="session")
def mparticle_data_plan(pytestconfig: pytest.Config) -> DataPlan | None:
    """The data plan that the setting mparticle_plan names; None without one."""
    path = pytestconfig.getini("mparticle_plan")
    if not path:
        return None
    from ..dataplan import DataPlan

    folder = pytestconfig.inipath.parent if pytestconfig.inipath else pytestconfig.rootpath
    return DataPlan.from_file(folder / path)


@pytest.fixture
def mparticle_client(
    mparticle_sent: RecordingTransport,
    mparticle_clock: FrozenClock,
    mparticle_ids: SeededIds,
    mparticle_data_plan: DataPlan | None,
) -> Iterator[Client]:
    """A Client that sends nothing and keeps everything in mparticle_sent; development."""
    from ..client.client import Client
    from ..delivery.retry import Retry

    with Client(
        "key",
        "secret",
        environment="development",
        pod="us1",  # given, as disabled is: the environment's variables must not matter
        transport=mparticle_sent,
        retry=Retry(base=0),
        now=mparticle_clock,
        new_id=mparticle_ids,
        data_plan=mparticle_data_plan,
        on_violation=None if mparticle_data_plan is None else "raise",  # in production, too
        disabled=False,
    ) as client:
        yield client


@pytest.fixture
def mparticle_server(
    pytestconfig: pytest.Config, mparticle_data_plan: DataPlan | None
) -> Iterator[LocalServer]:
    """A LocalServer that stands in for mParticle: Client("key", "secret", host=….url, …)."""
    from .server import LocalServer

    strict = pytestconfig.getini("mparticle_strict")
    with LocalServer(strict=strict, data_plan=mparticle_data_plan) as server:
        yield server
    found = [violation.text for request in server.requests for violation in request.violations]
    if found:  # a batch that was sent again says nothing new
        said = "\n".join(dict.fromkeys(found))
        pytest.fail(f"not as planned:\n{said}", pytrace=False)


# Equality


def pytest_assertrepr_compare(
    config: pytest.Config, op: str, left: object, right: object
) -> list[str] | None:
    """Show what differs between two batches, events or other values, by path."""
    if op != "==" or "mpfluent.values.frozen" not in sys.modules:
        return None
    from .pytest_diff import explanation

    return explanation(left, right, config.get_verbosity(config.VERBOSITY_ASSERTIONS))


# The guard


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    for name, what in _OPTIONS.items():
        parser.addini(name, what, type="bool", default=False)
    parser.addini("mparticle_plan", _PLAN, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Close the network for as long as tests run; a batch that is not used is an error."""
    config.addinivalue_line("markers", _MARKER)
    unused_warning.watch()
    # first in the list, so that the user's own filters win; addinivalue_line would append
    config.getini("filterwarnings").insert(0, _UNUSED)
    if not config.getini("mparticle_network"):
        config.stash[_GUARD] = guard = Guard()
        config.stash[_BEFORE] = network.refuse
        network.refuse = guard.refuse


def pytest_unconfigure(config: pytest.Config) -> None:
    """Put back the guard from before this run: the process may go on, as a notebook's does.

    While batches of a test still wait in the background, the network stays closed. They would be
    sent later, or at the end of the process.
    """
    if _GUARD not in config.stash:
        return
    before = config.stash[_BEFORE]
    shutdown = sys.modules.get("mpfluent.dispatch.shutdown")  # not loaded: nothing was sent
    if before is not None or shutdown is None or not shutdown.anything_pending():
        network.refuse = before


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, T, T]:
    """Open the network for a test that is marked so."""
    guard = item.config.stash.get(_GUARD, None)
    if guard is None or item.get_closest_marker("mparticle_network") is None:
        return (yield)
    guard.open = True
    try:
        return (yield)
    finally:
        guard.open = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, T, T]:
    """Fail if a fixture sent something."""
    return (yield from _guarded(item, "setup"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, T, T]:
    """Fail if the test sent something, also if it caught the error, or a thread of it sent."""
    return (yield from _guarded(item, "call"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, T, T]:
    """Fail if the teardown of a fixture sent something."""
    return (yield from _guarded(item, "teardown"))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail if the import of a test module sent something; else its first test would be blamed."""
    report = yield
    guard = collector.config.stash.get(_GUARD, None)
    refused = guard.report() if guard is not None else None
    if refused is None:
        return report
    if report.failed and not Guard.says(str(report.longrepr)):
        report.sections.append(("mpfluent", refused))  # it fails already; this may be the reason
    else:
        report.outcome, report.longrepr = "failed", refused
    return report


def _guarded(item: pytest.Item, when: str) -> Generator[None, T, T]:
    guard = item.config.stash.get(_GUARD, None)
    if guard is None:
        return (yield)
    try:
        result = yield
    except BaseException as error:  # pytest's own skip, fail and exit are BaseExceptions
        refused = guard.report()
        if refused is None:
            raise
        if not guard.raised(error):  # the test fails already; this may be the reason
            item.add_report_section(when, "mpfluent", refused)
            raise
    else:
        refused = guard.report()
        if refused is None:
            return result
    pytest.fail(refused, pytrace=False)
