"""The faces of a clip, looked for once: the next take of the same clip reads what the first one found.

Takes   a clip by its content.
Gives   where its faces are, from what is remembered, or found and then remembered.
Raises  MissingExtra without the extra `local`, BadInput where the clip cannot be read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ..core.file import File
from ..core.node import NodeContext

if TYPE_CHECKING:
    from ..engine.detect.detect import Scouted

_LOOKS_UP_S = 0.2
"""How often a call that waits for another one asks whether to go on."""
_guard = threading.Lock()
_turns: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()


def faces_of(context: NodeContext, clip: File, progress: Callable[[float], None]) -> Scouted:
    """Give the faces of a clip.

    Calls of this process that want the same clip at once wait for the first of them.

    Args:
        context: where the clip lies, and where findings are remembered.
        clip: an mp4 that the engine takes.
        progress: gets 0 to 1 while faces are looked for, not at all where they are remembered; also while it waits,
            with 0. What it raises passes through.
    """
    from ..engine.detect.detection_cache import SUFFIX, found_by, read_scouted, write_scouted
    from ..engine.render.render import find_faces

    parts: dict[str, Any] = {"what": "faces", "clip": clip.digest, "by": found_by()}
    with _alone(clip.digest, lambda: progress(0)):
        kept = context.cache_get(parts)
        scouted = read_scouted(kept) if kept is not None else None
        if scouted is None:
            scouted = find_faces(context.path(clip), progress)
            made = context.temp_path(f"faces{SUFFIX}")
            write_scouted(made, scouted)
            context.cache_put(parts, made)
    return scouted


@contextmanager
def _alone(name: str, check: Callable[[], None]) -> Iterator[None]:
    with _guard:
        turn = _turns.setdefault(name, threading.Lock())
    while not turn.acquire(timeout=_LOOKS_UP_S):
        check()
    try:
        yield
    finally:
        turn.release()
