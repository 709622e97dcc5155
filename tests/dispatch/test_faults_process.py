"""Processes that end, fork or are killed: scenarios 26 to 34, 41 and 46 of delivery under faults.

Each client lives in a process of its own, and the server in that of the test.
"""

import os
from itertools import product

import pytest
from internals import parsed
from processes import ANSWERED, GREEN, PROMPT, TO_THE_END, run, serving, stored

from mpfluent.testing import hang, ok

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@pytest.mark.parametrize(
    ("options", "first"),
    [
        pytest.param("", "", id="as usual"),
        pytest.param("flush_interval=60", "", id="gathering"),
        pytest.param("workers=4", "", id="4 workers", marks=pytest.mark.slow),
        pytest.param("coalesce=True", "", id="coalescing"),
        pytest.param("", GREEN["gevent"], id="gevent"),
        pytest.param("", GREEN["eventlet"], id="eventlet", marks=pytest.mark.slow),
    ],
)
def test_all_that_waits_arrives_before_the_interpreter_ends(options, first):  # 26
    code = f"""{TO_THE_END}
client = client_of(exit_timeout=20, {options})
send(client, 300)
atexit.register(at_first)
"""
    with serving(delay=0.05) as server:
        ended = run(code, server.url, first=first)

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.counts("end") == (300, 300, 0, 0)
    assert sum(len(batch.events) for batch in server.batches) == 300
    assert server.duplicates == []


@pytest.mark.parametrize("keeps", [False, True], ids=["lost", "kept"])
def test_the_end_waits_no_longer_than_its_budget_and_says_what_stays_behind(keeps, path):  # 27
    code = f"""{TO_THE_END}
client = client_of({str(path) if keeps else None!r})
assert client.send(*batches(2)).wait(10)
send(client, 298, start=2)
atexit.register(at_first)
"""
    with serving(ok(), *[hang(20)] * 9) as server:
        ended = run(code, server.url)
        arrived = len(server.unique_ids)

    what = "kept in the outbox" if keeps else "lost"
    assert ended.stderr == f"298 batches not delivered when the process ended, and {what}\n"
    assert ended.code == 0
    assert ended.counts("end") == ((300, 2, 0, 298) if keeps else (300, 2, 298, 0))
    assert arrived == 2
    assert not keeps or stored(path) == 298
    assert ended.said["end"]["seconds"] >= 2
    assert ended.said["end"]["ours"] <= 2.5  # of 20


@pytest.mark.parametrize("keeps", [False, True], ids=["lost", "kept"])
def test_what_is_sent_while_the_end_settles_the_rest_is_told_and_counted(keeps, path):  # 27
    code = f"""
from mpfluent import FunctionTransport

@atexit.register
def last():
    say("end", client, told=len(told))

told, late = [], []

def failed(batch, error):
    told.append(batch)
    another()

def another():
    if not late:
        late.append(threading.Thread(target=client.send, args=(batch(1),), daemon=True))
        late[0].start()
        while client.stats.submitted < 2:
            time.sleep(0.001)

path = {str(path) if keeps else None!r}
client = Client(
    "key", "secret", environment="production",
    transport=FunctionTransport(lambda request: time.sleep(60)), on_failed=failed,
    dispatcher=ThreadedDispatcher(
        flush_interval=0, exit_timeout=0.2, outbox=Outbox(path) if path else None
    ),
)
first = client.send(batch(0), callback=lambda delivery: another())
"""
    ended = run(code, "http://127.0.0.1:1")

    what = "kept in the outbox" if keeps else "lost"
    assert ended.stderr == f"2 batches not delivered when the process ended, and {what}\n"
    assert ended.counts("end") == ((2, 0, 0, 2) if keeps else (2, 0, 2, 0))
    assert ended.said["end"]["told"] == (0 if keeps else 2)
    assert not keeps or stored(path) == 2


def test_no_send_that_returns_at_the_end_leaves_a_batch_behind():  # 27
    code = """
from mpfluent import FunctionTransport

@atexit.register
def last():
    say("end", client, left=sum(one.state == "pending" for one in sent), lost=len(lost))

sent, lost = [], []

def late(after):
    time.sleep(after)
    sent.append(client.send(batch(1)))

client = Client(
    "key", "secret", environment="production",
    transport=FunctionTransport(lambda request: time.sleep(60)),
    on_failed=lambda batch, error: lost.append(batch),
    dispatcher=ThreadedDispatcher(flush_interval=0, exit_timeout=0.3),
)
client.send(batch(0))
for number in range(100):  # some of them in the midst of whatever the end does
    threading.Thread(target=late, args=(number / 200,), daemon=True).start()
"""
    ended = run(code, "http://127.0.0.1:1")

    assert ended.code == 0
    assert ended.said["end"]["left"] == 0
    assert ended.said["end"]["lost"] == ended.counts("end")[2]


IN_ANOTHER_INTERPRETER = """
inside = f'''
import sys, time
sys.path[:0] = {sys.path!r}
from mpfluent import Batch, Client, FunctionTransport, ThreadedDispatcher
client = Client(
    "key", "secret", environment="development",
    transport=FunctionTransport(lambda request: time.sleep(SECONDS) or 202),
    dispatcher=ThreadedDispatcher(flush_interval=0, exit_timeout=0.1),
)
client.send(Batch.for_user(customer_id="1").event("x"))
'''
"""


def test_an_interpreter_beside_the_main_one_ends_with_its_threads():
    pytest.importorskip("_testcapi")  # of CPython's own tests, which not every Python has
    code = f"""{IN_ANOTHER_INTERPRETER}
import _testcapi
assert _testcapi.run_in_subinterp(inside.replace("SECONDS", "1")) == 0
say("end")
"""
    ended = run(code, "http://127.0.0.1:1")

    assert (ended.code, [*ended.said]) == (0, ["end"])


def test_an_interpreter_beside_the_main_one_has_no_idle_threads():
    code = f"""{IN_ANOTHER_INTERPRETER}
def destroyed():
    try:
        interpreters.destroy(other)
    except RuntimeError:  # it has more than one thread
        return False
    return True

try:
    import _interpreters as interpreters
    other = interpreters.create("legacy")
except ImportError:
    import _xxsubinterpreters as interpreters
    other = interpreters.create(isolated=False)
interpreters.run_string(other, inside.replace("SECONDS", "0") + "client.flush(10)")
wait_for(destroyed, 2)
say("end")
"""
    ended = run(code, "http://127.0.0.1:1")

    assert (ended.code, [*ended.said]) == (0, ["end"])


def test_all_clients_of_a_process_share_one_budget_at_its_end():  # 27
    code = f"""{TO_THE_END}
clients = [client_of(exit_timeout=seconds) for seconds in (1, 0.7, 1, 0, 0.9)]
client = clients[0]
for one in clients:
    send(one, 10)
atexit.register(at_first)
"""
    with serving(*[hang(20)] * 9) as server:
        ended = run(code, server.url)

    assert ended.stderr == "50 batches not delivered when the process ended, and lost\n"
    assert ended.code == 0
    assert ended.said["end"]["seconds"] >= 1
    assert ended.said["end"]["ours"] <= 1.5  # of 3.6


@pytest.mark.parametrize(
    ("ending", "code", "arrived", "last"),
    [
        ("raise ValueError('oh')", 1, 3, "ValueError: oh\n"),
        ("sys.exit(3)", 3, 3, ""),
        ("one = threading.Thread(target=sys.exit, args=(3,)); one.start(); one.join()", 0, 3, ""),
        ("os._exit(4)", 4, 0, ""),
    ],
    ids=["exception", "exit", "exit of a thread", "_exit"],
)
def test_whatever_ends_a_process_its_exit_code_stays(ending, code, arrived, last):  # 28
    with serving() as server:
        ended = run(f"client = client_of(flush_interval=60)\nsend(client, 3)\n{ending}", server.url)

    assert ended.code == code
    assert len(server.unique_ids) == arrived
    assert ended.stderr.endswith(last)
    assert bool(ended.stderr) == bool(last)


# 29, 30, 31: forks

FORKS = {
    "python": ("", "os.fork()"),
    "libc": ("", "libc_fork()"),
    "gevent": (GREEN["gevent"], "os.fork()"),
}
FORK = """
longest = 0  # seconds of our own

def timed(call, *arguments):
    global longest
    read = stopwatch()
    found = call(*arguments)
    longest = max(longest, read()[1])
    return found

def holding(lock):
    held, let_go = threading.Event(), threading.Event()
    def hold():
        with lock:
            held.set()
            let_go.wait(30)
    threading.Thread(target=hold, daemon=True).start()
    assert held.wait(10)
    return let_go

def of_the_child(who="child", linger=0):
    signal.alarm(60)  # it is not inherited
    for one in batches(5, start=100):
        timed(client.send, one)
    read = stopwatch()
    said = client.flush(10)
    flushed = read()[1]
    time.sleep(linger)
    say(who, client, longest=longest, flush=said, flushed=flushed)

def of_the_parent(child, who="parent"):
    assert client.flush(10), client.stats
    say(who, client, status=os.waitpid(child, 0)[1])
"""


def check_fork(ended, server):
    """Hold that 5 of 5 came from the child and 3 of 3 from the parent, none of them twice."""
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.counts("child") == (5, 5, 0, 0)
    assert ended.counts("parent") == (3, 3, 0, 0)
    assert ended.said["parent"]["status"] == 0
    assert ended.said["child"]["flush"] is True
    assert ended.said["child"]["flushed"] < ANSWERED
    assert ended.said["child"]["longest"] < PROMPT
    check_arrivals(server, 8)


def check_arrivals(server, count):
    """Hold that so many arrived, none of them twice, and no connection was shared."""
    assert (len(server.unique_ids), server.duplicates) == (count, [])
    ports = {True: set(), False: set()}
    for request in server.requests:
        data = parsed(request.body)
        for entry in data if isinstance(data, list) else [data]:
            whose = int(entry["user_identities"]["customer_id"].rpartition("-")[2]) >= 100
            ports[whose].add(request.port)
    assert ports[True] & ports[False] == set()


@pytest.mark.parametrize("way", FORKS)
def test_a_child_forked_before_the_first_send_has_batches_of_its_own(way):  # 29, 31
    first, fork = FORKS[way]
    code = f"""{FORK}
client = client_of()
child = {fork}
if child == 0:
    of_the_child()
else:
    send(client, 3)
    of_the_parent(child)
"""
    with serving() as server:
        ended = run(code, server.url, first=first)

    check_fork(ended, server)


def test_a_dispatcher_of_the_parent_serves_a_client_that_the_child_makes():
    code = """
dispatcher = ThreadedDispatcher()
if os.fork():
    _, status = os.wait()
    sys.exit(status)
client = Client(KEY, SECRET, environment="production", host=url, dispatcher=dispatcher)
say("child", state=client.send(batch(0)).wait(30))
client.close()
"""
    with serving() as server:
        ended = run(code, server.url)

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.said["child"]["state"] is True
    assert len(server.unique_ids) == 1


STATES = {
    "idle": ("send(client, 1)[0].result(10)", "send(client, 2, start=1)"),
    "mid-request": (
        # until the request is written
        "from mpfluent.transport import requests as transport; send(client, 3)\n"
        "wait_for(lambda: any(one.sock for one in transport._running)); time.sleep(0.2)",
        "",
    ),
    "waiting": ("send(client, 3)", ""),
}


# of the others, the fast suite knows the parts: each way, each state, and Python's fork in each
OFTEN = {("libc", "mid-request"), ("gevent", "waiting")}


@pytest.mark.parametrize(
    ("way", "state"),
    [
        pytest.param(*case, marks=[] if case[0] == "python" or case in OFTEN else pytest.mark.slow)
        for case in product(FORKS, STATES)
    ],
)
def test_a_forked_child_begins_empty_and_leaves_the_parent_what_is_its(way, state):  # 30, 31
    first, fork = FORKS[way]
    before, after = STATES[state]
    busy = state == "mid-request"
    code = f"""{FORK}
client = client_of(flush_interval={60 if state == "waiting" else 0.01})
{before}
child = {fork}
if child == 0:
    of_the_child(linger={1.2 if busy else 0})
else:
    {after}
    of_the_parent(child)
"""
    with serving(*([ok(delay=1)] if busy else [])) as server:
        ended = run(code, server.url, first=first)

    check_fork(ended, server)


# what a server does in its worker, after the fork: gunicorn --preload with gevent, for one
LATER = {
    "gevent": "warnings.simplefilter('ignore'); from gevent import monkey; monkey.patch_all()",
    "eventlet": "warnings.simplefilter('ignore'); import eventlet; eventlet.monkey_patch()",
}


USUAL = {("gevent", "mid-request", ""), ("gevent", "idle", "outbox"), ("eventlet", "waiting", "")}


@pytest.mark.parametrize(
    ("kind", "state", "options"),
    [
        pytest.param(*case, marks=[] if case in USUAL else pytest.mark.slow)
        for case in product(LATER, STATES, ["", "outbox", "workers=4", "coalesce=True"])
    ],
)
def test_a_child_that_is_patched_after_the_fork_sends_from_its_greenlets(
    kind, state, options, path
):
    before, after = STATES[state]
    busy = state == "mid-request"
    if options == "outbox":
        options = f"path={str(path)!r}"
    code = f"""{FORK}
import warnings

client = client_of(flush_interval={60 if state == "waiting" else 0.01}, {options})
{before}
child = os.fork()
if child == 0:
    {LATER[kind]}
    signal.alarm(60)
    seen = []
    def one_by_one(batch):
        delivery = client.send(batch)
        client.flush(10)
        seen.append(delivery.result(10).status_code)
    greenlets = [threading.Thread(target=one_by_one, args=(one,)) for one in batches(5, start=100)]
    for one in greenlets:
        one.start()
    for one in greenlets:
        timed(one.join)
    assert seen == [202] * 5
    say("child", client, longest=longest, flush=client.flush(10))
    client.send(batches(1, start=105)[0])  # what the end of the process delivers
else:
    {after}
    of_the_parent(child)
"""
    with serving(*([ok(delay=1)] if busy else [])) as server:
        ended = run(code, server.url)

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.counts("child") == (5, 5, 0, 0)
    assert ended.counts("parent") == (3, 3, 0, 0)
    assert ended.said["parent"]["status"] == 0
    assert (ended.said["child"]["flush"], ended.said["child"]["longest"] < ANSWERED) == (True, True)
    check_arrivals(server, 9)


# after a send, eventlet's locks break in the thread that has sent, which is no greenlet
PATCHED = {("gevent", 3, "outbox"), ("eventlet", 0, "default")}


@pytest.mark.parametrize(
    ("kind", "sent", "dispatcher"),
    [
        pytest.param(kind, sent, dispatcher, marks=[] if usual else pytest.mark.slow)
        for kind, sent in [("gevent", 0), ("gevent", 3), ("eventlet", 0)]
        for dispatcher in ["threaded", "outbox", "default"]
        for usual in [(kind, sent, dispatcher) in PATCHED]
    ],
)
def test_a_client_that_was_made_before_its_process_is_patched_sends_from_greenlets(
    kind, sent, dispatcher, path
):
    code = f"""{FORK}
import warnings

options = {{"path": {str(path)!r}}} if {dispatcher == "outbox"} else {{}}
client = client_of(**options)
if {dispatcher == "default"}:
    client = Client(KEY, SECRET, environment="production", host=url)
send(client, {sent})
{LATER[kind]}
waited = []

def one_by_one(batch):
    delivery = client.send(batch)
    waited.append(delivery.wait(10))
    waited.append(client.flush(10))

for _ in range(2):
    greenlets = [threading.Thread(target=one_by_one, args=(one,)) for one in batches(5)]
    for one in greenlets:
        one.start()
    for one in greenlets:
        timed(one.join)
    time.sleep(0.1)
say("it", client, longest=longest, waited=waited, closed=client.close(10))
"""
    with serving(delay=0.05) as server:
        ended = run(code, server.url)

    assert ended.code == 0
    assert not ended.stderr or sent  # threading complains when a thread of before ends
    assert ended.counts("it") == (sent + 10, sent + 10, 0, 0)
    assert ended.said["it"]["waited"] == [True] * 20
    assert ended.said["it"]["longest"] < ANSWERED
    assert ended.said["it"]["closed"] == [sent + 10, 0, 0]
    assert (len(server.unique_ids), server.duplicates) == (sent + 10, [])


def test_a_greenlet_that_sends_when_another_one_forks_leaves_its_answer_to_the_parent():
    code = f"""{FORK}
import gevent
client = Client(KEY, SECRET, environment="production", host=url)
greenlet = gevent.spawn(send, client, 1)
wait_for(lambda: client.stats.pending)
time.sleep(0.2)  # it waits for the answer
child = os.fork()
if child == 0:
    signal.alarm(60)
    time.sleep(1.5)
    send(client, 1, start=100)
    say("child", client)
else:
    greenlet.join()
    of_the_parent(child)
"""
    with serving(ok(delay=1)) as server:
        ended = run(code, server.url, first=GREEN["gevent"])

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.counts("child") == (1, 1, 0, 0)
    assert ended.counts("parent") == (1, 1, 0, 0)
    assert len(server.requests) == 2
    check_arrivals(server, 2)


# those of which a child must acquire none, since nobody would ever release it there
LOCKS = {
    "scheduler": "client._dispatcher._scheduler.lock",
    "counters": "client._counters.lock",
    "sender": "client._sender.gate._lock",
    "transport": "client._sender._transport._lock",
    "outbox": "client._dispatcher._settlement.kept.outbox._lock",
    "process": "process_lock()",
    "lock file": "owner_locks._here().guard",
    "lock file's gate": "owner_locks._here().gate",
    "notices": "client._dispatcher._settlement.notices._lock",
    "delivery": "later._lock",
    "settled delivery": "sooner._lock",
    "settlement": "client._dispatcher._settlement._lock",
}


USUAL_LOCKS = ("scheduler", "counters", "outbox")  # of those that each fork is always tried with


# A process forks for each lock in turn. Where Python is not told, each lock has a process of its
# own: what Python 3.13 keeps of threads that are there no more makes it crash after a few rounds.
@pytest.mark.parametrize(
    ("way", "names"),
    [
        pytest.param("python", [*LOCKS], id="python"),
        pytest.param("gevent", [*USUAL_LOCKS], id="gevent"),
        pytest.param("gevent", [*LOCKS], id="gevent-all", marks=pytest.mark.slow),
        *(
            pytest.param(
                "libc",
                [name],
                id=f"libc-{name}",
                marks=[] if name in USUAL_LOCKS else pytest.mark.slow,
            )
            for name in LOCKS
        ),
    ],
)
def test_a_forked_child_waits_for_no_lock_that_was_held(way, names, tmp_path):  # 30, 31
    first, fork = FORKS[way]
    locks = {name: LOCKS[name] for name in names}
    code = f"""{FORK}
from mpfluent.outbox import locks as owner_locks
from mpfluent.utils.fork import process_lock

for name, where in {locks!r}.items():
    client = client_of(os.path.join(sys.argv[2], name), flush_interval=60)
    sooner, = send(client, 1)
    assert client.flush(10)
    later, last = send(client, 2, start=1)
    let_go = holding(eval(where))
    child = {fork}
    if child == 0:
        signal.alarm(60)
        told = []
        assert timed(later.wait, 5) is False
        timed(later.add_done_callback, told.append)
        timed(sooner.add_done_callback, told.append)
        assert told == [sooner]
        of_the_child("child " + name)
        assert timed(client.close, 5) == (5, 0, 0)
        say("closed " + name, seconds=longest)
        break
    let_go.set()
    of_the_parent(child, "parent " + name)
    client.close()
"""
    with serving() as server:
        ended = run(code, server.url, tmp_path, first=first)

    # SQLite was in the midst of something, and is not used in the child
    logged = ["the process was forked while a thread used its outbox"] * ("outbox" in locks)
    assert [line.rpartition("OSError: ")[2] for line in ended.stderr.splitlines()] == logged
    assert ended.code == 0
    assert {
        lock: ended.said.get(f"closed {lock}", {}).get("seconds", 60) < PROMPT for lock in locks
    } == (dict.fromkeys(locks, True))
    for who, count in (("child", 5), ("parent", 3)):
        assert {lock: ended.counts(f"{who} {lock}") for lock in locks} == (
            dict.fromkeys(locks, (count, count, 0, 0))
        )
    assert {ended.said[f"parent {lock}"]["status"] for lock in locks} == {0}
    assert {stored(tmp_path / lock) for lock in locks} == {0}
    check_arrivals(server, 8 * len(locks))


@pytest.mark.parametrize(
    ("hook", "exit_timeout", "lost"), [(0.1, 20, ""), (20, 1, "19 batches not delivered")]
)
def test_the_end_waits_for_a_thread_that_closes_and_says_what_it_leaves(hook, exit_timeout, lost):
    code = f"""{TO_THE_END}
client = client_of(exit_timeout={exit_timeout}, on_failed=lambda *_: time.sleep({hook}))
send(client, 20)
time.sleep(0.3)
threading.Thread(target=client.close, args=(0,), daemon=True).start()
time.sleep(0.2)
atexit.register(at_first)
"""
    with serving(*[hang(20)] * 9) as server:
        ended = run(code, server.url)

    assert ended.code == 0
    assert lost in ended.stderr
    assert lost or ended.counts("end") == (20, 0, 20, 0)
