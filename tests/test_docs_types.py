"""The README's and docs' Python passes mypy and pyright, and imports public modules only."""

from __future__ import annotations

import ast
import doctest
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import FILE, PAGES, ROOT, Block, blocks, name

import mpfluent

pytestmark = pytest.mark.together("type checkers")
PACKAGE = Path(mpfluent.__file__).parents[1]  # where the checkers find what the pages import


def shows_a_mistake(example: doctest.Example) -> bool:
    """Say whether a statement ends in an error on purpose: a traceback, or try_'s message."""
    return example.exc_msg is not None or example.source.startswith("try_(")


def code_lines(block: Block) -> dict[int, str]:
    """Return a block's code by line of its page, without what it shows to be a mistake."""
    first = block.line + 1
    if not block.text.startswith(">>>"):
        return dict(enumerate(block.text.splitlines(), first))
    return {
        number: line
        for example in doctest.DocTestParser().get_examples(block.text)
        if not shows_a_mistake(example)
        for number, line in enumerate(example.source.splitlines(), first + example.lineno)
    }


def modules() -> dict[str, tuple[str, str]]:
    """Return each page's code as a module: its file's name to the page and the text.

    A line of code has the number that it has on the page. A block that is a file of a project is
    a module of its own.
    """
    lines: dict[str, tuple[str, dict[int, str]]] = {}
    for page in PAGES:
        for block in blocks(page):
            if block.kind == "python":
                own = FILE.match(block.text)
                file = own[1] if own else re.sub(r"\W", "_", name(page.with_suffix(""))) + ".py"
                lines.setdefault(file, (name(page), {}))[1].update(code_lines(block))
    return {
        file: (page, "\n".join(code.get(number, "") for number in range(1, max(code) + 1)) + "\n")
        for file, (page, code) in lines.items()
    }


def run(*arguments: object, folder: Path) -> str:
    """Return what a module of this Python prints."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for file, (_, text) in modules().items():
        (folder / file).write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "examples" / "shop_verbs.py", folder)  # which a page imports
    return folder


def on_pages(found: list[tuple[str, int, str]]) -> str:
    """Return the pages' errors, each with the page and the line where the code stands."""
    page_of = {file: page for file, (page, _) in modules().items()}
    return "\n".join(
        f"{page_of[Path(file).name]}:{line}: {text}"
        for file, line, text in found
        if Path(file).name in page_of  # another test looks at the package itself
    )


@pytest.mark.slow
def test_mypy_accepts_the_code_of_the_pages(folder, mypy_cache):
    untyped = "".join(  # of the pages only, so that what mypy found out of the library holds here
        f"[mypy-{Path(file).stem}]\n"
        "disallow_untyped_defs = False\n"
        "disallow_incomplete_defs = False\n"
        "disallow_untyped_calls = False\n"
        for file in modules()
    )
    untyped += "[mypy-celery.*]\nignore_missing_imports = True\n"  # it has no types of its own
    (folder / "mypy.ini").write_text(f"[mypy]\nstrict = True\nmypy_path = {PACKAGE}\n{untyped}")
    printed = run(
        "mypy",
        f"--config-file={folder / 'mypy.ini'}",
        f"--cache-dir={mypy_cache}",
        "--no-error-summary",
        "--no-pretty",
        *modules(),
        folder=folder,
    )
    errors = re.findall(r"^(.+?):(\d+): error: (.*)$", printed, re.M)

    assert on_pages([(file, int(line), text) for file, line, text in errors]) == ""


@pytest.mark.slow
def test_pyright_accepts_the_code_of_the_pages(folder):
    settings = {
        "include": list(modules()),
        "extraPaths": [str(PACKAGE)],
        "pythonVersion": "3.11",
        "typeCheckingMode": "standard",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    printed = run("pyright", "--outputjson", "--pythonpath", sys.executable, folder=folder)
    report = json.loads(printed)
    errors = [entry for entry in report["generalDiagnostics"] if entry["severity"] == "error"]

    assert report["summary"]["filesAnalyzed"] == len(modules())
    assert (
        on_pages([(e["file"], e["range"]["start"]["line"] + 1, e["message"]) for e in errors]) == ""
    )


# Imports

PUBLIC = {"mpfluent", "mpfluent.errors", "mpfluent.schemas", "mpfluent.testing"}
PUBLIC |= {f"mpfluent.testing.{name}" for name in ("plugin", "server", "strategies")}
INTEGRATIONS = ("celery", "dask", "opentelemetry", "redis", "spark")
PUBLIC |= {f"mpfluent.integrations.{name}" for name in INTEGRATIONS}
PUBLIC |= {"mpfluent.rows", "mpfluent.partitions", "mpfluent.dataplan"}


def imported(text: str) -> set[str]:
    """Return the modules of mpfluent that a program imports, or imports names from."""
    tree = list(ast.walk(ast.parse(text)))
    names = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in tree if isinstance(node, ast.ImportFrom)}
    return {each for each in names if each.split(".")[0] == "mpfluent"}


def programs() -> dict[str, str]:
    """Return the code of the pages and of the examples."""
    return {
        **{file: text for file, (_, text) in modules().items()},
        **{
            f"{name(page)}:{block.line}": block.text
            for page in PAGES
            for block in blocks(page)
            if block.kind == "py"
        },
        **{name(path): path.read_text("utf-8") for path in (ROOT / "examples").rglob("*.py")},
    }


@pytest.mark.parametrize(("program", "text"), programs().items(), ids=programs())
def test_no_private_module_is_imported(program, text):
    assert imported(text) <= PUBLIC


def test_the_classes_that_a_page_names_are_in_public_modules():
    for page in PAGES[:-2]:  # CONTRIBUTING and CHANGELOG are for those who work on mpfluent
        text = page.read_text(encoding="utf-8")
        for module in re.findall(r"\bmpfluent(?:\.[a-z_]+)*(?=\.[A-Z])", text):
            assert module in PUBLIC, f"{name(page)}: {module}"
