"""Every misspelt name is answered with the one that was meant: verbs, keywords, fields, words.

The names come from the classes themselves, and slips of one letter all along each are tried: one
left out, two swapped, one doubled. A slip that is another name, or as near to one, is left out.
"""

from __future__ import annotations

import difflib
import inspect
import re
import traceback
from collections import Counter
from functools import cache, partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from internals import close_match

import mpfluent
from mpfluent import (
    Batch,
    Client,
    Configuration,
    MPFluentError,
    Outbox,
    RequestsTransport,
    Retry,
    Session,
    ThreadedDispatcher,
    UserIdentity,
)
from mpfluent.errors import closest
from mpfluent.testing import LocalServer
from mpfluent.testing.strategies.records import VALUE_CLASSES

NOW = "2026-11-23T10:15:00Z"
BATCH = Batch.for_user(customer_id="1").with_user_attributes(plan="pro")
SESSION = Session.start(session_id=42, at=NOW)
RECORDS = set(VALUE_CLASSES) - {Batch}


@cache
def slips(word):
    """Return the word with a letter left out, two swapped, or one doubled."""
    found = set()
    for index in range(1, len(word), max(1, len(word) // 4)):
        before, letter, after = word[:index], word[index], word[index + 1 :]
        if letter.isalpha():
            found |= {before + after, before + letter + letter + after}
        if after and after[0] != letter:
            found.add(before + after[0] + letter + after[1:])
    return sorted(slip for slip in found - {word} if len(slip) > 1)


def suggestion(error):
    found = re.search(r"did you mean '([^']*)'", str(error))
    return found[1] if found else None


@pytest.fixture
def misses(slow):
    return partial(all_misses, step=1 if slow else 3)


def all_misses(names, call, once=frozenset(), *, step):
    """Return what is not answered with the name that was meant: slip, name and answer.

    Of the names ``once``, one slip each is tried, and of the others every first or third one.
    """
    names = set(names)
    alike = Counter(slip for name in names for slip in slips(name))  # of how many names it may be
    missed, tried = [], 0
    for number, name in enumerate(sorted(names)):
        found = [slip for slip in slips(name) if alike[slip] == 1 and slip not in names]
        some = [] if name in once else found[number % step :: step]
        for slip in some or found[:1]:
            tried += 1
            with pytest.raises((MPFluentError, TypeError)) as caught:
                call(slip)
            if suggestion(caught.value) != name:
                missed.append((slip, name, str(caught.value)))
    assert tried, names
    return missed


def keywords(function):
    parameters = inspect.signature(function).parameters.values()
    by_name = (p for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD))
    return [p.name for p in by_name if p.name not in ("self", "cls")]


@pytest.mark.parametrize("value", [BATCH, SESSION], ids=["batch", "session"])
def test_a_misspelt_verb_is_answered_with_the_one_that_was_meant(value, misses):
    assert misses(dir(value), lambda slip: getattr(value, slip)) == []


@pytest.mark.parametrize("cls", sorted(RECORDS, key=str), ids=lambda cls: cls.__name__)
def test_a_misspelt_attribute_is_answered_with_the_one_that_was_meant(cls, misses):
    value = cls._make((), ())

    assert misses(dir(value), lambda slip: getattr(value, slip)) == []


# What the verbs and the classes need before they look at other keywords.
NEEDS = {
    "event": ["x"],
    "screen_view": ["x"],
    "attribution": ["x", "y"],
    "ltv_increase": [1],
    "session_end": [5],
    "push_registration": ["token"],
    "push_message": ["received", "token", "{}"],
    "network_performance": ["https://example.com/", 200],
    "breadcrumb": ["x"],
    "profile": ["login"],
    "user_attribute_change": ["plan", "pro"],
    "user_identity_change": [UserIdentity("email", "user@example.com", NOW), None],
    "impression": ["x"],
    "with_location": [1, 2],
    "with_gdpr_consent": ["x", True],
    "with_data_plan": ["x"],
    "with_attribution_info": ["a", "b", "c"],
}
NEEDS_BY_NAME = {
    "profile": {"previous_mpid": 1, "current_mpid": 2},
    "with_gdpr_consent": {"at": NOW},
    "with_ccpa_data_sale_opt_out": {"at": NOW},
}
VERBS = [
    (value, verb)
    for value in (BATCH, SESSION)
    for verb in dir(value)
    if callable(getattr(type(value), verb))
    # these take names of the caller's, or few: a slip is Python's own error
    and verb
    not in (
        *("with_user_attributes", "pipe", "add", "merge", "problems", "preview", "to_python"),
        *("from_dict", "from_json", "to_dict", "to_json"),
    )
    and any(
        parameter.kind is parameter.KEYWORD_ONLY
        for parameter in inspect.signature(getattr(type(value), verb)).parameters.values()
    )
]


@pytest.mark.parametrize(
    ("value", "verb"), VERBS, ids=[f"{type(value).__name__}.{verb}" for value, verb in VERBS]
)
def test_a_misspelt_keyword_of_a_verb_is_answered_with_the_one_that_was_meant(value, verb, misses):
    function = getattr(value, verb)
    given, named = NEEDS.get(verb, []), NEEDS_BY_NAME.get(verb, {})
    # every verb of an event takes them, and event() tries them all
    common = () if verb == "event" else keywords(BATCH.event)

    assert (
        misses(keywords(function), lambda slip: function(*given, **named, **{slip: "x"}), common)
        == []
    )


NEEDED = {
    "product_impressions": None,
    "products": None,
    "action": "purchase",
    "promotion_action": None,
    "application_transition_type": "application_initialized",
    "latitude": 1,
    "longitude": 2,
    "push_message_type": "received",
    "profile_event_type": "login",
    "identity_type": "email",
    "response_code": 200,
    "consented": True,
    "timestamp_unixtime_ms": NOW,
    "at": NOW,
    "session_duration_ms": 5,
    "session_id": 5,
    "previous_mpid": 1,
    "current_mpid": 2,
    "new": None,
    "old": UserIdentity("email", "user@example.com", NOW),
    "is_opted_out": True,
}


@pytest.mark.parametrize("cls", sorted(RECORDS, key=str), ids=lambda cls: cls.__name__)
def test_a_misspelt_keyword_of_a_value_is_answered_with_the_one_that_was_meant(cls, misses):
    parameters = inspect.signature(cls).parameters.values()
    given = {p.name: NEEDED.get(p.name, "x") for p in parameters if p.default is p.empty}
    if cls is mpfluent.PromotionAction:
        given["action"] = "view"

    assert misses(keywords(cls), lambda slip: cls(**given, **{slip: "x"})) == []


CHOICES = {
    f"{cls.__name__}.{field.name}": (cls, field)
    for cls in (*RECORDS, Batch)
    for field in cls._fields.values()
    if field.kind.name == "choice"
}


def words_of(field):
    """Return the words that a choice takes: the closures of its check hold them."""
    held = [cell.cell_contents for cell in field.check.__closure__]
    for inner in held:
        held += [cell.cell_contents for cell in getattr(inner, "__closure__", None) or ()]
    return next(word for word in held if isinstance(word, tuple) and isinstance(word[0], str))


@pytest.mark.parametrize("name", sorted(CHOICES))
def test_a_misspelt_word_is_answered_with_the_one_that_was_meant(name, misses):
    cls, field = CHOICES[name]
    listed = words_of(field)

    assert len(listed) > 1
    assert misses(listed, lambda slip: cls._checked(cls.__name__, {field.name: slip})) == []


def client(**options):
    return Client("key", "secret", **options)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (client, set(inspect.signature(Client).parameters) - {"api_key", "api_secret"}),
        (Configuration, set(inspect.signature(Client).parameters)),
        (Retry, set(keywords(Retry))),
        (RequestsTransport, set(keywords(RequestsTransport))),
        (lambda **options: Outbox("x", **options), set(keywords(Outbox)) - {"path"}),
        (LocalServer, set(keywords(LocalServer))),
        # its clocks are for tests
        (
            ThreadedDispatcher,
            set(keywords(ThreadedDispatcher)) - {"clock", "wall", "sleep", "start"},
        ),
    ],
)
def test_a_misspelt_setting_is_answered_with_the_one_that_was_meant(make, options, misses):
    assert misses(options, lambda slip: make(**{slip: "x"})) == []


@pytest.mark.parametrize("word", ["development", "production"])
def test_a_misspelt_environment_is_answered_with_the_one_that_was_meant(word):
    for slip in slips(word):
        with pytest.raises(MPFluentError) as caught:
            client(environment=slip)

        assert suggestion(caught.value) == word


@pytest.mark.parametrize(
    "slip",
    [
        lambda: Batch().purchse(),
        lambda: Batch().append(1),
        lambda: Batch().event("x").events.append(1),
        lambda: Batch().event("x").events[0].evnt_name,
        lambda: Batch().event("x", {"a": 1}).events[0].attributes.updat,
        lambda: mpfluent.Bacth,
    ],
)
def test_python_does_not_guess_besides(slip):
    with pytest.raises(AttributeError) as caught:
        slip()

    assert caught.value.name is None  # which Python's own suggestions go by
    (line,) = traceback.format_exception_only(caught.value)
    assert line.strip().endswith(str(caught.value))


# Names of untrusted JSON, which may be of any length

LONG = "\u4e00\u4e8c\u4e09\u56db\u4e94" * 50_000
IN_JSON = {
    "a field": {LONG: 1},
    "a field of a record": {"device_info": {LONG: 1}},
    "a word": {"environment": LONG},
    "a word of a record": {"device_info": {"platform": LONG}},
    "an identity": {"user_identities": [{"identity_type": LONG, "identity": "1"}]},
    "an event type": {"events": [{"event_type": LONG, "data": {}}]},
    "a field of an event": {
        "events": [{"event_type": "custom_event", "data": {"event_name": "x", LONG: 1}}]
    },
    "a field of a wrapper": {"events": [{"event_type": "custom_event", LONG: 1, "data": {}}]},
    "a word of an event": {
        "events": [
            {"event_type": "custom_event", "data": {"event_name": "x", "custom_event_type": LONG}}
        ]
    },
    "a regulation": {"consent_state": {LONG: {}}},
    "a purpose": {
        "consent_state": {"ccpa": {LONG: {"consented": True, "timestamp_unixtime_ms": 1}}}
    },
}
IN_CODE = {
    "a keyword": lambda: BATCH.with_device(**{LONG: 1}),
    "a keyword of an event": lambda: BATCH.event("x", **{LONG: 1}),
    "a keyword of a commerce event": lambda: BATCH.purchase(**{LONG: 1}),
    "a verb": lambda: getattr(BATCH, LONG),
    "an attribute": lambda: getattr(BATCH.user_identities, LONG),
    "an attribute that is set": lambda: setattr(BATCH.user_identities, LONG, 1),
    "an option": lambda: Client("key", "secret", **{LONG: 1}),
    "a pod": lambda: Client("key", "secret", pod=LONG),
}


@pytest.fixture
def no_difflib(monkeypatch):
    """Let the search for what was meant, which takes the product of both lengths, fail."""

    def search(*, b):
        raise AssertionError(f"compared {len(b)} letters")

    monkeypatch.setattr("difflib.SequenceMatcher", search)


@pytest.mark.parametrize("unknown", ["raise", "ignore"])
@pytest.mark.parametrize("where", IN_JSON)
def test_nothing_is_meant_by_a_very_long_name_in_json(where, unknown, no_difflib):
    raised = None
    try:
        Batch.from_dict(IN_JSON[where], unknown=unknown)
    except MPFluentError as error:
        raised = error
    assert raised is not None or unknown == "ignore"
    assert len(str(raised)) < 700
    assert suggestion(raised) is None


@pytest.mark.parametrize("where", IN_CODE)
def test_nothing_is_meant_by_a_very_long_name_in_code(where, no_difflib):
    with pytest.raises(MPFluentError) as caught:
        IN_CODE[where]()
    assert len(str(caught.value)) < 1000


def test_what_is_meant_is_looked_for_up_to_twice_the_longest_name():
    assert closest("platform" + "x" * 9, ["platform", "product"]) is None
    assert closest("platforms", ["platform"]) == "platform"
    assert closest("x", []) is None
    assert closest("x" * 300, ["x" * 299]) is None


NAMES = st.text("abc \xe9", min_size=1, max_size=12)


@given(NAMES, st.lists(NAMES, max_size=12), st.sampled_from([0.3, 0.6, 0.75, 1.0]))
def test_the_closest_match_is_the_one_that_difflib_finds(wanted, names, cutoff):
    (expected,) = difflib.get_close_matches(wanted, names, 1, cutoff) or [None]

    assert close_match(wanted, names, cutoff) == expected


def test_of_many_names_few_are_compared_in_full(monkeypatch):
    compared = []

    class Counting(difflib.SequenceMatcher):
        def ratio(self):
            compared.append(self.a)
            return super().ratio()

    monkeypatch.setattr("difflib.SequenceMatcher", Counting)
    names = [f"Event number {number}" for number in range(1_000)]

    assert closest("Evnt nmber 7", names) == "Event number 7"
    assert compared == ["event number 7"]
