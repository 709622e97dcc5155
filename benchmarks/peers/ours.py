"""mpfluent, from whichever checkout ``PYTHONPATH`` names first: from values to JSON bytes.

Public names only, so that every commit can be measured.
"""

import json
from functools import cache, partial, reduce
from itertools import cycle, permutations
from pathlib import Path

import mpfluent
from benchmarks.peers.actions import answer, timed
from benchmarks.peers.ours_batches import BATCHES, to_bytes, whole
from benchmarks.peers.ours_sending import ACTIONS
from mpfluent import AppEvent, Batch, Product
from mpfluent.schemas import BatchSchema

SCHEMA = BatchSchema()


def by_marshmallow(batch):
    """Write a batch by marshmallow's own ``dump``; ``float`` is for what json cannot write."""
    return json.dumps(SCHEMA.dump(batch), default=float).encode()


def chain(encoder, events, loops):
    return timed(lambda: encoder(whole(events)), loops)


def encode(encoder, events, loops):
    batch = whole(events)
    return timed(lambda: encoder(batch), loops)


def append(events, loops):
    listed = [AppEvent("Searched")] * events
    return timed(lambda: reduce(Batch.add, listed, Batch()), loops)


def validate(plan, payload, loops):
    from mpfluent.dataplan import DataPlan  # an older commit has none

    plan, batch = DataPlan.from_dict(plan), Batch.from_dict(payload)
    plan.validate(batch)  # what it meets is compiled once
    return timed(lambda: plan.validate(batch), loops)


# The cliffs: calls that are a little unusual. Their arguments are made beforehand and take turns;
# names that vary are so many that no cache holds them all.

TEXTS = {"first": "cup", "second": "teapot", "third": "kettle", "fourth": "tray", "fifth": "urn"}
UMLAUTS = ("cüp", "téäpöt", "kéttlé", "träy", "ürn")
MONEY = {"total_amount": 21.49, "tax_amount": 3.43, "shipping_amount": 4.9, "currency_code": "EUR"}
FACTS = {"transaction_id": "t", **MONEY, "affiliation": "shop", "coupon_code": "spring"}
CUP = Product("sku0", "name", price=19.99, quantity=1)
CLIFFS = {
    "an event": [TEXTS],
    "an event, None as an attribute": [{**TEXTS, "third": None}],
    "an event, other attribute names in each call": (
        {f"{name}{number}": text for name, text in TEXTS.items()} for number in range(20_000)
    ),
    "an event, text that is not ASCII": [dict(zip(TEXTS, UMLAUTS, strict=True))],
    "a purchase": [FACTS],
    "a purchase, tax_amount=None": [{**FACTS, "tax_amount": None}],
    "a purchase, another keyword order in each call": map(dict, permutations(FACTS.items())),
}


@cache  # so that the next turn continues where the last one ended
def cliff_call(case):
    arguments, start = cycle([*CLIFFS[case]]), Batch()
    if case.startswith("an event"):
        return lambda: to_bytes(start.event("Searched", next(arguments)))
    return lambda: to_bytes(start.purchase(CUP, **next(arguments)))


if __name__ == "__main__":
    answer(
        "marshmallow",
        "requests",
        home=lambda: str(Path(mpfluent.__file__).parents[1]),
        show=lambda content, number: json.loads(BATCHES[content](number).to_json()),
        chain=partial(chain, to_bytes),
        encode=partial(encode, to_bytes),
        chain_by_marshmallow=partial(chain, by_marshmallow),
        encode_by_marshmallow=partial(encode, by_marshmallow),
        cliffs=lambda: list(CLIFFS),
        cliff=lambda case, loops: timed(cliff_call(case), loops),
        **{action.__name__: action for action in (append, validate, *ACTIONS)},
    )
