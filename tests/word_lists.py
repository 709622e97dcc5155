"""The word lists of docs/words.md, as the code has them.

``python tests/word_lists.py`` prints the tables; the page has them letter for letter.
"""

from __future__ import annotations

import mpfluent
from mpfluent.testing.strategies.records import words

# Where words are written -> the class and the field that have them
FIELDS = {
    "Batches": [("with_environment(…)", "Batch", "environment")],
    "Devices": [
        ("with_device(platform=…)", "DeviceInformation", "platform"),
        (
            "with_device(att_authorization_status=…)",
            "DeviceInformation",
            "att_authorization_status",
        ),
        ("with_application(os=…)", "ApplicationInformation", "os"),
        ("with_location(location_source=…)", "GeoLocation", "location_source"),
        ("DeviceCurrentState(device_orientation=…)", "DeviceCurrentState", "device_orientation"),
        (
            "DeviceCurrentState(status_bar_orientation=…)",
            "DeviceCurrentState",
            "status_bar_orientation",
        ),
    ],
    "Events": [
        ("event(type=…)", "AppEvent", "type"),
        ("ProductAction(action)", "ProductAction", "action"),
        ("PromotionAction(action)", "PromotionAction", "action"),
        (
            "ApplicationStateTransitionEvent(application_transition_type)",
            "ApplicationStateTransitionEvent",
            "application_transition_type",
        ),
        ("profile(profile_event_type)", "ProfileEvent", "profile_event_type"),
        ("push_message(push_message_type)", "PushMessageEvent", "push_message_type"),
        ("push_message(application_state=…)", "PushMessageEvent", "application_state"),
        ("push_message(push_message_behavior=…)", "PushMessageEvent", "push_message_behavior"),
    ],
    "Users": [("UserIdentity(identity_type)", "UserIdentity", "identity_type")],
}


def in_code(found: object) -> str:
    return ", ".join(f"`{word}`" for word in found)  # type: ignore[attr-defined]


def table(heading: str) -> str:
    """Return the table under a heading of the page."""
    rows = ["| where | words |", "|---|---|"]
    for where, name, field in FIELDS[heading]:
        cls = getattr(mpfluent, name)
        rows.append(f"| `{where}` | {in_code(words(cls, cls._fields[field]))} |")
    if heading == "Events":
        rows.append(f"| `event_type` | {in_code(mpfluent.Event._by_type)} |")
    if heading == "Users":
        identities = in_code(mpfluent.UserIdentities._fields)
        rows.append(f"| the keywords of `for_user` and `with_identities` | {identities} |")
        rows.append("| `with_consent_state(ConsentState(ccpa=…))` | `data_sale_opt_out` |")
    return "\n".join(rows)


if __name__ == "__main__":
    for heading in FIELDS:
        print(f"## {heading}\n\n{table(heading)}\n")
