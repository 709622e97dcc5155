"""Rows that were mended in a rejects file are read as they were in their table."""

import json

from mpfluent import Batch, Client, RecordingTransport
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
