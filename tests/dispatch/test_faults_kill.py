"""Children, signals, kills, and no threads: scenarios 32 to 46 of delivery under faults."""

import importlib.util
import json
import os
import random
import signal
from collections import Counter

import pytest
from processes import (
    GREEN,
    PROMPT,
    TO_THE_END,
    done,
    run,
    serving,
    start,
    stored,
)

from mpfluent.testing import hang, ok

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


# 32: children of multiprocessing


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_of_multiprocessing_delivers_what_waits_when_it_returns(method, tmp_path):  # 32
    code = f"""
client = client_of(flush_interval=60)

def work():
    send(client, 5, start=100)
    say("child", client)

if __name__ == "__main__":
    import multiprocessing
    send(client, 3)
    assert client.flush(10)
    child = multiprocessing.get_context({method!r}).Process(target=work)
    child.start()
    child.join()
    say("parent", client, status=child.exitcode)
"""
    with serving() as server:
        ended = run(code, server.url, tmp_path=tmp_path)

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.counts("child") == (5, 0, 0, 5)
    assert ended.counts("parent") == (3, 3, 0, 0)
    assert ended.said["parent"]["status"] == 0
    assert (len(server.unique_ids), server.duplicates) == (8, [])


# 33: SIGTERM

FOREVER = """
say("ready", client)
while True:
    time.sleep(60)
"""


def test_what_a_terminated_process_kept_is_delivered_by_the_next(path):  # 33
    with serving() as server:
        process = start(
            f"client = client_of({str(path)!r}, flush_interval=60)\nsend(client, 3){FOREVER}",
            server.url,
        )
        assert json.loads(process.stdout.readline())["counts"] == [3, 0, 0, 3]
        process.terminate()
        ended = done(process)

        assert (ended.code, ended.stderr) == (-signal.SIGTERM, "")
        assert (stored(path), server.unique_ids) == (3, [])

        following = run(
            f"client = client_of({str(path)!r})\nsay('flush', client, all=client.flush(10))\n"
            "say('end', client)",
            server.url,
        )

    assert (following.code, following.stderr) == (0, "")
    assert following.said["flush"]["all"] is True
    assert following.counts("end") == (3, 3, 0, 0)
    assert (len(server.unique_ids), server.duplicates) == (3, [])
    assert stored(path) == 0


def test_who_exits_on_a_signal_delivers_what_waits_within_the_budget():  # 33
    code = f"""{TO_THE_END}
def leave(*_):
    atexit.register(at_first)
    sys.exit(7)

client = client_of(flush_interval=60)
signal.signal(signal.SIGTERM, leave)
send(client, 3)
{FOREVER}
"""
    with serving(delay=0.05) as server:
        process = start(code, server.url)
        assert json.loads(process.stdout.readline())["counts"] == [3, 0, 0, 3]
        process.terminate()
        ended = done(process)

    assert (ended.code, ended.stderr) == (7, "")
    assert ended.counts("end") == (3, 3, 0, 0)
    assert ended.said["end"]["ours"] < 2.5
    assert len(server.unique_ids) == 3


# 34: kill -9

KILLED = """
import random
path, seed, rounds = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
random.seed(seed)
import requests, mpfluent.transport.deadline  # once, instead of in every child

def life(number, told):
    client = client_of(path)
    user = batch(number)._having(())
    for place in range(100_000):
        name = f"{number}-{place}"
        client.send(user.event("Searched", {"query": WORDS}, source_message_id=name))
        os.write(1, (json.dumps({"who": name}) + "\\n").encode())
        os.write(told, b".")
        time.sleep(0.002 * random.random())

# a life lasts so many sends, and a little: how many they are in all does not depend on the machine
for number, sends in enumerate(random.sample(range(rounds), rounds)):
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            life(number, told)
        finally:
            os._exit(1)
    os.close(told)
    for _ in range(sends):
        assert os.read(heard, 1)
    time.sleep(0.03 * random.random())
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    os.close(heard)

client = client_of(path, retry=Retry(base=0.1, max_elapsed=60))
flushed = client.flush(60)
say("end", client, flushed=flushed)
"""


@pytest.mark.parametrize("coalesce", [False, True], ids=["as they are", "coalesced"])
def test_every_batch_whose_send_returned_survives_a_kill(coalesce, path, slow):  # 34
    seed, rounds = random.randrange(2**32), 25 if slow else 10
    code = KILLED.replace("client_of(path", f"client_of(path, coalesce={coalesce}")
    with serving(delay=0.003) as server:
        ended = run(code, server.url, path, seed, rounds)
        arrived = Counter(event.source_message_id for one in server.batches for event in one.events)

    assert (ended.code, ended.stderr) == (0, ""), f"seed {seed}"
    assert ended.said["end"]["flushed"] is True
    submitted, delivered, failed, pending = ended.counts("end")
    assert (submitted, failed, pending) == (delivered, 0, 0)
    confirmed = set(ended.said) - {"end"}
    assert len(confirmed) >= sum(range(rounds))
    assert confirmed - set(arrived) == set(), f"seed {seed}"
    assert set(arrived.values()) == {1}, f"seed {seed}"  # duplicates had the same id
    assert stored(path) == 0


# 35: an outbox that another process uses, too


def test_processes_on_one_outbox_send_what_is_theirs(path):  # 35
    with serving() as server:
        other = start(
            f"client = client_of({str(path)!r}, flush_interval=60)\nsend(client, 5)\n"
            "say('ready', client)\nsys.stdin.readline()\n"
            "say('flush', client, all=client.flush(10))\nsay('end', client)",
            server.url,
        )
        assert json.loads(other.stdout.readline())["counts"] == [5, 0, 0, 5]
        alone = run(
            f"client = client_of({str(path)!r})\nsend(client, 4, start=100)\n"
            "say('flush', client, all=client.flush(10))\nsay('end', client)",
            server.url,
        )

        assert (alone.code, alone.stderr) == (0, "")
        assert (alone.said["flush"]["all"], alone.counts("end")) == (True, (4, 4, 0, 0))
        assert (len(server.unique_ids), stored(path)) == (4, 5)

        ended = done(other, "\n")

    assert (ended.code, ended.stderr) == (0, "")
    assert (ended.said["flush"]["all"], ended.counts("end")) == (True, (5, 5, 0, 0))
    assert (len(server.unique_ids), server.duplicates) == (9, [])
    assert stored(path) == 0


# 39: no more threads

NO_THREADS = """
import resource
def no_more_threads():
    import requests, mpfluent.transport.deadline
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    most = pages * resource.getpagesize() + 2**26
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    threading.stack_size(2**27)
    try:
        threading.Thread(target=int).start()
    except RuntimeError:
        return
    raise AssertionError("there are threads")
"""


def test_where_no_thread_can_be_had_the_caller_sends():  # 39
    code = f"""{NO_THREADS}
no_more_threads()
client = client_of()
states = [one.state for one in send(client, 3)]
threading.stack_size(2**16)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
states += [client.send(batch(3)).state]
assert client.flush(10)
say("end", client, states=states)
"""
    with serving() as server:
        ended = run(code, server.url)

    told = "no thread could be started; sending in the caller's thread"
    assert ended.stderr == f"{told}\n{told} (2 times)\n"
    assert ended.code == 0
    assert ended.said["end"]["states"] == ["delivered"] * 3 + ["pending"]
    assert ended.counts("end") == (4, 4, 0, 0)
    assert len(server.unique_ids) == 4


def test_what_is_sent_when_the_process_ends_is_sent_by_the_caller():  # 39
    code = """
@atexit.register  # before the first send, so it runs when our own hook has run
def late():
    states = [one.state for one in send(client, 3, start=10)]
    say("end", client, states=states)

client = client_of(flush_interval=60)
send(client, 2)
"""
    with serving() as server:
        ended = run(code, server.url)

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.said["end"]["states"] == ["delivered"] * 3
    assert ended.counts("end") == (5, 5, 0, 0)
    assert (len(server.unique_ids), server.duplicates) == (5, [])


def test_what_is_sent_when_the_process_ends_waits_no_longer_than_the_budget():  # 39
    code = f"""{TO_THE_END}
@atexit.register
def late():
    at_first()
    client.send(batch(3))

client = client_of(exit_timeout=0.5)
assert client.send(batch(2)).wait(10)
"""
    with serving(ok(), *[hang(20)] * 3) as server:
        ended = run(code, server.url)

    assert ended.stderr == "batch failed: retries_exhausted\n"
    assert ended.code == 0
    assert ended.counts("end") == (2, 1, 1, 0)
    assert ended.said["end"]["ours"] <= PROMPT  # of 20


def test_what_an_object_sends_when_modules_are_gone_is_counted():  # 39
    code = """
class Late:
    def __init__(self, client):
        self.client, self.send, self.say, self.batch = client, Client.send, say, batch(10)
    def __del__(self):
        delivery = self.send(self.client, self.batch)
        self.say("end", self.client, state=delivery.state)

client = client_of(flush_interval=60)
send(client, 2)
late = Late(client)
"""
    with serving() as server:
        ended = run(code, server.url)

    assert ended.code == 0
    assert ended.said["end"]["state"] in ("delivered", "failed")
    assert sum(ended.counts("end")[1:3]) == 3
    assert len(server.unique_ids) == ended.counts("end")[1]
    assert "Traceback" not in ended.stderr


# 41: green threads


@pytest.mark.parametrize("kind", GREEN)
def test_green_threads_go_on_while_batches_are_sent(kind):  # 41
    if importlib.util.find_spec(kind) is None:
        pytest.skip(f"no {kind} here")
    code = """
import socket
client = client_of()
gaps, over = [], False

def tick():
    last = time.monotonic()
    while not over:
        time.sleep(0.005)
        now = time.monotonic()
        gaps.append(now - last)
        last = now

ticker = threading.Thread(target=tick)
ticker.start()
for one in batches(1_000):
    client.send(one)
    time.sleep(0)
said = client.flush(20)
over = True
ticker.join()
report = client.close()
say("end", client, flush=said, longest=max(gaps), ticks=len(gaps), closed=report,
    of=socket.socket.__module__.partition(".")[0])
"""
    with serving(delay=0.02) as server:
        ended = run(code, server.url, first=GREEN[kind])

    assert (ended.code, ended.stderr) == (0, "")
    end = ended.said["end"]
    assert ended.counts("end") == (1000, 1000, 0, 0)
    assert (end["flush"], end["closed"], end["of"]) == (True, [1000, 0, 0], kind)
    assert end["ticks"] > 20
    assert end["longest"] < 1.0
    assert (len(server.unique_ids), server.duplicates) == (1000, [])


# 46: memory


def test_what_waits_takes_less_than_twice_the_memory_that_it_may():  # 46
    code = """
import resource
from mpfluent import Batch, FunctionTransport
LIMIT = 32 * 2**20
TEXT = "x" * 1_000

def large(number):
    event = Batch.for_user(customer_id=f"{number}")
    return event.event("Searched", {f"key {n}": TEXT for n in range(20)})

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

go = threading.Event()
def blocked(request):
    go.wait(60)
    return 202

failed = []
client = Client(
    KEY, SECRET, environment="production", transport=FunctionTransport(blocked),
    on_failed=lambda batch, error: failed.append(error.reason),
    dispatcher=ThreadedDispatcher(
        max_queue_bytes=LIMIT, when_full="drop_newest", flush_interval=0.01),
)
client.send(large(0))
before = peak()
start = threading.Barrier(64)

def work(number):
    start.wait()
    for one in range(60):
        client.send(large(100 * number + one))

threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
full, waiting = client.stats, client._dispatcher._scheduler.queue.size
go.set()
client.close(30)
say("end", client, grown=(peak() - before) / LIMIT, waiting=waiting / LIMIT, dropped=len(failed))
"""
    ended = run(code, "no server")

    assert ended.code == 0
    submitted, delivered, failed, pending = ended.counts("end")
    assert (submitted, pending) == (64 * 60 + 1, 0)
    assert ended.said["end"]["reasons"] == {"queue_full": failed}
    assert ended.said["end"]["dropped"] == failed
    assert delivered * 20_000 > 32 * 2**20 * 0.9
    assert 0.9 < ended.said["end"]["waiting"] <= 1
    assert ended.said["end"]["grown"] < 2


def test_the_first_send_loads_what_a_worker_needs_before_a_fork_can_come_between():
    """The lock of an import that another thread makes is never released in a forked child."""
    code = """
before = set(sys.modules)
client = client_of(flush_interval=60)
send(client, 1)
known = set(sys.modules)
client.flush(10)
say("end", client, late=sorted(set(sys.modules) - known), early=sorted(set(sys.modules) - before))
"""
    with serving() as server:
        ended = run(code, server.url)

    assert ended.code == 0, ended.stderr
    assert "requests" in ended.said["end"]["early"]
    assert ended.said["end"]["late"] == []
