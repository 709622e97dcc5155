"""The seventeen events of the API: each adds its own fields to those that every event has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, Self, Unpack, get_args

from .. import sdk_names
from ..errors import InvalidValue, brief
from ..utils.introspection import hide_annotations
from ..values import fields
from ..values.foreign import is_a
from ..values.validators import Scalar, choice_or_integer
from .commerce import ProductAction, ProductImpression, PromotionAction, ShoppingCart
from .event import CommonFields, Event, EventFields
from .user import UserIdentity

CustomEventType = Literal[
    "navigation",
    "location",
    "search",
    "transaction",
    "user_content",
    "user_preference",
    "social",
    "other",
    "media",
    "attribution",
]
ApplicationTransitionType = Literal[
    "application_initialized",
    "application_exit",
    "application_background",
    "application_foreground",
]
ProfileEventType = Literal["signup", "login", "logout", "update", "delete"]
PushMessageType = Literal["sent", "received", "action"]
PushApplicationState = Literal["not_running", "background", "foreground"]
PushMessageBehavior = Literal["Received", "DirectOpen", "Read", "InfluencedOpen", "Displayed"]
UserAttributeValue = Scalar | Sequence[Scalar] | None


def positional(where: str, name: object, written: str) -> InvalidValue:
    """Return the error for a type in second place, where the vendor's SDK has it."""
    error = InvalidValue(
        f"{where}(attributes={brief(written)}): want a dict, got str; "
        f"write {where}({brief(name)}, type={brief(written)})"
    )
    error.field = "attributes"
    return error


def check_unsaid(verb: str, names: Iterable[str], fields: Any, instead: str) -> None:
    """Raise if the caller says what the verb says."""
    said = next((each for each in names if each in fields), None)
    if said is not None:
        raise InvalidValue(f"{verb}() says {said} itself; {instead}")


class AppEvent(Event, event_type="custom_event", verb="event"):
    """A custom event, also a media or an attribution event.

    Args:
        event_name: at most 256 characters.
        attributes: names to flat values.
        type: the kind of event, "other" if nothing else is said.

    >>> event = AppEvent("Searched", {"query": "teapot"}, type="search")
    >>> event.event_name, event.attributes["query"], event.type
    ('Searched', 'teapot', 'search')
    """

    _read_defaults = MappingProxyType({"custom_event_type": "other"})

    event_name = fields.required(fields.name())
    type: fields.Field[CustomEventType] = fields.required(
        fields.choice(
            "a custom event type",
            CustomEventType,
            wire="custom_event_type",
            liberal={"unknown": "other"},
        )
    )

    def __init__(
        self,
        event_name: str,
        attributes: Mapping[str, Scalar | None] | None = None,
        *,
        type: CustomEventType = "other",
        **fields: Unpack[CommonFields],
    ) -> None:
        if is_a(attributes, str):
            raise positional("AppEvent", event_name, str(attributes))
        self._fill(AppEvent, fields, event_name, attributes, type)

    def _made_by(self) -> str | None:
        attributes: Mapping[str, Scalar] = self.attributes or {}
        if attributes.get("$MethodName") == "LogLTVIncrease":
            return "ltv_increase"
        if self.type != "attribution":
            return self._verb
        if self.event_name == "attribution" and attributes.get("action") == "delete":
            return "attribution_delete"
        return "re_engagement" if self.event_name == "re-engagement" else "attribution"

    @property
    @hide_annotations
    def custom_event_type(self) -> CustomEventType:
        """The event's ``type``, by its wire name."""
        return self.type


CustomEvent = AppEvent


class CommerceFields(EventFields, total=False):
    """The optional keywords of :class:`CommerceEvent`, but for what was done."""

    shopping_cart: ShoppingCart | None
    currency_code: str | None
    screen_name: str | None
    is_non_interactive: bool | None


class CommerceEvent(Event, event_type="commerce_event"):
    """A product action, a promotion action or impressions: exactly one of the three.

    >>> from mpfluent import Product, ProductAction
    >>> event = CommerceEvent(product_action=ProductAction("purchase", [Product("sku-1")]))
    >>> event.product_action.products[0].id
    'sku-1'
    """

    _misnomers = MappingProxyType(sdk_names.COMMERCE)
    _server_set = Event._server_set | {"event_name", "custom_event_type"}
    _rules_of_names = True

    product_action = fields.record(ProductAction)
    promotion_action = fields.record(PromotionAction)
    product_impressions = fields.records(ProductImpression)
    shopping_cart = fields.record(ShoppingCart)
    currency_code = fields.text()
    screen_name = fields.string()
    is_non_interactive = fields.flag()

    def __init__(
        self,
        *,
        product_action: ProductAction | None = None,
        promotion_action: PromotionAction | None = None,
        product_impressions: Sequence[ProductImpression] | None = None,
        **fields: Unpack[CommerceFields],
    ) -> None:
        self._fill(CommerceEvent, fields, product_action, promotion_action, product_impressions)

    def _made_by(self) -> str:
        if self.product_action is not None:
            return self.product_action.action.replace("wish_list", "wishlist")
        if self.promotion_action is not None:
            return f"promotion_{self.promotion_action.action}"
        return "impression"

    @classmethod
    def _broken_rule(cls, set_: Mapping[str, Any]) -> tuple[str, str, str] | None:
        kinds = ("product_action", "promotion_action", "product_impressions")
        given = [kind for kind in kinds if kind in set_]
        if len(given) == 1:
            return None
        has = " and ".join(given) or "none of them"
        why = (
            "a commerce event has exactly one of product_action, promotion_action and "
            f"product_impressions, got {has}"
        )
        return "", why, "one event for each" if given else "CommerceEvent(product_action=…)"


class ScreenViewFields(EventFields, total=False):
    """The optional keywords of :class:`ScreenViewEvent`."""

    activity_type: str | None


class ScreenViewEvent(Event, event_type="screen_view", verb="screen_view"):
    """A screen that was seen.

    >>> ScreenViewEvent("Home").screen_name
    'Home'
    """

    screen_name = fields.required(fields.name())
    activity_type = fields.text()

    def __init__(self, screen_name: str, **fields: Unpack[ScreenViewFields]) -> None:
        self._fill(ScreenViewEvent, fields, screen_name)


class SessionStartEvent(Event, event_type="session_start", verb="session_start"):
    """The start of a session; give its ``session_uuid`` or ``session_id``.

    >>> SessionStartEvent(session_id=42).session_id
    42
    """

    def __init__(self, **fields: Unpack[EventFields]) -> None:
        self._fill(SessionStartEvent, fields)


class SessionEndEvent(Event, event_type="session_end", verb="session_end"):
    """The end of a session and its duration in milliseconds.

    >>> SessionEndEvent(60_000, session_id=42).session_duration_ms
    60000
    """

    # the vendor's own SDKs leave it out
    session_duration_ms = fields.required_when_written(fields.integer())

    def __init__(self, session_duration_ms: int, **fields: Unpack[EventFields]) -> None:
        self._fill(SessionEndEvent, fields, session_duration_ms)


class TransitionFields(EventFields, total=False):
    """The optional keywords of :class:`ApplicationStateTransitionEvent`.

    Args:
        successfully_closed: whether the previous session ended cleanly.
        push_notification_payload: the push that opened the app, as JSON text.
        launch_referral: the URL that opened the app.
    """

    successfully_closed: bool | None
    push_notification_payload: str | None
    launch_referral: str | None


class ApplicationStateTransitionEvent(Event, event_type="application_state_transition"):
    """An install, upgrade, start, foreground, background or exit of the app.

    ``is_first_run`` (an install) and ``is_upgrade`` belong to ``application_initialized`` alone.

    >>> ApplicationStateTransitionEvent.create_install_event().is_first_run
    True
    """

    application_transition_type: fields.Field[ApplicationTransitionType] = fields.required(
        fields.choice("an application transition", ApplicationTransitionType)
    )
    is_first_run = fields.flag()
    is_upgrade = fields.flag()
    successfully_closed = fields.flag()
    push_notification_payload = fields.text()
    launch_referral = fields.text()

    def __init__(
        self,
        application_transition_type: ApplicationTransitionType,
        *,
        is_first_run: bool | None = None,
        is_upgrade: bool | None = None,
        **fields: Unpack[TransitionFields],
    ) -> None:
        said = application_transition_type, is_first_run, is_upgrade
        self._fill(ApplicationStateTransitionEvent, fields, *said)

    def _made_by(self) -> str:
        if self.is_first_run:
            return "app_install"
        if self.is_upgrade:
            return "app_upgrade"
        return self.application_transition_type.replace("application_", "app_")

    @classmethod
    def _create(cls, verb: str, transition: Any, fields: Any, *flags: bool) -> Self:
        instead = "for other combinations write ApplicationStateTransitionEvent(…)"
        check_unsaid(verb, ApplicationStateTransitionEvent._init_names, fields, instead)
        said: dict[str, Any] = {**dict(zip(("is_first_run", "is_upgrade"), flags)), **fields}
        return cls(transition, **said)

    @classmethod
    def create_install_event(cls, **fields: Unpack[TransitionFields]) -> Self:
        """Construct the first start of the app after its install."""
        return cls._create("create_install_event", "application_initialized", fields, True, False)

    @classmethod
    def create_upgrade_event(cls, **fields: Unpack[TransitionFields]) -> Self:
        """Construct the first start of the app after an upgrade."""
        return cls._create("create_upgrade_event", "application_initialized", fields, False, True)

    @classmethod
    def create_foreground_event(cls, **fields: Unpack[TransitionFields]) -> Self:
        """Construct the app's coming to the foreground."""
        return cls._create("create_foreground_event", "application_foreground", fields)

    @classmethod
    def create_background_event(cls, **fields: Unpack[TransitionFields]) -> Self:
        """Construct the app's going to the background."""
        return cls._create("create_background_event", "application_background", fields)

    @classmethod
    def _broken_rule(cls, set_: Mapping[str, Any]) -> tuple[str, str, str] | None:
        transition = set_["application_transition_type"]
        flags = [key for key in ("is_first_run", "is_upgrade") if set_.get(key)]
        if transition == "application_initialized" or not flags:
            return None
        why = f"only application_initialized can be a first run or an upgrade, not {transition}"
        return f"{flags[0]}=True", why, "app_install() or app_upgrade()"


class CrashFields(EventFields, total=False):
    """The optional keywords of :class:`CrashReportEvent`."""

    class_name: str | None
    stack_trace: str | None
    exception_handled: bool | None
    topmost_context: str | None
    breadcrumbs: Sequence[BreadcrumbEvent] | None
    pl_crash_report_file_base64: str | None
    ios_image_base_address: int | None
    ios_image_size: int | None
    session_number: int | None


class BreadcrumbFields(EventFields, total=False):
    """The optional keywords of :class:`BreadcrumbEvent`."""

    session_number: int | None


class BreadcrumbEvent(Event, event_type="breadcrumb", verb="breadcrumb"):
    """A trace of what the user did before a crash.

    >>> BreadcrumbEvent("Opened cart").label
    'Opened cart'
    """

    label = fields.required(fields.name())
    session_number = fields.integer()

    def __init__(self, label: str, **fields: Unpack[BreadcrumbFields]) -> None:
        self._fill(BreadcrumbEvent, fields, label)


class CrashReportEvent(Event, event_type="crash_report", verb="crash_report"):
    """A crash or a handled error.

    Args:
        message: what went wrong.
        severity: such as "error" or "fatal".

    >>> CrashReportEvent("Out of tea", "fatal").severity
    'fatal'
    """

    message = fields.required(fields.text())
    severity = fields.required(fields.text())
    class_name = fields.text()
    stack_trace = fields.text()
    exception_handled = fields.flag()
    topmost_context = fields.text()
    breadcrumbs = fields.events(BreadcrumbEvent)
    pl_crash_report_file_base64 = fields.text()
    ios_image_base_address = fields.integer(unsigned=True)
    ios_image_size = fields.integer(unsigned=True)
    session_number = fields.integer()

    def __init__(
        self, message: str, severity: str = "error", **fields: Unpack[CrashFields]
    ) -> None:
        self._fill(CrashReportEvent, fields, message, severity)


class NetworkFields(EventFields, total=False):
    """The optional keywords of :class:`NetworkPerformanceEvent`.

    Args:
        http_verb: such as "GET".
        time_elapsed: in milliseconds.
        bytes_in: the size of the answer; bytes_out: the size of the request.
        data: the request's body as base64 text.
    """

    http_verb: str | None
    time_elapsed: int | None
    bytes_in: int | None
    bytes_out: int | None
    data: str | None


class NetworkPerformanceEvent(Event, event_type="network_performance", verb="network_performance"):
    """The timing of an HTTP call.

    >>> NetworkPerformanceEvent("https://example.com/", 200, time_elapsed=12).response_code
    200
    """

    url = fields.required(fields.name())
    response_code = fields.required(fields.integer())
    http_verb = fields.string()
    time_elapsed = fields.integer()
    bytes_in = fields.integer()
    bytes_out = fields.integer()
    data = fields.text()

    def __init__(self, url: str, response_code: int, **fields: Unpack[NetworkFields]) -> None:
        self._fill(NetworkPerformanceEvent, fields, url, response_code)


class OptOutEvent(Event, event_type="opt_out", verb="opt_out"):
    """The user's opting out of, or back in to, all tracking.

    >>> OptOutEvent(False).is_opted_out
    False
    """

    is_opted_out = fields.required(fields.flag())

    def __init__(self, is_opted_out: bool = True, **fields: Unpack[EventFields]) -> None:
        self._fill(OptOutEvent, fields, is_opted_out)


class FirstRunEvent(Event, event_type="first_run", verb="first_run"):
    """The app's first run; ``ApplicationStateTransitionEvent.create_install_event`` says more.

    >>> FirstRunEvent().event_type
    'first_run'
    """

    def __init__(self, **fields: Unpack[EventFields]) -> None:
        self._fill(FirstRunEvent, fields)


class UninstallEvent(Event, event_type="uninstall", verb="uninstall"):
    """The app was uninstalled.

    >>> UninstallEvent().event_type
    'uninstall'
    """

    def __init__(self, **fields: Unpack[EventFields]) -> None:
        self._fill(UninstallEvent, fields)


class ProfileEvent(Event, event_type="profile", verb="profile"):
    """A sign-up, login, logout, update or deletion of a profile.

    >>> ProfileEvent("login", previous_mpid=1, current_mpid=2).current_mpid
    2
    """

    previous_mpid = fields.required(fields.integer())
    current_mpid = fields.required(fields.integer())
    profile_event_type: fields.Field[ProfileEventType] = fields.required(
        fields.choice("a profile event type", ProfileEventType)
    )

    def __init__(
        self,
        profile_event_type: ProfileEventType,
        *,
        previous_mpid: int,
        current_mpid: int,
        **fields: Unpack[EventFields],
    ) -> None:
        self._fill(ProfileEvent, fields, profile_event_type, previous_mpid, current_mpid)


class PushRegistrationEvent(Event, event_type="push_registration", verb="push_registration"):
    """A push token that was registered, or taken back with ``register=False``.

    >>> PushRegistrationEvent("token", register=False).register
    False
    """

    register = fields.required(fields.flag())
    registration_token = fields.required(fields.string())

    def __init__(
        self, registration_token: str, *, register: bool = True, **fields: Unpack[EventFields]
    ) -> None:
        self._fill(PushRegistrationEvent, fields, registration_token, register)


class PushMessageFields(EventFields, total=False):
    """The optional keywords of :class:`PushMessageEvent`.

    Args:
        network: "apn" or "gcm".
        application_state: what the app was doing.
        action_identifier: the button, at most 100 characters.
        push_message_behavior: what became of the message; older clients send an integer.
    """

    message: str | None
    network: str | None
    application_state: PushApplicationState | None
    action_identifier: str | None
    push_message_behavior: PushMessageBehavior | int | None


class PushMessageEvent(Event, event_type="push_message", verb="push_message"):
    """A push message that was sent, received or acted on.

    Args:
        push_message_type: which of the three.
        push_message_token: the device's push token.
        push_notification_payload: the message as JSON text.

    >>> PushMessageEvent("received", "token", '{"aps": {}}').push_message_type
    'received'
    """

    push_message_type: fields.Field[PushMessageType] = fields.required(
        fields.choice("a push message type", PushMessageType)
    )
    push_message_token = fields.required(fields.text())
    push_notification_payload = fields.required(fields.text())
    message = fields.text()
    network = fields.text()
    application_state: fields.Field[PushApplicationState | None] = fields.choice(
        "an application state", PushApplicationState, liberal={"unknown": None}
    )
    action_identifier = fields.text()
    push_message_behavior: fields.Field[PushMessageBehavior | int | None] = fields.Field(
        "choice", choice_or_integer("a push behavior", get_args(PushMessageBehavior))
    )

    def __init__(
        self,
        push_message_type: PushMessageType,
        push_message_token: str,
        push_notification_payload: str,
        **fields: Unpack[PushMessageFields],
    ) -> None:
        said = push_message_type, push_message_token, push_notification_payload
        self._fill(PushMessageEvent, fields, *said)


class AttributeChangeFields(EventFields, total=False):
    """The optional keywords of :class:`UserAttributeChangeEvent`; ``old=None`` is sent as null."""

    old: UserAttributeValue
    deleted: bool | None
    is_new_attribute: bool | None


class UserAttributeChangeEvent(
    Event, event_type="user_attribute_change", verb="user_attribute_change"
):
    """A user attribute's change from ``old`` to ``new``; None is a value and is sent as null.

    mParticle makes these events itself from the batch's user attributes.

    >>> UserAttributeChangeEvent("plan", "pro", old=None).to_dict()["data"]
    {'user_attribute_name': 'plan', 'new': 'pro', 'old': None}
    """

    user_attribute_name = fields.required(fields.name())
    new = fields.attribute()
    old = fields.attribute()
    deleted = fields.flag()
    is_new_attribute = fields.flag()

    def __init__(
        self,
        user_attribute_name: str,
        new: UserAttributeValue,
        **fields: Unpack[AttributeChangeFields],
    ) -> None:
        self._fill(UserAttributeChangeEvent, fields, user_attribute_name, new)


class UserIdentityChangeEvent(
    Event, event_type="user_identity_change", verb="user_identity_change"
):
    """An identity's change from ``old`` to ``new``; None, for no identity, is sent as null.

    >>> from mpfluent import UserIdentity
    >>> new = UserIdentity("customer_id", "123456", "2026-11-23T10:15:00Z")
    >>> UserIdentityChangeEvent(new, None).new.identity
    '123456'
    """

    new = fields.record_or_null(UserIdentity)
    old = fields.record_or_null(UserIdentity)

    def __init__(
        self, new: UserIdentity | None, old: UserIdentity | None, **fields: Unpack[EventFields]
    ) -> None:
        self._fill(UserIdentityChangeEvent, fields, new, old)
