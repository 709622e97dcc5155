"""Whatever stands in a mapping file, it is a mapping, or a mistake that is ours to tell."""

from __future__ import annotations

import contextlib
import inspect

from hypothesis import given
from hypothesis import strategies as st
from mappings import mapping, row_of, toml

from mpfluent import Batch, ConfigurationError, InvalidBatch
from mpfluent.rows import Row
from mpfluent.rows.mapping_sections import CONTEXT, EVENTS
from mpfluent.rows.mapping_values import AS, KEYS

CELLS = {"id": "17", "mail": "a@b.example", "n": 19.5, "t": "2026-11-30T10:15:00Z", "gap": ""}
TEXT = st.text("ab é.\"'{}", max_size=3)
COLUMNS = st.sampled_from([*CELLS])
WORDS = st.sampled_from([*CELLS, *AS, *KEYS, *EVENTS, "product", "92", "web", "search"])
CONSTANTS = st.one_of(
    *(COLUMNS, WORDS, TEXT, st.integers(), st.booleans()),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    CONSTANTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | TEXT, inner, max_size=3)
        | st.fixed_dictionaries({"column": COLUMNS}, optional=dict.fromkeys(KEYS[1:], inner))
    ),
    max_leaves=6,
)


@st.composite
def tables(draw, verb):
    """Return a table with the keywords that a verb needs, and some others."""
    takes = [p for p in inspect.signature(verb).parameters.values() if p.name != "self"]
    needed = [p.name for p in takes if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    others = st.sampled_from([*(p.name for p in takes), "product", "when"])
    names = {*needed, *draw(st.sets(others, min_size=1, max_size=2))}
    return {name: draw(COLUMNS | VALUES) for name in sorted(names)}


@st.composite
def files(draw):
    """Return the text of a file with one section or one event, in which most keys exist."""
    name = draw(st.sampled_from([*CONTEXT, *EVENTS, "key", "job", "tz"]))
    if name in EVENTS:
        return f"event = {toml([{'verb': name} | draw(tables(EVENTS[name]))])}"
    written = st.one_of(COLUMNS, VALUES)
    if name in CONTEXT:
        table = tables(CONTEXT[name])
        written |= table | st.dictionaries(WORDS, table | VALUES, min_size=1, max_size=2)
    return f"{name} = {toml(draw(written))}\nip = 'id'"


def mistake(data, *rows):
    """Return what is said of a file, or nothing; a reject is a row's own affair."""
    with contextlib.suppress(InvalidBatch):
        try:
            for made in map(mapping(data), rows):
                assert isinstance(made, Batch)
        except ConfigurationError as error:
            return str(error)
    return ""


@given(files())
def test_any_file_is_a_mapping_or_a_mistake(text):
    error = mistake(text, row_of(**CELLS), Row(CELLS), Row({}))

    assert error == "" or error.startswith("policies.toml")
    assert len(error) < 1000


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_a_mapping_or_a_mistake(data):
    error = mistake(data)

    assert error == "" or error.startswith("policies.toml")
