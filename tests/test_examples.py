"""The examples run as they are, and print what they promise."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mpfluent.dataplan import DataPlan

EXAMPLES = Path(__file__).parents[1] / "examples"

PRINTED = {
    "commerce": """\
promotion view
promotion click
impressions in ['Search results']
impressions in ['Also like', 'Seen']
add_to_cart ['sku-1', 'sku-2']
checkout ['sku-1', 'sku-2']
purchase ['sku-1', 'sku-2']
refund ['sku-2']
""",
    "consent": """\
GDPR marketing agreed
GDPR analytics refused
GDPR profiling agreed
CCPA do not sell
without_consent() leaves {'user_identities': {'customer_id': '123456'}}
""",
    "data_plans": """\
{'data_plan': {'plan_id': 'shop', 'plan_version': 3}}
events[3] 'Searched': attributes 'qurey' is not planned; did you mean 'query'? (and 1 more); \
plan.validate(batch) lists them all
""",
    "from_the_vendors_sdk": """\
done 202
returned 202
['custom_event', 'commerce_event']
""",
    "in_the_background": """\
kept 3
True 3
['Searched', 'Found', 'Bought']
""",
    "many_batches": """\
250 of 250 delivered, 0 failed
1 retry, 4 requests
""",
    "own_dispatcher": """\
3 handed over, 0 pending
again retries_exhausted
3 delivered, 3 arrived
""",
    "own_transport": """\
2 requests for 3 batches
""",
    "own_verbs": """\
ShopBatch ['screen_view', 'custom_event', 'session_start', 'custom_event', 'custom_event']
{'skus': 'sku-1'}
""",
    "sessions": """\
0 session_start after 0 s
1 application_state_transition after 0 s
2 screen_view after 1.5 s
3 custom_event after 61.5 s
4 commerce_event after 300 s
5 session_end after 310 s
310000 ms in all
""",
    "templates": """\
as it is: {"environment":"development","user_identities":{"customer_id":"123456"},\
"user_attributes":{"plan":"trial"},"device_info":{"platform":"iOS","os_version":"26.1"}}
another user: {"environment":"development","user_identities":{"customer_id":"654321"},\
"user_attributes":{"plan":"trial"},"device_info":{"platform":"iOS","os_version":"26.1"}}
on Android: {"environment":"development","user_identities":{"customer_id":"123456"},\
"user_attributes":{"plan":"trial"},"device_info":{"platform":"Android"}}
paying: {"environment":"development","user_identities":{"customer_id":"123456"},\
"user_attributes":{"plan":"pro"},"device_info":{"platform":"iOS","os_version":"26.1"}}
nothing known: {"environment":"development","user_identities":{"customer_id":"123456"}}
['screen_view', 'custom_event', 'custom_event'] {'plan': 'pro'}
0 events in the base, still
""",
}


def test_every_example_is_checked_here():
    longer = {"quickstart", "nightly_job"}
    on_engines = {"backfill_spark", "backfill_dask"}  # by tests/integrations, with the extras
    generated = {"shop_verbs"}
    there = {path.stem for path in EXAMPLES.glob("*.py")}
    assert there == {*PRINTED, *longer, *on_engines, *generated}


def test_the_generated_example_is_what_the_generator_writes():
    plan = DataPlan.from_file(EXAMPLES / "shop_plan.json")

    assert (EXAMPLES / "shop_verbs.py").read_text(encoding="utf-8") == plan.generate()


@pytest.mark.parametrize("example", sorted(PRINTED))
def test_an_example_prints_what_it_promises(example, capsys, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)  # as it is there if a file is run
    runpy.run_path(str(EXAMPLES / f"{example}.py"), run_name="__main__")

    assert capsys.readouterr().out == PRINTED[example]


@pytest.mark.parametrize(
    "example", sorted([*PRINTED, "backfill_dask", "backfill_spark", "nightly_job"])
)
def test_an_example_fits_a_screen(example):
    lines = (EXAMPLES / f"{example}.py").read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 40


@pytest.fixture(scope="module")
def quickstart() -> str:
    """Return what the quickstart prints without keys, with every warning an error."""
    environment = {name: value for name, value in os.environ.items() if "MPARTICLE" not in name}
    run = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", EXAMPLES / "quickstart.py"],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        env={**environment, "PYTHONIOENCODING": "utf-8"},
    )

    assert run.stderr == ""
    assert run.returncode == 0
    return run.stdout


def test_the_quickstart_needs_no_keys(quickstart):
    assert "which stands in for mParticle (no keys are set)" in quickstart.splitlines()[0]


def test_the_quickstart_gets_a_202_for_each_of_its_three_ways_to_send(quickstart):
    statuses = [line for line in quickstart.splitlines() if line.startswith("  status")]

    assert statuses == ["  status 202", "  status 202", "  status 202 (in the callback)"]


def test_the_quickstart_shows_what_it_sends(quickstart):
    sent = quickstart.split("What arrived\n")[0]

    for word in ("development", "123456", "user@example.com", "iOS", "trial"):
        assert word in sent
    assert (
        """
One batch
  application_state_transition: application_initialized
  application_state_transition: application_foreground
  commerce_event: promotion view
  custom_event: Searched
  commerce_event: Search results
  commerce_event: purchase
  status 202
"""
        in sent
    )
    assert sent.count("session_end: after 26.5 s") == 3


def test_the_quickstart_shows_what_arrived(quickstart):
    arrived = quickstart.split("What arrived\n")[1]

    visit = "session_start, screen_view, commerce_event, session_end"
    assert arrived.splitlines() == [
        "  batch 1: application_state_transition, application_state_transition, commerce_event, "
        "custom_event, commerce_event, commerce_event",
        f"  batch 2: {visit}",
        f"  batch 3: {visit}",
        f"  batch 4: {visit}",
    ]


def test_the_quickstart_with_keys_sends_to_the_pod(mparticle, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["quickstart.py", "--pod", "eu1"])

    runpy.run_path(str(EXAMPLES / "quickstart.py"), run_name="__main__")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Sending to mParticle, pod eu1"
    assert lines[-1] == "It is in your workspace's Live Stream now."
    assert len(mparticle.batches) == 4
    assert {batch.environment for batch in mparticle.batches} == {"development"}


def test_the_quickstart_has_everything_that_a_newcomer_needs(mparticle, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["quickstart.py"])

    runpy.run_path(str(EXAMPLES / "quickstart.py"), run_name="__main__")

    visit, session, *_ = mparticle.batches
    assert visit.user_identities.to_dict() == {"customer_id": "123456", "email": "user@example.com"}
    assert visit.device_info.platform == "iOS"
    assert dict(visit.user_attributes) == {"Account type": "trial", "$age": 42, "vip": None}
    assert list(visit.consent_state.gdpr) == ["marketing"]
    assert list(visit.consent_state.ccpa) == ["data_sale_opt_out"]
    install, foreground, promotion, custom, impression, purchase = visit.events
    assert install.is_first_run is True
    assert foreground.application_transition_type == "application_foreground"
    assert promotion.promotion_action.action == "view"
    assert custom.event_name == "Searched"
    assert len(impression.product_impressions[0].products) == 2
    assert purchase.product_action.action == "purchase"
    assert session.events[0].session_uuid == session.events[-1].session_uuid
    assert session.events[-1].session_duration_ms == 26500


NIGHTLY = f"""\
20 rows: 13 delivered, 6 rejected (4 invalid, 1 nobody, 1 unreadable), 1 duplicate
11 batches, 1 request, 0.0 s
  {EXAMPLES}/policies.csv:7: bought='31/11/2026': want a time of the form '%d/%m/%Y'
  {EXAMPLES}/policies.csv:9: the row identifies nobody; write map(…, allow_nobody=True) to send it
  {EXAMPLES}/policies.csv:12: spend='1,204.00': want a number, such as 19.90
"""
AGAIN = """\
20 rows: 0 delivered, 20 resumed
0 batches, 0 requests, 0.0 s
note: policies.rejects.jsonl has 6 rows that an earlier run of the job rejected or gave up; mend \
what is wrong there, and send it by Rows.from_rejects('policies.rejects.jsonl')
"""


def nightly_job(capsys):
    """Run the job; return its exit status and what it prints, however long it took."""
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / "nightly_job.py"), run_name="__main__")
    return ended.value.code, re.sub(r"\d+\.\d s$", "0.0 s", capsys.readouterr().out, flags=re.M)


def test_the_nightly_job_says_by_its_status_that_rows_were_rejected(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert nightly_job(capsys) == (1, NIGHTLY)
    assert len(Path("policies.rejects.jsonl").read_text(encoding="utf-8").splitlines()) == 6


def test_the_nightly_job_run_again_sends_nothing_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    nightly_job(capsys)

    assert nightly_job(capsys) == (1, AGAIN)
    assert len(Path("policies.rejects.jsonl").read_text(encoding="utf-8").splitlines()) == 6


def test_the_nightly_job_with_keys_sends_to_the_workspace(mparticle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert nightly_job(capsys) == (1, NIGHTLY)
    assert len(mparticle.batches) == 11
    ann = next(batch for batch in mparticle.batches if batch.user_identities.customer_id == "17")
    assert len(ann.events) == 3
    assert dict(ann.user_attributes) == {"$firstname": "Ann", "spend": 54, "vip": None}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_integration_test_in_a_shell_waits_for_what_comes():
    done = subprocess.run(
        ["sh", str(EXAMPLES / "integration_test.sh")],
        env={
            **os.environ,
            "MPFLUENT": f"{sys.executable} -m mpfluent",
            "PYTHONPATH": str(EXAMPLES.parent),
        },
        cwd=EXAMPLES.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "Searched came, with its query\nthe program got 503\n",
        "",
    )
