"""Move an in or out point to the nearest cut, or into the nearest pause of the voice, within a limit."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from ..core.node import NodeContext
from ..core.values import Media
from ..media.audio import pauses
from ..media.audio import samples as sound
from ..media.clock import describe_frame, frame_time_s, timecode_rate
from ..media.probe import require_video
from ..media.shots import cuts_between
from ..media.trim import container_time_s

Snap = Literal["none", "shot", "silence"]
NAMES = {"shot": "cut", "silence": "pause in the voice"}
_CONTEXT_S = Fraction(3)
"""Sound on either side that is used to separate speech from pauses."""


def snap_span(
    context: NodeContext, media: Media, span: tuple[int, int], snap: Snap, within_s: Fraction
) -> tuple[int, int, tuple[str, ...]]:
    """Return (start, end) after the move, and a note for each point that moved or has no cut or pause in reach.

    Args:
        context: gives access to the film's file and to the cached cuts.
        media: the film.
        span: the frames [start, end) of the edit.
        snap: `shot` or `silence`.
        within_s: the largest move.

    Raises:
        InputMediaError: a frame is damaged.
    """
    notes = []
    points = []
    for name, point in zip(("in", "out"), span, strict=True):
        places = set(
            _cuts(context, media, point, within_s)
            if snap == "shot"
            else _pauses(context.path(media.file), media, point, within_s)
        )
        nearest = min(places, key=lambda place: (abs(place - point), place), default=None)
        points.append(point if nearest is None else nearest)
        notes += _notes(media, name, point, nearest, snap, within_s)
    if points[0] >= points[1]:
        return *span, ("in and out stay: they would meet",)
    return points[0], points[1], tuple(notes)


def _notes(media: Media, name: str, point: int, nearest: int | None, snap: str, within_s: Fraction) -> list[str]:
    if nearest is None:
        return [f"{name} stays at frame {point}: no {NAMES[snap]} within {float(within_s):g} s"]
    if nearest == point:
        return []
    return [
        f"{name} moved from frame {point} to {nearest} ({describe_frame(media, nearest)}), the nearest {NAMES[snap]}"
    ]


def _reach_frames(media: Media, within_s: Fraction) -> int:
    return max(1, int(within_s * timecode_rate(require_video(media))))


def _within_reach(media: Media, point: int, places: Iterable[int], within_s: Fraction) -> list[int]:
    """Return the frames within the limit; the ends of the film count as places, too."""
    count, at_s = require_video(media).frame_count, frame_time_s(media, point)
    return [place for place in {0, count, *places} if abs(frame_time_s(media, place) - at_s) <= within_s]


def _cuts(context: NodeContext, media: Media, point: int, within_s: Fraction) -> list[int]:
    video, reach = require_video(media), _reach_frames(media, within_s)
    low, high = max(point - reach - 1, 0), min(point + reach + 1, video.frame_count)
    return _within_reach(media, point, cuts_between(context.path(media.file), media, low, high, context), within_s)


def _pauses(path: Path, media: Media, point: int, within_s: Fraction) -> list[int]:
    """Find the frames near a point that lie inside a pause of the film's first sound track."""
    video = require_video(media)
    if not media.audio:
        return []
    reach = _reach_frames(media, within_s + _CONTEXT_S)
    low, high = max(point - reach, 0), min(point + reach, video.frame_count)
    start_s = container_time_s(video, low)
    samples, rate_hz = sound.read_span(path, media.audio[0].index, start_s, container_time_s(video, high))
    begins = np.array(
        [round((container_time_s(video, frame) - start_s) * rate_hz) for frame in range(low, high)], np.int64
    )
    quiet = pauses.find_pauses(samples, rate_hz)
    inside = [place.frame for place in pauses.split_points_in(quiet, rate_hz, low, begins)]
    return _within_reach(media, point, inside, within_s)
