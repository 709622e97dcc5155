"""The README and the pages of docs/, and the blocks of code in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [
    README,
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md")),
]
FENCE = re.compile(r"^(?P<mark>```+)(?P<kind>\w*)\n(?P<text>.*?)^(?P=mark)$", re.M | re.S)
# python and console run, py needs packages of others and only has to compile, sh is for people,
# text is output
KINDS = {"python", "py", "sh", "console", "text", "json", "toml", "csv"}
FILE = re.compile(r"# (\w+\.py)\n")  # the first line of a block that is a file of a project


class Block(NamedTuple):
    kind: str
    text: str
    line: int  # of the fence


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(match["kind"], match["text"], text.count("\n", 0, match.start()) + 1)
        for match in FENCE.finditer(text)
    ]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    return re.split(r"\n## ", text_of(page).split(f"\n## {heading}\n")[1])[0]


def column(page: str, heading: str, index: int = 0) -> list[str]:
    """Return the words in code font of one column of a section's tables."""
    rows = re.findall(r"^\| (.*) \|$", section(page, heading), re.M)
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row.split(" | ")[index])]
