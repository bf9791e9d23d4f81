"""The crop that is sent: its path, which follows a face as a camera would, and the clip that is cut out along it.

The camera is at rest while the face moves little, else no faster than needed. Each shot has one size of the crop, so
that it does not zoom. The crop is enlarged, and every other face in it is blurred; what is blurred is only what is
sent: the film's own pixels are composited back (conform/frame_pairs.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.edits.face_choice import CropPath
from ..core.errors import InputMediaError
from ..core.nodes.node import NodeContext
from ..core.values import Media
from ..engine.arrays import Curve, Plane
from ..engine.detect.people import face_box
from ..engine.detect.track import Track
from ..engine.frames.clip_frames import ClipFrames, Picture, TakeWriter, VideoFormat, planes_of
from ..media.probe import probe
from .choose import ShotChoice

PADDING = 2.2
"""The side of the crop in face heights."""
LEAST_PADDING = 1.1
"""With less around it, a face would be cut off."""
SMALL_SHARE = 0.2
"""A face lower than this share of the picture is sent as a crop."""
LEAST_EYES_PX = 12.0
"""A face with less between the eyes has too few pixels, however far it is enlarged."""
LEAST_LINES = 720
"""A crop is enlarged to this many lines at least."""
_SLACK = 0.25
"""How far the face may be from the middle of the crop before the crop moves, in face heights."""
_SMOOTH_S = 0.3
"""Standard deviation of the Gaussian that rounds the corners of the path."""
_HEIGHT_PERCENTILE = 95
_STEP = 64
"""Positions are whole multiples of 1 / 64 px, so that they are exact in JSON."""


@dataclass(frozen=True)
class FacePath:
    """The middle and the height of a face in each frame of a shot, px; None where it is not seen."""

    middles: tuple[tuple[float, float] | None, ...]
    heights: tuple[float, ...]
    """Of the frames that show it."""


def crop_side(path: FacePath, picture_px: tuple[int, int], where: str) -> float:
    """Return the side of the crop of one shot in px of the picture.

    Raises:
        InputMediaError: the crop would not fit into the picture.
    """
    height = float(np.percentile(path.heights, _HEIGHT_PERCENTILE))
    short = min(picture_px)
    if LEAST_PADDING * height > short:
        raise InputMediaError(
            f"{where}: the face is {height:.0f} px high, and a crop around it needs {LEAST_PADDING * height:.0f} px, "
            f"more than the {picture_px[0]}x{picture_px[1]} of the picture; set crop: off"
        )
    return min(PADDING * height, float(short))


def follow(path: FacePath, side: float, picture_px: tuple[int, int], fps: float) -> list[tuple[float, float]]:
    """Return left and top of the crop in each frame of a shot, inside the picture, px."""
    height = float(np.percentile(path.heights, _HEIGHT_PERCENTILE))
    most = max(1.0, (side - LEAST_PADDING * height) / 2)
    corners = []
    for axis, length in enumerate(picture_px):
        face = _filled([None if at is None else at[axis] for at in path.middles])
        centers = camera_path(face, min(_SLACK * height, most), most, fps)
        low = np.clip(centers - side / 2, 0.0, max(0.0, length - side))
        corners.append(np.round(low * _STEP) / _STEP)
    return [(float(left), float(top)) for left, top in zip(*corners, strict=True)]


def sent_side(sides: Sequence[float]) -> int:
    """Return the side of what is sent, px: even, 720 at least, and no smaller than any of the crops."""
    return max(LEAST_LINES, int(np.ceil(max(sides) / 2)) * 2)


def _filled(values: Sequence[float | None]) -> Curve:
    """Interpolate where the face is not seen."""
    seen = [number for number, value in enumerate(values) if value is not None]
    known = [value for value in values if value is not None]
    filled: Curve = np.interp(np.arange(len(values)), seen, known)
    return filled


def camera_path(face: Curve, slack: float, most: float, fps: float) -> Curve:
    """Return the calmest path that stays within `slack` of a face's, with rounded corners, and never more than `most`.

    It is the taut string in the tube around the face's path: straight between the corners, and constant where that is
    possible.
    """
    string = _taut_string(face - slack, face + slack)
    if len(string) < 2:
        return string
    width = max(0.5, _SMOOTH_S * fps)
    reach = int(3 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    padded = np.pad(string, reach, mode="reflect", reflect_type="odd")
    smoothed: Curve = np.convolve(padded, kernel / kernel.sum(), "valid")
    within: Curve = np.clip(smoothed, face - most, face + most)
    return within


def _taut_string(low: Curve, high: Curve) -> Curve:
    """Return the shortest path with free ends through the tube [low, high]."""
    path = np.empty(len(low))
    start, value = 0, _first_value(low, high)
    path[0] = value
    while start < len(low) - 1:
        stop, target = _next_corner(low, high, start, value)
        path[start : stop + 1] = np.linspace(value, target, stop - start + 1)
        start, value = stop, target
    return path


def _first_value(low: Curve, high: Curve) -> float:
    """Return the value at which a constant path stays in the tube for longest."""
    floor, ceiling = float(low[0]), float(high[0])
    for bottom, top in zip(low[1:], high[1:], strict=True):
        if max(floor, bottom) > min(ceiling, top):
            return ceiling if bottom > ceiling else floor
        floor, ceiling = max(floor, float(bottom)), min(ceiling, float(top))
    return (floor + ceiling) / 2


def _next_corner(low: Curve, high: Curve, start: int, value: float) -> tuple[int, float]:
    """Return where the straight path from a point must bend next, and its value there."""
    steps = np.arange(1, len(low) - start)
    least, most = -np.inf, np.inf
    least_at = most_at = start + 1
    for step in steps.tolist():
        bottom, top = (low[start + step] - value) / step, (high[start + step] - value) / step
        if bottom > most:
            return most_at, float(high[most_at])
        if top < least:
            return least_at, float(low[least_at])
        if bottom >= least:
            least, least_at = bottom, start + step
        if top <= most:
            most, most_at = top, start + step
    slope = float(np.clip(0.0, least, most))
    return len(low) - 1, value + slope * len(steps)


Box = tuple[float, float, float, float]
"""Left, top, right, bottom, px of the picture."""
_BLUR_MARGIN, _OWN_MARGIN = 0.25, 0.12
"""Blurred around another face, and kept around the chosen one, as shares of a face's height."""
_BLUR_SHARE = 0.12
"""Standard deviation of the blur, as a share of a face's height."""
WORK_SHARE = 0.35
"""The crop's share of the work of its step, after detection."""


def write_crop(context: NodeContext, clip: Media, path: CropPath, choices: Sequence[ShotChoice]) -> Media:
    """Write the crop of a clip, and return it; the progress of the step goes on behind detection."""
    target = context.temp_path("crop.mp4")
    others, own = _boxes(choices, len(path.rows))
    with ClipFrames(context.path(clip.file)) as frames:
        source = frames.video_format
        cropped = VideoFormat(
            path.side_px, path.side_px, source.fps, source.matrix, source.primaries, source.transfer, source.range
        )
        with TakeWriter(target, cropped, None) as writer:
            for number, picture in enumerate(_pictures(frames)):
                hidden = _blur_faces(picture, others[number], own[number])
                writer.write(Picture(*_cut(hidden, path, number)))
                context.progress(1 - WORK_SHARE * (1 - (number + 1) / len(path.rows)))
    file = context.store(target)
    return probe(Path(context.path(file)), file)


def _pictures(frames: ClipFrames) -> Iterator[list[Plane]]:
    for frame in frames.decode_all():
        picture = planes_of(frame)
        yield [picture.luma, picture.blue, picture.red]


def _cut(planes: Sequence[Plane], path: CropPath, number: int) -> list[Plane]:
    """Resample the planes of one frame with Lanczos."""
    import cv2

    left, top, scale = path.rows[number]
    cut = []
    for plane in planes:
        share = plane.shape[1] / planes[0].shape[1]
        side = round(path.side_px * share)
        # A pixel's middle lies half a pixel from its corner, in the picture and in the crop.
        across, down = left * share + 0.5 / scale - 0.5, top * share + 0.5 / scale - 0.5
        matrix = np.array([[1 / scale, 0, across], [0, 1 / scale, down]])
        flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
        part: Any = cv2.warpAffine(
            np.ascontiguousarray(plane), matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        cut.append(part)
    return cut


def _boxes(choices: Sequence[ShotChoice], count: int) -> tuple[list[list[Box]], list[Box | None]]:
    """Return the faces to blur and the chosen face of each frame."""
    others: list[list[Box]] = [[] for _ in range(count)]
    own: list[Box | None] = [None] * count
    for choice in choices:
        for index, person in enumerate(choice.people.people):
            for number, box in _every_frame(person, choice.people.shot):
                if index == choice.index:
                    own[number] = box
                else:
                    others[number].append(box)
    return others, own


def _every_frame(person: Track, shot: tuple[int, int]) -> Iterator[tuple[int, Box]]:
    """Yield a box for each frame from a face's first to its last, interpolated where it is not found."""
    seen = sorted(person.points)
    table = np.array([face_box(person, number) for number in seen])
    numbers = np.arange(max(shot[0], seen[0]), min(shot[1], seen[-1] + 1))
    columns = [np.interp(numbers, seen, column) for column in table.T]
    for number, left, top, right, bottom in zip(numbers.tolist(), *columns, strict=True):
        yield number, (float(left), float(top), float(right), float(bottom))


def _blur_faces(planes: Sequence[Plane], others: Sequence[Box], own: Box | None) -> list[Plane]:
    """Blur ellipses around the other faces, but never the chosen one."""
    import cv2

    blurred = list(planes)
    for box in others:
        height = box[3] - box[1]
        for index, plane in enumerate(blurred):
            share = plane.shape[1] / planes[0].shape[1]
            mask = _ellipse(plane.shape, box, share, _BLUR_MARGIN * height)
            if own is not None:
                mask *= 1 - _ellipse(plane.shape, own, share, _OWN_MARGIN * (own[3] - own[1]))
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            if not len(rows):
                continue
            area = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            part = plane[area].astype(np.float32)
            soft = cv2.GaussianBlur(part, (0, 0), max(1.0, _BLUR_SHARE * height * share))
            changed = np.array(plane)
            changed[area] = np.rint(part + (soft - part) * mask[area]).astype(np.uint8)
            blurred[index] = changed
    return blurred


def _ellipse(shape: tuple[int, ...], box: Box, share: float, margin: float) -> Any:
    """Return a soft ellipse around a box, 0 to 1, in a plane whose size is `share` of the picture's."""
    left, top, right, bottom = (side * share for side in box)
    half_x, half_y = (right - left) / 2 + margin * share, (bottom - top) / 2 + margin * share
    x = (np.arange(shape[1], dtype=np.float32) + 0.5 - (left + right) / 2) / max(1.0, half_x)
    y = (np.arange(shape[0], dtype=np.float32) + 0.5 - (top + bottom) / 2) / max(1.0, half_y)
    distance = np.sqrt(x[None] ** 2 + y[:, None] ** 2)
    return np.clip((1.15 - distance) / 0.3, 0, 1).astype(np.float32)
