"""Puts the README and each file that a page links into the site, as a page of its own.

The pages of docs/ link files of the repository, as GitHub shows them: ``../README.md``,
``../examples/quickstart.py``. In the site, each of these is a page under ``repository/``, and the
links lead there. What MkDocs then cannot find is an error of the build.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
ALWAYS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/RESULTS.md")
CODE = {".py": "python", ".json": "json", ".toml": "toml", ".csv": "text"}
FENCE = re.compile(r"^(?P<mark>```+)(?P<kind>\w*)\n(?P<text>.*?)^(?P=mark)$", re.M | re.S)
LINK = re.compile(  # without a label where that is a picture, which is a link of its own
    r"(?:\[(?P<label>[^\[\]]*))?\]\((?P<path>(?!\w+:)[^)#\s]+)(?P<anchor>#[^)\s]+)?\)"
)
FILE_NAME = re.compile(r"(docs/)?[\w-]+\.md")


def target_of(path: str, link: str) -> str:
    """Return the file of the repository to which a link on a page leads."""
    found = normpath(join(dirname(path), link))
    return f"{found}/README.md" if (ROOT / found / "README.md").exists() else found


def place_of(path: str) -> str:
    """Return the place in the site of a file of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"repository/{path}" if path.endswith(".md") else f"repository/{path}.md"


def text_of(path: str) -> str:
    """Return a file as Markdown: a page as it is, code in a fence, a folder as a list."""
    file = ROOT / path
    if file.is_dir():
        names = sorted(each.name for each in file.iterdir() if each.suffix in CODE)
        return "\n".join([f"# {path}", "", *(f"* [{name}]({path}/{name})" for name in names), ""])
    text = file.read_text("utf-8")
    if file.suffix == ".md":
        return text
    return f"# {file.name}\n\n````{CODE.get(file.suffix, 'text')}\n{text}````\n"


def files_beside() -> dict[str, str]:
    """Return the text of each file outside docs/ that is in the site, by its path."""
    found: dict[str, str] = {}
    pages = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")]
    left = [*ALWAYS, *pages]
    while left:
        path = left.pop()
        if path in found or not (ROOT / path).exists() or path.endswith((".svg", ".png")):
            continue
        found[path] = text_of(path)
        links = LINK.finditer(FENCE.sub("", found[path]))  # code has none: it is in a fence
        left += [target_of(path, link["path"]) for link in links]
    return {path: text for path, text in found.items() if not path.startswith("docs/")}


def for_the_site(path: str, text: str) -> str:
    """Return the Markdown of a page with links that lead within the site."""

    def link(match: re.Match[str]) -> str:
        target = target_of(path, match["path"])
        label, place = match["label"], relpath(place_of(target), dirname(place_of(path)))
        if label is None:
            return f"]({place}{match['anchor'] or ''})"
        if FILE_NAME.fullmatch(label) and (title := re.search(r"^# (.+)$", text_of(target), re.M)):
            label = f"“{title[1]}”"
        return f"[{label}]({place}{match['anchor'] or ''})"

    parts: list[str] = []
    end = 0
    for fence in FENCE.finditer(text):
        session = fence["kind"] == "python" and fence["text"].startswith(">>> ")
        parts.append(LINK.sub(link, text[end : fence.start()]))
        parts.append(fence[0].replace("python", "pycon", 1) if session else fence[0])
        end = fence.end()
    return "".join([*parts, LINK.sub(link, text[end:])])


def on_files(files: Files, *, config: Any) -> Files:
    """Add the files that are not in docs/."""
    for path, text in files_beside().items():
        files.append(File.generated(config, place_of(path), content=for_the_site(path, text)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Let the links of a page of docs/ lead within the site."""
    src = page.file.src_uri
    if src == "index.md":
        page.meta["hide"] = ["navigation"]  # there is nothing beside it in its part of the site
    if src.startswith("repository/tests/"):
        page.meta["search"] = {"exclude": True}  # who searches wants no test
    return markdown if src.startswith("repository/") else for_the_site(f"docs/{src}", markdown)
