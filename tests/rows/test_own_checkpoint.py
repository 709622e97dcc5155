"""A checkpoint may be anything that loads what it saved."""

import json

import pytest
from clients import client_of

from mpfluent import Batch, ConfigurationError, RecordingTransport
from mpfluent.rows import Rows


class Kept:
    """Keeps positions in memory, as a database or a stream's offsets would.

    Args:
        through: what storing and loading makes of a position.
    """

    def __init__(self, through):
        self.saved = None
        self._through = through

    def load(self):
        return self.saved

    def save(self, position):
        self.saved = self._through(position)


def table(checkpoint, count=5):
    rows = Rows([{"id": number} for number in range(count)])
    return rows.map(lambda row: Batch.for_user(customer_id=row.text("id"))).with_checkpoint(
        checkpoint
    )


@pytest.mark.parametrize(
    "through", [lambda p: p, lambda p: json.loads(json.dumps(p)), lambda p: p._asdict(), tuple]
)
def test_the_next_run_goes_on_after_what_was_saved(through):
    checkpoint, transport = Kept(through), RecordingTransport()
    client_of().send_all(table(checkpoint))
    report = client_of(transport).send_all(table(checkpoint, 7))

    assert (report.rows, report.resumed, report.delivered) == (7, 5, 2)
    sent = [batch.user_identities.customer_id for batch in transport.batches]
    assert sent == ["5", "6"]


@pytest.mark.parametrize("saved", [7, "5", [], {"rows": 5}, [-1, "", "", 0], ["5", "", "", 0]])
def test_what_it_loads_must_be_a_position(saved):
    checkpoint = Kept(lambda position: position)
    checkpoint.saved = saved
    with pytest.raises(ConfigurationError) as caught:
        client_of().send_all(table(checkpoint))

    assert str(caught.value) == (
        f"Kept.load() returned {saved!r}: want what save() got last, or None"
    )


def test_an_error_of_its_own_comes_through():
    class Broken(Kept):
        def save(self, position):
            raise RuntimeError("no database")

    with pytest.raises(RuntimeError, match="no database") as caught:
        client_of().send_all(table(Broken(tuple)))

    assert caught.value.report.rows == 0
