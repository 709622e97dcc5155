"""Every error that mpfluent raises, in one tree.

::

    MPFluentError
    ├─ InvalidBatch (ValueError)
    │  ├─ UnknownField      a keyword, field or attribute name that does not exist
    │  ├─ InvalidValue      a value that the field cannot hold
    │  ├─ InvalidTime       a time without a zone, or in seconds
    │  ├─ MixedUsers        two different users in one batch
    │  └─ TooLarge          a single event that does not fit a batch
    ├─ UnknownVerb (AttributeError)
    ├─ Immutable (AttributeError, TypeError)
    ├─ ConfigurationError (ValueError)
    ├─ InvalidPlan (ValueError)      no data plan, or one that is broken
    ├─ TooManyRejects       more rows of a table went wrong than stop_after allows
    └─ DeliveryError (.reason, .batch)
       ├─ ApiError          mParticle refused (.status_code, .headers, .body, .errors)
       ├─ TransportError    no answer came
       ├─ QueueFull         no room in the queue
       ├─ Closed            the client was closed
       └─ Kept              not delivered yet, kept in the outbox

    UnusedBatchWarning (RuntimeWarning)    a statement made a batch and threw it away

Each message has three parts: what you wrote, what is allowed, and the line to write instead.
"""

from __future__ import annotations

import typing
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast

from .sdk_names import LONGEST, OPTIONS, called, squeezed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .builder.batch import Batch
    from .delivery.reports import Report

Reason = Literal[
    "rejected",
    "unauthorized",
    "too_large",
    "retries_exhausted",
    "rate_limited",
    "queue_full",
    "dropped_oldest",
    "unexpected_redirect",
    "filtered",
    "disabled",
    "closed",
    "expired",
    "transport_error",
]
"""Why a batch was not delivered: the closed set of words in ``error.reason`` and ``stats``."""

REASONS: tuple[Reason, ...] = typing.get_args(Reason)

FINAL: frozenset[Reason] = frozenset(("rejected", "too_large", "filtered", "disabled", "expired"))
"""The reasons for which another try of the same batch is no use."""


class MPFluentError(Exception):
    """The root of every error that mpfluent raises.

    Attributes:
        report: the outcomes until then; only an error that ended ``send_all`` has it.

    >>> from mpfluent import Batch, MPFluentError
    >>> try:
    ...     Batch().with_device(platfrom="iOS")
    ... except MPFluentError as error:
    ...     print(error)
    with_device() has no field 'platfrom'; did you mean 'platform'?
    """

    report: Report


class InvalidBatch(MPFluentError, ValueError):
    """A value that cannot be part of a batch. It is raised on the line that wrote it.

    ``is_unplanned`` is True if the data plan of a client is why.
    """

    is_unplanned: bool = False


class UnknownField(InvalidBatch):
    """A keyword or field that does not exist; see ``name``, ``allowed`` and ``suggestion``."""

    name: str
    allowed: tuple[str, ...] = ()
    suggestion: str | None = None


class InvalidValue(InvalidBatch):
    """A value that its field cannot hold; ``field`` names the field."""

    field: str | None = None


class InvalidTime(InvalidBatch):
    """A time that is ambiguous: without a zone, or in seconds where milliseconds belong."""

    field: str | None = None


class MixedUsers(InvalidBatch):
    """Two batches of different users cannot become one batch."""


class TooLarge(InvalidBatch):
    """A single event (with its batch's context) is larger than a batch may be."""


class TooManyRejects(MPFluentError):
    """More rows of a table failed or were rejected than ``stop_after`` allows."""


class _NoAttribute(MPFluentError, AttributeError):
    """An attribute's error with a suggestion of ours: Python must not add its own guess."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.name = None  # set here, or the interpreter sets it and guesses


class UnknownVerb(_NoAttribute):
    """A verb or attribute that does not exist."""


class Immutable(_NoAttribute, TypeError):
    """An attempt to change a value in place; values never change, verbs return new ones."""


class ConfigurationError(MPFluentError, ValueError):
    """A client, transport or dispatcher cannot be made from these arguments."""


class InvalidPlan(MPFluentError, ValueError):
    """What should be a data plan is none, or it has a point that cannot be used."""


class DeliveryError(MPFluentError):
    """A batch was not delivered.

    Attributes:
        reason: one word of :data:`REASONS`.
        batch: the batch as it was sealed. If you send it again, it keeps its ids, so that
            mParticle cannot count it twice. ``None`` if the error is not about a single batch.
        status_code: the HTTP status of mParticle's last answer, if there was one.
        broken_off: whether an exception, such as Ctrl-C, ended the call that was to send it, so
            that nobody knows whether it arrived.

    Raises:
        InvalidValue: the reason is not a word.

    >>> DeliveryError(reason="rate_limited").temporary, DeliveryError(reason="rejected").temporary
    (True, False)
    """

    reason: Reason
    status_code: int | None = None
    broken_off: bool = False

    def __init__(
        self, message: str = "", *, reason: Reason = "transport_error", batch: Batch | None = None
    ) -> None:
        if not isinstance(reason, str):
            raise InvalidValue(
                f"DeliveryError(reason={brief(reason)}): want a word of mpfluent.errors.REASONS; "
                "write reason='rejected'"
            )
        super().__init__(message)
        self.reason = cast(Reason, str.__str__(reason))  # of an enum, its value
        self.batch = batch

    @property
    def temporary(self) -> bool:
        """Whether a queue should try the batch again: False for :data:`FINAL` reasons."""
        return self.reason not in FINAL

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle read-only mappings as plain dicts: they cannot be pickled themselves."""
        state = {**self.__dict__}
        if "headers" in state:
            state["headers"] = dict(state["headers"])
            state["errors"] = tuple(map(dict, state["errors"]))
        return _restore, (type(self), self.args, state)

    def with_batch(self, batch: Batch | None) -> DeliveryError:
        """Return the same error for this batch: one answer can refuse several."""
        twin = type(self).__new__(type(self), *self.args)
        twin.__dict__.update(self.__dict__, batch=batch)
        twin.__cause__ = self.__cause__
        return twin


class ApiError(DeliveryError):
    """mParticle answered, and refused.

    Attributes:
        status_code: the HTTP status, such as 400.
        headers: the answer's headers, names as the server wrote them.
        body: the answer's body as text.
        errors: the vendor's parsed error list, ``({"code": …, "message": …}, …)``; empty when
            the body held none. Read-only: a tuple of read-only mappings.
        judged: whether mParticle itself refused the batch: 400, 413 or 422 with its error body.
            Any other refusal may come from a proxy or a firewall, and an outbox keeps the batch.
    """

    headers: Mapping[str, str]
    body: str
    errors: Sequence[Mapping[str, str]]
    judged: bool

    def __init__(
        self,
        message: str = "",
        *,
        reason: Reason = "rejected",
        batch: Batch | None = None,
        status_code: int = 0,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        errors: Sequence[Mapping[str, str]] = (),
        judged: bool = False,
    ) -> None:
        super().__init__(message, reason=reason, batch=batch)
        self.status_code: int = status_code
        self.headers = MappingProxyType(dict(headers or {}))
        self.body = body
        self.errors = tuple(MappingProxyType(dict(entry)) for entry in errors)
        self.judged = judged


class TransportError(DeliveryError):
    """No answer came: refused, timed out, broken off, or the certificate is not trusted.

    Attributes:
        retryable: whether another attempt can help.
    """

    def __init__(
        self,
        message: str = "",
        *,
        reason: Reason = "transport_error",
        batch: Batch | None = None,
        retryable: bool = True,
    ) -> None:
        super().__init__(message, reason=reason, batch=batch)
        self.retryable = retryable


class QueueFull(DeliveryError):
    """The queue has no room for the call's batches, and none of them was accepted."""


class Closed(DeliveryError):
    """The client is closed; open a new one to send more."""


class Kept(DeliveryError):
    """Not delivered yet: the batch is kept in the outbox and will be tried again."""


class UnusedBatchWarning(RuntimeWarning):
    """A statement made a new batch or session and did not use it. No value ever changes itself.

    Only under ``python -X dev`` or ``MPFLUENT_DEBUG=1``, and in tests with mpfluent's kit.
    """


def _restore(cls: type[DeliveryError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = cls.__new__(cls, *args)
    error.args = args
    if "headers" in state:
        state["headers"] = MappingProxyType(state["headers"])
        state["errors"] = tuple(map(MappingProxyType, state["errors"]))
    error.__dict__.update(state)
    return error


def closest(name: object, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that was probably meant, or None.

    >>> closest("platfrom", ["platform", "product"])
    'platform'
    """
    from .close_match import close_match  # here: errors are rare

    folded = {option.casefold().replace("-", "_"): option for option in allowed}
    # difflib's time grows with the product of both lengths, and such a long name is no slip
    longest = min(2 * max(map(len, folded), default=0), LONGEST)
    if not isinstance(name, str) or len(name) > longest:
        return None
    wanted = name.casefold().replace("-", "_")
    letters, bare = sorted(wanted), squeezed(wanted)
    same = [option for option in folded if squeezed(option) == bare]
    swapped = [option for option in folded if sorted(option) == letters]
    longer = [option for option in folded if len(wanted) > 2 and option.startswith(wanted)]
    # for a less close match, the first letter has to agree, or one contains the other
    alike = [o for o in folded if o[:1] == wanted[:1] or wanted in o or o in wanted]
    found = (
        (same[0] if len(same) == 1 else None)
        or (swapped[0] if len(swapped) == 1 else None)
        or close_match(wanted, folded, 0.75)
        or (longer[0] if len(longer) == 1 else None)
        or close_match(wanted, alike, 0.6)
    )
    return folded[found] if found else None


def unknown_field(
    where: str, name: object, allowed: Iterable[str], suggestion: str | None = None
) -> UnknownField:
    """Return the error for a field that does not exist, with the one that was probably meant."""
    allowed = tuple(allowed)
    suggestion = suggestion or closest(name, allowed)
    if suggestion:
        hint = f"did you mean {suggestion!r}?"
    else:
        shown = ", ".join(allowed[:12]) + (", …" if len(allowed) > 12 else "")
        hint = f"it has {shown}" if allowed else "it takes none"
        if "attributes" in allowed:  # a name of the user's own belongs there
            hint += f"; write attributes={{{brief(name)}: …}}"
    error = UnknownField(f"{where} has no field {brief(name)}; {hint}")
    error.name = name if isinstance(name, str) else brief(name)
    error.allowed = allowed
    error.suggestion = suggestion
    return error


def wrong_type(where: str, value: object, want: str, write: str, name: str = "") -> InvalidValue:
    """Return the error for an argument of another type than the wanted one."""
    shown = f"{name}={brief(value)}" if name else brief(value)
    return InvalidValue(f"{where}({shown}): want {want}, got {type(value).__name__}; write {write}")


def unknown_option(where: str, name: object, allowed: Iterable[str]) -> ConfigurationError:
    """Return the error for a setting that does not exist, with the one that was meant."""
    allowed = tuple(allowed)
    meant = called(name, OPTIONS.get(where, {}), allowed) or closest(name, allowed)
    hint = f"did you mean {meant!r}?" if meant else f"it has {', '.join(allowed)}"
    return ConfigurationError(f"{where}() has no option {brief(name)}; {hint}")


def brief(value: Any, limit: int = 80) -> str:
    """Return a repr that never fails and is never long.

    >>> brief("x" * 200)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"
    """
    kind = type(value)
    if kind is int and value.bit_length() > 300:
        return f"<int of {value.bit_length()} bits>"
    try:
        if issubclass(kind, str) and len(value) > limit:
            half = limit // 2 - 2
            value = f"{value[:half]}…{value[-half:]}"
        text = str.__str__(repr(value))
    except Exception:  # a __repr__ may raise anything
        return f"<{kind.__name__}>"
    text = " ".join(text.split()) if "\n" in text else text
    return _cut(text, limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def one_line(text: str, limit: int = 200) -> str:
    r"""Return another program's text as one short line without control characters.

    >>> one_line("No.\n\x1b[31mNever.")
    'No. \\x1b[31mNever.'
    >>> one_line("No, and never.", 8)
    'No, and…'
    """
    return printable(" ".join(text[: 8 * limit].split()), limit)


def printable(text: str, limit: int) -> str:
    r"""Return text on one line, with its control characters as Python writes them.

    >>> printable("No.\n\x1b[31m  Never.", 80)
    'No.\\n\\x1b[31m  Never.'
    """
    text = text[: limit + 1]
    if not text.isprintable():
        text = "".join(
            letter if letter.isprintable() else letter.encode("unicode_escape").decode()
            for letter in text
        )
    return _cut(text, limit)
