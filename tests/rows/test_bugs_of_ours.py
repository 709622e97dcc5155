"""A bug of ours in the outcome of a row ends a run; it never lets it wait without an end."""

import pytest
from tables import sent, table

from mpfluent import FunctionTransport, ThreadedDispatcher
from mpfluent.rows import Reject


@pytest.mark.parametrize("dispatcher", [None, ThreadedDispatcher], ids=["sync", "threaded"])
def test_an_outcome_that_cannot_be_noted_ends_the_run(dispatcher, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a bug")

    monkeypatch.setattr(Reject, "_replace", broken)
    options = {} if dispatcher is None else {"dispatcher": dispatcher(flush_interval=0)}
    with pytest.raises(RuntimeError, match="a bug") as caught:
        sent(
            table([{"id": str(number)} for number in range(5)]),
            FunctionTransport(lambda _: 400),
            **options,
        )

    report = caught.value.report
    assert (report.rows, report.pending, report.failed) == (0, 5, 0)
