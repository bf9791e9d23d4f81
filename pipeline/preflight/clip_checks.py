"""Look at a span before it is uploaded or paid for, and tell all that speaks against it.

Takes   a film, a span of its frames, and what a host takes.
Gives   findings, each one line; a fatal one means that a paid call would be refused, or would be for nothing.
Raises  BadInput when a frame of the span is damaged; ToolFailed when ffmpeg does.

It only reads. A span is told without its handles, because these are shortened to what a host takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Literal

from ..core.values import Media
from ..engine import available
from ..engine.take_plan import WHAT_IT_NEEDS
from ..media import shots
from ..media.audio import samples
from ..media.audio.pauses import is_near_silence
from ..media.clock import frame_s, place_text
from ..media.probe import require_video
from ..media.process import run_tool
from ..media.trim import tick_s
from . import face_checks

Code = Literal[
    "too_long", "no_face", "small_face", "face_unknown", "cut_inside", "too_large", "no_voice", "silent_voice"
]
SMALLEST_FACE_PX = 30
"""Between the eyes; below this there is too little of a face to change."""
_TOLD_CUTS = 4


@dataclass(frozen=True)
class Finding:
    """One thing that speaks against sending a span."""

    segment: str
    code: Code
    message: str
    """One line: what, where, the value, what to do."""
    fatal: bool


@dataclass(frozen=True)
class _Span:
    """The frames [start, end) of a film."""

    path: Path
    source: Media
    name: str
    start: int
    end: int

    def finding(self, code: Code, told: str, *, fatal: bool = False) -> Finding:
        """Say something of the span, with its place."""
        first, last = place_text(self.source, self.start), place_text(self.source, self.end)
        where = f"frames {self.start} to {self.end - 1} ({first} to {last})"
        return Finding(self.name, code, f"segment {self.name}, {where}: {told}", fatal)


def examine(
    path: Path,
    source: Media,
    name: str,
    start_frame: int,
    end_frame: int,
    *,
    longest_s: Fraction | None,
    largest_px: tuple[int, int] | None,
    has_new_line: bool,
) -> list[Finding]:
    """Tell what speaks against sending the frames [start_frame, end_frame) of a film.

    Args:
        path: where the film is; it is only read.
        source: the film as it was probed.
        name: the segment's.
        start_frame: the first frame of the span.
        end_frame: the frame after its last one.
        longest_s: the most that a host takes, in seconds; None where it takes any length.
        largest_px: the most that a host takes, as (long side, short side); None where it takes any size.
        has_new_line: whether the edit brings its own `audio`.
    """
    span = _Span(path, source, name, start_frame, end_frame)
    found = [*_length(span, longest_s), *_size(span, largest_px), *([] if has_new_line else _voice(span))]
    if any(one.code == "too_long" for one in found):
        return found  # its pictures are not looked at: there is no bound to how many they are
    return [*found, *_cuts(span), *_face(span)]


def _length(span: _Span, longest_s: Fraction | None) -> Iterator[Finding]:
    length_s = frame_s(span.source, span.end) - frame_s(span.source, span.start)
    if longest_s is not None and length_s > longest_s:
        told = f"it lasts {float(length_s):.3f} s, and the host takes {float(longest_s):g} s; make shorter edits of it"
        yield span.finding("too_long", told, fatal=True)


def _size(span: _Span, largest_px: tuple[int, int] | None) -> Iterator[Finding]:
    width, height = require_video(span.source).shown_size_px
    if largest_px is not None and (max(width, height) > max(largest_px) or min(width, height) > min(largest_px)):
        told = f"the picture is {width}x{height}, and the host takes {largest_px[0]}x{largest_px[1]}: it is scaled down"
        yield span.finding("too_large", f"{told}, and only what changes comes back enlarged")


def _voice(span: _Span) -> Iterator[Finding]:
    if not span.source.audio:
        yield span.finding(
            "no_voice", "the film has no sound, and the host needs a voice; give the edit an `audio`", fatal=True
        )
        return
    video = require_video(span.source)
    start_s, end_s = tick_s(video, span.start), tick_s(video, span.end)
    if is_near_silence(*samples.read_span(span.path, span.source.audio[0].index, start_s, end_s)):
        told = "nobody speaks in the film's first sound track; check the span, or give the edit an `audio`"
        yield span.finding("silent_voice", told)


def _cuts(span: _Span) -> Iterator[Finding]:
    found = shots.cuts(run_tool, span.path, span.source, span.start, span.end)
    if found:
        told = ", ".join(f"{cut} ({place_text(span.source, cut)})" for cut in found[:_TOLD_CUTS])
        more = f" and {len(found) - _TOLD_CUTS} more" if len(found) > _TOLD_CUTS else ""
        yield span.finding(
            "cut_inside", f"a new shot begins at frame {told}{more}, and the model wants one shot; make an edit of each"
        )


def _face(span: _Span) -> Iterator[Finding]:
    missing = available.problem()
    if missing:
        yield span.finding("face_unknown", f"no face was looked for: {missing}")
        return
    eyes_px = face_checks.eyes_px(span.path, require_video(span.source), span.start, span.end)
    if not eyes_px:
        looks = len(face_checks.looked_at(span.start, span.end))
        yield span.finding("no_face", f"no face found in {looks} frames looked at; {WHAT_IT_NEEDS}", fatal=True)
    elif median(eyes_px) < SMALLEST_FACE_PX:
        told = f"its face has {median(eyes_px):.0f} px between the eyes, and needs {SMALLEST_FACE_PX}; {WHAT_IT_NEEDS}"
        yield span.finding("small_face", told)
