"""The rows that a command line names: which files, of which format, and what a row means."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from .parser import FORMATS

if TYPE_CHECKING:
    from ..rows import Rows

_ENDINGS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
# The options that say how a format is read; any other one would do nothing, and is a mistake.
_READ_BY = {
    "csv": ("encoding", "delimiter", "tz"),
    "tsv": ("encoding", "tz"),
    "jsonl": ("encoding", "tz"),
    "parquet": ("tz",),
    "batches": ("ignore_unknown",),
}


def rows_of(options: argparse.Namespace) -> Rows:
    """Return the rows of a command, mapped.

    Args:
        options: of ``send`` or ``check``.

    Raises:
        ConfigurationError: the options do not go together, or name what cannot be read.
    """
    return with_meaning(_read(options), options)


def _read(options: argparse.Namespace) -> Rows:
    from ..rows import Rows

    if "-" in options.files:
        raise ConfigurationError(
            "-: standard input can be read only once; write it into a file first"
        )
    kind = _format_of(options)
    for name in ("encoding", "delimiter", "tz", "ignore_unknown"):
        if getattr(options, name) and name not in _READ_BY[kind]:
            readers = ", ".join(each for each in FORMATS if name in _READ_BY[each])
            raise ConfigurationError(
                f"--{name.replace('_', '-')} is for {readers}, and these files are {kind}; "
                "leave it out, or write --format"
            )
    given: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("encoding", "delimiter", "tz")
        if getattr(options, name) is not None
    }
    if kind == "tsv":
        return Rows.from_csv(options.files, delimiter="\t", **given)
    if kind == "csv":
        return Rows.from_csv(options.files, **given)
    if kind == "jsonl":
        return Rows.from_jsonl(options.files, **given)
    if kind == "parquet":
        return Rows.from_parquet(options.files, **given)
    return Rows.from_batches(options.files, unknown="ignore" if options.ignore_unknown else "raise")


def _format_of(options: argparse.Namespace) -> str:
    """Return the format of the files: as it is given, or as their names end."""
    if options.format:
        if options.map is None and options.format != "batches":
            raise ConfigurationError(
                f"--format {options.format}: rows need --map, which says what they mean; "
                "write --map policies.toml"
            )
        return str(options.format)
    found = {_ending_of(path): path for path in reversed(options.files)}
    if len(found) > 1:
        other, one = list(found.values())[-2:]
        raise ConfigurationError(
            f"{one} and {other} have different formats; send them one after the other"
        )
    (kind,) = found
    if options.map is not None:
        return kind
    if kind != "jsonl":
        raise ConfigurationError(
            f"{options.files[0]}: rows need --map, which says what they mean; "
            "write --map policies.toml"
        )
    return "batches"


def _ending_of(path: str) -> str:
    name = path.lower().removesuffix(".gz")
    for ending, kind in _ENDINGS.items():
        if name.endswith(ending) and not (kind == "parquet" and path.lower().endswith(".gz")):
            return kind
    raise ConfigurationError(
        f"{path}: its name does not say its format; write --format {FORMATS[0]}, "
        f"or {', '.join(FORMATS[1:])}"
    )


def with_meaning(rows: Rows, options: argparse.Namespace) -> Rows:
    """Return rows with what the options say of the meaning of one.

    Args:
        rows: as they are read.
        options: of ``send``, ``check`` or ``resend``.

    Raises:
        ConfigurationError: the mapping has a mistake, or the options do not go together.
    """
    key, job = tuple(options.key or ()), options.job
    if options.map is not None:
        from ..rows.mapping import mapping_of

        mapping = mapping_of(options.map)
        rows = rows.map(mapping, allow_nobody=options.allow_nobody)
        key, job = key or mapping.key, job or mapping.job
    elif options.allow_nobody:
        raise ConfigurationError(
            "--allow-nobody is for rows that --map makes batches of, and these are batches; "
            "leave it out"
        )
    if key and not job:
        raise ConfigurationError(
            f"--key {' '.join(key)}: ids need a job, too, which is what is sent once; "
            'write --job "policies 2026-11"'
        )
    if job and not key:
        raise ConfigurationError(
            f"--job {job}: ids need a key, too, which tells the rows apart; "
            'write --key "Policy Number"'
        )
    if key:
        rows = rows.with_key(*key, job=job)
    if options.data_plan_id:
        rows = rows.with_data_plan(options.data_plan_id, options.data_plan_version)
    elif options.data_plan_version:
        raise ConfigurationError(
            f"--data-plan-version {options.data_plan_version}: of which plan? "
            "write --data-plan-id main"
        )
    return rows
