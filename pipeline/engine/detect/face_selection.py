"""Select the face that is re-expressed in each shot, and weight its frames by visibility.

Nothing is carried over a cut. The expression fades where the face is turned or tilted away, or blurred by motion.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...media.frames.shots import Shot, hidden_by_flash
from ..arrays import Curve, Points, smoothstep
from ..geometry.head_frame import FaceFrame
from ..occlusion.occlusion import FaceTexels, KeepOcclusion, Occlusion, find_occlusion, occlusion_name
from .detect import Detections, FrameDetections
from .people import FaceAim, ShotPeople, number_people, shots_in, tracks_in
from .speaker import ChosenFace, choose_face
from .track import Track, extend_track, fill_gaps, smooth_track


@dataclass(frozen=True, eq=False)
class ShotFace:
    """One shot of the clip and the face that is re-expressed in it."""

    shot: Shot
    chosen: ChosenFace | None
    """None if the shot has no face within the span."""
    landmarks: tuple[Points | None, ...]
    """Smoothed landmarks of the face in each frame of the shot."""
    detected_frames: tuple[int, ...]
    """Frames of the clip in which the face was detected."""
    occlusion: Occlusion
    """Occlusion of the face in each frame of the shot."""
    visibility: Curve
    """How well the face is visible in each frame of the shot, 0 to 1."""
    flashes: frozenset[int] = frozenset()
    """Frames of the shot that a flash hides: they stay unchanged, and nothing fades around them."""


def select_faces(
    detections: Detections,
    span: Shot,
    loudness: Curve | None,
    fps: Fraction,
    detect_speaker: bool,
    aims: Sequence[FaceAim] = (),
    keep_occlusion: KeepOcclusion | None = None,
) -> list[ShotFace]:
    """Select a face in each shot that overlaps the span [first, last).

    Args:
        detections: the result of the first pass.
        span: the frames that may change.
        loudness: the voice's loudness at each frame, to find the speaker; None without a voice.
        fps: frames per second.
        detect_speaker: whether to prefer the speaker to the largest face.
        aims: where chosen faces are; a shot without one has no face to change, unless there are none at all.
        keep_occlusion: stores what covers a face between takes of the clip; None finds it.
    """
    return [
        _select_face(detections.frames, shot, span, loudness, fps, detect_speaker, aims, keep_occlusion)
        for shot in shots_in(detections, span)
    ]


def _select_face(
    frames: Sequence[FrameDetections],
    shot: Shot,
    span: Shot,
    loudness: Curve | None,
    fps: Fraction,
    detect_speaker: bool,
    aims: Sequence[FaceAim],
    keep_occlusion: KeepOcclusion | None,
) -> ShotFace:
    first, last = shot
    tracks = tracks_in(frames, shot, span, fps)
    chosen = _aimed_face(tracks, shot, aims) if aims else None
    if tracks and not aims:
        chosen = choose_face(number_people(tracks), loudness, shot, fps, detect_speaker)
    if chosen is None:
        no_points = (None,) * (last - first)
        zeros = np.zeros(last - first)
        return ShotFace(shot, None, no_points, (), Occlusion(zeros, zeros, no_points), zeros)
    track = extend_track(chosen.track, tracks)
    faces = [track.points.get(number) for number in range(first, last)]
    filled = fill_gaps(faces, float(fps))
    smoothed = smooth_track(filled, float(fps))
    thumbnails = [frame.thumbnail for frame in frames[first:last] if frame.thumbnail is not None]
    has_thumbnails = len(thumbnails) == len(faces)
    hidden = hidden_by_flash(thumbnails, [face is not None for face in faces]) if has_thumbnails else frozenset()
    flashes = frozenset(frame for frame in hidden if smoothed[frame] is not None)
    landmarks = [None if frame in flashes else points for frame, points in enumerate(smoothed)]
    texels = {frame - first: face_texels for frame, face_texels in track.texels.items()}

    def find() -> Occlusion:
        return find_occlusion([texels.get(frame) for frame in range(last - first)], filled, fps)

    return ShotFace(
        shot,
        chosen,
        tuple(landmarks),
        tuple(sorted(track.points)),
        find() if keep_occlusion is None else keep_occlusion(occlusion_name(faces, fps), len(faces), find),
        frontal_weights(landmarks) * sharpness_weights(texels, last - first, fps),
        flashes,
    )


def _aimed_face(tracks: Sequence[Track], shot: Shot, aims: Sequence[FaceAim]) -> ChosenFace | None:
    """Return the person at the aim of a shot, or None."""
    people = ShotPeople(shot, number_people(tracks))
    for aim in aims:
        if people.people and shot[0] <= aim.frame < shot[1]:
            index = people.at(aim.frame, aim.x_px, aim.y_px)
            return None if index is None else ChosenFace(people.people[index], aim.reason, is_aimed=True)
    return None


TURNED_DEG, TILTED_DEG = (44.0, 54.0), (32.0, 44.0)
"""The edit fades out between these angles of yaw and pitch, because the far side of the face is estimated."""
BLURRED = (0.55, 0.35)
"""The edit fades out between these fractions of the usual sharpness, because landmarks are inaccurate."""
SHARPEST_TEXELS = 200
"""Sharpness is the mean edge strength of this many texels with the strongest edges."""
SHARPNESS_FRAMES = 8
"""With fewer frames of a face none is called blurred."""
EASE_S = 0.12
"""How much earlier a fade for blur begins, and how much later it ends."""


def frontal_weights(landmarks: Sequence[Points | None]) -> Curve:
    """Return a weight per frame: 1 from the front, 0 turned or tilted away, 1 without a face."""
    weights = np.ones(len(landmarks))
    for frame, points in enumerate(landmarks):
        if points is not None:
            axes = FaceFrame(points).axes
            for row, (full, none) in ((0, TURNED_DEG), (1, TILTED_DEG)):
                angle = abs(math.degrees(math.asin(float(np.clip(axes[row, 2], -1, 1)))))
                weights[frame] *= 1 - float(smoothstep(np.array((angle - full) / (none - full))))
    return weights


def sharpness_weights(texels: Mapping[int, FaceTexels], frames: int, fps: Fraction) -> Curve:
    """Return a weight per frame: 1 as sharp as the face usually is in its shot, 0 blurred."""
    weights = np.ones(frames)
    if len(texels) < SHARPNESS_FRAMES:
        return weights
    numbers = sorted(texels)
    edges = [
        float(np.partition(texels[number].values[:, 3], -SHARPEST_TEXELS)[-SHARPEST_TEXELS:].mean())
        for number in numbers
    ]
    share = np.array(edges) / max(1e-6, float(np.median(edges)))
    weights[numbers] = 1 - smoothstep((BLURRED[0] - share) / (BLURRED[0] - BLURRED[1]))
    return _widen_fades(weights, max(1, round(EASE_S * fps)))


def _widen_fades(weights: Curve, frames: int) -> Curve:
    """Start each fade some frames earlier and end it later, so that it is not abrupt."""
    padded = np.pad(weights, 2 * frames, mode="edge")
    minimum = np.lib.stride_tricks.sliding_window_view(padded, 2 * frames + 1).min(1)
    widened: Curve = np.lib.stride_tricks.sliding_window_view(minimum, 2 * frames + 1).mean(1)
    return widened
