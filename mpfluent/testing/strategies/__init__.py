"""Hypothesis strategies for property tests: every kind of valid value, and invalid ones.

They are made from the fields that the classes declare. What they draw is valid by construction,
so nothing is filtered out. A failing example shrinks to what a person would write.

>>> from hypothesis import find
>>> from mpfluent import Batch
>>> from mpfluent.testing.strategies import batches, products
>>> find(batches(), lambda batch: True) == Batch()
True
>>> find(products(), lambda product: product.price)
Product(id='0', price=1)
>>> find(batches(), lambda batch: batch.environment) == Batch().with_environment("development")
True

Every field can be given: a value stays as it is, a strategy is drawn from, and None leaves the
field out.

>>> batch = find(batches(user=True, environment="development"), lambda batch: True)
>>> batch == Batch.for_user(customer_id="0").with_environment("development")
True

This is the one part of mpfluent that needs hypothesis.
"""

try:
    import hypothesis  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "hypothesis":
        raise
    raise ImportError(
        "mpfluent.testing.strategies needs hypothesis; write pip install hypothesis",
        name="hypothesis",
    ) from None

from .batches import (
    batches,
    consents,
    devices,
    events,
    identities,
    products,
    promotions,
    session_events,
    sessions,
    values,
)
from .invalid import BadValue, bad_values
from .planned import planned
from .single_values import (
    attributes,
    instants,
    milliseconds,
    names,
    numbers,
    scalars,
    texts,
    user_attributes,
    uuids,
)

__all__ = [
    "BadValue",
    "attributes",
    "bad_values",
    "batches",
    "consents",
    "devices",
    "events",
    "identities",
    "instants",
    "milliseconds",
    "names",
    "numbers",
    "planned",
    "products",
    "promotions",
    "scalars",
    "session_events",
    "sessions",
    "texts",
    "user_attributes",
    "uuids",
    "values",
]
