"""What an online shop sends on a quiet morning: for tests that want to look real."""

from data_plans import attributes_of, event_point, plan_of, point_of

from mpfluent import Batch, Product
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
    return [
        user.screen_view("Home", attributes={"referrer": "newsletter"}),
        user.event("Searched", {"query": "teapot", "results": found}, type="search"),
        user.screen_view("Teapots", attributes={"sorted by": "price"}),
        user.view_detail(TEAPOT, currency_code="EUR"),
        user.add_to_cart(TEAPOT, SENCHA, total_amount=73.0, currency_code="EUR"),
        user.purchase(TEAPOT, SENCHA, total_amount=73.0, currency_code="EUR"),
    ]
