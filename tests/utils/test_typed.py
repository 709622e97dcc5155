"""Our named tuples and typed dicts are those of ``typing``, but for annotations that stay text."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
import typing
from collections.abc import Mapping

import pytest
from internals import NamedTuple, TypedDict

from mpfluent import CommonFields, Stats

_, TimeFields, PlaceFields, DetailFields, *_ = CommonFields.__mro__


class Point(NamedTuple):
    """A point."""

    x: int
    y: float = 0.5

    def sum(self):
        """Return the sum."""
        return self.x + self.y

    @property
    def swapped(self):
        """The point on the other side."""
        return Point(self.y, self.x)


class TheirPoint(typing.NamedTuple):
    """A point."""

    x: int
    y: float = 0.5


class Needed(TypedDict):
    name: str


class Fields(Needed, total=False):
    size: int | None


class OfTyping(typing.TypedDict):
    kind: str


class TheirFields(typing.TypedDict, total=False):
    size: int | None


class Mixed(OfTyping, Fields, total=False):
    place: Point


def test_a_named_tuple_is_one_of_typing_but_for_annotations_that_stay_text():
    public = {name for name in dir(TheirPoint) if name != "__orig_bases__"}

    assert Point.__annotations__ == {"x": "int", "y": "float"}
    assert typing.get_type_hints(Point) == typing.get_type_hints(TheirPoint)
    assert {name for name in dir(Point) if name in public} == public
    assert (Point._fields, Point._field_defaults) == (("x", "y"), {"y": 0.5})
    assert (Point.__doc__, Point.__module__, Point.__qualname__) == ("A point.", __name__, "Point")
    assert Point.__bases__ == (tuple,)


def test_a_named_tuple_has_its_methods_and_is_pickled():
    point = Point(2)

    assert (point, repr(point)) == ((2, 0.5), "Point(x=2, y=0.5)")
    assert (point.sum(), point.swapped) == (2.5, (0.5, 2))
    assert pickle.loads(pickle.dumps(point)) == point
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()


def test_a_signature_has_the_types_as_they_are_written():
    reasons = inspect.signature(Stats).parameters["failed_by_reason"]

    assert str(inspect.signature(Point)) == "(x: 'int', y: 'float' = 0.5)"
    assert reasons.annotation == "Mapping[Reason, int]"
    assert typing.get_origin(typing.get_type_hints(Stats)["failed_by_reason"]) is Mapping


def test_a_typed_dict_is_one_for_those_who_ask():
    assert typing.is_typeddict(CommonFields)
    assert CommonFields(at=1) == {"at": 1}
    assert type(CommonFields(at=1)) is dict
    with pytest.raises(TypeError, match="does not support instance"):
        isinstance({}, CommonFields)


def test_a_typed_dict_has_the_annotations_of_its_bases_in_their_order():
    assert Fields.__annotations__ == {"name": "str", "size": "int | None"}
    assert list(TimeFields.__annotations__) == [*DetailFields.__annotations__, "at"]
    assert list(CommonFields.__annotations__) == [
        *TimeFields.__annotations__,
        *(name for name in PlaceFields.__annotations__ if name not in DetailFields.__annotations__),
    ]


def test_a_typed_dict_knows_which_of_its_keys_are_needed():
    assert (Needed.__total__, Fields.__total__) == (True, False)
    assert (Fields.__required_keys__, Fields.__optional_keys__) == ({"name"}, {"size"})
    assert CommonFields.__required_keys__ == frozenset()
    assert CommonFields.__optional_keys__ == {*CommonFields.__annotations__}


def test_the_types_of_a_typed_dict_are_looked_up_where_each_base_is_written():
    class Here(CommonFields, total=False):
        point: Point

    hints = typing.get_type_hints(Here)

    assert hints["point"] is Point
    assert hints["location"] == typing.get_type_hints(DetailFields)["location"]


def test_a_typed_dict_derives_together_with_one_of_typing():
    assert typing.get_type_hints(Mixed) == {
        "kind": str,
        "name": str,
        "size": int | None,
        "place": Point,
    }
    assert Mixed.__required_keys__ == {"kind", "name"}


def test_a_typed_dict_of_the_user_says_itself_which_of_its_keys_are_needed():
    members = {
        "__module__": __name__,
        "__annotations__": {"may": typing.NotRequired[int], "must": typing.Required[int], "x": int},
    }
    loose = type(Needed)("Loose", (Fields,), dict(members), total=False)
    strict = type(Needed)("Strict", (Fields,), dict(members))

    assert loose.__required_keys__ == {"name", "must"}
    assert strict.__required_keys__ == {"name", "must", "x"}
    assert strict.__optional_keys__ == {"size", "may"}


def test_other_libraries_find_what_they_look_for_in_a_typed_dict():
    found = {name for name in dir(TheirFields) if name.startswith("__")}

    assert {name for name in found if not hasattr(Fields, name)} == set()
    assert Fields.__orig_bases__ == (Needed,)
    assert (Fields.__readonly_keys__, Fields.__mutable_keys__) == (set(), {"name", "size"})


def test_an_import_compiles_no_annotation():
    code = """
import sys
def note(event, arguments):
    if event == "compile" and sys._getframe(1).f_globals["__name__"] == "typing":
        found.append(arguments[0])
found = []
sys.addaudithook(note)
from mpfluent import Batch, Client
print(found)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
