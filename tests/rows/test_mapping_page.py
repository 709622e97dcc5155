"""docs/rows-mapping.md: each file makes of its row the batch that stands below it."""

from __future__ import annotations

import json

import pytest
from mappings import EVENT, batch_of, mapping
from pages import ROOT, blocks, column

from mpfluent import Batch, ConfigurationError
from mpfluent.rows import Row
from mpfluent.rows.mapping_sections import CONTEXT
from mpfluent.rows.mapping_values import AS, KEYS

PAGE = "docs/rows-mapping.md"
BLOCKS = [block for block in blocks(ROOT / PAGE) if block.kind in ("toml", "json")]
EXAMPLES = [BLOCKS[i : i + 3] for i in range(0, len(BLOCKS), 3)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"line-{example[0].line}")
def test_the_file_makes_of_the_row_the_batch(example):
    file, row, batch = example
    made = mapping(file.text)(Row(json.loads(row.text)))

    assert [block.kind for block in example] == ["toml", "json", "json"]
    assert made == Batch.from_json(batch.text)


def test_the_page_has_examples():
    assert len(EXAMPLES) == 3


MISTAKES = {
    "'costumer_id'": '[user]\ncostumer_id = "id"',
    '"purchse"': '[[event]]\nverb = "purchse"',
    '"DD/MM"': EVENT + EVENT + 'at = { column = "c", format = "DD/MM" }',
    "'customer_id = id'": "\n\n\n\n\n[user]\ncustomer_id = id",
    '"Prodct"': EVENT + 'attributes = ["Prodct"]',
}


def test_the_errors_are_those_of_mistakes():
    lines = [line for b in blocks(ROOT / PAGE) if b.kind == "text" for line in b.text.splitlines()]

    assert len(lines) == len(MISTAKES)
    for line, (word, text) in zip(lines, MISTAKES.items(), strict=True):
        assert word in line
        with pytest.raises(ConfigurationError) as caught:
            batch_of(text, Product="Car")
        assert str(caught.value) == line


def words(heading, index=0):
    return [word for word in column(PAGE, heading, index) if word.strip('"').isidentifier()]


def test_the_tables_of_values_are_complete():
    named = words("Values")

    assert [word for word in named if word in KEYS and word != "as"] == [
        key for key in KEYS if key != "as"
    ]
    assert [word.strip('"') for word in named if word.startswith('"')] == [*AS]


def test_the_table_of_sections_is_complete():
    assert sorted(words("Who, where, with what")) == sorted(CONTEXT)


def test_the_keys_of_the_whole_file_are_those_of_a_mapping():
    assert words("The whole file") == ["key", "job", "tz"]
