"""Join the faces of the frames of one shot into tracks, and confirm them with a second detector.

FaceMesh also fits its mesh to a watch or a patch of light. The full-range detector is another network. On the examined
films it scored 0.69 to 0.91 on faces and detected nothing on the dial of a watch, on which FaceMesh and the short-range
detector agreed. A track that it detects neither in the picture nor in two squares around the face is not a face.

Landmark jitter is reduced without adding lag. The filter is by Casiez, Roussel & Vogel, "1€ Filter: a simple
speed-based low-pass filter", CHI 2012. The complete clip is known, so it runs forwards and backwards, and the average
cancels the lag.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ..arrays import Curve, Points, frames_at
from ..geometry.head_frame import FaceFrame, MouthShape
from ..landmarks.landmarker import Box, holds_face
from ..occlusion.occlusion import FaceTexels

EASED_S = 0.25
"""Standard deviation of the Gaussian that smooths values over time."""
MIN_CUTOFF_HZ, SPEED_FACTOR, SPEED_CUTOFF_HZ = 2.5, 6.0, 1.0
"""Cutoff at rest in Hz, cutoff added per unit/s of speed, and cutoff of the speed itself."""


def smooth_track(track: Sequence[Points | None], fps: float) -> list[Points | None]:
    """Smooth a face's landmarks, (478, 3) px each; runs between frames without the face are smoothed separately."""
    smoothed: list[Points | None] = list(track)
    start = 0
    while start < len(track):
        stop = start
        while stop < len(track) and track[stop] is not None:
            stop += 1
        run = [points for points in track[start:stop] if points is not None]
        if run:
            forwards = _one_euro(run, fps)
            backwards = _one_euro(run[::-1], fps)[::-1]
            smoothed[start:stop] = [(a + b) / 2 for a, b in zip(forwards, backwards, strict=True)]
        start = stop + 1
    return smoothed


def _one_euro(run: Sequence[Points], fps: float) -> list[Points]:
    def gain(cutoff_hz: Points) -> Points:
        return 1 / (1 + fps / (2 * math.pi * cutoff_hz))

    position, speed = run[0], np.zeros_like(run[0])
    filtered = [position]
    for points in run[1:]:
        unit_px = FaceFrame(points).unit_px
        now = (points - position) * fps / unit_px
        speed = speed + gain(np.full_like(now, SPEED_CUTOFF_HZ)) * (now - speed)
        position = position + gain(MIN_CUTOFF_HZ + SPEED_FACTOR * np.abs(speed)) * (points - position)
        filtered.append(position)
    return filtered


def resting_shapes(shapes: Sequence[MouthShape | None], fps: float) -> list[MouthShape | None]:
    """Return the mouth shape without speech per frame: means, and the 20th percentile of the gap, over 1.2 s.

    A talking mouth closes often and a grin does not, so the low percentile separates them. A percentile steps when a
    frame enters or leaves the window, so all are smoothed.
    """
    half = max(1, round(0.6 * fps))
    resting: list[tuple[float, ...] | None] = []
    for number, shape in enumerate(shapes):
        window = [other for other in shapes[max(0, number - half) : number + half + 1] if other is not None]
        if shape is None or not window:
            resting.append(None)
            continue
        table = np.array([(other.lift, other.width, other.gap, other.back) for other in window])
        lift, width, _, back = table.mean(0).tolist()
        resting.append((lift, width, float(np.percentile(table[:, 2], 20)), back))
    return [None if row is None else MouthShape(*row) for row in ease(resting, fps)]


def ease(rows: Sequence[tuple[float, ...] | None], fps: float) -> list[tuple[float, ...] | None]:
    """Smooth values over time with a Gaussian; frames without values stay empty and have no weight."""
    present = np.array([row is not None for row in rows], np.float64)
    if not present.any():
        return list(rows)
    width = next(len(row) for row in rows if row is not None)
    table = np.array([row if row is not None else (0.0,) * width for row in rows])
    reach = max(1, round(3 * EASED_S * fps))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (EASED_S * fps)) ** 2)
    weights = np.convolve(present, kernel)[reach : reach + len(rows)]
    summed = np.stack([np.convolve(column, kernel)[reach : reach + len(rows)] for column in table.T], 1)
    means = summed / np.maximum(weights, 1e-9)[:, None]
    return [tuple(mean.tolist()) if row is not None else None for row, mean in zip(rows, means, strict=True)]


EVERY_FRAMES = 3
"""The detector runs on every third frame; a run takes about 5 ms."""
MIN_SHARE = 0.2
"""Share of a track's frames in which the detector must agree. On films of five speakers it agreed in all; what it sees
on a box or a pattern for a moment is no face."""


def confirmed_tracks(tracks: Iterable[Track], boxes: Mapping[int, Sequence[Box]]) -> list[Track]:
    """Return the tracks that the detector saw at their position in enough of their frames.

    Args:
        tracks: the tracks of FaceMesh.
        boxes: frame → the detector's boxes, for the frames in which it ran.
    """
    return [track for track in tracks if _share_seen(track, boxes) >= MIN_SHARE]


def _share_seen(track: Track, boxes: Mapping[int, Sequence[Box]]) -> float:
    """Return the share of the detector's frames of a track in which the detector saw it."""
    seen: dict[int, bool] = {}
    for frame, points in _detector_frames(track, sorted(boxes)):
        seen[frame] = seen.get(frame, False) or any(holds_face(box, points) for box in boxes.get(frame, ()))
    return sum(seen.values()) / max(1, len(seen))


def _detector_frames(track: Track, detector_frames: Sequence[int]) -> Iterable[tuple[int, Points]]:
    """Pair each detection with the last frame up to it in which the detector ran; leave out those before the first."""
    for number, points in track.points.items():
        count = bisect_right(detector_frames, number)
        if count:
            yield detector_frames[count - 1], points


SAME_FACE_UNITS, SAME_SIZE = 1.5, 1.6
"""A face that moves further between two detections, or changes its size by a larger factor, is another face."""
UNITS_PER_LEVEL = 0.03
"""Distance added per grey level of difference in appearance; different people differ by about 20 levels."""
APPEARANCE_GAIN, TEXEL_STRIDE = 0.1, 7
"""Update rate of a track's appearance, and the stride of the compared texels."""
SPEED_FRAMES, COAST_FRAMES = 4, 6
"""Frames over which a track's speed is measured, and frames for which it is extrapolated, at 25 frames/s."""
MAX_LOST_FRAMES = 25
"""After this many frames without a detection a track ends, at 25 frames/s."""
MAX_GAP_S = 0.12
"""Shorter gaps are filled by linear motion."""
REJOIN_FREE, REJOIN_UNITS, REJOIN_LEVELS = 0.8, 2.5, 25.0
"""A track continues another one if this share of its frames is free there, within this distance and difference."""
DUPLICATE_UNITS = 0.5
"""Two faces of one frame within this distance are one face."""


@dataclass(eq=False)
class Track:
    """One face through a shot."""

    points: dict[int, Points] = field(default_factory=dict)
    """Frame → (478, 3) px."""
    texels: dict[int, FaceTexels] = field(default_factory=dict)
    """Frame → its texels, if they were sampled."""
    appearance: Curve | None = None
    """Running mean of its colours at a few texels."""
    last_frame: int = -1

    @property
    def size(self) -> float:
        """Return the area of the face in the picture, summed over its frames."""
        return sum(FaceFrame(points).unit_px ** 2 for points in self.points.values())

    @property
    def unit_px(self) -> float:
        """Return the median eye distance in pixels."""
        return float(np.median([FaceFrame(points).unit_px for points in self.points.values()]))

    def add(self, frame: int, points: Points, texels: FaceTexels | None) -> None:
        """Add the face of a later frame."""
        self.points[frame] = points
        self.last_frame = frame
        if texels is not None:
            self.texels[frame] = texels
            colours = _colours(texels)
            if self.appearance is None:
                self.appearance = colours
            else:
                self.appearance = self.appearance + APPEARANCE_GAIN * (colours - self.appearance)

    def predict(self, frame: int, fps: float) -> Points:
        """Extrapolate the center of the face to a frame, (2,) px."""
        last = self.last_frame
        center = _center(self.points[last])
        recent = [number for number in range(last - frames_at(SPEED_FRAMES, fps), last) if number in self.points]
        if not recent:
            return center
        speed = (center - _center(self.points[recent[0]])) / (last - recent[0])
        predicted: Points = center + speed * min(frame - last, frames_at(COAST_FRAMES, fps))
        return predicted


def build_tracks(
    frames: Iterable[Sequence[Points]],
    fps: float,
    frame_texels: Sequence[Sequence[FaceTexels]] | None = None,
    first: int = 0,
) -> list[Track]:
    """Join the faces of each frame to the best tracks by position, size and appearance.

    Args:
        frames: the faces of each frame, (478, 3) px each.
        fps: frames per second.
        frame_texels: the texels of the same faces; None joins by position and size only.
        first: the number of the first frame.
    """
    tracks: list[Track] = []
    for offset, faces in enumerate(frames):
        texels: Sequence[FaceTexels | None] = frame_texels[offset] if frame_texels is not None else [None] * len(faces)
        distinct = [(faces[index], texels[index]) for index in _distinct(faces)]
        assigned: dict[int, int] = {}
        for _, face, track in sorted(_distances(tracks, first + offset, fps, distinct)):
            if face not in assigned and track not in assigned.values():
                assigned[face] = track
        for face, (points, face_texels) in enumerate(distinct):
            if face not in assigned:
                tracks.append(Track())
            tracks[assigned.get(face, -1)].add(first + offset, points, face_texels)
    return tracks


def _distinct(faces: Sequence[Points]) -> list[int]:
    """Return the indices of the faces without duplicates, largest first."""
    distinct: list[int] = []
    for index in sorted(range(len(faces)), key=lambda number: -FaceFrame(faces[number]).unit_px):
        center, reach = _center(faces[index]), DUPLICATE_UNITS * FaceFrame(faces[index]).unit_px
        if all(np.linalg.norm(_center(faces[other]) - center) > reach for other in distinct):
            distinct.append(index)
    return distinct


def _distances(
    tracks: Sequence[Track], frame: int, fps: float, faces: Sequence[tuple[Points, FaceTexels | None]]
) -> Iterable[tuple[float, int, int]]:
    """Yield (distance in units, face, track) for each face and track that may belong together."""
    most_lost = frames_at(MAX_LOST_FRAMES, fps)
    for index, track in enumerate(tracks):
        if frame - track.last_frame > most_lost:
            continue
        predicted, last_px = track.predict(frame, fps), FaceFrame(track.points[track.last_frame]).unit_px
        for face, (points, texels) in enumerate(faces):
            unit_px = FaceFrame(points).unit_px
            distance = float(np.linalg.norm(predicted - _center(points))) / unit_px
            if distance < SAME_FACE_UNITS and 1 / SAME_SIZE < unit_px / last_px < SAME_SIZE:
                yield (
                    distance
                    + UNITS_PER_LEVEL * _difference(track.appearance, None if texels is None else _colours(texels)),
                    face,
                    index,
                )


def _difference(first: Curve | None, second: Curve | None) -> float:
    """Return the difference of two appearances in grey levels; 0 if one is unknown."""
    return 0.0 if first is None or second is None else float(np.abs(first - second).mean())


def _colours(texels: FaceTexels) -> Curve:
    return texels.values[::TEXEL_STRIDE, :3].astype(np.float64)


def _center(points: Points) -> Points:
    center: Points = points[:, :2].mean(0)
    return center


def extend_track(chosen: Track, others: Sequence[Track]) -> Track:
    """Return the chosen track extended by other tracks of the same face, after it was lost.

    The same face has about the same size and appearance, and is near to where the chosen one was seen last or next. A
    face at another position is treated as another person.
    """
    extended = Track(dict(chosen.points), dict(chosen.texels), chosen.appearance, chosen.last_frame)
    for track in sorted(others, key=lambda other: -other.size):
        free = [frame for frame in track.points if frame not in extended.points]
        if track is not chosen and len(free) >= REJOIN_FREE * len(track.points) and _same_face(extended, track):
            extended.points.update({frame: track.points[frame] for frame in free})
            extended.texels.update({frame: track.texels[frame] for frame in free if frame in track.texels})
    return extended


def _same_face(track: Track, other: Track) -> bool:
    ends = (min(other.points), other.last_frame)
    _, frame, end = min((abs(frame - end), frame, end) for frame in track.points for end in ends)
    unit_px, other_px = (FaceFrame(points).unit_px for points in (track.points[frame], other.points[end]))
    distance_px = float(np.linalg.norm(_center(track.points[frame]) - _center(other.points[end])))
    looks_alike = _difference(track.appearance, other.appearance) < REJOIN_LEVELS
    return looks_alike and distance_px < REJOIN_UNITS * unit_px and 1 / SAME_SIZE < other_px / unit_px < SAME_SIZE


def fill_gaps(landmarks: Sequence[Points | None], fps: float) -> list[Points | None]:
    """Fill short gaps in a face's landmarks by linear motion; a gap with a jump stays open."""
    filled = list(landmarks)
    detected = [frame for frame, points in enumerate(landmarks) if points is not None]
    for before, after in pairwise(detected):
        first, last = landmarks[before], landmarks[after]
        if first is None or last is None or not 1 < after - before <= max(2, MAX_GAP_S * fps + 1):
            continue
        if np.linalg.norm((last - first)[:, :2].mean(0)) > FaceFrame(first).unit_px:
            continue
        for frame in range(before + 1, after):
            weight = (frame - before) / (after - before)
            filled[frame] = first * (1 - weight) + last * weight
    return filled
