"""Spans and metrics of a client, as an SDK of OpenTelemetry receives them."""

import contextlib
import gc
import subprocess
import sys
import threading

import pytest
from fault_server import FakeTime
from opentelemetry import context, metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from mpfluent import (
    ApiError,
    Batch,
    Client,
    Configuration,
    ConfigurationError,
    EventsApi,
    FunctionTransport,
    HandOverDispatcher,
    Outbox,
    RecordingTransport,
    Response,
    Retry,
    SyncDispatcher,
    ThreadedDispatcher,
    TransportError,
)
from mpfluent.integrations import opentelemetry as integration
from mpfluent.integrations.opentelemetry import instrument, uninstrument
from mpfluent.testing import LocalServer

SOON = 5.0
WORDS = "words-of-the-payload"
BATCH = Batch.for_user(customer_id=WORDS).event(WORDS, {WORDS: WORDS})
US1 = {"server.address": "s2s.us1.mparticle.com", "server.port": 443}


class Telemetry:
    """An SDK that keeps what it receives in memory."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    def instrument(self, client):
        instrument(client, tracer_provider=self.tracers, meter_provider=self.meters)
        return client

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def metrics(self):
        """Return the points by name: attributes, and value."""
        data = self.reader.get_metrics_data()
        found = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                assert scope.scope.name == "mpfluent"
                for metric in scope.metrics:
                    assert metric.unit == "{batch}"
                    points = metric.data.data_points
                    found[metric.name] = [(dict(point.attributes), point.value) for point in points]
        return found

    def gauge(self, name):
        return sum(value for _, value in self.metrics()[name])

    def counts(self):
        """Return how many batches were counted by outcome and reason."""
        return {
            (at["mpfluent.outcome"], at.get("mpfluent.reason")): value
            for at, value in self.metrics().get("mpfluent.batches", [])
        }


@pytest.fixture
def telemetry():
    made = Telemetry()
    yield made
    made.tracers.shutdown()
    made.meters.shutdown()


def client_of(transport=None, **options):
    options.setdefault("environment", "production")
    return Client("key", "s3cr3t", transport=transport or RecordingTransport(), **options)


def background(transport=None, **options):
    dispatcher = ThreadedDispatcher(**{"flush_interval": 0, **options})
    return client_of(transport, dispatcher=dispatcher, retry=Retry(base=0))


# Spans


def test_a_request_is_a_span_by_the_semantic_conventions(telemetry):
    transport, time = RecordingTransport(), FakeTime()
    dispatcher = SyncDispatcher(clock=time.monotonic, wall=time.wall, sleep=time.sleep)
    client = telemetry.instrument(client_of(transport, dispatcher=dispatcher))
    client.send(BATCH, BATCH)

    (span,) = telemetry.spans
    assert span.name == "POST"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    assert span.instrumentation_scope.name == "mpfluent"
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "url.full": "https://s2s.us1.mparticle.com/v2/bulkevents",
        **US1,
        "http.response.status_code": 202,
        "http.request.body.size": len(transport.requests[0].body),
        "mpfluent.batches": 2,
        "mpfluent.attempt": 1,
    }
    assert span.start_time == span.end_time == int(time.wall() * 1e9)


def test_a_span_lasts_as_long_as_the_attempt(telemetry):
    time = FakeTime()

    def answer(request):
        time.now += 1.5
        return 202

    dispatcher = SyncDispatcher(clock=time.monotonic, wall=time.wall, sleep=time.sleep)
    client = telemetry.instrument(client_of(FunctionTransport(answer), dispatcher=dispatcher))
    began = time.wall()
    client.send(BATCH)

    (span,) = telemetry.spans
    assert span.start_time == pytest.approx(began * 1e9)
    assert span.end_time - span.start_time == pytest.approx(1.5e9)


def test_each_attempt_is_a_span(telemetry):
    client = telemetry.instrument(client_of(RecordingTransport(503, 429), retry=Retry(base=0)))
    client.send(BATCH)

    assert [
        (
            span.attributes["http.response.status_code"],
            span.attributes.get("http.request.resend_count"),
            span.attributes["mpfluent.attempt"],
            span.attributes.get("error.type"),
            span.status.status_code,
        )
        for span in telemetry.spans
    ] == [
        (503, None, 1, "503", StatusCode.ERROR),
        (429, 1, 2, "429", StatusCode.ERROR),
        (202, 2, 3, None, StatusCode.UNSET),
    ]


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 500])
def test_a_refusal_is_an_error(status, telemetry):
    body = b'{"errors":[{"code":"NO","message":"free text of the server\'s"}]}'
    transport = RecordingTransport(Response(status, {}, body))
    client = telemetry.instrument(client_of(transport, retry=Retry(max_attempts=1)))
    with pytest.raises(ApiError):
        client.send(BATCH)

    (span,) = telemetry.spans
    assert span.attributes["error.type"] == str(status)
    assert span.status.status_code is StatusCode.ERROR
    assert "free text" not in span.to_json()


@pytest.mark.parametrize(
    ("error", "name"),
    [(TransportError(WORDS), "TransportError"), (ConnectionResetError(WORDS), None)],
)
def test_no_answer_is_an_error_with_the_name_of_what_was_raised(error, name, telemetry):
    def answer(request):
        raise error

    transport = FunctionTransport(answer)
    client = telemetry.instrument(client_of(transport, retry=Retry(max_attempts=1)))
    with pytest.raises(TransportError):
        client.send(BATCH)

    (span,) = telemetry.spans
    assert span.attributes["error.type"] == (name or "ConnectionResetError")
    assert "http.response.status_code" not in span.attributes
    assert span.status.status_code is StatusCode.ERROR
    assert WORDS not in span.to_json()


def test_a_span_shows_the_host_and_no_secret(telemetry):
    with LocalServer() as server:
        client = telemetry.instrument(
            Client("key", "secret", environment="development", host=f"{server.url}")
        )
        client.send(BATCH)

    (span,) = telemetry.spans
    assert span.attributes["server.address"] == "127.0.0.1"
    assert span.attributes["server.port"] == int(server.url.rpartition(":")[2])
    assert span.attributes["url.full"] == f"{server.url}/v2/events"
    assert "secret" not in span.to_json()
    assert "Basic" not in span.to_json()


def test_a_request_in_the_callers_thread_is_a_child_of_the_current_span(telemetry):
    client = telemetry.instrument(client_of())
    tracer = telemetry.tracers.get_tracer("application")
    with tracer.start_as_current_span("view") as view:
        client.send(BATCH)
    client.send(BATCH)

    inner, _, outer = telemetry.spans
    assert inner.parent.span_id == view.get_span_context().span_id
    assert outer.parent is None


@pytest.mark.parametrize("coalesce", [False, True])
def test_a_request_of_a_worker_has_no_parent_wherever_it_was_sent(coalesce, telemetry):
    client = telemetry.instrument(background(coalesce=coalesce))
    tracer = telemetry.tracers.get_tracer("application")
    with tracer.start_as_current_span("view"):
        client.send(BATCH).wait(SOON)
    client.close()

    request, view = telemetry.spans
    assert (request.name, view.name) == ("POST", "view")
    assert request.parent is None
    assert request.context.trace_id != view.context.trace_id


def test_a_worker_that_was_started_within_a_span_is_nobodys_child(telemetry):
    inherited = []

    def start(work):  # as an instrumentation of threads does
        current = context.get_current()

        def run():
            token = context.attach(current)
            inherited.append(trace.get_current_span().get_span_context().is_valid)
            try:
                work()
            finally:
                context.detach(token)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    client = telemetry.instrument(background(start=start))
    with telemetry.tracers.get_tracer("application").start_as_current_span("view"):
        client.send(BATCH).wait(SOON)
    client.close()

    assert inherited == [True]
    assert telemetry.spans[0].parent is None


# Metrics


def test_batches_are_counted_by_outcome_and_reason(telemetry):
    answers = RecordingTransport(202, 400, 202, 503, 202)
    client = telemetry.instrument(
        client_of(
            answers,
            retry=Retry(max_attempts=1),
            before_send=lambda batch: None if batch.mpid == 7 else batch,
        )
    )
    for batch in (BATCH, BATCH, BATCH, BATCH, Batch.for_user(mpid=7).event("x")):
        with contextlib.suppress(ApiError):
            client.send(batch)

    assert telemetry.counts() == {
        ("delivered", None): 2,
        ("failed", "rejected"): 1,
        ("failed", "retries_exhausted"): 1,
        ("failed", "filtered"): 1,
    }
    points = telemetry.metrics()["mpfluent.batches"]
    assert all(US1.items() <= attributes.items() for attributes, _ in points)


def test_a_client_that_is_off_is_counted_too(telemetry):
    client = telemetry.instrument(Client(environment="development", disabled=True))
    client.send(BATCH)

    assert telemetry.counts() == {("failed", "disabled"): 1}
    assert telemetry.spans == ()


def test_gauges_say_what_waits(telemetry):
    go, reached = threading.Event(), threading.Event()

    def answer(request):
        reached.set()
        return go.wait(SOON) and 202

    client = telemetry.instrument(background(FunctionTransport(answer)))
    assert telemetry.gauge("mpfluent.pending") == 0
    client.send(BATCH)
    assert reached.wait(SOON)
    for _ in range(3):
        client.send(BATCH)

    assert telemetry.gauge("mpfluent.pending") == 4
    assert telemetry.gauge("mpfluent.queue") == 3
    assert telemetry.gauge("mpfluent.outbox") == 0
    go.set()
    assert client.flush(SOON) is True
    assert telemetry.gauge("mpfluent.pending") == 0
    assert telemetry.gauge("mpfluent.queue") == 0
    client.close()


def test_gauges_say_what_the_outbox_holds_and_open_none(tmp_path, telemetry):
    path = tmp_path / "outbox.db"
    client = telemetry.instrument(
        background(RecordingTransport(*[401] * 9), outbox=Outbox(path), flush_interval=600)
    )
    assert telemetry.gauge("mpfluent.outbox") == 0
    assert list(tmp_path.iterdir()) == []

    deliveries = [client.send(BATCH) for _ in range(3)]
    assert telemetry.gauge("mpfluent.outbox") == 3
    assert telemetry.gauge("mpfluent.queue") == 3

    assert deliveries[0].wait(SOON) is True  # they are kept
    assert telemetry.gauge("mpfluent.outbox") == 3
    assert telemetry.gauge("mpfluent.queue") == 0
    assert telemetry.gauge("mpfluent.pending") == 3
    client.close(0)


def test_clients_of_one_server_add_up_and_others_are_apart(telemetry):
    options = {"flush_interval": 600}
    clients = [telemetry.instrument(background(**options)) for _ in range(2)]
    other = telemetry.instrument(
        client_of(pod="eu1", dispatcher=ThreadedDispatcher(flush_interval=600))
    )
    for client in (*clients, other):
        client.send(BATCH)

    found = {at["server.address"]: n for at, n in telemetry.metrics()["mpfluent.queue"]}
    assert found == {"s2s.us1.mparticle.com": 2, "s2s.eu1.mparticle.com": 1}
    for client in (*clients, other):
        client.close()
    delivered = [n for _, n in telemetry.metrics()["mpfluent.batches"]]
    assert sorted(delivered) == [1, 2]


@pytest.mark.parametrize("coalesce", [False, True])
def test_counters_are_the_numbers_of_stats(coalesce, telemetry):
    client = telemetry.instrument(background(RecordingTransport(400), coalesce=coalesce, workers=3))
    deliveries = [client.send(BATCH) for _ in range(500)]
    for delivery in deliveries:
        assert delivery.wait(SOON)
    client.close()

    counts = telemetry.counts()
    assert sum(counts.values()) == 500
    assert counts.get(("failed", "rejected"), 0) == client.stats.failed
    assert counts[("delivered", None)] == client.stats.delivered


def test_the_vendors_calls_are_seen_too(telemetry):
    configuration = Configuration(
        api_key="key",
        api_secret="secret",
        environment="development",
        transport=RecordingTransport(),
    )
    telemetry.instrument(configuration.client)
    api = EventsApi(configuration)
    api.upload_events(BATCH)
    api.upload_events(BATCH, callback=lambda *answer: None).join(SOON)
    api.close()

    assert telemetry.counts() == {("delivered", None): 2}
    assert len(telemetry.spans) == 2


def test_a_dispatcher_of_ones_own_need_not_know(telemetry):
    class OwnDispatcher:
        waits, max_elapsed = True, 15.0

        def __init__(self):
            self._to = SyncDispatcher()

        def __getattr__(self, name):
            if name in ("waiting", "stored"):
                raise AttributeError(name)
            return getattr(self._to, name)

    client = telemetry.instrument(client_of(dispatcher=OwnDispatcher()))
    client.send(BATCH)

    assert telemetry.gauge("mpfluent.queue") == 0
    assert len(telemetry.spans) == 1


def test_a_batch_that_is_handed_over_is_an_outcome_of_its_own(telemetry):
    client = telemetry.instrument(client_of(dispatcher=HandOverDispatcher(lambda job: None)))
    client.send(BATCH)

    assert telemetry.counts() == {("handed_over", None): 1}
    assert telemetry.gauge("mpfluent.pending") == 0
    assert telemetry.spans == ()


# Once, and no more


def test_a_client_that_is_instrumented_twice_is_seen_once(telemetry):
    client = telemetry.instrument(telemetry.instrument(client_of()))
    instrument(client)
    client.send(BATCH)

    assert len(telemetry.spans) == 1
    assert telemetry.counts() == {("delivered", None): 1}


def test_a_client_that_is_no_longer_instrumented_is_not_seen(telemetry):
    client = telemetry.instrument(background(flush_interval=600))
    client.send(BATCH)
    uninstrument(client)
    uninstrument(client)
    client.close()

    assert telemetry.spans == ()
    assert telemetry.counts() == {}
    assert telemetry.metrics().get("mpfluent.queue", []) == []


def test_a_client_can_be_instrumented_again(telemetry):
    client = telemetry.instrument(client_of())
    client.send(BATCH)
    uninstrument(client)
    client.send(BATCH)
    telemetry.instrument(client)
    client.send(BATCH)

    assert len(telemetry.spans) == 2
    assert telemetry.counts() == {("delivered", None): 2}


def test_a_client_that_nobody_has_any_more_is_not_kept(telemetry):
    client = telemetry.instrument(client_of())
    client.send(BATCH)
    del client
    gc.collect()

    assert telemetry.metrics().get("mpfluent.queue", []) == []
    assert telemetry.counts() == {("delivered", None): 1}


def test_without_an_sdk_nothing_happens():
    client = client_of()
    instrument(client)

    assert client.send(BATCH).state == "delivered"
    assert client.stats.hook_errors == 0
    uninstrument(client)


def test_the_providers_of_the_process_may_come_later():
    code = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from mpfluent import Batch, Client, RecordingTransport, ThreadedDispatcher
from mpfluent.integrations.opentelemetry import instrument

def client():
    made = Client("key", "secret", environment="development", transport=RecordingTransport(),
                  dispatcher=ThreadedDispatcher(flush_interval=600))
    instrument(made)
    return made

first = client()
exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
metrics.set_meter_provider(MeterProvider([reader]))
second = client()
for one in (first, second):
    one.send(Batch.for_user(customer_id="1").event("x"))

def values():
    (resource,) = reader.get_metrics_data().resource_metrics
    return {metric.name: [point.value for point in metric.data.data_points]
            for scope in resource.scope_metrics for metric in scope.metrics}

assert values()["mpfluent.queue"] == [2], values()
first.close()
second.close()
assert values()["mpfluent.batches"] == [2], values()
assert len(exporter.get_finished_spans()) == 2
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_what_raises_in_the_sdk_harms_no_delivery(caplog):
    class Broken(TracerProvider):
        def get_tracer(self, *args, **options):
            return self

        def start_span(self, *args, **options):
            raise ValueError(WORDS)

    client = client_of()
    instrument(client, tracer_provider=Broken(), meter_provider=metrics.NoOpMeterProvider())

    assert client.send(BATCH).state == "delivered"
    assert client.stats.hook_errors == 1
    assert WORDS not in caplog.text


# Mistakes


@pytest.mark.parametrize("call", [instrument, uninstrument])
def test_it_wants_a_client(call):
    name = call.__name__
    configuration = Configuration(api_key="key", api_secret="secret", environment="development")
    with pytest.raises(ConfigurationError) as raised:
        call("client")
    assert str(raised.value) == f"{name}('client'): want a Client, got str; write {name}(client)"
    with pytest.raises(ConfigurationError, match=rf"write {name}\(configuration\.client\)"):
        call(configuration)


def test_the_extra_is_named_where_the_package_is_missing(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError) as raised:
        integration.instrument(client_of())

    assert str(raised.value) == (
        "instrument(client) needs OpenTelemetry, which is not installed; "
        "write pip install 'mpfluent[otel]'"
    )
    assert raised.value.__cause__ is None


def test_nothing_of_it_loads_before_it_is_used():
    code = (
        "import sys; from mpfluent import Batch, Client, RecordingTransport, ThreadedDispatcher\n"
        "with Client('key', 'secret', environment='development', transport=RecordingTransport(),\n"
        "            dispatcher=ThreadedDispatcher()) as client:\n"
        "    client.send(Batch().event('x'))\n"
        "assert not [n for n in sys.modules if 'opentelemetry' in n or 'integrations' in n]\n"
        "import mpfluent.integrations.opentelemetry\n"
        "assert not [n for n in sys.modules if n.startswith('opentelemetry')]\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
