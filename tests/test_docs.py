"""The README and the pages of docs/: every block of code runs, every link leads somewhere."""

import ast
import builtins
import contextlib
import doctest
import inspect
import re
import shlex
import shutil
import subprocess
import sys
import typing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import word_lists
from internals import limits
from pages import FENCE, FILE, KINDS, PAGES, README, ROOT, blocks, column, name, section, text_of
from word_lists import table

import mpfluent
import mpfluent.dataplan
import mpfluent.integrations.celery
import mpfluent.integrations.frame_row
import mpfluent.integrations.redis
import mpfluent.partitions
import mpfluent.rows
import mpfluent.schemas
import mpfluent.testing
from mpfluent import Batch, Session
from mpfluent.testing import strategies
from mpfluent.testing.strategies.records import VALUE_CLASSES


class SameButForTime(doctest.OutputChecker):
    """Compares output, however long a request, its attempts or a table took."""

    def check_output(self, want, got, optionflags):
        got = re.sub(r"in \d+\.\d s\)", "in 0.0 s)", got)
        got = re.sub(r"(requests?), \d+\.\d s$", r"\1, 0.1 s", got, flags=re.M)
        return super().check_output(want, got, optionflags)


def run(page: Path) -> int:
    """Run a page's blocks in order, in one namespace; return how many there were."""
    namespace = {"__name__": "__main__"}
    runner = doctest.DocTestRunner(SameButForTime(), optionflags=doctest.ELLIPSIS)
    count = 0
    for block in blocks(page):
        if block.kind != "python":
            continue
        count += 1
        if FILE.match(block.text):
            continue  # a project of its own, which a test below runs
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


def test_the_recipes_for_an_application_and_for_its_tests_work_as_one_project(
    pytester, monkeypatch, no_others
):
    files = [
        (found[1], block.text)
        for page in ("docs/delivery.md", "docs/testing.md")
        for block in blocks(ROOT / page)
        if (found := FILE.match(block.text)) and block.kind == "python"
    ]
    assert [file for file, _ in files] == ["analytics.py", "shop.py", "conftest.py", "test_shop.py"]
    for file, text in files:
        pytester.path.joinpath(file).write_text(text, encoding="utf-8")
    # what imports the application, and never asks for another client
    pytester.makepyfile(
        test_bare="import analytics\nfrom shop import sign_up\nclient = analytics.client\n"
        "def test_the_client_is_off():\n"
        "    sign_up('1', 'pro')\n"
        "    assert 'disabled' in repr(client)\n"
        "    assert client.send(__import__('mpfluent').Batch().event('x')).state == 'failed'\n"
    )
    monkeypatch.delenv("MPFLUENT_DISABLED", raising=False)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-p", "mpfluent", "-p", "no:cacheprovider"],
        cwd=pytester.path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout
    assert not list(pytester.path.rglob("outbox*"))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_of_a_page_runs(page, mparticle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for kind in ("policies.*", "shop_*"):  # which pages about tables and plans read
        for file in (ROOT / "examples").glob(kind):
            shutil.copy(file, tmp_path)
    ran = run(page)

    python = len(re.findall(r"^```python$", page.read_text(encoding="utf-8"), re.M))
    assert ran == python


def test_the_pages_have_code_to_run():
    counts = {name(page): sum(block.kind == "python" for block in blocks(page)) for page in PAGES}

    assert counts["README.md"] >= 14
    assert sum(counts.values()) >= 60


def test_the_readme_really_sends(mparticle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "examples" / "policies.csv", tmp_path)
    run(README)

    assert len(mparticle.batches) > 250
    assert {event.event_type for batch in mparticle.batches for event in batch.events} >= {
        "custom_event",
        "commerce_event",
        "session_end",
    }


def test_the_tutorial_ends_with_an_event_of_the_readers_own(mparticle):
    run(ROOT / "docs" / "tutorial.md")

    assert [event.event_name for event in mparticle.batches[-1].events] == ["Signed up"]
    assert len(mparticle.batches) == 3


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_fence_says_what_it_holds(page):
    kinds = {block.kind for block in blocks(page)}
    opening_and_closing = len(re.findall(r"^```", page.read_text(encoding="utf-8"), re.M))

    assert kinds <= KINDS
    assert len(blocks(page)) * 2 == opening_and_closing
    for block in blocks(page):
        assert block.kind == "python" or ">>>" not in block.text, block.line


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_code_that_needs_other_packages_is_at_least_python(page):
    for block in blocks(page):
        if block.kind == "py":
            assert ast.parse(block.text).body
            others = "mparticle|celery|syrupy|flask|fastapi|uvicorn|rq|dramatiq|tqdm|redis|settle"
            others += "|confluent_kafka|boto3|airflow|prefect|apache_beam|pyspark|dask"
            assert re.search(rf"\b({others})\b", block.text)


@pytest.mark.parametrize(
    ("heading", "ends"),
    [("Run it", "python examples/quickstart.py"), ("Test it", "python -m pytest")],
)
def test_run_it_and_test_it_are_one_command_each(heading, ends):
    fences = [m for m in FENCE.finditer(section("README.md", heading)) if m["kind"] == "sh"]

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


def test_the_files_that_the_page_about_the_architecture_names_exist():
    text = text_of("docs/architecture.md")
    files = set(re.findall(r"`([\w/]+\.py)`", text))

    assert len(files) > 12
    for file in files:
        assert (ROOT / "mpfluent" / file).exists() or (ROOT / file).exists(), file


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
    return "\n".join(re.findall(r"^\| (.*?) \|", section("README.md", "All verbs"), re.M))


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
    modules = (builtins, typing, mpfluent, mpfluent.rows, mpfluent.testing, mpfluent.schemas)
    modules += (strategies, mpfluent.integrations.celery, mpfluent.integrations.redis)
    modules += (mpfluent.partitions, mpfluent.dataplan, mpfluent.integrations.frame_row)
    public = {word for module in modules for word in getattr(module, "__all__", dir(module))}
    generated = (ROOT / "examples" / "shop_verbs.py").read_text(encoding="utf-8")
    for page in PAGES:
        if name(page) in ("docs/from-the-vendors-sdk.md", "docs/words.md"):
            continue  # names of the vendor's stand there too, and the wire's words
        text = page.read_text(encoding="utf-8")
        own = set(re.findall(r"^(?:>>> )?class (\w+)", f"{text}\n{generated}", re.M))
        for word in re.findall(r"`([A-Z][a-z]+[A-Z]\w+)", FENCE.sub("", text)):
            assert word in public | own, f"{name(page)}: {word}"


# Tables that repeat what the code says


def test_the_table_of_reasons_is_complete():
    from mpfluent.errors import REASONS

    assert sorted(column("docs/errors.md", "What happens on the way")) == sorted(REASONS)
    assert "one of thirteen words" in text_of("docs/errors.md")
    assert "one of thirteen [reasons]" in text_of("docs/delivery.md")
    assert len(REASONS) == 13


def test_the_table_of_reasons_says_which_are_temporary():
    said = re.findall(r"^\| `(\w+)` \|.*\| (yes|no) \|$", text_of("docs/errors.md"), re.M)
    errors = [mpfluent.DeliveryError(reason=reason) for reason, _ in said]

    assert [("no", "yes")[error.temporary] for error in errors] == [word for _, word in said]
    assert len(said) == 13


def test_the_tree_of_errors_has_every_error():
    errors = {
        name
        for name, member in inspect.getmembers(mpfluent)
        if isinstance(member, type) and issubclass(member, mpfluent.MPFluentError)
    }
    (tree,) = (block.text for block in blocks(ROOT / "docs/errors.md") if block.kind == "text")
    drawn = re.findall(r"^[│├└─ ]*(\w+)", tree, re.M)

    assert sorted(drawn) == sorted(errors)


def test_the_table_of_events_is_complete():
    known = mpfluent.Event._by_type

    assert len(known) == 17
    assert sorted(column("docs/values.md", "Events", 1)) == sorted(["event_type", *known])
    assert {kind.__name__ for kind in known.values()} <= set(column("docs/values.md", "Events"))


@pytest.mark.parametrize("heading", word_lists.FIELDS)
def test_the_tables_of_words_are_those_of_the_code(heading):
    assert table(heading) in section("docs/words.md", heading)


def test_every_list_of_words_is_in_a_table():
    listed = {(name, field) for rows in word_lists.FIELDS.values() for _, name, field in rows}
    declared = {
        (cls.__name__, field.name)
        for cls in VALUE_CLASSES
        for field in cls._fields.values()
        if field.kind.name == "choice"
    }

    assert declared == listed


def test_the_table_of_the_clients_arguments_is_complete():
    named = column("docs/sending.md", "The client")

    assert sorted(named) == sorted(inspect.signature(mpfluent.Client).parameters)


def test_the_table_of_pods_is_complete():
    pods = column("README.md", "Pods")
    transport = mpfluent.RecordingTransport()
    for pod in pods:
        client = mpfluent.Client("k", "s", pod=pod, environment="production", transport=transport)
        client.send(mpfluent.Batch())

    assert [urlsplit(request.url).netloc for request in transport.requests] == column(
        "README.md", "Pods", 2
    )
    with pytest.raises(mpfluent.ConfigurationError, match=re.escape(f"({', '.join(pods)})")):
        mpfluent.Client("k", "s", pod="us3", environment="production", transport=transport)


def is_retried(code):
    """Say whether a client sends again what was answered with this status."""
    transport = mpfluent.RecordingTransport(mpfluent.Response(code))
    client = mpfluent.Client(
        *("k", "s"),
        environment="production",
        retry=mpfluent.Retry(max_attempts=2, base=0),
        transport=transport,
    )
    with contextlib.suppress(mpfluent.DeliveryError):
        client.send(mpfluent.Batch())
    return len(transport.requests) == 2


def test_the_statuses_that_are_tried_again_are_those_of_the_policy():
    (row,) = (line for line in section("docs/sending.md", "Retries").splitlines() if "408" in line)
    said = {int(code) for code in re.findall(r"\b\d{3}\b", row)}

    assert said | set(range(520, 528)) == {code for code in range(300, 600) if is_retried(code)}
    assert "520 to 527" in row


def test_the_limits_are_those_of_the_code():
    said = section("README.md", "Limits")

    assert f"{limits.MAX_BATCHES_PER_REQUEST} batches" in said
    assert f"{limits.MAX_REQUEST_BYTES // 1000} kB a request" in said
    assert f"{limits.MAX_BATCH_BYTES // 1000} kB a batch" in said
    assert f"{limits.MAX_NAME} characters for the name" in said
    assert f"{limits.MAX_ATTRIBUTES} attributes an event" in said
    assert f"{limits.MAX_VALUE} characters an attribute value" in said
    assert f"{limits.MAX_LIST} entries a list, {limits.MAX_LIST_ENTRY} characters each" in said
    assert f"{limits.MAX_IDENTITY} characters an identity" in said
    assert f"over {limits.HISTORICAL_AFTER // limits.DAY} days old" in said


def test_the_short_names_are_those_of_the_events():
    said = re.findall(r"^\| `(\w+)` \| `(\w+)` \|$", section("README.md", "All verbs"), re.M)
    fields = mpfluent.AppEvent._fields.items()

    assert dict(said) == {name: field.wire for name, field in fields if name != field.wire}
