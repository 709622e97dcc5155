"""A mapping file and the function that says the same give the same batches."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from mappings import mapping

from mpfluent import Batch, InvalidBatch
from mpfluent.rows import Place, Row
from mpfluent.rows.row import Table

FILE = mapping("""
key = ["Policy Number"]
job = "policies 2026-11"
data_plan = { plan_id = "main", plan_version = 3 }
tz = "Europe/London"                           # also in a column

[user]
customer_id = "customer_id"
email = { column = "Email Address", lower = true }

[user_attributes]
"$firstname" = "first_name"
spend = { column = "spend", as = "number" }

[[event]]
verb = "event"
name = "Policy imported"
type = "transaction"
at = { column = "bought", format = "%d/%m/%Y" }
attributes = ["Product", "Brand", { column = "Multicar", as = "flag" }]      # or a table: { brand = "Brand" }
when = "Product"                               # only where this cell is not missing
""")  # noqa: E501, it is that of the design


def imported(row: Row) -> Batch:
    """Return what the file says, by hand."""
    customer_id, email = row.text("customer_id"), row.text("Email Address")
    batch = Batch.for_user(customer_id=customer_id, email=email and email.lower())
    attributes, spend = row.pick(**{"$firstname": "first_name"}), row.number("spend")
    if spend is not None:
        attributes["spend"] = spend
    batch = batch.with_data_plan("main", 3).with_user_attributes(attributes)
    if not row.pick("Product"):
        return batch
    attributes, multicar = row.pick("Product", "Brand"), row.flag("Multicar")
    if multicar is not None:
        attributes["Multicar"] = multicar
    at = row.time("bought", "%d/%m/%Y")
    return batch.event("Policy imported", attributes, type="transaction", at=at)


COLUMNS = (
    *("Policy Number", "customer_id", "Email Address", "first_name", "spend", "bought", "Product"),
    *("Brand", "Multicar"),
)
MISSING = [None, "", " ", "nan", "NULL", float("nan")]
MOMENTS = [date(2026, 11, 30), datetime(2026, 11, 30, 12), datetime(2026, 3, 29, 1, 30)]
DIRT = st.one_of(
    st.sampled_from([*MISSING, *MOMENTS, True, 17, 17.0, Decimal("19.90"), b"\xff", [1], "\ud800"]),
    st.text(max_size=5),
    st.floats(),
    st.integers(),
)
USUAL = {
    "Email Address": st.sampled_from(["A@b.Example", "a@b.example"]),
    "spend": st.decimals(0, 1000, places=2).map(str),
    "bought": st.dates(date(2020, 1, 1), date(2030, 1, 1)).map(lambda day: f"{day:%d/%m/%Y}"),
    "Multicar": st.sampled_from(["Y", "n", "true", "0", "maybe"]),
}


@st.composite
def rows(draw):
    """Return a row in which most cells are as they should be."""
    usual = {name: USUAL.get(name, st.text(min_size=1, max_size=5)) for name in COLUMNS}
    dirty = draw(st.sets(st.sampled_from(COLUMNS), max_size=3))
    cells = {name: draw(DIRT if name in dirty else usual[name]) for name in COLUMNS}
    table = Table(columns=frozenset(COLUMNS), zone=ZoneInfo("Europe/London"))
    return Row(cells, Place("policies.csv", 2, 0), table)


def outcome(function, row):
    """Return the batch of a row, or the error that makes it a reject."""
    try:
        return function(row)
    except InvalidBatch as error:
        text = str(error).replace("for_user(", "with_identities(")
        return type(error).__name__, text


@given(rows())
def test_a_file_and_the_function_that_says_the_same_give_equal_batches(row):
    assert outcome(FILE, row) == outcome(imported, row)


@given(rows())
def test_a_file_gives_the_same_batch_each_time(row):
    assert outcome(FILE, row) == outcome(FILE, row)
