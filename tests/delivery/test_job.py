"""A job: one batch on its way, in one part or several."""

import contextlib
import copy
import pickle
import sys
import time

import pytest
from clients import BATCH
from internals import Destination, HandedBack, Job, Part

from mpfluent import Batch, Kept, Response, TransportError
from mpfluent.delivery.notifier import Notifier
from mpfluent.delivery.settlement import Settlement
from mpfluent.delivery.stats import Counters

PARTS = (Part("id-1", b"{}", 2), Part("id-2", b"{}", 2))


def test_a_job_is_settled_once():
    job = Job(BATCH, PARTS, lambda *_: None)

    assert job.settle_part(PARTS[0], Response(202)) is False
    assert job.settle_part(PARTS[0], Response(202)) is False  # twice is not both
    assert job.outcome is None
    job.give_up(TransportError("broken off"))
    assert job.settle_part(PARTS[1], Response(202)) is False
    job.give_up(TransportError("again"))
    assert str(job.outcome) == "broken off"
    assert job.id == "id"
    assert repr(job) == "<Job of 2 parts, 0 open>"


def test_the_outcome_of_a_job_that_is_given_up_again_and_again_is_made_known_once():
    failed, settlement = [], Settlement(None, time.monotonic)
    notifier = Notifier(Counters(), None, lambda batch, error: failed.append(str(error)))
    settlement.open(Destination("https://host", "fingerprint"), notifier, Batch)
    job = Job(BATCH, PARTS)

    assert settlement.give_up([job], TransportError("broken off")) == 1
    assert settlement.give_up([job], TransportError("again")) == 0
    settlement.give_up([job], TransportError("again"), resume=True)
    assert failed == ["broken off"]
    assert (job.notified, job.settled) == (True, True)


def test_a_part_that_failed_counts_more_than_one_that_is_kept():
    job = Job(BATCH, PARTS, lambda *_: None)
    job.settle_part(PARTS[0], Kept("kept"))
    job.settle_part(PARTS[1], TransportError("refused"))

    assert str(job.outcome) == "refused"


def test_a_job_reads_its_batch_only_when_somebody_asks():
    body = BATCH.with_source_request_id("id").to_json().encode()
    job = Job(Batch, (Part("id", body, len(body)),), lambda *_: None)

    assert job._batch is Batch
    assert job.batch == BATCH.with_source_request_id("id")
    assert job.batch is job.batch


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]
)
def test_what_is_handed_back_is_copied_with_the_reason(copied):
    back = copied(HandedBack(TransportError("nobody there", batch=BATCH)))

    assert type(back) is HandedBack
    assert (str(back.error), back.error.reason, back.error.batch, back.message_id) == (
        *("nobody there", "transport_error", BATCH),
        None,
    )


@pytest.mark.parametrize("part", [PARTS[0], None])
def test_a_job_that_is_interrupted_as_it_is_settled_is_open_or_has_its_outcome(part):
    lines = {line for *_, line in Job.settle_part.__code__.co_lines() if line is not None}
    for stop in lines:
        job = Job(BATCH, PARTS[:1], lambda *_: None)
        with contextlib.suppress(KeyboardInterrupt), interrupted_at(stop):
            job.settle_part(part, TransportError("broken off"))

        assert (job.open_parts == PARTS[:1]) is (job.outcome is None)
        job.give_up(TransportError("broken off"))
        assert str(job.outcome) == "broken off"
        assert job.open_parts == ()


@contextlib.contextmanager
def interrupted_at(line):
    """Let Ctrl-C come where a job's part is settled, at this line."""

    def trace(frame, event, _):
        if frame.f_code is Job.settle_part.__code__ and frame.f_lineno == line and event == "line":
            raise KeyboardInterrupt
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(previous)
