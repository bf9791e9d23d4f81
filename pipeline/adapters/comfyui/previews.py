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
from ...executors.base import CallMonitor, StoreContext
from ...store.store import Store
from . import folders

PROXY_S = 60
_TIMEOUT_S = 600.0
log = logging.getLogger("react1")
Progress = Callable[[float], None]


def shown_films(films: Sequence[Path], text: str, progress: Progress, *, link: bool = False) -> dict[str, Any]:
    """Return what the interface and the history show of films, and of a text.

    Where a proxy is shown in place of a film, the film is listed as `films`. With `link` a film outside ComfyUI's
    folders is linked into its temp folder; otherwise it is not shown.

    Raises:
        Interrupted: the user has pressed Stop.
    """
    shown, replaced = [], []
    for film in films:
        if not link and not folders.is_visible(film):
            continue
        playable = _is_playable(film)
        path = (_linked(film) if link else film) if playable else _proxy(film, progress)
        shown += [path] if path is not None else []
        replaced += [] if playable else [film]
    entries = folders.shown_files(replaced).get("images")
    return {**folders.shown_files(shown, text), **({"films": entries} if entries else {})}


def _is_playable(film: Path) -> bool:
    from ...media.probe import probe_path
    from ...studio.viewing.playback import is_known_to_browsers

    try:
        return is_known_to_browsers(probe_path(film), film.suffix)
    except React1Error:
        return False


def _linked(film: Path) -> Path:
    path = _temp_path(film, "preview", film.suffix.lower())
    if not path.is_file():
        try:
            os.link(film, path)
        except OSError:
            shutil.copyfile(film, path)
    return path


def _proxy(film: Path, progress: Progress) -> Path | None:
    """Return a proxy of a film; None if none can be made, which must not cost the film."""
    path = _temp_path(film, "proxy", ".mp4")
    try:
        if not path.is_file():
            _write_proxy(film, path, progress)
    except Interrupted:
        raise
    except (React1Error, OSError) as error:
        log.info("no preview of %s: %s", film.name, error)
        return None
    return path


def _temp_path(film: Path, prefix: str, suffix: str) -> Path:
    """Return a path in the temp folder for what a file shows as it is now."""
    status = film.stat()
    state = f"{film} {status.st_size} {status.st_mtime_ns}"
    return folders.scratch() / f"{prefix}-{hashlib.sha256(os.fsencode(state)).hexdigest()[:32]}{suffix}"


def _write_proxy(film: Path, path: Path, progress: Progress) -> None:
    from ...media.probe import probe_path
    from ...studio.viewing.playback import proxy_command

    media, part = probe_path(film), path.with_name(f".{os.getpid()}-{path.name}")
    monitor, deadline = CallMonitor(progress), time.monotonic() + _TIMEOUT_S
    with contextlib.closing(StoreContext(Store(folders.react1_home()), monitor, deadline)) as context:
        temp_proxy = context.temp_path("proxy.mp4")
        length_s = min(max(0.1, float(media.duration_s)), PROXY_S)
        context.run_tool(proxy_command(film, media, temp_proxy, PROXY_S), duration_s=length_s)
        shutil.move(temp_proxy, part)
    part.replace(path)
