"""Which verb sets a field or makes an event is declared once, and everybody reads it there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from strategies import example, full_events, minimal_events

import mpfluent
from mpfluent import (
    ApplicationStateTransitionEvent,
    Batch,
    CommerceEvent,
    Event,
    EventVerbs,
    ProductAction,
    Promotion,
    Session,
    UserIdentities,
)
from mpfluent.testing.event_names import names_of
from mpfluent.testing.strategies.batches import said
from mpfluent.testing.strategies.records import EVENT_CLASSES, words

PACKAGE = Path(mpfluent.__file__).parent
COMMERCE_VERBS, CONTEXT_VERBS = (
    next(base for base in Batch.__mro__ if base.__name__ == name)
    for name in ("CommerceVerbs", "ContextVerbs")
)


def public(*classes: type[Any]) -> set[str]:
    """Return the verbs that these classes define."""
    return {
        name
        for cls in classes
        for name, member in vars(cls).items()
        if callable(member) and not name.startswith("_")
    }


# Events


def events() -> Iterator[Event]:
    """Yield an event for each verb, by its constructor where several verbs make one class."""
    yield from minimal_events()
    for action in words(ProductAction, ProductAction._fields["action"]):
        yield CommerceEvent(product_action=ProductAction(action))
    transition = ApplicationStateTransitionEvent
    for word in ("initialized", "foreground", "background", "exit"):
        yield transition(f"application_{word}")  # type: ignore[arg-type]
    yield transition.create_install_event()
    yield transition.create_upgrade_event()
    batch = Batch().promotion_view(Promotion("promo-1")).promotion_click(Promotion("promo-1"))
    batch = batch.attribution("a", "b").attribution_delete().re_engagement(campaign="b")
    yield from batch.ltv_increase(5).events


EVENTS = [*events()]


@pytest.mark.parametrize("cls", EVENT_CLASSES)
def test_an_event_class_says_which_verb_makes_it(cls: type[Event]) -> None:
    makers = [event._made_by() for event in (*EVENTS, *full_events()) if type(event) is cls]

    assert makers
    assert None not in makers


@pytest.mark.parametrize("kind", [Batch, Session])
def test_each_verb_that_an_event_names_exists(kind: type[Any]) -> None:
    named = {str(event._made_by()) for event in (*EVENTS, *full_events())}

    assert {name for name in named if not callable(getattr(kind, name, None))} == set()


def test_each_verb_that_appends_an_event_is_named_by_one() -> None:
    assert {event._made_by() for event in EVENTS} == public(EventVerbs, COMMERCE_VERBS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event._made_by())
def test_the_code_of_an_event_uses_the_verb_that_it_names(event: Event) -> None:
    code = Batch().add(event).to_python()

    assert "".join(code.split()).lstrip("(").startswith(f"Batch().{event._made_by()}(")


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event._made_by())
def test_an_event_is_found_by_the_verb_that_it_names(event: Event) -> None:
    # event() makes every custom event, so that its name would find them all
    assert (event._made_by() in names_of(event)) == (event._made_by() != "event")


# An event type more: what docs/architecture.md says to write, in three files.

CLASS = """

class RatingEvent(Event, event_type="rating", verb="rated"):
    __slots__ = ()

    stars = required(integer())
    scale = required(integer())
    words = text()

    def __init__(self, stars: int, *, scale: int = 5, **fields: Unpack[EventFields]) -> None:
        self._fill("RatingEvent", {"stars": stars, "scale": scale, **fields})
"""
VERB = """
    @expand_kwargs
    def rated(self: V, stars: int, *, scale: int = 5, **fields: Unpack[EventFields]) -> V:
        return self._event(RatingEvent, "rated", {"stars": stars, "scale": scale, **fields})

"""
EDITS = (  # file, what stands there, what is added below it
    ("model/events.py", "", CLASS),
    ("builder/event_verbs.py", "from ..model.events import (\n", "    RatingEvent,\n"),
    ("builder/event_verbs.py", "class EventVerbs(CommerceVerbs):\n", VERB),
    ("__init__.py", '"model.events": (\n', '        "RatingEvent "\n'),
    ("__init__.py", "__all__ = [\n", '    "RatingEvent",\n'),
)
TRIED = """
from hypothesis import find
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


def with_a_new_event(folder: Path, *left_out: str) -> dict[str, str]:
    """Copy the package, declare an event type in it, and return the environment that loads it."""
    shutil.copytree(PACKAGE, folder / "mpfluent", ignore=shutil.ignore_patterns("__pycache__"))
    for name, above, text in EDITS:
        file = folder / "mpfluent" / name
        source = file.read_text(encoding="utf-8")
        if name not in left_out:
            assert not above or source.count(above) == 1
            new = source.replace(above, above + text) if above else source + text
            file.write_text(new, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(folder)}


def run(program: str, environment: dict[str, str], folder: Path) -> str:
    """Return what a program complains about in a Python of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=folder, capture_output=True, text=True
    )
    return done.stderr


def test_a_new_event_type_takes_three_files_and_is_known_everywhere(tmp_path: Path) -> None:
    environment = with_a_new_event(tmp_path)

    assert len({name for name, _, _ in EDITS}) == 3
    assert run(TRIED, environment, tmp_path) == ""


def test_a_new_event_type_without_its_verb_is_written_with_its_class(tmp_path: Path) -> None:
    environment = with_a_new_event(tmp_path, "builder/event_verbs.py")
    program = """
from mpfluent import Batch, RatingEvent
assert Batch().add(RatingEvent(4)).to_python() == "Batch().add(RatingEvent(4))"
"""

    assert run(program, environment, tmp_path) == ""


# Fields of the context

FIELDS = CONTEXT_VERBS._fields


def settable(field: Any) -> list[Any]:
    """Return the fields that have verbs: this one, and those of its record."""
    inner = field.of._fields.values() if field.kind == "record" else ()
    return [each for each in (field, *inner) if each.verb is not None]


def test_each_verb_that_sets_context_is_named_by_one_field() -> None:
    named = [each.verb for field in FIELDS.values() for each in settable(field)]
    verbs = {name for name in public(CONTEXT_VERBS) if name.startswith("with_")}

    assert sorted(map(str, named)) == sorted(verbs)


def test_only_the_version_of_another_sdk_has_no_verb() -> None:
    assert [name for name, field in FIELDS.items() if not settable(field)] == ["sdk_version"]


@pytest.mark.parametrize("name", FIELDS)
def test_strategies_set_a_field_by_the_verb_that_it_names(name: str) -> None:
    value = example(Batch, FIELDS[name])[0]

    assert said(Batch(), name, value) == Batch.from_dict({name: example(Batch, FIELDS[name])[1]})


@pytest.mark.parametrize(
    "name", [name for name in FIELDS if name not in ("mpid", "user_identities", "sdk_version")]
)
def test_the_code_of_a_field_uses_a_verb_that_it_names(name: str) -> None:
    known = Batch.for_user(mpid=7)
    code = said(known, name, example(Batch, FIELDS[name])[0]).to_python()

    assert "from_dict" not in code
    assert any(f".{each.verb}(" in code for each in settable(FIELDS[name]))


def test_the_user_is_what_the_code_begins_with() -> None:
    batch = said(Batch.for_user(mpid=7), "user_identities", UserIdentities(customer_id="1"))

    assert batch.to_python() == 'Batch.for_user(customer_id="1", mpid=7)'
