"""The event verbs: each appends one event and returns a new value.

``Batch`` and ``Session`` both have them, and so has every vocabulary of your own: a class of
verbs that derives from :class:`EventVerbs` and is mixed into either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from ..errors import (
    Immutable,
    InvalidTime,
    InvalidValue,
    UnknownVerb,
    brief,
    closest,
    unknown_field,
    wrong_type,
)
from ..model import events
from ..model.event import EventFields, PlaceFields
from ..model.events import (
    AppEvent,
    AttributeChangeFields,
    BreadcrumbFields,
    CrashFields,
    CustomEventType,
    NetworkFields,
    ProfileEventType,
    PushMessageFields,
    PushMessageType,
    ScreenViewFields,
    TransitionFields,
    UserAttributeValue,
)
from ..model.user import UserIdentity
from ..sdk_names import VERBS, called
from ..utils.introspection import describe_verbs
from ..values import validators
from ..values.check_failed import checked_as
from ..values.codegen import Names
from ..values.fields import entries_of, mapping
from ..values.foreign import is_a, itself, looked_at
from ..values.validators import Instant, Number, Scalar
from .commerce_verbs import NO_KEYWORDS, CommerceVerbs, appended

if TYPE_CHECKING:
    import requests


# What event() takes besides its keywords.
_NAMES = Names(("event_name", "type", "attributes"))
_NAMES_AND_TIME = Names(("event_name", "type", "at", "attributes"))

_class = type  # which is the name of an argument of event()
_LEAVE_OUT = "leave it out, or write event(…)"

# What people try on a value that they take to be mutable, and the line to write instead.
_MUTATORS = {
    "append": "add(event)",
    "insert": "add(event)",
    "extend": "add(*events)",
    "set": "with_user_attributes(…)",
    "update": "merge(other)",
}


class EventVerbs(CommerceVerbs):
    """The verbs that append one event.

    Each takes the fields of its event as keywords; those of
    :class:`~mpfluent.model.event.EventFields` (``at``, ``attributes``, ``flags``, ``location``, …)
    go with every verb.

    Derive from this class for verbs of your own, and mix them into ``Batch`` or ``Session``:

    >>> from mpfluent import Batch, EventVerbs
    >>> class ShopVerbs(EventVerbs):
    ...     def signed_up(self, plan):
    ...         return self.event("Signed up", {"plan": plan})
    >>> class ShopBatch(ShopVerbs, Batch):
    ...     pass
    >>> ShopBatch.for_user(customer_id="1").signed_up("pro").events[0].attributes
    {'plan': 'pro'}
    """

    def event(
        self: V,
        name: str,
        attributes: Mapping[str, Scalar | None] | None = None,
        *,
        type: CustomEventType = "other",
        at: Instant | None = None,
        **fields: Unpack[PlaceFields],
    ) -> V:
        """Append a custom event.

        Args:
            name: at most 256 characters.
            attributes: names to strings, numbers and booleans; an entry that is None is left out.
            type: the kind of event, such as "navigation" or "search".
            at: when it happened: an aware datetime, an ISO 8601 string with a zone, or Unix
                milliseconds. Without it the time of sending is used.

        >>> from mpfluent import Batch
        >>> batch = Batch().event("Searched", {"query": "teapot"}, type="search")
        >>> batch.events[0].attributes["query"]
        'teapot'
        """
        values: tuple[Any, ...] = name, type, attributes
        names = _NAMES
        if at is not None:  # most calls have none, so that there is code without it
            names, values = _NAMES_AND_TIME, (name, type, at, attributes)
        given: Any = fields
        # as in _event, but most calls are of this verb, and not to call that saves a tenth of them
        key = _class(self), AppEvent, "", names, frozenset(given) if given else NO_KEYWORDS
        grown: V | None = appended[key](self, values, given)
        if grown is not None:
            return grown
        if "event_name" in fields:
            raise unknown_field("event()", "event_name", (), "name")
        try:
            return self._event(AppEvent, "event", {**dict(zip(names, values)), **given})
        except (InvalidValue, InvalidTime) as error:
            if error.field == "attributes" and is_a(attributes, str):
                raise events.positional("event", name, str(attributes)) from None
            if error.field != "event_name":
                raise
            # as the keyword is called here, and with nothing else renamed
            if name is not None:
                checked_as(AppEvent._fields["event_name"].check, "event", "name", name)
            renamed = error.__class__(str(error).replace("event_name", "name"))
            renamed.field = "name"
            raise renamed from error.__cause__

    def _attribution(
        self: V, verb: str, name: str, own: Mapping[str, str | None], fields: Any
    ) -> V:
        for key, value in own.items():
            if value is not None or verb == "attribution":
                checked_as(validators.name, verb, key, value)
        events.check_unsaid(verb, ("event_name", "type"), fields, _LEAVE_OUT)
        given = {"event_name": name, "type": "attribution", **fields}
        given["attributes"] = {**own, **_attributes(verb, fields)}
        return self._event(AppEvent, verb, given)

    def attribution(self: V, publisher: str, campaign: str, **fields: Unpack[EventFields]) -> V:
        """Append an install's attribution to a publisher and a campaign.

        >>> from mpfluent import Batch
        >>> Batch().attribution("Example network", "Spring").events[0].type
        'attribution'
        """
        own = {"publisher": publisher, "campaign": campaign}
        return self._attribution("attribution", "attribution", own, fields)

    def attribution_delete(self: V, **fields: Unpack[EventFields]) -> V:
        """Append the deletion of an install's attribution.

        >>> from mpfluent import Batch
        >>> Batch().attribution_delete().events[0].attributes
        {'action': 'delete'}
        """
        own = {"action": "delete"}
        return self._attribution("attribution_delete", "attribution", own, fields)

    def re_engagement(
        self: V,
        *,
        publisher: str | None = None,
        campaign: str | None = None,
        **fields: Unpack[EventFields],
    ) -> V:
        """Append a user's coming back through a campaign.

        >>> from mpfluent import Batch
        >>> Batch().re_engagement(campaign="Spring").events[0].event_name
        're-engagement'
        """
        own = {"publisher": publisher, "campaign": campaign}
        return self._attribution("re_engagement", "re-engagement", own, fields)

    def ltv_increase(
        self: V,
        amount: Number,
        *,
        event_name: str = "User Value Update",
        **fields: Unpack[EventFields],
    ) -> V:
        """Append an increase of the user's lifetime value, as the vendor's mobile SDKs send it.

        Args:
            amount: how much, in your currency.

        >>> from mpfluent import Batch
        >>> Batch().ltv_increase(5).events[0].attributes
        {'$Amount': '5', '$MethodName': 'LogLTVIncrease'}
        """
        verb = "ltv_increase"
        amount = checked_as(validators.number, verb, "amount", amount)
        events.check_unsaid(verb, ("lifetime_value_change", "type"), fields, _LEAVE_OUT)
        given: dict[str, Any] = {"event_name": event_name, "type": "transaction", **fields}
        given["lifetime_value_change"] = amount
        given["attributes"] = {
            "$Amount": _digits(amount),
            "$MethodName": "LogLTVIncrease",
            **_attributes(verb, fields),
        }
        return self._event(AppEvent, verb, given)

    def screen_view(self: V, screen_name: str, **fields: Unpack[ScreenViewFields]) -> V:
        """Append a screen that was seen.

        >>> from mpfluent import Batch
        >>> Batch().screen_view("Home").events[0].screen_name
        'Home'
        """
        return self._event(events.ScreenViewEvent, "screen_view", fields, screen_name)

    def session_start(self: V, **fields: Unpack[EventFields]) -> V:
        """Append the start of a session; ``Session.start`` numbers and times its events for you.

        >>> from mpfluent import Batch
        >>> Batch().session_start(session_id=42).events[0].session_id
        42
        """
        return self._event(events.SessionStartEvent, "session_start", fields)

    def session_end(self: V, session_duration_ms: int, **fields: Unpack[EventFields]) -> V:
        """Append the end of a session.

        Args:
            session_duration_ms: how long it was, in milliseconds.

        >>> from mpfluent import Batch
        >>> Batch().session_end(60_000, session_id=42).events[0].session_duration_ms
        60000
        """
        return self._event(events.SessionEndEvent, "session_end", fields, session_duration_ms)

    def _transition(self: V, verb: str, transition: str, fields: Any, *flags: bool | None) -> V:
        of = events.ApplicationStateTransitionEvent
        instead = "for other combinations write add(ApplicationStateTransitionEvent(…))"
        events.check_unsaid(verb, of._init_names, fields, instead)
        is_first_run, is_upgrade = flags or (None, None)
        return self._event(of, verb, fields, f"application_{transition}", is_first_run, is_upgrade)

    def app_install(self: V, **fields: Unpack[TransitionFields]) -> V:
        """Append the first start of the app after its install.

        >>> from mpfluent import Batch
        >>> Batch().app_install().events[0].is_first_run
        True
        """
        return self._transition("app_install", "initialized", fields, True, False)

    def app_upgrade(self: V, **fields: Unpack[TransitionFields]) -> V:
        """Append the first start of the app after an upgrade.

        >>> from mpfluent import Batch
        >>> Batch().app_upgrade().events[0].is_upgrade
        True
        """
        return self._transition("app_upgrade", "initialized", fields, False, True)

    def app_initialized(self: V, **fields: Unpack[TransitionFields]) -> V:
        """Append a start of the app.

        >>> from mpfluent import Batch
        >>> Batch().app_initialized().events[0].application_transition_type
        'application_initialized'
        """
        return self._transition("app_initialized", "initialized", fields)

    def app_foreground(self: V, **fields: Unpack[TransitionFields]) -> V:
        """Append the app's coming to the foreground.

        >>> from mpfluent import Batch
        >>> Batch().app_foreground(launch_referral="https://example.com/").events[0].event_type
        'application_state_transition'
        """
        return self._transition("app_foreground", "foreground", fields)

    def app_background(self: V, **fields: Unpack[TransitionFields]) -> V:
        """Append the app's going to the background.

        >>> from mpfluent import Batch
        >>> Batch().app_background().events[0].application_transition_type
        'application_background'
        """
        return self._transition("app_background", "background", fields)

    def app_exit(self: V, **fields: Unpack[TransitionFields]) -> V:
        """Append the app's end.

        >>> from mpfluent import Batch
        >>> Batch().app_exit().events[0].application_transition_type
        'application_exit'
        """
        return self._transition("app_exit", "exit", fields)

    def first_run(self: V, **fields: Unpack[EventFields]) -> V:
        """Append the app's first run; ``app_install`` says more.

        >>> from mpfluent import Batch
        >>> Batch().first_run().events[0].event_type
        'first_run'
        """
        return self._event(events.FirstRunEvent, "first_run", fields)

    def uninstall(self: V, **fields: Unpack[EventFields]) -> V:
        """Append the app's removal.

        >>> from mpfluent import Batch
        >>> Batch().uninstall().events[0].event_type
        'uninstall'
        """
        return self._event(events.UninstallEvent, "uninstall", fields)

    def push_registration(
        self: V, registration_token: str, *, register: bool = True, **fields: Unpack[EventFields]
    ) -> V:
        """Append a push token's registration, or its end with ``register=False``.

        >>> from mpfluent import Batch
        >>> Batch().push_registration("token", register=False).events[0].register
        False
        """
        given = registration_token, register
        return self._event(events.PushRegistrationEvent, "push_registration", fields, *given)

    def push_message(
        self: V,
        push_message_type: PushMessageType,
        push_message_token: str,
        push_notification_payload: str,
        **fields: Unpack[PushMessageFields],
    ) -> V:
        """Append a push message that was sent, received or acted on.

        Args:
            push_message_token: the device's push token.
            push_notification_payload: the message as JSON text.

        >>> from mpfluent import Batch
        >>> Batch().push_message("received", "token", "{}").events[0].push_message_type
        'received'
        """
        given = push_message_type, push_message_token, push_notification_payload
        return self._event(events.PushMessageEvent, "push_message", fields, *given)

    @overload
    def network_performance(
        self: V, url: requests.Response, /, **fields: Unpack[NetworkFields]
    ) -> V: ...
    @overload
    def network_performance(
        self: V, url: str, response_code: int, **fields: Unpack[NetworkFields]
    ) -> V: ...
    def network_performance(
        self: V,
        url: str | requests.Response,
        response_code: int | None = None,
        **fields: Unpack[NetworkFields],
    ) -> V:
        """Append the timing of an HTTP call.

        Args:
            url: the address, or a ``requests.Response``, which says all the rest too; what you
                write beside it wins. Query strings are sent as they are.
            response_code: the HTTP status.

        >>> from mpfluent import Batch
        >>> batch = Batch().network_performance("https://example.com/", 200, time_elapsed=12)
        >>> batch.events[0].response_code
        200
        """
        given: dict[str, Any] = {"url": url, "response_code": response_code}
        if type(url) is not str and (measured := _measured(url)):
            given = measured
            if response_code is not None:
                given["response_code"] = response_code
        return self._event(
            events.NetworkPerformanceEvent, "network_performance", {**given, **fields}
        )

    def breadcrumb(self: V, label: str, **fields: Unpack[BreadcrumbFields]) -> V:
        """Append a trace of what the user did.

        >>> from mpfluent import Batch
        >>> Batch().breadcrumb("Opened cart").events[0].label
        'Opened cart'
        """
        return self._event(events.BreadcrumbEvent, "breadcrumb", fields, label)

    def crash_report(
        self: V,
        error: BaseException | None = None,
        *,
        message: str | None = None,
        severity: str = "error",
        **fields: Unpack[CrashFields],
    ) -> V:
        """Append a crash or a handled error.

        Args:
            error: an exception; it fills class, message and stack trace. What you write beside
                it wins.
            message: what went wrong; needed without an exception.
            severity: such as "error" or "fatal".

        >>> from mpfluent import Batch
        >>> batch = Batch().crash_report(ValueError("out of tea"), exception_handled=True)
        >>> batch.events[0].class_name, batch.events[0].message, batch.events[0].severity
        ('ValueError', 'out of tea', 'error')
        """
        given: dict[str, Any] = {"message": message, "severity": severity}
        error = itself("crash_report", error, BaseException)
        if error is not None:
            if not is_a(error, BaseException):
                hint = f"message={brief(error)}" if is_a(error, str) else "message=…"
                raise wrong_type("crash_report", error, "an exception", hint, "error")
            given |= _described(error)
            if message is not None:
                given["message"] = message
        return self._event(events.CrashReportEvent, "crash_report", {**given, **fields})

    def opt_out(self: V, is_opted_out: bool = True, **fields: Unpack[EventFields]) -> V:
        """Append the user's opting out of all tracking, or back in with False.

        >>> from mpfluent import Batch
        >>> Batch().opt_out(False).events[0].is_opted_out
        False
        """
        return self._event(events.OptOutEvent, "opt_out", fields, is_opted_out)

    def profile(
        self: V,
        profile_event_type: ProfileEventType,
        *,
        previous_mpid: int,
        current_mpid: int,
        **fields: Unpack[EventFields],
    ) -> V:
        """Append a sign-up, login, logout, update or deletion of a profile.

        >>> from mpfluent import Batch
        >>> Batch().profile("login", previous_mpid=1, current_mpid=2).events[0].current_mpid
        2
        """
        given = profile_event_type, previous_mpid, current_mpid
        return self._event(events.ProfileEvent, "profile", fields, *given)

    def user_attribute_change(
        self: V,
        user_attribute_name: str,
        new: UserAttributeValue,
        **fields: Unpack[AttributeChangeFields],
    ) -> V:
        """Append a user attribute's change; mParticle makes these itself from user attributes.

        >>> from mpfluent import Batch
        >>> Batch().user_attribute_change("plan", "pro", old="trial").events[0].new
        'pro'
        """
        given = user_attribute_name, new
        return self._event(events.UserAttributeChangeEvent, "user_attribute_change", fields, *given)

    def user_identity_change(
        self: V, new: UserIdentity | None, old: UserIdentity | None, **fields: Unpack[EventFields]
    ) -> V:
        """Append an identity's change; None stands for no identity.

        >>> from mpfluent import Batch, UserIdentity
        >>> new = UserIdentity("email", "user@example.com", "2026-11-23T10:15:00Z")
        >>> Batch().user_identity_change(new, None).events[0].new.identity_type
        'email'
        """
        return self._event(events.UserIdentityChangeEvent, "user_identity_change", fields, new, old)

    # Hidden from type checkers: with this in sight they would accept any verb.
    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)
            kind = type(self).__name__
            if name in _MUTATORS:
                # only a batch has a context to set
                verb = _MUTATORS[name] if hasattr(type(self), "merge") else "add(event)"
                line = f"{kind.lower()} = {kind.lower()}.{verb}"
                raise Immutable(f"{kind} is immutable; write {line}")
            if name in ("send", "upload"):
                raise UnknownVerb(
                    f"{kind} has no verb {brief(name)}; a client sends it: write client.send(…)"
                )
            verbs = dir(self)  # a session has none of the context verbs
            meant = called(name, VERBS, verbs) or closest(name, verbs)
            hint = f"did you mean {meant!r}?" if meant else f"help({kind}) lists its verbs"
            raise UnknownVerb(f"{kind} has no verb {brief(name)}; {hint}")


V = TypeVar("V", bound=EventVerbs)


describe_verbs(EventVerbs, globals())


def _attributes(verb: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the caller's attributes, to be joined with those that the verb adds itself."""
    given = fields.get("attributes")
    if given is None:
        return {}
    checked_as(mapping(validators.scalar), verb, "attributes", given)
    return looked_at(entries_of, given)


def _digits(amount: Number) -> str:
    """Return a number's digits: the same for equal numbers, and without an exponent."""
    digits = format(Decimal(repr(amount) if isinstance(amount, float) else amount), "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


def _measured(url: Any) -> dict[str, Any] | None:
    """Return what a ``requests.Response`` says of its call; None for all else."""
    return checked_as(partial(looked_at, _told_by), "network_performance", "url", url)


def _told_by(response: Any) -> dict[str, Any] | None:
    if not (hasattr(response, "status_code") and hasattr(response, "elapsed")):
        return None
    sent = response.request
    size = response.headers.get("Content-Length", "")
    return {
        "url": response.url,
        "response_code": response.status_code,
        "http_verb": getattr(sent, "method", None),
        "time_elapsed": round(response.elapsed.total_seconds() * 1000),
        "bytes_in": int(size) if size.isascii() and size.isdigit() else None,
        "bytes_out": len(sent.body) if isinstance(getattr(sent, "body", None), bytes) else None,
    }


def _described(error: BaseException) -> dict[str, str]:
    """Return what an exception says of itself; whatever it holds, it can be sent."""
    import traceback

    kind = type(error)
    prefix = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    texts = {"class_name": f"{prefix}{kind.__qualname__}"}
    tells: dict[str, Callable[[], str]] = {
        "stack_trace": lambda: "".join(traceback.format_exception(error)),
        "message": lambda: str(error) or kind.__name__,
    }
    for key, tell in tells.items():
        try:
            texts[key] = tell()
        except Exception as broken:  # a __str__ that raises must not hide the crash
            texts[key] = f"{kind.__name__} (its {key} raised {type(broken).__name__})"
    return {
        key: str.encode(text, "utf-8", "backslashreplace").decode() for key, text in texts.items()
    }
