"""A session: an id, numbered events, and each time relative to the previous event."""

from datetime import UTC, datetime, timedelta

from mpfluent import Batch, Product, Session

began = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)

session = (
    Session.start("84e1b361-a282-4adf-8a6d-1d31e6dd5a9e", at=began)
    .app_foreground()  # no time: that of the previous event
    .screen_view("Home", after=1.5)  # seconds after the previous event
    .event("Searched", {"query": "teapot"}, after=timedelta(minutes=1))
    .purchase(Product("sku-1", "Teapot"), at="2026-11-23T11:20:00+01:00")  # or its own time
    .end(after=10)  # computes the duration from the start
)

batch = Batch.for_user(customer_id="123456").add(session)

for event in batch.events:
    seconds = ((event.at or 0) - began.timestamp() * 1000) / 1000
    print(f"{event.event_num} {event.event_type} after {seconds:g} s")

print(batch.events[-1].to_dict()["data"]["session_duration_ms"], "ms in all")
