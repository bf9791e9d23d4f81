"""The link to the film in a report's page, which is made before the film has its place.

Nothing else is loaded with this: a run in which everything is stored only writes the link.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

FILM_SLOT = '<p class="made-film" hidden></p>'
"""Where the link to the film goes; the page itself is made before the film has its place."""


def with_film_link(page: str, film: Path) -> str:
    """Return a page with a link to the film that was delivered."""
    link = f'<p class="made-film">The film: <a href="{escape(file_url(str(film)))}">{escape(film.name)}</a></p>'
    return page.replace(FILM_SLOT, link, 1)


def without_film_link(page: str) -> str:
    """Return a page for a place from which files of this machine cannot be opened: the film is only named."""
    return re.sub(r'(<p class="made-film">The film: )<a href="[^"]*">([^<]*)</a>', r"\1\2", page, count=1)


def file_url(path: str | None) -> str:
    """Return the URL of a local file; "" if there is none."""
    return Path(path).absolute().as_uri() if path else ""
