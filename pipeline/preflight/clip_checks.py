"""Check a span of a film before it is uploaded or paid for.

The checks only read. A fatal finding means that the provider would refuse the call, or that it would be useless. A span
is checked without its handles, because those are shortened to what the provider accepts.

A face counts if two networks see it, as in the local engine: FaceMesh, and the detector as its witness
(engine/detect/track.py). A few frames are sampled, the middle of the span before its ends, and three with a face are
enough, so that little is decoded of a film without problems.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal

from ..core.nodes.node import NodeContext, cached_value
from ..core.times import frames_text
from ..core.values import Media
from ..engine import available
from ..engine.arrays import Image, Points
from ..engine.detect.track import Track, confirmed_tracks
from ..engine.geometry.head_frame import FaceFrame
from ..engine.planning.take_plan import FACE_HINT
from ..media.audio import samples
from ..media.audio.loudness import is_near_silence
from ..media.frames import decode, shots
from ..media.probe import require_video
from ..media.timing.clock import describe_frame, frame_time_s
from ..media.trim import container_time_s

if TYPE_CHECKING:
    from ..engine.detect.faces import FaceFinder
    from ..engine.landmarks.landmarker import Box

Code = Literal[
    "too_long", "no_face", "small_face", "face_unknown", "cut_inside", "too_large", "no_voice", "silent_voice"
]
MIN_FACE_PX = 30
"""Between the eyes; a smaller face is too small to change."""
SAMPLES = 8
"""Frames that are searched for a face."""
ENOUGH_FACES = 3
_SAMPLE_ORDER = (4, 1, 6, 2, 5, 0, 7, 3)
_MAX_LISTED_CUTS = 4


@dataclass(frozen=True)
class Finding:
    """One reason against sending a span."""

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
    context: NodeContext | None = None
    """Where cuts and faces are cached."""

    def finding(self, code: Code, reason: str, *, fatal: bool = False) -> Finding:
        """Return a finding with the span's place in the film."""
        first, last = describe_frame(self.source, self.start), describe_frame(self.source, self.end)
        where = f"{frames_text(self.start, self.end)} ({first} to {last})"
        return Finding(self.name, code, f"segment {self.name}, {where}: {reason}", fatal)


def check_span(
    path: Path,
    source: Media,
    name: str,
    start_frame: int,
    end_frame: int,
    *,
    max_s: Fraction | None,
    max_size_px: tuple[int, int] | None,
    has_own_audio: bool,
    context: NodeContext | None = None,
) -> list[Finding]:
    """Return the reasons against sending the frames [start_frame, end_frame) of a film.

    Args:
        path: the film.
        source: its probed streams.
        name: the segment's name.
        start_frame: the first frame of the span.
        end_frame: the frame after its last one.
        max_s: longest clip that the provider accepts, in seconds; None if there is no limit.
        max_size_px: largest picture that the provider accepts, (long side, short side); None if there is no limit.
        has_own_audio: whether the edit has its own `audio`.
        context: where the cuts and faces of the film are cached; without it nothing is.

    Raises:
        InputMediaError: a frame of the span is damaged.
    """
    span = _Span(path, source, name, start_frame, end_frame, context)
    findings = [*_check_length(span, max_s), *_check_size(span, max_size_px)]
    if not has_own_audio:
        findings += _check_voice(span)
    if any(finding.code == "too_long" for finding in findings):
        return findings  # no frame is decoded: their number has no limit
    return [*findings, *_check_cuts(span), *_check_face(span)]


def _check_length(span: _Span, max_s: Fraction | None) -> Iterator[Finding]:
    length_s = frame_time_s(span.source, span.end) - frame_time_s(span.source, span.start)
    if max_s is not None and length_s > max_s:
        reason = f"it lasts {float(length_s):.3f} s, and the provider accepts {float(max_s):g} s; use shorter edits"
        yield span.finding("too_long", reason, fatal=True)


def _check_size(span: _Span, max_size_px: tuple[int, int] | None) -> Iterator[Finding]:
    width, height = require_video(span.source).shown_size_px
    if max_size_px is not None and (max(width, height) > max(max_size_px) or min(width, height) > min(max_size_px)):
        limit = f"{max_size_px[0]}x{max_size_px[1]}"
        yield span.finding(
            "too_large",
            f"the picture is {width}x{height}, and the provider accepts {limit}: "
            "it is scaled down, and only the changed part is scaled up again",
        )


def _check_voice(span: _Span) -> Iterator[Finding]:
    if not span.source.audio:
        yield span.finding(
            "no_voice", "the film has no audio, and the provider needs a voice; add an `audio` to the edit", fatal=True
        )
        return
    video = require_video(span.source)
    start_s, end_s = container_time_s(video, span.start), container_time_s(video, span.end)
    if is_near_silence(*samples.read_span(span.path, span.source.audio[0].index, start_s, end_s)):
        reason = "the film's first audio track has no speech here; check the span, or add an `audio` to the edit"
        yield span.finding("silent_voice", reason)


def _check_cuts(span: _Span) -> Iterator[Finding]:
    cuts = shots.cuts_between(span.path, span.source, span.start, span.end, span.context)
    if cuts:
        frames = ", ".join(f"{cut} ({describe_frame(span.source, cut)})" for cut in cuts[:_MAX_LISTED_CUTS])
        more = f" and {len(cuts) - _MAX_LISTED_CUTS} more" if len(cuts) > _MAX_LISTED_CUTS else ""
        reason = f"a new shot begins at frame {frames}{more}, and the model needs a single shot; make one edit per shot"
        yield span.finding("cut_inside", reason)


def _check_face(span: _Span) -> Iterator[Finding]:
    missing = available.problem()
    if missing:
        yield span.finding("face_unknown", f"faces were not checked: {missing}")
        return
    distances_px = eye_distances_px(span.path, span.source, span.start, span.end, span.context)
    if not distances_px:
        count = len(sampled_frames(span.start, span.end))
        yield span.finding("no_face", f"no face found in {count} sampled frames; {FACE_HINT}", fatal=True)
    elif median(distances_px) < MIN_FACE_PX:
        reason = f"the face has {median(distances_px):.0f} px between the eyes, and needs {MIN_FACE_PX}; {FACE_HINT}"
        yield span.finding("small_face", reason)


@dataclass(frozen=True)
class SampledFace:
    """What is asked of a face in a sampled frame, in px of the picture as it is shown."""

    x: float
    """The mean of its landmarks."""
    height: float
    eyes: float
    """The distance between the eyes."""


Samples = list[list[SampledFace]]
"""The faces of each sampled frame."""


def eye_distances_px(
    path: Path, source: Media, start: int, end: int, context: NodeContext | None = None
) -> list[float]:
    """Return the distance between the eyes of the largest face in each frame with a face, in displayed px."""
    samples = sampled_faces(path, source, start, end, context)
    return [max(face.eyes for face in faces) for faces in samples if faces]


def sampled_faces(path: Path, source: Media, start: int, end: int, context: NodeContext | None = None) -> Samples:
    """Return the faces of some frames of [start, end); three frames with a face are enough.

    They are cached under the film's digest where there is a context: the forecast of a crop and the checks ask alike.
    """
    if context is None:
        return _sample_faces(path, source, start, end)
    from ..engine.detect.detect import cache_key_parts

    span = {"film": source.file.digest, "stream": require_video(source).index, "span": [start, end]}
    parts = {"what": "sampled faces", **span, "by": cache_key_parts()}
    return cached_value(
        context, parts, "faces.json", _read_faces, lambda: _sample_faces(path, source, start, end), _write_faces
    )


def _read_faces(path: Path) -> Samples | None:
    try:
        return [[SampledFace(**face) for face in faces] for faces in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return None


def _write_faces(path: Path, samples: Samples) -> None:
    path.write_text(json.dumps([[asdict(face) for face in faces] for faces in samples]), "utf-8")


def _sample_faces(path: Path, source: Media, start: int, end: int) -> Samples:
    from ..engine.detect.faces import FaceFinder

    samples: Samples = []
    with FaceFinder() as finder:
        for frame in sampled_frames(start, end):
            ((_, picture),) = decode.images(path, require_video(source), frame, frame + 1)
            samples.append([_sampled(face) for face in _confirmed_faces(finder, picture)])
            if sum(bool(faces) for faces in samples) == ENOUGH_FACES:
                break
    return samples


def _sampled(face: Points) -> SampledFace:
    top, bottom = float(face[:, 1].min()), float(face[:, 1].max())
    return SampledFace(float(face[:, 0].mean()), bottom - top, float(FaceFrame(face).unit_px))


def sampled_frames(start: int, end: int) -> list[int]:
    """Return eight frames spread over [start, end), fewer if it has fewer, beginning in the middle."""
    frames = [start + (2 * sample + 1) * (end - start) // (2 * SAMPLES) for sample in _SAMPLE_ORDER]
    return list(dict.fromkeys(frames))


def _scaled(boxes: Sequence[Box], scale: float) -> list[Box]:
    return [(left * scale, top * scale, right * scale, bottom * scale) for left, top, right, bottom in boxes]


def _confirmed_faces(finder: FaceFinder, picture: Image) -> list[Points]:
    from ..engine.detect.detect import shrink_for_detection

    small, scale = shrink_for_detection(picture)
    small_faces = finder.find(small)
    faces = [face * scale for face in small_faces]
    small_boxes = finder.detect_boxes(small)
    boxes = _scaled(small_boxes, scale)
    if not faces:
        faces = finder.find_small_faces(picture)
        boxes += finder.small_boxes
    elif finder.wants_missed_faces(faces, boxes):
        faces += finder.find_missed_faces(picture, faces)
    boxes += _scaled(finder.close_boxes(small, small_faces, small_boxes), scale)
    return [track.points[0] for track in confirmed_tracks([Track({0: face}) for face in faces], {0: boxes})]
