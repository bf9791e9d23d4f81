"""Detect the faces of a clip, and measure its teeth, once: further takes of the same clip read them from the cache."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ..core.file import File
from ..core.nodes.node import NodeContext

if TYPE_CHECKING:
    from ..engine.detect.detect import Detections
    from ..engine.planning.tooth_color import KeepTeeth, Teeth

_CHECK_INTERVAL_S = 0.2
"""How often a call that waits for another one checks whether to stop."""
_guard = threading.Lock()
_locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()


def detect_faces_cached(context: NodeContext, clip: File, progress: Callable[[float], None]) -> Detections:
    """Return the faces of a clip, from the cache or detected now.

    Concurrent calls of this process for the same clip wait for the first of them.

    Args:
        context: has the clip and the cache.
        clip: an mp4 that the engine can read.
        progress: gets 0 to 1 during detection, 0 while waiting for another call, and nothing if the faces are cached.
            What it raises is passed on.

    Raises:
        MissingExtra: the extra `local` is not installed.
        InputMediaError: the clip cannot be read.
    """
    from ..engine.detect.detection_cache import SUFFIX, cache_key_parts, read_detections, write_detections
    from ..engine.render.render import find_faces

    parts: dict[str, Any] = {"what": "faces", "clip": clip.digest, "by": cache_key_parts()}
    with _exclusive(clip.digest, lambda: progress(0)):
        cached = context.cache_get(parts)
        detections = read_detections(cached) if cached is not None else None
        if detections is None:
            detections = find_faces(context.path(clip), progress)
            path = context.temp_path(f"faces{SUFFIX}")
            write_detections(path, detections)
            context.cache_put(parts, path)
    return detections


def teeth_cache(context: NodeContext, clip: File) -> KeepTeeth:
    """Return what keeps the measured colour of teeth of a clip: it does not depend on the emotion or its strength."""
    from ..engine.take_job import ENGINE_VERSION

    def keep(name: str, measure: Callable[[], Teeth]) -> Teeth:
        parts: dict[str, Any] = {"what": "teeth", "clip": clip.digest, "engine": ENGINE_VERSION, "of": name}
        teeth = _read_teeth(context.cache_get(parts))
        if teeth is None:
            teeth = measure()
            path = context.temp_path("teeth.json")
            path.write_text(json.dumps([teeth[0], *teeth[1]]), encoding="utf-8")
            context.cache_put(parts, path)
        return teeth

    return keep


def _read_teeth(path: Path | None) -> Teeth | None:
    """Return cached teeth; None if there are none, or the file is not what `teeth_cache` writes."""
    if path is None:
        return None
    try:
        share, red, green, blue = (float(number) for number in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return share, (red, green, blue)


@contextmanager
def _exclusive(name: str, check: Callable[[], None]) -> Iterator[None]:
    with _guard:
        lock = _locks.setdefault(name, threading.Lock())
    while not lock.acquire(timeout=_CHECK_INTERVAL_S):
        check()
    try:
        yield
    finally:
        lock.release()
