"""What was on its way when a run was broken off is nobody's fault: it comes again."""

import json
import os
import signal
import threading

import pytest

from mpfluent import Batch, Client, FunctionTransport, RecordingTransport, ThreadedDispatcher
from mpfluent.rows import Rows


def imported(row):
    return Batch.for_user(customer_id=row.text("id")).event("Imported", at=1795428900000)


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("id\n" + "".join(f"{number}\n" for number in range(250)), encoding="utf-8")
    return (
        Rows.from_csv(file)
        .map(imported)
        .with_key("id", job="import")
        .with_rejects(tmp_path / "rejects.jsonl")
        .with_checkpoint(tmp_path / "checkpoint")
    )


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_is_on_its_way_at_ctrl_c_is_pending_and_comes_again(kind, table, tmp_path):
    requests = []

    def answer(request):
        requests.append(request)
        if len(requests) == 2:
            raise kind
        return 202

    options = {"environment": "development"}
    with (
        Client("key", "secret", transport=FunctionTransport(answer), **options) as client,
        pytest.raises(kind) as raised,
    ):
        client.send_all(table)
    report = raised.value.report

    assert (report.rows, report.delivered, report.failed, report.pending) == (100, 100, 0, 100)
    assert report.rejects == ()
    assert (tmp_path / "rejects.jsonl").read_text() == ""
    assert json.loads((tmp_path / "checkpoint").read_text())["rows"] == 100

    with Client("key", "secret", transport=RecordingTransport(), **options) as client:
        report = client.send_all(table)

    assert (report.rows, report.resumed, report.delivered) == (250, 100, 150)


def test_what_waits_for_room_at_ctrl_c_is_pending_and_comes_again(table, tmp_path):
    free = threading.Event()

    def answer(request):
        os.kill(os.getpid(), signal.SIGINT)  # whose handler runs in the thread that waits for room
        assert free.wait(30)
        return 202

    client = Client(
        "key",
        "secret",
        environment="development",
        transport=FunctionTransport(answer),
        dispatcher=ThreadedDispatcher(max_queue=10, flush_interval=0),
    )
    with pytest.raises(KeyboardInterrupt) as raised:
        client.send_all(table)
    report = raised.value.report
    free.set()

    assert (report.rows, report.delivered, report.failed, report.pending) == (0, 0, 0, 100)
    assert json.loads((tmp_path / "checkpoint").read_text())["rows"] == 0

    client.close()
    with Client(
        "key", "secret", environment="development", transport=RecordingTransport()
    ) as client:
        report = client.send_all(table)

    assert (report.rows, report.resumed, report.delivered) == (250, 0, 250)
