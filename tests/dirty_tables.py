"""Tables as people have them, with known numbers of each kind of dirt, made from a seed."""

from __future__ import annotations

import csv
import gzip
import random
import sqlite3
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
# What a table calls a missing cell
BLANKS = ("", " ", "NULL", "nan", "N/A", "\xa0")


class Dirty(NamedTuple):
    """What must become of a table.

    Attributes:
        counts: fields of the report.
        rejected: rows that are rejected, by reason.
        arrived: of each row that arrives, its customer, its event and what tells the event apart.
    """

    counts: Mapping[str, int]
    rejected: Mapping[str, int]
    arrived: list[tuple[str | None, str, str]]


def kinds_of(rows: int, seed: int, thousandths: Mapping[str, int]) -> list[str]:
    """Return the kind of each row: so many thousandths of each, and all others are good."""
    kinds = [kind for kind, share in thousandths.items() for _ in range(rows * share // 1000)]
    kinds += ["good"] * (rows - len(kinds))
    random.Random(seed).shuffle(kinds)
    first = kinds.index("good")  # so that what comes twice can have come before
    kinds[0], kinds[first] = kinds[first], kinds[0]
    return kinds


def expected(kinds: list[str], outcomes: Mapping[str, str], arrived: list[Any]) -> Dirty:
    """Return what must become of rows.

    Args:
        kinds: of the rows.
        outcomes: of each kind but good: a field of the report, or the reason of a reject.
        arrived: see :class:`Dirty`.
    """
    fields = ("duplicates", "skipped")
    words = Counter(outcomes.get(kind, "delivered") for kind in kinds)
    rejected = {word: n for word, n in words.items() if word not in (*fields, "delivered")}
    counts = {name: words[name] for name in (*fields, "delivered")}
    counts |= {"rows": len(kinds), "rejected": sum(rejected.values())}
    return Dirty(counts, rejected, sorted(arrived, key=str))


def audience(folder: Path, rows: int) -> Dirty:
    """Write an unload of an audience: four parts, compressed, with bars between the cells."""
    chance = random.Random(17)
    outcomes = {
        "nobody": "nobody",
        "no segment": "skipped",
        "a year of two digits": "invalid",
        "a score with a comma": "invalid",
        "torn": "unreadable",
        "latin": "unreadable",
    }
    kinds, arrived = kinds_of(rows, 1, dict.fromkeys(outcomes, 12) | {"blank": 90}), []
    parts: list[list[bytes]] = [[] for _ in range(4)]
    for number, kind in enumerate(kinds):
        # a user is in three segments; a leading zero is no number's; zeros only are nobody's
        user = f"{number // 3 + 1:08}"
        day = BEGUN + timedelta(minutes=number)
        cells = {
            "membership": f"M-{number}",
            "customer_id": chance.choice(BLANKS) if kind == "nobody" else user,
            "email": chance.choice(BLANKS) if kind in ("blank", "nobody") else f"{user}@a.example",
            "segment": chance.choice(BLANKS) if kind == "no segment" else f"segment {number % 3}",
            "entered": day.strftime(
                "%d/%m/%y" if kind == "a year of two digits" else "%Y-%m-%d %H:%M"
            ),
            "score": "0,5" if kind == "a score with a comma" else f"{number % 100 / 100}",
            "vip": chance.choice(("Y", "n", "TRUE", "0", "")),
        }
        line = "|".join([*cells.values()][: 5 if kind == "torn" else 7]).encode()
        if kind == "latin":
            line = line.replace(b"segment", b"s\xe9gment")
        parts[number * 4 // rows].append(line)
        if kind in ("good", "blank"):
            arrived.append((user, "Audience entered", f"M-{number}"))
    header = "|".join(cells).encode()
    for number, lines in enumerate(parts):
        content = b"\n".join([header, *lines, b""])
        (folder / f"audience_{number:04}_part_00.gz").write_bytes(gzip.compress(content, 1))
    return expected(kinds, outcomes, arrived)


def policies(folder: Path, rows: int) -> Dirty:
    """Write policies of 23 columns, in three files of an old Windows."""
    chance = random.Random(18)
    outcomes = {
        "nobody": "nobody",
        "an American date": "invalid",
        "a date that is none": "invalid",
        "a premium with a sign": "invalid",
        "a flag that is none": "invalid",
        "no number": "invalid",
        "too short": "unreadable",
        "twice": "duplicates",
    }
    kinds = kinds_of(rows, 2, dict.fromkeys(outcomes, 10) | {"blank": 200})
    arrived: list[tuple[str, str, str]] = []
    lines: list[list[str]] = []
    for number, kind in enumerate(kinds):
        gap = kind == "blank"
        bought = BEGUN + timedelta(days=number % 90)
        policy = chance.choice(arrived)[2] if kind == "twice" else f"P/{number:06}"
        cells = {
            "Policy Number": " " if kind == "no number" else policy,
            "Customer": chance.choice(BLANKS) if kind == "nobody" else f"C{number % 700}",
            "Email Address": "" if gap or kind == "nobody" else f"Müller{number}@Example.DE ",
            "First Name": "" if gap else "Jürgen",
            "Last Name": "" if gap else 'O"Neill, jr.',
            "Street": "Straße 1\nHinterhaus" if number % 7 == 0 else "Straße 1",
            "City": "Köln",
            "Postcode": f"{number % 100_000:05}",
            "Country": "NA",  # Namibia
            "Phone": "" if gap else "0049 221 1",
            "Product": "Home" if number % 2 else "Car",
            "Brand": "Acme",
            "Premium": "£1,200.00" if kind == "a premium with a sign" else f"{number % 900}.50",
            "Excess": "" if gap else "250",
            "Cover": "100000",
            "Multicar": "maybe" if kind == "a flag that is none" else chance.choice("YyNn"),
            "Renewal": chance.choice(("yes", "no", "")),
            "Term": "12",
            "Channel": "web",
            "Agent": "" if gap else "17",
            "Bought": f"{bought:%d/%m/%Y}",
            "Starts": "" if gap else f"{bought:%d/%m/%Y %H:%M}",
            "Notes": "–",
        }
        cells |= {
            "an American date": {"Bought": "12/25/2026"},
            "a date that is none": {"Bought": "31/02/2026"},
        }.get(kind, {})
        lines.append([*cells.values()][: 20 if kind == "too short" else 23])
        if kind in ("good", "blank"):
            arrived.append((cells["Customer"], "Policy imported", policy))
    for number, name in enumerate("abc"):
        path = folder / f"policies-{name}.csv"
        with path.open("w", encoding="cp1252", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(cells)
            writer.writerows(lines[number * rows // 3 : (number + 1) * rows // 3])
    return expected(kinds, outcomes, arrived)


def coupons(rows: int) -> tuple[list[dict[str, Any]], Dirty]:
    """Return coupons as a data frame's records: a fifth comes twice, and gaps made ids floats."""
    chance = random.Random(19)
    outcomes = {
        "nobody": "nobody",
        "void": "skipped",
        "no coupon": "invalid",
        "long": "limit",
        "no time": "invalid",
        "twice": "duplicates",
    }
    shares = dict.fromkeys(outcomes, 10) | {"twice": 200}
    kinds = kinds_of(rows, 3, shares)
    records: list[dict[str, Any]] = []
    arrived: list[tuple[str, str, str]] = []
    for number, kind in enumerate(kinds):
        customer, coupon = 100_000.0 + number % 400, f"SAVE-{number}"
        if kind == "twice":
            before, _, coupon = chance.choice(arrived)
            customer = float(before)
        records.append(
            {
                "customer": float("nan") if kind == "nobody" else customer,
                "coupon": None if kind == "no coupon" else coupon,
                "status": "VOID" if kind == "void" else "used",
                "amount": float("nan") if number % 5 == 0 else number % 50 + 0.99,
                "redeemed": float("inf") if kind == "no time" else 1_795_000_000.0 + number,
                "note": "x" * 5000 if kind == "long" else None,
            }
        )
        if kind == "good":
            arrived.append((f"{customer:.0f}", "Coupon redeemed", coupon))
    return records, expected(kinds, outcomes, arrived)


def scores(rows: int) -> tuple[sqlite3.Connection, Dirty]:
    """Return a warehouse that has scores, and an empty table for what fails."""
    outcomes = {"nobody": "nobody", "a score of text": "invalid", "a day of text": "invalid"}
    kinds = kinds_of(rows, 4, dict.fromkeys(outcomes, 15) | {"blank": 100})
    warehouse = sqlite3.connect(":memory:")
    warehouse.execute("CREATE TABLE scores (customer_id, churn, lifetime_value, scored_at)")
    warehouse.execute("CREATE TABLE failed_records (customer_id, reason, error)")
    warehouse.executemany(
        "INSERT INTO scores VALUES (?, ?, ?, ?)",
        [
            (
                None if kind == "nobody" else number,
                "high" if kind == "a score of text" else number % 100 / 100,
                None if kind == "blank" else number * 10,
                "yesterday" if kind == "a day of text" else f"2026-11-{number % 28 + 1:02}",
            )
            for number, kind in enumerate(kinds)
        ],
    )
    arrived = [
        (str(number), "Scored", str(number))
        for number, kind in enumerate(kinds)
        if kind in ("good", "blank")
    ]
    return warehouse, expected(kinds, outcomes, arrived)
