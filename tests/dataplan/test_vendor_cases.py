"""The verdicts of the vendor's Node package 1.0.6, on the cases that are shared with others."""

import json
from pathlib import Path

import pytest
from data_plans import vendors

from mpfluent import Batch, MPFluentError
from mpfluent.dataplan import DataPlan

CASES = Path(__file__).parents[3] / "shared" / "dataplan" / "cases"

# What JavaScript's objects inherit counts as present there. The other cases that are marked as
# JavaScript's own (the order of names, regular expressions, numbers) pass.
DIFFERENT = {"names-of-javascript"}

pytestmark = pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not at hand")


def cases():
    if not CASES.exists():
        return []
    every = [case for path in sorted(CASES.glob("*.json")) for case in json.loads(path.read_text())]
    return [pytest.param(case, id=case["name"]) for case in every if case["name"] not in DIFFERENT]


def verdict(case, batch):
    plan = DataPlan.from_dict(case["plan"] if "plan" in case else case["version"])
    answers = vendors(plan.validate(batch, like="node"))
    events = case["batch"].get("events") or []
    return [answers.get(place) for place in range(len(events))], answers.get(None)


@pytest.mark.parametrize("case", cases())
def test_a_payload_gets_the_verdict_of_the_vendor(case):
    if "error" in case:
        with pytest.raises(MPFluentError):
            verdict(case, case["batch"])
        return

    assert verdict(case, case["batch"]) == (case["events"], case["user_attributes"])


def is_held(case):
    """Return whether a batch holds the payload as it is."""
    try:
        return Batch.from_dict(case["batch"]).to_dict() == case["batch"]
    except MPFluentError:
        return False


@pytest.mark.parametrize(
    "case", [each for each in cases() if "error" not in each.values[0] and is_held(each.values[0])]
)
def test_a_batch_gets_the_verdict_of_its_payload(case):
    batch = Batch.from_dict(case["batch"])

    assert verdict(case, batch) == (case["events"], case["user_attributes"])


def test_all_cases_are_there_and_many_of_them_are_batches():
    valid = [case.values[0] for case in cases() if "error" not in case.values[0]]

    assert len(cases()) == 157 - len(DIFFERENT)
    assert sum(map(is_held, valid)) == 63
