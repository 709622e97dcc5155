"""Messages that are no batches, mistakes in a dispatcher's arguments, and brokers that refuse."""

import json
import logging
import math
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from contextvars import ContextVar

import pytest
from celery import Celery
from celery.signals import before_task_publish
from celery_apps import BROKER, TASK, Answers, Hooks, Shop, forget_messages, lines, take
from kombu.transport import memory
from missing_packages import error_without
from redis_server import free_port
from scenarios import KEY, PERSON, SECRET, WORDS, batch, stopwatch

from mpfluent import (
    Client,
    ConfigurationError,
    DeliveryError,
    Outbox,
    Retry,
    ThreadedDispatcher,
    TransportError,
    __version__,
)
from mpfluent.integrations.celery import CeleryDispatcher


@pytest.fixture(autouse=True)
def no_messages():
    forget_messages()


def message(**changes):
    """Return what a dispatcher puts into a message, with changes."""
    sealed = Client(KEY, SECRET, environment="production").seal(batch())
    return {
        "version": 1,
        "made_by": __version__,
        "queue": None,
        "at": time.time(),
        "batch": sealed.to_json(),
        **changes,
    }


def with_batch(**changes):
    """Return a message whose batch has other members."""
    return json.dumps({**json.loads(message()["batch"]), **changes})


# What a worker cannot read


def test_a_dispatcher_makes_the_messages_that_these_tests_change():
    shop = Shop()
    shop.client.send(batch())
    with shop.app.connection_for_read() as connection:
        ((found,), kwargs, _) = connection.SimpleQueue("celery").get(block=False).payload

    assert (sorted(found), kwargs) == (sorted(message()), {})
    assert {**found, "at": 0, "batch": ""} == message(at=0, batch="")


STRANGE = "it was not made by a CeleryDispatcher"
POISON = "it holds no sealed batch"
NOT_OURS = {
    "nothing": ((), STRANGE),
    "two": ((message(), message()), STRANGE),
    "a text": ((WORDS,), STRANGE),
    "none": ((None,), STRANGE),
    "a list": (([WORDS],), STRANGE),
    "another's": (({"user": PERSON},), STRANGE),
    "no number of a version": ((message(version=WORDS),), STRANGE),
    "a boolean version": ((message(version=True),), STRANGE),
    "no time": ((message(at=WORDS),), STRANGE),
    "a queue of another type": ((message(queue=7),), STRANGE),
    "no batch": ((message(batch=None),), STRANGE),
    "a batch of another type": ((message(batch={"user": PERSON}),), STRANGE),
    "no JSON": ((message(batch=WORDS),), f"{POISON} (InvalidValue)"),
    "a list of JSON": ((message(batch="[]"),), f"{POISON} (InvalidValue)"),
    "not sealed": ((message(batch="{}"),), f"{POISON} (InvalidBatch)"),
    "an unknown field": ((message(batch=with_batch(x=WORDS)),), f"{POISON} (UnknownField)"),
    "a bad value": ((message(batch=with_batch(ip=WORDS)),), f"{POISON} (InvalidValue)"),
}


@pytest.mark.parametrize(("args", "why"), NOT_OURS.values(), ids=NOT_OURS)
def test_what_is_no_batch_is_rejected_for_good_with_one_line(args, why, caplog):
    caplog.set_level(logging.INFO)
    shop = Shop()
    shop.put(*args)

    assert shop.take().outcome == "rejected"
    assert (shop.waiting(), shop.transport.batches) == (0, [])
    assert lines(caplog) == [f"a message was rejected for good: {why}"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING][1:] == []


def test_keywords_are_rejected():
    shop = Shop()
    shop.put(message(), user=1)

    assert shop.take().outcome == "rejected"


def test_a_batch_that_fits_no_request_is_rejected(caplog):
    data = json.loads(message()["batch"])
    data["events"][0]["data"]["custom_attributes"] = {"words": "x" * 200_000}
    shop = Shop()
    shop.put(message(batch=json.dumps(data)))

    assert shop.take().outcome == "rejected"
    assert lines(caplog) == [
        "a message was rejected for good: it does not fit a request (TooLarge)"
    ]


def test_many_bad_messages_are_one_line(caplog):
    shop = Shop()
    for _ in range(10):
        shop.put(WORDS)
        shop.take()

    assert len(lines(caplog)) == 1


# Other versions


def test_a_message_of_a_newer_version_stays_in_the_queue(caplog):
    shop = Shop()
    shop.put(message(version=2, batch=None))

    assert shop.take().outcome == "acknowledged"
    assert shop.waiting() == 1
    assert lines(caplog) == [
        "a batch stays in the queue: it has version 2, and this worker knows 1; update mpfluent "
        "here"
    ]


def test_a_batch_that_another_version_made_and_this_one_cannot_read_stays(caplog):
    shop = Shop()
    shop.put(message(made_by="9.9.9", batch=with_batch(later=WORDS)))
    shop.take()

    assert shop.waiting() == 1
    assert lines(caplog) == [
        f"a batch stays in the queue: mpfluent 9.9.9 made it, and this worker has {__version__}; "
        "update mpfluent here"
    ]


@pytest.mark.parametrize("made_by", [None, 7, "0.0.1"])
def test_a_batch_that_another_version_made_is_sent_if_it_can_be_read(made_by):
    shop = Shop()
    shop.put(message(made_by=made_by, more=1))
    shop.take()

    assert len(shop.transport.batches) == 1


def test_a_message_of_a_newer_version_is_too_old_at_last(caplog):
    shop = Shop()
    shop.put(message(version=2, at=time.time() - 8 * 24 * 3600))

    assert shop.take().outcome == "rejected"
    assert len(lines(caplog)) == 1


# What is in a log


def test_no_log_has_values_of_a_batch(caplog):
    caplog.set_level(logging.DEBUG)
    hooks = Hooks()
    shop = Shop(transport=Answers(503, 401, 202), **hooks.options)
    shop.client.send(batch())
    for _ in range(3):
        shop.take()
    shop.put(message(batch=with_batch(x=WORDS)))
    shop.take()

    texts = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert len(texts) > 3
    assert [text for text in texts if WORDS in text or PERSON in text or SECRET in text] == []


def test_a_monitor_sees_no_values_of_a_batch():
    shop = Shop(transport=Answers(503))
    shop.client.send(batch())
    shop.take()

    assert shop.take().headers["argsrepr"] == "(<a sealed batch>,)"


# A broker that refuses


def sent_to(broker, **settings):
    """Return why a batch was not handed over, and how many seconds of ours that took."""
    app = Celery("shop", broker=broker)
    app.conf.update(settings)
    client = Client(KEY, SECRET, environment="production", dispatcher=CeleryDispatcher(app))
    read = stopwatch()
    with pytest.raises(DeliveryError) as caught:
        client.send(batch())
    assert caught.value.reason == "transport_error"
    assert caught.value.temporary
    assert dict(client.stats.failed_by_reason) == {"transport_error": 1}
    return caught.value, read()[1]


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_down_fails_send_within_a_second(scheme):
    error, seconds = sent_to(f"{scheme}://user:{SECRET}@127.0.0.1:{free_port()}//")

    assert str(error).startswith("the batch was not handed over: Connection")
    assert "onnection refused" in str(error)
    assert SECRET not in str(error)
    assert seconds < 1
    assert (error.__cause__, error.__context__) == (None, None)  # frames would have the password


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_answers_nothing_fails_send_within_a_second(scheme):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        error, seconds = sent_to(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}//")

    assert str(error) == (
        "the batch was not handed over: the broker did not confirm it within 0.8 s"
    )
    assert seconds < 1


def test_a_queue_that_does_not_exist_fails_send():
    app = Celery("shop", broker=BROKER)
    app.conf.task_create_missing_queues = False
    dispatcher = CeleryDispatcher(app, queue="ios")
    client = Client(KEY, SECRET, environment="production", dispatcher=dispatcher)
    with pytest.raises(TransportError) as caught:
        client.send(batch())

    assert str(caught.value).startswith("the batch was not handed over: ")
    assert "ios" in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["redis://:sec#ret@localhost:6379/0", "amqp://me:sec/ret@localhost//", "nowhere://localhost"],
)
def test_an_address_that_cannot_be_read_is_not_shown(address):
    dispatcher = CeleryDispatcher(Celery("shop", broker=address))
    client = Client(KEY, SECRET, environment="production", dispatcher=dispatcher)
    with pytest.raises(TransportError) as caught:
        client.send(batch())

    assert str(caught.value) == (
        "the batch was not handed over: the broker's address is not one that Celery can read; "
        "write Celery('shop', broker='redis://:password@host:6379/0'), with %2F, %23 and %3F for "
        "a /, # and ? in the password"
    )
    assert caught.value.__cause__ is None


def test_a_library_that_celery_needs_for_the_broker_is_named():
    missing = "redis"
    code = f"""
import sys
sys.modules["redis"] = None
from celery import Celery
from mpfluent import Batch, Client, DeliveryError
from mpfluent.integrations.celery import CeleryDispatcher
by = CeleryDispatcher(Celery("shop", broker="{missing}://localhost"))
try:
    Client("key", "secret", environment="production", dispatcher=by).send(Batch().first_run())
except DeliveryError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    first, last = done.stdout.strip().split(" (")[0], done.stdout.strip().split("); ")[-1]
    assert first == (
        f"the batch was not handed over: Celery cannot load what the broker {missing!r} needs"
    )
    assert last == f"write pip install 'celery[{missing}]'"


def test_a_broker_that_does_not_take_a_batch_back_keeps_it(monkeypatch):
    monkeypatch.setattr("mpfluent.integrations.celery_task._PAUSE", 0)
    shop = Shop(transport=Answers(503))
    shop.client.send(batch())

    def full(*_, **__):
        raise OSError("full")

    with monkeypatch.context() as patch:
        put = memory.Channel._put
        patch.setattr(memory.Channel, "_put", lambda self, queue, message, **_: full())
        patch.setattr(
            memory.Channel,
            "_restore",
            lambda self, message: put(self, "celery", message.serializable()),
        )
        assert shop.take().outcome == "requeued"

    shop.take()
    assert shop.client.stats.delivered == 1


def test_the_signals_of_celery_see_the_context_of_the_caller():
    request = ContextVar("request", default=None)
    seen = []

    def note(**_):
        seen.append(request.get())

    before_task_publish.connect(note)
    try:
        request.set("abc")
        Shop().client.send(batch())
    finally:
        before_task_publish.disconnect(note)

    assert seen == ["abc"]


def test_ten_messages_are_on_their_way_at_most(monkeypatch):
    go, began = threading.Event(), []

    def slow(self, queue, message, **_):
        began.append(queue)
        go.wait(60)

    monkeypatch.setattr(memory.Channel, "_put", slow)
    shop = Shop()
    failed = []

    def send():
        with pytest.raises(DeliveryError) as caught:
            shop.client.send(batch())
        failed.append(caught.value.reason)

    threads = [threading.Thread(target=send) for _ in range(15)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    go.set()

    assert failed == ["transport_error"] * 15
    assert len(began) <= 10


def test_what_is_sent_when_the_interpreter_ends_is_handed_over(monkeypatch):
    def start(self):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    shop = Shop()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        shop.client.send(batch())

    shop.take()
    assert len(shop.transport.batches) == 1


def test_a_client_that_is_closed_lets_go_of_the_broker():
    shop = Shop()
    shop.client.send(batch())
    producers = list(shop.client._dispatcher._celery.publisher._free)
    shop.client.close()

    assert [producer.__connection__.connected for producer in producers] == [False]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_client_that_has_sent_before_a_fork_can_send_after_it(tmp_path):
    code = f"""
import os, sys
from celery import Celery
from mpfluent import Batch, Client
from mpfluent.integrations.celery import CeleryDispatcher
app = Celery("shop", broker="filesystem://")
app.conf.broker_transport_options = dict(
    data_folder_in={str(tmp_path)!r}, data_folder_out={str(tmp_path)!r},
    control_folder={str(tmp_path / "control")!r},
)
client = Client("key", "secret", environment="production", dispatcher=CeleryDispatcher(app))
batch = Batch.for_user(customer_id="1").event("Searched")
client.send(batch)
publisher = client._dispatcher._celery.publisher
of_parent = publisher._free[0]
if not (child := os.fork()):
    client.send(batch)
    own = publisher._free == [] or of_parent not in publisher._free
    os._exit(0 if own and client.stats.handed_over == 1 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    # Python 3.12 warns of every fork of a process with threads
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert len(list(tmp_path.glob("*.msg"))) == 2


# Mistakes


WRITE = "write CeleryDispatcher(app, "
MISTAKES = {
    "client": (
        {"client": 7},
        f"CeleryDispatcher(client=7): want a function that makes a client; {WRITE}"
        "client=lambda: Client(environment='production'))",
    ),
    "queue": (
        {"queue": ["ios"]},
        f"CeleryDispatcher(queue=['ios']): want the name of a queue; {WRITE}queue='mparticle')",
    ),
    "empty queue": (
        {"queue": ""},
        f"CeleryDispatcher(queue=''): want the name of a queue; {WRITE}queue='mparticle')",
    ),
    "gather": (
        {"gather": True},
        f"CeleryDispatcher(gather=True): want a ThreadedDispatcher; {WRITE}"
        "gather=ThreadedDispatcher())",
    ),
    "countdown": (
        {"countdown": -1},
        "CeleryDispatcher(countdown=-1): want seconds, up to those of a year; "
        f"{WRITE}countdown=60)",
    ),
    "endless countdown": (
        {"countdown": math.inf, "max_age": math.inf},
        "CeleryDispatcher(countdown=inf): want seconds, up to those of a year; "
        f"{WRITE}countdown=60)",
    ),
    "countdown beyond max_age": (
        {"countdown": 60, "max_age": 60},
        "CeleryDispatcher(countdown=60, max_age=60): each batch would be too old when its time "
        f"comes; {WRITE}countdown=60)",
    ),
    "max_age": (
        {"max_age": "7d"},
        f"CeleryDispatcher(max_age='7d'): want seconds, 0 or more; {WRITE}max_age=7 * 24 * 3600)",
    ),
    "unknown": (
        {"max_ages": 7},
        "CeleryDispatcher() has no option 'max_ages'; did you mean 'max_age'?",
    ),
}


@pytest.mark.parametrize(("options", "text"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_argument_is_an_error_that_says_what_to_write(options, text):
    with pytest.raises(ConfigurationError) as caught:
        CeleryDispatcher(Celery("shop", broker=BROKER), **options)

    assert str(caught.value) == text


def test_what_is_no_application_is_an_error():
    with pytest.raises(ConfigurationError) as caught:
        CeleryDispatcher("redis://localhost:6379/0")

    assert str(caught.value) == (
        "CeleryDispatcher('redis://localhost:6379/0'): want a Celery application, got str; write "
        "CeleryDispatcher(Celery('shop', broker='redis://…'))"
    )


def test_a_gathering_dispatcher_has_no_outbox(path):
    gather = ThreadedDispatcher(outbox=Outbox(path))
    with pytest.raises(ConfigurationError) as caught:
        CeleryDispatcher(Celery("shop", broker=BROKER), gather=gather)

    assert str(caught.value) == (
        "CeleryDispatcher(gather=<ThreadedDispatcher: 0 waiting>): want a ThreadedDispatcher "
        f"without an outbox, since the broker keeps the batches; {WRITE}"
        "gather=ThreadedDispatcher())"
    )


@pytest.mark.parametrize(
    "take",
    [
        lambda gather: Client(KEY, SECRET, dispatcher=gather),
        lambda gather: CeleryDispatcher(Celery("shop", broker=BROKER), gather=gather, queue="a"),
    ],
    ids=["a client", "another dispatcher"],
)
def test_a_gathering_dispatcher_belongs_to_nobody_else(take):
    gather = ThreadedDispatcher()
    take(gather)
    with pytest.raises(ConfigurationError) as caught:
        CeleryDispatcher(Celery("shop", broker=BROKER), gather=gather)

    assert str(caught.value) == (
        "CeleryDispatcher(gather=<ThreadedDispatcher: 0 waiting>): want a ThreadedDispatcher "
        f"that nobody else has; {WRITE}gather=ThreadedDispatcher())"
    )


def test_no_client_takes_a_gathering_dispatcher_for_its_own():
    gather = ThreadedDispatcher()
    CeleryDispatcher(Celery("shop", broker=BROKER), gather=gather)
    with pytest.raises(ConfigurationError) as caught:
        Client(KEY, SECRET, dispatcher=gather)

    assert str(caught.value).startswith("a dispatcher belongs to one client; write dispatcher=")


@pytest.mark.parametrize(
    ("queue", "which"), [(None, "its default queue"), ("ios", "the queue 'ios'")]
)
def test_two_clients_with_different_keys_need_a_queue_each(queue, which):
    shop = Shop(dispatcher={"queue": queue})
    with pytest.raises(ConfigurationError) as caught:
        shop.client_of({"queue": queue}, key="another")

    assert str(caught.value) == (
        f"CeleryDispatcher(app): a client with another key or address has {which} already; write "
        "CeleryDispatcher(app, queue='…') with a queue for each"
    )


def test_a_dispatcher_belongs_to_one_client():
    shop = Shop()
    dispatcher = CeleryDispatcher(shop.app, queue="ios")
    Client(KEY, SECRET, dispatcher=dispatcher)
    with pytest.raises(ConfigurationError) as caught:
        Client(KEY, SECRET, dispatcher=dispatcher)

    assert str(caught.value) == (
        "a dispatcher belongs to one client; write dispatcher=CeleryDispatcher(app, queue='…') "
        "for each"
    )


def test_its_repr_names_the_application_and_the_queue():
    app = Celery("shop", broker=f"redis://:{SECRET}@localhost//")

    assert repr(CeleryDispatcher(app)) == "<CeleryDispatcher 'shop'>"
    assert repr(CeleryDispatcher(app, queue="ios")) == "<CeleryDispatcher 'shop' queue='ios'>"


def test_the_application_of_celery_may_be_a_proxy():
    from celery import current_app

    app = Celery("shop", broker=BROKER, set_as_current=True)
    client = Client(
        KEY,
        SECRET,
        environment="production",
        retry=Retry(max_attempts=1),
        dispatcher=CeleryDispatcher(current_app),
        transport=(transport := Answers()),
    )
    client.send(batch())

    assert take(app).outcome == "acknowledged"
    assert len(transport.bodies) == 1
    assert TASK in app.tasks


def test_the_extra_is_named_where_celery_is_missing():
    assert error_without("celery", "import mpfluent.integrations.celery") == (
        "ImportError | mpfluent.integrations.celery needs Celery; "
        "write pip install 'mpfluent[celery]' | celery\n"
    )
