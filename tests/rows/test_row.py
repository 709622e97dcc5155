"""A row: a mapping of columns to cells, and getters whose errors name the place."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from mpfluent import Batch, ConfigurationError, InvalidValue, MPFluentError, UnknownField
from mpfluent.rows import Place, Row
from mpfluent.rows.row import Table

CELLS = {"customer_id": "17", "visits": "three", "plan": "", "bought": "30/11/2026", "vip": "y"}
PLACE = Place("policies.csv", 3, 1)


def row(cells=CELLS, **table):
    return Row(cells, PLACE, Table(frozenset(cells), **table))


def words_of(error, ask):
    with pytest.raises(error) as caught:
        ask()
    assert type(caught.value) is error
    return str(caught.value)


def test_a_row_is_a_mapping_of_its_cells_as_they_stand():
    assert dict(row()) == CELLS
    assert row() == CELLS
    assert (len(row()), list(row()), "plan" in row(), "x" in row()) == (5, [*CELLS], True, False)
    assert row()["plan"] == ""
    assert repr(row()) == "<Row policies.csv:3: customer_id, visits, plan, bought, vip>"


def test_a_row_cannot_get_attributes():
    with pytest.raises(AttributeError):
        row().plan = "pro"


def test_an_error_names_file_line_column_and_cell():
    with pytest.raises(InvalidValue) as caught:
        row().integer("visits")

    assert str(caught.value) == ("policies.csv:3: visits='three': want a whole number, such as 3")
    assert caught.value.field == "visits"


@pytest.mark.parametrize("getter", ["text", "integer", "number", "decimal", "flag", "time", "json"])
def test_a_cell_that_is_required_must_not_be_missing(getter):
    ask = getattr(row(), getter)

    assert ask("plan") is None
    assert words_of(InvalidValue, lambda: ask("plan", required=True)) == (
        "policies.csv:3: plan='': is missing, and must not be"
    )


def test_a_long_cell_is_shown_in_brief():
    words = words_of(InvalidValue, lambda: row({"visits": "x" * 10_000_000}).integer("visits"))

    assert len(words) < 200


# Columns that do not exist


@pytest.mark.parametrize(
    ("ask", "where"),
    [
        (lambda: row().text("custmer_id"), "row.text('custmer_id')"),
        (lambda: row().time("custmer_id"), "row.time('custmer_id')"),
        (lambda: row().pick("plan", "custmer_id"), "row.pick('custmer_id')"),
        (lambda: row().pick(id="custmer_id"), "row.pick('custmer_id')"),
        (lambda: row().tag("custmer_id"), "row.tag('custmer_id')"),
        (lambda: row()["custmer_id"], "row['custmer_id']"),
        (lambda: row().get("custmer_id"), "row['custmer_id']"),
    ],
)
def test_a_column_that_does_not_exist_is_an_error_with_the_one_that_was_meant(ask, where):
    assert words_of(UnknownField, ask) == (
        f"{where}: policies.csv has no column 'custmer_id'; did you mean 'customer_id'?"
    )


def test_where_nothing_is_alike_the_error_shows_the_columns():
    with pytest.raises(UnknownField) as caught:
        row().text("zzz")

    assert str(caught.value) == (
        "row.text('zzz'): policies.csv has no column 'zzz'; "
        "it has bought, customer_id, plan, vip, visits"
    )
    assert caught.value.name == "zzz"
    assert caught.value.allowed == ("bought", "customer_id", "plan", "vip", "visits")
    assert caught.value.suggestion is None


@pytest.mark.parametrize("column", [["plan"], None, 3, b"plan"])
def test_a_column_is_named_by_text(column):
    for rows in (row(), Row(CELLS)):
        with pytest.raises(UnknownField):
            rows.text(column)


def test_where_each_row_has_its_own_columns_one_that_is_not_there_is_missing():
    own = Row({"plan": "pro"})

    assert (own.text("visits"), own.pick("plan", "visits")) == (None, {"plan": "pro"})
    assert own.get("visits", 5) == 5
    with pytest.raises(KeyError):
        own["visits"]


# pick and tag


def test_pick_gives_cells_as_attributes_hold_them():
    identity = UUID("3fb44a79-df2d-446d-acf1-e87eda854ae1")
    at = datetime(2026, 11, 30, tzinfo=UTC)
    cells = {"a": 1, "b": 0.5, "c": Decimal("0.1"), "d": True, "e": identity, "f": at, "g": b"x"}

    found = row({**cells, "h": ["x"], "i": None}).pick(*cells, "i", renamed="h")

    assert found == {
        "a": 1,
        "b": 0.5,
        "c": Decimal("0.1"),
        "d": True,
        "e": str(identity),
        "f": "2026-11-30T00:00:00+00:00",
        "g": "x",
        "renamed": ["x"],
    }
    assert Batch().with_user_attributes(found).user_attributes["renamed"] == ("x",)


def test_a_tag_is_an_attribute_without_a_value_if_the_flag_is_set():
    one = row({**CELLS, "gold": "no"})

    assert one.tag("vip") == {"vip": None}
    assert one.tag("vip", "VIP") == {"VIP": None}
    assert one.tag("gold") == one.tag("plan") == {}
    assert one.tags == {"vip", "VIP"}
    assert words_of(InvalidValue, lambda: one.tag("bought")) == (
        "policies.csv:3: bought='30/11/2026': want true/false, yes/no, y/n, t/f, on/off or 1/0"
    )


# Times


def test_a_time_without_a_zone_is_in_that_of_the_table_or_of_the_call():
    local = row({"at": "2026-06-30 10:15"}, zone=UTC)

    assert local.time("at").isoformat() == "2026-06-30T10:15:00+00:00"
    assert local.time("at", tz="Europe/London").isoformat() == "2026-06-30T10:15:00+01:00"


BAD_FORMATS = [
    ("%Y-%q", "not a form of strptime ('q' is a bad directive in format '%Y-%q')"),
    ("%Y %", "not a form of strptime (stray % in format '%Y %')"),
    ("%Y %d %d", "not a form of strptime (redefinition of group name 'd' as group 3; …"),
    ("%q %d", "not a form of strptime ('q' is a bad directive in format '%q %d')"),
    ("%d/%m", "it has no year"),
    ("%d/%m %%Y", "it has no year"),
    ("%H:%M", "it has no year"),
    ("DD/MM", 'want a form as for strptime, "s" or "ms"'),
    ("", 'want a form as for strptime, "s" or "ms"'),
    (3, "want text, got int"),
    (["%d"], "want text, got list"),
]


@pytest.mark.parametrize(("form", "why"), BAD_FORMATS)
def test_a_format_that_does_not_exist_is_a_mistake_of_the_mapping(form, why):
    words = words_of(ConfigurationError, lambda: row().time("bought", form))

    assert words.startswith(f"row.time(format={form!r}): {why.removesuffix('…')}")
    assert words.endswith("; write format='%d/%m/%Y'")


def test_looking_at_a_format_leaves_the_warnings_of_other_threads_alone(monkeypatch):
    def change(*_, **__):
        raise AssertionError("the filters of the process are changed")

    with monkeypatch.context() as patch:
        patch.setattr(warnings, "catch_warnings", change)
        patch.setattr(warnings, "simplefilter", change)

        with pytest.raises(ConfigurationError, match="it has no year"):
            row().time("bought", "%H.%M.%S, %d/%m")


NEW_ONE = "write tz='Europe/London', or pip install tzdata if it is a new one"
BAD_ZONES = [
    ("Europe/Lodnon", "no such time zone; did you mean 'Europe/London'?"),
    ("", f"no such time zone; {NEW_ONE}"),
    ("/etc/passwd", f"no such time zone; {NEW_ONE}"),
    ("a\0", f"no such time zone; {NEW_ONE}"),
    (3, "want the name of a time zone, got int; write tz='Europe/London'"),
    (["UTC"], "want the name of a time zone, got list; write tz='Europe/London'"),
]


@pytest.mark.parametrize(("tz", "why"), BAD_ZONES)
def test_a_zone_that_does_not_exist_is_a_mistake_of_the_mapping(tz, why):
    assert words_of(ConfigurationError, lambda: row().time("bought", tz=tz)) == (
        f"row.time(tz={tz!r}): {why}"
    )


def test_a_machine_without_zones_is_told_to_install_them(monkeypatch):
    import zoneinfo

    monkeypatch.setattr(zoneinfo, "available_timezones", set)

    assert words_of(ConfigurationError, lambda: row().time("bought", tz="Mars/Base")) == (
        "row.time(tz='Mars/Base'): no such time zone; "
        "this machine knows none; write pip install tzdata"
    )


def test_an_error_of_the_values_code_is_one_of_the_row():
    class Broken:
        def __getattribute__(self, name):
            raise ZeroDivisionError("boom")

    with pytest.raises(MPFluentError) as caught:
        row({"c": Broken()}).text("c")

    assert str(caught.value).startswith("policies.csv:3: c=<")
    assert str(caught.value).endswith(": raised ZeroDivisionError")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_pick_that_is_required_is_an_error_where_a_cell_is_missing():
    picked = Row({"plan": "pro", "brand": ""})

    assert picked.pick("plan", required=True) == {"plan": "pro"}
    assert picked.pick(required="plan") == {"required": "plan"} | {"required": "pro"}
    with pytest.raises(InvalidValue, match="brand='': is missing, and must not be"):
        picked.pick("brand", required=True)
