"""What a frame promises on each engine: the test modules of Spark and of Dask run these tests.

A module has two fixtures. ``cluster`` is an ``Engine`` with worker processes; ``engine`` is each
place where the engine runs. A fixture ``server`` is a local server.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
from frame_jobs import (
    Dying,
    Once,
    figures,
    ids_of,
    orders,
    page_for,
    poisoned,
    run_example,
    write_orders,
)

from mpfluent import (
    ApiError,
    Client,
    ConfigurationError,
    DeliveryError,
    InvalidBatch,
    RateLimit,
    Report,
    Retry,
    UnknownVerb,
)
from mpfluent.testing import LocalServer, status

KINDS = {"id": "bigint", "user_id": "string"}


class Engine(NamedTuple):
    """How to use an engine.

    Attributes:
        name: as it stands in errors.
        send: of the integration.
        frame: makes a frame of lists by column, of their kinds, and of the number of partitions.
        tries: how often it runs a partition that fails.
    """

    name: str
    send: Callable[..., Report]
    frame: Callable[[dict[str, list[Any]], dict[str, str], int], Any]
    tries: int

    def orders(self, rows, users, partitions=4):
        columns = {"id": [*range(rows)], "user_id": [f"user-{n % users}" for n in range(rows)]}
        return self.frame(columns, KINDS, partitions)


def client_of(server, **options):
    options = {"environment": "production", "host": server.url, **options}
    return partial(Client, "key", "secret", **options)


class FrameLaws:
    """The tests that are the same for each engine."""

    # Each event once

    def test_workers_that_are_killed_half_way_cost_no_event_and_none_counts_twice(
        self, cluster, tmp_path
    ):
        dead = tmp_path / "dead"
        dead.mkdir()
        rows, users = 6000, 2000
        with LocalServer(rate_limit=270) as server:
            pace = RateLimit(250, shared=tmp_path / "rate.limit")
            report = cluster.send(
                cluster.orders(rows, users),
                Dying(dead, times=3),
                client_of(server, rate_limit=pace),
                user="user_id",
                order="id",
                partitions=8,
            )

        assert len(list(dead.iterdir())) == 3
        assert report == Report(submitted=users, delivered=users)
        assert figures(f"{cluster.name}, 3 kills", server, rows) == (0, 0)
        assert ids_of(server) == [*range(rows)]
        assert len(server.duplicates) >= 100  # what had arrived of a partition, and came again

    def test_a_second_run_sends_the_same_bytes_however_the_rows_come(self, engine, server):
        numbers = [*range(600)]
        for ids, parts, by in ((numbers, 2, "day"), (numbers[::-1], 5, ["day"])):
            columns = {
                "id": ids,
                "user_id": [f"user-{number % 100}" for number in ids],
                "day": [number // 250 for number in ids],
            }
            frame = engine.frame(columns, {**KINDS, "day": "bigint"}, 3)
            send = partial(engine.send, frame, orders, client_of(server))
            send(user="user_id", order=by, partitions=parts)

        assert len(server.unique_ids) == len(server.duplicates) == 100
        assert ids_of(server) == numbers

    @pytest.mark.parametrize("kind", ["bigint", "double"])
    def test_the_rows_of_a_user_come_in_the_order_that_was_asked_for(self, engine, server, kind):
        numbers = range(50)
        columns = {
            "id": [*numbers],
            "user_id": ["user-0"] * 50,
            "place": [
                None if n == 9 else {"bigint": int, "double": float}[kind](100 - n) for n in numbers
            ],
        }
        frame = engine.frame(columns, {**KINDS, "place": kind}, 3)
        engine.send(frame, orders, client_of(server), user="user_id", order="place")

        (batch,) = server.batches
        assert [int(event.attributes["id"]) for event in batch.events] == [
            *(9, *reversed(range(10, 50)), *reversed(range(9)))
        ]

    # Rows

    def test_rows_without_a_user_or_without_a_key_are_told_when_all_others_were_sent(
        self, engine, server
    ):
        columns = {
            "id": [None if n == 30 else n for n in range(100)],
            "user_id": [None if n < 5 else f"user-{n // 10}" for n in range(100)],
        }
        frame = engine.frame(columns, KINDS, 1)
        with pytest.raises(InvalidBatch) as caught:
            engine.send(frame, orders, client_of(server), user="user_id", partitions=1)

        assert str(caught.value) == (
            "of 100 rows, 5 have no user (the first: partition 0, <FrameRow id=0, user_id=None>) "
            "and 10 cannot be part of a batch (the first: partition 0, user_id='user-3': "
            "stable_id('orders', None): it is missing, and all batches without a key would have "
            "one id; leave the row out, or give it a key), and were not sent; "
            "mend them, or leave them out of the frame"
        )
        assert caught.value.report == Report(submitted=9, delivered=9)
        assert ids_of(server) == [*range(5, 30), *range(40, 100)]

    def test_an_empty_frame_needs_no_client(self, engine):
        frame = engine.orders(9, 3)

        assert engine.send(frame[frame["id"] < 0], orders, Client, user="user_id") == Report()

    # What users read

    def test_the_page_works_as_it_is_printed(self, cluster, server, tmp_path):
        write_orders(tmp_path / "orders")
        namespace = {}
        exec(page_for(cluster.name.lower(), server.url, tmp_path / "orders"), namespace)

        assert namespace["report"] == Report(submitted=2, delivered=2)
        assert [len(batch.events) for batch in server.batches] in ([1, 2], [2, 1])

    def test_the_example_works_as_it_is(self, cluster, tmp_path):
        printed = run_example(f"backfill_{cluster.name.lower()}", tmp_path)

        assert printed.splitlines()[-1].endswith("Report(submitted=500, delivered=500, failed=0)")

    # Partitions that fail

    def test_a_partition_that_fails_once_is_run_again(self, cluster, server, tmp_path):
        settings = {"api_key": "key", "api_secret": "secret", "environment": "production"}
        right = {**settings, "host": server.url}
        wrong = {**settings, "host": "http://127.0.0.1:9", "retry": Retry(max_attempts=1)}
        once = Once(tmp_path / "made", wrong, right)
        report = cluster.send(cluster.orders(300, 100), orders, once, user="user_id")

        assert report == Report(submitted=100, delivered=100)
        assert ids_of(server) == [*range(300)]

    def test_a_partition_that_fails_half_way_pays_again_for_what_had_arrived(self, cluster, server):
        server.script(202, status(503))
        client = client_of(server, retry=Retry(max_attempts=1))
        frame = cluster.orders(300, 300, 1)
        report = cluster.send(frame, orders, client, user="user_id", partitions=1)

        assert report == Report(submitted=300, delivered=300)
        assert (ids_of(server), len(server.duplicates)) == ([*range(300)], 200)

    def test_a_partition_that_always_fails_is_told_and_the_others_are_sent(self, engine, server):
        with pytest.raises(ConfigurationError) as caught:
            engine.send(engine.orders(300, 100), poisoned, client_of(server), user="user_id")

        text = str(caught.value)
        assert text.startswith("1 of 4 partitions failed: partition ")
        assert "user_id='user-7': batch(user, rows) raised ZeroDivisionError: no such price" in text
        assert "(frame_jobs.py:" in text
        assert len(ids_of(server)) == 3 * caught.value.report.delivered >= 200

    def test_what_may_succeed_later_is_told_when_the_engine_has_tried_it(self, engine, server):
        server.script(*[503] * 100)
        client = client_of(server, retry=Retry(max_attempts=1))
        with pytest.raises(DeliveryError) as caught:
            engine.send(engine.orders(60, 20, 1), orders, client, user="user_id", partitions=1)

        assert str(caught.value) == (
            "1 of 1 partition failed: partition 0: 20 of 20 batches may succeed if the partition "
            "is run again: 20 retries_exhausted; the first: mParticle answered 503 Service "
            "Unavailable; if you run it again, nothing counts twice"
        )
        assert caught.value.report.failed_by_reason == {"retries_exhausted": 20}
        assert len(server.requests) == engine.tries

    def test_rows_that_were_left_out_are_told_when_their_partition_fails(self, engine, server):
        server.script(*[503] * 100)
        columns = {
            "id": [None if n == 5 else n for n in range(32)],
            "user_id": [None if n == 3 else f"user-{n}" for n in range(32)],
        }
        frame = engine.frame(columns, KINDS, 1)
        client = client_of(server, retry=Retry(max_attempts=1))
        with pytest.raises(DeliveryError) as caught:
            engine.send(frame, orders, client, user="user_id", partitions=1)

        assert str(caught.value) == (
            "1 of 1 partition failed: partition 0: 30 of 30 batches may succeed if the partition "
            "is run again: 30 retries_exhausted; the first: mParticle answered 503 Service "
            "Unavailable; if you run it again, nothing counts twice; "
            "of 32 rows, 1 have no user (the first: partition 0, <FrameRow id=3, user_id=None>) "
            "and 1 cannot be part of a batch (the first: partition 0, user_id='user-5': "
            "stable_id('orders', None): it is missing, and all batches without a key would have "
            "one id; leave the row out, or give it a key), and were not sent"
        )
        assert caught.value.report.failed == 30
        assert len(caught.value.report.failures) == 10
        assert "_outcome" not in vars(caught.value)

    def test_refused_keys_are_the_error_that_they_always_are(self, engine, server):
        client = partial(Client, "key", "wrong", environment="production", host=server.url)
        with pytest.raises(ApiError) as caught:
            engine.send(engine.orders(60, 20), orders, client, user="user_id", partitions=1)

        assert (caught.value.status_code, caught.value.reason) == (403, "unauthorized")

    def test_a_client_that_a_worker_cannot_make_is_told(self, engine):
        client = partial(Client, environment="production")
        with pytest.raises(ConfigurationError) as caught:
            engine.send(engine.orders(60, 20), orders, client, user="user_id", partitions=1)

        assert str(caught.value) == (
            "1 of 1 partition failed: partition 0: the worker could not make the client: "
            "Client(api_key=…): is missing; write Client(api_key='…') or set MPARTICLE_API_KEY; "
            "a worker has its own environment"
        )

    def test_a_module_that_the_workers_lack_is_told(self, cluster, server, tmp_path, monkeypatch):
        (tmp_path / "only_here.py").write_text(
            "from frame_jobs import orders\ndef batch(user, rows):\n    return orders(user, rows)\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        from only_here import batch

        frame, client = cluster.orders(9, 3), client_of(server)
        with pytest.raises(ConfigurationError) as caught:
            cluster.send(frame, batch, client, user="user_id", partitions=1)

        assert str(caught.value) == (
            "1 of 1 partition failed: partition 0: the worker cannot load batch or client "
            "(ModuleNotFoundError: No module named 'only_here'); "
            "install there what is installed here"
        )

    # Arguments

    def test_a_column_that_is_not_there_is_told(self, engine, server):
        with pytest.raises(ConfigurationError) as caught:
            engine.send(engine.orders(10, 10), orders, client_of(server), user="userid")

        assert str(caught.value) == (
            "send(user='userid'): the frame has no such column; did you mean 'user_id'?"
        )

    def test_a_function_that_cannot_travel_is_told(self, engine, server):
        frame, client = engine.orders(10, 10), client_of(server)
        with pytest.raises(ConfigurationError) as caught:
            engine.send(frame, lambda user, rows: server, client, user="user_id")

        assert str(caught.value) == (
            "send(batch=<lambda>): it must travel to the workers, and cannot be pickled (cannot "
            "pickle '_thread.lock' object); write a function that uses nothing that is open"
        )

    def test_a_lambda_will_do(self, engine, server):
        job = {"job": "orders"}

        def batch(user, rows):
            return orders(user, rows).with_user_attributes(job)

        frame, client = engine.orders(9, 3), client_of(server)
        engine.send(frame, lambda user, rows: batch(user, rows), client, user="user_id")

        assert {batch.user_attributes["job"] for batch in server.batches} == {"orders"}

    def test_a_column_that_the_function_misspells_is_told(self, engine, server):
        frame, client = engine.orders(9, 3), client_of(server)
        with pytest.raises(UnknownVerb, match="a row has no column 'idd'; did you mean 'id'"):
            engine.send(frame, lambda user, rows: rows[0].idd, client, user="user_id")
