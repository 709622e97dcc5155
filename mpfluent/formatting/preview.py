"""A preview of a batch: its JSON, its size, and its problems, before it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..wire.limits import Problem
from ..wire.seal import Size, stamps, wire_size

if TYPE_CHECKING:
    from ..builder.batch import Batch


class Preview(NamedTuple):
    """A batch's JSON, and what will happen when it is sent. Its repr is a readable text.

    Attributes:
        json: the batch as it is now, indented.
        size: its size on the wire; ``size.bytes`` counts what will be stamped, too.
        stamped: the names of the fields that sending will stamp.
        problems: what mParticle's limits would reject or cut, and advice.
    """

    json: str
    size: Size
    stamped: tuple[str, ...]
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        lines = [self.json, f"{self.size} on the wire"]
        if self.stamped:
            lines.append(f"stamped when it is sent: {', '.join(self.stamped)}")
        found = [f"{'advice' if one.advice else 'problem'}: {one.text}" for one in self.problems]
        return "\n".join([*lines, *(found or ["no problems"])])

    def __repr__(self) -> str:
        return str(self)


def preview(batch: Batch, *, historical: bool = False) -> Preview:
    """Return the preview of a batch.

    Args:
        batch: the batch.
        historical: whether it goes to the historical endpoint.
    """
    stamped = [name if count == 1 else f"{count} × {name}" for name, count in stamps(batch)]
    if batch.environment is None:
        stamped.insert(0, "environment (that of the client)")
    problems = batch.problems(historical=historical)
    return Preview(batch.to_json(indent=2), wire_size(batch), tuple(stamped), problems)
