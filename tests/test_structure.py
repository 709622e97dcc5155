"""How the code is laid out: who imports whom, what loads when, and the rules of the house."""

import ast
import re
import subprocess
import sys
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest

import mpfluent

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mpfluent"

# Which folder may import which; every one may import itself, and what stands BESIDE the folders.
FOLDERS = {
    "utils": "",
    "values": "utils",
    "encoding": "values utils",
    "model": "encoding values utils",
    "wire": "encoding values utils",
    "formatting": "model wire encoding values utils",
    "builder": "formatting model wire encoding values utils",
    "dataplan": "builder formatting model wire encoding values utils",
    "transport": "encoding utils",
    "outbox": "transport wire utils",
    "delivery": "outbox transport wire utils",
    "rows": "delivery transport builder model wire encoding values utils",
    "dispatch": "delivery outbox transport wire utils",
    "client": "dispatch delivery outbox transport builder formatting model wire encoding values "
    "utils",
    "partitions": "client rows delivery builder values utils",
    "schemas": "builder model encoding values utils",
    "integrations": "partitions client rows dispatch delivery outbox transport builder model wire "
    "encoding values utils",
    "testing": "schemas client dispatch delivery outbox transport dataplan builder formatting "
    "model wire encoding values utils",
    "cli": "testing integrations schemas client dispatch delivery outbox transport rows dataplan "
    "builder formatting model wire encoding values utils",
    "__main__": "cli",
}
BESIDE = ("close_match", "sdk_names", "errors", "version")  # each imports only from those before it


@cache
def modules() -> dict[str, Path]:
    """Return the package's modules by dotted name within it."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
        found[".".join(parts)] = path
    return found


@cache
def imported(path: Path) -> set[str]:
    """Return the package's modules that a file imports, also within functions.

    What stands under ``if TYPE_CHECKING:`` is for type checkers, and is left out.
    """
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in names_in(node.test):
            for other in node.orelse:
                visit(other)
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.update(within(alias.name, []))
        if isinstance(node, ast.ImportFrom):
            found.update(within(absolute(node, path), [alias.name for alias in node.names]))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def names_in(node: ast.AST) -> set[str]:
    is_not = isinstance(node, ast.UnaryOp)
    return set() if is_not else {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def absolute(node: ast.ImportFrom, path: Path) -> str:
    """Return the dotted name that ``from … import`` takes its names from."""
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).parent.parts
    base = package[: len(package) - (node.level - 1)]
    return ".".join([*base, *([node.module] if node.module else [])])


def within(source: str, names: list[str]) -> set[str]:
    """Return the modules of ours that an import means: ``from . import wire`` means ``wire``."""
    parts = source.split(".")
    if parts[0] != "mpfluent":
        return set()
    known = modules()
    inside = ".".join(parts[1:])
    submodules = {".".join([*parts[1:], name]) for name in names} & set(known)
    whole = {inside or "__init__"} if not submodules or len(submodules) < len(names) else set()
    return submodules | whole


def folder(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("module", sorted(set(modules()) - {"__init__"}))
def test_a_module_imports_only_from_the_folders_below_its_own(module):
    own = folder(module)
    if own in BESIDE:
        allowed = set(BESIDE[: BESIDE.index(own)])
    else:
        assert own in FOLDERS, f"write {own!r} into FOLDERS, with the folders that it may import"
        allowed = {own, *FOLDERS[own].split(), *BESIDE}
    wrong = {other for other in imported(modules()[module]) if folder(other) not in allowed}

    assert wrong == set()


def test_a_folder_imports_only_from_those_above_it_in_the_table():
    seen: set[str] = set()
    for name, allowed in FOLDERS.items():
        assert set(allowed.split()) <= seen, name
        seen.add(name)


def test_the_longest_chain_of_folders_has_at_most_twelve_steps():
    steps: dict[str, int] = {}
    for name in FOLDERS:
        used = {
            folder(o) for m, path in modules().items() if folder(m) == name for o in imported(path)
        }
        steps[name] = 1 + max((steps[other] for other in used & set(steps) - {name}), default=0)

    assert max(steps.values()) <= 12


def test_no_modules_import_each_other_in_a_circle():
    left = {name: imported(path) - {name} for name, path in modules().items()}
    # whoever imports nothing that is left can be in no circle
    while free := [name for name, others in left.items() if not others & set(left)]:
        for name in free:
            del left[name]

    assert left == {}


def test_each_folder_says_what_lives_there():
    for name in FOLDERS:
        path = modules().get(name)
        if path is not None and path.name == "__init__.py":
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            assert len(re.findall(r"[.?](?=\s|$)", text)) >= 2, name


def test_the_page_about_the_architecture_shows_every_folder():
    picture = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("```")[1]
    shown = re.findall(r"\w+(?=/|\.py)|__main__", picture)

    assert sorted(shown) == sorted([*FOLDERS, *BESIDE])


def test_the_reader_of_imports_sees_what_it_must():
    seen = {name: imported(path) for name, path in modules().items()}

    assert "builder.batch" in seen["client.client"]
    assert "builder.batch" not in seen["errors"]  # only for type checkers
    assert "encoding.encoder" in seen["model.record"]  # within a function
    assert "testing.faults" in seen["testing.server"]
    assert "wire.limits" in seen["testing.api_rules"]  # from ..wire import limits


def loaded_by(statement: str) -> set[str]:
    """Return the modules that are there after a statement in a new interpreter."""
    code = f"{statement}; import sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_importing_mpfluent_loads_nothing_else_of_it():
    loaded = loaded_by("import mpfluent")

    assert {name for name in loaded if name.startswith("mpfluent")} == {"mpfluent"}


def test_importing_batch_and_client_loads_nothing_heavy():
    # what is there anyway in this environment is not ours to leave out
    loaded = loaded_by("from mpfluent import Batch, Client") - loaded_by("pass")
    heavy = {
        "asyncio",
        "base64",
        "dataclasses",
        "dateutil",
        "difflib",
        "hashlib",
        "html",
        "http",
        "hypothesis",
        "inspect",
        "ipaddress",
        "logging",
        "marshmallow",
        "mpfluent.encoding.schema",
        "mpfluent.client.curl",
        "mpfluent.outbox.outbox",
        "mpfluent.testing",
        "mpfluent.dispatch.threaded",
        "pytest",
        "requests",
        "shlex",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "urllib.parse",
        "urllib3",
    }

    assert "mpfluent.client.client" in loaded
    assert heavy & loaded == set()
    ours_or_pythons = {"mpfluent", *sys.stdlib_module_names}
    assert {name.partition(".")[0] for name in loaded} - ours_or_pythons == set()


def test_marshmallow_does_not_load_when_a_client_sends():
    send = (
        "from mpfluent import Batch, Client, RecordingTransport;"
        "client = Client('k', 's', environment='development', transport=RecordingTransport());"
        "client.send(Batch().first_run())"
    )

    assert "marshmallow" not in loaded_by(send)


def test_every_public_name_loads_from_the_module_that_it_comes_from():
    homes = {name: module for module, names in mpfluent._NAMES.items() for name in names.split()}

    assert sorted(homes) == sorted(mpfluent.__all__)
    for name, module in homes.items():
        member = getattr(mpfluent, name)
        assert getattr(member, "__module__", f"mpfluent.{module}") == f"mpfluent.{module}", name


def test_the_stub_for_type_checkers_and_editors_names_what_is_loaded():
    *imports, last = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8")).body
    exported = {(node.module, alias.name, alias.asname) for node in imports for alias in node.names}
    loaded = {
        (home, name, name) for home in mpfluent._NAMES for name in mpfluent._NAMES[home].split()
    }

    assert exported == loaded
    assert ast.unparse(last) == f"__all__ = {mpfluent.__all__}"


def test_the_stub_and_the_page_are_packaged():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")

    packaged = "py.typed, __init__.pyi, testing/local/page/*"
    assert config["options.package_data"]["mpfluent"] == packaged


def test_dir_lists_what_is_public():
    assert dir(mpfluent) == sorted([*mpfluent.__all__, "schemas", "testing"])


def test_the_public_modules_are_there_without_an_import_of_their_own():
    loaded = loaded_by("import mpfluent; mpfluent.schemas.BatchSchema; mpfluent.testing")

    assert {"mpfluent.schemas", "mpfluent.testing"} <= loaded


def test_the_error_of_a_misspelt_name_of_the_package_says_what_was_meant():
    with pytest.raises(AttributeError) as caught:
        mpfluent.Bacth

    assert str(caught.value) == "module 'mpfluent' has no attribute 'Bacth'; did you mean 'Batch'?"
    with pytest.raises(AttributeError) as caught:
        mpfluent.qwxyz

    assert str(caught.value) == (
        "module 'mpfluent' has no attribute 'qwxyz'; dir(mpfluent) lists its names"
    )


def test_importing_mpfluent_changes_nothing_global():
    code = """
import logging, os, signal, sys, threading
def state():
    return (
        threading.active_count(), logging.root.level, len(logging.root.handlers),
        logging.getLogger("mpfluent").handlers, logging.getLogger("mpfluent").level,
        logging.getLogger("urllib3").handlers, signal.getsignal(signal.SIGTERM), dict(os.environ),
        sys.getrecursionlimit(), sys.excepthook,
    )
before = state()
import mpfluent
assert state() == before, (before, state())
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def python_files() -> list[Path]:
    folders = ("mpfluent", "tests", "examples", "benchmarks")
    return [*ROOT.glob("*.py"), *(p for name in folders for p in (ROOT / name).rglob("*.py"))]


def test_no_file_but_a_test_is_longer_than_700_lines():
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files()
        if "tests" not in path.relative_to(ROOT).parts
    }

    assert len(lengths) > 40
    assert {name: length for name, length in lengths.items() if length > 700} == {}


def test_nothing_is_left_for_later():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "setup.cfg"]
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
    marked = [
        path.relative_to(ROOT).as_posix()
        for path in [*python_files(), *pages]
        if marks.search(path.read_text(encoding="utf-8"))
    ]

    assert marked == []


def test_type_checkers_are_invited():
    assert (PACKAGE / "py.typed").read_bytes() == b""


def test_setup_py_is_two_lines():
    lines = (ROOT / "setup.py").read_text(encoding="utf-8").split("\n")

    assert [line for line in lines if line] == ["from setuptools import setup", "setup()"]


def test_the_changelog_speaks_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", text, re.M)

    assert versions[0] == mpfluent.__version__


def test_everything_public_is_exported_and_documented():
    for name in mpfluent.__all__:
        member = getattr(mpfluent, name)
        assert name.startswith("__") or member.__doc__, name


def test_the_top_level_holds_what_the_map_says():
    allowed = {
        *("mpfluent", "tests", "examples", "benchmarks", "docs", "setup.cfg", "setup.py"),
        *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"),
        *("MANIFEST.in", "mkdocs.yml", "pyrightconfig.json", "ruff.toml"),  # read no setup.cfg
    }
    made = {"build", "dist", "site"}  # by a build
    there = {
        path.name
        for path in ROOT.iterdir()
        if not path.name.startswith(".") and not path.name.endswith(".egg-info")
    }

    assert there - made <= allowed


# The tests

TESTS = ROOT / "tests"


@cache  # to parse all tests takes half a second, and so these tests are of one worker
def names_of_imports(path: Path) -> list[str]:
    return [
        name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
    ]


@pytest.mark.together("imports")
def test_no_test_module_is_imported_by_another_file():
    tests = {path.stem for path in TESTS.rglob("test_*.py")}
    wrong = [
        (path.name, name)
        for path in TESTS.rglob("*.py")
        for name in names_of_imports(path)
        if name.partition(".")[0] in tests
    ]

    assert len(tests) > 60
    assert wrong == []


@pytest.mark.together("imports")
def test_at_most_fifteen_test_files_import_private_modules():
    public = (*("errors", "schemas", "testing", "integrations", "rows", "partitions", "dataplan"),)
    private = {
        path.relative_to(TESTS).as_posix()
        for path in TESTS.rglob("*.py")
        for name in names_of_imports(path)
        if name.startswith("mpfluent.") and name.split(".")[1] not in public
    }

    assert "internals.py" in private
    assert len(private) <= 15, sorted(private)


def test_no_test_file_is_longer_than_800_lines():
    long = {
        path.name: count
        for path in TESTS.rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 800
    }

    assert long == {}


# Names that were replaced by standard terms: they do not come back in code, or in code spans.

OLD_MODULES = [
    *("admission", "backlog", "chain", "checks", "codec", "courier", "difference", "discarded"),
    *("floor", "jsontext", "keeper", "layout", "liveness", "merging", "network", "notebook"),
    *("notices", "orjson_bytes", "outbox_file", "outbox_owner", "parcel", "process", "readable"),
    *("records", "requests_transport", "salvage", "sayings", "sealing", "settings", "shapes"),
    *("signatures", "stamping", "tally", "transports", "verbs", "vocabularies", "ways"),
    *("testing.asked", "testing.comparison", "testing.conditions", "testing.connections"),
    *("testing.guard", "testing.hooks", "testing.judge", "testing.names", "testing.sent"),
    *("testing.strategies.bad", "testing.strategies.declared", "testing.strategies.leaves"),
    "testing.strategies.whole",
]
OLD_NAMES = [
    *("Backlog", "Bad", "Chain", "Code", "Counts", "Courier", "Desk", "Feed", "Floor", "Held"),
    *("Home", "Keeper", "Load", "Own", "Parcel", "Piece", "Said", "Tally", "Ways"),
    *("comes_back", "in_terms_of", "spelled_out", "stand_in", "strikes", "told", "untold"),
]


def old_names_in(path: Path) -> set[str]:
    """Return the old modules and names that a Python file imports, defines or shows as code."""
    found: set[str | None] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("mpfluent.") for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            _, _, source = absolute(node, path).partition("mpfluent")
            for alias in node.names if source or node.module == "mpfluent" else []:
                found |= {source[1:], f"{source[1:]}.{alias.name}".lstrip("."), alias.asname}
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found |= {node.name.lstrip("_")} & {*OLD_NAMES}
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found |= {node.attr.lstrip("_")} & {*OLD_NAMES}
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Module):
            spans = re.findall(r"``(.+?)``", ast.get_docstring(node) or "", re.S)
            found |= set().union(*map(old_names_of, spans))
    return {name for name in found if name} & {*OLD_MODULES, *OLD_NAMES}


def old_names_of(span: str) -> set[str]:
    """Return the old modules and names in a code span; what it quotes is data."""
    code = re.sub(r"\"[^\"]*\"|'[^']*'", "", span)
    paths = re.findall(r"\bmpfluent[./]([\w./]+)|([\w/]+)\.py\b", code)
    modules = {"".join(path).removesuffix(".py").replace("/", ".") for path in paths}
    return modules & {*OLD_MODULES} | {*re.findall(r"\w+", code)} & {*OLD_NAMES}


def test_no_old_name_is_left_on_a_page():
    folders = (ROOT, ROOT / "docs", ROOT / "benchmarks")
    found = {
        page.name: set().union(*map(old_names_of, re.findall(r"`([^`\n]+)`", text)))
        for folder in folders
        for page in folder.glob("*.md")
        if (text := page.read_text(encoding="utf-8"))
    }

    assert {name: names for name, names in found.items() if names} == {}


def test_the_reader_of_old_names_sees_what_it_must(tmp_path):
    file = tmp_path / "old.py"
    file.write_text(
        "from mpfluent import codec\n"
        "from mpfluent.encoding import json as jsontext\n"
        "import mpfluent.testing.asked\n"
        "class Parcel:\n"
        "    def note(self):\n"
        "        'Settle it as ``Keeper`` does in ``tally.py``.'\n"
        "        self._told = True\n"
    )

    expected = {"codec", "jsontext", "testing.asked", "Parcel", "Keeper", "tally", "told"}
    assert old_names_in(file) == expected
    assert old_names_of("mpfluent/codec.py, Parcel.told") == {"codec", "Parcel", "told"}
    assert old_names_of('screen_view("Home")') == set()
