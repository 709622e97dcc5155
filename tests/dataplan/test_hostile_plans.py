"""Whatever a plan says, it never becomes code."""

import ast
import doctest
import io
import random
import subprocess
import sys
import tokenize
import unicodedata
from inspect import isfunction

import pytest
from data_plans import attributes_of, event_point, plan_of, user_point
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_modules import HOSTILE, HOSTILE_TEXTS, SHOP, commerce_point, loaded, products_of

PIECES = (
    *('"', "'", "\\", "\n", "\r", "\t", "{", "}", "#", "(", ")", ":", ";", "%s", ">>> ", "... "),
    *('"""', "'''", "\\N{DIGIT ONE}", "\\x22", "\u2028", "\x00", "\u202e", "\ud800", "import os\n"),
    *(
        "def ",
        "class ",
        "return",
        "None",
        "self",
        "搜索",
        "é",
        "ﬁ",
        "½",
        "ª",
        "·",
        "_",
        "¸",
        "a",
        "B",
        "7",
    ),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=20)
# What a generated module consists of.
STATEMENTS = {
    *(ast.Module, ast.ImportFrom, ast.alias, ast.Assign, ast.Expr, ast.FunctionDef, ast.ClassDef),
    *(ast.Return, ast.arguments, ast.arg, ast.keyword, ast.Starred),
}
EXPRESSIONS = {
    *(ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Dict, ast.Subscript, ast.Tuple),
    *(ast.BinOp, ast.BitOr, ast.BoolOp, ast.Or, ast.Load, ast.Store, ast.USub, ast.UnaryOp),
    *(ast.DictComp, ast.comprehension, ast.IfExp, ast.Compare, ast.IsNot),  # in the helpers
}
CALLED = {
    *("TypeVar", "Product", "str", "isinstance", "_texts", "_given", "event", "screen_view"),
    *("values.items", "lower", "purchase", "with_user_attributes"),
}


def hostile_plan(texts):
    """Return a plan that has these texts wherever a text can stand."""
    name, attribute, description, word, plan_id = texts
    schema = attributes_of(
        {
            attribute: {"type": "string", "description": description, "pattern": "a"},
            word: {"enum": [*dict.fromkeys((word, description, name))], "description": name},
            f"{word}2": {"type": ["string", "number"], "format": "email", "description": word},
        },
        attribute,
    )
    products = products_of({"properties": {"custom_attributes": schema}})
    action = {"product_action": {"type": "object", "properties": {"products": products}}}
    screen = {
        **event_point(name, schema),
        "match": {"type": "screen_view", "criteria": {"screen_name": word}},
    }
    return plan_of(
        {**event_point(name, schema), "description": description},
        screen,
        commerce_point("product_action", "purchase", {**action, "custom_attributes": schema}),
        user_point(schema["properties"]),
        data_plan_id=plan_id,
        version_description=word,
    )


def check_module(text):
    """Check that a module is made of nothing but what the generator makes."""
    tree = ast.parse(text)
    assert {type(node) for node in ast.walk(tree)} <= STATEMENTS | EXPRESSIONS
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called in CALLED or called.rpartition(".")[2] in CALLED, called
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), ast.unparse(node)
        if isinstance(node, ast.FunctionDef):
            docstring, returned = node.body
            assert isinstance(docstring, ast.Expr)
            assert isinstance(returned, ast.Return)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            said = ast.get_docstring(node, clean=False) or ""
            assert doctest.DocTestParser().get_examples(said) == []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            assert token.string.isidentifier()
            assert token.string == unicodedata.normalize("NFKC", token.string)
        if token.type == tokenize.COMMENT:
            assert token.string == "# ruff: noqa: E501, PYI019, PYI061, RUF100"
    assert all(each.isprintable() for each in text.split("\n"))
    text.encode()


@given(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS))
@settings(max_examples=2 * settings.default.max_examples)
def test_nothing_of_a_plan_stands_outside_a_literal_or_a_docstring(texts):
    text = hostile_plan(texts).generate()

    check_module(text)
    loaded(text)


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_no_text_that_is_known_to_be_hostile_becomes_code(name):
    check_module(hostile_plan([name] * 5).generate())


def test_texts_that_are_hostile_together_do_not_become_code():
    check_module(HOSTILE.generate())


def test_the_check_of_a_module_sees_what_is_no_part_of_it():
    text = SHOP.generate()
    check_module(text)
    for wrong in ("import os", "exit()", "class A:\n    x = open('a')", "# a comment"):
        with pytest.raises(AssertionError):
            check_module(f"{text}{wrong}\n")


@given(TEXTS, TEXTS)
def test_the_name_and_the_description_are_there_as_they_are(name, description):
    plan = plan_of({**event_point(name, attributes_of({"a": {}})), "description": description})
    module = loaded(plan.generate())
    verbs = [each for each in vars(module.PlannedVerbs).values() if isfunction(each)]
    if not verbs:  # no batch can hold the name
        assert repr(name)[1:-1] == "" or "\\" in repr(name)
        return

    batch = getattr(module.PlannedBatch(), verbs[0].__name__)(a=1)
    assert batch.events[0].event_name == name
    # but for the blanks, and those that a docstring has so that doctest sees no test
    description = description.encode(errors="backslashreplace").decode()  # of lone surrogates
    assert "".join(description.split()) in "".join(verbs[0].__doc__.split())


@pytest.mark.slow
def test_modules_of_drawn_plans_are_formatted_as_ruff_would(tmp_path):
    letters = random.Random(7)
    pieces = (
        *PIECES,
        "word ",
        "乘客人数",
        "한국어 ",
        "🫖",
        "e\u0301",
        "搜索商品" * 20,
        "é" * 60,
        "long" * 9,
    )
    for number in range(300):
        texts = ["".join(letters.choices(pieces, k=letters.randint(0, 14))) for _ in range(5)]
        names = {"prefix": "Long" * 15} if number % 10 == 0 else None
        text = hostile_plan(texts).generate(names=names)
        (tmp_path / f"module_{number}.py").write_text(text, encoding="utf-8", newline="\n")

    for width in (88, 100, 120):
        command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff"]
        done = subprocess.run(
            [*command, f"--line-length={width}", "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "")
