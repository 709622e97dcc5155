"""Each mistake in a mapping file is an error that names the key, and says what to write."""

from __future__ import annotations

import pytest
from mappings import EVENT, USER, mapping, row_of

from mpfluent import ConfigurationError, InvalidBatch
from mpfluent.rows import Row


def complaint(text, *rows):
    """Return the error for a mapping file, without the file's name."""
    with pytest.raises(ConfigurationError) as caught:
        list(map(mapping(text), rows))
    assert not isinstance(caught.value, InvalidBatch)  # which would be a reject
    return str(caught.value).removeprefix("policies.toml")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "",
            " is empty; write [user] and [[event]], at least",
        ),
        (
            'job = "x"\n',
            " says nothing of a row; write [user] and [[event]], at least",
        ),
        (
            "a = b",
            ":1 is not TOML at 'a = b': Invalid value; write text in quotes, as in email = "
            '"Email Address"',
        ),
        (
            "[user]\ncustomer_id = id",
            ":2 is not TOML at 'customer_id = id': Invalid value; write text in quotes, as in "
            'email = "Email Address"',
        ),
        (
            "[user]\nx = 1\nx = 2\n[a",
            ":3 is not TOML at 'x = 2': Cannot overwrite a value; write each key and each "
            "section once",
        ),
        (
            "[[x]",
            ":1 is not TOML at '[[x]': Expected ']]' at the end of an array declaration; write "
            'key = "text", [section] or [[event]]',
        ),
        (
            "[user]\n[user]",
            ":2 is not TOML at '[user]': Cannot declare ('user',) twice; write each key and "
            "each section once",
        ),
        (
            "x = ",
            ":1 is not TOML at 'x =': Invalid value; write text in quotes, as in email = "
            '"Email Address"',
        ),
        (
            "custmer = 1",
            " has no key 'custmer'; it has key, job, tz, user, environment, mp_deviceid, ip, "
            "user_attributes, deleted_user_attributes, device, application, attribution_info, …",
        ),
        (
            'customer_id = "id"',
            " has no key 'customer_id'; did you mean 'user.customer_id'?",
        ),
        (
            'platform="p"',
            " has no key 'platform'; did you mean 'device.platform'?",
        ),
        (
            "events = []",
            " has no key 'events'; did you mean 'event'?",
        ),
        (
            "gdpr = 1",
            " has no key 'gdpr'; did you mean 'gdpr_consent'?",
        ),
        (
            "identities = {}",
            " has no key 'identities'; did you mean 'user'?",
        ),
        (
            'mpid="x"',
            " has no key 'mpid'; did you mean 'user.mpid'?",
        ),
        (
            "zzz = 1",
            " has no key 'zzz'; it has key, job, tz, user, environment, mp_deviceid, ip, "
            "user_attributes, deleted_user_attributes, device, application, attribution_info, …",
        ),
        (
            'source_request_id = "a"',
            " has no key 'source_request_id'; did you mean 'key'?",
        ),
        (
            'tz = "Europe/Lodnon"\n[user]\ncustomer_id = "id"\n',
            ": tz = \"Europe/Lodnon\": no such time zone; did you mean 'Europe/London'?",
        ),
        (
            'tz = 3\n[user]\ncustomer_id = "id"\n',
            ': tz = 3: want text; write tz = "Europe/London"',
        ),
        (
            'job = 3\n[user]\ncustomer_id = "id"\n',
            ': job = 3: want text; write job = "policies 2026-11"',
        ),
        (
            'job = ""\n[user]\ncustomer_id = "id"\n',
            ': job = "": want text; write job = "policies 2026-11"',
        ),
        (
            'key = 3\n[user]\ncustomer_id = "id"\n',
            ': key = 3: want the names of columns; write key = ["Policy Number"]',
        ),
        (
            'key = []\n[user]\ncustomer_id = "id"\n',
            ': key = []: want a column, at least; write key = ["Policy Number"]',
        ),
        (
            'key = [""]\n[user]\ncustomer_id = "id"\n',
            ': key = [""]: want the names of columns; write key = ["Policy Number"]',
        ),
        (
            'key = {column="x"}\n[user]\ncustomer_id = "id"\n',
            ': key = { column = "x" }: want the names of columns; write key = ["Policy Number"]',
        ),
        (
            'user = "id"',
            ': user = "id": want a table; write [user] and its keys below that',
        ),
        (
            "[user]",
            ": user is empty; write what is in it, or leave it out",
        ),
        (
            '[user]\ncostumer_id = "id"',
            ": user has no key 'costumer_id'; did you mean 'customer_id'?",
        ),
        (
            '[user]\nuser_id = "id"',
            ": user has no key 'user_id'; did you mean 'customer_id'?",
        ),
        (
            "[user]\ncustomer_id = 17",
            ': user.customer_id = 17: want text; write customer_id = "a column", or { value = '
            '"…" }',
        ),
        (
            '[user]\ncustomer_id = ""',
            ': user.customer_id = "": want the name of a column; write "…"',
        ),
        (
            "[user]\ncustomer_id = {}",
            ': user.customer_id names no column; write { column = "…" }, or { value = … }',
        ),
        (
            '[user]\ncustomer_id = { colunm = "id" }',
            ": user.customer_id has no key 'colunm'; did you mean 'column'?",
        ),
        (
            "[user]\ncustomer_id = { column = 3 }",
            ': user.customer_id.column = 3: want the name of a column; write "…"',
        ),
        (
            '[user]\ncustomer_id = { column = "id", lower = "yes" }',
            ': user.customer_id.lower = "yes": want true or false; write lower = true',
        ),
        (
            '[user]\ncustomer_id = { column = "id", as = "txt" }',
            ": user.customer_id.as = \"txt\": did you mean 'text'?",
        ),
        (
            '[user]\ncustomer_id = { column = "id", as = 3 }',
            ': user.customer_id.as = 3: want text; write as = "text"',
        ),
        (
            '[user]\ncustomer_id = { column = "id", as = "integer" }',
            ': user.customer_id.as = "integer": want text; write as = "text", or leave it out',
        ),
        (
            '[user]\ncustomer_id = { column = "id", as = "float" }',
            ": user.customer_id.as = \"float\": did you mean 'number'?",
        ),
        (
            '[user]\ncustomer_id = { column = "id", as = "tag" }',
            ': user.customer_id.as = "tag": only user attributes are tags; write it in '
            "user_attributes",
        ),
        (
            '[user]\ncustomer_id = { column = "id", format = "%d" }',
            ': user.customer_id.format = "%d": it is for times; write as = "time" beside it',
        ),
        (
            '[user]\ncustomer_id = { column = "id", tz = "UTC" }',
            ': user.customer_id.tz = "UTC": it is for times; write as = "time" beside it',
        ),
        (
            '[user]\ncustomer_id = { column = "id", required = 1 }',
            ": user.customer_id.required = 1: want true or false; write required = true",
        ),
        (
            '[user]\ncustomer_id = { column = "id", required = true, default = "x" }',
            ": user.customer_id has default and required, which contradict each other; leave "
            "one out",
        ),
        (
            '[user]\ncustomer_id = { column = "id", default = 3 }',
            ': user.customer_id.default = 3: want text; write default = "…"',
        ),
        (
            '[user]\ncustomer_id = { column = "id", when = 3 }',
            ': user.customer_id.when = 3: want text; write when = "a column"',
        ),
        (
            '[user]\ncustomer_id = { value = "id", column = "x" }',
            ": user.customer_id has value and column; a constant has only when beside it: "
            'write { value = "id" }',
        ),
        (
            '[user]\ncustomer_id = ["id"]',
            ': user.customer_id = ["id"]: want text; write customer_id = "a column", or { '
            'value = "…" }',
        ),
        (
            "[user]\nmpid = true",
            ': user.mpid = true: want a whole number; write mpid = "a column", or 3',
        ),
        (
            '[user]\nmpid = { column = "id", lower = true }',
            ': user.mpid.lower = true: it is for text; leave it out, or as = "integer"',
        ),
        (
            "[user]\nmpid = { value = 3.5 }",
            ": user.mpid.value = 3.5: want a whole number; write value = 3",
        ),
        (
            '[user]\ncustomer_id = { value = "" }',
            ": user: with_identities(customer_id=''): an identity must not be empty or blank; "
            "leave it out, or write Batch() for nobody",
        ),
        (
            USER + '[user_attributes]\n"$first name" = { column = "x", as = "txt" }',
            ': user_attributes."$first name".as = "txt": did you mean \'text\'?',
        ),
        (
            USER + '[user_attributes]\nvip = { column = "x", as = "tag", default = "x" }',
            ': user_attributes.vip has default and as = "tag", which contradict each other; '
            "leave one out",
        ),
        (
            USER + '[user_attributes]\nx = { column = "x", default = { a = 1 } }',
            ": user_attributes.x.default = { a = 1 }: attributes are flat: want a string, "
            'number or boolean, got dict; write default = "…"',
        ),
        (
            USER + 'user_attributes = "x"',
            ": user has no key 'user_attributes'; it is of the whole file: write it above all "
            "sections",
        ),
        (
            'user_attributes = [3]\n[user]\ncustomer_id = "id"\n',
            ': user_attributes[0] = 3: want a column; write "a column", or { column = "a '
            'column" }; what has another name stands in a table, user_attributes = { name = … }',
        ),
        (
            'user_attributes = [{ value = "x" }]\n[user]\ncustomer_id = "id"\n',
            ': user_attributes[0] = { value = "x" }: want a column; write "a column", or { '
            'column = "a column" }; what has another name stands in a table, user_attributes = '
            "{ name = … }",
        ),
        (
            USER + '[user_attributes]\ncolumn = "x"\nas = "flag"',
            ': user_attributes = { column = "x", as = "flag" }: several values go here; for '
            'this one write a list, user_attributes = [{ … }], or as = "json" for a column of '
            "JSON objects",
        ),
        (
            USER + "[user_attributes]\nx = { value = nan }",
            ": user_attributes.x.value = NaN: is not a number that JSON can carry; leave the "
            'field out; write value = "…"',
        ),
        (
            USER + "[user_attributes]\nx = 2026-11-30",
            ": user_attributes.x = 2026-11-30: want text, a number, a flag or a list; write x "
            '= "a column", or { value = "…" }',
        ),
        (
            USER + '[device]\nplatform = "ios"',
            ": device.platform = \"ios\": 'ios' is not a word for platform; did you mean "
            "'iOS'? (iOS, Android, web, …), or write { column = … }",
        ),
        (
            USER + '[device]\nplatform = "platform"',
            ": device.platform = \"platform\": 'platform' is not a word for platform; want one "
            "of iOS, Android, web, tvOS, roku, out_of_band, alexa, smart_tv, fire_tv, xbox; "
            'write platform = "iOS", or { column = … }',
        ),
        (
            USER + '[device]\nplatfrom = "iOS"',
            ": device has no key 'platfrom'; did you mean 'platform'?",
        ),
        (
            USER + "[device]\nos_version = { value = 3 }",
            ': device.os_version.value = 3: want text; write value = "…"',
        ),
        (
            USER + "[device]\n",
            ": device is empty; write what is in it, or leave it out",
        ),
        (
            'environment = "prod"\n[user]\ncustomer_id = "id"\n',
            ": environment = \"prod\": 'prod' is not a word for environment; did you mean "
            "'production'? (development, production), or write { column = … }",
        ),
        (
            'ip = 3\n[user]\ncustomer_id = "id"\n',
            ': ip = 3: want text; write ip = "a column", or { value = "…" }',
        ),
        (
            'ip = { value = "x" }\n[user]\ncustomer_id = "id"\n',
            ": ip: with_ip(ip='x'): is not an IPv4 or IPv6 address; write ip=\"203.0.113.7\"",
        ),
        (
            USER + '[data_plan]\nplan_id = "x"\nplan_version = 3.5',
            ': data_plan.plan_version = 3.5: want a whole number; write plan_version = "a '
            'column", or 3',
        ),
        (
            USER + "[data_plan]\nplan_version = 3",
            ': data_plan has no plan_id; write plan_id = "…"',
        ),
        (
            USER + '[data_plan]\nplan_id=""',
            ": data_plan: with_data_plan(plan_id=''): must not be empty; write plan_id=\"…\"",
        ),
        (
            USER + '[data_plan]\nid="x"',
            ": data_plan has no key 'id'; it has plan_id, plan_version, when",
        ),
        (
            USER + '[location]\nlat = "lat"',
            ": location has no key 'lat'; did you mean 'latitude'?",
        ),
        (
            USER + "[location]\nlatitude = 100\nlongitude = 3",
            ": location: with_location(latitude=100): a latitude goes from -90 to 90 degrees, "
            "and comes first",
        ),
        (
            USER + "[gdpr_consent]\nmarketing = true",
            ": gdpr_consent.marketing = true: want a table; write [gdpr_consent.marketing] and "
            "its keys below that",
        ),
        (
            USER + "[gdpr_consent.marketing]\nconsented = true",
            ': gdpr_consent.marketing has no at; write at = "a column"',
        ),
        (
            USER + "[gdpr_consent.marketing]\nconsentd = true",
            ": gdpr_consent.marketing has no key 'consentd'; did you mean 'consented'?",
        ),
        (
            USER + "[gdpr_consent.marketing]\nconsented = true\nat = 2026-11-30",
            ': gdpr_consent.marketing.at = 2026-11-30: a time without a zone; write at = "a '
            'column", or 2026-11-30T10:15:00Z',
        ),
        (
            USER
            + '[gdpr_consent.marketing]\nconsented = true\nat = { column = "x", format = "%Q" }',
            ": gdpr_consent.marketing.at.format = \"%Q\": not a form of strptime ('Q' is a bad "
            "directive in format '%Q'); write format = \"%d/%m/%Y\"",
        ),
        (
            USER
            + '[gdpr_consent.marketing]\nconsented = true\nat = { column = "x", format = "DD/MM" }',
            ': gdpr_consent.marketing.at.format = "DD/MM": want a form as for strptime, "s" or '
            '"ms"; write format = "%d/%m/%Y"',
        ),
        (
            USER + '[gdpr_consent.marketing]\nconsented = true\nat = { column = "x", tz = "Mars" }',
            ': gdpr_consent.marketing.at.tz = "Mars": no such time zone; write tz = '
            '"Europe/London", or pip install tzdata if it is a new one',
        ),
        (
            'gdpr_consent = 3\n[user]\ncustomer_id = "id"\n',
            ": gdpr_consent = 3: want a table; write [gdpr_consent.name] and its keys below that",
        ),
        (
            USER + "[integration_attributes]\n92 = 3",
            ': integration_attributes.92 = 3: want a list or a table; write 92 = ["a column"]',
        ),
        (
            'deleted_user_attributes = "plan"\n[user]\ncustomer_id = "id"\n',
            ': deleted_user_attributes = "plan": want a list of names; write '
            'deleted_user_attributes = ["plan"]',
        ),
        (
            'deleted_user_attributes = [3]\n[user]\ncustomer_id = "id"\n',
            ': deleted_user_attributes[0] = 3: want text; write deleted_user_attributes = "…", '
            "or { column = … }",
        ),
        (
            'partner_identities = 3\n[user]\ncustomer_id = "id"\n',
            ': partner_identities = 3: want a list or a table; write partner_identities = ["a '
            'column"]',
        ),
        (
            USER + '[attribution_info]\nservice_provider = "x"\npublihser="x"',
            ": attribution_info has no key 'publihser'; did you mean 'publisher'?",
        ),
        (
            "event = 3",
            ": event is one table, and there may be several; write [[event]], in two brackets",
        ),
        (
            "event = [3]",
            ": event[0] = 3: want a table; write [[event]] and its keys below that",
        ),
        (
            '[[event]]\nname = "x"',
            ': event[0] has no verb; write verb = "event"',
        ),
        (
            "[[event]]\nverb = 3",
            ': event[0].verb = 3: want text; write verb = "event"',
        ),
        (
            '[[event]]\nverb = "purchse"',
            ": event[0].verb = \"purchse\": there is no such verb; did you mean 'purchase'?",
        ),
        (
            '[[event]]\nverb = "with_device"',
            ': event[0].verb = "with_device": this is no event; write [device]',
        ),
        (
            '[[event]]\nverb = "qwxyz"',
            ': event[0].verb = "qwxyz": there is no such verb; want one of add_to_cart, '
            "add_to_wishlist, app_background, app_exit, app_foreground, app_initialized, "
            "app_install, app_upgrade, attribution, attribution_delete, breadcrumb, checkout, "
            "checkout_option, click, crash_report, event, first_run, impression, ltv_increase, "
            "network_performance, opt_out, profile, promotion_click, promotion_view, purchase, "
            "push_message, push_registration, re_engagement, refund, remove_from_cart, "
            "remove_from_wishlist, screen_view, session_end, session_start, uninstall, "
            "user_attribute_change, user_identity_change, view_detail",
        ),
        (
            '[[event]]\nverb = "track"',
            ": event[0].verb = \"track\": there is no such verb; did you mean 'event'?",
        ),
        (
            '[[event]]\nverb = "event"',
            ': event[0] has no name; write name = "…"',
        ),
        (
            '[[event]]\nverb = "screen_view"',
            ': event[0] has no screen_name; write screen_name = "a column"',
        ),
        (
            EVENT + 'tpye = "other"',
            ": event[0] has no key 'tpye'; did you mean 'type'?",
        ),
        (
            EVENT + 'type = "transacton"',
            ": event[0].type = \"transacton\": 'transacton' is not a word for type; did you "
            "mean 'transaction'? (navigation, location, search, …), or write { column = … }",
        ),
        (
            EVENT + 'type = "qwxyz"',
            ": event[0].type = \"qwxyz\": 'qwxyz' is not a word for type; want one of "
            "navigation, location, search, transaction, user_content, user_preference, social, "
            'other, media, attribution; write type = "navigation", or { column = … }',
        ),
        (
            EVENT + "at = true",
            ': event[0].at = true: want a time; write at = "a column", or 2026-11-30T10:15:00Z',
        ),
        (
            EVENT + "at = 17",
            ': event[0].at = 17: looks like seconds since 1970; write at = "a column", or '
            "2026-11-30T10:15:00Z",
        ),
        (
            EVENT + 'at = { column = "x", as = "text" }',
            ': event[0].at.as = "text": want a time; write as = "time", or leave it out',
        ),
        (
            EVENT + 'attributes = "Brand"',
            ': event[0].attributes = "Brand": want a list or a table; write attributes = ["Brand"]',
        ),
        (
            EVENT + "attributes = [3]",
            ': event[0].attributes[0] = 3: want a column; write "a column", or { column = "a '
            'column" }; what has another name stands in a table, attributes = { name = … }',
        ),
        (
            EVENT + 'attributes = { column = "x", as = "flag" }',
            ': event[0].attributes = { column = "x", as = "flag" }: several values go here; '
            'for this one write a list, attributes = [{ … }], or as = "json" for a column of '
            "JSON objects",
        ),
        (
            EVENT + 'attributes = { a = { column = "x", as = "tag" } }',
            ': event[0].attributes.a.as = "tag": only user attributes are tags; write it in '
            "user_attributes",
        ),
        (
            EVENT + 'timestamp = "x"',
            ": event[0] has no key 'timestamp'; did you mean 'at'?",
        ),
        (
            EVENT + "after = 3",
            ": event[0] has no key 'after'; it has verb, name, attributes, type, at, "
            "source_message_id, flags, location, device_current_state, "
            "session_start_unixtime_ms, event_start_unixtime_ms, is_goal_defined, …",
        ),
        (
            EVENT + 'location = "x"',
            ': event[0].location = "x": want a table; write [event.location] and its keys '
            "below that",
        ),
        (
            EVENT + 'location = { latitude = "lat" }',
            ': event[0].location has no longitude; write longitude = "a column"',
        ),
        (
            EVENT + 'location = { lat = "lat", longitude = "x" }',
            ": event[0].location has no key 'lat'; did you mean 'latitude'?",
        ),
        (
            EVENT + "when = 3",
            ': event[0].when = 3: want text; write when = "a column"',
        ),
        (
            EVENT + 'wen = "x"',
            ": event[0] has no key 'wen'; did you mean 'when'?",
        ),
        (
            '[[event]]\nverb = "purchase"\nproducts = []',
            ": event[0] has no key 'products'; did you mean 'product'?",
        ),
        (
            '[[event]]\nverb = "purchase"\nproduct = []',
            ": event[0].product = []: want tables; write [[event.product]] and its keys below that",
        ),
        (
            '[[event]]\nverb = "purchase"\nproduct = "sku"',
            ': event[0].product = "sku": want tables; write [[event.product]] and its keys '
            "below that",
        ),
        (
            '[[event]]\nverb = "purchase"\nproduct = [{ sku = "x" }]',
            ": event[0].product[0] has no key 'sku'; did you mean 'id'?",
        ),
        (
            '[[event]]\nverb = "purchase"\nproduct = [{}]',
            ": event[0].product: Product() needs an id or a name; write Product('sku', 'Name')",
        ),
        (
            '[[event]]\nverb = "purchase"\norder_id = "x"',
            ": event[0] has no key 'order_id'; did you mean 'transaction_id'?",
        ),
        (
            '[[event]]\nverb = "crash_report"\nerror = "x"',
            ": event[0] has no key 'error'; it has verb, message, severity, source_message_id, "
            "flags, location, device_current_state, session_start_unixtime_ms, "
            "event_start_unixtime_ms, is_goal_defined, lifetime_value_change, "
            "lifetime_value_attribute_name, …",
        ),
        (
            '[[event]]\nverb = "impression"\nproduct = [{ id = "sku" }]',
            ': event[0] has no product_impression_list; write product_impression_list = "a column"',
        ),
        (
            '[[event]]\nverb="event"\nname = 3',
            ': event[0].name = 3: want text; write name = "…", or { column = … }',
        ),
        (
            USER + '[device]\nis_tablet = { column = "x", as = "json" }',
            ': device.is_tablet.as = "json": want true or false; write as = "flag", or leave '
            "it out",
        ),
        (
            USER + "[application]\napple_search_ads_attributes = 3",
            ": application.apple_search_ads_attributes = 3: want a table of tables; write "
            'apple_search_ads_attributes = "a column", or { … }',
        ),
        (
            USER + '"" = 1',
            ": user has no key ''; it has mpid, customer_id, other, facebook, twitter, google, "
            "microsoft, yahoo, email, alias, facebook_custom_audience_id, other_id_2, …",
        ),
    ],
)
def test_a_mistake_names_the_key_what_is_allowed_and_what_to_write(text, error):
    assert complaint(text) == error


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (
            b'[user]\ncustomer_id = "\xe9"\n',
            ":2 has a byte that is no UTF-8 (0xE9); save the file as UTF-8",
        ),
        (USER.encode("utf-16"), ":1 has a byte that is no UTF-8 (0xFF); save the file as UTF-8"),
        ("a = " + "[" * 3000, " is not TOML: it is nested too deeply"),
        (
            "a = " + "9" * 5000,
            " is not TOML: Exceeds the limit (4300 digits) for integer string conversion: value "
            "has 5000 digits; use sys.set_int_max_str_digits() to increase the limit",
        ),
        (
            "a\0 = 1",
            r""":1 is not TOML at 'a\\x00 = 1': Expected '=' after a key in a key/value pair; """
            'write key = "text", [section] or [[event]]',
        ),
    ],
)
def test_a_file_that_is_no_toml_says_where(data, error):
    assert complaint(data) == error


# What only a row shows


def test_a_column_that_does_not_exist_is_told_with_the_first_row():
    text = USER + EVENT + 'attributes = ["Prodct"]\nwhen = "id"'

    assert complaint(text, row_of(id="", Product="Car")) == (
        ': event[0].attributes[0] = "Prodct": policies.csv has no such column; '
        "did you mean 'Product'?"
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[user]\ncustomer_id = "qwxyz"', "user.customer_id"),
        ('[user]\ncustomer_id = { column = "qwxyz" }', "user.customer_id.column"),
        ('[user]\ncustomer_id = { column = "id", when = "qwxyz" }', "user.customer_id.when"),
        ('key = ["id", "qwxyz"]\n' + USER, "key"),
        (EVENT + 'when = "qwxyz"', "event[0].when"),
        ('[data_plan]\nplan_id = "main"\nplan_version = "qwxyz"', "data_plan.plan_version"),
    ],
)
def test_every_key_that_names_a_column_is_told(text, key):
    assert complaint(text, row_of(id="1")) == (
        f': {key} = "qwxyz": policies.csv has no such column; it has id; '
        'for the same text in every row, { value = "qwxyz" }'
    )


def test_each_file_of_a_table_has_the_columns():
    text = '[user]\ncustomer_id = "id"'
    rows = row_of("a.csv", id="1"), row_of("b.csv", ID="1")

    assert complaint(text, *rows) == (
        ": user.customer_id = \"id\": b.csv has no such column; did you mean 'ID'?"
    )


def test_a_name_that_is_a_column_too_has_to_say_which_it_is():
    text = '[[event]]\nverb = "event"\nname = "Bought"'

    assert complaint(text, row_of(Bought="Car")) == (
        ': event[0].name = "Bought": this is the name of a column, too; write '
        '{ column = "Bought" } for what the column holds, or { value = "Bought" } for this text'
    )
    for written in ('{ value = "Bought" }', '{ column = "Bought" }'):
        assert mapping(text.replace('"Bought"', written))(row_of(Bought="Car")).events


def test_rows_of_their_own_columns_miss_what_others_have():
    assert mapping(USER)(Row({"other": 1})) == mapping(USER)(Row({"id": ""}))
