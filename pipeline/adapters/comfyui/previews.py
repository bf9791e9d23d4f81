"""What the interface shows of a film: the film itself where browsers can decode it, else a small proxy.

A player shows nothing of ProRes, PNG, HEVC, ten bits or Matroska. The proxy has the first minute, so that a long film
is not encoded a second time for its box.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import Interrupted, React1Error
from ...core.values import Media
from ...executors.base import CallMonitor, StoreContext
from ...store.store import Store
from . import folders

PROXY_S = 60
"""The proxy has this many seconds of a film at most."""
_TIMEOUT_S = 600.0
"""How long encoding a proxy may take."""
log = logging.getLogger("react1")
Progress = Callable[[float], None]


def shown_films(films: Sequence[Path], text: str, progress: Progress, *, link: bool = False) -> dict[str, Any]:
    """Return what the interface and the history show of films, and of a text.

    Where a proxy is shown in place of a film, the film is listed as `films`. With `link` a film outside ComfyUI's
    folders is linked into its temp folder; otherwise it is not shown.

    Raises:
        Interrupted: the user has pressed Stop.
    """
    from ...studio.viewing.playback import is_known_to_browsers

    shown: list[Path] = []
    replaced: list[Path] = []
    for film in films:
        if not link and not folders.is_visible(film):
            continue
        media = _probe(film)
        if media is not None and is_known_to_browsers(media, film.suffix):
            shown.append(_linked(film) if link else film)
            continue
        replaced.append(film)
        proxy = None if media is None else _proxy(film, media, progress)
        shown += [proxy] if proxy is not None else []
    entries = folders.shown_files(replaced).get("images")
    return {**folders.shown_files(shown, text), **({"films": entries} if entries else {})}


def _probe(film: Path) -> Media | None:
    """Return what is in a film; None if it has no pictures that can be read."""
    from ...media.probe import probe_path, require_video

    try:
        media = probe_path(film)
        require_video(media)
    except React1Error as error:
        log.info("no preview of %s: %s", film.name, error)
        return None
    return media


def _linked(film: Path) -> Path:
    path = _temp_path(film, "preview", film.suffix.lower())
    if not path.is_file():
        try:
            os.link(film, path)
        except OSError:
            shutil.copyfile(film, path)
    return path


def _proxy(film: Path, media: Media, progress: Progress) -> Path | None:
    """Return a proxy of a film; None if none can be made, which must not cost the film."""
    path = _temp_path(film, "proxy", ".mp4")
    try:
        if not path.is_file():
            _write_proxy(film, media, path, progress)
    except Interrupted:
        raise
    except (React1Error, OSError) as error:
        log.info("no preview of %s: %s", film.name, error)
        return None
    return path


def _temp_path(film: Path, prefix: str, suffix: str) -> Path:
    """Return a path in the temp folder for what a file shows as it is now."""
    state = folders.file_states([film])
    return folders.scratch() / f"{prefix}-{hashlib.sha256(os.fsencode(state)).hexdigest()[:32]}{suffix}"


def _write_proxy(film: Path, media: Media, path: Path, progress: Progress) -> None:
    from ...studio.viewing.playback import write_proxy

    part = path.with_name(f".{os.getpid()}-{path.name}")
    monitor, deadline = CallMonitor(progress), time.monotonic() + _TIMEOUT_S
    with contextlib.closing(StoreContext(Store(folders.react1_home()), monitor, deadline)) as context:
        shutil.move(write_proxy(context, film, media, PROXY_S), part)
    part.replace(path)
