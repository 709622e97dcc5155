"""What ``help()``, ``dir()``, IPython and jedi read of our objects.

Type checkers understand ``**fields: Unpack[DeviceFields]``. The tools that complete names on live
objects see only ``**fields``. :func:`expand_kwargs` writes the names into the signature that they
read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from operator import attrgetter
from types import FunctionType
from typing import TYPE_CHECKING, Any, Never, TypeVar, Unpack, get_args, get_origin

from ..errors import UnknownField, unknown_field
from ..sdk_names import called

if TYPE_CHECKING:
    import inspect

C = TypeVar("C", bound=Callable[..., Any])


class PublicNames:
    """A base class whose ``dir()`` lists public names only, and so does every completion."""

    __slots__ = ()

    def __dir__(self) -> list[str]:
        """Return the public names."""
        return [name for name in super().__dir__() if not name.startswith("_")]


class _LazySignature:
    """A signature that is made when a tool looks at it; in production, none does.

    ``inspect`` accepts any object whose ``__class__`` is ``Signature``. To import ``inspect`` for
    our verbs at once would make ``import mpfluent`` a tenth slower.
    """

    def __init__(self, function: Any) -> None:
        self._function = function

    @cached_property
    def _signature(self) -> inspect.Signature:
        return _expanded(self._function)

    # hidden from type checkers, which would believe that it is a Signature
    if not TYPE_CHECKING:

        @property
        def __class__(self):
            import inspect

            return inspect.Signature

    def __getattr__(self, name: str) -> Any:
        if name in ("_function", "_signature"):  # a copy has none of them yet
            raise AttributeError(name)
        return getattr(self._signature, name)

    def __reduce__(self) -> Any:
        return self._signature.__reduce__()  # a copy is a real Signature

    def __eq__(self, other: object) -> bool:
        return self._signature == other

    def __hash__(self) -> int:
        return hash(self._signature)

    def __str__(self) -> str:
        return str(self._signature)

    def __repr__(self) -> str:
        return repr(self._signature)


def _expanded(function: Any) -> inspect.Signature:
    import inspect

    signature = inspect.signature(twin(function))
    expanded: dict[str, inspect.Parameter] = {}
    for name, parameter in signature.parameters.items():
        fields, how = None, parameter.annotation
        if parameter.kind is parameter.VAR_KEYWORD:
            if how is Never or str(how).rpartition(".")[2] == "Never":
                continue  # it only catches unknown keywords, for a better error
            fields = _unpacked(how, inspect.unwrap(function).__globals__)
        if fields is None:  # so also for a subclass with an ``__init__`` of its own
            expanded[name] = parameter
            continue
        for field, annotation in fields.__annotations__.items():
            text = getattr(annotation, "__forward_arg__", annotation)
            known = inspect.Parameter(field, parameter.KEYWORD_ONLY, default=None, annotation=text)
            expanded.setdefault(field, known)
    return signature.replace(parameters=[*expanded.values()])


def twin(function: Any) -> Any:
    """Return a copy of a function without ``__signature__``: ``inspect`` would read that again."""
    parts = attrgetter("__code__", "__globals__", "__name__", "__defaults__", "__closure__")
    made = FunctionType(*parts(function))
    made.__kwdefaults__, made.__annotations__ = function.__kwdefaults__, function.__annotations__
    made.__dict__.update(vars(function))
    made.__dict__.pop("__signature__", None)
    return made


def _unpacked(annotation: Any, names: Mapping[str, Any]) -> Any:
    """Return the ``TypedDict`` in an ``Unpack[…]``, or None if there is none to be found."""
    if get_origin(annotation) is Unpack:
        return get_args(annotation)[0]
    how, _, text = str(annotation).partition("[")
    if how.rpartition(".")[2] != "Unpack":
        return None
    first, *inner = text.removesuffix("]").split(".")
    found = names.get(first)
    for name in inner:
        found = getattr(found, name, None)
    return found if hasattr(found, "__annotations__") else None


def as_error_of_verb(
    verb: Callable[..., Any], error: UnknownField, misnomers: Mapping[str, str]
) -> UnknownField:
    """Return the error for an unknown keyword, rewritten for the verb that was called.

    A verb takes other keywords than its event. It has short names of its own, and the fields that
    the verb sets itself are no keywords of it.
    """
    if not error.allowed:
        return error  # its text explains more than an unknown name
    import inspect

    parameters = inspect.signature(verb).parameters.values()
    named = (p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD))
    takes = [name for name in named if name not in ("self", "cls")]
    meant = called(error.name, misnomers, takes)
    return unknown_field(f"{verb.__name__}()", error.name, takes, meant)


def describe_verbs(cls: type[Any], names: dict[str, Any]) -> None:
    """Make ``help()``, completion and Python's own errors describe the verbs of a class.

    Signatures have all keywords. Python's errors would put the class's name before the verb's, and
    people never see this class.

    Args:
        cls: the class.
        names: the globals of its module; pickle then looks for the verbs there.
    """
    for name, verb in vars(cls).items():
        if isinstance(verb, FunctionType) and not name.startswith("_"):
            verb.__qualname__ = name
            names[name] = expand_kwargs(verb)


def defaults_of(cls: type[Any]) -> dict[str, Any]:
    """Return what a constructor assumes where nothing is written, such as an event's type.

    >>> from mpfluent import CrashReportEvent
    >>> defaults_of(CrashReportEvent)
    {'severity': 'error'}
    """
    import inspect

    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.default not in (None, p.empty)}


def hide_annotations(function: C) -> C:
    """Return a property's function without its annotations; type checkers read the source.

    jedi reads them from a live property and fails at a ``Literal`` or an ``Optional``. Then it
    completes nothing on that object.
    """
    function.__annotations__ = {}
    return function


def expand_kwargs(function: C) -> C:
    """Return the function with the names behind its ``**fields`` in its signature.

    >>> import inspect
    >>> from mpfluent import Batch
    >>> "platform" in inspect.signature(Batch.with_device).parameters
    True
    """
    function.__signature__ = _LazySignature(function)  # type: ignore[attr-defined]
    return function
