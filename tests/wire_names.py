"""The wire's names, written down by hand and apart from the declarations.

So a slip in a declaration cannot hide. Where the vendor's material is at hand (it is not part of
this repository), the tables are checked against it, and batches against the vendor's JSON Schema.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from strategies import BEYOND_FLOATS, example

from mpfluent import AppEvent, Batch
from mpfluent.testing.strategies.records import EVENT_CLASSES, RECORD_CLASSES

WIRE = Path(__file__).parents[2] / "shared" / "wire"

# The wire's names

COMMON = """
    timestamp_unixtime_ms source_message_id session_uuid session_id event_num custom_attributes
    custom_flags location device_current_state session_start_unixtime_ms event_start_unixtime_ms
    is_goal_defined lifetime_value_change lifetime_value_attribute_name data_connection_type
    view_controller is_main_thread canonical_name page_url active_time_on_site_ms
"""

# the 17 event types, and what each adds to the common fields
EVENTS = {
    "custom_event": "event_name custom_event_type",
    "commerce_event": """
        product_action promotion_action product_impressions shopping_cart currency_code
        screen_name is_non_interactive
    """,
    "screen_view": "screen_name activity_type",
    "session_start": "",
    "session_end": "session_duration_ms",
    "application_state_transition": """
        application_transition_type is_first_run is_upgrade successfully_closed
        push_notification_payload launch_referral
    """,
    "crash_report": """
        message severity class_name stack_trace exception_handled topmost_context breadcrumbs
        pl_crash_report_file_base64 ios_image_base_address ios_image_size session_number
    """,
    "breadcrumb": "label session_number",
    "network_performance": "url response_code http_verb time_elapsed bytes_in bytes_out data",
    "opt_out": "is_opted_out",
    "profile": "previous_mpid current_mpid profile_event_type",
    "push_message": """
        push_message_type push_message_token push_notification_payload message network
        application_state action_identifier push_message_behavior
    """,
    "push_registration": "register registration_token",
    "user_attribute_change": "user_attribute_name new old deleted is_new_attribute",
    "user_identity_change": "new old",
    "first_run": "",
    "uninstall": "",
}

CONSENT = "consented timestamp_unixtime_ms document location hardware_id"

# all other objects, by the name of their class
OBJECTS = {
    "Batch": """
        environment events user_identities user_attributes deleted_user_attributes device_info
        application_info mpid mp_deviceid consent_state context integration_attributes
        partner_identities partner_identity source_request_id ip attribution_info sdk_version
    """,
    "UserIdentities": """
        customer_id other facebook twitter google microsoft yahoo email alias
        facebook_custom_audience_id other_id_2 other_id_3 other_id_4 other_id_5 other_id_6
        other_id_7 other_id_8 other_id_9 other_id_10 mobile_number phone_number_2 phone_number_3
    """,
    "UserIdentity": "identity_type identity timestamp_unixtime_ms created_this_batch",
    "DeviceInformation": """
        platform ios_advertising_id ios_idfv android_advertising_id android_uuid
        fire_advertising_id roku_advertising_id roku_publisher_id microsoft_advertising_id
        microsoft_publisher_id amp_id att_authorization_status att_timestamp_unixtime_ms
        push_token brand product device device_manufacturer device_model os_version
        build_identifier build_version_release cpu_architecture screen_height screen_width
        screen_dpi device_country locale_language locale_country network_country
        network_carrier network_code network_mobile_country_code timezone_offset
        http_header_user_agent radio_access_technology bluetooth_version is_tablet
        push_notification_sound_enabled push_notification_vibrate_enabled supports_telephony
        has_nfc bluetooth_enabled limit_ad_tracking is_dst
    """,
    "DeviceCurrentState": """
        time_since_start_ms battery_level data_connection_type data_connection_type_detail
        gps_state total_system_memory_usage_bytes disk_space_free_bytes
        external_disk_space_free_bytes cpu system_memory_available_bytes system_memory_low
        system_memory_threshold_bytes application_memory_available_bytes
        application_memory_max_bytes application_memory_total_bytes device_orientation
        status_bar_orientation
    """,
    "ApplicationInformation": """
        application_name application_version application_build_number package install_referrer
        os apple_search_ads_attributes
    """,
    "GeoLocation": """
        latitude longitude accuracy country_code region_code city_name postal_code dma_code
        location_source
    """,
    "AttributionInfo": "service_provider publisher campaign",
    "DataPlanContext": "plan_id plan_version",
    "BatchContext": "data_plan location",
    "ConsentState": "gdpr ccpa",
    "GDPRConsentState": CONSENT,
    "CCPAConsentState": CONSENT,
    "Product": """
        id name brand category variant position price quantity coupon_code
        added_to_cart_time_ms total_product_amount custom_attributes
    """,
    "ProductAction": """
        action products transaction_id total_amount tax_amount shipping_amount affiliation
        coupon_code checkout_step checkout_options product_action_list product_list_source
    """,
    "Promotion": "id name creative position",
    "PromotionAction": "action promotions",
    "ProductImpression": "product_impression_list products",
    "ShoppingCart": "products",
}

EVENT_BY_TYPE = {cls.event_type: cls for cls in EVENT_CLASSES}
RECORD_BY_NAME: dict[str, type[Any]] = {cls.__name__: cls for cls in (*RECORD_CLASSES, Batch)}


def sent(value: Any) -> Any:
    """Return what a value is on the wire: its JSON text, parsed."""
    return json.loads(value.to_json(), parse_float=Decimal)


# Every field can be set, by a verb

Make = Callable[..., Batch]


# Every field of a batch and of what is nested in it can be set


def given_by(name: str) -> Any:
    """Return what may be written for a field of a batch."""
    return example(Batch, Batch._fields[name])[0]


BATCH_VERBS: dict[str, Make] = {
    "environment": lambda batch: batch.with_environment("development"),
    "source_request_id": lambda batch: batch.with_source_request_id("the source_request_id"),
    "mpid": lambda batch: batch.with_mpid(BEYOND_FLOATS),
    "mp_deviceid": lambda batch: batch.with_mp_deviceid(given_by("mp_deviceid")),
    "user_identities": lambda batch: batch.with_identities(given_by("user_identities")),
    "user_attributes": lambda batch: batch.with_user_attributes(given_by("user_attributes")),
    "deleted_user_attributes": lambda batch: batch.with_deleted_user_attributes("plan"),
    "device_info": lambda batch: batch.with_device(given_by("device_info")),
    "application_info": lambda batch: batch.with_application(given_by("application_info")),
    "ip": lambda batch: batch.with_ip("203.0.113.7"),
    "consent_state": lambda batch: batch.with_consent_state(given_by("consent_state")),
    "context": lambda batch: batch.with_data_plan(given_by("context").data_plan).with_location(
        given_by("context").location
    ),
    "attribution_info": lambda batch: batch.with_attribution_info(given_by("attribution_info")),
    "integration_attributes": lambda batch: batch.with_integration_attributes(92, {"key": "value"}),
    "partner_identities": lambda batch: batch.with_partner_identities({"key": "value"}),
    "partner_identity": lambda batch: batch.with_partner_identity("the partner_identity"),
    # what another SDK says of itself: read, kept and replayed, but nothing to write by hand
    "sdk_version": lambda batch: Batch.from_dict(
        {**batch.to_dict(), "sdk_version": "the sdk_version"}
    ),
    "events": lambda batch: batch.add(AppEvent("Searched")),
}
