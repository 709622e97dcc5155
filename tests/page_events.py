"""What an online shop sends on a quiet morning, for tests that want to look real, and how."""

from data_plans import attributes_of, event_point, plan_of, point_of
from local_servers import post

from mpfluent import Batch, Client, Product, Retry
from mpfluent.dataplan import DataPlan

TEAPOT = Product("sku-81", "Cast-iron teapot", price=49.90)
SENCHA = Product("sku-12", "Sencha, 100 g", price=11.55, quantity=2)

PEOPLE = [
    {"customer_id": "48213"},
    {"email": "mina@example.com"},
    {"customer_id": "77120", "email": "jo@example.com"},
    {"customer_id": "31466"},
]


def plan() -> DataPlan:
    """Return a plan that knows all of it, and wants the number of results to be a number."""
    words = {"query": {"type": "string"}, "results": {"type": "number"}}
    return plan_of(
        event_point("Searched", attributes_of(words, "query"), "search"),
        *(
            point_of({"type": "screen_view", "criteria": {"screen_name": name}})
            for name in ("Home", "Teapots")
        ),
        *(
            point_of({"type": "product_action", "criteria": {"action": action}})
            for action in ("view_detail", "add_to_cart", "purchase")
        ),
    )


def visit(number: int) -> list[Batch]:
    """Return the batches of one visit, each as an application would send it."""
    person = PEOPLE[number % len(PEOPLE)]
    user = Batch.for_user(**person).with_user_attributes({"plan": "pro", "$City": "Zürich"})
    found = "none" if number == 2 else 42  # which is not as planned
    paid = 73.0 + 4.95 * (number % 3)  # with delivery
    return [
        user.screen_view("Home", attributes={"referrer": "newsletter"}),
        user.event("Searched", {"query": "teapot", "results": found}, type="search"),
        user.screen_view("Teapots", attributes={"sorted by": "price"}),
        user.view_detail(TEAPOT, currency_code="EUR"),
        user.add_to_cart(TEAPOT, SENCHA, total_amount=73.0, currency_code="EUR"),
        user.purchase(TEAPOT, SENCHA, total_amount=paid, currency_code="EUR"),
    ]


def session(number: int) -> Batch:
    """Return the events of one visit as one batch."""
    first, *others = visit(number)
    for each in others:
        first = first.add(*each.events)
    return first


def send(server, *batches, **options):
    options.setdefault("retry", Retry(max_attempts=1))
    with Client("key", "secret", environment="development", host=server.url, **options) as client:
        return client.send(*batches)


def user(number=123, **attributes):
    batch = Batch.for_user(customer_id=str(number))
    return batch.with_user_attributes(attributes) if attributes else batch


def many(count, first=0):
    """Return batches of 100 events."""
    for begin in range(first, first + count, 100):
        batch = user(begin)
        for number in range(begin, begin + 100):
            batch = batch.event(f"Event {number}", {"number": number}, type="other")
        yield batch


def several(server):
    send(server, user(123, plan="pro").event("Searched", {"query": "tea pot"}, type="search"))
    send(server, user(123).purchase(TEAPOT, total_amount=73, currency_code="EUR"))
    send(server, user(45).event("Search closed", {"plan": "free"}, type="other"))
    post(server, b"{")
