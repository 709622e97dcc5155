"""The data that every peer sends; each peer builds it in its own way.

* whole: three identities, ten user attributes, six device fields, two consents, and N events:
  70 % custom events with five attributes, 20 % purchases of three products, 10 % screen views.
* usual: one of 200 users, and one event with five attributes; other SDKs send the same.
* identical: a whole batch of one event, with the ids that mpfluent would add; no two are the same.
"""

AT = 1795428900000
ATTRIBUTES = {"a": "x", "b": "y", "c": 1, "d": 2.5, "e": True}
DEVICE = {
    "platform": "iOS",
    "os_version": "12.2",
    "device_model": "x",
    "screen_height": 100,
    "screen_width": 200,
    "locale_language": "en",
}
KINDS = (*["custom_event"] * 7, *["commerce_event"] * 2, "screen_view")  # of each ten events


def user(number: int) -> str:
    """Return the user of the batch with this number."""
    return f"user-{number % 200}"
