"""Type checkers accept good code and find the mistakes: mypy and pyright, each run once."""

from __future__ import annotations

import ast
import builtins
import runpy
import shutil
import types
from importlib import metadata
from pathlib import Path

import pytest
from type_checkers import UNTYPED, errors_of_mypy, errors_of_pyright

import mpfluent
from mpfluent import Batch, Product, Promotion, Session

pytestmark = pytest.mark.together("type checkers")
HERE = Path(__file__).parent / "typing"
GOOD, MISTAKES, OWN_VERBS = HERE / "good.py", HERE / "mistakes.py", HERE / "own_verbs.py"
FILES = (GOOD, MISTAKES, OWN_VERBS)
PACKAGE = Path(mpfluent.__file__).parents[1]  # where the checkers find what the tests import
MARK = "  # mistake: "


@pytest.fixture(scope="module")
def mypy(tmp_path_factory, mypy_cache, slow):
    """Return mypy's errors: (file name, line) to messages."""
    settings = f"[mypy]\nstrict = True\nmypy_path = {PACKAGE}:{HERE}\n{UNTYPED}"
    if not slow:  # nobody asks for the package's own errors, and its functions are not looked into
        settings += "[mypy-mpfluent.*]\nignore_errors = True\n"
    return errors_of_mypy(FILES, settings, tmp_path_factory.mktemp("mypy"), mypy_cache)


@pytest.fixture(scope="module")
def pyright(tmp_path_factory):
    """Return pyright's errors: (file name, line) to messages."""
    folder = Path(shutil.copytree(HERE, tmp_path_factory.mktemp("pyright") / "typing"))
    names = [file.name for file in FILES]
    return errors_of_pyright(names, folder, PACKAGE, typeCheckingMode="standard")


def marked():
    """Return the marked lines: number to the code and what it does at run time."""
    lines = enumerate(MISTAKES.read_text("utf-8").splitlines(), 1)
    return {number: tuple(line.strip().split(MARK)) for number, line in lines if MARK in line}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_type_checker_accepts_good_code(checker, request):
    found = request.getfixturevalue(checker)

    assert {line: text for line, text in found.items() if line[0] == GOOD.name} == {}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_type_checker_flags_every_mistake_and_nothing_else(checker, request):
    found = request.getfixturevalue(checker)
    flagged = {line: text for (name, line), text in found.items() if name == MISTAKES.name}
    expected = marked()

    assert {line: expected[line] for line in expected.keys() - flagged.keys()} == {}
    assert {line: flagged[line] for line in flagged.keys() - expected.keys()} == {}


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_type_checker_has_nothing_to_say_of_the_package_itself(checker, request):
    found = request.getfixturevalue(checker)
    # the types of marshmallow 3 know no parameter of Field; those of the newest one count
    old = {"schema.py"} if metadata.version("marshmallow").startswith("3.") else set()

    assert {name for name, _ in found} - old <= {GOOD.name, MISTAKES.name, OWN_VERBS.name}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_type_checker_follows_the_verbs_of_two_packages(checker, request):
    found = request.getfixturevalue(checker)
    lines = enumerate(OWN_VERBS.read_text("utf-8").splitlines(), 1)
    wrong = {number for number, line in lines if "# mistake" in line}

    assert {number for name, number in found if name == OWN_VERBS.name} == wrong


def test_there_are_mistakes_of_every_kind():
    found = marked()

    assert len(found) >= 100
    assert {what for _, what in found.values()} >= {
        "UnknownField",
        "InvalidValue",
        "InvalidTime",
        "UnknownVerb",
        "Immutable",
        "ConfigurationError",
    }


def test_good_code_works_too():
    runpy.run_path(str(GOOD), run_name="good")["main"]()


def test_every_class_of_the_package_is_used_in_good_code():
    """Errors that no sending raises on purpose, and the seams' names, may be left out."""
    tree = ast.parse(GOOD.read_text("utf-8"))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    left_out = {
        "BatchContext",
        "Immutable",
        "InvalidTime",
        "InvalidValue",
        "TooLarge",
        "TooManyRejects",
        "UnknownVerb",
        "__version__",
    }

    assert set(mpfluent.__all__) - used == left_out


@pytest.fixture(scope="module")
def bench():
    """Return the names that the lines of the mistakes use."""
    module = types.ModuleType("mistakes")
    exec(compile(MISTAKES.read_text("utf-8"), MISTAKES, "exec"), vars(module))
    names = vars(module)
    transport = names["RecordingTransport"]()
    return {
        **names,
        "batch": Batch.for_user(customer_id="u-1"),
        "shop": names["ShopBatch"](),
        "session": Session.start(session_id=42, at=names["NOW"]),
        "teapot": Product("sku-1"),
        "spring": Promotion("promo-1"),
        "client": names["Client"]("key", "secret", environment="development", transport=transport),
        "api": names["EventsApi"](
            names["Configuration"](
                api_key="key",
                api_secret="secret",
                environment="development",
                transport=transport,
            )
        ),
    }


@pytest.mark.parametrize(("code", "what"), marked().values(), ids=[f"line-{n}" for n in marked()])
def test_a_mistake_that_no_checker_saw_is_an_error_at_run_time(code, what, bench):
    if what == "nothing":  # only types can tell
        exec(code, bench)
        return
    error = getattr(mpfluent, what, None) or getattr(builtins, what)

    with pytest.raises(error) as caught:
        exec(code, bench)

    assert caught.type is error
