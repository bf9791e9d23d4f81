"""Decode a film as strictly as ffmpeg can: where it says nothing, a decoder found nothing to hide.

Takes   a film and the stretches of it that may have gone wrong.
Gives   the first thing that the decoder says of them and does not say of the source, or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...core.node import NodeContext
from ...core.values import Media
from ..container import same_picture
from ..mp4.sample_times import Grid
from ..reencode_ranges import Window
from . import verify

WHOLE: tuple[range, ...] = ()
"""Stands for all frames of a film."""


def stretches(grid: Grid, windows: Sequence[Window]) -> tuple[range, ...]:
    """Give the shown frames of every window, and of one group of pictures either side of it."""
    keys = np.unique(grid.rank[grid.samples.sync])
    found = []
    for window in windows:
        before = max(int(np.searchsorted(keys, window.first)) - 1, 0)
        after = int(np.searchsorted(keys, window.end, side="right"))
        start = int(keys[before]) if len(keys) else 0
        end = int(keys[after]) if after < len(keys) else grid.samples.count
        found.append(range(max(start - grid.hidden, 0), end - grid.hidden))
    return tuple(found)


def strict_fault(
    context: NodeContext, ffmpeg: str, media: Media, source: Path, made: Path, frames: Sequence[range] = WHOLE
) -> str:
    """Decode stretches of the made film, and those of the source too where the decoder says something."""
    said = [_fresh(context, ffmpeg, media, source, made, _spelt(media, one)) for one in frames]
    # A seek may land where decoding cannot begin, in transport streams above all: only the whole film tells then.
    if not any(said) and frames:
        return ""
    fresh = _fresh(context, ffmpeg, media, source, made, [])
    return f"a strict decode says: {fresh}" if fresh else ""


def _fresh(context: NodeContext, ffmpeg: str, media: Media, source: Path, made: Path, span: list[str]) -> str:
    """Give the first thing that is said of a stretch of the made film and not of the source."""
    assert media.video is not None
    index = media.video.index
    found = verify.strict_errors(context.run_tool, ffmpeg, made, same_picture(source, index, made), span)
    known = set(verify.strict_errors(context.run_tool, ffmpeg, source, index, span)) if found else set()
    return next((line for line in found if line not in known), "")


def _spelt(media: Media, frames: range) -> list[str]:
    assert media.video is not None
    times, base = media.video.timestamps.array, media.video.time_base
    start = float(times[frames.start] * base - media.start_s)
    end = float(times[min(frames.stop, len(times) - 1)] * base - media.start_s)
    return ["-ss", f"{max(start, 0):.6f}", "-to", f"{end:.6f}"] if end > start else []
