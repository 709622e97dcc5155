"""What help(), IPython, jedi and type checkers read is what the values really take.

The keywords stand twice in the code, once as declared fields and once for the type checkers:
these tests keep the two in step.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import importlib
import inspect
import pickle
import pydoc
import re
import typing
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, Unpack, get_args, get_origin
from unittest import mock

import jedi
import pytest
import requests
from IPython.core.completer import IPCompleter, provisionalcompleter

import mpfluent
from mpfluent import (
    AppEvent,
    ApplicationInformation,
    ApplicationStateTransitionEvent,
    Batch,
    BreadcrumbEvent,
    Client,
    CommerceEvent,
    Configuration,
    CrashReportEvent,
    DeviceInformation,
    Event,
    EventVerbs,
    FirstRunEvent,
    GeoLocation,
    MPFluentError,
    NetworkPerformanceEvent,
    OptOutEvent,
    Product,
    ProductAction,
    ProfileEvent,
    PushMessageEvent,
    PushRegistrationEvent,
    ScreenViewEvent,
    Session,
    SessionEndEvent,
    SessionStartEvent,
    UninstallEvent,
    UserAttributeChangeEvent,
    UserIdentities,
    UserIdentityChangeEvent,
    errors,
)
from mpfluent.client import config, events_api
from mpfluent.model import commerce
from mpfluent.model.catalog import CLASSES
from mpfluent.model.device import DeviceFields
from mpfluent.utils.introspection import expand_kwargs
from mpfluent.values import validators
from mpfluent.values.frozen import Frozen

VALUE_CLASSES = [*CLASSES.values()]
COMMON = {*Event._fields, "after"}


def keywords(function):
    """Return a function's named parameters and those of its ``TypedDict``, with their types."""
    module = inspect.getmodule(inspect.unwrap(function))
    # what the module imports for type checkers only
    names = {**vars(module), "requests": requests}
    signature = inspect.Signature.from_callable(_plain(function))
    found = {}
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD and parameter.annotation == "Never":
            continue  # it takes what no keyword is, to say so
        if parameter.kind is parameter.VAR_KEYWORD:
            name = re.fullmatch(r"Unpack\[(\w+)\]", parameter.annotation).group(1)
            found |= typing.get_type_hints(getattr(module, name))
        elif (
            parameter.name not in ("self", "cls") and parameter.kind is not parameter.VAR_POSITIONAL
        ):
            found[parameter.name] = eval(parameter.annotation, names)
    return found


def _plain(function):
    """Return the function without the signature that is spelled out for people."""

    def bare():
        """Stand in for the function."""

    function = inspect.unwrap(getattr(function, "__func__", function))
    bare.__code__ = function.__code__
    bare.__annotations__ = function.__annotations__
    bare.__defaults__ = function.__defaults__
    bare.__kwdefaults__ = function.__kwdefaults__
    return bare


# The keywords are the declared fields


@pytest.mark.parametrize("cls", VALUE_CLASSES, ids=lambda cls: cls.__name__)
def test_the_keywords_of_a_value_are_its_declared_fields(cls):
    extra = {"after"} if issubclass(cls, Event) else set()
    extra |= {"attributes"} if cls is Product else set()  # beside the wire's name

    assert set(keywords(cls.__init__)) == set(cls._fields) | extra


VERB_EVENTS: dict[str, tuple[type[Event], set[str], set[str]]] = {
    # verb: its event, the fields that the verb says itself, the keywords of its own
    "event": (AppEvent, {"event_name"}, {"name"}),
    "attribution": (AppEvent, {"event_name", "type"}, {"publisher", "campaign"}),
    "attribution_delete": (AppEvent, {"event_name", "type"}, set()),
    "re_engagement": (AppEvent, {"event_name", "type"}, {"publisher", "campaign"}),
    "ltv_increase": (AppEvent, {"type"}, {"amount"}),
    "screen_view": (ScreenViewEvent, set(), set()),
    "session_start": (SessionStartEvent, set(), set()),
    "session_end": (SessionEndEvent, set(), set()),
    **{
        f"app_{word}": (
            ApplicationStateTransitionEvent,
            {"application_transition_type", "is_first_run", "is_upgrade"},
            set(),
        )
        for word in ("install", "upgrade", "initialized", "foreground", "background", "exit")
    },
    "first_run": (FirstRunEvent, set(), set()),
    "uninstall": (UninstallEvent, set(), set()),
    "push_registration": (PushRegistrationEvent, set(), set()),
    "push_message": (PushMessageEvent, set(), set()),
    "network_performance": (NetworkPerformanceEvent, set(), set()),
    "breadcrumb": (BreadcrumbEvent, set(), set()),
    "crash_report": (CrashReportEvent, set(), {"error"}),
    "opt_out": (OptOutEvent, set(), set()),
    "profile": (ProfileEvent, set(), set()),
    "user_attribute_change": (UserAttributeChangeEvent, set(), set()),
    "user_identity_change": (UserIdentityChangeEvent, set(), set()),
}
KINDS_OF_COMMERCE = {"product_action", "promotion_action", "product_impressions"}
PRODUCT_VERBS = (
    "add_to_cart",
    "remove_from_cart",
    "add_to_wishlist",
    "remove_from_wishlist",
    "view_detail",
    "click",
    "checkout",
    "checkout_option",
    "purchase",
    "refund",
)


@pytest.mark.parametrize("verb", VERB_EVENTS)
def test_the_keywords_of_a_verb_are_the_fields_of_its_event(verb):
    event, said, own = VERB_EVENTS[verb]

    assert set(keywords(getattr(EventVerbs, verb))) == set(event._fields) - said | own | {"after"}


@pytest.mark.parametrize("verb", PRODUCT_VERBS)
def test_the_keywords_of_a_product_verb_are_the_fields_of_its_action_and_of_its_event(verb):
    of_action = set(ProductAction._fields) - {"action", "products"}
    of_event = set(CommerceEvent._fields) - KINDS_OF_COMMERCE

    assert set(keywords(getattr(EventVerbs, verb))) == of_action | of_event | {"after"}


@pytest.mark.parametrize("verb", ["promotion_view", "promotion_click", "impression"])
def test_the_keywords_of_the_other_commerce_verbs_are_the_fields_of_their_event(verb):
    own = {"product_impression_list"} if verb == "impression" else set()
    of_event = set(CommerceEvent._fields) - KINDS_OF_COMMERCE

    assert set(keywords(getattr(EventVerbs, verb))) == of_event | own | {"after"}


def test_every_event_verb_is_in_one_of_the_tables_above():
    tabled = {*VERB_EVENTS, *PRODUCT_VERBS, "promotion_view", "promotion_click", "impression"}

    assert tabled == {name for name in dir(EventVerbs) if name[0] != "_"}


@pytest.mark.parametrize(
    ("verb", "cls", "own"),
    [
        ("for_user", UserIdentities, {"mpid", "user"}),
        ("for_device", DeviceInformation, set()),
        ("with_identities", UserIdentities, {"user"}),
        ("with_device", DeviceInformation, {"information"}),
        ("with_application", ApplicationInformation, {"application"}),
        ("with_location", GeoLocation, set()),
    ],
)
def test_the_keywords_of_a_record_verb_are_the_fields_of_its_record(verb, cls, own):
    assert set(keywords(getattr(Batch, verb))) == set(cls._fields) | own


def test_the_keywords_of_a_sessions_ends_are_the_fields_of_their_events():
    inherited = {"session_uuid", "session_id", "event_num", "after", "session_duration_ms"}
    fields = (set(SessionStartEvent._fields) | set(SessionEndEvent._fields)) - inherited

    assert set(keywords(Session.start)) == fields | {"session_uuid", "session_id"}
    assert set(keywords(Session.end)) == fields | {"after"}


def test_configuration_takes_what_a_client_takes():
    names = {**vars(config), **vars(events_api), "Never": typing.Never}
    of_client = typing.get_type_hints(Client.__init__, names)
    of_client.pop("return")
    of_client.pop("unknown")  # it takes what no keyword is, to say so

    assert typing.get_type_hints(config.ClientFields) == of_client
    assert keywords(Configuration.__init__) == of_client


# The types of the keywords are what the checks accept


def words(annotation):
    """Return the words of every Literal in an annotation."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [word for part in get_args(annotation) for word in words(part)]


def plain(annotation):
    """Return the classes of a union, without None."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return {part for part in parts if part is not NoneType}


TYPES: dict[str, Any] = {
    "text": {str},
    "string": {str},
    "uuid": {str},
    "ip": {str},
    "flag": {bool},
    "integer": {int},
    "number": plain(validators.Number),
    "instant": plain(validators.Instant),
}


@pytest.mark.parametrize("cls", VALUE_CLASSES, ids=lambda cls: cls.__name__)
def test_the_type_of_a_keyword_is_that_of_its_field(cls):
    annotations = keywords(cls.__init__)
    for name, field in cls._fields.items():
        kind, annotation = field.kind.name, annotations[name]

        if kind in TYPES:
            assert plain(annotation) == TYPES[kind], name
        elif kind == "choice":
            listed = words(annotation)
            assert [field.check(word) for word in listed] == listed, name
            assert len(listed) == len(set(listed)) >= 2, name
        elif kind == "record":
            assert plain(annotation) == {field.of}, name
        elif kind in ("records", "events"):
            of = {arg for part in plain(annotation) for arg in get_args(part)}
            assert field.of in of, name
        else:
            kinds = ("scalars", "strings", "attribute", "maps", "records_by_name")
            assert kind in kinds, name
        if not field.required:
            may_be_none = annotation is Any or NoneType in get_args(annotation)
            assert may_be_none or kind == "attribute", name


def test_a_literal_lists_exactly_the_words_that_its_field_takes():
    """The error for a wrong word lists all that are allowed, or names the first three."""
    checked = 0
    for cls in VALUE_CLASSES:
        annotations = keywords(cls.__init__)
        for name, field in cls._fields.items():
            if field.kind.name != "choice":
                continue
            try:
                field.check("\N{SNOWMAN}")
            except validators.CheckFailed as bad:
                listed = bad.why.partition("want one of ")[2].split(", ")
                assert listed == words(annotations[name]), (cls, name)
                checked += 1
    assert checked >= 15


# Signatures as people and tools see them

SPELLED = {
    **{verb: {*Event._fields, "after"} for verb in VERB_EVENTS if verb != "event"},
    **{verb: {"total_amount", "currency_code", "at"} for verb in PRODUCT_VERBS},
    **{
        verb: {"currency_code", "at"}
        for verb in ("promotion_view", "promotion_click", "impression")
    },
    "event": {"name", "attributes", "type", "at", "after", "flags"},
    "for_user": {"mpid", *UserIdentities._fields},
    "for_device": {*DeviceInformation._fields},
    "with_identities": {*UserIdentities._fields},
    "with_device": {*DeviceInformation._fields},
    "with_application": {*ApplicationInformation._fields},
    "with_location": {*GeoLocation._fields},
}


@pytest.mark.parametrize("verb", SPELLED)
def test_a_signature_spells_out_the_fields(verb):
    function = getattr(Batch, verb)
    signature = inspect.signature(function)

    assert SPELLED[verb] <= set(signature.parameters)
    assert not any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    assert set(keywords(function)) <= set(signature.parameters)
    assert "Unpack" not in str(signature)
    ast.parse(f"def f{re.sub(r' -> .*', '', str(signature))}: ...")


@pytest.mark.parametrize("owner", [Batch(), Session.start(session_id=1)], ids=["batch", "session"])
def test_a_live_values_verbs_have_the_same_signatures(owner):
    assert "platform" in inspect.signature(Batch().with_device).parameters
    for verb in VERB_EVENTS:
        bound, function = getattr(owner, verb), getattr(EventVerbs, verb)
        expected = [name for name in inspect.signature(function).parameters if name != "self"]
        assert list(inspect.signature(bound).parameters) == expected


@pytest.mark.parametrize("cls", VALUE_CLASSES, ids=lambda cls: cls.__name__)
def test_the_signature_of_a_value_spells_out_its_fields(cls):
    parameters = inspect.signature(cls).parameters

    assert set(cls._fields) <= set(parameters)
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def test_optional_keywords_show_none_as_their_default():
    parameters = inspect.signature(Batch.with_device).parameters

    assert parameters["platform"].default is None
    assert parameters["platform"].kind is inspect.Parameter.KEYWORD_ONLY
    assert "Platform" in str(parameters["platform"].annotation)


def test_looking_at_a_signature_twice_gives_the_same():
    for verb in SPELLED:
        function = getattr(Batch, verb)
        assert str(inspect.signature(function)) == str(inspect.signature(function))
        assert inspect.signature(function) == inspect.signature(function)


def test_a_function_has_its_signature_also_while_somebody_looks_at_it():
    @expand_kwargs
    def with_teapot(**fields: Unpack[DeviceFields]):
        """Stand in for a verb."""

    seen = []
    real = inspect.signature

    def looked_at(function):
        seen.append("__signature__" in vars(with_teapot))
        return real(function)

    with mock.patch.object(inspect, "signature", looked_at):
        assert "platform" in with_teapot.__signature__.parameters

    assert seen == [True]


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]
)
def test_a_signature_can_be_copied_and_pickled(copied):
    signature = Batch.with_device.__signature__

    assert type(copied(signature)) is inspect.Signature
    assert copied(signature) == signature


def test_a_signature_that_is_not_there_yet_has_no_attributes():
    signature = type(Batch.with_device.__signature__)
    empty = signature.__new__(signature)

    assert getattr(empty, "_known", "none") == "none"
    assert getattr(empty, "parameters", "none") == "none"


def test_what_the_init_of_a_subclass_takes_besides_stays_in_its_signature():
    class Tea(Product):
        def __init__(self, sku, **more):
            super().__init__(sku, "Tea", **more)

    class TypedTea(Product):
        def __init__(self, sku, **more: typing.Unpack[commerce.ProductFields]):
            super().__init__(sku, "Tea", **more)

    class QuietTea(Product):
        def __init__(self, sku, **more: Unpack[NotHere]):  # noqa: F821 - for type checkers only
            super().__init__(sku, "Tea", **more)

    class BareTea(Product):
        def __init__(self, sku, **unknown: typing.Never):
            super().__init__(sku, "Tea", **unknown)

    BareTea.__init__.__annotations__["unknown"] = typing.Never

    assert [*inspect.signature(Tea).parameters] == ["sku", "more"]
    assert [*inspect.signature(QuietTea).parameters] == ["sku", "more"]
    assert [*inspect.signature(BareTea).parameters] == ["sku"]
    assert [*inspect.signature(TypedTea).parameters] == [
        "sku",
        *commerce.ProductFields.__annotations__,
    ]
    assert mock.create_autospec(Tea)("sku-1", price=3) is not None


def test_an_unpack_that_is_no_text_is_spelled_out_too():
    def steep(**fields):
        """Stand in for a verb."""

    steep.__annotations__["fields"] = Unpack[DeviceFields]

    assert [*inspect.signature(expand_kwargs(steep)).parameters] == [*DeviceFields.__annotations__]


@pytest.mark.parametrize("verb", ["purchase", "with_device", "event", "for_user"])
def test_help_shows_the_keywords(verb):
    text = pydoc.render_doc(getattr(Batch, verb), renderer=pydoc.plaintext)

    assert "Unpack" not in text
    assert "**" not in text.splitlines()[2]
    for name in SPELLED[verb]:
        assert re.search(rf"\b{name}\b", text), name
    assert ">>>" in text


def test_help_on_the_class_lists_the_verbs():
    text = pydoc.render_doc(Batch, renderer=pydoc.plaintext)

    for verb in (*VERB_EVENTS, *PRODUCT_VERBS, "with_device", "merge", "from_json"):
        assert re.search(rf"\b{verb}\(", text), verb


# Completion on live objects

LIVE = {
    "batch": Batch.for_user(customer_id="u-1"),
    "session": Session.start(session_id=1),
    "teapot": Product("sku-1"),
    "Batch": Batch,
    "AppEvent": AppEvent,
    "DeviceInformation": DeviceInformation,
    "Product": Product,
}
COMPLETIONS = [
    ("batch.pur", "purchase"),
    ("batch.with_dev", "with_device"),
    ("batch.without_", "without_device"),
    ("batch.scr", "screen_view"),
    ("batch.user_id", "user_identities"),
    ("session.pur", "purchase"),
    ("session.en", "end"),
    ("teapot.pri", "price"),
    ("Batch.for_", "for_user"),
    ("batch.with_device(plat", "platform="),
    ("batch.with_device(brand='x', screen_h", "screen_height="),
    ("batch.with_identities(cust", "customer_id="),
    ("batch.purchase(teapot, tot", "total_amount="),
    ("batch.purchase(teapot, curr", "currency_code="),
    ("batch.event('Searched', attr", "attributes="),
    ("batch.event('Searched', source_m", "source_message_id="),
    ("batch.screen_view('Home', activity", "activity_type="),
    ("batch.crash_report(sev", "severity="),
    ("session.event('Searched', aft", "after="),
    ("Batch.for_user(ema", "email="),
    ("Batch.for_device(ios_i", "ios_idfv="),
    ("DeviceInformation(plat", "platform="),
    ("Product('x', pri", "price="),
    ("AppEvent('x', fla", "flags="),
]


@pytest.mark.together("jedi")
@pytest.mark.parametrize(("text", "wanted"), COMPLETIONS)
def test_jedi_completes_verbs_and_fields(text, wanted):
    found = {completion.name for completion in jedi.Interpreter(text, [LIVE]).complete()}

    assert wanted in found


@pytest.mark.together("jedi")
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("batch.event('x').pur", "purchase"),
        ("batch.event('x').with_device(brand='y').scr", "screen_view"),
        ("Batch.for_user(email='x').pur", "purchase"),
    ],
)
def test_jedi_completes_in_the_middle_of_a_chain(text, wanted):
    found = {completion.name for completion in jedi.Interpreter(text, [LIVE]).complete()}

    assert wanted in found


@pytest.mark.together("jedi")
def test_jedi_shows_the_signature_while_one_types():
    (signature,) = jedi.Interpreter("batch.with_device(", [LIVE]).get_signatures()

    assert {"platform", "ios_idfv"} <= {parameter.name for parameter in signature.params}


def completed_by_ipython(text, **options):
    """Return what IPython offers after a text, without what stands before the last dot."""
    completer = IPCompleter(namespace=LIVE, **options)
    with provisionalcompleter():
        found = [completion.text for completion in completer.completions(text, len(text))]
    return {option.rpartition(".")[2] for option in found}


@pytest.mark.together("jedi")
@pytest.mark.parametrize(("text", "wanted"), COMPLETIONS)
def test_ipython_completes_verbs_and_fields(text, wanted):
    assert wanted in completed_by_ipython(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(text, wanted) for text, wanted in COMPLETIONS if "(" not in text or text[0].isupper()],
)
def test_ipython_completes_without_jedi_too(text, wanted):
    """Verbs on a value and fields after a class; after a value's verb, IPython needs jedi.

    Without it, IPython looks at no method of an object whose class has a ``__getattr__``.
    """
    assert wanted in completed_by_ipython(text, use_jedi=False)


@pytest.mark.parametrize("value", [LIVE["batch"], LIVE["session"], LIVE["teapot"]])
def test_completing_a_value_offers_nothing_that_fails(value):
    for name in dir(value):
        getattr(value, name)


# The public names


def test_all_is_sorted_and_every_name_in_it_exists():
    names = mpfluent.__all__

    assert names == sorted(names)
    assert len(names) == len(set(names))
    assert all(hasattr(mpfluent, name) for name in names)


def test_all_lists_every_value_error_and_event():
    expected = {cls.__name__ for cls in VALUE_CLASSES}
    expected |= {cls.__name__ for cls in Event._by_type.values()}
    expected |= {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, MPFluentError) and name[0] != "_"
    }

    assert expected <= set(mpfluent.__all__)


def test_a_star_import_brings_exactly_the_public_names():
    namespace: dict[str, Any] = {}
    exec("from mpfluent import *", namespace)
    del namespace["__builtins__"]

    assert set(namespace) == set(mpfluent.__all__)


PUBLIC_CLASSES = [
    (name, value) for name in mpfluent.__all__ if isinstance(value := getattr(mpfluent, name), type)
]


@pytest.mark.parametrize(
    "cls", [cls for _, cls in PUBLIC_CLASSES], ids=[name for name, _ in PUBLIC_CLASSES]
)
def test_every_public_class_and_method_has_a_docstring(cls):
    inherited = {base.__doc__ for base in cls.__mro__[1:]}

    assert cls.__doc__
    assert cls.__doc__ not in inherited
    assert cls.__doc__.splitlines()[0].strip()[-1] in ".:"
    for name in dir(cls):
        attribute = inspect.getattr_static(cls, name)
        ours = (getattr(attribute, "__module__", None) or "").startswith("mpfluent")
        if name[0] != "_" and inspect.isfunction(attribute) and ours:
            assert inspect.getdoc(attribute), f"{cls.__name__}.{name}"


@pytest.mark.parametrize("cls", [*VALUE_CLASSES, Batch, Session], ids=lambda cls: cls.__name__)
def test_the_docstring_of_a_value_has_an_example(cls):
    assert ">>>" in cls.__doc__


def test_every_verb_has_a_docstring_with_an_example():
    without = {"add", "end", "to_dict", "to_json", "from_dict", "from_json"}
    for name in dir(Batch):
        attribute = getattr(Batch, name)
        if name[0] != "_" and callable(attribute):
            assert attribute.__doc__, name
            assert ">>>" in attribute.__doc__ or name in without, name


PACKAGE = Path(mpfluent.__file__).parent
MODULES = [
    importlib.import_module(name)
    for path in sorted(PACKAGE.rglob("*.py"))
    if "testing" not in (name := ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    and "integrations" not in name
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_function_and_method_says_what_it_takes_and_returns(module):
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__ or name[0] == "_":
            continue
        members = vars(value) if isinstance(value, type) else {name: value}
        for member, function in members.items():
            if member[0] == "_" or not inspect.isfunction(function):
                continue
            code = function.__code__
            taken = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

            assert set(taken) - {"self", "cls"} <= set(function.__annotations__), function
            assert "return" in function.__annotations__, function


def test_frozen_is_the_base_of_every_value():
    assert all(issubclass(cls, Frozen) for cls in (*VALUE_CLASSES, Batch, Session))


def test_the_four_short_names_can_be_read_by_their_wire_names():
    event = AppEvent("Searched", {"a": 1}, type="search", at=1795428900000, flags={"b": True})

    assert event.timestamp_unixtime_ms == event.at
    assert event.custom_attributes == event.attributes
    assert event.custom_flags == event.flags
    assert event.custom_event_type == event.type


@pytest.mark.parametrize("name", mpfluent.__all__)
def test_whatever_is_public_can_be_asked_for_its_signature(name):
    member = getattr(mpfluent, name)
    if callable(member) and not typing.get_origin(member):
        with contextlib.suppress(ValueError):  # C code has none
            inspect.signature(member)
