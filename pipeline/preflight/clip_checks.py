"""Look at a span before it is uploaded or paid for, and tell all that speaks against it.

Takes   a film, a span of its frames, and what a host takes.
Gives   findings, each one line; a fatal one means that a paid call would be refused, or would be for nothing.
Raises  BadInput when a frame of the span is damaged.

It only reads. A span is told without its handles, because these are shortened to what a host takes.

A few frames of a span, looked at for a face.

Takes   a film and a half-open span of its frames.
Gives   how far apart the eyes of the largest face are, in the frames that show one.
Raises  BadInput when a frame cannot be decoded.

As in the local engine, a face counts where two networks see it: FaceMesh, and the detector as its witness
(engine/witness.py). Frames are read one at a time, the middle of the span before its ends, and three with a face are
enough, so that little is decoded of a film that is as it should be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

from ..core.values import Media, VideoStream
from ..engine import available
from ..engine.arrays import Image
from ..engine.detect.confirm import witnessed
from ..engine.detect.track import Track
from ..engine.geometry.head_frame import FaceFrame
from ..engine.planning.take_plan import FACE_HINT
from ..media import decode, shots
from ..media.audio import samples
from ..media.audio.pauses import is_near_silence
from ..media.clock import frame_s, place_text
from ..media.probe import require_video
from ..media.trim import tick_s

Code = Literal[
    "too_long", "no_face", "small_face", "face_unknown", "cut_inside", "too_large", "no_voice", "silent_voice"
]
MIN_FACE_PX = 30
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


def check_span(
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
    found = shots.cuts_between(span.path, span.source, span.start, span.end)
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
    eyes_px = eye_distances_px(span.path, require_video(span.source), span.start, span.end)
    if not eyes_px:
        looks = len(sampled_frames(span.start, span.end))
        yield span.finding("no_face", f"no face found in {looks} frames looked at; {FACE_HINT}", fatal=True)
    elif median(eyes_px) < MIN_FACE_PX:
        told = f"its face has {median(eyes_px):.0f} px between the eyes, and needs {MIN_FACE_PX}; {FACE_HINT}"
        yield span.finding("small_face", told)


if TYPE_CHECKING:
    from ..engine.detect.faces import FaceFinder

SAMPLES = 8
ENOUGH_FACES = 3
_ORDER = (4, 1, 6, 2, 5, 0, 7, 3)


def eye_distances_px(path: Path, video: VideoStream, start: int, end: int) -> list[float]:
    """Give the distance between the eyes of the largest face, in px of the shown picture, per frame with a face."""
    from ..engine.detect.faces import FaceFinder

    found: list[float] = []
    with FaceFinder() as finder:
        for frame in sampled_frames(start, end):
            ((_, picture),) = decode.images(path, video, frame, frame + 1)
            found += _largest_px(finder, picture)
            if len(found) == ENOUGH_FACES:
                break
    return found


def sampled_frames(start: int, end: int) -> list[int]:
    """Spread eight looks over the frames [start, end), fewer where it holds fewer, and order them from the middle."""
    places = [start + (2 * look + 1) * (end - start) // (2 * SAMPLES) for look in _ORDER]
    return list(dict.fromkeys(places))


def _largest_px(finder: FaceFinder, picture: Image) -> list[float]:
    from ..engine.detect.detect import shrunk

    small, scale = shrunk(picture)
    found = [Track({0: face * scale}) for face in finder.find(small)]
    found = found or [Track({0: face}) for face in finder.find_small(picture)]
    if finder.can_witness:
        boxes = [
            (left * scale, top * scale, right * scale, bottom * scale)
            for left, top, right, bottom in finder.boxes(small)
        ]
        found = witnessed(found, {0: boxes})
    sizes = [FaceFrame(track.points[0]).unit_px for track in found]
    return [max(sizes)] if sizes else []
