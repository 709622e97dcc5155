"""Text without the form that a field wants: words of the wire, UUIDs, addresses, Unicode."""

from __future__ import annotations

from mistake_tables import BATCH, NOW, SURROGATE, UUID, Mute, System, assert_error, mistakes

from mpfluent import (
    ApplicationStateTransitionEvent,
    CCPAConsentState,
    ConsentState,
    DeviceCurrentState,
    GeoLocation,
    InvalidValue,
    Product,
    ProductAction,
    PromotionAction,
    Session,
    UserIdentity,
)


@mistakes(
    (
        lambda: BATCH.with_device(platform="toaster"),
        InvalidValue,
        "with_device(platform='toaster'): 'toaster' is not a platform; want one of iOS, Android, "
        "web, tvOS, roku, out_of_band, alexa, smart_tv, fire_tv, xbox",
    ),
    (
        lambda: BATCH.with_device(platform=7),
        InvalidValue,
        "with_device(platform=7): 7 is not a platform; want one of iOS, Android, "
        "web, tvOS, roku, out_of_band, alexa, smart_tv, fire_tv, xbox",
    ),
    (
        lambda: BATCH.with_device(platform=["iOS"]),
        InvalidValue,
        "with_device(platform=['iOS']): ['iOS'] is not a platform; want one of iOS, Android, "
        "web, tvOS, roku, out_of_band, alexa, smart_tv, fire_tv, xbox",
    ),
    (
        lambda: BATCH.with_device(platform=System.WRONG),
        InvalidValue,
        "with_device(platform=<System.WRONG: 'ios'>): 'ios' is not a platform; "
        "did you mean 'iOS'? (iOS, Android, web, …)",
    ),
    (
        lambda: BATCH.with_device(platform=Mute()),
        InvalidValue,
        "with_device(platform=<Mute>): <Mute> is not a platform; want one of iOS, Android, "
        "web, tvOS, roku, out_of_band, alexa, smart_tv, fire_tv, xbox",
    ),
    (
        lambda: BATCH.with_environment("Production"),
        InvalidValue,
        "with_environment(environment='Production'): 'Production' is not an environment; "
        "did you mean 'production'? (development, production)",
    ),
    (
        lambda: BATCH.with_environment("dev"),
        InvalidValue,
        "with_environment(environment='dev'): 'dev' is not an environment; "
        "did you mean 'development'? (development, production)",
    ),
    (
        lambda: BATCH.with_environment("staging"),
        InvalidValue,
        "with_environment(environment='staging'): 'staging' is not an environment; "
        "want one of development, production",
    ),
    (
        lambda: BATCH.with_environment(True),
        InvalidValue,
        "with_environment(environment=True): True is not an environment; "
        "want one of development, production",
    ),
    (
        lambda: BATCH.with_application(os="ios"),
        InvalidValue,
        "with_application(os='ios'): 'ios' is not an operating system; "
        "did you mean 'IOS'? (Unknown, IOS, Android, …)",
    ),
    (
        lambda: BATCH.with_device(att_authorization_status="allowed"),
        InvalidValue,
        "with_device(att_authorization_status='allowed'): 'allowed' is not an authorization "
        "status; want one of authorized, denied, not_determined, restricted",
    ),
    (
        lambda: BATCH.event("Searched", type="serach"),
        InvalidValue,
        "event(type='serach'): 'serach' is not a custom event type; "
        "did you mean 'search'? (navigation, location, search, …)",
    ),
    (
        lambda: BATCH.profile("signin", previous_mpid=1, current_mpid=2),
        InvalidValue,
        "profile(profile_event_type='signin'): 'signin' is not a profile event type; "
        "did you mean 'signup'? (signup, login, logout, …)",
    ),
    (
        lambda: BATCH.push_message("recieved", "token", "{}"),
        InvalidValue,
        "push_message(push_message_type='recieved'): 'recieved' is not a push message type; "
        "did you mean 'received'? (sent, received, action)",
    ),
    (
        lambda: BATCH.push_message("received", "token", "{}", push_message_behavior="opened"),
        InvalidValue,
        "push_message(push_message_behavior='opened'): 'opened' is not a push behavior; "
        "want one of Received, DirectOpen, Read, InfluencedOpen, Displayed",
    ),
    (
        lambda: BATCH.push_message("received", "token", "{}", push_message_behavior=True),
        InvalidValue,
        "push_message(push_message_behavior=True): True is not a push behavior; "
        "want one of Received, DirectOpen, Read, InfluencedOpen, Displayed",
    ),
    (
        lambda: DeviceCurrentState(device_orientation="Portrait"),
        InvalidValue,
        "DeviceCurrentState(device_orientation='Portrait'): 'Portrait' is not an orientation; "
        "did you mean 'portrait'? (portrait, portrait_upside_down, landscape, …)",
    ),
    (
        lambda: GeoLocation(1, 2, location_source="gps"),
        InvalidValue,
        "GeoLocation(location_source='gps'): 'gps' is not a location source; "
        "want one of unknown, ip_lookup, lat_long",
    ),
    (
        lambda: UserIdentity("e-mail", "user@example.com", NOW),
        InvalidValue,
        "UserIdentity(identity_type='e-mail'): 'e-mail' is not an identity type; "
        "did you mean 'email'? (customer_id, other, facebook, …)",
    ),
    (
        lambda: ProductAction("buy"),
        InvalidValue,
        "ProductAction(action='buy'): 'buy' is not a product action; want one of add_to_cart, "
        "remove_from_cart, checkout, checkout_option, click, view_detail, purchase, refund, "
        "add_to_wishlist, remove_from_wish_list",
    ),
    (
        lambda: PromotionAction("look"),
        InvalidValue,
        "PromotionAction(action='look'): 'look' is not a promotion action; want one of view, click",
    ),
    (
        lambda: ApplicationStateTransitionEvent("app_open"),
        InvalidValue,
        "ApplicationStateTransitionEvent(application_transition_type='app_open'): 'app_open' is "
        "not an application transition; want one of application_initialized, application_exit, "
        "application_background, application_foreground",
    ),
    (
        lambda: ConsentState(ccpa={"marketing": CCPAConsentState(True, NOW)}),
        InvalidValue,
        "ConsentState(ccpa): 'marketing' is not a purpose of the CCPA; the only one is "
        "'data_sale_opt_out'",
    ),
)
def test_a_word_that_the_wire_does_not_have_is_answered_with_those_it_has(call, error, text):
    assert_error(call, error, text)


NO_UTF8 = "has a lone surrogate, which has no UTF-8"
MENDED = r"'\ud800'.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"


@mistakes(
    (
        lambda: BATCH.event(SURROGATE),
        InvalidValue,
        rf"event(name='\ud800'): {NO_UTF8}; write name={MENDED}",
    ),
    (
        lambda: BATCH.with_identities(email=SURROGATE),
        InvalidValue,
        rf"with_identities(email='\ud800'): {NO_UTF8}; write email={MENDED}",
    ),
    (
        lambda: Product(SURROGATE),
        InvalidValue,
        rf"Product(id='\ud800'): {NO_UTF8}; write id={MENDED}",
    ),
    (
        lambda: BATCH.event("Searched", {"query": SURROGATE}),
        InvalidValue,
        rf"event(attributes['query']='\ud800'): {NO_UTF8}; write {MENDED}",
    ),
    (
        lambda: BATCH.with_user_attributes(tags=["a", SURROGATE]),
        InvalidValue,
        rf"with_user_attributes(user_attributes['tags'][1]='\ud800'): {NO_UTF8}; write {MENDED}",
    ),
    (
        lambda: BATCH.with_deleted_user_attributes(SURROGATE),
        InvalidValue,
        "with_deleted_user_attributes(deleted_user_attributes[0]="
        rf"'\ud800'): {NO_UTF8}; write {MENDED}",
    ),
    (
        lambda: BATCH.event("Searched", {SURROGATE: 1}),
        InvalidValue,
        rf"event(attributes['\ud800']=1): the name {NO_UTF8}; write {MENDED}",
    ),
    (
        lambda: BATCH.with_user_attributes({SURROGATE: 1}),
        InvalidValue,
        rf"with_user_attributes(user_attributes['\ud800']=1): the name {NO_UTF8}; write {MENDED}",
    ),
    (
        lambda: BATCH.with_partner_identities({SURROGATE: "1"}),
        InvalidValue,
        rf"with_partner_identities(partner_identities['\ud800']='1'): the name {NO_UTF8}; "
        rf"write {MENDED}",
    ),
)
def test_a_lone_surrogate_is_an_error_before_it_can_be_sent(call, error, text):
    assert_error(call, error, text)


@mistakes(
    (
        lambda: BATCH.with_mp_deviceid("not a uuid"),
        InvalidValue,
        "with_mp_deviceid(mp_deviceid='not a uuid'): is not a UUID (8-4-4-4-12 hexadecimal "
        "digits)",  # a made-up id would be another device's
    ),
    (
        lambda: BATCH.with_device(ios_idfv=5),
        InvalidValue,
        "with_device(ios_idfv=5): want a UUID, got int",
    ),
    *(
        (
            lambda written=written: BATCH.with_device(ios_idfv=written),
            InvalidValue,
            f"with_device(ios_idfv={written!r}): is not a UUID (8-4-4-4-12 hexadecimal digits); "
            f"write ios_idfv='{UUID}'",
        )
        for written in (f"{{{UUID}}}", UUID.replace("-", ""), f"urn:uuid:{UUID}", f" {UUID}")
    ),
    (
        lambda: Session.start("42"),
        InvalidValue,
        "start(session_uuid='42'): is not a UUID (8-4-4-4-12 hexadecimal digits); "
        "write session_uuid=str(uuid.uuid4())",
    ),
    (
        lambda: BATCH.with_ip("256.1.1.1"),
        InvalidValue,
        "with_ip(ip='256.1.1.1'): is not an IPv4 or IPv6 address; write ip=\"203.0.113.7\"",
    ),
    (
        lambda: BATCH.with_ip("fe80::1%eth0"),
        InvalidValue,
        "with_ip(ip='fe80::1%eth0'): is not an IPv4 or IPv6 address; write ip=\"203.0.113.7\"",
    ),
    (
        lambda: BATCH.with_ip("localhost"),
        InvalidValue,
        "with_ip(ip='localhost'): is not an IPv4 or IPv6 address; write ip=\"203.0.113.7\"",
    ),
)
def test_uuids_and_addresses_have_their_form(call, error, text):
    assert_error(call, error, text)
