"""Write the crop that is sent: cut out of a clip along its path, enlarged, with every other face blurred.

What is blurred is only what is sent; the film's own pixels are composited back (conform/frame_pairs.py).

Whether a crop will be sent is forecast before a run, from a few sampled frames of the film.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.edits.face_choice import CropPath
from ..core.nodes.node import NodeContext
from ..core.values import Media, Segment
from ..engine import available
from ..engine.arrays import Plane, Points
from ..engine.detect.people import face_box
from ..engine.detect.track import Track
from ..engine.frames.clip_frames import ClipFrames, Picture, VideoFormat, planes_of
from ..engine.frames.take_encoder import TakeWriter
from ..media.probe import probe, require_video
from ..preflight.clip_checks import sampled_faces
from .choose import ShotChoice
from .crop_path import LEAST_LINES, PADDING, SMALL_SHARE

if TYPE_CHECKING:
    from .resolve import FaceRequest

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, px of the picture."""
_BLUR_MARGIN, _OWN_MARGIN = 0.25, 0.12
"""Blurred around another face, and kept around the chosen one, as shares of a face's height."""
_BLUR_SHARE = 0.12
"""Standard deviation of the blur, as a share of a face's height."""


def write_crop(context: NodeContext, clip: Media, path: CropPath, choices: Sequence[ShotChoice]) -> Media:
    """Write the crop of a clip, and return it."""
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
                context.progress((number + 1) / len(path.rows))
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


def forecast_crop(context: NodeContext, segment: Segment, request: FaceRequest) -> tuple[str, ...]:
    """Return a line on the crop that a segment will be sent in; nothing if the whole picture is sent."""
    if request.crop == "off" or available.problem():
        return ()
    video = require_video(segment.source)
    samples = [
        faces
        for faces in sampled_faces(context.path(segment.source.file), video, segment.start_frame, segment.end_frame)
        if faces
    ]
    if not samples:
        return ()
    heights = [_wanted_height(request, faces) for faces in samples]
    height, lines = median(heights), video.shown_size_px[1]
    if request.crop == "on":
        reason = "crop is on"
    elif request.needs_telling and request.host_chooses is False and any(len(faces) > 1 for faces in samples):
        reason = "the provider cannot be told which of several faces is meant"
    elif height < SMALL_SHARE * lines:
        reason = f"the face is about {height:.0f} px high, less than a fifth of the picture's {lines}"
    else:
        return ()
    side = min(PADDING * height, *video.shown_size_px)
    sent = max(LEAST_LINES, int(np.ceil(side / 2)) * 2)
    return (f"a crop of about {side:.0f} px around the face will be sent as {sent}x{sent}: {reason}",)


def _wanted_height(request: FaceRequest, faces: Sequence[Points]) -> float:
    """Return the height of the face that is probably meant: the outermost one for left and right, else the largest."""
    left_to_right = sorted(faces, key=lambda face: float(face[:, 0].mean()))
    face = request.options.face
    if face in ("left", "right"):
        return float(np.ptp(left_to_right[0 if face == "left" else -1][:, 1]))
    if isinstance(face, int) and face <= len(left_to_right):
        return float(np.ptp(left_to_right[face - 1][:, 1]))
    return max(float(np.ptp(points[:, 1])) for points in faces)
