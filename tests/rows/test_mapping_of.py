"""What may stand for a mapping: a function, a file, or text that names one of them."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import pytest
from mappings import USER

from mpfluent import Batch, ConfigurationError
from mpfluent.rows import Row
from mpfluent.rows.mapping import mapping_of

ANY = 'write map(imported), map("policies.toml") or map("jobs:imported")'
FUNCTION = "write def imported(row): return Batch.for_user(…)"
ROW = Row({"id": "17"})


def imported(row):
    return Batch.for_user(customer_id=row.text("id"))


class Importer:
    def __call__(self, row):
        return imported(row)

    def method(self, row, more=None):
        return imported(row)


def two(row, other):
    return None


def none():
    return None


def keyword(*, row):
    return None


async def slow(row):
    return None


def several(row):
    yield imported(row)


async def both(row):
    yield imported(row)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current directory, of which nothing stays imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def complaint(thing):
    with pytest.raises(ConfigurationError) as caught:
        mapping_of(thing)
    return str(caught.value)


# Functions


@pytest.mark.parametrize(
    "function",
    [
        imported,
        Importer(),
        Importer().method,
        lambda row: imported(row),
        lambda *rows: imported(*rows),
        functools.partial(Importer.method, None),
    ],
)
def test_a_function_stays_a_function(function):
    found = mapping_of(function)

    assert found.function is function or found.function == function
    assert found(ROW) == Batch.for_user(customer_id="17")
    assert (found.key, found.job, found.tz, found.data_plan) == ((), None, None, None)


def test_a_mapping_stays_itself():
    found = mapping_of(imported)

    assert mapping_of(found) is found
    assert repr(found) == "<Mapping imported>"


def test_a_function_in_c_may_have_no_signature():
    assert mapping_of(dict).function is dict


@pytest.mark.parametrize(
    ("thing", "error"),
    [
        (None, f"map(None): want a function of a row, got NoneType; {ANY}"),
        (42, f"map(42): want a function of a row, got int; {ANY}"),
        ({"a": 1}, f"map({{'a': 1}}): want a function of a row, got dict; {ANY}"),
        (
            two,
            "map(two): want a function of one argument, the row: missing a required argument: "
            f"'other'; {FUNCTION}",
        ),
        (
            none,
            "map(none): want a function of one argument, the row: too many positional arguments; "
            f"{FUNCTION}",
        ),
        (
            keyword,
            "map(keyword): want a function of one argument, the row: too many positional "
            f"arguments; {FUNCTION}",
        ),
        *(
            (
                lazy,
                f"map({lazy.__name__}): want a function that returns a batch, and this one awaits "
                f"or yields; {FUNCTION}",
            )
            for lazy in (slow, several, both)
        ),
    ],
)
def test_what_is_no_function_of_a_row_says_what_to_write(thing, error):
    assert complaint(thing) == error


# Files


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_read(folder, kind):
    Path("policies.toml").write_text(USER)

    assert mapping_of(kind("policies.toml"))(ROW) == imported(ROW)
    assert mapping_of(kind(folder / "policies.toml"))(ROW) == imported(ROW)


def test_a_file_of_another_name_is_read_too(folder):
    Path("policies.txt").write_text(USER)

    assert mapping_of("policies.txt")(ROW) == imported(ROW)


def test_a_file_that_is_not_there(folder):
    Path("policies.toml").write_text(USER)

    assert complaint("policy.toml") == "policy.toml does not exist; did you mean 'policies.toml'?"
    assert complaint(Path("x/y.toml")) == (
        f"{Path('x/y.toml')} does not exist; in {folder / 'x'} there is none"
    )
    assert complaint("policies") == (
        "map('policies'): no such file, and no module:function; did you mean 'policies.toml'?"
    )
    assert complaint("qwxyz") == f"map('qwxyz'): no such file, and no module:function; {ANY}"
    assert complaint("") == f"map(''): no such file, and no module:function; {ANY}"


def test_a_file_that_cannot_be_read(folder):
    Path("policies.toml").mkdir()

    assert complaint("policies.toml") == (
        "policies.toml is a directory; write the name of a file in it"
    )
    assert complaint(Path("policies.toml/x.toml/y.toml")).startswith(
        "policies.toml/x.toml/y.toml does not exist"
    )
    assert complaint("a\0b.toml") == "a\0b.toml cannot be read: embedded null byte"


# Modules


def test_module_function_is_imported_from_the_current_directory(folder):
    Path("jobs.py").write_text("import helper\nclass A:\n    b = helper.imported\n")
    Path("helper.py").write_text("def imported(row):\n    return row\n")

    assert mapping_of("helper:imported")(ROW) is ROW
    assert mapping_of("jobs:A.b")(ROW) is ROW
    assert repr(mapping_of("jobs:A.b")) == "<Mapping jobs:A.b>"
    assert sys.path[0] == str(folder)


def test_the_current_directory_is_importable_once(folder):
    Path("jobs.py").write_text("def imported(row):\n    return row\n")
    for _ in range(3):
        mapping_of("jobs:imported")

    assert sys.path.count(str(folder)) == 1


def test_a_module_in_a_package_is_imported(folder):
    Path("nightly").mkdir()
    Path("nightly/jobs.py").write_text("def imported(row):\n    return row\n")

    assert mapping_of("nightly.jobs:imported")(ROW) is ROW


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("jbos:imported", "there is no module 'jbos'; did you mean 'jobs'?"),
        ("jobs.nightly:imported", "there is no module 'jobs.nightly'; {write}"),
        ("qwxyz:imported", "there is no module 'qwxyz'; {write}"),
        ("jobs:improted", "jobs has no function 'improted'; did you mean 'imported'?"),
        ("jobs:qwxyz", "jobs has no function 'qwxyz'; it has imported, two"),
        ("empty:imported", "empty has no function 'imported'; it has none"),
        ("jobs:number", "want a function of a row, got int; {any}"),
        ("jobs:imported.x", "jobs has no function 'imported.x'; did you mean 'imported'?"),
        (
            "broken:imported",
            "importing broken raised SyntaxError: '(' was never closed (broken.py, line 1)",
        ),
        ("raises:imported", "importing raises raised ZeroDivisionError: division by zero"),
        ("exits:imported", "importing exits raised SystemExit: 3"),
        ("needs:imported", "importing needs raised ModuleNotFoundError: No module named 'qwxyz'"),
        ("jobs.py:imported", "there is no module 'jobs.py'; did you mean 'jobs'?"),
        ("jobs.py", "want \"module:function\"; write map('jobs:imported')"),
        ("./jobs.py:imported", "want \"module:function\"; write map('jobs:imported')"),
        ("nightly/jobs:imported", "want \"module:function\"; write map('nightly.jobs:imported')"),
        ("jobs:", "want \"module:function\"; write map('jobs:imported')"),
        (":imported", "want \"module:function\"; write map('jobs:imported')"),
        (":", "want \"module:function\"; write map('jobs:imported')"),
        (".jobs:imported", "want \"module:function\"; write map('jobs:imported')"),
    ],
)
def test_what_cannot_be_imported_says_what_is_there(folder, text, error):
    modules = {
        "jobs": "number = 42\ndef imported(row): pass\ndef two(a, b): pass\ndef _own(row): pass\n",
        "empty": "",
        "broken": "f(\n",
        "raises": "1 / 0\n",
        "exits": "raise SystemExit(3)\n",
        "needs": "import qwxyz\n",
    }
    for name, code in modules.items():
        Path(f"{name}.py").write_text(code)
    write = f"write a module of {folder}, or install it"

    assert complaint(text) in (
        f"map({text!r}): {error.format(write=write, any=ANY)}",
        f"map({text}): {error.format(write=write, any=ANY)}",
    )


def test_the_error_of_a_module_is_the_cause(folder):
    Path("raises.py").write_text("1 / 0\n")
    with pytest.raises(ConfigurationError) as caught:
        mapping_of("raises:imported")

    assert isinstance(caught.value.__cause__, ZeroDivisionError)
