"""Looks through the pages that were built: each link leads somewhere, and all of it is here.

MkDocs checks the links of the Markdown. This checks what the reader gets, with the anchors that
the reference has.
"""

from __future__ import annotations

import logging
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

log = logging.getLogger("mkdocs.hooks.built_pages")  # --strict counts its warnings
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src"}


class Links(HTMLParser):
    """The anchors of a page, where its links lead, and what the browser loads for it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names, and where it leads."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.add(given["href"])
        elif tag in LOADED and LOADED[tag] in given:
            self.loaded.add(given[LOADED[tag]])


def on_post_build(*, config: Any) -> None:
    """Warn of links that lead nowhere, and of what is loaded from elsewhere."""
    site = Path(config.site_dir).resolve()
    pages = {path: Links(path) for path in site.rglob("*.html")}
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its links begin at the site's address, which no folder has
        for link in sorted(page.links | page.loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loaded:
                    log.warning("%s loads %s", path.relative_to(site), link)
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not to.is_file() or (anchor and to in pages and anchor not in pages[to].anchors):
                log.warning("%s has a dead link: %s", path.relative_to(site), link)
