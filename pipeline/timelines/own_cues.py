"""The subtitles that a film carries itself.

Takes   a local path.
Gives   the cues of its first subtitle stream of text; none where it has no such stream. Pictures of subtitles, as discs
        have them, are not read.
Raises  BadInput where the film cannot be read.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from ..media.opening import opened
from .limits import MOST_ENTRIES
from .model import Entry
from .subtitles import Cue, cues

_TEXTS = ("subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text")


def own_cues(path: Path) -> tuple[Entry, ...]:
    """Read the cues of a film, on the clock that a player shows."""
    with opened(path) as container:
        start_s = Fraction(container.start_time or 0, av.time_base)
        for stream in container.streams.subtitles:
            if stream.codec_context is not None and stream.codec_context.name in _TEXTS:
                return cues(_read(container, stream, start_s))
    return ()


def _read(container: Any, stream: Any, start_s: Fraction) -> list[Cue]:
    found: list[Cue] = []
    for packet in container.demux(stream):
        if packet.pts is None or not packet.duration or len(found) > MOST_ENTRIES:
            continue
        at_s = packet.pts * packet.time_base - start_s
        texts = [_text(part) for part in packet.decode()]
        found.append((max(at_s, Fraction(0)), at_s + packet.duration * packet.time_base, " ".join(texts)))
    return found


def _text(part: Any) -> str:
    told = getattr(part, "dialogue", None) or getattr(part, "text", None) or b""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    return text.replace("\\N", " ").replace("\\n", " ").replace("\\h", " ")
