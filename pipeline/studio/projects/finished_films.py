"""The finished films of a project as the page shows them: opened to be watched, and the timelines of packages."""

from __future__ import annotations

import threading
from pathlib import Path

from ...core.cancellation import exclusive
from ...core.errors import InputMediaError
from ...core.values import Media
from ...interchange.readers import TIMELINES
from ...media.probe import probe
from ...store.store import Store
from ..viewing.film_pictures import FilmPictures
from .take_list import MadeFilm, TakeList

_MOST_OPEN = 2
"""Films that are kept open, those that were watched last: each keeps up to 200 MB of its pictures."""


class FinishedFilms:
    """The films that were made in one project."""

    def __init__(self, store: Store, take_list: TakeList) -> None:
        """Open none yet; `take_list` has the films, too."""
        self._store, self._list = store, take_list
        self._open: dict[str, tuple[Media, FilmPictures]] = {}
        """The one that was watched last is the last one."""
        self._open_lock = threading.Lock()

    def media(self, film: MadeFilm) -> tuple[Path, Media, FilmPictures]:
        """Return a finished film, to be watched.

        Raises:
            InputMediaError: it was moved, removed or replaced by another.
        """
        path = Path(film.output)
        if not path.is_file():
            raise InputMediaError(f"{path.name} was moved or removed")
        if self._list.is_replaced(film):
            raise InputMediaError(f"{path.name} was replaced by a film that was made later")
        key = f"{film.id} {path.stat().st_mtime_ns}"
        with exclusive(f"studio film {path}"):
            with self._open_lock:
                opened = self._open.pop(key, None)
            if opened is None:
                media = probe(path, self._store.add_external(path))
                opened = (media, FilmPictures(path, media))
            with self._open_lock:  # other films are opened meanwhile
                self._open[key] = opened
                unused = [self._open.pop(name) for name in list(self._open)[:-_MOST_OPEN]]
        for _, pictures in unused:
            pictures.close()
        return path, *opened

    def close(self) -> None:
        """Close all of them."""
        for _, pictures in self._open.values():
            pictures.close()


def timelines_of(film: MadeFilm) -> list[Path]:
    """Return the timelines of a package that are still in its folder, and none of its other versions."""
    folder = Path(film.turnover)
    if not film.turnover or not folder.is_dir():
        return []
    paths = sorted(path for path in folder.iterdir() if path.suffix in TIMELINES and path.is_file())
    return [path for path in paths if path.name in film.timelines or not film.timelines]
