"""Type checkers accept generated modules and code that uses them, and find the mistakes in it."""

import shutil
from pathlib import Path

import pytest
from plan_modules import PLANS, large
from type_checkers import UNTYPED, errors_of_mypy, errors_of_pyright

import mpfluent

pytestmark = [pytest.mark.slow, pytest.mark.together("type checkers")]
TYPING = Path(__file__).parents[1] / "typing"
GOOD, MISTAKES = "planned_good.py", "planned_mistakes.py"
PACKAGE = Path(mpfluent.__file__).parents[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a module for each plan, and two programs that use one of them."""
    folder = tmp_path_factory.mktemp("generated")
    for name, plan in {**PLANS, "large": large()}.items():
        (folder / f"{name}.py").write_text(plan.generate(), encoding="utf-8")
    for name in (GOOD, MISTAKES):
        shutil.copy(TYPING / name, folder)
    return folder


@pytest.fixture(scope="module")
def mypy(folder, mypy_cache):
    """Return mypy's errors, for all files in one run: (file name, line) to messages."""
    settings = (
        f"[mypy]\nstrict = True\nmypy_path = {PACKAGE}\n{UNTYPED}"
        "[mypy-mpfluent.*]\nignore_errors = True\n"
    )
    return errors_of_mypy(sorted(folder.glob("*.py")), settings, folder, mypy_cache)


@pytest.fixture(scope="module")
def pyright(folder):
    """Return pyright's errors, for all files in one run: (file name, line) to messages."""
    return errors_of_pyright(sorted(path.name for path in folder.glob("*.py")), folder, PACKAGE)


@pytest.fixture(params=["mypy", "pyright"])
def found(request):
    """Return what each of the two checkers found."""
    return request.getfixturevalue(request.param)


def test_the_modules_of_six_plans_have_no_mistake_for_a_type_checker(found, folder):
    assert len([*folder.glob("*.py")]) == 6 + 2
    assert {place: text for place, text in found.items() if place[0] not in (GOOD, MISTAKES)} == {}


def test_a_type_checker_accepts_code_that_uses_a_module(found):
    assert {place: text for place, text in found.items() if place[0] == GOOD} == {}


def test_a_type_checker_finds_each_mistake_and_nothing_else(found):
    lines = enumerate((TYPING / MISTAKES).read_text(encoding="utf-8").splitlines(), 1)
    marked = {number: line for number, line in lines if "# mistake: " in line}
    flagged = {number: text for (name, number), text in found.items() if name == MISTAKES}

    assert len(marked) >= 10
    assert {line: marked[line] for line in marked.keys() - flagged.keys()} == {}
    assert {line: flagged[line] for line in flagged.keys() - marked.keys()} == {}
