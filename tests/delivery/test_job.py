"""A job: one batch on its way, in one part or several."""

import pytest
from clients import BATCH
from internals import Job, Part

from mpfluent import Batch, Kept, Response, TransportError

PARTS = (Part("id-1", b"{}", 2), Part("id-2", b"{}", 2))


def test_a_job_is_settled_once():
    job = Job(BATCH, PARTS, lambda *_: None)

    assert job.note("id-1", Response(202)) is False
    assert job.note("id-1", Response(202)) is False  # twice is not both
    assert job.outcome is None
    assert job.give_up(TransportError("broken off")) is True
    assert job.note("id-2", Response(202)) is False
    assert job.give_up(TransportError("again")) is True  # it was not told yet
    assert (job.claim(), job.claim()) == (True, False)
    assert job.give_up(TransportError("again")) is False
    assert str(job.outcome) == "broken off"
    assert job.id == "id"
    assert repr(job) == "<Job of 2 parts, 0 open>"


def test_a_part_that_failed_counts_more_than_one_that_is_kept():
    job = Job(BATCH, PARTS, lambda *_: None)
    job.note("id-1", Kept("kept"))
    job.note("id-2", TransportError("refused"))

    assert str(job.outcome) == "refused"


def test_a_job_reads_its_batch_only_when_somebody_asks():
    body = BATCH.with_source_request_id("id").to_json().encode()
    job = Job(Batch, (Part("id", body, len(body)),), lambda *_: None)

    assert job._batch is Batch
    assert job.batch == BATCH.with_source_request_id("id")
    assert job.batch is job.batch


def test_a_job_that_is_interrupted_as_it_is_settled_is_open_still(monkeypatch):
    job = Job(BATCH, PARTS[:1], lambda *_: None)
    with monkeypatch.context() as patched:
        patched.setattr(Job, "_take", interrupted)
        with pytest.raises(KeyboardInterrupt):
            job.note("id-1", Response(202))
        with pytest.raises(KeyboardInterrupt):
            job.give_up(TransportError("broken off"))

    assert job.has_open("id-1")
    assert job.give_up(TransportError("broken off"))
    assert str(job.outcome) == "broken off"


def interrupted(*_):
    raise KeyboardInterrupt
