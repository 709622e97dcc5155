"""An outage with an outbox: all is kept, sent once, and sent again as it was."""

import base64
import json
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import pytest
from disk_faults import (
    ONCE,
    SOON,
    arrived,
    contents,
    counted,
    due,
    ids,
    leave,
    named,
    on_clock,
    rows,
    searches,
)
from fault_server import FakeTime
from internals import recovery
from queues import PROMPT, held, numbers
from scenarios import KEY, PERSON, SECRET, WORDS, batch, batches, eventually, scenario
from sizes import sized

from mpfluent import (
    Client,
    Kept,
    Outbox,
    RecordingTransport,
    Retry,
    ThreadedDispatcher,
)
from mpfluent.testing import LocalServer, hang

ROOT = Path(__file__).parents[2]
QUICK = Retry(base=0.01, max_elapsed=0.05)  # gives up soon


@pytest.fixture
def server():
    """A server that outlives the clients of a test."""
    with LocalServer(api_key=KEY, api_secret=SECRET) as server:
        yield server


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder / "outbox.db"


@pytest.fixture(autouse=True)
def few_guesses(monkeypatch):
    """Let a damaged file be searched for what these tests put there, and no further."""
    monkeypatch.setattr(recovery, "_MOST_GUESSES", 1_000, raising=False)


# An outage, with an outbox


def test_an_outage_keeps_what_is_delivered_afterwards(path):
    with scenario(*[503] * 40, outbox=Outbox(path), retry=QUICK) as one:
        one.client.send(*named(3))
        assert one.client.flush(1) is False
        delivery = one.client.send(*named(1, start=3))
        assert delivery.wait(SOON)

        assert delivery.state == "kept"
        with pytest.raises(Kept) as raised:
            delivery.result()
        assert (raised.value.reason, raised.value.status_code) == ("retries_exhausted", 503)
        assert str(raised.value).startswith(
            "kept in the outbox, to be tried again: mParticle answered 503"
        )
        assert one.client.stats[:4] == (4, 0, 0, 4)
        assert (one.delivered, one.failed) == ([], [])
        assert one.client.flush(1) is False
        assert rows(path) == [f"id-{number:04}" for number in range(4)]

        one.server._script.clear()
        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert sorted(ids(one.delivered)) == [f"id-{number:04}" for number in range(4)]
        assert sorted(one.server.unique_ids) == [f"id-{number:04}" for number in range(4)]
        assert one.client.stats[:4] == (4, 4, 0, 0)
        assert one.failed == []
        assert delivery.state == "kept"  # it was settled once
        assert rows(path) == []


def test_refused_credentials_keep_what_is_delivered_when_they_are_right(path):
    time = FakeTime()
    outbox = Outbox(path, wall=time.wall)
    with scenario(401, 401, outbox=outbox, flush_interval=0, **on_clock(time)) as one:
        for each in named(5):
            one.deliveries.append(one.client.send(each))
            due(one)
        assert len(one.server.requests) == 1  # the circuit is open
        assert one.states == ["kept"] * 5
        with pytest.raises(Kept) as raised:
            one.deliveries[4].result()
        assert (raised.value.reason, raised.value.status_code) == ("unauthorized", 401)
        assert one.client.stats[:4] == (5, 0, 0, 5)
        assert one.log.getvalue().count("answered %d to the credentials") <= 1

        time.now += 60
        due(one)
        assert len(one.server.requests) == 2  # one probe
        assert one.client.stats.pending == 5
        time.now += 60
        due(one)
        assert one.client.stats[:4] == (5, 5, 0, 0)
        assert ids(one.delivered) == [f"id-{number:04}" for number in range(5)]
        assert one.failed == []


def test_close_keeps_and_the_next_client_delivers_under_the_same_ids(path, server):
    server.script(*[503] * 4)
    patient = Retry(base=60, random=lambda: 1)
    with scenario(server=server, outbox=Outbox(path), retry=patient) as first:
        delivery = first.client.send(*named(3))
        assert eventually(lambda: len(server.requests) == 1)
        assert first.client.close(0.1) == (0, 0, 3, 0)
        assert delivery.state == "kept"
        with pytest.raises(Kept) as raised:
            delivery.result()
        assert raised.value.reason == "closed"
        assert (first.delivered, first.failed) == ([], [])

    server._script.clear()
    with scenario(server=server, outbox=Outbox(path)) as second:
        assert second.client.stats.submitted == 0
        assert second.client.flush(5) is True
        assert second.client.stats[:4] == (3, 3, 0, 0)
        assert ids(second.delivered) == ["id-0000", "id-0001", "id-0002"]
        assert [told.user_identities.customer_id for told, _ in second.delivered] == [
            f"{PERSON}-{number}" for number in range(3)
        ]
        first_body, second_body = (request.body for request in server.requests)
        assert first_body == second_body


def test_what_is_kept_is_the_next_clients_at_its_first_send_too(path, server):
    leave(server, path, named(3))
    with scenario(server=server, outbox=Outbox(path)) as one:
        one.send(*named(1, start=3))

        assert eventually(lambda: one.client.stats.delivered == 4)
        assert one.client.stats[:4] == (4, 4, 0, 0)
        assert sorted(server.unique_ids) == [f"id-{number:04}" for number in range(4)]


def test_another_key_gets_nothing_of_it(path, server):
    leave(server, path, named(3))
    sent = RecordingTransport()
    with Client(
        "us1-another",
        SECRET,
        environment="production",
        host=server.url,
        transport=sent,
        dispatcher=ThreadedDispatcher(outbox=Outbox(path)),
    ) as other:
        other.send(*named(1, start=3))
        assert other.flush(5) is True
        assert other.stats[:4] == (1, 1, 0, 0)
        assert [one.source_request_id for one in sent.batches] == ["id-0003"]
    assert rows(path) == ["id-0000", "id-0001", "id-0002"]
    with scenario(server=server, outbox=Outbox(path)) as one:
        assert one.client.flush(5) is True
        assert server.unique_ids == ["id-0000", "id-0001", "id-0002"]


def test_another_host_gets_nothing_of_it_and_a_warning_says_so(path, server):
    leave(server, path, named(3))
    with scenario(outbox=Outbox(path)) as other:
        other.send(*named(1, start=3))
        assert other.client.flush(5) is True
        assert other.server.unique_ids == ["id-0003"]
        assert (
            "the outbox holds 3 batches of this key for another host; "
            "a client of that host sends what is there"
        ) in other.log.getvalue()
    assert rows(path) == ["id-0000", "id-0001", "id-0002"]
    with scenario(server=server, outbox=Outbox(path)) as one:
        assert one.client.flush(5) is True
        assert server.unique_ids == ["id-0000", "id-0001", "id-0002"]
        assert "another host" not in one.log.getvalue()


@pytest.mark.parametrize("policy", ["block", "drop_newest", "drop_oldest", "raise"])
def test_a_queue_that_overflows_into_the_outbox_loses_nothing_and_keeps_the_order(policy, path):
    with held(max_queue=2, when_full=policy, outbox=Outbox(path)) as one:
        for number in range(1, 151):
            one.timed(partial(one.send, batch(number)), PROMPT)
        assert one.states == ["pending"] * 3 + ["kept"] * 148
        with pytest.raises(Kept) as raised:
            one.deliveries[3].result()
        assert raised.value.reason == "queue_full"
        assert one.client.stats[:4] == (151, 0, 0, 151)
        one.gate.open.set()
        one.send(*batches(50, start=151))  # while the others leave

        assert one.timed(lambda: one.client.flush(5), 5) is True
        assert arrived(one.server) == [*range(201)]
        assert numbers(one.delivered) == [*range(201)]
        assert one.failed == []
        assert one.client.stats[:4] == (201, 201, 0, 0)
        assert rows(path) == []


def test_what_is_kept_comes_back_in_requests_that_are_full(path, server):
    size = 3_011  # 85 of them with the commas would be 256 021 bytes
    sent = [sized(size, "x", f"id-{number:03}") for number in range(250)]
    leave(server, path, sent)
    with scenario(server=server, outbox=Outbox(path)) as one:
        assert one.client.flush(5) is True

        assert [len(request.batch_ids) for request in server.requests] == [84, 84, 82]


@pytest.mark.parametrize("coalesce", [False, True])
def test_a_group_that_was_attempted_is_sent_again_as_it_was_by_the_next_client(
    coalesce, path, server
):
    server.script(*[503] * 4)
    patient = Retry(base=60, random=lambda: 1)
    options = {"outbox": Outbox(path), "retry": patient, "coalesce": True, "new_id": counted()}
    with scenario(server=server, **options) as first:
        first.client.send(*searches())
        assert eventually(lambda: len(server.requests) == 1)
        first.client.close(0.1)

    server._script.clear()
    with scenario(server=server, outbox=Outbox(path), coalesce=coalesce) as second:
        second.client.send(batch().with_source_request_id("id-new"))  # which must not join
        assert second.client.flush(5) is True
        assert second.client.stats[:4] == (4, 4, 0, 0)
        assert server.unique_ids in (["id-0", "id-new"], ["id-new", "id-0"])
        assert sorted(ids(second.delivered)) == ["id-0", "id-1", "id-2", "id-new"]
        (old,) = {entry_of(request.body, "id-0") for request in server.attempts("id-0")}
        assert [event["data"]["event_name"] for event in json.loads(old)["events"]] == [
            "Searched",
            "Found",
            "Bought",
        ]


def entry_of(body, name):
    data = json.loads(body)
    (entry,) = [
        each
        for each in (data if isinstance(data, list) else [data])
        if each["source_request_id"] == name
    ]
    return json.dumps(entry)


KILLED = """
    import sys
    sys.path.insert(0, sys.argv[3])
    from scenarios import KEY, SECRET
    from disk_faults import counted, searches
    from mpfluent import Client, Outbox, ThreadedDispatcher
    path, url = sys.argv[1:3]
    dispatcher = ThreadedDispatcher(coalesce=True, outbox=Outbox(path), flush_interval=60)
    options = {"environment": "production", "host": url, "new_id": counted()}
    client = Client(KEY, SECRET, dispatcher=dispatcher, **options)
    client.send(*searches())
    client.flush(60)
"""


def test_a_group_that_a_killed_process_attempted_is_sent_again_as_it_was(path, server):
    server.script(hang(60))
    code = textwrap.dedent(KILLED)
    killed = subprocess.Popen([sys.executable, "-c", code, path, server.url, ROOT / "tests"])
    try:
        assert eventually(lambda: len(server.requests) == 1, 120)
    finally:
        killed.kill()
        killed.wait()
    with scenario(server=server, outbox=Outbox(path)) as one:
        assert one.client.flush(60) is True

        first, second = server.requests
        assert first.body == second.body
        assert second.batch_ids == ("id-0",)
        assert one.client.stats[:4] == (3, 3, 0, 0)
        assert ids(one.delivered) == ["id-0", "id-1", "id-2"]


def test_a_group_that_is_refused_later_is_taken_apart_and_nothing_of_it_stays(path):
    transport = RecordingTransport(503, 400)
    dispatcher = ThreadedDispatcher(outbox=Outbox(path), coalesce=True)
    with Client(
        *("key", "secret"),
        environment="production",
        transport=transport,
        dispatcher=dispatcher,
        retry=ONCE,
        new_id=counted(),
    ) as client:
        client.send(*searches())
        assert client.flush(5) is False

        assert client.flush(5) is True
        assert client.stats[:4] == (3, 3, 0, 0)
        assert [request.batch_ids for request in transport.requests] == [
            *[("id-0",)] * 2,
            ("id-0", "id-1", "id-2"),
        ]
        assert rows(path) == []


def test_no_key_and_no_secret_is_in_any_file_of_an_outbox(path):
    token = base64.b64encode(f"{KEY}:{SECRET}".encode())
    hidden = [KEY.encode(), SECRET.encode(), token, token[4:-4], b"Authorization", b"Basic "]
    hidden += [base64.b64encode(word.encode())[:-4] for word in (KEY, SECRET)]
    with scenario(*[401] * 3, outbox=Outbox(path), retry=ONCE) as one:
        one.send(*batches(5))
        assert eventually(lambda: one.states == ["kept"] * 5)
        seen = contents(path.parent)
        one.client.close()
    for files in (seen, contents(path.parent)):
        everything = b"".join(files.values())
        assert WORDS.encode() in everything
        assert one.server.url.encode() in everything
        assert [word for word in hidden if word in everything] == []
    assert sorted(seen) == ["outbox.db", "outbox.db-owners", "outbox.db-shm", "outbox.db-wal"]
