"""Values of the wrong class for a field that holds a record, and the errors' texts."""

from __future__ import annotations

from mistake_tables import BATCH, SEARCHED, assert_error, mistakes

from mpfluent import (
    AppEvent,
    Batch,
    BreadcrumbEvent,
    ConsentState,
    CrashReportEvent,
    Event,
    InvalidValue,
    UserIdentities,
)


@mistakes(
    (
        lambda: BATCH.with_device("iOS"),
        InvalidValue,
        "with_device('iOS'): want DeviceInformation or keywords, got str; "
        "write with_device(name=value)",
    ),
    (
        lambda: BATCH.with_device({"platform": "iOS"}),
        InvalidValue,
        "with_device({'platform': 'iOS'}): want DeviceInformation or keywords, got dict; "
        "write with_device(**{'platform': 'iOS'})",
    ),
    (
        lambda: BATCH.with_device(UserIdentities(email="a@b.example")),
        InvalidValue,
        "with_device(UserIdentities(email='a@b.example')): want DeviceInformation or keywords, "
        "got UserIdentities; write with_device(name=value)",
    ),
    (
        lambda: BATCH.with_identities("u-1"),
        InvalidValue,
        "with_identities('u-1'): want UserIdentities or keywords, got str; "
        "write with_identities(name=value)",
    ),
    (
        lambda: BATCH.with_consent_state({"gdpr": {}}),
        InvalidValue,
        "with_consent_state(consent_state={'gdpr': {}}): want a ConsentState, got dict; "
        "write consent_state=ConsentState(…)",
    ),
    (
        lambda: ConsentState(gdpr={"marketing": True}),
        InvalidValue,
        "ConsentState(gdpr['marketing']=True): want a GDPRConsentState, got bool; "
        "write GDPRConsentState(…)",
    ),
    (
        lambda: BATCH.event("Searched", location=(1, 2)),
        InvalidValue,
        "event(location=(1, 2)): want a GeoLocation, got tuple; write location=GeoLocation(…)",
    ),
    (
        lambda: BATCH.event("Searched", device_current_state={}),
        InvalidValue,
        "event(device_current_state={}): want a DeviceCurrentState, got dict; "
        "write device_current_state=DeviceCurrentState(…)",
    ),
    (
        lambda: BATCH.user_identity_change("u-1", None),
        InvalidValue,
        "user_identity_change(new='u-1'): want a UserIdentity, got str; write new=UserIdentity(…)",
    ),
    (
        lambda: BATCH.with_location("Berlin"),
        InvalidValue,
        "with_location(latitude='Berlin'): want a number, got str",
    ),
    (
        lambda: BATCH.with_attribution_info("AppsFlyer"),
        InvalidValue,
        "with_attribution_info() needs publisher; write with_attribution_info(publisher=…)",
    ),
    (
        lambda: BATCH.crash_report("out of tea"),
        InvalidValue,
        "crash_report(error='out of tea'): want an exception, got str; write message='out of tea'",
    ),
    (
        lambda: BATCH.crash_report(ValueError),
        InvalidValue,
        "crash_report(error=<class 'ValueError'>): want an exception, got type; write message=…",
    ),
    (
        lambda: BATCH.crash_report(),
        InvalidValue,
        "crash_report() needs message; write crash_report(message=…)",
    ),
    (
        lambda: CrashReportEvent("out of tea", breadcrumbs=["Opened cart"]),
        InvalidValue,
        "CrashReportEvent(breadcrumbs[0]='Opened cart'): want a BreadcrumbEvent, got str; "
        "write BreadcrumbEvent('Opened cart')",
    ),
    (
        lambda: CrashReportEvent("out of tea", breadcrumbs=BreadcrumbEvent("Opened cart")),
        InvalidValue,
        "CrashReportEvent(breadcrumbs=BreadcrumbEvent(label='Opened cart')): want a list of "
        "BreadcrumbEvent values, got BreadcrumbEvent; write breadcrumbs=[BreadcrumbEvent(…)]",
    ),
    (
        lambda: BATCH.add("Searched"),
        InvalidValue,
        "add('Searched'): want an event or a session, got str; write add(AppEvent('Name'))",
    ),
    (
        lambda: BATCH.add([SEARCHED]),
        InvalidValue,
        "add([AppEvent(event_name='Searched', type='other')]): want an event or a session, "
        "got list; write add(*events)",
    ),
    (
        lambda: BATCH.add(AppEvent),
        InvalidValue,
        "add(<class 'mpfluent.model.events.AppEvent'>): want an event or a session, got type; "
        "write add(AppEvent('Name'))",
    ),
    (
        lambda: Batch().add(Batch()),
        InvalidValue,
        "add(<Batch, 88 of 128,000 bytes>): want an event or a session, got Batch; "
        "write merge(batch)",
    ),
    (
        lambda: BATCH.merge(SEARCHED),
        InvalidValue,
        "merge(AppEvent(event_name='Searched', type='other')): want a Batch, got AppEvent; "
        "write add(event) for events",
    ),
    (
        lambda: BATCH.pipe(None),
        InvalidValue,
        "pipe(None): want a function, got NoneType; write pipe(function)",
    ),
    (
        lambda: Event(),
        InvalidValue,
        "Event is what all events have in common; write AppEvent('Name')",
    ),
)
def test_a_record_is_of_its_class(call, error, text):
    assert_error(call, error, text)
