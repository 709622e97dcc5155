"""Code that is written for the keywords of a call site: it does what the plain way does."""

import enum
import gc
import inspect
import linecache
import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import MOMENT_MS

from mpfluent import (
    AppEvent,
    Batch,
    CommerceEvent,
    Event,
    MPFluentError,
    Product,
    ProductAction,
    ScreenViewEvent,
    Session,
    UserIdentities,
)
from mpfluent.builder.compiled import _consenter, write_appender
from mpfluent.model.application import ApplicationInformation
from mpfluent.model.consent import GDPRConsentState
from mpfluent.model.device import DeviceInformation
from mpfluent.model.events import (
    ApplicationStateTransitionEvent,
    BreadcrumbEvent,
    CrashReportEvent,
    UserAttributeChangeEvent,
)
from mpfluent.testing.strategies import bad_values, batches, user_attributes
from mpfluent.testing.strategies.records import written
from mpfluent.values import code_cache, fields
from mpfluent.values.code_cache import (
    KNOWN,
    MOST_LETTERS,
    ONE_IN,
    USED,
    CompiledCalls,
    Memo,
    NamesMemo,
    NoCode,
)
from mpfluent.values.codegen import NO_NAMES, FunctionSource, Names, state_maker
from mpfluent.values.frozen import Frozen

TEAPOTS = [Product("sku-1", "Teapot", price=19.99), Product("sku-2")]
BASE = Batch.for_user(customer_id="123456").with_environment("development")

# Who is called with what by place, and whose fields are its keywords
CALLS: dict[str, tuple[Any, list[tuple[Any, ...]], list[Any]]] = {
    "event": (BASE.event, [("Searched",), ("",), ("Searched", {"a": 1})], [AppEvent]),
    "screen_view": (BASE.screen_view, [("Home",), (None,)], [ScreenViewEvent]),
    "breadcrumb": (BASE.breadcrumb, [("Opened cart",)], [BreadcrumbEvent]),
    "app_foreground": (BASE.app_foreground, [()], [ApplicationStateTransitionEvent]),
    "crash_report": (BASE.crash_report, [()], [CrashReportEvent]),
    "user_attribute_change": (
        BASE.user_attribute_change,
        [("plan", "pro"), ("plan", None)],
        [UserAttributeChangeEvent],
    ),
    "purchase": (
        BASE.purchase,
        [(*TEAPOTS,), (), ("sku-1",), (TEAPOTS,)],
        [ProductAction, CommerceEvent],
    ),
    "remove_from_wishlist": (
        BASE.remove_from_wishlist,
        [(*TEAPOTS,)],
        [ProductAction, CommerceEvent],
    ),
    "for_user": (Batch.for_user, [()], [UserIdentities]),
    "with_identities": (BASE.with_identities, [()], [UserIdentities]),
    "with_device": (BASE.with_device, [()], [DeviceInformation]),
    "with_application": (BASE.with_application, [()], [ApplicationInformation]),
    "with_gdpr_consent": (
        BASE.with_ccpa_data_sale_opt_out(at=MOMENT_MS).with_gdpr_consent,
        [("marketing", True), ("", True), ("marketing", 1)],
        [GDPRConsentState],
    ),
    "Product": (
        Product,
        [("sku-1", "Teapot"), ("sku-1",), ("", "Teapot"), (None, "Teapot"), ("", ""), (1, "")],
        [Product],
    ),
    "ScreenViewEvent": (ScreenViewEvent, [("Home",)], [ScreenViewEvent]),
}


def outcome(call: Any, *args: Any, **keywords: Any) -> Any:
    """Return what a call makes, down to the types of the numbers, or what its error says."""
    try:
        made = call(*args, **keywords)
    except (MPFluentError, TypeError) as error:
        return type(error), str(error), getattr(error, "field", None)
    return type(made), made, repr(made.to_dict())


@contextmanager
def no_code() -> Iterator[None]:
    """Let every call go the plain way."""
    plain = mock.patch.object(
        CompiledCalls, "__getitem__", lambda self, key: self._plain(key), create=True
    )
    afresh = mock.patch.object(NamesMemo, "__getitem__", return_value=None, create=True)
    with plain, afresh:
        yield


def carefully(call: Any, *args: Any, **keywords: Any) -> Any:
    """Return the outcome where no code has been written for anything."""
    with no_code():
        return outcome(call, *args, **keywords)


def often(call: Any, *args: Any, **keywords: Any) -> None:
    """Call it so often that code is written for it."""
    for _ in range(USED + 1):
        outcome(call, *args, **keywords)


@st.composite
def called(draw: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any], dict[str, Any]]:
    """Draw who is called with what, with which keywords, and odd values for the same keywords."""
    call, places, classes = CALLS[draw(st.sampled_from([*CALLS]))]
    told = inspect.signature(call).parameters.values()
    takes = {each.name for each in told if each.kind is each.KEYWORD_ONLY}
    of = {name: cls for cls in classes for name in cls._fields if name in takes}
    names = draw(st.lists(st.sampled_from([*of]), max_size=3, unique=True))
    usual = {name: draw(written(of[name], name)) for name in names}
    odd = dict(usual)
    if names:
        name = draw(st.sampled_from(names))
        bad = bad_values(of[name], name).map(lambda bad: bad.value)
        odd[name] = draw(st.one_of(bad, bad, written(of[name], name), st.none()))
    if "with_gdpr_consent" in str(call):
        usual["at"] = odd["at"] = MOMENT_MS
    return call, draw(st.sampled_from(places)), usual, odd


@settings(max_examples=3 * settings.default.max_examples)
@given(called())
def test_code_for_a_shape_does_what_the_plain_way_does(drawn: Any) -> None:
    call, places, usual, odd = drawn
    often(call, *CALLS[call.__name__][1][0], **usual)

    for args in (CALLS[call.__name__][1][0], places):
        for keywords in (usual, odd):
            quick = outcome(call, *args, **keywords)
            assert quick == carefully(call, *args, **keywords)


@given(called(), st.sampled_from(["misspelt", "products", "event_name", "after", "action"]))
def test_a_keyword_more_is_the_same_error_as_ever(drawn: Any, name: str) -> None:
    call, args, usual, _ = drawn
    often(call, *args, **usual)

    assert outcome(call, *args, **usual, **{name: 1}) == carefully(
        call, *args, **usual, **{name: 1}
    )


@given(user_attributes(), st.dictionaries(st.text(), st.sampled_from([0, 2**63, 1e999, "\ud800"])))
def test_code_for_user_attributes_does_what_the_plain_way_does(usual: Any, odd: Any) -> None:
    often(BASE.with_user_attributes, usual)

    for attributes in (usual, odd, {**usual, **odd}, {**usual, "": 1}, dict.fromkeys(usual)):
        quick = outcome(BASE.with_user_attributes, attributes)
        assert quick == carefully(BASE.with_user_attributes, attributes)


@given(batches())
def test_a_batch_is_the_same_however_often_it_is_built(batch: Batch) -> None:
    import decimal

    import mpfluent

    source, names = batch.to_python(), {**vars(mpfluent), "Decimal": decimal.Decimal}
    names |= {name: getattr(mpfluent, name) for name in mpfluent.__all__}
    built = [eval(source, names) for _ in range(USED + 2)]
    with no_code():
        careful = eval(source, names)

    assert [each.to_json() for each in built] == [careful.to_json()] * len(built)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no code be forgotten, however much of it other tests have had written."""
    monkeypatch.setattr(code_cache, "KNOWN", 1_000_000)


@contextmanager
def only_code(of: Any) -> Iterator[None]:
    """Let nothing that makes a value of this class go the plain way."""
    wrong = AssertionError("went the plain way")
    plain = mock.patch.object(Frozen, "_said", side_effect=wrong)
    with plain, mock.patch.object(of, "_build", side_effect=wrong):
        yield


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize(
    ("call", "of"),
    [
        (lambda: BASE.event("Searched", {"a": 1}, type="search", at=MOMENT_MS), AppEvent),
        (lambda: BASE.purchase(*TEAPOTS, transaction_id="t", at=MOMENT_MS), ProductAction),
        (lambda: BASE.with_device(platform="iOS"), DeviceInformation),
        (lambda: BASE.with_gdpr_consent("marketing", True, at=MOMENT_MS), GDPRConsentState),
        (lambda: Batch.for_user(customer_id="1", email="a@b.example"), UserIdentities),
        (lambda: Product("sku-1", "Teapot", price=19.99), Product),
    ],
)
def test_what_is_made_again_and_again_is_made_by_code_of_its_own(call: Any, of: Any) -> None:
    expected = call()
    often(call)

    with only_code(of):
        assert call() == expected


class Word(str, enum.Enum):  # noqa: UP042 - what callers have
    """A word as an enum."""

    IOS = "iOS"


class Count(int):
    """A number of somebody's own."""


ODD_SCALARS: list[Any] = [
    "Teekännchen",
    Decimal("1.50"),
    Word.IOS,
    Count(7),
    None,
    ["a", 1],
    "\ud800",
    2**63,
    math.nan,
    b"a",
    {"a": 1},
]
ODD_VALUES = [
    *ODD_SCALARS,
    "",
    MOMENT_MS,
    *({"one": 1, "odd": odd} for odd in ODD_SCALARS),
    {"": 1},
    {1: 1},
    {"name\ud800": 1},
    TEAPOTS,
]


def writes(*_: Any) -> Any:
    raise AssertionError("written")


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("name", CALLS)
def test_code_is_written_once_however_odd_the_values_of_a_shape_are(name: str, slow: bool) -> None:
    call, places, classes = CALLS[name]
    takes = {*inspect.signature(call).parameters}
    # the fields of every event are tried with one verb, unless there is time
    takes -= set() if slow or name == "event" else set(Event._fields)
    names = [field for cls in classes for field in cls._fields if field in takes]
    needed = {"at": MOMENT_MS} if name == "with_gdpr_consent" else {}
    used = [(places[0], {**needed, field: odd}) for field in names for odd in ODD_VALUES]
    used += [
        ((*args[:at], odd, *args[at + 1 :]), needed)
        for args in places
        for at in range(len(args))
        for odd in ODD_VALUES
    ]
    for args, keywords in used:
        for _ in range(USED + 1):
            first = outcome(call, *args, **keywords)

        with mock.patch.object(FunctionSource, "function", writes):  # a mock is slow to make
            again = outcome(call, *args, **keywords)

        assert again == first == carefully(call, *args, **keywords)


@pytest.mark.parametrize("odd", ["Teekännchen", Decimal("1.50"), Word.IOS, Count(7)])
def test_code_for_attributes_takes_whatever_the_check_takes(odd: Any) -> None:
    attributes = {"odd one": odd, "two": 2}
    for _ in range(USED * 2):
        expected = outcome(BASE.event, "Searched", attributes)

    with mock.patch.object(fields, "frozen_map", side_effect=AssertionError("the plain way")):
        assert outcome(BASE.event, "Searched", attributes) == expected


@pytest.mark.parametrize("odd", [None, ["a", Word.IOS], ("a", 1), "Teekännchen", Decimal("1.50")])
def test_code_for_user_attributes_takes_whatever_the_check_takes(odd: Any) -> None:
    attributes = {"odd one": odd, "two": 2}
    for _ in range(USED * 2):
        expected = outcome(BASE.with_user_attributes, attributes)

    with mock.patch.object(fields, "frozen_map", side_effect=AssertionError("the plain way")):
        assert outcome(BASE.with_user_attributes, attributes) == expected


def test_a_class_with_its_own_idea_of_a_next_value_keeps_it() -> None:
    class Watched(Batch):
        __slots__ = ("steps",)

        def _appended(self, event: Any) -> Any:
            return super()._appended(event)._stepped(self)

        def _derive(self, *state: Any) -> Any:
            return super()._derive(*state)._stepped(self)

        def _stepped(self, before: Any) -> Any:
            object.__setattr__(self, "steps", getattr(before, "steps", 0) + 1)
            return self

    for _ in range(USED * 2):
        batch = Watched.for_user(customer_id="1").with_environment("development").event("Searched")
        batch = batch.with_device(platform="iOS").purchase(TEAPOTS[0]).screen_view("Home")
        batch = batch.with_gdpr_consent("marketing", True, at=MOMENT_MS)

        assert batch.steps == 7  # type: ignore[attr-defined]


@pytest.mark.parametrize("of", [ProductAction, CommerceEvent, GDPRConsentState, AppEvent])
def test_code_of_every_verb_obeys_the_rule_of_what_it_makes(
    of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(set_: Any) -> Any:
        return ("document", "is bad", "") if "bad" in map(str, set_.values()) else None

    monkeypatch.setattr(of, "_broken_rule", broken)
    monkeypatch.setattr(of, "_has_rule", True)
    monkeypatch.setattr(of, "_rules_of_names", False)
    products = Names(("action", "products"))
    keywords = frozenset(("affiliation", "currency_code"))
    act = write_appender((Batch, CommerceEvent, "product_action", products, keywords))
    consent = _consenter((Batch, BASE._state[0], GDPRConsentState, ()))
    append = write_appender(
        (Batch, AppEvent, "", Names(("event_name",)), frozenset(("type", "page_url")))
    )
    calls: dict[Any, Any] = {
        ProductAction: lambda word: act(
            BASE, ("purchase", (*TEAPOTS,)), {"affiliation": word, "currency_code": "EUR"}
        ),
        CommerceEvent: lambda word: act(
            BASE, ("purchase", (*TEAPOTS,)), {"affiliation": "", "currency_code": word}
        ),
        GDPRConsentState: lambda word: consent(BASE, (True, MOMENT_MS, word, None, None), "p"),
        AppEvent: lambda word: append(BASE, ("Searched",), {"type": "other", "page_url": word}),
    }

    assert type(calls[of]("good")) is Batch
    assert calls[of]("bad") is None


def test_a_session_places_its_events_however_often_a_batch_had_them() -> None:
    for _ in range(USED * 2):
        BASE.event("Searched", at=MOMENT_MS).purchase(*TEAPOTS).screen_view("Home")
    session = Session.start(session_id=42, at=MOMENT_MS)
    for _ in range(USED * 2):
        session = session.event("Searched").purchase(*TEAPOTS).screen_view("Home", after=1)

    assert [event.event_num for event in session.events] == list(range(USED * 6 + 1))
    assert {event.session_id for event in session.events} == {42}
    assert session.events[-1].at == MOMENT_MS + USED * 2 * 1000


# No cliff: what is not quite as usual is made by code, too


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize(
    ("usual", "other", "of"),
    [
        (
            lambda: BASE.event("Searched", {"a": 1, "b": 2}, at=MOMENT_MS, page_url="/"),
            lambda: BASE.event("Searched", {"a": 1, "b": None}, page_url=None, at=MOMENT_MS),
            AppEvent,
        ),
        (
            lambda: BASE.purchase(*TEAPOTS, transaction_id="t", tax_amount=1, currency_code="EUR"),
            lambda: BASE.purchase(tax_amount=None, currency_code=None, transaction_id="t"),
            ProductAction,
        ),
        (
            lambda: BASE.with_device(platform="iOS", brand="Acme", is_tablet=False),
            lambda: BASE.with_device(is_tablet=True, brand=None, platform="Android"),
            DeviceInformation,
        ),
        (
            lambda: BASE.with_gdpr_consent("marketing", True, at=MOMENT_MS, document="v1"),
            lambda: BASE.with_gdpr_consent("Größe", True, at=MOMENT_MS),
            GDPRConsentState,
        ),
        (
            lambda: Batch.for_user(customer_id="1", email="a@b.example", other="x"),
            lambda: Batch.for_user(other=None, email="ä@b.example", customer_id="1"),
            UserIdentities,
        ),
        (
            lambda: Product("sku-1", "Teapot", price=19.99, brand="Acme"),
            lambda: Product("sku-1", brand=None, price=5),
            Product,
        ),
        (
            lambda: BASE.event("Searched", {"a": "x", "b": "y"}),
            lambda: BASE.event("Gesücht", {"ä": "ö\u200d", "other name": "\n"}),
            AppEvent,
        ),
    ],
)
def test_none_another_order_other_names_and_other_letters_are_made_by_the_same_code(
    usual: Any, other: Any, of: Any
) -> None:
    expected = carefully(other)
    often(usual)

    with (
        only_code(of),
        mock.patch.object(fields, "frozen_map", side_effect=AssertionError("one by one")),
        mock.patch.object(FunctionSource, "function", side_effect=AssertionError("written")),
    ):
        assert outcome(other) == expected


# What is written, and where it is kept


def test_the_source_of_a_function_can_be_read() -> None:
    function = state_maker((ScreenViewEvent, Names(("screen_name",)), frozenset(("session_id",))))

    assert inspect.getsource(function) == SCREEN_VIEW
    assert function(("Home",), {"session_id": None}) == (("screen_name",), ("Home",))


SCREEN_VIEW = """\
def ScreenViewEvent_state(values, given):
    (screen_name_,) = values
    session_id_ = given['session_id']
    unset = 0
    try:
        if not (type(screen_name_) is str and (screen_name_.isascii() or screen_name_.isprintable()) and screen_name_):
            if screen_name_ is not None:
                screen_name_ = check_screen_name_(screen_name_)
            if screen_name_ is None:
                return None
        if not (type(session_id_) is int and -0x8000000000000000 <= session_id_ <= 0x7FFFFFFFFFFFFFFF):
            if session_id_ is not None:
                session_id_ = check_session_id_(session_id_)
            if session_id_ is None:
                unset |= 2
    except CheckFailed:
        return None
    state = keys_state, (screen_name_, session_id_,)
    if unset:
        keys, pick = left_state[unset]
        state = keys, pick(state[1])
    return state
"""  # noqa: E501 - as it is


def test_a_traceback_shows_the_line_of_generated_code() -> None:
    function = state_maker((ScreenViewEvent, NO_NAMES, frozenset(("screen_name",))))
    with pytest.raises(KeyError) as caught:
        function((), {})

    assert str(caught.traceback[-1].statement).strip() == "screen_name_ = given['screen_name']"


def test_a_source_goes_with_its_function() -> None:
    function = state_maker((ScreenViewEvent, NO_NAMES, frozenset(("screen_name",))))
    file = function.__code__.co_filename
    lines = linecache.getlines(file)
    linecache.checkcache()

    assert linecache.getlines(file) == lines != []
    del function
    gc.collect()
    assert linecache.getlines(file) == []


def test_there_is_code_for_only_so_many_keys_at_a_time() -> None:
    calls: CompiledCalls[int] = CompiledCalls(lambda key: lambda: key)
    for key in range(3 * KNOWN):
        for _ in range(USED):
            assert calls[key]() is None

        assert calls[key]() == key
        assert len(calls) <= KNOWN
    assert calls._uses.cache_info().currsize <= KNOWN


@pytest.mark.parametrize("every", [1, 10, 100])
def test_a_key_that_comes_back_is_found_among_any_number_that_do_not(every: int) -> None:
    calls: CompiledCalls[object] = CompiledCalls(lambda key: lambda: key)
    for number in range(20 * KNOWN):
        calls[number]
        if number % every == 0 and calls["comes back"]() is not None:
            break

    assert [*calls] == ["comes back"]


def test_what_no_code_can_be_written_for_goes_the_plain_way_ever_after() -> None:
    def write(key: str) -> Any:
        raise NoCode

    calls: CompiledCalls[str] = CompiledCalls(write)

    assert [calls["key"]() for _ in range(3 * USED)] == [None] * 3 * USED
    assert [*calls] == []


def test_a_memo_keeps_only_so_many_keys() -> None:
    memo: Memo[int, int] = Memo(lambda key: key + 1)
    for key in range(3 * KNOWN):
        assert [memo[key], memo[key]] == [key + 1] * 2
        assert len(memo) <= KNOWN


def test_a_memo_of_names_keeps_those_that_come_back() -> None:
    memo: NamesMemo[str] = NamesMemo(" ".join)
    for number in range(3 * KNOWN * ONE_IN):
        assert memo[(f"new {number}",)] == f"new {number}"
        if number % 100 == 0:
            assert memo[("comes", "back")] == "comes back"
        if ("comes", "back") in memo:
            break

    assert ("comes", "back") in memo
    assert len(memo) <= KNOWN


def test_a_memo_of_names_keeps_no_long_names_and_no_none() -> None:
    memo: NamesMemo[str] = NamesMemo(lambda names: "made")
    none: NamesMemo[None] = NamesMemo(lambda names: None)
    long = ("n" * MOST_LETTERS, "n")

    assert {memo[long] for _ in range(2 * ONE_IN)} == {"made"}
    assert {none[("name",)] for _ in range(2 * ONE_IN)} == {None}
    assert ([*memo], [*none]) == ([], [])


def test_threads_that_extend_one_batch_and_change_its_arguments_meanwhile_corrupt_nothing() -> None:
    names = [f"name {number}" for number in range(6)]
    shared: dict[str, Any] = {name: name for name in names}
    stopped, wrong = threading.Event(), []
    base = BASE.event("First", shared)

    def change() -> None:
        while not stopped.is_set():
            for name in names:
                del shared[name]
                shared[name] = name
                shared[name.upper()] = name.upper()
                del shared[name.upper()]

    def build(number: int) -> None:
        try:
            for turn in range(400):
                who = f"{number}.{turn % 40}"
                batch = (
                    base.with_user_attributes(shared)
                    .with_device(platform="iOS", device_model=who)
                    .event(who, shared, type="search", at=MOMENT_MS + turn)
                    .purchase(Product(who, who, price=turn), transaction_id=who)
                    .screen_view(who, **{f"{'canonical_name' if turn % 2 else 'page_url'}": who})
                )
                first, searched, bought, seen = batch.events
                for told in (batch.user_attributes, searched.attributes, first.attributes):
                    assert told is not None
                    assert all(told[name] == name for name in told)
                    assert len(told) >= len(names) - 1
                product = bought.product_action.products[0]
                assert (product.id, product.name, product.price) == (who, who, turn)
                assert bought.product_action.transaction_id == who
                assert (searched.event_name, searched.at) == (who, MOMENT_MS + turn)
                assert {seen.screen_name, seen.canonical_name or seen.page_url} == {who}
                assert batch.device_info.device_model == who
                assert len(base.events) == 1
        except BaseException as error:  # a thread's own errors are lost
            wrong.append(error)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(4)]
    changing = threading.Thread(target=change)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        changing.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        stopped.set()
        changing.join()
        sys.setswitchinterval(interval)

    assert wrong == []
