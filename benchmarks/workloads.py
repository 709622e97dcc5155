"""The data that every peer sends; each peer builds it in its own way.

* whole: the batch that docs/speed.md describes, with N events.
* usual: one of 1 000 users, and one event with five attributes; other SDKs send the same.
* shuffled: the same, its users in random order.
* identical: a whole batch of one event, with the ids that mpfluent would add; no two are the same.
* policy: a row of CSV with eight columns, two of which may be missing, and a batch of one event.
"""

import csv
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

AT = 1795428900000
ZONE = "Europe/London"
TZ = ZoneInfo(ZONE)
ATTRIBUTES = {"a": "x", "b": "y", "c": 1, "d": 2.5, "e": True}
DEVICE = {"platform": "iOS", "os_version": "12.2", "device_model": "x", "locale_language": "en"}
DEVICE |= {"screen_height": 100, "screen_width": 200}
SOLD = {"name": "name", "price": 19.99, "quantity": 1}
KINDS = (*["custom_event"] * 7, *["commerce_event"] * 2, "screen_view")  # of each ten events


def user(number: int) -> str:
    return f"user-{number % 1000}"


def row(n):
    """Return the row with this number; what was bought is younger than 30 days."""
    return {
        "policy": f"P-{n:07}",
        "customer_id": str(100_000 + n),
        "email": f"{('ann', 'bob', 'carla', 'dave')[n % 4]}.{n}@example.com",
        "plan": ("pro", "free", "nan", "")[n % 4],
        "visits": str(n % 13) if n % 10 else "",
        "product": ("home", "travel", "car")[n % 3],
        "spend": f"{n % 900}.{n % 90 + 10}",
        "bought": str(date.today() - timedelta(days=1 + n * 7 % 28)),
    }


def write_rows(path, numbers):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, row(0))
        writer.writeheader()
        writer.writerows(map(row, numbers))


def read_rows(path):
    """Yield what each row of a file says, as a loop without mpfluent reads it."""
    with open(path, encoding="utf-8", newline="") as file:
        yield from map(cleaned, csv.DictReader(file))


def cleaned(cells):
    """Return the user, the email, user attributes, attributes of the event, and its time."""
    attributes, plan, visits = {}, cells["plan"].strip(), cells["visits"].strip()
    if plan and plan.lower() != "nan":
        attributes["plan"] = plan
    if visits:
        attributes["visits"] = int(visits)
    bought = {"product": cells["product"].strip(), "spend": float(cells["spend"])}
    moment = datetime.fromisoformat(cells["bought"]).replace(tzinfo=TZ)
    user, email = cells["customer_id"].strip(), cells["email"].strip()
    return user, email, attributes, bought, int(moment.timestamp() * 1000)
