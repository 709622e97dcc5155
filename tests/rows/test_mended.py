"""Rows that were mended in a rejects file are read as they were in their table."""

import json
from decimal import Decimal

import pytest

from mpfluent import (
    Batch,
    Client,
    Product,
    RecordingTransport,
    SyncDispatcher,
    ThreadedDispatcher,
)
from mpfluent.rows import Rows


def bought(row):
    user = Batch.for_user(customer_id=row.text("id")).with_user_attributes(row.pick("plan"))
    return user.event("Bought", at=row.time("at"))


def test_a_mended_row_has_the_zone_and_the_missing_words_of_its_table(tmp_path):
    rejects = tmp_path / "rejects.jsonl"
    cells = {"id": "17", "plan": "-", "at": "2026-13-30"}
    options = {"missing": ["-"], "tz": "Europe/London"}
    table = Rows([cells], **options).map(bought).with_key("id", job="import")
    transport = RecordingTransport()
    with Client("k", "s", environment="production", transport=transport) as client:
        assert client.send_all(table.with_rejects(rejects)).rejected == 1
        reject = json.loads(rejects.read_text(encoding="utf-8"))
        mended = {**reject["row"], "at": "2026-11-30"}
        rejects.write_text(json.dumps({**reject, "row": mended}), encoding="utf-8")
        again = Rows.from_rejects(rejects, **options).map(bought).with_key("id", job="import")
        report = client.send_all(again)

    assert (report.delivered, report.rejected) == (1, 0)
    (batch,) = transport.batches
    assert batch.user_attributes is None
    assert batch.events[0].at == 1795996800000


@pytest.mark.parametrize("dispatcher", [SyncDispatcher, ThreadedDispatcher])
def test_a_refused_row_is_sent_again_with_the_digits_that_it_had(tmp_path, dispatcher):
    rejects = tmp_path / "rejects.jsonl"

    def paid(row):
        product = Product("sku-1", price=Decimal(row["price"]))
        return Batch.for_user(customer_id=row["id"]).purchase(product, total_amount=1e22)

    def body_of(rows, status):
        transport = RecordingTransport(status)
        options = {"dispatcher": dispatcher(), "transport": transport}
        with Client("k", "s", environment="production", **options) as client:
            client.send_all(rows)
        return transport.requests[0].body

    table = Rows([{"id": "17", "price": "19.90"}]).map(paid).with_key("id", job="import")
    refused = body_of(table.with_rejects(rejects), 400)

    assert b'"price":19.90' in refused
    assert body_of(Rows.from_rejects(rejects), 202) == refused
