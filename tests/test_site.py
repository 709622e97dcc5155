"""The documentation as a site: its reference names all that is public, and its figures are true."""

from __future__ import annotations

import ast
import inspect
import re

import pytest
from pages import PAGES, ROOT, name, text_of

import mpfluent
import mpfluent.schemas
from mpfluent import Batch, Session

REFERENCE = ROOT / "docs" / "reference"
MODULES = [
    *("errors", "rows", "dataplan", "partitions", "testing", "testing.strategies"),
    *(f"integrations.{each}" for each in ("celery", "dask", "opentelemetry", "redis", "spark")),
]


def described() -> list[str]:
    """Return the names that the pages of the reference describe."""
    return [
        found
        for page in sorted(REFERENCE.glob("*.md"))
        for found in re.findall(r"^::: mpfluent\.(\S+)$", page.read_text("utf-8"), re.M)
    ]


def public_names(module: str) -> list[str]:
    """Return the public names of a module, which need not be one that can be imported here."""
    path = ROOT / "mpfluent" / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    body = ast.parse(path.read_text("utf-8")).body
    for node in body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [f"{module}.{each}" for each in ast.literal_eval(node.value)]
    own = [each.name for each in body if isinstance(each, ast.ClassDef | ast.FunctionDef)]
    own += [
        alias.asname
        for each in body
        if isinstance(each, ast.ImportFrom) and each.level
        for alias in each.names
        if alias.asname
    ]
    if module == "errors":  # which also has helpers for those who raise them
        own = [each for each in own if each[0].isupper()] + ["Reason", "REASONS", "FINAL"]
    return [f"{module}.{each}" for each in own if not each.startswith("_")]


def test_every_public_name_of_the_package_is_in_the_reference():
    there = {*described()}
    missing = [
        each
        for each in mpfluent.__all__
        if there.isdisjoint((each, f"errors.{each}", f"testing.{each}"))
    ]

    assert missing == []


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_of_a_module_is_in_the_reference(module):
    names = public_names(module)

    assert names
    assert sorted({*names} - {*described()}) == []


def test_every_verb_is_in_the_reference():
    verbs = {
        verb
        for verb, member in inspect.getmembers(Batch, callable)
        if not verb.startswith("_") and verb not in Batch._fields
    }

    assert len(verbs) > 60
    assert sorted({f"Batch.{verb}" for verb in verbs} - {*described()}) == []


def test_every_schema_is_in_the_reference():
    page = text_of("docs/reference/schemas.md")
    tabled = re.findall(r"`(\w+Schema)`", page)

    assert sorted([*tabled, "RecordSchema", "compile_encoder"]) == sorted(mpfluent.schemas.__all__)
    assert {"schemas.RecordSchema", "schemas.compile_encoder"} <= {*described()}


def test_the_reference_describes_each_name_once_and_only_what_is_public():
    public = {*mpfluent.__all__, "schemas.RecordSchema", "schemas.compile_encoder"}
    public |= {each for module in MODULES for each in public_names(module)}
    public |= {f"{kind.__name__}.{each}" for kind in (Batch, Session) for each in dir(kind)}

    assert sorted({*described()} - public) == []
    assert len(described()) == len({*described()})


def test_the_first_page_of_the_reference_links_all_others():
    page = text_of("docs/reference/index.md")

    for other in REFERENCE.glob("*.md"):
        assert other.name == "index.md" or f"]({other.name})" in page, other.name


def test_the_site_has_every_page_once():
    listed = re.findall(r"(?::|-) ([\w/.-]+\.md)$", text_of("mkdocs.yml"), re.M)
    pages = [
        path.removeprefix("docs/") if path.startswith("docs/") else f"repository/{path}"
        for path in map(name, PAGES)
    ]

    assert sorted(listed) == sorted([*pages, "repository/benchmarks/RESULTS.md"])


# The tables of the first page are parts of those that were measured


MEASURED = {  # what a row of the first page is called in the results
    "a batch of ten events, to JSON": "a chain with N = 10, to JSON bytes",
    "events delivered a second": "20000 batches of one event, events delivered a second",
    "CPU time of an event": "20000 batches of one event, CPU an event",
    "a call of `send` in the background: half of the calls take at most": (
        "one call in the caller's thread, p50 of 20000"
    ),
    "99.9 % of the calls take at most": "one call in the caller's thread, p99.9 of 20000",
    "the import": "an import, over an empty interpreter",
}
SIDES = {
    "mpfluent": "mpfluent",
    "mParticle's SDK": "the vendor's SDK",
    "Segment": "Segment",
    "PostHog": "PostHog",
}


def rows_under(page: str, heading: str) -> list[dict[str, str]]:
    """Return the rows of the first table under a heading: the cells by the column's heading."""
    text = re.split(rf"^#+ {re.escape(heading)}$", text_of(page), flags=re.M)[1]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in re.findall(r"(?:^\|.*\|\n)+", text, re.M)[0].splitlines()
    ]
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("heading", "page", "there"),
    [
        (
            "A mistake is an error on your line",
            "docs/from-the-vendors-sdk.md",
            "What behaves differently",
        ),
        ("Nothing is lost silently", "docs/delivery.md", "The same faults, other SDKs"),
    ],
)
def test_a_table_of_the_first_page_is_a_part_of_that_of_its_subject(heading, page, there):
    rows = rows_under("docs/index.md", heading)
    whole = rows_under(page, there)

    assert len(rows) >= 6
    for row in rows:
        assert row in [{column: each[column] for column in row} for each in whole]


def medians() -> dict[tuple[str, str], str]:
    """Return the median of each side of each measurement, as the results print it."""
    found, measured = {}, ""
    for line in text_of("benchmarks/RESULTS.md").splitlines():
        if heading := re.fullmatch(r"\w+: (.+)", line):
            measured = heading[1]
        if line.startswith("    "):
            side, median = line[4:48].strip(), line[48:].split("  (")[0].strip()
            found[measured, side.removesuffix(", bulk of 100")] = median
    return found


def test_the_times_of_the_first_page_are_those_of_the_results():
    measured_in = medians()
    rows = rows_under("docs/index.md", "It is quick")
    expected = [
        {"": said, **{column: measured_in.get((measured, SIDES[column]), "—") for column in SIDES}}
        for said, measured in MEASURED.items()
    ]

    assert rows == expected


@pytest.mark.parametrize("sdk", ["Segment", "PostHog"])
def test_the_events_that_others_dropped_are_those_of_the_results(sdk):
    (share,) = re.findall(rf"^  - {sdk}: .* (\d+%)", text_of("benchmarks/RESULTS.md"), re.M)

    assert re.search(rf"{sdk}'s( SDK dropped)? {share}", text_of("docs/index.md"))
