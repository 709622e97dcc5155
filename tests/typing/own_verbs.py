"""The verbs of two packages in one chain; a line marked as a mistake is one for a type checker."""

from typing import assert_type

from example_app import AppBatch, AppSession

batch = AppBatch.for_user(customer_id="1").read_article("x").event("y").signed_up(plan="pro")
assert_type(batch, AppBatch)
assert_type(batch.seen("x").with_ip("::1").seen("y").signed_up(plan="pro"), AppBatch)
assert_type(batch.with_ip("::1").bought("sku", total=5).read_article("x", seconds=1), AppBatch)
session = AppSession.start(session_id=1).signed_up(plan="pro").read_article("x").event("y")
assert_type(session, AppSession)
assert_type(session.end(after=1), AppSession)
batch.signed_up(plam="pro")  # mistake
batch.event("x").read_artikle("x")  # mistake
session.read_article(5)  # mistake
batch.seen(5)  # mistake
