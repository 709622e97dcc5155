"""Batches in JSON that something is wrong with."""

import json

from hypothesis import strategies as st

from mpfluent.testing.strategies import batches

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def damaged(draw):
    """A batch in JSON, in which some values are others."""
    entry = json.loads(draw(batches()).to_json())
    for _ in range(draw(st.integers(1, 3))):
        inner = entry
        while isinstance(inner, dict | list) and inner:
            key = draw(
                st.sampled_from(list(inner) if isinstance(inner, dict) else range(len(inner)))
            )
            if not isinstance(inner[key], dict | list) or not inner[key] or draw(st.booleans()):
                inner[key] = draw(JSON)
                break
            inner = inner[key]
    return entry
