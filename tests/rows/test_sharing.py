"""Tables beside other threads, runs and processes, and callbacks that send one."""

import contextlib
import gc
import os
import signal
import sys
import threading

import pytest
from internals import send_all
from table_runs import World, imported, rejected_in, wrong_report

from mpfluent import (
    Batch,
    Closed,
    ConfigurationError,
    FunctionTransport,
    Outbox,
    RateLimit,
    RequestsTransport,
    Retry,
    ThreadedDispatcher,
)
from mpfluent.rows import Rows
from mpfluent.testing import (
    LocalServer,
    close_after_read,
    garbage,
    ok,
    partial_answer,
    reset_after_read,
    reset_before_read,
    status,
)

SOON = 30.0
BATCH = Batch.for_user(customer_id="somebody").event("Searched")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
of_threads = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # a fork beside threads
both = pytest.mark.parametrize("mode", ["sync", "threaded", "grouped", "threaded grouped"])


@pytest.fixture(autouse=True)
def saves_often(monkeypatch):
    monkeypatch.setattr(send_all, "_EVERY", 0.001)


@pytest.fixture
def world(mode, tmp_path):
    return World(mode, tmp_path, 400)


def in_threads(*calls):
    """Make calls, each in a thread of its own, and return what they return or raise."""
    found = [None] * len(calls)

    def make(number, call):
        try:
            found[number] = call()
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=make, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
        assert not thread.is_alive()
    return found


def forked(work):
    """Do this in a forked child, and return its exit status."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# Threads


@both
def test_what_other_threads_send_by_the_client_is_no_part_of_the_report(world, mode):
    with world.client() as client:

        def others():
            for _ in range(50):
                client.send(BATCH)

        report, *_ = in_threads(lambda: world.send(client), others, others)

    assert wrong_report(report) == []
    assert (report.rows, report.pending) == (400, 0)
    assert client.stats.submitted == report.batches + 100
    assert world.wrong_at_end() == []


@both
def test_two_tables_by_one_client_at_once_have_their_own_reports(world, mode, tmp_path):
    (tmp_path / "other").mkdir()
    other = World(mode, tmp_path / "other", 192)
    with world.client() as client:
        reports = in_threads(lambda: world.send(client), lambda: other.send(client))

    assert [wrong_report(report) for report in reports] == [[], []]
    assert [report.rows for report in reports] == [400, 192]
    other.taken = world.taken  # both tables have the same policies, of one job
    assert world.wrong_at_end() == []
    assert rejected_in(other.folder).keys() <= rejected_in(world.folder).keys()


@both
def test_a_table_that_is_sent_again_without_a_checkpoint_has_the_same_ids(world, mode):
    rows = Rows.from_csv(world.folder / "policies.csv").map(imported)
    rows = rows.with_key("policy", job="policies 2026-11").grouped_by("customer", window=48)
    with world.client() as client:
        first = world.send(client, rows)
        taken = len(world.taken)
        second = world.send(client, rows)

    assert (second.delivered, second.rejected) == (first.delivered, first.rejected)
    assert len(world.taken) == taken > 0


@both
def test_one_table_at_the_same_time_is_refused_where_it_has_a_rejects_file(world, mode):
    inside, leave = threading.Event(), threading.Event()

    def holding(row):
        inside.set()
        assert leave.wait(SOON)
        return imported(row)

    def second():
        assert inside.wait(SOON)
        try:
            return world.client().send_all(world.table())
        finally:
            leave.set()

    with world.client() as client:
        report, error = in_threads(lambda: world.send(client, world.table(holding)), second)

    assert type(error) is ConfigurationError
    assert "another run writes this file; wait until it has ended" in str(error)
    assert (error.report.rows, report.rows, report.pending) == (0, 400, 0)
    assert world.wrong_at_end() == []


def test_one_table_at_the_same_time_with_one_checkpoint_leaves_it_whole(tmp_path):
    world = World("sync", tmp_path, 400)
    rows = Rows.from_csv(tmp_path / "policies.csv").map(imported)
    rows = rows.with_key("policy", job="policies 2026-11").with_checkpoint(tmp_path / "checkpoint")
    with world.client() as client:
        reports = in_threads(*[lambda: client.send_all(rows)] * 4)
        last = client.send_all(rows)

    assert [wrong_report(report) for report in reports] == [[]] * 4
    assert (last.rows, last.resumed) == (400, 400)
    assert {*world.arrived().values()} == {1}
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "policies.csv"]


@both
def test_a_client_that_another_thread_closes_ends_the_run_and_the_next_one_goes_on(world, mode):
    closed = []

    def closing(row):
        if row.place.index == 250:
            closer = threading.Thread(target=client.close, args=(0.0,))
            closer.start()
            closer.join(SOON)
            closed.append(not closer.is_alive())
        return imported(row)

    client = world.client()
    with pytest.raises(Closed) as caught:
        world.send(client, world.table(closing))

    assert closed == [True]
    assert wrong_report(caught.value.report) == []
    assert world.wrong_now() == []
    assert world.wrong_at_end() == []


# Callbacks


@pytest.mark.parametrize("mode", ["threaded", "threaded grouped"])
def test_a_table_that_a_callback_sends_is_pending_when_send_all_returns(world, mode):
    told = []

    def answer(delivery):
        told.append(client.send_all(world.table()))

    dispatcher = ThreadedDispatcher(flush_interval=0.001)  # one worker, whose callback it is
    with world.client(dispatcher=dispatcher) as client:
        assert client.send(BATCH, callback=answer).wait(SOON)
        assert client.flush(SOON)
    (report,) = told

    assert wrong_report(report) == []
    assert report.pending > 300
    assert not report
    assert world.wrong_now() == []
    assert world.wrong_at_end() == []


def test_a_table_that_a_callback_sends_in_the_callers_thread_is_sent(tmp_path):
    world, told = World("sync", tmp_path, 400), []
    with world.client() as client:
        client.send(BATCH, callback=lambda delivery: told.append(client.send_all(world.table())))
    (report,) = told

    assert (report.rows, report.pending) == (400, 0)
    assert world.wrong_at_end() == []


# Forks


@needs_fork
@of_threads
@both
def test_a_forked_child_sends_the_table_that_its_parent_made(world, mode, tmp_path):
    rows = world.table()

    def work():
        report = World.send(world, world.client(), rows)
        assert (report.rows, report.pending) == (400, 0)
        (tmp_path / "taken").write_text(str(len(world.taken)))

    assert forked(work) == 0
    assert int((tmp_path / "taken").read_text()) > 100
    with world.client() as client:
        report = world.send(client, rows)
    assert (report.rows, report.resumed) == (400, 400)


@needs_fork
@of_threads
@both
@pytest.mark.parametrize("locked", [False, True], ids=["no lock", "every lock"])
def test_a_child_leaves_its_parents_run_and_changes_nothing_whatever_lock_a_thread_holds(
    world, mode, locked
):
    statuses, parent, client = [], os.getpid(), world.client()

    def forking(row):
        if row.place.index == 300:
            with locks_of_a_run() if locked else contextlib.nullcontext():
                child = os.fork()
                if child == 0:
                    signal.alarm(20)  # a child that hangs is killed
                    raise SystemExit(7)  # through send_all
                statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return imported(row)

    try:
        report = world.send(client, world.table(forking))
    except SystemExit as left:
        if os.getpid() != parent:
            os._exit(left.code)
        raise
    client.close()

    assert statuses == [7]
    assert (report.rows, report.pending) == (400, 0)
    assert world.wrong_at_end() == []


@contextlib.contextmanager
def locks_of_a_run():
    """Let a thread hold the locks of what counts rows, batches and requests."""
    held, done, parent = threading.Event(), threading.Event(), os.getpid()
    holder = threading.Thread(target=hold_locks_of_a_run, args=(held, done))
    holder.start()
    assert held.wait(SOON)
    try:
        yield
    finally:
        if os.getpid() == parent:  # a child has no such thread
            done.set()
            holder.join()


def hold_locks_of_a_run(held, done):
    """Hold the locks of what counts rows, batches and requests until it is done."""
    kinds = ("TableRun", "ReportBuilder", "Counters", "Settlement")
    counting = [one for one in gc.get_objects() if type(one).__name__ in kinds]
    assert {type(one).__name__ for one in counting} == {*kinds}
    with contextlib.ExitStack() as locks:
        for one in counting:
            locks.enter_context(one.lock if hasattr(one, "lock") else one._lock)
        held.set()
        done.wait(SOON)


# An outbox, a rate limit, and a server that lies


@pytest.mark.parametrize("mode", ["threaded", "threaded grouped"])
def test_rows_whose_batches_are_in_an_outbox_are_kept_and_the_checkpoint_passes_them(
    world, mode, path
):
    def outbox(**options):
        return ThreadedDispatcher(flush_interval=0.001, outbox=Outbox(path), **options)

    down, once = FunctionTransport(lambda request: 503), Retry(max_attempts=1)
    with world.client(dispatcher=outbox(), transport=down, retry=once) as client:
        report = world.send(client)
    kept = report.kept
    with world.client(dispatcher=outbox(), transport=FunctionTransport(world.take)) as client:
        again = world.send(client)
        assert client.flush(SOON)

    assert wrong_report(report) == []
    assert kept > 300
    assert (report.delivered, report.failed, report.pending) == (0, 0, 0)
    assert (again.rows, again.resumed) == (400, 400)
    assert {*world.arrived().values()} == {1}
    assert len(world.arrived()) == kept


@both
def test_under_a_rate_limit_all_is_delivered(world, mode):
    with world.client(rate_limit=RateLimit(5_000, burst=100)) as client:
        report = world.send(client)

    assert (report.rows, report.pending) == (400, 0)
    assert world.wrong_at_end() == []


LIES = [
    *(status(500), status(429, headers={"Retry-After": "0"}), garbage(), reset_after_read()),
    *(close_after_read(), ok(), partial_answer(10), reset_before_read(), status(503)),
]


@both
@pytest.mark.parametrize("turn", [0, pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_server_that_lies_loses_no_row_and_counts_none_twice(world, mode, turn):
    lies = [each for lie in LIES for each in (*[lie] * (turn + 1), ok())]
    with LocalServer() as server:
        server.script(*lies)
        retry = Retry(base=0.01, max_elapsed=SOON)
        real = RequestsTransport()

        def answer(request):
            return 400 if b'"refused"' in request.body else real.send(request)

        with world.client(
            transport=FunctionTransport(answer), host=server.url, retry=retry
        ) as client:
            report = world.send(client)
        real.close()
        world.taken = {batch.source_request_id: batch.to_dict() for batch in server.batches}

    assert (report.rows, report.pending, report.failed_by_reason.keys()) == (400, 0, {"rejected"})
    assert world.wrong_at_end() == []


def test_a_table_that_cannot_begin_has_the_report_of_a_table(tmp_path):
    world = World("sync", tmp_path, 10)
    unmapped = Rows.from_csv(tmp_path / "policies.csv")
    with world.client() as client, pytest.raises(ConfigurationError) as caught:
        client.send_all(unmapped)

    assert (caught.value.report.rows, caught.value.report.rejected) == (0, 0)
