"""A names file: what somebody calls the verbs and arguments of a plan."""

import pytest
from data_plans import attributes_of, event_point, plan_of, user_point
from plan_modules import FERRY, commerce_point, functions_in, products_of, screen_point

from mpfluent import ConfigurationError

PLAN = plan_of(
    event_point("Found", attributes_of({"From": {}, "to": {}}), "search"),
    event_point("Found", custom_type="other"),
    event_point("Left"),
    screen_point("Quay"),
)


def test_names_win_over_those_that_are_made():
    names = {
        "prefix": "Boats",
        "events": {"Found (search)": "discovered", "Left": "departed"},
        "screens": {"Quay": "saw_quay"},
        "arguments": {"From": "origin"},
    }
    text = PLAN.generate(names=names)
    functions = functions_in(text)

    assert sorted(functions) == ["departed", "discovered", "found", "saw_quay"]
    assert [each.arg for each in functions["discovered"].args.kwonlyargs] == ["origin", "to"]
    assert '"From": origin,' in text
    assert "class BoatsVerbs(EventVerbs):" in text


def test_names_are_read_from_a_file(tmp_path):
    path = tmp_path / "names.toml"
    path.write_text('\ufeff[events]\n"Left" = "离开"\n', encoding="utf-8")

    assert "离开" in functions_in(PLAN.generate(names=path))
    assert PLAN.vocabulary(names=str(path)).Batch().离开().events[0].event_name == "Left"


def test_a_chosen_name_is_read_as_python_reads_it():
    names = {"prefix": "ﬁ", "events": {"Left": "ﬁn"}}

    assert PLAN.vocabulary(names=names).Batch().fin().events[0].event_name == "Left"


def test_a_made_name_gives_way_to_a_chosen_one():
    names = {"events": {"Left": "viewed_quay"}}

    assert sorted(functions_in(PLAN.generate(names=names))) == [
        "found_other",
        "found_search",
        "viewed_quay",
        "viewed_quay_screen",
    ]


def test_an_argument_may_have_a_name_for_all_events():
    text = FERRY.generate(names={"arguments": {"query": "words", "Tier": "level"}})

    assert '"query": words,' in text
    assert '"Tier": level,' in text


MISTAKES = {
    "a section": (
        {"event": {}},
        "names: there is no section 'event'; did you mean 'events'?",
    ),
    "a section, strange": (
        {"xyz": {}},
        "names: there is no section 'xyz'; it has prefix, events, screens, arguments",
    ),
    "no table": (
        {"events": "Left"},
        "names: events is 'Left': want a table; write [events]",
    ),
    "no name": (
        {"events": {"Left": "has left"}},
        "names: [events] \"Left\" = 'has left' is no name of Python; "
        'write letters, digits and "_", as in "looked_for"',
    ),
    "a keyword": (
        {"prefix": "class"},
        "names: prefix = 'class' is no name of Python; "
        'write letters, digits and "_", as in "looked_for"',
    ),
    "private": (
        {"events": {"Left": "_left"}},
        "names: [events] \"Left\" = '_left' is private; write 'left'",
    ),
    "no such event": (
        {"events": {"Lefd": "left"}},
        "[events] 'Lefd': the plan has no such event; did you mean 'Left'?",
    ),
    "no such screen": (
        {"screens": {"xyz": "left"}},
        "[screens] 'xyz': the plan has no such screen; mpfluent plan show lists what it has",
    ),
    "two types": (
        {"events": {"Found": "found_it"}},
        "[events] 'Found': the plan has it as 'other' and 'search'; write 'Found (other)'",
    ),
    "ours": (
        {"events": {"Left": "purchase"}},
        "[events] 'Left' = 'purchase': mpfluent has this name itself; write 'purchase_event'",
    ),
    "twice": (
        {"events": {"Left": "gone"}, "screens": {"Quay": "gone"}},
        "[screens] 'Quay' = 'gone': another verb has this name; write 'gone_event'",
    ),
    "no such attribute": (
        {"arguments": {"Form": "origin"}},
        "[arguments] \"Form\": the plan has no such attribute; did you mean 'From'?",
    ),
    "no attribute": (
        {"arguments": {"custom_attributes": "all"}},
        '[arguments] "custom_attributes": the plan has no such attribute; '
        "mpfluent plan show lists what it has",
    ),
    "the argument of another attribute": (
        {"arguments": {"From": "to"}},
        '[arguments] "From" = "to": another argument has this name; write "to_"',
    ),
    "an argument of ours": (
        {"arguments": {"From": "at"}},
        '[arguments] "From" = "at": another argument has this name; write "at_"',
    ),
    "one argument twice": (
        {"arguments": {"From": "port", "to": "port"}},
        '[arguments] "From" = "port": another argument has this name; write "port_"',
    ),
}


@pytest.mark.parametrize(("names", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_names_says_what_to_write(names, message):
    with pytest.raises(ConfigurationError) as caught:
        PLAN.generate(names=names)

    assert str(caught.value) == message


def test_a_verb_of_commerce_keeps_its_name():
    plan = plan_of(commerce_point("product_action", "purchase", {}))

    with pytest.raises(ConfigurationError) as caught:
        plan.generate(names={"events": {"purchase": "bought"}})

    assert str(caught.value) == (
        "[events] 'purchase': a verb of commerce keeps its name; leave this line out"
    )


def test_attributes_of_products_and_of_the_user_may_be_renamed():
    item = {"properties": {"custom_attributes": attributes_of({"deck": {}})}}
    products = {"product_action": {"properties": {"products": products_of(item)}}}
    plan = plan_of(commerce_point("product_action", "purchase", products), user_point({"Tier": {}}))
    text = plan.generate(names={"arguments": {"deck": "floor", "Tier": "level"}})

    assert '"deck": floor,' in text
    assert '"Tier": level,' in text


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    files = {
        "missing.toml": (None, "cannot be read: No such file or directory; write names.toml"),
        "latin.toml": (b"\xe4", "is no UTF-8 (byte 0); save it as UTF-8"),
        "broken.toml": (
            b"[events",
            "is no TOML: Expected ']' at the end of a table declaration (at end of document); "
            'write [events] and "Searched" = "looked"',
        ),
    }
    for name, (content, message) in files.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigurationError) as caught:
            PLAN.generate(names=path)
        assert str(caught.value) == f"{path} {message}"
