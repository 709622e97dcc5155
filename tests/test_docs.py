"""The README and the pages of docs/: every block of code runs, every link leads somewhere."""

import ast
import builtins
import doctest
import inspect
import re
import shlex
import typing
from pathlib import Path
from typing import NamedTuple

import pytest

import mpfluent
import mpfluent.schemas
import mpfluent.testing
from mpfluent import Batch, Session

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [
    README,
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md")),
]
FENCE = re.compile(r"^(?P<mark>```+)(?P<kind>\w*)\n(?P<text>.*?)^(?P=mark)$", re.M | re.S)
# python runs, py is the vendor's code and only has to compile, sh is for people, text is output
KINDS = {"python", "py", "sh", "text", "json"}


class Block(NamedTuple):
    kind: str
    text: str
    line: int  # of the fence


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(match["kind"], match["text"], text.count("\n", 0, match.start()) + 1)
        for match in FENCE.finditer(text)
    ]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


class SameButForTime(doctest.OutputChecker):
    """Compares output, however long the attempts of a request took."""

    def check_output(self, want, got, optionflags):
        return super().check_output(want, re.sub(r"in \d+\.\d s\)", "in 0.0 s)", got), optionflags)


def run(page: Path) -> int:
    """Run a page's blocks in order, in one namespace; return how many there were."""
    namespace = {"__name__": "__main__"}
    runner = doctest.DocTestRunner(SameButForTime(), optionflags=doctest.ELLIPSIS)
    count = 0
    for block in blocks(page):
        if block.kind != "python":
            continue
        count += 1
        if block.text.lstrip().startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(
                block.text, namespace, name(page), str(page), block.line
            )
            test.globs = namespace  # get_doctest copies it, and the next block goes on from here
            failures: list[str] = []
            runner.run(test, out=failures.append, clear_globs=False)
            assert not failures, "".join(failures)
        else:
            padded = "\n" * block.line + block.text  # so that a traceback shows the page's line
            exec(compile(padded, str(page), "exec"), namespace)
    return count


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_of_a_page_runs(page, mparticle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run(page)

    python = len(re.findall(r"^```python$", page.read_text(encoding="utf-8"), re.M))
    assert ran == python


def test_the_pages_have_code_to_run():
    counts = {name(page): sum(block.kind == "python" for block in blocks(page)) for page in PAGES}

    assert counts["README.md"] >= 14
    assert sum(counts.values()) >= 60


def test_the_readme_really_sends(mparticle):
    run(README)

    assert len(mparticle.batches) > 250
    assert {event.event_type for batch in mparticle.batches for event in batch.events} >= {
        "custom_event",
        "commerce_event",
        "session_end",
    }


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_fence_says_what_it_holds(page):
    kinds = {block.kind for block in blocks(page)}
    opening_and_closing = len(re.findall(r"^```", page.read_text(encoding="utf-8"), re.M))

    assert kinds <= KINDS
    assert len(blocks(page)) * 2 == opening_and_closing
    for block in blocks(page):
        assert block.kind == "python" or ">>>" not in block.text, block.line


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_vendors_code_is_at_least_python(page):
    for block in blocks(page):
        if block.kind == "py":
            assert ast.parse(block.text).body
            assert "mparticle." in block.text


@pytest.mark.parametrize(
    ("heading", "ends"),
    [("Run it", "python examples/quickstart.py"), ("Test it", "python -m pytest")],
)
def test_run_it_and_test_it_are_one_command_each(heading, ends):
    section = README.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    fences = [match for match in FENCE.finditer(section) if match["kind"] == "sh"]

    assert len(fences) == 1
    (command,) = fences[0]["text"].strip().splitlines()
    assert command.startswith("python3 -m venv .venv && ")
    assert command.endswith(ends)
    assert shlex.split(command)


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings have on GitHub."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_every_page_is_linked_from_the_readme():
    text = README.read_text(encoding="utf-8")
    for page in PAGES[1:]:
        assert f"({name(page)}" in text, name(page)


def test_every_example_is_linked_from_the_readme():
    text = README.read_text(encoding="utf-8")
    examples = sorted((ROOT / "examples").glob("*.py"))

    assert len(examples) >= 8
    for example in examples:
        assert name(example) in text, name(example)


def verbs() -> set[str]:
    """Return all public verbs of a batch and a session, fields excepted."""
    return {
        verb
        for kind in (Batch, Session)
        for verb, member in inspect.getmembers(kind, callable)
        if not verb.startswith("_")
    }


def named_verbs() -> str:
    """Return the first column of the README's table of verbs."""
    section = README.read_text(encoding="utf-8").split("\n## All verbs\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"^\| (.*?) \|", section, re.M))


def test_the_table_of_verbs_is_complete():
    named = set(re.findall(r"`(?:Batch\.|Session\.)?([a-z_]+)\(", named_verbs()))

    assert len(verbs()) > 60
    assert sorted(named) == sorted(verbs())


def test_the_table_of_verbs_names_keywords_that_exist():
    calls = re.findall(r"`(?:Batch\.|Session\.)?([a-z_]+)\((.*?)\)`", named_verbs())

    assert len(calls) > 50
    for verb, arguments in calls:
        kind = Session if verb in ("start", "end") else Batch
        known = inspect.signature(getattr(kind, verb)).parameters
        open_ended = verb == "with_user_attributes"
        for keyword in re.findall(r"(\w+)=", arguments):
            assert open_ended or keyword in known, f"{verb}({keyword}=…)"


def test_public_names_that_a_page_speaks_of_exist():
    modules = (builtins, typing, mpfluent, mpfluent.testing, mpfluent.schemas)
    public = {word for module in modules for word in getattr(module, "__all__", dir(module))}
    for page in PAGES:
        if name(page) == "docs/from-the-vendors-sdk.md":
            continue  # names of the vendor's stand there too
        text = page.read_text(encoding="utf-8")
        own = set(re.findall(r"^(?:>>> )?class (\w+)", text, re.M))
        for word in re.findall(r"`([A-Z][a-z]+[A-Z]\w+)", FENCE.sub("", text)):
            assert word in public | own, f"{name(page)}: {word}"
