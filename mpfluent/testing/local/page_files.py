"""The files of the page, which come with the package."""

from __future__ import annotations

from pathlib import Path

from ..faults import Action

PAGE = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# What an answer to a browser says: to keep nothing, to guess nothing, to give it to no other page.
HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", _POLICY),
)


def page_file(name: str) -> Action | None:
    """Return the answer with a file of the page; None if there is none of this name."""
    path = PAGE / name
    kind = _TYPES.get(path.suffix)
    # the listing, and not the path, decides: no name leads out of the folder
    if kind is None or not PAGE.is_dir() or name not in (each.name for each in PAGE.iterdir()):
        return None
    return Action(200, (("Content-Type", kind), *HEADERS), path.read_bytes())
