r"""Patterns and formats mean what they mean in JavaScript, without flags.

The verdicts of the tables are JavaScript's. Besides, 52 000 patterns that were drawn, and 45 000
texts for each format, gave the same verdicts in Node 20 and Ajv 6.12.3.
"""

import warnings
from contextlib import suppress

import pytest
from data_plans import event_point, findings, plan_of
from hypothesis import given
from hypothesis import strategies as st

from mpfluent import Batch, InvalidPlan


def matches(pattern, text):
    found = findings({"pattern": pattern}, text, like="node")
    assert {one.keyword for one in found} <= {"pattern"}
    return not found


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (r"^a$", ["a"], ["a\n", "\na", "ab"]),
        (r"\d", ["1"], ["٣", "a"]),
        (r"\w", ["a", "_"], ["é", "-"]),
        (r"\W", ["é", "-"], ["a"]),
        (r"^\s$", [" ", "\u00a0", "\ufeff", "\u2028", "\v"], ["\x1c", "\x85", "a"]),
        (r"^\S$", ["\x1c", "\x85", "a"], [" ", "\ufeff"]),
        (r"a\b", ["a", "aé"], ["ab"]),
        (r"\B", ["", "ab"], ["a"]),
        (r"^.$", ["a", "\x85", "\v"], ["\n", "\r", "\u2028", "\u2029", "😀"]),
        (r"^..$", ["ab", "😀"], ["a"]),
        (r"^😀$", ["😀"], ["a"]),
        (r"(?<deck>a|b)\k<deck>", ["aa", "bb"], ["ab"]),
        (r"\k<deck>", ["k<deck>"], ["deck"]),
        (r"(a)|b\1", ["a", "b"], ["c"]),
        (r"^\1(a)$", ["a"], ["aa"]),
        (r"^[^]$", ["\n", "a"], [""]),
        (r"[]", [], ["", "a", "[]"]),
        (r"^[[]$", ["["], ["a"]),
        (r"^[a&&b]$", ["a", "&", "b"], ["c"]),
        (r"^[\w-a]$", ["-", "a", "b"], ["é"]),
        (r"^[\b]$", ["\b"], ["b"]),
        (r"^\cA$", ["\x01"], ["A"]),
        (r"^\c$", ["\\c"], ["c"]),
        (r"^\x4$", ["x4"], ["\x04"]),
        (r"^\u0041\x42$", ["AB"], ["ab"]),
        (r"^\07\0$", ["\a\0"], ["7"]),
        (r"^\p{L}$", ["p{L}"], ["a"]),
        (r"^a{,2}$", ["a{,2}"], ["aa"]),
        (r"^a{2,}$", ["aa", "aaa"], ["a"]),
        (r"^{$", ["{"], ["a"]),
        (r"^a]}$", ["a]}"], ["a"]),
        (r"(?=a)*b", ["b"], ["c"]),
        (r"", ["", "a"], []),
        (r"^(?:(a)|(b))(?!c)\/\-", ["a/-", "b/-"], ["c/-"]),
    ],
)  # fmt: skip
def test_a_pattern_means_what_it_means_in_javascript(pattern, yes, no):
    assert [text for text in yes if not matches(pattern, text)] == []
    assert [text for text in no if matches(pattern, text)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "[a", "a**", "a++", "*", "^*", r"\b+", r"\B+", "(?<=a)*", "(?i)a", "(?P<n>a)"),
        *(
            "(?#a)",
            "a{2,1}",
            "[b-a]",
            "\\",
            "(?<n>a)(?<n>b)",
            r"(?<n>a)\k<m>",
            "(?<1>a)",
            "x{1}{2}",
        ),
    ],
)
def test_what_javascript_cannot_read_is_a_broken_definition(pattern):
    (problem,) = plan_of(
        event_point("Boarded", {"properties": {"v": {"pattern": pattern}}})
    ).problems()

    assert (problem.kind, problem.advice) == ("broken_definition", False)
    assert "is no regular expression" in problem.text
    with pytest.raises(InvalidPlan):
        findings({"pattern": pattern}, "a", like="node")
    with pytest.raises(InvalidPlan):
        findings({"pattern": pattern}, "a")


@pytest.mark.parametrize("pattern", ["(?<=a+)b", "(?:(a)|b)*\\1", "(a){2}\\1", "a{99999}"])
def test_what_only_python_cannot_read_is_advice_and_says_nothing(pattern):
    plan = plan_of(event_point("Boarded", {"properties": {"v": {"pattern": pattern}}}))

    (problem,) = plan.problems()

    assert (problem.kind, problem.advice) == ("unread_pattern", True)
    assert plan.validate(Batch().event("Boarded", {"v": "x"})) == ()
    assert [problem.advice for problem in plan.problems(like="node")] == [False]
    with pytest.raises(InvalidPlan, match="cannot be checked in Python"):
        plan.validate(Batch().event("Boarded", {"v": "x"}), like="node")


# What makes a set doubtful to Python, which then warns; and what stands around sets.
TOKENS = st.sampled_from(
    [
        *("[", "]", "[[", "^", "-", "--", "&&", "||", "~~", "\\d", "\\W", "\\s", "\\b", "\\-"),
        *("a", "z", "(", "(?:", ")", "*", "+", "?", "{2}", "|", ".", "$"),
    ]
)


@given(st.lists(TOKENS, max_size=9).map("".join), st.booleans())
def test_no_pattern_makes_python_warn(pattern, in_set):
    with warnings.catch_warnings(), suppress(InvalidPlan):
        warnings.simplefilter("error")
        findings({"pattern": f"[{pattern}]" if in_set else pattern}, "a")


def test_reading_a_pattern_leaves_the_warnings_of_other_threads_alone(monkeypatch):
    def change(*_, **__):
        raise AssertionError("the filters of the process are changed")

    with monkeypatch.context() as patch:
        patch.setattr(warnings, "catch_warnings", change)
        patch.setattr(warnings, "simplefilter", change)

        assert matches("^[[a-c--d]&&$", "-&&")


@given(st.text(max_size=30), st.text(max_size=20))
def test_a_pattern_is_read_or_told(pattern, text):
    try:
        matches(pattern, text)
    except InvalidPlan as error:
        said = str(error)
    else:
        said = "pattern"

    assert "pattern" in said or "no regular expression" in said


FORMATS = {
    "date": (["2026-02-31", "0000-19-39"], ["2026-2-1", "2026-20-01", "20260101"]),
    "time": (["29:59:59", "23:59:60", "10:00:00.5z", "10:00:00+0100"], ["10:00", "30:00:00"]),
    "date-time": (
        ["2026-01-01T10:00:00Z", "2026-01-01 10:00:00+01", "2026-01-01t10:00:00.123-01:30"],
        ["2026-01-01T10:00:00", "2026-01-01", "2026-01-01T24:60:00Z"],
    ),
    "uri": (["http:", "a+,.b:c", "mailto:😀"], ["http", "a b:c", ":x", "a:b c"]),
    "uri-reference": (["", "/p#f", "//host", "a:b"], ["a b", "a\\b#c d", "#a#b c"]),
    "uri-template": (["/{a}", "{+a,b*}{c:3}", "%41"], ["{", "{a", "a b", "%4", "{c:0}"]),
    "url": (
        ["http://a.bc", "https://u:p@ex.com:80/x", "ftp://8.8.8.8"],
        ["http://localhost", "http://10.0.0.1", "http://a.b", "a.com", "http://😀.com"],
    ),
    "email": (["a@b", "x.y+z@ex-1.com"], ["a", "a@", "a@-b", "a b@c", "é@b"]),
    "hostname": (["a", "a.b.", "x-1.com", "a" * 63], ["-a", "a-", "a" * 64, "a..b", ""]),
    "ipv4": (["1.2.3.4", "01.2.3.04", "255.255.255.255"], ["1.2.3", "256.1.1.1", "1.2.3.4.5"]),
    "ipv6": (
        ["::", "::1", " fe80::1%eth0 ", "1:2:3:4:5:6:7::", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8"],
        ["1::2::3", "1:2:3:4:5:6:7", "::12345", "::01.2.3.4", "::%", "1:2:3:4:5:6:7:1.2.3.4"],
    ),
    "uuid": (
        ["urn:uuid:12345678-1234-1234-1234-123456789ABC", "00000000-0000-0000-0000-000000000000"],
        ["12345678123412341234123456789abc", "x"],
    ),
    "regex": (["a+", ""], ["(", "a\\Z"]),
    "json-pointer": (["", "/a/~0~1"], ["a", "/~2"]),
    "json-pointer-uri-fragment": (["#", "#/a%20"], ["/a", "#/a b"]),
    "relative-json-pointer": (["0#", "1/a"], ["01/a", "a"]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_as_generous_as_in_the_vendors_package(name):
    good, bad = FORMATS[name]
    schema = {"format": name}

    assert [text for text in good if findings(schema, text, like="node")] == []
    assert [text for text in bad if not findings(schema, text, like="node")] == []
    assert findings(schema, 5, like="node") == ()
