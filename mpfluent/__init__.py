"""Send data to mParticle's Events API with code that reads like a sentence.

These are its folders. A folder imports only from those that stand before it in this list:

* ``utils``: helpers that know nothing of mParticle.
* ``values``: what a value is. ``encoding``: a value to JSON, to marshmallow schemas, and back.
* ``model``: mParticle's objects. ``wire``: from a batch to the body of a request.
* ``formatting``: what people see. ``builder``: the verbs, ``Batch`` and ``Session``.
* ``transport``: requests, and how they travel. ``outbox``: what survives the process.
* ``delivery``: how a batch is delivered. ``dispatch``: when.
* ``dataplan``: what a workspace expects. ``rows``: tables in, batches out.
* ``client``: where it all comes together.
* ``partitions``: tables that an engine runs in parts.
* ``integrations``, ``testing``: other libraries, and the kit for your tests.
* ``cli``: the command line.

``errors``, ``sdk_names`` and ``version`` stand beside the folders, and ``schemas`` names the
marshmallow schemas. No module is imported before a name of it is used.
"""

# The public names of each module, for they load on first use. Type checkers and editors read them
# in __init__.pyi: with the __getattr__ below in sight they would accept any name.
_NAMES = {
    "builder.batch": "Batch",
    "builder.event_verbs": "EventVerbs",
    "builder.sealed": "SealedBatch",
    "builder.session": "Session",
    "client.client": "Client",
    "client.events_api": "Configuration EventsApi Upload",
    "delivery.future": "Delivery",
    "delivery.job": "Job",
    "delivery.notifier": "Notifier",
    "delivery.outcome": "HandedOver",
    "delivery.rate_limit": "RateLimit",
    "delivery.reports": "CloseReport Report",
    "delivery.retry": "Retry",
    "delivery.sender": "Sender",
    "delivery.stats": "Acceptance Stats",
    "dispatch.base": "Dispatcher",
    "dispatch.hand_over": "HandOverDispatcher",
    "dispatch.sync": "SyncDispatcher",
    "dispatch.threaded": "ThreadedDispatcher",
    "errors": (
        "ApiError Closed ConfigurationError DeliveryError Immutable InvalidBatch InvalidPlan "
        "InvalidTime InvalidValue Kept MixedUsers MPFluentError QueueFull TooLarge TooManyRejects "
        "TransportError UnknownField UnknownVerb UnusedBatchWarning"
    ),
    "model.application": "ApplicationInformation AttributionInfo",
    "model.commerce": (
        "Product ProductAction ProductImpression Promotion PromotionAction ShoppingCart"
    ),
    "model.consent": "CCPAConsentState ConsentState GDPRConsentState",
    "model.context": "BatchContext DataPlanContext GeoLocation",
    "model.device": "DeviceCurrentState DeviceInformation",
    "model.event": "CommonFields Event",
    "model.events": (
        "AppEvent ApplicationStateTransitionEvent BreadcrumbEvent CommerceEvent "
        "CrashReportEvent CustomEvent FirstRunEvent NetworkPerformanceEvent OptOutEvent "
        "ProfileEvent PushMessageEvent PushRegistrationEvent ScreenViewEvent SessionEndEvent "
        "SessionStartEvent UninstallEvent UserAttributeChangeEvent UserIdentityChangeEvent"
    ),
    "model.user": "UserIdentities UserIdentity",
    "outbox.outbox": "Outbox",
    "testing.recording": "RecordingTransport",
    "transport.base": "Request Response Transport",
    "transport.deadline": "DeadlineAdapter",
    "transport.destination": "Destination",
    "transport.local": "FileTransport FunctionTransport PrintingTransport",
    "transport.requests": "RequestsTransport",
    "values.frozen_map": "FrozenMap",
    "version": "__version__",
    "wire.limits": "Problem",
}
_MODULES = ("schemas", "testing")

__all__ = sorted(name for names in _NAMES.values() for name in names.split())


def __getattr__(name: str) -> object:
    from importlib import import_module

    for module, names in _NAMES.items():
        if name in names.split():
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
