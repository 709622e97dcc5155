"""The batches of ``benchmarks.workloads`` as fluent chains, every check on."""

from random import Random

from benchmarks.workloads import AT, ATTRIBUTES, DEVICE, KINDS, ZONE, row, user
from mpfluent import Batch, Product


def whole(events):
    batch = with_context(Batch.for_user(customer_id="123456", email="a@b.example", other="x"))
    for number in range(events):
        kind = KINDS[number % 10]
        if kind == "custom_event":
            batch = batch.event("Searched", ATTRIBUTES, type="search", at=AT)
        elif kind == "commerce_event":
            bought = [Product(f"sku{sku}", "name", price=19.99, quantity=1) for sku in range(3)]
            batch = batch.purchase(*bought, transaction_id="t", total_amount=21.49, at=AT)
        else:
            batch = batch.screen_view("Home", at=AT)
    return batch


def with_context(batch):
    return (
        batch.with_environment("development")
        .with_user_attributes({f"attr{number}": f"value {number}" for number in range(10)})
        .with_device(**DEVICE)
        .with_gdpr_consent("marketing", True, at=AT, document="v4")
        .with_ccpa_data_sale_opt_out(at=AT)
    )


def usual(number, events=1):
    batch = Batch.for_user(customer_id=user(number))
    for _ in range(events):
        batch = batch.event("Searched", ATTRIBUTES)
    return batch


def identical(number):
    return (
        with_context(Batch.for_user(customer_id=user(number), email="a@b.example"))
        .with_source_request_id(f"request-{number}")
        .event("Searched", ATTRIBUTES, type="search", at=AT, source_message_id=f"event-{number}")
    )


def numbered(number):
    """Build a whole batch of one event that holds its number: its order can be checked."""
    name = user(number % 200)  # in the address, too: batches that share one are of the same user
    batch = with_context(Batch.for_user(customer_id=name, email=f"{name}@b.example"))
    return batch.event("Searched", {**ATTRIBUTES, "number": number}, at=AT)


def imported(cells):
    bought = {"product": cells.text("product"), "spend": cells.number("spend")}
    return (
        Batch.for_user(customer_id=cells.text("customer_id"), email=cells.text("email"))
        .with_user_attributes(cells.pick("plan"), visits=cells.integer("visits"))
        .event("Policy imported", bought, at=cells.time("bought"))
    )


def policy(number):
    from mpfluent.rows import Rows  # an older commit has none

    (batch,) = Rows([row(number)], tz=ZONE).map(imported)
    return batch


def to_bytes(batch):
    return batch.to_json().encode()


BATCHES = {content.__name__: content for content in (whole, usual, identical, numbered, policy)}
BATCHES["shuffled"] = lambda number: usual(Random(number).randrange(1000))
