"""What stands for a value in a mapping file, and which rows send it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from mappings import EVENT, USER, batch_of, exported, mapping, row_of

from mpfluent import Batch, InvalidValue, Product, UserIdentity
from mpfluent.rows import Place, Row
from mpfluent.rows.row import Table

NOW = "2026-11-30T10:15:00Z"
NOW_MS = 1_796_033_700_000


def attributes(text, **cells):
    """Return the user attributes that a section makes of these cells."""
    return exported(f"[user_attributes]\n{text}", **cells).get("user_attributes", {})


def moment(text, **cells):
    """Return the ``at`` of an event, as text in UTC."""
    batch = batch_of(EVENT + text, **cells)
    return datetime.fromtimestamp(batch.events[0].at / 1000, UTC).isoformat()


def test_text_is_the_name_of_a_column():
    assert exported('[user]\ncustomer_id = "User Id"', **{"User Id": 123456.0}) == {
        "user_identities": {"customer_id": "123456"}
    }


def test_a_table_with_the_column_alone_says_the_same():
    one = batch_of('[user]\nemail = "mail"', mail="A@b.example")
    other = batch_of('[user]\nemail = { column = "mail" }', mail="A@b.example")

    assert one == other == Batch.for_user(email="A@b.example")


@pytest.mark.parametrize(
    ("word", "cell", "value"),
    [
        ("text", 17.0, "17"),
        ("number", "19.90", 19.9),
        ("decimal", "19.90", Decimal("19.90")),
        ("integer", "3.0", 3),
        ("flag", "Y", True),
        ("time", NOW, "2026-11-30T10:15:00+00:00"),
        ("json", '["a", "b"]', ["a", "b"]),
        ("tag", "yes", None),
    ],
)
def test_as_says_what_a_cell_is(word, cell, value):
    assert attributes(f'a = {{ column = "c", as = "{word}" }}', c=cell) == {"a": value}


@pytest.mark.parametrize(
    ("cell", "value"),
    [("19.90", "19.90"), (3, 3), (True, True), (date(2026, 11, 30), "2026-11-30")],
)
def test_an_attribute_is_the_cell_as_it_stands(cell, value):
    assert attributes('a = "c"', c=cell) == {"a": value}


def test_a_tag_is_an_attribute_without_a_value_and_the_row_remembers_it():
    row = row_of(c="yes", d="no", e="", f=True)
    text = "".join(f'"the {name}" = {{ column = "{name}", as = "tag" }}\n' for name in "cdef")
    batch = mapping(f"[user_attributes]\n{text}")(row)

    assert batch.user_attributes == {"the c": None, "the f": None}
    assert row.tags == {"the c", "the f"}


@pytest.mark.parametrize("cell", [None, "", "  ", "nan", "NULL", "n/a", float("nan")])
def test_what_is_missing_is_not_sent(cell):
    text = (
        '[user]\ncustomer_id = "id"\nmpid = "c"\nemail = { column = "c", lower = true }\n'
        '[user_attributes]\na = "c"\nb = { column = "c", as = "number" }\n'
        't = { column = "c", as = "tag" }\nl = { column = "c", as = "time" }\n'
        '[device]\nos_version = "c"\n[application]\npackage = "c"\n'
        '[location]\nlatitude = "c"\nlongitude = "c"\n'
        '[partner_identities]\nAcme_Id = "c"\n[integration_attributes.92]\na = "c"\n'
        '[gdpr_consent.marketing]\nconsented = "c"\nat = "c"\n'
        '[ccpa_data_sale_opt_out]\nopted_out = "c"\nat = "c"\n'
        '[[event]]\nverb = "event"\nname = "Bought"\nat = "c"\nattributes = ["c"]\n'
        'location = { latitude = "c", longitude = "c" }\n'
        '[[event]]\nverb = "purchase"\ntransaction_id = "c"\n[[event.product]]\nid = "c"\n'
        '[[event]]\nverb = "screen_view"\nscreen_name = "c"\n'
    )
    texts = f'ip = "c"\npartner_identity = "c"\nmp_deviceid = "c"\n{text}'

    assert batch_of(texts, id="17", c=cell) == Batch.for_user(customer_id="17").event("Bought")


def test_an_event_without_any_values_is_in_every_batch():
    assert batch_of(USER + '[[event]]\nverb = "first_run"\n', id="1") == (
        Batch.for_user(customer_id="1").first_run()
    )


def test_what_a_verb_cannot_do_without_is_its_error():
    with pytest.raises(InvalidValue) as caught:
        batch_of('[[event]]\nverb = "screen_view"\nscreen_name = "c"\nat = "t"', c="", t=NOW)

    assert str(caught.value) == "screen_view() needs screen_name; write screen_view(screen_name=…)"


def test_nobody_opts_out_by_a_missing_cell():
    with pytest.raises(InvalidValue):
        batch_of('[[event]]\nverb = "opt_out"\nis_opted_out = "c"\nat = "t"', c="", t=NOW)
    with pytest.raises(InvalidValue):
        batch_of('[ccpa_data_sale_opt_out]\nopted_out = "c"\nat = "t"', c="", t=NOW)


# The keys of a value


def test_lower_is_for_text():
    assert exported('[user]\nemail = { column = "c", lower = true }', c="A@B.Example") == {
        "user_identities": {"email": "a@b.example"}
    }
    assert attributes('a = { column = "c", lower = true }', c="ABC") == {"a": "abc"}
    assert attributes('a = { column = "c", lower = false }', c="ABC") == {"a": "ABC"}


def test_default_stands_for_a_missing_cell():
    text = 'a = { column = "c", as = "integer", default = 3 }'

    assert attributes(text, c="") == {"a": 3}
    assert attributes(text, c="4") == {"a": 4}
    assert moment(f'at = {{ column = "c", default = {NOW} }}', c="") == NOW.replace("Z", "+00:00")


def test_a_missing_cell_that_is_required_is_an_error_with_its_place():
    text = '[user]\ncustomer_id = { column = "c", required = true }'
    with pytest.raises(InvalidValue) as caught:
        mapping(text)(row_of(line=7, c="nan"))

    assert str(caught.value) == (
        "policies.csv:7: c='nan' is missing, and policies.toml: user.customer_id requires it"
    )
    assert caught.value.field == "c"
    assert batch_of(text, c="17") == Batch.for_user(customer_id="17")


def test_a_required_cell_may_have_no_column_in_a_row_of_its_own_columns():
    text = '[user]\ncustomer_id = { column = "c", required = true }'
    with pytest.raises(InvalidValue, match=r"row:1: c=None is missing"):
        mapping(text)(Row({}))


def test_a_cell_that_says_something_else_is_an_error_with_its_place():
    with pytest.raises(InvalidValue) as caught:
        mapping('[user]\nmpid = "c"')(row_of(line=7, c="seven"))

    assert str(caught.value).startswith("policies.csv:7: c='seven': want a whole number")


def test_when_sends_a_value_only_where_another_cell_is_there():
    text = 'a = { column = "c", when = "d" }\nb = { value = "x", when = "d" }'

    assert attributes(text, c="1", d="y") == {"a": "1", "b": "x"}
    assert attributes(text, c="1", d="") == {}


def test_when_adds_an_event_only_where_a_cell_is_there():
    text = EVENT + 'when = "d"'

    assert batch_of(text, d="x") == Batch().event("Bought")
    assert batch_of(text, d="none") == Batch()


def test_when_stands_in_sections_and_records_too():
    text = (
        f'[gdpr_consent.marketing]\nconsented = true\nat = {NOW}\nwhen = "c"\n'
        '[[event]]\nverb = "purchase"\n[[event.product]]\nid = { value = "sku-1" }\nwhen = "c"\n'
    )
    consented = Batch().with_gdpr_consent("marketing", True, at=NOW)

    assert batch_of(text, c="x") == consented.purchase(Product("sku-1"))
    assert batch_of(text, c="") == Batch()


def test_what_is_no_text_is_a_constant():
    text = (
        "[user]\nmpid = 7\n[user_attributes]\nsize = 19.99\nvip = true\ncolours = ['red', 'blue']\n"
        f"[[event]]\nverb = 'event'\nname = 'Bought'\nat = {NOW}\nis_goal_defined = false\n"
    )

    assert batch_of(text) == (
        Batch.for_user(mpid=7)
        .with_user_attributes(size=Decimal("19.99"), vip=True, colours=["red", "blue"])
        .event("Bought", at=NOW, is_goal_defined=False)
    )


def test_value_is_a_constant_that_is_text():
    assert attributes('source = { value = "import" }') == {"source": "import"}
    assert moment(f'at = {{ value = "{NOW}" }}') == NOW.replace("Z", "+00:00")


def test_a_word_of_a_closed_list_is_the_word_itself():
    text = '[device]\nplatform = "web"\n' + EVENT + 'type = "transaction"'

    assert batch_of(text) == (
        Batch().with_device(platform="web").event("Bought", type="transaction")
    )


def test_a_column_can_hold_the_word_or_the_name():
    text = (
        '[device]\nplatform = { column = "p" }\n'
        '[[event]]\nverb = "event"\nname = { column = "n" }\ntype = { column = "t", lower = true }'
    )

    assert batch_of(text, p="web", n="Bought", t="Search") == (
        Batch().with_device(platform="web").event("Bought", type="search")
    )


# Times


def test_a_format_and_a_zone_are_of_the_column():
    assert moment(
        'at = { column = "c", format = "%d/%m/%Y %H:%M", tz = "Europe/Paris" }',
        c="30/06/2026 12:00",
    ) == ("2026-06-30T10:00:00+00:00")
    assert moment('at = { column = "c", format = "s" }', c="1796033700") == (
        "2026-11-30T10:15:00+00:00"
    )


def zoned(text, table_zone, cell="2026-06-30T12:00"):
    zone = ZoneInfo(table_zone) if table_zone else None
    table = Table(columns=frozenset({"c"}), zone=zone)
    batch = mapping(text)(Row({"c": cell}, Place("policies.csv", 2, 0), table))
    return datetime.fromtimestamp(batch.events[0].at / 1000, UTC).hour


def test_the_zone_of_a_value_goes_before_that_of_the_table_and_that_before_the_files():
    file = 'tz = "Europe/London"\n' + EVENT

    assert zoned(file + 'at = "c"', None) == 11
    assert zoned(file + 'at = "c"', "Asia/Tokyo") == 3
    assert zoned(file + 'at = { column = "c", tz = "America/New_York" }', "Asia/Tokyo") == 16
    assert zoned(EVENT + 'at = "c"', "Asia/Tokyo") == 3


@pytest.mark.parametrize(
    ("written", "hour"), [("2026-06-30T12:00:00", 11), ("2026-06-30", 23), (NOW, 10)]
)
def test_a_constant_time_without_a_zone_is_in_the_files(written, hour):
    made = batch_of(f'tz = "Europe/London"\n{EVENT}at = {written}')

    assert datetime.fromtimestamp(made.events[0].at / 1000, UTC).hour == hour


# Maps


def test_a_list_of_columns_keeps_their_names_and_a_table_gives_others():
    cells = {"Product": "Car", "Brand": "", "Multicar": "Y"}
    listed = EVENT + 'attributes = ["Product", "Brand", { column = "Multicar", as = "flag" }]'
    named = EVENT + 'attributes = { product = "Product", "a b" = "Multicar", c = { value = "x" } }'

    assert batch_of(listed, **cells) == (
        Batch().event("Bought", {"Product": "Car", "Multicar": True})
    )
    assert batch_of(named, **cells) == (
        Batch().event("Bought", {"product": "Car", "a b": "Y", "c": "x"})
    )


def test_attributes_keep_the_order_of_the_file():
    text = 'd = "c"\nb = { column = "c", as = "integer" }\na = "c"\nc = { value = "x" }\n'
    (found,) = batch_of(f"[user_attributes]\n{text}", c="1").to_dict().values()

    assert list(found) == ["d", "b", "a", "c"]


def test_a_column_of_json_objects_is_a_whole_map():
    text = EVENT + 'attributes = { column = "c", as = "json" }'

    assert batch_of(text, c='{"a": 1}') == Batch().event("Bought", {"a": 1})
    assert batch_of(text, c="") == Batch().event("Bought")


def test_user_attributes_may_be_a_list_of_columns():
    assert exported('user_attributes = ["plan", "country"]', plan="pro", country="") == {
        "user_attributes": {"plan": "pro"}
    }


def test_names_and_columns_may_be_any_text():
    text = '[user_attributes]\n"self" = "é \\" x"\n"row" = "c"\ncolumn = "c"\nx = "c"\n'

    assert exported(text, **{'é " x': "1", "c": "2"})["user_attributes"] == {
        "self": "1",
        "row": "2",
        "column": "2",
        "x": "2",
    }


def test_attributes_that_are_deleted_are_named():
    text = 'deleted_user_attributes = ["plan", { value = "trial", when = "c" }, { column = "d" }]'

    assert batch_of(text, c="", d="") == Batch().with_deleted_user_attributes("plan")
    assert batch_of(text, c="x", d="age") == (
        Batch().with_deleted_user_attributes("plan", "trial", "age")
    )


def test_maps_of_partners_and_integrations():
    text = '[partner_identities]\nAcme_Id = "c"\n[integration_attributes.92]\nid = "c"\n'

    assert batch_of(text, c="17") == (
        Batch()
        .with_partner_identities({"Acme_Id": "17"})
        .with_integration_attributes(92, {"id": "17"})
    )


def test_products_are_tables_below_their_event():
    text = (
        '[[event]]\nverb = "purchase"\ntransaction_id = "order"\n'
        'currency_code = { value = "EUR" }\n'
        '[[event.product]]\nid = "sku1"\nprice = "price1"\n'
        '[[event.product]]\nid = "sku2"\n'
        '[[event]]\nverb = "add_to_cart"\nproduct = [{ id = "sku1" }]\n'
        '[[event]]\nverb = "impression"\nproduct_impression_list = { value = "Search" }\n'
        '[event.product]\nid = "sku1"\nattributes = ["size"]\n'
    )
    made = batch_of(text, order="t-1", sku1="a", price1="9.99", sku2="", size="L")

    assert made == (
        Batch()
        .purchase(Product("a", price=9.99), transaction_id="t-1", currency_code="EUR")
        .add_to_cart(Product("a"))
        .impression("Search", Product("a", attributes={"size": "L"}))
    )


def test_a_map_of_maps_may_be_a_constant():
    text = "[application]\napple_search_ads_attributes = { v1 = { campaign = 'x' } }"
    expected = {"v1": {"campaign": "x"}}

    assert batch_of(text) == Batch().with_application(apple_search_ads_attributes=expected)


def test_what_may_be_none_need_not_be_written():
    text = (
        '[[event]]\nverb = "user_identity_change"\n'
        'new = { identity_type = "email", identity = "mail", timestamp_unixtime_ms = "t" }'
    )
    new = UserIdentity("email", "a@b.example", NOW)

    assert batch_of(text, mail="a@b.example", t=NOW) == Batch().user_identity_change(new, None)


# The whole file


def test_the_file_may_name_the_key_the_job_the_zone_and_the_data_plan():
    found = mapping(
        'key = ["Policy Number"]\njob = "policies 2026-11"\ntz = "Europe/London"\n'
        'data_plan = { plan_id = "main", plan_version = 3 }\n' + USER
    )

    assert (found.key, found.job, found.tz) == (
        ("Policy Number",),
        "policies 2026-11",
        "Europe/London",
    )
    assert found.data_plan.to_dict() == {"plan_id": "main", "plan_version": 3}
    assert found(Row({"id": "1"})) == (Batch.for_user(customer_id="1").with_data_plan("main", 3))
    assert repr(found) == "<Mapping policies.toml>"


def test_the_file_need_not_name_them():
    found = mapping(USER)

    assert (found.key, found.job, found.tz, found.data_plan) == ((), None, None, None)


def test_one_column_may_be_the_key():
    assert mapping('key = "id"\n' + USER).key == ("id",)


def test_a_data_plan_of_columns_is_no_default():
    found = mapping('[data_plan]\nplan_id = "main"\nplan_version = "v"\n')

    assert found.data_plan is None
    assert found(row_of(v="3")) == Batch().with_data_plan("main", 3)


def test_sections_may_stand_in_any_order_and_events_keep_theirs():
    text = EVENT + '[[event]]\nverb = "first_run"\n[device]\nplatform = "web"\n' + USER
    made = batch_of(text, id="1")

    assert made == (
        Batch.for_user(customer_id="1").with_device(platform="web").event("Bought").first_run()
    )


def test_a_file_may_begin_with_a_byte_order_mark_and_end_its_lines_as_windows_does():
    data = "\ufeff" + USER.replace("\n", "\r\n")

    assert mapping(data.encode())(Row({"id": "1"})) == Batch.for_user(customer_id="1")


def test_a_row_of_its_own_columns_may_have_none_of_them():
    assert mapping(USER + EVENT)(Row({})) == Batch().event("Bought")


def test_a_batch_of_one_row_does_not_leak_into_the_next():
    made = mapping(
        '[user]\nmpid = 7\ncustomer_id = "id"\n'
        '[user_attributes]\ncolours = ["red"]\na = "a"\n'
        '[[event]]\nverb = "impression"\nproduct_impression_list = { value = "Search" }\n'
        '[[event.product]]\nid = "id"\n'
    )
    first = made(row_of(id="1", a="x"))
    second = made(row_of(id="", a=""))

    assert first.user_identities.customer_id == "1"
    assert second == (
        Batch.for_user(mpid=7).with_user_attributes(colours=["red"]).impression("Search")
    )
