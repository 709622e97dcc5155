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
WORDS = st.sampled_from([*CELLS, *AS, *KEYS, *EVENTS, "product", "92", "web", "search"])
CONSTANTS = st.one_of(
    *(WORDS, WORDS, st.text(max_size=3), st.integers(), st.booleans()),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    CONSTANTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=3)
        | st.fixed_dictionaries(
            {"column": st.sampled_from([*CELLS])}, optional=dict.fromkeys(KEYS[1:], inner)
        )
    ),
    max_leaves=6,
)


def keywords(verb):
    return st.sampled_from([*inspect.signature(verb).parameters, "when", "product"])


@st.composite
def files(draw):
    """Return the text of a file in which the keys mostly exist."""
    file = {}
    for section in draw(st.sets(st.sampled_from([*CONTEXT, "key", "job", "tz"]), max_size=4)):
        names = keywords(CONTEXT[section]) if section in CONTEXT else WORDS
        file[section] = draw(st.dictionaries(names, VALUES, max_size=3) | VALUES)
    if verbs := draw(st.lists(st.sampled_from([*EVENTS]), max_size=2)):
        file["event"] = [
            {"verb": verb} | draw(st.dictionaries(keywords(EVENTS[verb]), VALUES, max_size=3))
            for verb in verbs
        ]
    return "\n".join(f"{toml(key)} = {toml(value)}" for key, value in file.items())


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
