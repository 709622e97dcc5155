"""What a prompt shows: public names, and help with real signatures and examples."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
import re
import rlcompleter
from unittest import mock

import jedi
import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter

import mpfluent
from mpfluent import (
    AppEvent,
    Batch,
    Client,
    Configuration,
    EventsApi,
    FileTransport,
    FunctionTransport,
    Outbox,
    PrintingTransport,
    Product,
    RecordingTransport,
    Request,
    RequestsTransport,
    Response,
    Retry,
    Session,
    SyncDispatcher,
    ThreadedDispatcher,
    UserIdentities,
)
from mpfluent.testing import LocalServer

NOW = "2026-11-23T10:15:00Z"
BATCH = Batch.for_user(email="user@example.com").event("Searched", {"query": "teapot"})
SESSION = Session.start(session_id=42, at=NOW)
CONFIGURATION = Configuration(
    api_key="key", api_secret="secret", transport=RecordingTransport(), environment="development"
)
CLIENT = CONFIGURATION.client
VALUES = [
    BATCH,
    SESSION,
    BATCH.events[0],
    BATCH.events[0].attributes,
    Product("sku-1"),
    UserIdentities(email="user@example.com"),
    CLIENT,
    CLIENT.send(BATCH),
    CONFIGURATION,
    EventsApi(CONFIGURATION),
    EventsApi(CONFIGURATION).upload_events(BATCH, lambda *_: None),
    Retry(),
    RecordingTransport(),
    RequestsTransport(),
    PrintingTransport(),
    FileTransport("batches.jsonl"),
    FunctionTransport(lambda _: 202),
    SyncDispatcher(),
    ThreadedDispatcher(),
    Outbox("outbox.db"),
    Request("https://example.com/", b"", {}),
    Response(202),
    LocalServer(),
]
EXPECTED = {
    "Batch": {"purchase", "with_device", "merge", "to_json", "user_identities", "events"},
    "Session": {"purchase", "end", "events", "at"},
    "AppEvent": {"event_name", "attributes", "at", "to_json"},
    "Client": {"send", "send_all", "flush", "close", "stats"},
    "FrozenMap": {"get", "items", "keys", "values"},
    "Response": {"status_code", "headers", "body"},
}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_dir_of_an_object_shows_its_public_names_only(value):
    names = dir(value)

    assert [name for name in names if name.startswith("_")] == []
    assert set(names) >= EXPECTED.get(type(value).__name__, set())
    assert names


@pytest.mark.parametrize("cls", [Batch, Session, AppEvent, Product], ids=lambda cls: cls.__name__)
def test_dir_of_a_class_leaves_out_what_is_ours_alone(cls):
    names = set(dir(cls))
    hidden = {name for base in cls.__mro__ for name in vars(base)} - names

    assert {name for name in names if name[0] == "_" and name[:2] != "__"} == set()
    assert {"__init__", "__eq__", "__hash__", "__reduce__", "__doc__"} <= names
    assert {name for name in hidden if name[0] != "_"} == set()


VERBS = [
    (cls, name)
    for cls in (Batch, Session)
    for name in dir(cls)
    if not name.startswith("_") and callable(getattr(cls, name))
]


@pytest.mark.parametrize(
    ("cls", "verb"), VERBS, ids=[f"{cls.__name__}.{name}" for cls, name in VERBS]
)
def test_help_on_a_verb_shows_a_signature_and_an_example(cls, verb):
    function = getattr(cls, verb)
    text = pydoc.render_doc(function, renderer=pydoc.plaintext)
    shown = text.partition("\n\n")[2].partition(inspect.getdoc(function).splitlines()[0])[0]
    parameters = inspect.signature(function).parameters

    assert shown.startswith(f"{verb}(")
    assert "Unpack" not in text
    for name in parameters:
        assert re.search(rf"\b{name}\b", shown), name
    open_ended = {"with_user_attributes", "pipe"}  # these take names of the caller's
    assert verb in open_ended or "**" not in shown
    assert ">>> " in text


def test_help_on_an_object_is_that_on_its_class():
    on_class = pydoc.render_doc(Batch, renderer=pydoc.plaintext)
    on_value = pydoc.render_doc(BATCH, renderer=pydoc.plaintext)

    assert re.search(r"purchase\([\s|]*self", on_value)
    assert on_value.splitlines()[2:] == on_class.splitlines()[2:]


@pytest.mark.parametrize("value", [BATCH, SESSION, BATCH.events[0], Product("sku-1")], ids=repr)
def test_what_reads_dir_still_works(value):
    cls = type(value)
    double = mock.create_autospec(cls, instance=True)

    assert copy.copy(value) == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value
    assert isinstance(double, cls)
    assert inspect.getmembers(value)
    assert "__eq__" in dict(inspect.getmembers(cls))


def test_a_double_of_a_batch_knows_the_verbs_and_their_arguments():
    double = mock.create_autospec(Batch, instance=True)
    double.event("Searched", {"query": "teapot"})

    double.event.assert_called_once_with("Searched", {"query": "teapot"})
    with pytest.raises(TypeError):
        double.screen_view()
    with pytest.raises(AttributeError):
        double.purchse()


def test_a_double_of_a_client_knows_its_methods():
    double = mock.create_autospec(Client, instance=True)
    double.send(BATCH)

    double.send.assert_called_once_with(BATCH)


LIVE = {
    "mpfluent": mpfluent,
    "Batch": Batch,
    "Session": Session,
    "batch": BATCH,
    "event": BATCH.events[0],
    "session": SESSION,
    "client": CLIENT,
    "delivery": CLIENT.send(BATCH),
}
# After a batch: its verbs, and the fields of what it holds.
AFTER_A_DOT = [
    ("event.event_n", "event_name"),
    ("event.attr", "attributes"),
    ("batch.user_identities.em", "email"),
    ("session.ev", "event"),
    ("client.sen", "send_all"),
    ("client.sta", "stats"),
    ("delivery.res", "result"),
]
IN_A_CHAIN = [
    ("Batch.from_json('{}').pur", "purchase"),
    ("Batch.from_dict({}).with_dev", "with_device"),
    ("Batch.for_device(platform='iOS').pur", "purchase"),
    ("Session.start(session_id=1).pur", "purchase"),
    ("Session.start(session_id=1).event('x').en", "end"),
    ("client.send(batch).res", "result"),
]


@pytest.mark.together("jedi")  # it reads the library once for each process
@pytest.mark.parametrize(("text", "wanted"), AFTER_A_DOT + IN_A_CHAIN)
def test_jedi_completes(text, wanted):
    found = {completion.name for completion in jedi.Interpreter(text, [LIVE]).complete()}

    assert wanted in found


@pytest.mark.together("jedi")
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("from mpfluent import Bat", "Batch"),
        ("import mpfluent\nmpfluent.Bat", "Batch"),
        ("from mpfluent import *\nBatch().with_dev", "with_device"),
        ("from mpfluent import *\n__vers", "__version__"),
    ],
)
def test_jedi_completes_in_a_file_that_nobody_has_run(text, wanted):
    assert wanted in [completion.name for completion in jedi.Script(text).complete()]


@pytest.mark.together("jedi")
@pytest.mark.parametrize(("text", "wanted"), AFTER_A_DOT + IN_A_CHAIN)
def test_ipython_completes(text, wanted):
    with provisionalcompleter():
        completions = IPCompleter(namespace=LIVE).completions(text, len(text))
        found = {completion.text.rpartition(".")[2] for completion in completions}

    assert wanted in found


@pytest.mark.parametrize(("text", "wanted"), AFTER_A_DOT)
def test_pythons_own_prompt_completes(text, wanted):
    completer = rlcompleter.Completer(LIVE)
    found = [completer.complete(text, state) for state in range(20)]
    names = {name.rpartition(".")[2].rstrip("()") for name in found if name}

    assert wanted in names


@pytest.mark.parametrize("name", ["batch", "event", "session", "client"])
def test_nothing_private_is_offered(name):
    completer = rlcompleter.Completer(LIVE)
    offered = completer.attr_matches(f"{name}.")

    assert [text for text in offered if text.startswith(f"{name}._")] == []
    assert isinstance(LIVE[name], Batch | mpfluent.Event | Session | Client)
