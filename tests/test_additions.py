"""What docs/architecture.md says to write for a new field or event type is enough.

Each test edits a copy of the package and tries it in a Python of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import mpfluent

PACKAGE = Path(mpfluent.__file__).parent
Edit = tuple[str, str, str]  # a file, a line in it, and what is added below that; or at the end


def complaints(folder: Path, edits: Iterable[Edit], program: str) -> str:
    """Return what a program complains about that runs with an edited copy of the package."""
    # with what is compiled already, but not with what is just being written
    shutil.copytree(PACKAGE, folder / "mpfluent", ignore=shutil.ignore_patterns("*.pyc.*"))
    for name, above, text in edits:
        file = folder / "mpfluent" / name
        source = file.read_text(encoding="utf-8")
        assert not above or source.count(above) == 1
        new = source.replace(above, above + text) if above else source + text
        file.write_text(new, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return done.stderr


# An event type with its verb

CLASS = """

class RatingEvent(Event, event_type="rating", verb="rated"):
    __slots__ = ()

    stars = fields.required(fields.integer())
    scale = fields.required(fields.integer())
    words = fields.text()

    def __init__(self, stars: int, *, scale: int = 5, **fields: Unpack[EventFields]) -> None:
        self._fill(RatingEvent, fields, stars, scale)
"""
VERB = """
    def rated(self: V, stars: int, *, scale: int = 5, **fields: Unpack[EventFields]) -> V:
        return self._event(events.RatingEvent, "rated", fields, stars, scale)

"""
EDITS: tuple[Edit, ...] = (
    ("model/events.py", "", CLASS),
    ("builder/event_verbs.py", "class EventVerbs(CommerceVerbs):\n", VERB),
    ("__init__.py", '"model.events": (\n', '        "RatingEvent "\n'),
)
FOUND = """
from hypothesis import Phase, find, settings

# as in conftest.py: to explain a failure takes ten times as long as to find and shrink it
settings.register_profile("mpfluent", phases=set(Phase) - {Phase.explain})
settings.load_profile("mpfluent")
"""
TRIED = f"""{FOUND}
from mpfluent import *
from mpfluent import schemas
from mpfluent.testing import assert_sent, strategies
from mpfluent.testing.event_names import names_of

batch = Batch.for_user(mpid=7).rated(4, words="good", at=1795428900000).rated(3, scale=6)
code = batch.to_python()
assert "".join(code.split()).strip("()") == (
    'Batch.for_user(mpid=7)'
    '.rated(4,words="good",at="2026-11-23T10:15:00Z").rated(3,scale=6'
), code
assert eval(code) == batch
assert names_of(batch.events[0]) == ("rated", "rating"), names_of(batch.events[0])
found = find(strategies.events(), lambda event: event.event_type == "rating")
assert found == RatingEvent(0), found
assert find(strategies.bad_values(RatingEvent, "stars"), lambda bad: True).field == "stars"
assert Batch.from_json(batch.to_json()) == batch
assert schemas.BatchSchema().dump(batch) == batch.to_dict()
transport = RecordingTransport()
Client("key", "secret", environment="development", transport=transport).send(batch)
assert_sent(transport, event="rated", stars=4, words="good")
"""


def test_a_new_event_type_takes_three_files_and_is_known_everywhere(tmp_path: Path) -> None:
    assert len({name for name, _, _ in EDITS}) == 3
    assert complaints(tmp_path, EDITS, TRIED) == ""


def test_a_new_event_type_without_its_verb_is_written_with_its_class(tmp_path: Path) -> None:
    edits = [edit for edit in EDITS if edit[0] != "builder/event_verbs.py"]
    program = """
from mpfluent import Batch, RatingEvent
assert Batch().add(RatingEvent(4)).to_python() == "Batch().add(RatingEvent(4))"
"""

    assert complaints(tmp_path, edits, program) == ""


# A field

FIELD: tuple[Edit, ...] = (
    (
        "model/commerce.py",
        "class ProductFields(TypedDict, total=False):\n",
        "    shelf: int | None\n",
    ),
    (
        "model/commerce.py",
        "    total_product_amount = fields.number()\n",
        "    shelf = fields.integer()\n",
    ),
)
SHELVED = f"""{FOUND}
import inspect
from mpfluent import *
from mpfluent import schemas
from mpfluent.testing import assert_sent, strategies

product = Product("sku-1", shelf=3)
batch = Batch.for_user(mpid=7).purchase(product)
assert batch.to_json().count('"shelf":3') == 1
assert eval(batch.to_python()) == batch == Batch.from_json(batch.to_json())
assert schemas.BatchSchema().dump(batch) == batch.to_dict()
assert find(strategies.products(), lambda product: product.shelf).shelf == 1
assert find(strategies.bad_values(Product, "shelf"), lambda bad: True).field == "shelf"
assert "shelf" in inspect.signature(Product).parameters
transport = RecordingTransport()
Client("key", "secret", environment="development", transport=transport).send(batch)
assert_sent(transport, event="purchase", products=[{{"shelf": 3}}])
"""


def test_a_new_field_takes_one_file_and_is_known_everywhere(tmp_path: Path) -> None:
    assert {name for name, _, _ in FIELD} == {"model/commerce.py"}
    assert complaints(tmp_path, FIELD, SHELVED) == ""
