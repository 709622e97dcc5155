"""Values of other libraries, at every argument that takes one.

Whatever a value does when it is looked at, the answer is what it stands for, or an error of ours
that names the argument: never a silent change, and never the error of foreign code.
"""

from __future__ import annotations

import inspect
import itertools
from functools import cache

import pytest
from event_calls import EVENT_CALLS
from foreign import NOTHING, NOW, PROXIES, SESSION, STANDS_FOR, TARGETS, TEAPOT, USER, UUID

from mpfluent import (
    AppEvent,
    Batch,
    BreadcrumbEvent,
    CommerceEvent,
    CommonFields,
    ConsentState,
    Event,
    InvalidBatch,
    MPFluentError,
    Product,
    ProductAction,
    Promotion,
    Session,
)
from mpfluent.testing.strategies.records import VALUE_CLASSES

# The arguments: each has a name, the words that its errors may use, and a function that writes it.

CALLS = {
    **EVENT_CALLS,
    "add": ([AppEvent("Found")], {}),
    "merge": ([Batch()], {}),
    "with_environment": (["development"], {}),
    "with_mpid": ([7], {}),
    "with_mp_deviceid": ([UUID], {}),
    "with_ip": (["203.0.113.7"], {}),
    "with_source_request_id": (["order-1"], {}),
    "with_identities": ([], {}),
    "with_user_attributes": ([{"plan": "pro"}], {}),
    "with_deleted_user_attributes": (["plan"], {}),
    "with_device": ([], {}),
    "with_application": ([], {}),
    "with_attribution_info": (["a", "b", "c"], {}),
    "with_partner_identities": ([{"Acme_Id": "1"}], {}),
    "with_partner_identity": (["1"], {}),
    "with_integration_attributes": ([92, {"a": 1}], {}),
    "with_gdpr_consent": (["marketing", True], {"at": NOW}),
    "with_ccpa_data_sale_opt_out": ([], {"at": NOW}),
    "with_consent_state": ([ConsentState()], {}),
    "with_data_plan": (["plan"], {}),
    "with_location": ([1, 2], {}),
    "without_identities": (["customer_id"], {}),
    "without_user_attributes": (["plan"], {}),
    "without_device": (["platform"], {}),
    "for_user": ([], {"email": "a@b.example"}),
    "for_device": ([], {"brand": "Acme"}),
}
EVERY_EVENT = {"attributes", *CommonFields.__annotations__}
REQUIRED = {
    "identity_type": "email",
    "identity": "a@b.example",
    "timestamp_unixtime_ms": NOW,
    "latitude": 1,
    "longitude": 2,
    "service_provider": "a",
    "publisher": "b",
    "campaign": "c",
    "plan_id": "plan",
    "consented": True,
    "id": "sku-1",
    "action": "click",
    "product_impression_list": "Results",
    "products": [],
    "event_name": "Searched",
    "screen_name": "Home",
    "session_duration_ms": 1,
    "application_transition_type": "application_exit",
    "label": "x",
    "message": "x",
    "url": "x",
    "response_code": 200,
    "is_opted_out": True,
    "previous_mpid": 1,
    "current_mpid": 2,
    "profile_event_type": "login",
    "registration_token": "x",
    "push_message_type": "sent",
    "push_message_token": "x",
    "push_notification_payload": "x",
    "user_attribute_name": "x",
    "new": None,
    "old": None,
    "product_action": ProductAction("click"),
}


def said(value):
    """Return what a value is on the wire."""
    return (Batch().add(value) if isinstance(value, Session) else value).to_json()


def made_with(cls, name):
    """Return a function that makes a value of a class with this value in a field."""
    known = set(inspect.signature(cls).parameters)
    needed = {key: value for key, value in REQUIRED.items() if key in known and key != name}
    if cls is CommerceEvent and name in ("promotion_action", "product_impressions"):
        del needed["product_action"]
    if not issubclass(cls, Product | Promotion):
        needed.pop("id", None)
    return lambda value: said(cls(**needed, **{name: value}))


def called_with(verb, name):
    """Return a function that calls a verb with this value for an argument."""
    function = getattr(USER, verb)
    args, keywords = CALLS[verb]
    signature = inspect.signature(function)
    here = object()  # where the value goes
    bound = signature.bind(*args, **keywords)
    various = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
    bound.arguments[name] = (here,) if various else here
    args, keywords = bound.args, bound.kwargs

    def write(value):
        positional = [value if arg is here else arg for arg in args]
        return said(
            function(*positional, **{k: value if v is here else v for k, v in keywords.items()})
        )

    return write


def all_arguments():
    """Yield the arguments: a name, the words that errors there may use, and what writes there.

    And what is the same at others: the check, or the argument's name.
    """
    for cls in VALUE_CLASSES:
        for name in () if cls is Batch else cls._fields:
            if name in EVERY_EVENT and issubclass(cls, Event) and cls is not AppEvent:
                continue
            if name in inspect.signature(cls).parameters:
                argument = f"{cls.__name__}.{name}"
                yield argument, (name,), made_with(cls, name), cls._fields[name].check
    for verb in CALLS:
        for name, parameter in inspect.signature(getattr(USER, verb)).parameters.items():
            common = name in EVERY_EVENT and verb not in ("event", "purchase")
            if not common and parameter.kind is not inspect.Parameter.VAR_KEYWORD:
                yield f"{verb}({name})", (name, f"{verb}("), called_with(verb, name), name
    inside = {
        "attributes": lambda value: USER.event("x", {"key": value}),
        "flags": lambda value: USER.event("x", flags={"key": value}),
        "user_attributes": lambda value: USER.with_user_attributes({"key": value}),
        "user_attributes[]": lambda value: USER.with_user_attributes({"key": ["x", value]}),
        "more": lambda value: USER.with_user_attributes(key=value),
        "new": lambda value: USER.user_attribute_change("key", ["x", value]),
        "integration": lambda value: USER.with_integration_attributes(1, {"key": value}),
        "partner": lambda value: USER.with_partner_identities({"key": value}),
        "search ads": lambda value: USER.with_application(
            apple_search_ads_attributes={"key": {"key": value}}
        ),
        "product attributes": lambda value: Product("x", custom_attributes={"key": value}),
        "products[]": lambda value: ProductAction("click", [TEAPOT, value]),
        "gdpr": lambda value: ConsentState(gdpr={"key": value}),
        "ccpa": lambda value: ConsentState(ccpa={"data_sale_opt_out": value}),
        "names[]": lambda value: Batch.from_dict({"deleted_user_attributes": ["x", value]}),
        "breadcrumbs[]": lambda value: USER.crash_report(
            message="x", breadcrumbs=[BreadcrumbEvent("x"), value]
        ),
    }
    words = ("key", "data_sale", "[1]")
    for name, write in inside.items():
        yield f"inside {name}", words, lambda value, write=write: said(write(value)), name
    in_session = {
        "after": lambda value: SESSION.event("x", after=value),
        "end(after": lambda value: SESSION.end(after=value),
        "end(at": lambda value: SESSION.end(at=value),
        "at": lambda value: Session.start(session_id=1, at=value),
        "session_id": lambda value: Session.start(session_id=value),
        "session_uuid": lambda value: Session.start(value),
        "add(": lambda value: SESSION.add(value),
    }
    for name, write in in_session.items():
        word = name.removeprefix("end(")
        yield f"Session {name}", (word,), lambda value, write=write: said(write(value)), write


ARGUMENTS = {argument: (words, write) for argument, words, write, _ in all_arguments()}
# one of those that do the same with a value
FEW = list({same: argument for argument, _, _, same in all_arguments()}.values())
THIRDS = itertools.cycle([FEW[::3], FEW[1::3], FEW[2::3]])


def few():
    """Return some arguments; the next value meets others."""
    return next(THIRDS)


def answer(write, value):
    """Return what is written, or the error of ours."""
    try:
        return write(value)
    except MPFluentError as error:
        return error


@cache
def honest_answer(argument, key):
    return answer(ARGUMENTS[argument][1], HONEST[key])


HONEST = [honest for _, honest in STANDS_FOR] + list(TARGETS)


def shown(value):
    return type(value).__name__


def test_every_verb_has_its_arguments():
    of_a_batch = {name for name in dir(Batch) if name[0] != "_" and callable(getattr(Batch, name))}
    fields = {*Batch._fields}
    told = {"diff", "pipe", "preview", "problems", "without_consent"}
    reads = {"from_dict", "from_json", "to_dict", "to_json", "to_python"}

    assert of_a_batch - fields - told - reads == set(CALLS)


def assert_as_honest(argument, strange, key):
    words, write = ARGUMENTS[argument]
    found, want = answer(write, strange), honest_answer(argument, key)
    if isinstance(want, MPFluentError):
        assert isinstance(found, MPFluentError), (argument, found, want)
        assert any(word in str(found) for word in words), (argument, str(found))
    else:
        assert found == want, argument


def assert_all_as_honest(arguments, proxies):
    for key, (strange, _) in enumerate(STANDS_FOR):
        for argument in arguments():
            assert_as_honest(argument, strange, key)
    for key in range(len(STANDS_FOR), len(HONEST)):
        if HONEST[key] is not None:  # that leaves an argument out, and a proxy of it does not
            for argument in arguments():
                for proxy in proxies():
                    assert_as_honest(argument, proxy(HONEST[key]), key)


def assert_all_refused(arguments):
    for strange in NOTHING:
        for argument in arguments():
            words, write = ARGUMENTS[argument]
            found = answer(write, strange)
            assert isinstance(found, InvalidBatch), (argument, type(strange), found)
            assert any(word in str(found) for word in words), (argument, str(found))


def test_a_foreign_value_or_a_proxy_is_what_it_stands_for():
    one_after_the_other = itertools.cycle(PROXIES.values())

    assert_all_as_honest(few, lambda: [next(one_after_the_other)])


def test_what_stands_for_nothing_is_refused_by_name():
    assert_all_refused(few)


@pytest.mark.slow
def test_every_argument_takes_foreign_values_for_what_they_are():
    assert_all_as_honest(lambda: ARGUMENTS, PROXIES.values)
    assert_all_refused(lambda: ARGUMENTS)
