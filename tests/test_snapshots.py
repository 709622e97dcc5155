"""Golden files: the JSON of a batch is the same bytes in every run, process and Python.

CI runs this file on the oldest and on the newest Python, and both compare with the same files.
After a change that is meant, ``UPDATE_SNAPSHOTS=1 python -m pytest tests/test_snapshots.py``
writes them anew; ``git diff`` shows what it was.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from strategies import full_events

from mpfluent import Batch, Product, Session
from mpfluent.testing import a_product, a_purchase, a_session, a_user, an_event

HERE = Path(__file__).parent
SNAPSHOTS = HERE / "snapshots"


def assert_snapshot(name: str, text: str) -> None:
    """Compare with a golden file; ``UPDATE_SNAPSHOTS=1`` writes it."""
    path = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_bytes(text.encode())

    assert text == path.read_bytes().decode()


def every_context() -> Batch:
    return (
        a_user(mpid=2**63 - 1, facebook="ada")
        .with_source_request_id("request-1")
        .with_application(application_name="Shop", os="IOS", application_version="1.2.3")
        .with_user_attributes({"$age": 42, "vip": None, "colours": ["red", "blue"], "ok": False})
        .with_deleted_user_attributes("plan", "trial")
        .with_gdpr_consent("marketing", True, at="2026-11-23T10:15:00Z", document="terms_v4")
        .with_ccpa_data_sale_opt_out(at="2026-11-23T10:15:00Z")
        .with_data_plan("shop", 2)
        .with_location(40.7142, -74.0064)
        .with_attribution_info("AppsFlyer", "Example network", "Spring")
        .with_integration_attributes(92, {"appsflyer_id": "1558328425529"})
        .with_partner_identities({"Acme_Id": "1234"})
    )


def numbers() -> Batch:
    prices = [Decimal("19.99"), Decimal("1.10"), 0.1, 1e-7, 1e22, 2**53 + 1, Decimal("1E+3"), 0]
    products = [Product(f"sku-{at}", price=price) for at, price in enumerate(prices)]
    return Batch().purchase(*products, total_amount=Decimal("12345678901234567890.123456789"))


def unicode() -> Batch:
    words = {"é": "naïve", "茶": "🫖", "quote": '"\\/', "control": "\x00\t\n\x7f\u2028"}
    return Batch.for_user(email="ünïcode@example.com").event("Tee ☕", words)


def sets() -> Batch:
    names = {"plan", "trial", "vip", "beta", "newsletter"}
    return Batch().__replace__(deleted_user_attributes=names)


CASES: dict[str, Callable[[], Batch]] = {
    "a-user": a_user,
    "a-purchase": lambda: a_user(seed="order").add(a_purchase(a_product(), a_product(seed=1))),
    "a-session": lambda: a_user(seed=1).add(
        a_session().add(an_event(), a_purchase(seed=1)).end(after=5)
    ),
    "own-session": lambda: Batch().add(
        Session.start(session_id=42, at="2026-11-23T10:15:00Z").screen_view("Home", after=1.5).end()
    ),
    "every-context": every_context,
    "every-event": lambda: Batch().add(*full_events()),
    "numbers": numbers,
    "unicode": unicode,
    "sets": sets,
}


@pytest.mark.parametrize("name", CASES)
def test_the_json_of_a_batch_is_that_of_its_golden_file(name: str) -> None:
    assert_snapshot(f"{name}.json", CASES[name]().to_json(indent=2) + "\n")


@pytest.mark.parametrize("name", CASES)
def test_a_golden_file_reads_as_its_batch(name: str) -> None:
    assert Batch.from_json((SNAPSHOTS / f"{name}.json").read_bytes()) == CASES[name]()


def test_every_golden_file_has_a_test() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.json")} == set(CASES)


@pytest.mark.parametrize(
    "seed", ["4711", *(pytest.param(seed, marks=pytest.mark.slow) for seed in ("0", "1"))]
)
def test_another_process_with_other_hashes_writes_the_same_bytes(seed: str) -> None:
    code = "import test_snapshots as t; print([c().to_json(indent=2) for c in t.CASES.values()])"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=HERE,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )

    assert run.stdout == f"{[case().to_json(indent=2) for case in CASES.values()]}\n"


def test_a_changed_batch_differs_from_its_golden_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPDATE_SNAPSHOTS", raising=False)
    with pytest.raises(AssertionError):
        assert_snapshot("a-user.json", a_user(seed=1).to_json(indent=2) + "\n")


# The page's example with syrupy runs as a user would run it: in a folder of its own

PAGE = HERE.parent / "docs" / "fixtures.md"


STRICT = ("-p", "syrupy", "--strict-config", "--strict-markers", "-W", "error")


def run_pytest(
    folder: Path, *arguments: str, others: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a project's tests, without the plugins of others: most of a process's time is theirs."""
    bare = {} if others else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if "COV" not in name} | bare,
        capture_output=True,
        encoding="utf-8",
    )


def with_syrupy(folder: Path) -> tuple[Path, str]:
    """Make a project of the page's example; return its test and the code."""
    pytest.importorskip("syrupy", reason="syrupy is not installed")
    (code,) = (
        block
        for block in re.findall(r"^```py\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
        if "syrupy" in block
    )
    (folder / "pytest.ini").write_text("[pytest]\n")
    test = folder / "test_example.py"
    test.write_text(code, encoding="utf-8")
    return test, code


def test_the_example_with_syrupy_works(tmp_path: Path) -> None:
    test, code = with_syrupy(tmp_path)

    missing = run_pytest(tmp_path, *STRICT, others=True)
    assert missing.returncode == 1, missing.stdout
    updated = run_pytest(tmp_path, *STRICT, "--snapshot-update")
    assert updated.returncode == 0, updated.stdout
    (golden,) = (tmp_path / "__snapshots__").rglob("*.json")
    assert Batch.from_json(golden.read_bytes()).events[0].event_type == "commerce_event"
    again = run_pytest(tmp_path, *STRICT)
    assert again.returncode == 0, again.stdout

    test.write_text(code.replace("21.49", "99"), encoding="utf-8")
    changed = run_pytest(tmp_path, *STRICT)
    assert changed.returncode == 1, changed.stdout
    assert "21.49" in changed.stdout


@pytest.mark.slow
def test_the_example_with_syrupy_works_in_the_workers_of_xdist(tmp_path: Path) -> None:
    test, code = with_syrupy(tmp_path)
    options = ("-p", "xdist", "-n2", *STRICT)

    updated = run_pytest(tmp_path, *options, "--snapshot-update")
    assert updated.returncode == 0, updated.stdout
    assert [*(tmp_path / "__snapshots__").rglob("*.json")]

    test.write_text(code.replace("21.49", "99"), encoding="utf-8")
    changed = run_pytest(tmp_path, *options)
    assert changed.returncode == 1, changed.stdout
    assert "21.49" in changed.stdout
