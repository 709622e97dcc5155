"""What one row means: a batch with its id, nothing, or a reason to reject it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ..builder.batch import Batch
from ..errors import (
    ConfigurationError,
    InvalidBatch,
    InvalidValue,
    UnknownField,
    UnknownVerb,
    brief,
    one_line,
)
from ..transport.handlers import of_handler
from ..values.foreign import is_a, itself
from ..wire.limits import identifies_nobody, nobodys_ids
from .keys import Digest, Keys
from .row import Place, Row
from .settings import Settings
from .sources import Cells


class Member(NamedTuple):
    """A row that has a batch.

    Attributes:
        place: where it stands.
        cells: its cells; of a source of batches, the batch.
        batch: what it means.
        digest: what its id is made of; None if nothing says what it is in every run.
        claims: whether another row with this digest is a duplicate.
        group: the cells by which rows are joined.
    """

    place: Place
    cells: Cells | Batch
    batch: Batch
    digest: Digest | None
    claims: bool
    group: tuple[str | None, ...] = ()


class Refusal(NamedTuple):
    """Why a row is rejected: a word, and a text that begins with its place."""

    reason: str
    text: str


member_of = partial(tuple.__new__, Member)  # as ``place_of``

Meaning = Callable[[Place, Any], Member | Refusal | None]


def meaning_of(settings: Settings, keys: Keys, fingerprint: str | None) -> Meaning:
    """Return the function that says what a row means.

    It raises what is wrong with the mapping, and not with the row.

    Args:
        settings: of the table.
        keys: makes the digests.
        fingerprint: of the source, for rows without a key; None if there is none.
    """
    table, mapping, columns = settings.table(), settings.mapping, settings.key_columns()
    name = "Rows" if mapping is None else mapping.name
    function = None if mapping is None else mapping.function
    data_plan = settings.data_plan
    may_be_nobody, groups = settings.allow_nobody, settings.group

    def digest_of(place: Place, batch: Batch) -> tuple[Digest | None, bool]:
        """Return the digest of a batch without a key, and whether the next one is a duplicate."""
        own = batch._get("source_request_id")
        if own is not None:
            return keys.digest_of([own]), True
        if fingerprint is None:
            return None, False
        named = batch._get("environment")
        return keys.digest_of([fingerprint, str(place.index)], named), False

    def of_batch(place: Place, batch: Batch) -> Member | None:
        """Return what a batch of a file means."""
        found: Any = batch
        if function is not None and settings.of == "batches":
            found = function(batch)  # type: ignore[arg-type]
            if found is None:
                return None
            found = _own_batch(place, name, found)
        if data_plan is not None:
            found = found.with_data_plan(*data_plan)
        return Member(place, batch, found, *digest_of(place, found))

    def of_row(place: Place, cells: Cells) -> Member | Refusal | None:
        row = Row(cells, place, table)
        if function is None:
            raise _no_mapping(settings, place)
        batch = function(row)
        if batch is None:
            return None
        # of the class itself, nearly always: to ask for a subclass takes longer
        if type(batch) is not Batch and not issubclass(type(batch), Batch):
            batch = _own_batch(place, name, batch)
        keys_of_batch, values = batch._state
        if "user_attributes" in keys_of_batch:
            attributes = values[keys_of_batch.index("user_attributes")]
            if None in attributes._state[1]:
                batch = _without_missing(batch, attributes, row.tags)
        if data_plan is not None:
            batch = batch.with_data_plan(*data_plan)
        if not may_be_nobody and identifies_nobody(batch):
            ids = nobodys_ids(batch)
            verb = "is" if len(ids) == 1 else "are"
            why = f"{' and '.join(ids)} {verb} nobody's" if ids else "the row identifies nobody"
            write = "write map(…, allow_nobody=True) to send it"
            return Refusal("nobody", f"{place}: {why}; {write}")
        if not columns:
            digest, claims = digest_of(place, batch)
        elif "source_request_id" in keys_of_batch:
            raise ConfigurationError(
                f"{place}: {name} gives the batch an id of its own, and a key gives it one, too; "
                "write only one of them"
            )
        else:
            key = [row.text(column, required=True) for column in columns]
            named = batch._get("environment") if "environment" in keys_of_batch else None
            digest, claims = keys.digest_of(key, named), True
        group = tuple([row.text(column) for column in groups]) if groups else ()
        return member_of((place, cells, batch, digest, claims, group))

    def meaning(place: Place, cells: Cells | Batch | InvalidValue) -> Member | Refusal | None:
        try:
            if type(cells) is dict or isinstance(cells, Mapping):
                return of_row(place, cells)
            if isinstance(cells, InvalidValue):
                return Refusal("unreadable", str(cells))
            return of_batch(place, cells)
        except (UnknownField, UnknownVerb) as error:
            error.args = (_with_place(place, error),)
            raise
        except InvalidBatch as error:
            raised = error.__cause__ and of_handler(error)
            if raised is not None:
                raise raised from None
            return Refusal("invalid", _with_place(place, error))
        except ConfigurationError as error:
            error.args = (_with_place(place, error),)
            raise
        except Exception as error:
            if of_handler(error) is not None:
                raise  # such as a job's time limit
            raise ConfigurationError(
                f"{place}: {name} raised {type(error).__name__}: {one_line(str(error))}; "
                "nothing more was read"
            ) from error

    return meaning


def check_has_mapping(settings: Settings) -> None:
    """Raise if nothing says what a row means."""
    if settings.mapping is None and settings.of == "rows":
        raise _no_mapping(settings, None)


def _no_mapping(settings: Settings, place: Place | None) -> ConfigurationError:
    where = place or settings.source.name
    return ConfigurationError(
        f"{where}: nothing says what a row means; write rows.map(imported), "
        'rows.map("policies.toml") or rows.map("jobs:imported")'
    )


def _own_batch(place: Place, name: str, batch: Any) -> Batch:
    """Return the batch that a proxy stands for; raise for anything else."""
    batch = itself(name, batch, Batch)
    if is_a(batch, Batch):
        return batch  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"{place}: {name} returned {brief(batch)}: want a Batch, or None to leave the row out, got "
        f"{type(batch).__name__}; write return Batch.for_user(…)"
    )


def _without_missing(batch: Batch, attributes: Mapping[str, Any], tags: frozenset[str]) -> Batch:
    """Return the batch without those of its user attributes that are None, which would be tags."""
    names = [name for name, value in attributes.items() if value is None and name not in tags]
    return batch.without_user_attributes(*names) if names else batch


def _with_place(place: Place, error: Exception) -> str:
    text = str(error)
    return text if text.startswith(f"{place}: ") else f"{place}: {text}"
