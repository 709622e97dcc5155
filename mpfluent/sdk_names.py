"""The names that other SDKs use, and our names for the same things; errors suggest ours.

Case, underscores and dashes do not count: ``otherID2`` is ``other_id_2``. A name is looked up only
if it is not one of ours, and our name is suggested only where it can be written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

LONGEST = 200  # characters of a name that is looked up


def squeezed(name: str) -> str:
    """Return the letters and digits of a name, in lower case.

    >>> squeezed("otherID2") == squeezed("other_id_2")
    True
    """
    return name.casefold().replace("_", "").replace("-", "")


def called(name: object, table: Mapping[str, str], allowed: Collection[str]) -> str | None:
    """Return our name for a name of another SDK, if ours is allowed here; None for a mere slip.

    >>> called("orderId", ACTION, ["transaction_id"])
    'transaction_id'
    """
    if not isinstance(name, str) or len(name) > LONGEST:
        return None
    wanted = squeezed(name)
    if wanted in map(squeezed, allowed):
        return None
    found = (ours for theirs, ours in table.items() if squeezed(theirs) == wanted)
    return next((ours for ours in found if ours in allowed), None)


def _all(**theirs: str) -> dict[str, str]:
    """Return a table from names of others to ours; each keyword is ours, its text lists theirs."""
    return {word: ours for ours, words in theirs.items() for word in words.split()}


# Keywords and fields

USER = _all(
    customer_id="user_id uid id distinct_id external_id external_user_id user",
    email="mail email_address",
    mobile_number="phone phone_number mobile mobile_phone telephone",
    phone_number_2="phone_2 mobile_2 mobile_number_2",
    phone_number_3="phone_3 mobile_3 mobile_number_3",
    **{site: f"{site}_id" for site in ("facebook", "twitter", "google", "microsoft", "yahoo")},
    **{f"other_id_{number}": f"other_{number}" for number in range(2, 11)},
)
DEVICE = _all(
    ios_advertising_id="idfa",
    ios_idfv="idfv",
    android_advertising_id="gaid aaid adid google_advertising_id",
    android_uuid="android_id",
    roku_advertising_id="rida",
    push_token="token device_token registration_token",  # noqa: S106
    device_manufacturer="manufacturer make",
    device_model="model",
    http_header_user_agent="user_agent",
    network_carrier="carrier",
    screen_width="width",
    screen_height="height",
    locale_language="language",
    timezone_offset="timezone time_zone",
)
LOCATION = _all(
    latitude="lat",
    longitude="lng lon long",
    city_name="city",
    country_code="country",
    region_code="region state",
    postal_code="zip zip_code postcode",
)
PRODUCT = _all(
    id="sku product_id item_id",
    name="product_name item_name title",
    brand="item_brand product_brand",
    category="item_category product_category",
    variant="item_variant product_variant",
    position="index",
    price="unit_price item_price amount cost",
    quantity="qty count units",
    coupon_code="coupon",
    total_product_amount="total total_amount subtotal",
    custom_attributes="properties custom_data",
)
PROMOTION = _all(
    id="promotion_id promo_id",
    name="promotion_name promo_name",
    creative="creative_name",
    position="slot creative_slot",
)
ACTION = _all(
    transaction_id="order_id order order_number transaction",
    total_amount="revenue total value amount price order_total grand_total total_revenue",
    tax_amount="tax taxes vat",
    shipping_amount="shipping shipping_cost shipping_fee freight",
    affiliation="store",
    coupon_code="coupon promo_code discount_code voucher",
    checkout_step="step",
    checkout_options="option options",
    product_action_list="list list_name item_list_name",
    product_list_source="list_source",
)
EVENT = _all(
    at="timestamp_unixtime_ms timestamp time occurred_at happened_at event_time",
    attributes="custom_attributes properties props event_properties params parameters event_params",
    flags="custom_flags",
    type="custom_event_type event_type",
    source_message_id="message_id event_id insert_id $insert_id",
    page_url="url",
)
COMMERCE = {**EVENT, **ACTION} | _all(
    currency_code="currency",
    shopping_cart="cart",
    screen_name="screen",
    is_non_interactive="non_interaction non_interactive",
)

# Verbs

VERBS = _all(
    event="track log_event custom_event capture record log track_event send_event emit collect",
    screen_view="page page_view page_viewed view screen log_screen track_page track_screen",
    with_identities="identify set_user set_user_id set_identity login",
    with_user_attributes=(
        "set_user_attribute set_user_attributes set_user_properties people_set set_properties "
        "set_attribute set_once"
    ),
    without_user_attributes="unset remove_user_attribute remove_user_attributes",
    with_device="set_device",
    with_environment="set_environment",
    with_gdpr_consent="consent set_consent add_consent",
    purchase="order_completed track_purchase buy track_charge charge revenue track_revenue order",
    add_to_cart="product_added cart_add",
    remove_from_cart="product_removed cart_remove",
    view_detail="product_viewed view_item view_product",
    click="product_clicked select_item",
    impression="product_list_viewed view_item_list",
    checkout="checkout_started begin_checkout",
    refund="order_refunded",
    promotion_view="view_promotion promotion_viewed",
    promotion_click="select_promotion promotion_clicked",
    crash_report="log_error capture_exception error exception report_exception",
    add="add_event add_events",
    merge="join concat",
    to_dict="as_dict dict model_dump",
    to_json="as_json json dumps",
)
CLIENT_VERBS = _all(
    send="upload upload_events enqueue publish post submit dispatch send_batch",
    send_all="bulk_upload_events send_batches send_many",
    close="shutdown stop end quit join terminate",
    flush="flush_all drain",
)

# Settings

OPTIONS = {
    "Client": _all(
        on_failed="on_error on_failure error_handler error_callback failure_callback",
        on_delivered="on_success success_callback",
        api_key="write_key key token api_token project_token project_api_key",
        api_secret="secret",  # noqa: S106
        host="endpoint base_url url api_host api_url server_url",
        pod="region data_center datacenter zone cluster",
        environment="env mode",
        disabled="disable",
        now="clock",
        rate_limit="rate pace throttle limiter rate_limiter qps requests_per_second",
        data_plan="plan dataplan tracking_plan schema",
        on_violation="on_unplanned violations",
    ),
    "RateLimit": _all(
        batches_per_second="per_second rate limit qps requests_per_second",
        burst="capacity bucket_size",
        shared="path file shared_file",
    ),
    "Retry": _all(
        max_attempts="max_retries retries attempts total tries",
        base="backoff_factor backoff initial initial_delay min_delay",
        cap="max_backoff backoff_max max_delay maximum",
        max_elapsed="timeout max_time deadline budget",
    ),
    "RequestsTransport": _all(
        timeout="read_timeout connect_timeout http_timeout request_timeout",
        proxies="proxy",
        verify="ssl_verify verify_ssl ca_bundle",
        cert="client_cert certificate",
    ),
    "ThreadedDispatcher": _all(
        workers="threads thread num_workers max_workers concurrency",
        max_queue="queue_size max_queue_size maxsize",
        flush_interval="interval linger",
        exit_timeout="shutdown_timeout",
    ),
    "Outbox": _all(path="file filename", max_bytes="max_size", max_age="ttl"),
}
OPTIONS["Configuration"] = OPTIONS["Client"]

# Options that other clients take themselves, and here the object that takes them.
ELSEWHERE = _all(
    **{
        "transport=RequestsTransport(timeout=(3.05, 10.0))": (
            "timeout read_timeout connect_timeout http_timeout request_timeout"
        ),
        "transport=RequestsTransport(deadline=30.0)": "deadline",
        "transport=RequestsTransport(proxies={'https': 'http://proxy:8080'})": "proxies proxy",
        "transport=RequestsTransport(verify='ca.pem')": "verify ssl_verify verify_ssl ca_bundle",
        "transport=RequestsTransport(cert='client.pem')": "cert client_cert",
        "transport=RequestsTransport(session=requests.Session())": "session http_client",
        "transport=PrintingTransport()": "debug dry_run",
        "retry=Retry(max_attempts=3)": "max_attempts max_retries retries retry_count num_retries",
        "retry=Retry(max_elapsed=15.0)": "max_elapsed",
        "retry=Retry(max_retry_after=300.0)": "max_retry_after",
        "retry=Retry(base=0.5)": "base backoff backoff_factor",
        "retry=Retry(cap=30.0)": "cap max_backoff backoff_max",
        "dispatcher=ThreadedDispatcher()": "async asynchronous sync sync_mode background threaded",
        "dispatcher=ThreadedDispatcher(workers=1)": "threads thread num_workers max_workers",
        "dispatcher=ThreadedDispatcher(max_queue=10_000)": "queue_size max_queue_size maxsize",
        "dispatcher=ThreadedDispatcher(flush_interval=0.5)": (
            "flush_at flush_every upload_size upload_interval batch_size max_batch_size interval"
        ),
        "disabled=True": "send enabled opt_out",
    }
)
