"""What the page's modules do with text: JSON as it came, and nothing that hides other text."""

import json
import re
from pathlib import Path

import pytest
from browsers import Page
from hypothesis import given
from hypothesis import strategies as st

from mpfluent.testing import LocalServer

pytestmark = pytest.mark.together("browser")

# numbers as JSON may write them, which no number of JavaScript keeps
NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,29})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
TREES = st.recursive(
    NUMBERS.map(lambda text: ("number", text)) | st.text() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


PAGE = Path(__file__).parents[2] / "mpfluent/testing/local/page"


def test_no_script_makes_html_or_code_of_text():
    makes = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser"
    )
    found = {
        path.name: re.findall(makes, path.read_text(encoding="utf-8")) for path in PAGE.glob("*.js")
    }

    assert len(found) > 10
    assert {name: words for name, words in found.items() if words} == {}


def test_the_page_needs_no_other_site_and_nothing_inline():
    frame = (PAGE / "index.html").read_text(encoding="utf-8")

    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?! [^>]*src=)", frame) == []
    for path in PAGE.iterdir():
        addresses = re.findall(r"(?:https?:)?//[a-z][\w.]*\.\w+", path.read_text(encoding="utf-8"))
        assert {*addresses} <= {"http://www.w3.org"}, path.name


def test_no_file_of_the_page_is_longer_than_400_lines():
    lengths = {path.name: path.read_text(encoding="utf-8").count("\n") for path in PAGE.iterdir()}

    assert {name: length for name, length in lengths.items() if length > 400} == {}


@pytest.fixture(scope="module")
def modules(driver):
    """A page whose modules a test imports."""
    with LocalServer() as server:
        yield Page(driver, server.url).open()
        driver.get("about:blank")


def written(tree):
    """Return a tree as JSON with the numbers as they are."""
    if isinstance(tree, tuple):
        return tree[1]
    if isinstance(tree, list):
        return f"[{','.join(map(written, tree))}]"
    if isinstance(tree, dict):
        members = (f"{json.dumps(key)}:{written(value)}" for key, value in tree.items())
        return f"{{{','.join(members)}}}"
    return json.dumps(tree)


@given(st.lists(TREES, min_size=10, max_size=10))
def test_json_is_printed_with_every_token_as_it_came(modules, trees):
    texts = [written(tree) for tree in trees]

    printed = modules.asynchronous(
        "const {indented} = await import('/_mpfluent/json.js'); return given[0].map(indented)",
        texts,
    )

    exactly = {"parse_int": str, "parse_float": str}
    assert [json.loads(text, **exactly) for text in printed] == [
        json.loads(text, **exactly) for text in texts
    ]


@given(st.lists(TREES, min_size=10, max_size=10))
def test_json_is_read_with_numbers_by_their_text(modules, trees):
    texts = [written(tree) for tree in trees]

    read = modules.asynchronous(
        """const {parse, Exact} = await import('/_mpfluent/json.js');
        const number = (key, value) => value instanceof Exact ? `number ${value}` : value;
        return given[0].map((text) => JSON.stringify([parse(text)], number))""",
        texts,
    )

    exactly = {"parse_int": "number {}".format, "parse_float": "number {}".format}
    expected = [json.loads(text, **exactly) for text in texts]
    assert [json.loads(text)[0] for text in read] == expected


@pytest.mark.parametrize("text", ["", "{", "[1", '{"a" 1', "nul", "01", "}", '"a', "[1]]", "1 2"])
def test_what_is_no_json_is_no_json(modules, text):
    read = "const {parse} = await import('/_mpfluent/json.js'); return parse(given[0])"

    assert modules.asynchronous(read, text).startswith("SyntaxError")


def test_long_strings_are_read(modules):
    code = "const {parse} = await import('/_mpfluent/json.js'); return given[0].map(parse)"
    texts = ["a" * 1_000_000, "\\" * 300_000, '"' * 300_000, "é\n" * 100_000]

    assert modules.asynchronous(code, [json.dumps(text) for text in texts]) == texts


def test_json_of_any_depth_is_read_and_printed(modules):
    deep = "[" * 50_000 + "]" * 50_000
    code = """const {parse, indented} = await import('/_mpfluent/json.js');
    parse(given[0]);
    return indented(given[0].slice(49000, 51000)).length"""

    assert modules.asynchronous(code, deep) > 1_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\x00b", "a⟨U+0000⟩b"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("two\nlines\t", "two↵lines⇥"),
        ("👩‍👩‍👧 مرحبا é", "👩‍👩‍👧 مرحبا é"),
    ],
)
def test_what_hides_other_text_is_shown_by_its_name(modules, text, shown):
    code = "const {visible} = await import('/_mpfluent/dom.js'); return visible(given[0])"

    assert modules.asynchronous(code, text) == shown


def test_a_term_of_the_filter_means_its_value_and_no_other(modules):
    code = """const {matcher, term} = await import('/_mpfluent/filter.js');
    return given[0].map((value) => given[0].filter((other) =>
      matcher(term('customer_id', value), false)({user: {customer_id: other}})))"""
    values = ["1", "a b", 'a"b', "a\\b", "a*", "ab", ">5", "-x", "a:b", "*", ""]

    assert modules.asynchronous(code, values) == [[value] for value in values]
