"""A data plan: typed verbs that were generated from it, and batches that are compared with it.

mpfluent plan generate examples/shop_plan.json -o examples/shop_verbs.py
"""

from pathlib import Path

from shop_verbs import ShopBatch, purchase_product

from mpfluent import Client, InvalidBatch, RecordingTransport
from mpfluent.dataplan import DataPlan

plan = DataPlan.from_file(Path(__file__).parent / "shop_plan.json")
teapot = purchase_product("sku-1", "Teapot", price=61.45, colour="blue")

batch = (
    ShopBatch.for_user(customer_id="123456")
    .with_planned_attributes(account_type="trial")
    .searched(query="teapot", results=3)
    .signed_up(plan="trial")
    .purchase(teapot, total_amount=61.45)
)

transport = RecordingTransport()
with Client(
    "key", "secret", environment="development", transport=transport, data_plan=plan
) as client:
    client.send(batch)
    print(transport.batches[0].to_dict()["context"])
    try:  # a verb of mpfluent says whatever you like; the plan does not allow it
        client.send(batch.event("Searched", {"qurey": "teapot"}, type="search"))
    except InvalidBatch as error:
        print(error)
