"""A batch is a template: it never changes, so derive as many variants from it as you like."""

from mpfluent import Batch

base = (
    Batch.for_user(customer_id="123456")
    .with_environment("development")
    .with_device(platform="iOS", os_version="26.1")
    .with_user_attributes(plan="trial")
)

variants = {
    "as it is": base,
    "another user": base.with_identities(customer_id="654321"),
    "on Android": base.with_device(platform="Android", os_version=None),  # None clears a field
    "paying": base.with_user_attributes(plan="pro"),
    "nothing known": base.without_user_attributes().without_device(),
}
for name, variant in variants.items():
    print(f"{name}: {variant.to_json()}")


# + joins two parts: events in order, context field by field, and the right side wins.
def signed_up(batch: Batch, plan: str) -> Batch:
    return batch.event("Signed up", {"plan": plan}).with_user_attributes(plan=plan)


visit = Batch().screen_view("Pricing") + Batch().event("Compared plans")
whole = (base + visit).pipe(signed_up, "pro")
print([event.event_type for event in whole.events], whole.user_attributes)
print(len(base.events), "events in the base, still")
