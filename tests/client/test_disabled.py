"""A client that is off, and what the variables of the environment say to a client."""

import pytest

from mpfluent import (
    Batch,
    Client,
    Configuration,
    ConfigurationError,
    DeliveryError,
    EventsApi,
    InvalidBatch,
    Outbox,
    RecordingTransport,
    Response,
    SyncDispatcher,
    ThreadedDispatcher,
    TooLarge,
)
from mpfluent.testing import LocalServer

BATCH = Batch.for_user(customer_id="1").event("Searched")
PODS = ("us1", "us2", "eu1", "au1")


def off(**options):
    options.setdefault("environment", "development")
    return Client(disabled=True, **options)


def adds_up(client):
    stats = client.stats
    return stats.submitted == stats.delivered + stats.failed + stats.pending


@pytest.mark.parametrize("dispatcher", [SyncDispatcher, ThreadedDispatcher])
def test_a_client_that_is_off_drops_each_batch_and_says_why(dispatcher):
    transport, failures, called = RecordingTransport(), [], []
    client = off(
        transport=transport,
        dispatcher=dispatcher(),
        on_failed=lambda batch, error: failures.append((batch, error)),
    )
    delivery = client.send(BATCH, BATCH, callback=called.append)

    assert delivery.state == "failed"
    assert delivery.result(0) == Response(0)
    assert [error.reason for error in delivery.failures] == ["disabled", "disabled"]
    assert [str(error) for _, error in failures] == [
        "the client is disabled; the batch was not sent"
    ] * 2
    assert [error.batch for _, error in failures] == [batch for batch, _ in failures]
    assert all(batch.source_request_id for batch, _ in failures)  # sealed, as always
    assert called == [delivery]
    assert client.stats[:4] == (2, 0, 2, 0)
    assert client.stats.failed_by_reason == {"disabled": 2}
    assert client.flush() is True
    assert client.close() == (0, 2, 0, 0)
    assert transport.requests == []


def test_a_client_that_is_off_says_so():
    client = off()

    assert repr(client) == "<Client https://s2s.us1.mparticle.com development disabled>"
    client.close()
    assert repr(client) == "<Client https://s2s.us1.mparticle.com development disabled closed>"
    assert "disabled" not in repr(Client("key", "secret"))


def test_send_all_of_a_client_that_is_off_counts():
    report = off().send_all([BATCH] * 250)

    assert report[:5] == (250, 0, 250, 0, {"disabled": 250})


@pytest.mark.parametrize(
    ("batch", "error"),
    [
        (Batch().event("x" * 300), InvalidBatch),
        (Batch().event("x", {"a": "y" * 130_000}), InvalidBatch),
        (Batch().with_environment("production").crash_report(message="y" * 130_000), TooLarge),
        (5, InvalidBatch),
    ],
)
def test_a_client_that_is_off_checks_everything_as_always(batch, error):
    client = off()

    with pytest.raises(error):
        client.send(batch)
    assert client.stats.submitted == 0


def test_a_client_that_is_off_wants_an_environment_as_always():
    with pytest.raises(InvalidBatch, match="the batch has no environment"):
        off(environment=None).send(BATCH)


def test_a_client_that_is_off_calls_before_send():
    seen = []
    client = off(before_send=lambda batch: seen.append(batch))

    assert client.send(BATCH).failures[0].reason == "filtered"
    assert len(seen) == 1


def test_a_client_that_is_off_raises_what_before_send_raised():
    def fail(batch):
        raise ValueError("no")

    with pytest.raises(DeliveryError, match="before_send raised ValueError"):
        off(before_send=fail).send(BATCH)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"pod": "us3"}, "not a pod"),
        ({"host": "http://events.example.com"}, "plain http"),
        ({"environment": "prod"}, "not an environment"),
        ({"transport": 5}, "want an object with a method send"),
        ({"api_key": " key", "api_secret": "secret"}, "has spaces around it"),
        ({"on_failed": 5}, "want a function"),
        ({"platfrom": "x"}, "has no option"),
    ],
)
def test_a_client_that_is_off_checks_its_settings_as_always(options, text):
    with pytest.raises(ConfigurationError, match=text):
        off(**options)


def test_a_dispatcher_belongs_to_a_client_that_is_off_too():
    dispatcher = ThreadedDispatcher()
    off(dispatcher=dispatcher)

    with pytest.raises(ConfigurationError, match="a dispatcher belongs to one client"):
        off(dispatcher=dispatcher)


def test_a_client_that_is_off_leaves_an_outbox_as_it_is(tmp_path):
    path = tmp_path / "outbox.db"
    with off(dispatcher=ThreadedDispatcher(outbox=Outbox(path))) as client:
        client.send(BATCH)
        client.send_all([BATCH])
        assert client.flush(1) is True
    assert list(tmp_path.iterdir()) == []


def test_a_client_that_is_off_sends_nothing_that_an_outbox_has_from_before(tmp_path):
    path = tmp_path / "outbox.db"
    options = {"environment": "development", "api_key": "key", "api_secret": "secret"}
    with Client(
        **options,
        transport=RecordingTransport(*[401] * 5),
        dispatcher=ThreadedDispatcher(outbox=Outbox(path)),
    ) as client:
        assert client.send(BATCH).wait(5)
    before = path.read_bytes()
    sent = RecordingTransport()
    with Client(
        **options,
        transport=sent,
        dispatcher=ThreadedDispatcher(outbox=Outbox(path)),
        disabled=True,
    ) as client:
        client.send(BATCH)
        client.flush(1)
    assert sent.requests == []
    assert path.read_bytes() == before

    with Client(
        **options, transport=sent, dispatcher=ThreadedDispatcher(outbox=Outbox(path))
    ) as client:
        assert client.flush(5) is True
    assert len(sent.requests) == 1


def test_a_client_that_is_off_closes_the_transport_it_was_given():
    class Closing(RecordingTransport):
        closed = 0

        def close(self):
            self.closed += 1

    transport = Closing()
    off(transport=transport).close()

    assert transport.closed == 1


def test_a_client_that_is_off_still_says_what_curl_would_send():
    assert off(new_id=lambda: "an-id").to_curl(BATCH).startswith("curl --user ")


def test_a_client_that_is_off_is_closed_like_any_other():
    client = off()
    client.close()

    with pytest.raises(DeliveryError, match="the client is closed"):
        client.send(BATCH)


def test_the_vendors_calls_are_off_too():
    called = []
    configuration = Configuration(environment="development", disabled=True)
    api = EventsApi(configuration)

    assert api.upload_events(BATCH) == (None, 0, {})
    assert api.bulk_upload_events([BATCH, BATCH]) == (None, 0, {})
    upload = api.upload_events(BATCH, callback=lambda *answer: called.append(answer))
    upload.join(5)
    assert upload.result(5) == (None, 0, {})
    assert called == [(None, 0, {})]
    assert "disabled" in repr(configuration)
    assert configuration.client.stats[:4] == (4, 0, 4, 0)
    api.close()


@pytest.mark.parametrize("given", [1, 0, "yes", "", "1", []])
def test_disabled_is_true_or_false(given):
    with pytest.raises(ConfigurationError) as raised:
        Client("key", "secret", disabled=given)

    assert str(raised.value) == (
        f"Client(disabled={given!r}): want True or False; write disabled=True"
    )


# The variables


@pytest.mark.parametrize("value", ["1", "true", "TRUE", "True", "yes", "on", "ON", " 1 "])
def test_a_variable_turns_a_client_off(value, monkeypatch):
    monkeypatch.setenv("MPFLUENT_DISABLED", value)

    assert Client(environment="development").send(BATCH).failures[0].reason == "disabled"


@pytest.mark.parametrize("value", ["0", "", "false", "False", "no", "off", "OFF"])
def test_a_variable_leaves_a_client_on(value, monkeypatch):
    monkeypatch.setenv("MPFLUENT_DISABLED", value)
    transport = RecordingTransport()
    Client("key", "secret", environment="development", transport=transport).send(BATCH)

    assert len(transport.requests) == 1
    with pytest.raises(ConfigurationError, match="api_key=…\\): is missing"):
        Client(environment="development")


@pytest.mark.parametrize("value", ["2", "maybe", "disabled", "-1", "y e s"])
def test_an_odd_variable_is_an_error_that_names_it(value, monkeypatch):
    monkeypatch.setenv("MPFLUENT_DISABLED", value)

    with pytest.raises(ConfigurationError) as raised:
        Client("key", "secret")
    assert str(raised.value) == (
        f"MPFLUENT_DISABLED={value!r}: want one of 1, true, yes, on, or one of 0, false, no, off; "
        "write MPFLUENT_DISABLED=1"
    )
    with pytest.raises(ConfigurationError, match="MPFLUENT_DISABLED"):
        Configuration(api_key="key", api_secret="secret")


@pytest.mark.parametrize("value", ["1", "maybe"])
def test_disabled_wins_over_the_variable(value, monkeypatch):
    monkeypatch.setenv("MPFLUENT_DISABLED", value)
    sent = RecordingTransport()
    Client("key", "secret", environment="development", transport=sent, disabled=False).send(BATCH)

    assert len(sent.requests) == 1
    assert "disabled" in repr(Client(disabled=True))


def test_keys_that_are_empty_are_no_keys_and_not_needed(monkeypatch):
    monkeypatch.setenv("MPARTICLE_API_KEY", "")
    monkeypatch.setenv("MPARTICLE_API_SECRET", "")

    assert off().send(BATCH).state == "failed"


@pytest.mark.parametrize("environment", ["development", "production"])
def test_a_variable_says_the_environment(environment, monkeypatch):
    monkeypatch.setenv("MPARTICLE_ENVIRONMENT", environment)
    sent = RecordingTransport()
    client = Client("key", "secret", transport=sent)
    client.send(BATCH)
    other = "production" if environment == "development" else "development"
    Client("key", "secret", environment=other, transport=sent).send(BATCH)
    client.send(BATCH.with_environment(other))

    assert repr(client) == f"<Client https://s2s.us1.mparticle.com {environment}>"
    assert [batch.environment for batch in sent.batches] == [environment, other, other]


@pytest.mark.parametrize("pod", PODS)
def test_a_variable_says_the_pod(pod, monkeypatch):
    monkeypatch.setenv("MPARTICLE_POD", pod)

    assert repr(Client("key", "secret")) == f"<Client https://s2s.{pod}.mparticle.com>"
    for given in PODS:
        assert repr(Client("key", "secret", pod=given)) == (
            f"<Client https://s2s.{given}.mparticle.com>"
        )


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "MPARTICLE_ENVIRONMENT",
            "prod",
            "MPARTICLE_ENVIRONMENT='prod': not an environment; did you mean 'production'? "
            "(development, production)",
        ),
        (
            "MPARTICLE_ENVIRONMENT",
            "staging",
            "MPARTICLE_ENVIRONMENT='staging': not an environment; "
            "want one of development, production",
        ),
        (
            "MPARTICLE_POD",
            "us3",
            "MPARTICLE_POD='us3': not a pod; did you mean 'us2'? (us1, us2, eu1, au1)",
        ),
        (
            "MPARTICLE_POD",
            "https://x",
            "MPARTICLE_POD='https://x': not a pod; want one of us1, us2, eu1, au1",
        ),
    ],
)
@pytest.mark.parametrize("disabled", [False, True])
def test_a_wrong_variable_is_an_error_that_names_it(name, value, text, disabled, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as raised:
        Client("key", "secret", disabled=disabled)

    assert str(raised.value) == text
    with pytest.raises(ConfigurationError, match=name):
        Configuration(api_key="key", api_secret="secret", disabled=disabled)


@pytest.mark.parametrize("name", ["MPARTICLE_ENVIRONMENT", "MPARTICLE_POD"])
def test_a_variable_that_is_empty_is_not_set(name, monkeypatch):
    monkeypatch.setenv(name, "")

    assert repr(Client("key", "secret")) == "<Client https://s2s.us1.mparticle.com>"


@pytest.mark.parametrize("pod", ["eu1", "nowhere"])
def test_a_host_wins_over_the_variable_of_the_pod(pod, monkeypatch):
    monkeypatch.setenv("MPARTICLE_POD", pod)
    with LocalServer() as server:
        options = {"environment": "development", "host": server.url}
        Client("key", "secret", **options).send(BATCH)

        assert len(server.requests) == 1


def test_the_fixture_of_the_plugin_sends_whatever_the_variables_say(
    pytester, monkeypatch, no_others
):
    monkeypatch.setenv("MPFLUENT_DISABLED", "1")
    monkeypatch.setenv("MPARTICLE_POD", "nowhere")
    monkeypatch.setenv("MPARTICLE_ENVIRONMENT", "nothing")
    pytester.makepyfile(
        """
        from mpfluent import Batch

        def test_it(mparticle_client, mparticle_sent):
            assert mparticle_client.send(Batch().event("x")).state == "delivered"
            assert mparticle_sent.requests[0].url == "https://s2s.us1.mparticle.com/v2/events"
        """
    )
    pytester.runpytest_subprocess("-p", "mpfluent").assert_outcomes(passed=1)
