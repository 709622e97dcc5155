"""What mpfluent is to reach; ``targets.toml`` has the table."""

import tomllib
from pathlib import Path
from typing import NamedTuple


class Target(NamedTuple):
    """A claim about a number, to be read after it, and what it must reach or not go over."""

    claim: str
    sign: str
    number: float
    unit: str = "×"

    def is_met(self, value: float) -> bool:
        return value >= self.number if self.sign == "≥" else value <= self.number

    def __str__(self) -> str:
        return f"{self.sign} {self.number:g} {self.unit}".rstrip()


_TABLE = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
TARGETS = {name: Target(*fields) for name, fields in tomllib.loads(_TABLE).items()}
