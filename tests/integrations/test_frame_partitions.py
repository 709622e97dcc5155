"""What Spark and Dask have in common, without either: arguments, rows, partitions, the report."""

import copy
import pickle
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy
import pandas
import pytest
from frame_jobs import orders, poisoned
from missing_packages import error_without
from scenarios import KEY, SECRET

from mpfluent import (
    Batch,
    Client,
    ConfigurationError,
    DeliveryError,
    InvalidBatch,
    RecordingTransport,
    Report,
    Retry,
    UnknownField,
    UnknownVerb,
)
from mpfluent.integrations.frame_job import Job, PickledJob, checked_job
from mpfluent.integrations.frame_partition import Outcome, send_partition, whole_report
from mpfluent.integrations.frame_row import FrameRow

CLIENT = partial(Client, "key", "secret", environment="development", transport=RecordingTransport())


def job_of(
    batch=orders,
    client=Client,
    user="user_id",
    order=None,
    partitions=None,
    **unknown,
):
    """Return what ``send`` makes of its arguments, of a frame with three columns."""
    given = batch, client, user, order, partitions
    return checked_job(["id", "user_id", "at"], given, unknown, pickle.dumps)


def without_an_id(user, rows):
    return Batch.for_user(customer_id=user).event("Ordered")


def rows_of(*cells):
    """Return rows of ids and users."""
    return [{"id": number, "user_id": user, "at": 0} for number, user in cells]


# Arguments


def test_a_job_has_what_was_given():
    job = job_of(order="at")

    assert (job.batch, job.user, job.order) == (orders, "user_id", ("at",))
    assert job_of(order=["at", "id"]).order == ("at", "id")
    assert job_of().order == ()


def test_a_job_shows_no_secret():
    job = job_of(client=partial(Client, KEY, SECRET))

    pickled = PickledJob(pickle.dumps(job))

    assert repr(job) == "<Job by 'user_id'>"
    assert repr(partial(send_partition, pickled)).endswith(", <PickledJob>)")
    assert pickled().client.args == (KEY, SECRET)


TAKES = "got one that takes"
USERS = "want a function of a user and their rows"
CLIENTS = "want a function that makes a client"
WRONG = [
    ({"batch": 3}, f"send(batch=3): {USERS}, got int; write def batch(user, rows): …"),
    (
        {"batch": len},
        f"send(batch=len): {USERS}, {TAKES} (obj, /); write def batch(user, rows): …",
    ),
    (
        {"client": "production"},
        f"send(client='production'): {CLIENTS}, got str; "
        "write partial(Client, environment='production')",
    ),
    (
        {"client": Client("key", "secret", environment="development")},
        "send(client=<Client https://s2s.us1.mparticle.com development>): "
        f"{CLIENTS}, got Client; write partial(Client, environment='production')",
    ),
    (
        {"user": "userid"},
        "send(user='userid'): the frame has no such column; did you mean 'user_id'?",
    ),
    (
        {"user": "qwxyz"},
        "send(user='qwxyz'): the frame has no such column; it has at, id, user_id",
    ),
    ({"user": None}, "send(user=None): the frame has no such column; write send(…, user='at')"),
    ({"user": ["id"]}, "send(user=['id']): the frame has no such column; write send(…, user='at')"),
    ({"order": "ta"}, "send(order='ta'): the frame has no such column; did you mean 'at'?"),
    (
        {"order": ["at", 5]},
        "send(order=5): the frame has no such column; write send(…, order='at')",
    ),
    *(
        (
            {"partitions": wrong},
            f"send(partitions={wrong!r}): want how many partitions, 1 or more; "
            "write send(…, partitions=200)",
        )
        for wrong in (0, -1, 1.5, True, "8")
    ),
    ({"ordr": "at"}, "send() has no option 'ordr'; did you mean 'order'?"),
    (
        {"batch": lambda user, rows: None},
        "send(batch=<lambda>): it must travel to the workers, and cannot be pickled "
        "(Can't pickle <function <lambda>>: attribute lookup <lambda> on test_frame_partitions "
        "failed); write a function that uses nothing that is open",
    ),
]


@pytest.mark.parametrize(("given", "expected"), WRONG)
def test_arguments_are_checked_where_they_are_written(given, expected):
    with pytest.raises(ConfigurationError) as caught:
        job_of(**given)

    text = str(caught.value)
    if "<function" in text:  # has an address
        text = text.replace(text[text.index(" at 0x") : text.index(">: attr")], "")
    assert text == expected


def test_a_user_who_names_two_columns_is_told():
    with pytest.raises(ConfigurationError) as caught:
        checked_job(["id", "id"], (orders, Client, "id", None, None), {}, pickle.dumps)

    assert str(caught.value) == (
        "send(frame): two columns have the name 'id'; give each a name of its own"
    )


# Rows


@pytest.mark.parametrize(
    "cell",
    [
        *(None, float("nan"), Decimal("nan"), Decimal("snan"), pandas.NaT, pandas.NA),
        *(numpy.float32("nan"), numpy.datetime64("NaT", "s")),
    ],
    ids=repr,
)
def test_a_missing_cell_is_none(cell):
    assert FrameRow({"x": cell}).x is None


@pytest.mark.parametrize(
    ("cell", "expected"),
    [(numpy.int64(7), 7), (numpy.float64(1.5), 1.5), (numpy.bool_(False), False), ("", ""), (0, 0)],
)
def test_a_cell_is_pythons_own(cell, expected):
    found = FrameRow({"x": cell}).x

    assert (type(found), found) == (type(expected), expected)


def test_a_cell_that_is_a_list_or_an_array_stays_as_it_is():
    array = numpy.array([1, 2])
    row = FrameRow({"list": [float("nan")], "array": array})

    assert len(row.list) == 1
    assert row.array is array


def test_a_column_may_have_any_name():
    row = FrameRow({"order id": 1, "keys": 2, "__class__": 3, "_cells": 4, 5: 6})

    assert (row["order id"], row.keys, row["__class__"], row["_cells"], row[5]) == (1, 2, 3, 4, 6)
    assert dir(row) == ["__class__", "_cells", "keys", "order id"]


def test_a_row_has_all_its_cells():
    cells = {"id": 7, "user_id": "ann"}
    row = FrameRow(cells)

    assert dict(row) == cells
    assert repr(row) == "<FrameRow id=7, user_id='ann'>"
    assert row == FrameRow(cells) != FrameRow({"id": 8})
    assert not isinstance(row, Mapping)  # whose methods would hide columns


def test_a_long_row_is_shown_in_a_line():
    assert len(repr(FrameRow({f"column_{n}": "x" * 100 for n in range(50)}))) == 111


def test_a_row_travels():
    row = FrameRow({"id": 7})

    assert pickle.loads(pickle.dumps(row)) == copy.deepcopy(row) == row


def test_a_row_is_read_only():
    with pytest.raises(AttributeError):
        FrameRow({"id": 7}).id = 8
    with pytest.raises(TypeError):
        hash(FrameRow({"id": 7}))


def test_a_column_that_does_not_exist_is_told():
    row = FrameRow({"id": 7, "user_id": "ann"})
    with pytest.raises(
        UnknownVerb, match=r"^a row has no column 'user'; did you mean 'user_id'\?$"
    ):
        row.user
    with pytest.raises(UnknownVerb, match=r"^a row has no column 'qwxyz'; it has id, user_id$"):
        row.qwxyz
    with pytest.raises(UnknownField) as caught:
        row["user"]

    assert str(caught.value) == "a row has no column 'user'; did you mean 'user_id'?"
    assert (caught.value.name, caught.value.suggestion) == ("user", "user_id")
    assert not hasattr(row, "user")


# A partition


def sent(rows, **arguments):
    """Return what becomes of a partition, and the batches that arrive."""
    transport = RecordingTransport()
    arguments.setdefault("client", partial(CLIENT, transport=transport))
    job = Job(**{"batch": orders, "order": (), "user": "user_id", **arguments})
    outcome = send_partition(lambda: job, 3, rows)
    return outcome, transport.batches


def test_the_rows_of_a_user_are_one_batch():
    outcome, batches = sent(rows_of((1, "ann"), (2, "ann"), (3, "bob")))

    assert outcome == Outcome(Report(submitted=2, delivered=2), rows=3)
    assert [len(batch.events) for batch in batches] == [2, 1]


def test_rows_have_one_order_whatever_order_they_came_in():
    rows = rows_of((1, "ann"), (2, "ann"), (3, "ann"))
    ids = {
        sent(rows if forward else rows[::-1], order=order)[1][0].source_request_id
        for forward in (True, False)
        for order in ((), ("at",), ("user_id", "at"))
    }

    assert len(ids) == 1


def test_rows_are_sorted_by_the_columns_that_are_asked_for_missing_cells_first():
    rows = [{"id": n, "user_id": "ann", "at": at} for n, at in enumerate([5, None, 3, 3, 9])]
    _, (batch,) = sent(rows, order=("at", "id"))

    assert [event.attributes["id"] for event in batch.events] == ["1", "2", "3", "0", "4"]


def test_cells_that_cannot_be_sorted_are_told():
    rows = [{"id": 1, "user_id": "ann", "at": 5}, {"id": 2, "user_id": "ann", "at": "noon"}]
    outcome, _ = sent(rows, order=("at",))

    assert str(outcome.error) == (
        "partition 3: send(order=['at']): user_id='ann': cells cannot be sorted ('<' not supported "
        "between instances of 'str' and 'int'); give the column one type"
    )


def test_rows_without_a_user_are_counted():
    outcome, batches = sent(rows_of((1, None), (2, float("nan")), (3, "bob")))

    assert (outcome.rows, outcome.nobody, outcome.report.delivered) == (3, 2, 1)
    assert outcome.first_nobody == "partition 3, <FrameRow id=1, user_id=None, at=0>"
    assert len(batches) == 1


def test_rows_that_cannot_be_a_batch_are_counted_and_the_others_are_sent():
    outcome, batches = sent(rows_of((None, "ann"), (2, "ann"), (3, "bob"), (4, " ")))

    assert (outcome.rows, outcome.refused, outcome.report.delivered) == (4, 3, 1)
    assert outcome.first_refused.startswith(
        "partition 3, user_id='ann': stable_id('orders', None): it is missing"
    )
    assert len(batches) == 1


def test_a_row_that_cannot_be_read_is_counted():
    outcome, _ = sent(["at: it cannot be read (year 0)", *rows_of((1, "ann"))])

    assert (outcome.rows, outcome.refused, outcome.report.delivered) == (2, 1, 1)
    assert outcome.first_refused == "partition 3, at: it cannot be read (year 0)"


def test_rows_that_the_function_leaves_out_are_no_failure():
    outcome, _ = sent(rows_of((1, "ann")), batch=lambda user, rows: None)

    assert outcome == Outcome(rows=1)


def test_no_rows_need_no_client():
    assert sent([], client=lambda: 1 / 0) == (Outcome(), [])


def test_a_worker_that_lacks_the_code_says_so():
    missing = PickledJob(b"cno_such_module\nbatch\n.")
    outcome = send_partition(missing, 3, rows_of((1, "ann")))

    assert str(outcome.error) == (
        "partition 3: the worker cannot load batch or client (ModuleNotFoundError: No module named "
        "'no_such_module'); install there what is installed here"
    )


def mistaken(error):
    def batch(user, rows):
        raise error

    return batch


@pytest.mark.parametrize(
    ("arguments", "kind", "expected"),
    [
        (
            {"batch": without_an_id},
            InvalidBatch,
            "an engine may run a task twice, and mParticle would count this batch twice; "
            "write with_source_request_id(stable_id(…))",
        ),
        (
            {"batch": lambda user, rows: [user]},
            ConfigurationError,
            "user_id='ann': batch(user, rows) returned ['ann']: want a Batch, or None to leave the "
            "rows out, got list; write return Batch.for_user(…)",
        ),
        (
            {"batch": lambda user, rows: rows[0].sku},
            UnknownVerb,
            "user_id='ann': a row has no column 'sku'; it has id, user_id, at",
        ),
        (
            {"batch": lambda user, rows: Batch.for_user(customerid=user)},
            UnknownField,
            "user_id='ann': for_user() has no field 'customerid'; did you mean 'customer_id'?",
        ),
        (
            {"client": partial(Client, environment="production")},
            ConfigurationError,
            "the worker could not make the client: Client(api_key=…): is missing; "
            "write Client(api_key='…') or set MPARTICLE_API_KEY; a worker has its own environment",
        ),
        (
            {"client": lambda: Path("/no/such/key").read_text()},
            ConfigurationError,
            "the worker could not make the client: FileNotFoundError: "
            "[Errno 2] No such file or directory: '/no/such/key'",
        ),
        (
            {"client": dict},
            ConfigurationError,
            "the function that makes a client returned {}; "
            "write partial(Client, environment='production')",
        ),
    ],
)
def test_a_mistake_ends_the_partition_with_an_error_that_travels(arguments, kind, expected):
    outcome, _ = sent(rows_of((1, "ann")), **arguments)
    travelled = pickle.loads(pickle.dumps(outcome))

    assert str(outcome.error) == f"partition 3: {expected}"
    assert (type(travelled.error), str(travelled.error)) == (kind, str(outcome.error))
    assert not outcome.is_temporary


def test_a_bug_is_told_with_its_line():
    outcome, _ = sent(rows_of((1, "user-7")), batch=poisoned)

    assert str(outcome.error).startswith(
        "partition 3: user_id='user-7': batch(user, rows) raised ZeroDivisionError: no such price "
        "(frame_jobs.py:"
    )
    assert type(outcome.error) is ConfigurationError


def test_a_failure_that_is_temporary_is_for_the_engine():
    client = partial(CLIENT, transport=RecordingTransport(503), retry=Retry(max_attempts=1))
    outcome, _ = sent(rows_of(*((n, f"user-{n}") for n in range(30))), client=client)
    travelled = pickle.loads(pickle.dumps(outcome))

    assert outcome.is_temporary
    assert travelled.is_temporary
    assert travelled.report.failed_by_reason == {"retries_exhausted": 30}
    assert len(travelled.report.failures) == 10


def test_the_error_of_a_partition_has_no_more_failures_than_its_report():
    client = partial(CLIENT, transport=RecordingTransport(503), retry=Retry(max_attempts=1))
    outcome, _ = sent(rows_of(*((n, f"user-{n}") for n in range(30))), client=client)
    error = pickle.loads(pickle.dumps(outcome)).error

    assert error.report.failed == 30
    assert len(error.report.failures) == 10


def test_an_interrupt_comes_through():
    with pytest.raises(KeyboardInterrupt):
        sent(rows_of((1, "ann")), batch=mistaken(KeyboardInterrupt()))


# The report


def test_reports_add_up():
    outcomes = {n: Outcome(Report(submitted=n, delivered=n), rows=n) for n in range(4)}

    assert whole_report(outcomes) == Report(submitted=6, delivered=6)
    assert whole_report({}) == Report()


def test_final_failures_are_in_the_report_and_raise_nothing():
    client = partial(CLIENT, transport=RecordingTransport(400))
    outcome, _ = sent(rows_of((1, "ann")), client=client)

    report = whole_report({0: outcome})
    assert dict(report.failed_by_reason) == {"rejected": 1}
    with pytest.raises(DeliveryError):
        report.raise_for_failures()


def test_rows_that_were_left_out_raise_when_all_others_were_sent():
    outcomes = {
        1: Outcome(Report(2, 2), 1000, nobody=3, first_nobody="partition 1, <FrameRow id=9>"),
        0: Outcome(Report(1, 1), 5, refused=2, first_refused="partition 0, id=7: no"),
    }
    with pytest.raises(InvalidBatch) as caught:
        whole_report(outcomes)

    assert str(caught.value) == (
        "of 1,005 rows, 3 have no user (the first: partition 1, <FrameRow id=9>) and "
        "2 cannot be part of a batch (the first: partition 0, id=7: no), and were not sent; "
        "mend them, or leave them out of the frame"
    )
    assert caught.value.report == Report(3, 3)


def test_the_first_error_is_raised_with_the_report_of_all():
    outcomes = {
        2: Outcome(Report(5, 5), 5),
        1: Outcome(Report(2, 1), 2, error=ConfigurationError("partition 1: a typo")),
        3: Outcome(Report(1, 0, 1), 1, error=DeliveryError("partition 3: down")),
        4: Outcome(rows=9, nobody=9, first_nobody="partition 4, <FrameRow id=1>"),
    }
    with pytest.raises(ConfigurationError) as caught:
        whole_report(outcomes)

    assert str(caught.value) == (
        "2 of 4 partitions failed: partition 1: a typo; if you run it again, nothing counts twice; "
        "of 17 rows, 9 have no user (the first: partition 4, <FrameRow id=1>), and were not sent"
    )
    assert caught.value.report == Report(8, 6, 1)


# Without the extras


@pytest.mark.parametrize(
    ("engine", "missing", "needs"),
    [
        ("spark", "pyarrow", "pyspark and pyarrow"),  # which it imports first
        ("dask", "dask", "dask[dataframe] and distributed"),
    ],
)
def test_the_extra_is_named_where_a_package_is_missing(engine, missing, needs):
    assert error_without(missing, f"import mpfluent.integrations.{engine}") == (
        f"ImportError | mpfluent.integrations.{engine} needs {needs}; "
        f"write pip install 'mpfluent[{engine}]' | {missing}\n"
    )
