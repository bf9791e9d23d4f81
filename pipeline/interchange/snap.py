"""Move an in or out point to the nearest cut, or into the nearest pause of the voice, within a limit.

Takes   a film, the frames [start, end) of an edit, and how far a point may move.
Gives   the frames after it, and what to tell of it.
Raises  InputMediaError when a frame is damaged.
"""

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
from ..media.clock import frame_s, label_rate, place_text
from ..media.probe import require_video
from ..media.shots import cuts_between
from ..media.trim import tick_s

Snap = Literal["none", "shot", "silence"]
NAMES = {"shot": "cut", "silence": "pause in the voice"}
_CONTEXT_S = Fraction(3)
"""Sound on either side that is used to separate speech from pauses."""


def snap_span(
    context: NodeContext, media: Media, span: tuple[int, int], snap: Snap, within_s: Fraction
) -> tuple[int, int, tuple[str, ...]]:
    """Return (start, end) after the move, and a note for each point that moved or has no cut or pause in reach.

    Args:
        path: the film.
        media: its probe result.
        span: the frames [start, end) of the edit.
        snap: `shot` or `silence`.
        within_s: the largest move.

    Raises:
        MissingExtra: PySceneDetect is not installed, for cuts.
        InputMediaError: a frame is damaged.
    """
    notes = []
    points = []
    for name, point in zip(("in", "out"), span, strict=True):
        places = set(
            _cuts(context, media, point, within_s)
            if snap == "shot"
            else _rests(context.path(media.file), media, point, within_s)
        )
        near = min(places, key=lambda place: (abs(place - point), place), default=None)
        points.append(point if near is None else near)
        said += _told(media, name, point, near, snap, within_s)
    if points[0] >= points[1]:
        return *span, ("in and out stay: they would meet",)
    return points[0], points[1], tuple(notes)


def _notes(media: Media, name: str, point: int, nearest: int | None, snap: str, within_s: Fraction) -> list[str]:
    if near is None:
        return [f"{name} stays at frame {point}: no {NAMES[snap]} within {float(within_s):g} s"]
    if near == point:
        return []
    return [f"{name} moved from frame {point} to {near} ({place_text(media, near)}), the nearest {NAMES[snap]}"]


def _reach(media: Media, within_s: Fraction) -> int:
    return max(1, int(within_s * label_rate(require_video(media))))


def _near(media: Media, point: int, places: Iterable[int], within_s: Fraction) -> list[int]:
    """Keep the places that are no further away than the limit; the film's own ends are places, too."""
    count, at_s = require_video(media).frame_count, frame_s(media, point)
    return [place for place in {0, count, *places} if abs(frame_s(media, place) - at_s) <= within_s]


def _cuts(context: NodeContext, media: Media, point: int, within_s: Fraction) -> list[int]:
    video, reach = require_video(media), _reach(media, within_s)
    low, high = max(point - reach - 1, 0), min(point + reach + 1, video.frame_count)
    return _near(media, point, cuts_between(context.path(media.file), media, low, high, context), within_s)


def _rests(path: Path, media: Media, point: int, within_s: Fraction) -> list[int]:
    """Find the frames near a point that lie inside a pause of the film's first sound track."""
    video = require_video(media)
    if not media.audio:
        return []
    reach = _reach(media, within_s + _CONTEXT_S)
    low, high = max(point - reach, 0), min(point + reach, video.frame_count)
    start_s = tick_s(video, low)
    samples, rate_hz = sound.read_span(path, media.audio[0].index, start_s, tick_s(video, high))
    begins = np.array([round((tick_s(video, frame) - start_s) * rate_hz) for frame in range(low, high)], np.int64)
    found = pauses.pauses(samples, rate_hz)
    inside = [place.frame for place in pauses.places(found, rate_hz, low, begins)]
    return _near(media, point, inside, within_s)
