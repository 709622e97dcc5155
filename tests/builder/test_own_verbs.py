"""Verbs of users: two packages' verbs in one chain, and names that would hide others."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import jedi
import pytest

import mpfluent
from mpfluent import Batch, ConfigurationError, EventVerbs, RecordingTransport, Session, UnknownVerb

TYPING = Path(__file__).parents[1] / "typing"  # type checkers read the same packages there


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return where two packages are, and a module that combines their vocabularies."""
    made = tmp_path_factory.mktemp("packages")
    for path in TYPING.glob("example_*"):
        (shutil.copytree if path.is_dir() else shutil.copy)(path, made / path.name)
    return made


@pytest.fixture
def app(folder, monkeypatch):
    """Return the module that combines the vocabularies of two packages."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(folder)
    yield importlib.import_module("example_app")
    for name in set(sys.modules) - before:
        if name.startswith("example_"):
            del sys.modules[name]


def test_the_verbs_of_two_packages_chain_in_any_order(app):
    batch = (
        app.AppBatch.for_user(customer_id="1")
        .read_article("Teapots", seconds=40)
        .signed_up(plan="pro")
        .event("Searched")
        .read_article("Kettles")
        .with_device(platform="web")
        .bought("sku-1", "sku-2", total=20)
    )
    types_of_events = [event.event_type for event in batch.events]

    assert type(batch) is app.AppBatch
    assert types_of_events == [
        *("screen_view", "custom_event", "custom_event", "screen_view", "commerce_event"),
    ]


def test_they_chain_in_a_session_too_and_are_numbered_in_it(app):
    session = (
        app.AppSession.start(session_id=42, at="2026-11-23T10:15:00Z")
        .read_article("Teapots")
        .event("Searched", after=5)
        .signed_up(plan="pro")
        .end(after=5)
    )

    assert type(session) is app.AppSession
    assert [event.event_num for event in session.events] == [0, 1, 2, 3, 4]
    assert {event.session_id for event in session.events} == {42}
    assert len(app.AppBatch().add(session).bought("sku-1", total=1).events) == 6


def test_a_batch_with_a_users_verbs_is_a_batch(app):
    ours = app.AppBatch().signed_up(plan="pro")
    plain = Batch().event("Signed up", {"plan": "pro"}, type="user_preference")
    transport = RecordingTransport()
    with mpfluent.Client("k", "s", environment="development", transport=transport) as client:
        client.send(ours)

    assert ours == plain
    assert ours.to_json() == plain.to_json()
    assert hash(ours) == hash(plain)
    assert type(pickle.loads(pickle.dumps(ours))) is app.AppBatch
    assert type(app.AppBatch.from_json(plain.to_json())) is app.AppBatch
    assert type(ours + plain) is app.AppBatch
    assert transport.batches[0].events[0].event_name == "Signed up"


def test_a_misspelt_verb_of_a_user_is_answered_too(app):
    with pytest.raises(UnknownVerb) as caught:
        app.AppBatch().signd_up(plan="pro")

    assert str(caught.value) == "AppBatch has no verb 'signd_up'; did you mean 'signed_up'?"


COMPLETED = {
    "batch.sign": "signed_up",
    "batch.read": "read_article",
    "batch.event('x').sign": "signed_up",
    "batch.signed_up(plan='pro').read": "read_article",
    "batch.read_article('x').with_ip('::1').sign": "signed_up",
    "batch.read_article('x').pur": "purchase",
    "AppBatch.for_user(email='x').sign": "signed_up",
    "session.read": "read_article",
    "session.event('x').sign": "signed_up",
    "batch.signed_up(pl": "plan=",
    "batch.event('x').read_article('x', sec": "seconds=",
}
# in a process of its own: pytest loads the modules of its plugins' packages in a way of its own,
# and jedi finds less of them
COMPLETE = """
import gc, json, sys
gc.disable()  # which takes a quarter of the time, as jedi makes very many objects
import jedi
from IPython.core.completer import IPCompleter, provisionalcompleter
sys.path.insert(0, ".")
from example_app import AppBatch, AppSession

live = {"AppBatch": AppBatch, "batch": AppBatch(), "session": AppSession.start(session_id=1)}
found = {}
for text in json.load(sys.stdin):
    by_jedi = [completion.name for completion in jedi.Interpreter(text, [live]).complete()]
    with provisionalcompleter():
        completions = IPCompleter(namespace=live).completions(text, len(text))
        by_ipython = [each.text.rpartition(".")[2] for each in completions]
    found[text] = by_jedi, by_ipython
after = {}
for step in ("signed_up(plan='x')", "seen('x')"):
    text = f"from example_app import AppBatch; AppBatch().{step}."
    after[step] = [completion.name for completion in jedi.Script(text).complete()]
print(json.dumps([found, after]))
"""


@pytest.fixture(scope="module")
def completions(folder):
    """Return what completes each text, and what jedi alone finds after a step of an own verb."""
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE],
        input=json.dumps([*COMPLETED]),
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(mpfluent.__file__).parents[1]),
            # the cache that the tests of this worker share
            "XDG_CACHE_HOME": str(Path(jedi.settings.cache_directory).parent),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.together("jedi")
def test_only_jedi_loses_self_on_the_way_through_a_mixin(completions):
    _, after = completions

    assert "with_device" in after["signed_up(plan='x')"]
    assert "with_device" not in after["seen('x')"]


@pytest.mark.together("jedi")
def test_they_are_completed_on_live_objects(completions):
    found, _ = completions

    assert found.keys() == COMPLETED.keys()
    for text, (by_jedi, by_ipython) in found.items():
        assert COMPLETED[text] in by_jedi, text
        assert COMPLETED[text] in by_ipython, text


# Names that would hide others


def made(code, **names):
    """Make the classes of a piece of code, as a module of the user's would."""
    module = types.ModuleType("users_module")
    vars(module).update(Batch=Batch, EventVerbs=EventVerbs, Session=Session)
    vars(module).update(names)
    exec(textwrap.dedent(code), vars(module))
    return module


CLASHES = [
    (
        "class ShopVerbs(EventVerbs):\n  def click(self, button): return self.event('Click')",
        "ShopVerbs.click hides the verb EventVerbs.click(); write def shop_click(…), "
        "or call super().click(…) in it if that is meant",
    ),
    (
        "class ShopVerbs(EventVerbs):\n  purchase = None",
        "ShopVerbs.purchase hides the verb EventVerbs.purchase(); write def shop_purchase(…), "
        "or call super().purchase(…) in it if that is meant",
    ),
    (
        "class Shop(Batch):\n  def merge(self, other): return self",
        "Shop.merge hides the verb Batch.merge(); write def shop_merge(…), "
        "or call super().merge(…) in it if that is meant",
    ),
    (
        "class Shop(Batch):\n  def from_json(self): return self",
        "Shop.from_json hides the verb Batch.from_json(); write def shop_from_json(…), "
        "or call super().from_json(…) in it if that is meant",
    ),
    (
        "class ShopVerbs(EventVerbs):\n  def ip(self): return self.event('IP')\n"
        "class ShopBatch(ShopVerbs, Batch): pass",
        "ShopVerbs.ip hides the field Batch.ip; write shop_ip",
    ),
    (
        "class ShopVerbs(EventVerbs):\n  def at(self): return self.event('At')\n"
        "class ShopSession(ShopVerbs, Session): pass",
        "ShopVerbs.at hides the field Session.at; write shop_at",
    ),
    (
        "class ShopVerbs(EventVerbs):\n  def end(self): return self.event('End')\n"
        "class ShopSession(ShopVerbs, Session): pass",
        "ShopVerbs.end hides the verb Session.end(); write def shop_end(…), "
        "or call super().end(…) in it if that is meant",
    ),
    (
        "class ShopVerbs(EventVerbs):\n  def _event(self, name): return self.event(name)",
        "ShopVerbs._event hides a name that mpfluent needs itself; write _shop_event",
    ),
    *(
        (
            f"class ShopVerbs(EventVerbs):\n  {name} = 'shop'",
            f"ShopVerbs.{name} hides a name that mpfluent needs itself; write _shop{name}",
        )
        for name in ("_fields", "_wire", "_required", "_kind", "_has_rule", "_fill", "_with")
    ),
    (
        "class Plain:\n  def _fill(self, cup): return super()._fill(cup)\n"
        "class ShopBatch(Plain, Batch): pass",
        "Plain._fill hides a name that mpfluent needs itself; write _plain_fill",
    ),
    (
        "class Plain:\n  def events(self): return self.event('Events')\n"
        "class ShopBatch(Plain, Batch): pass",
        "Plain.events hides the field Batch.events; write plain_events",
    ),
    (
        "class Plain:\n  def context(self): return self.event('Context')\n"
        "class ShopBatch(Batch, Plain): pass",
        "Plain.context hides the field Batch.context; write plain_context",
    ),
    (
        "class ShopVerbs(EventVerbs):\n  def read(self): return self.event('Receipt')\n"
        "class NewsVerbs(EventVerbs):\n  def read(self): return self.event('Article')\n"
        "class AppBatch(ShopVerbs, NewsVerbs, Batch): pass",
        "ShopVerbs.read hides NewsVerbs.read in AppBatch; "
        "write read = ShopVerbs.read in AppBatch if that is meant",
    ),
    (  # only by its own name: that would call itself
        "class Shop(Batch):\n  def merge(self, other): return Shop.merge(self, other)",
        "Shop.merge hides the verb Batch.merge(); write def shop_merge(…), "
        "or call super().merge(…) in it if that is meant",
    ),
    (
        "class Shop(Batch):\n  @classmethod\n  def for_user(cls, **known): return cls()",
        "Shop.for_user hides the verb Batch.for_user(); write def shop_for_user(…), "
        "or call super().for_user(…) in it if that is meant",
    ),
    (
        "class ShopVerbs(EventVerbs):\n  def _named(self): return 'shop'\n"
        "class NewsVerbs(EventVerbs):\n  def _named(self): return 'news'\n"
        "class AppBatch(ShopVerbs, NewsVerbs, Batch): pass",
        "ShopVerbs._named hides NewsVerbs._named in AppBatch; "
        "write _named = ShopVerbs._named in AppBatch if that is meant",
    ),
]


@pytest.mark.parametrize(("code", "text"), CLASHES, ids=[text.split(";")[0] for _, text in CLASHES])
def test_a_name_that_hides_another_by_accident_is_an_error(code, text):
    with pytest.raises(ConfigurationError) as caught:
        made(code)

    assert str(caught.value) == text


MEANT = {
    "a verb calls the one that it hides": """
        class ShopVerbs(EventVerbs):
            def event(self, name, *args, **fields):
                return super().event(f"Shop: {name}", *args, **fields)
        class ShopBatch(ShopVerbs, Batch): pass
    """,
    "a verb is marked": """
        class ShopVerbs(EventVerbs):
            @override
            def click(self, button):
                return self.event("Click", {"button": button})
        class ShopBatch(ShopVerbs, Batch): pass
    """,
    "a class method calls the one that it hides": """
        class ShopBatch(Batch):
            @classmethod
            def for_user(cls, **known):
                return super().for_user(**known).with_environment("development")
            @classmethod
            def from_dict(cls, data, **options):
                return super().from_dict({"mpid": 7, **data}, **options)
    """,
    "a property reads the one that it hides": """
        class ShopBatch(Batch):
            @property
            def mpid(self):
                return super().mpid or 7
    """,
    "a marked property": """
        class ShopBatch(Batch):
            @property
            @override
            def mpid(self):
                return 7
    """,
    "a verb calls the one that it hides by the name of its class": """
        class ShopVerbs(EventVerbs):
            def event(self, name, *args, **fields):
                return EventVerbs.event(self, f"Shop: {name}", *args, **fields)
        class ShopBatch(ShopVerbs, Batch):
            def merge(self, other):
                return Batch.merge(self, other)
    """,
    "a verb calls the one that it hides in a function of its own": """
        def within():
            class Base(Batch):
                pass
            class ShopBatch(Base):
                def event(self, name, *args, **fields):
                    return (lambda: super(ShopBatch, self).event(name, *args, **fields))()
                def first_run(self, **fields):
                    def twice():
                        return super(ShopBatch, self).first_run(**fields)
                    return twice()
                def merge(self, other):
                    return Base.merge(self, other)
                def uninstall(self, **fields):
                    return [super(ShopBatch, self).uninstall(**fields) for _ in "a"][0]
        within()
    """,
    "two vocabularies work together": """
        class LoudVerbs(EventVerbs):
            def event(self, name, *args, **fields):
                return super().event(name.upper(), *args, **fields)
        class ShopVerbs(EventVerbs):
            def event(self, name, *args, **fields):
                return super().event(f"Shop: {name}", *args, **fields)
        class AppBatch(LoudVerbs, ShopVerbs, Batch): pass
    """,
    "the class that joins them says which": """
        class ShopVerbs(EventVerbs):
            def read(self): return self.event("Receipt")
        class NewsVerbs(EventVerbs):
            def read(self): return self.event("Article")
        class AppBatch(ShopVerbs, NewsVerbs, Batch):
            read = NewsVerbs.read
        class LaterBatch(AppBatch): pass
    """,
    "a vocabulary changes what it derives from": """
        class ShopVerbs(EventVerbs):
            def read(self): return self.event("Receipt")
        class BookVerbs(ShopVerbs):
            def read(self): return self.event("Book")
        class BookBatch(BookVerbs, Batch): pass
        class BothBatch(BookVerbs, ShopVerbs, Batch): pass
    """,
    "both have the same": """
        class Helper:
            CURRENCY = "EUR"
            def _named(self): return "x"
        class ShopVerbs(EventVerbs):
            CURRENCY = "EUR"
            _named = Helper._named
            _kind_of_shop = property(Helper._named)
        class NewsVerbs(EventVerbs):
            CURRENCY = "EUR"
            _named = Helper._named
            _kind_of_shop = property(Helper._named)
        class AppBatch(ShopVerbs, NewsVerbs, Batch): pass
    """,
    "a class has methods of Python's own": """
        class ShopBatch(Batch):
            __slots__ = ()
            def __repr__(self): return "shop"
            def __len__(self): return len(self.events)
    """,
}


def override(function):
    """Mark a function as ``typing.override`` does, which Python 3.11 has not."""
    function.__override__ = True
    return function


@pytest.mark.parametrize("code", MEANT.values(), ids=MEANT)
def test_what_is_meant_is_not_in_the_way(code):
    made(code, override=override)


class Grid:
    """Like an array of numpy's: what ``==`` gives has no truth."""

    def __eq__(self, other):
        return self

    def __bool__(self):
        raise ValueError("the truth value is ambiguous")

    __hash__ = None


def test_two_constants_are_never_compared_by_their_own_means():
    code = """
        class ShopVerbs(EventVerbs):
            SIZES = one
        class NewsVerbs(EventVerbs):
            SIZES = other
        class AppBatch(ShopVerbs, NewsVerbs, Batch): pass
    """
    same = Grid()
    made(code, one=same, other=same)

    with pytest.raises(ConfigurationError, match=r"write SIZES = ShopVerbs\.SIZES in AppBatch"):
        made(code, one=Grid(), other=Grid())


def test_a_constructor_that_is_changed_on_purpose_is_the_one_that_is_called():
    module = made(MEANT["a class method calls the one that it hides"])

    assert module.ShopBatch.for_user(mpid=1).environment == "development"
    assert module.ShopBatch.from_dict({}).mpid == 7


def test_a_verb_that_is_changed_on_purpose_is_the_one_that_is_called():
    module = made(MEANT["two vocabularies work together"])

    assert module.AppBatch().event("left").events[0].event_name == "Shop: LEFT"


def test_the_classes_of_ours_pass():
    for cls in (EventVerbs, Batch, Session):
        assert inspect.getmodule(cls).__name__.startswith("mpfluent.")
        mpfluent.builder.name_clashes.check_names(cls)
