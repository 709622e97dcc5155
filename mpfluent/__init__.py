"""Send data to mParticle's Events API with code that reads like a sentence.

A map of the package, each file importing only from those before it:

* ``misnomers``, ``errors``: what other SDKs call it; every error, in one tree.
* ``discarded``, ``vocabularies``: the warning for a batch thrown away; no verb hides another.
* ``complaint``, ``foreign``: what is wrong with a value; what one of another library stands for.
* ``moments``, ``checks``, ``signatures``, ``shapes``: what a single value may be, and code for the
  usual case.
* ``frozen_map``, ``fields``, ``frozen``: immutable values of declared fields.
* ``jsontext``, ``codec``, ``reader``, ``record``: to JSON text, to marshmallow schemas, and back.
* ``records``, ``commerce``, ``event``, ``events``: the vendor's objects.
* ``readable``, ``notebook``: what people see of them.
* ``chain``, ``ways``, ``difference``, ``commerce_verbs``, ``verbs``, ``session``: the verbs that
  append an event.
* ``merging``, ``context_verbs``, ``limits``: what one user is, and how much of it fits.
* ``orjson_bytes``, ``wire``: encode, with orjson where it is installed, and split.
* ``stamping``, ``preview``: what sending adds, and how much it is.
* ``layout``, ``sayings``, ``python_code``: a batch as the Python that builds it.
* ``batch``: what one user did.
* ``schemas``: the marshmallow schemas by name.
* ``transport``, ``network``: the seam to the network, and who may use it.
* ``certificates``, ``no_answer``, ``deadline``, ``requests_transport``: to mParticle, in time.
* ``transports``: or elsewhere.
* ``interrupts``, ``liveness``: what Ctrl-C cannot break; which processes are alive.
* ``retry``, ``notices``, ``observers``: how often, and what is seen of it.
* ``delivery``, ``awaiting``, ``tally``, ``parcel``, ``courier``: what became of it.
* ``outbox_found``, ``outbox_file``, ``salvage``, ``outbox_owner``, ``outbox``, ``keeper``: what
  is kept until it is delivered.
* ``dispatch``: when: at once, in the caller's thread;
* ``process``, ``backlog``, ``coalescing``, ``floor``, ``workers``, ``admission``, ``threaded``:
  or in the background.
* ``sealing``: what happens to a batch before it is accepted.
* ``curl``: a request as a shell command.
* ``version``, ``settings``, ``client``, ``events_api``: where it all comes together.
* ``integrations``: OpenTelemetry.
* ``testing``: the kit for your tests.

Nothing of it is imported before it is used: a name loads with the module that it comes from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .batch import Batch
    from .client import Client
    from .commerce import (
        Product,
        ProductAction,
        ProductImpression,
        Promotion,
        PromotionAction,
        ShoppingCart,
    )
    from .delivery import Delivery
    from .dispatch import Dispatcher, SyncDispatcher
    from .errors import (
        ApiError,
        Closed,
        ConfigurationError,
        DeliveryError,
        Immutable,
        InvalidBatch,
        InvalidTime,
        InvalidValue,
        Kept,
        MixedUsers,
        MPFluentError,
        QueueFull,
        TooLarge,
        TransportError,
        UnknownField,
        UnknownVerb,
        UnusedBatchWarning,
    )
    from .event import Event
    from .events import (
        AppEvent,
        ApplicationStateTransitionEvent,
        BreadcrumbEvent,
        CommerceEvent,
        CrashReportEvent,
        CustomEvent,
        FirstRunEvent,
        NetworkPerformanceEvent,
        OptOutEvent,
        ProfileEvent,
        PushMessageEvent,
        PushRegistrationEvent,
        ScreenViewEvent,
        SessionEndEvent,
        SessionStartEvent,
        UninstallEvent,
        UserAttributeChangeEvent,
        UserIdentityChangeEvent,
    )
    from .events_api import Configuration, EventsApi, Upload
    from .frozen_map import FrozenMap
    from .limits import Problem
    from .outbox import Outbox
    from .records import (
        ApplicationInformation,
        AttributionInfo,
        BatchContext,
        CCPAConsentState,
        ConsentState,
        DataPlanContext,
        DeviceCurrentState,
        DeviceInformation,
        GDPRConsentState,
        GeoLocation,
        UserIdentities,
        UserIdentity,
    )
    from .requests_transport import RequestsTransport
    from .retry import Retry
    from .session import Session
    from .tally import CloseReport, Report, Stats
    from .threaded import ThreadedDispatcher
    from .transport import Request, Response, Transport
    from .transports import FileTransport, FunctionTransport, PrintingTransport, RecordingTransport
    from .verbs import EventVerbs
    from .version import __version__

__all__ = [
    "ApiError",
    "AppEvent",
    "ApplicationInformation",
    "ApplicationStateTransitionEvent",
    "AttributionInfo",
    "Batch",
    "BatchContext",
    "BreadcrumbEvent",
    "CCPAConsentState",
    "Client",
    "CloseReport",
    "Closed",
    "CommerceEvent",
    "Configuration",
    "ConfigurationError",
    "ConsentState",
    "CrashReportEvent",
    "CustomEvent",
    "DataPlanContext",
    "Delivery",
    "DeliveryError",
    "DeviceCurrentState",
    "DeviceInformation",
    "Dispatcher",
    "Event",
    "EventVerbs",
    "EventsApi",
    "FileTransport",
    "FirstRunEvent",
    "FrozenMap",
    "FunctionTransport",
    "GDPRConsentState",
    "GeoLocation",
    "Immutable",
    "InvalidBatch",
    "InvalidTime",
    "InvalidValue",
    "Kept",
    "MPFluentError",
    "MixedUsers",
    "NetworkPerformanceEvent",
    "OptOutEvent",
    "Outbox",
    "PrintingTransport",
    "Problem",
    "Product",
    "ProductAction",
    "ProductImpression",
    "ProfileEvent",
    "Promotion",
    "PromotionAction",
    "PushMessageEvent",
    "PushRegistrationEvent",
    "QueueFull",
    "RecordingTransport",
    "Report",
    "Request",
    "RequestsTransport",
    "Response",
    "Retry",
    "ScreenViewEvent",
    "Session",
    "SessionEndEvent",
    "SessionStartEvent",
    "ShoppingCart",
    "Stats",
    "SyncDispatcher",
    "ThreadedDispatcher",
    "TooLarge",
    "Transport",
    "TransportError",
    "UninstallEvent",
    "UnknownField",
    "UnknownVerb",
    "UnusedBatchWarning",
    "Upload",
    "UserAttributeChangeEvent",
    "UserIdentities",
    "UserIdentity",
    "UserIdentityChangeEvent",
    "__version__",
]

# Each module's public names, for they load on first use.
_NAMES = {
    "batch": ("Batch",),
    "client": ("Client",),
    "commerce": (
        "Product",
        "ProductAction",
        "ProductImpression",
        "Promotion",
        "PromotionAction",
        "ShoppingCart",
    ),
    "delivery": ("Delivery",),
    "dispatch": (
        "Dispatcher",
        "SyncDispatcher",
    ),
    "errors": (
        "ApiError",
        "Closed",
        "ConfigurationError",
        "DeliveryError",
        "Immutable",
        "InvalidBatch",
        "InvalidTime",
        "InvalidValue",
        "Kept",
        "MixedUsers",
        "MPFluentError",
        "QueueFull",
        "TooLarge",
        "TransportError",
        "UnknownField",
        "UnknownVerb",
        "UnusedBatchWarning",
    ),
    "event": ("Event",),
    "events": (
        "AppEvent",
        "ApplicationStateTransitionEvent",
        "BreadcrumbEvent",
        "CommerceEvent",
        "CrashReportEvent",
        "CustomEvent",
        "FirstRunEvent",
        "NetworkPerformanceEvent",
        "OptOutEvent",
        "ProfileEvent",
        "PushMessageEvent",
        "PushRegistrationEvent",
        "ScreenViewEvent",
        "SessionEndEvent",
        "SessionStartEvent",
        "UninstallEvent",
        "UserAttributeChangeEvent",
        "UserIdentityChangeEvent",
    ),
    "events_api": (
        "Configuration",
        "EventsApi",
        "Upload",
    ),
    "frozen_map": ("FrozenMap",),
    "limits": ("Problem",),
    "outbox": ("Outbox",),
    "records": (
        "ApplicationInformation",
        "AttributionInfo",
        "BatchContext",
        "CCPAConsentState",
        "ConsentState",
        "DataPlanContext",
        "DeviceCurrentState",
        "DeviceInformation",
        "GDPRConsentState",
        "GeoLocation",
        "UserIdentities",
        "UserIdentity",
    ),
    "requests_transport": ("RequestsTransport",),
    "retry": ("Retry",),
    "session": ("Session",),
    "tally": (
        "CloseReport",
        "Report",
        "Stats",
    ),
    "threaded": ("ThreadedDispatcher",),
    "transport": (
        "Request",
        "Response",
        "Transport",
    ),
    "transports": (
        "FileTransport",
        "FunctionTransport",
        "PrintingTransport",
        "RecordingTransport",
    ),
    "verbs": ("EventVerbs",),
    "version": ("__version__",),
}
_MODULES = ("schemas", "testing")


# Hidden from type checkers: with this in sight they would accept any name.
if not TYPE_CHECKING:

    def __getattr__(name):
        from importlib import import_module

        for module, names in _NAMES.items():
            if name in names:
                value = getattr(import_module(f"{__name__}.{module}"), name)
                globals()[name] = value
                return value
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        meant = None
        if name[:1].isupper():  # the small ones are modules, which every import asks for first
            from .errors import closest

            meant = closest(name, __all__)
        hint = f"did you mean {meant!r}?" if meant else f"dir({__name__}) lists its names"
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; {hint}", name=None)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, *_MODULES])
