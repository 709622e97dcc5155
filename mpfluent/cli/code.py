"""``mpfluent code payload.json`` prints a payload as the Python that builds it."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from ..builder.batch import Batch
from ..builder.session import Session
from ..encoding.reader import Unknown
from ..errors import InvalidBatch, InvalidValue, MPFluentError
from ..formatting.code_layout import WIDTH, Bracketed, Code
from ..formatting.python_code import chain, names_in, written
from .payloads import entries_of


def run(options: argparse.Namespace) -> int:
    """Print the program for a payload, and return the exit status.

    Args:
        options: of the command line.
    """
    try:
        standard = options.file == "-"
        payload = sys.stdin.buffer.read() if standard else Path(options.file).read_bytes()
        text = program(payload, "ignore" if options.ignore_unknown else "raise")
    except (MPFluentError, OSError) as error:
        why = getattr(error, "strerror", None) or error
        sys.stderr.write(f"{options.file}: {why}\n")
        return 1
    if isinstance(sys.stdout, io.TextIOWrapper):  # a test may have replaced it by a StringIO
        sys.stdout.reconfigure(encoding="utf-8")  # as Python source is
    sys.stdout.write(text)
    return 0


def program(payload: bytes, unknown: Unknown = "raise") -> str:
    """Return the Python that makes the batches of a payload, with its imports.

    Args:
        payload: JSON text in UTF-8: one batch, a list of them, or one a line.
        unknown: as for ``Batch.from_dict``.

    Raises:
        InvalidBatch: the payload is no JSON, or a batch of it cannot be read.

    >>> print(program(b'{"mpid": 7, "events": [{"event_type": "first_run"}]}'), end="")
    from mpfluent import Batch
    <BLANKLINE>
    batch = Batch.for_user(mpid=7).first_run()
    """
    chains = [chain(batch, Batch(), Session.start) for batch in _batches(payload, unknown)]
    one = len(chains) == 1
    inside = [each._replace(outermost=False) for each in chains]
    code: Code = chains[0] if one else Bracketed("[", inside, "]")
    names = sorted(names_in(code) - {"Decimal"})
    imports = f"from mpfluent import {', '.join(names)}"
    if len(imports) > WIDTH:
        imports = "from mpfluent import (\n" + "".join(f"    {name},\n" for name in names) + ")"
    exact = "from decimal import Decimal\n\n" if "Decimal" in names_in(code) else ""
    return f"{exact}{imports}\n\n{'batch' if one else 'batches'} = {written(code)}\n"


def _batches(payload: bytes, unknown: Unknown) -> Iterator[Batch]:
    entries = entries_of(payload)
    if not entries:
        raise InvalidValue("there is no batch in it")
    for number, entry in enumerate(entries, 1):
        try:
            yield Batch.from_dict(entry, unknown=unknown)
        except InvalidBatch as error:
            where = f"batch {number} of {len(entries)}: " if len(entries) > 1 else ""
            raise InvalidValue(f"{where}{error}") from None
