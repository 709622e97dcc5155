"""Gives messages to a broker within a time limit, and knows when the broker has them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from ..errors import TransportError, one_line
from ..utils.fork import ProcessLocal

_MOST = 10  # messages on their way to the broker at once, each with a connection of its own
_STEP = 5.0  # seconds for each answer of the broker; whoever waits for a message waits less


def _limit_steps(connection: Any) -> None:
    """Let each answer to a connection of py-amqp come in time; its own limits are for some only."""
    connection.sock.settimeout(_STEP)


# What a connection needs so that it says when the broker has a message, and waits for nothing
# forever. The user's own broker_transport_options come first, but for what must be.
_LIMITS: dict[str, dict[str, Any]] = {
    "py-amqp": {"on_open": _limit_steps},
    "redis": {"socket_timeout": _STEP, "socket_connect_timeout": _STEP},
}
_MUST: dict[str, dict[str, Any]] = {"py-amqp": {"confirm_publish": True}}
_RETURNING = "py-amqp"  # whose broker returns what no queue takes, if it is asked to
_RETRY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}


class Publisher:
    """Publishes messages of one Celery application. It connects when it is first used.

    A thread of its own takes each message to the broker: how long a step takes, such as the look-up
    of a name, has no limit that works for every broker. Whoever waits for the thread has one.

    Args:
        app: has the broker's address and options.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._home = ProcessLocal()
        self._of_parents: list[Any] = []  # kept, or a child would close its parent's connections
        self._free: list[Any] = []
        self._slots = threading.BoundedSemaphore(_MOST)
        self._loaded = False

    def _renew(self, forked: bool) -> None:
        self._slots = threading.BoundedSemaphore(_MOST)
        if forked:
            self._of_parents.append(self._free)
            self._free = []

    def publish(self, call: Callable[..., Any], seconds: float) -> Any:
        """Return what a call returns that publishes a message.

        Args:
            call: gets ``producer``, ``retry`` and ``retry_policy``, as ``apply_async`` does.
            seconds: to wait for the broker. A message may still arrive after that.

        Raises:
            TransportError: the broker did not take it, or not in time.
        """
        self._home.move(self._renew)
        if not self._loaded:
            self._load()
        slots, until = self._slots, time.monotonic() + seconds
        late = TransportError(
            f"the batch was not handed over: the broker did not confirm it within {seconds:g} s"
        )
        if not slots.acquire(timeout=seconds):
            raise late
        outcome: list[Any] = []
        done = threading.Lock()
        done.acquire()

        def work() -> None:
            try:
                outcome.append(self._published(call))
            except Exception as error:
                outcome.append(_failure(error))
            finally:
                slots.release()
                done.release()

        thread = threading.Thread(target=copy_context().run, args=(work,), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter ends, and starts no more threads
            work()
        if not done.acquire(timeout=max(0.0, until - time.monotonic())):
            raise late
        (found,) = outcome
        if isinstance(found, TransportError):
            raise found
        return found

    def _load(self) -> None:
        """Import what Celery needs to publish: that takes long, and is not the broker's fault."""
        try:
            self._free.append(self._new())
            self._app.finalize(auto=True)
            self._loaded = bool(self._app.amqp.send_task_message)
        except (KeyError, ValueError):
            # without the error's text, which may have a part of the address, and of the password
            raise TransportError(
                "the batch was not handed over: the broker's address is not one that Celery can "
                "read; write Celery('shop', broker='redis://:password@host:6379/0'), with %2F, "
                "%23 and %3F for a /, # and ? in the password"
            ) from None
        except Exception as error:
            url = self._app.conf.broker_write_url
            first = url if isinstance(url, str) else url[0]
            kind = first.partition("://")[0].partition("+")[0]
            why = f"Celery cannot load what the broker {kind!r} needs ({_words_of(error)})"
            write = f"write pip install 'celery[{kind}]'"
            raise TransportError(f"the batch was not handed over: {why}; {write}") from None

    def _published(self, call: Callable[..., Any]) -> Any:
        free = self._free
        producer = free.pop() if free else self._new()
        asked = {"mandatory": True} if producer.on_return else {}
        try:
            found = call(producer=producer, retry=True, retry_policy=_RETRY, **asked)
        except BaseException:
            producer.__connection__.collect()
            raise
        free.append(producer)
        return found

    def _new(self) -> Any:
        plain = self._app.connection_for_write()
        driver = plain.transport.driver_name
        options = _LIMITS.get(driver, {}) | plain.transport_options | _MUST.get(driver, {})
        connection = self._app.connection_for_write(
            connect_timeout=_STEP, transport_options=options
        )
        if driver == _RETURNING:
            return _returning(self._app.amqp.Producer, connection)
        return self._app.amqp.Producer(connection, auto_declare=False)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._home.move(self._renew)
        while self._free:
            self._free.pop().__connection__.collect()


def _returning(make: Callable[..., Any], connection: Any) -> Any:
    """Return a producer that takes a message to a queue, or raises.

    RabbitMQ confirms what no queue takes, after it has returned it. Celery declares a queue once
    for each connection, and somebody may delete it. So it is declared again, and the message is
    published once more. Only what is ``mandatory`` is returned, and so not the events of Celery.
    """
    returned: list[str] = []

    def note(error: Exception, exchange: str, key: str, message: Any) -> None:
        returned.append(f"exchange {exchange!r}, routing key {key!r}")

    producer = make(connection, auto_declare=False, on_return=note)
    publish = producer.publish

    def publish_to_a_queue(*args: Any, **options: Any) -> Any:
        for _ in range(2):
            returned.clear()
            found = publish(*args, **options)
            if not returned:
                return found
            connection.declared_entities.clear()
        raise TransportError(
            f"the batch was not handed over: no queue of RabbitMQ takes it ({returned[0]}); "
            "bind a queue to this exchange, or write CeleryDispatcher(app, queue='…')"
        )

    producer.publish = publish_to_a_queue
    return producer


def _failure(error: Exception) -> TransportError:
    """Return our error for one of the broker's, without its frames: they know the password."""
    if isinstance(error, TransportError):
        return error.with_traceback(None)
    inner = error.__cause__ or error  # kombu wraps what another library raised
    return TransportError(f"the batch was not handed over: {_words_of(inner)}")


def _words_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {one_line(str(error))}".rstrip(": ")
