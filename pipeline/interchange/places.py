"""Find the frames of an edit that names a cue, spoken words or a shot instead of in and out points, and snap them.

Cues come from the job's `cues`, or else from the film's own subtitle stream.

Snapping moves an in or out point to the nearest cut, or into the nearest pause of the voice, within a limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from ..core.edits.edit import At, Edit
from ..core.errors import InputMediaError
from ..core.file import File
from ..core.nodes.node import NodeContext
from ..core.times import Seconds
from ..core.values import Media
from ..media.audio import loudness
from ..media.audio import samples as sound
from ..media.frames.shots import cuts_between, nth_shot
from ..media.probe import require_video
from ..media.timing.clock import describe_frame, frame_at, frame_time_s, timecode_rate
from ..media.timing.edit_spans import frames_of_edit
from ..media.trim import container_time_s
from .entries import Entry
from .readers import read_listing
from .text.subtitles import read_embedded_cues
from .text.transcript import Match, closest_cues, cue_match, find_phrase, list_matches

CUES = "the job's `cues`"


@dataclass(frozen=True)
class PlaceOptions:
    """The step's settings for edits that do not set their own."""

    cues: File | str | None = None
    snap: Snap = "none"
    within_s: Fraction = Fraction(1, 2)


class PlaceFinder:
    """Find the frames of edits in one film."""

    def __init__(self, context: NodeContext, media: Media, options: PlaceOptions) -> None:
        self._context, self._media, self._options = context, media, options

    @cached_property
    def _path(self) -> Path:
        return self._context.path(self._media.file)

    def __call__(self, edit: Edit) -> tuple[int, int, tuple[str, ...]]:
        """Return the frames [start, end) of an edit and notes for the user.

        Raises:
            InputMediaError: the cue, text or shot does not exist, or the text occurs more than once; the message lists
                the candidates with their times.
        """
        start, end = self._frames(edit.at) if edit.at is not None else frames_of_edit(self._media, edit)
        snap = edit.snap or self._options.snap
        if snap == "none" or start >= end:
            return start, end, ()
        return snap_span(self._context, self._media, (start, end), snap, self._options.within_s)

    def _frames(self, at: At) -> tuple[int, int]:
        if at.shot is not None:
            return self._shot(at.shot)
        if at.cue is not None:
            return self._span(self._cue(at.cue))
        if at.text is not None:
            return self._span(self._phrase(at.text))
        raise InputMediaError(f"{at}: markers are looked up in a `timeline`, which a job must name")

    def _shot(self, number: int) -> tuple[int, int]:
        shot = nth_shot(self._context, self._media, number)
        if isinstance(shot, int):
            raise InputMediaError(f"there is no shot {number}: the film has {shot}")
        return shot

    def _span(self, match: Match) -> tuple[int, int]:
        """Convert times to frames; subtitles may last longer than the picture."""
        duration_s = frame_time_s(self._media, require_video(self._media).frame_count)
        if match.start.value >= duration_s:
            raise InputMediaError(f"{match} begins after the end of the film at {Seconds(duration_s)}")
        end = Seconds(min(match.end.value, duration_s))
        return frame_at(self._media, match.start), frame_at(self._media, end)

    def _cue(self, number: int) -> Match:
        cues = self._cues
        match = cue_match(cues[number - 1]) if number <= len(cues) else None
        if match is None:
            raise InputMediaError(
                f"there is no cue {number} with a time: {self._cues_source} has the cues 1 to {len(cues)}"
            )
        return match

    def _phrase(self, text: str) -> Match:
        matches = find_phrase(self._cues, text)
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise InputMediaError(
                f"{text!r} is said {len(matches)} times: {list_matches(matches)}; give more words, or `cue`"
            )
        closest = closest_cues(self._cues, text)
        hint = f"the closest are {list_matches(closest)}" if closest else f"nothing in {self._cues_source} is similar"
        raise InputMediaError(f"{text!r} is not said: {hint}")

    @property
    def _cues_source(self) -> str:
        return CUES if self._options.cues is not None else "the film's subtitle stream"

    @cached_property
    def _cues(self) -> tuple[Entry, ...]:
        file = self._options.cues
        if isinstance(file, str):
            raise InputMediaError(f"{CUES} must be a local file, not {file}")
        entries = (
            read_embedded_cues(self._path) if file is None else read_listing(self._context.path(file), CUES).entries
        )
        cues = tuple(entry for entry in entries if entry.kind == "cue")
        if not cues:
            reason = "the film has no text subtitles" if file is None else f"{CUES} contains no cue"
            raise InputMediaError(f"{reason}; give an SRT, a VTT or a transcript as `cues`")
        return cues


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
    quiet = loudness.find_pauses(samples, rate_hz)
    inside = [place.frame for place in loudness.split_points_in(quiet, rate_hz, low, begins)]
    return _within_reach(media, point, inside, within_s)
