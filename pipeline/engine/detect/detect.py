"""Detect faces in every frame of a clip, on reduced pictures; only landmarks and texels are kept.

They are stored in a small file, so that the next take of the clip need not detect faces again. The file holds plain
arrays (npz without pickle) and has the same bytes for the same detections. A file that is damaged or has another format
or version is ignored, and the faces are detected again.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.side_by_side import read_ahead
from ...media.frames.shots import THUMBNAIL_PX, Thumbnail, find_cuts, thumbnail
from ..arrays import NPZ_ERRORS, Image, Points
from ..frames.clip_frames import ClipFrames, Picture, VideoFormat, planes_of
from ..frames.frame_color import frame_rgb, small_rgb, to_rgb
from ..frames.threads import single_threaded_opencv
from ..geometry.head_frame import FaceFrame
from ..geometry.mesh import COUNT
from ..landmarks.landmarker import Box
from ..landmarks.network import networks_identity
from ..occlusion.occlusion import FaceTexels, sample_face
from .faces import SEARCH_EVERY, FaceFinder
from .track import EVERY_FRAMES

LONG_SIDE_PX = 1280
"""Faces are detected in pictures of at most this size; small faces in the full picture."""
_READ_AHEAD = 3
"""Frames that are decoded ahead of detection."""


@dataclass(frozen=True)
class FrameDetections:
    """The faces of one frame and their texels."""

    faces: tuple[Points, ...]
    """(478, 3) px of the full frame each; values are rounded to float32."""
    texels: tuple[FaceTexels, ...] = ()
    boxes: tuple[Box, ...] | None = None
    """The detector's boxes, px of the full frame; None if it did not run."""
    thumbnail: Thumbnail | None = None
    """The picture as (36, 64) grey, to find cuts."""


@dataclass(frozen=True)
class Detections:
    """The detections of each frame of the input."""

    frames: tuple[FrameDetections, ...]
    times: tuple[int, ...] = ()
    """Timestamps of the frames, in the stream's time base."""


def detect_faces(clip_frames: ClipFrames, video_format: VideoFormat, progress: Callable[[float], None]) -> Detections:
    """Detect faces in every frame."""
    detections: list[FrameDetections] = []
    expected = max(1, clip_frames.expected_count)
    with (
        single_threaded_opencv(),
        FaceFinder() as finder,
        closing(read_ahead(_pictures(clip_frames, video_format), _READ_AHEAD)) as pictures,
    ):
        search_is_due = False
        recent: deque[Thumbnail] = deque(maxlen=3)
        for picture, small, thumb in pictures:
            recent.append(thumb)
            run_detector = len(detections) % EVERY_FRAMES == 0
            search_is_due |= len(detections) % SEARCH_EVERY == 0 or len(recent) - 1 in find_cuts(recent)
            searches = run_detector and search_is_due
            frame = _detect_in_frame(finder, picture, small, video_format, run_detector, searches)
            search_is_due &= not searches
            detections.append(replace(frame, thumbnail=thumb))
            progress(min(1.0, len(detections) / expected))
    return Detections(tuple(detections), clip_frames.times)


def _pictures(frames: ClipFrames, video_format: VideoFormat) -> Iterator[tuple[Picture, Image, Thumbnail]]:
    size, _ = detection_size(video_format.width, video_format.height)
    is_full = size == (video_format.width, video_format.height)
    for frame in frames.decode_all():
        picture = planes_of(frame)
        small = frame_rgb(frame, video_format) if is_full else small_rgb(picture, size, video_format)
        yield picture, small, thumbnail(frame)


def _detect_in_frame(
    finder: FaceFinder, picture: Picture, small: Image, video_format: VideoFormat, run_detector: bool, searches: bool
) -> FrameDetections:
    _, scale = detection_size(video_format.width, video_format.height)
    small_faces = finder.find(small)
    pairs = [(face * scale, sample_face(small, FaceFrame(face))) for face in small_faces]
    small_boxes = finder.detect_boxes(small) if run_detector else None
    boxes = None if small_boxes is None else _scale_boxes(small_boxes, scale)
    full = _full_rgb(picture, video_format) if searches or not pairs else None
    if not pairs and full is not None:
        pairs = [(face, sample_face(full, FaceFrame(face))) for face in finder.find_small_faces(full)]
        if boxes is not None and pairs:
            boxes += _scale_boxes(finder.small_boxes, 1.0)
    else:
        in_tiles = () if full is None else finder.search_tiles(full)
        missed: list[Points] = []
        if finder.wants_missed_faces([face for face, _ in pairs], None if boxes is None else [*boxes, *in_tiles]):
            full = _full_rgb(picture, video_format) if full is None else full
            missed = finder.find_missed_faces(full, [face for face, _ in pairs])
            pairs += [(face, sample_face(full, FaceFrame(face))) for face in missed]
        if boxes is not None and small_boxes is not None:
            boxes += _scale_boxes(finder.close_boxes(small, small_faces, small_boxes), scale)
            if full is not None:
                boxes += _scale_boxes(finder.close_boxes(full, missed, boxes), 1.0)
    faces = tuple(_to_float32(face) for face, _ in pairs)
    return FrameDetections(faces, tuple(face_texels for _, face_texels in pairs), boxes)


def _full_rgb(picture: Picture, video_format: VideoFormat) -> Image:
    return to_rgb(picture, (0, 0, video_format.width, video_format.height), video_format)


def _scale_boxes(boxes: Sequence[Box], scale: float) -> tuple[Box, ...]:
    rounded = [_to_float32(np.array(box) * scale).tolist() for box in boxes]
    return tuple((left, top, right, bottom) for left, top, right, bottom in rounded)


def _to_float32(numbers: Points) -> Points:
    """Round to float32, so that cached values are read back unchanged."""
    return numbers.astype(np.float32).astype(np.float64)


def detection_size(width: int, height: int) -> tuple[tuple[int, int], float]:
    """Return the (width, height) for detection, and the factor from its positions to those of the full picture."""
    scale = max(1.0, max(width, height) / LONG_SIDE_PX)
    return (round(width / scale), round(height / scale)), scale


def shrink_for_detection(picture: Image) -> tuple[Image, float]:
    """Return a picture at the detection size, and the factor from its positions to those of the full picture."""
    import cv2

    size, scale = detection_size(picture.shape[1], picture.shape[0])
    return (picture, 1.0) if scale == 1 else (cv2.resize(picture, size, interpolation=cv2.INTER_AREA), scale)


CACHE_VERSION = 9
"""Raise it when detection results or the file format change."""
CACHE_SUFFIX = ".npz"
_DID_NOT_RUN = -1
_TEXEL_FIELDS = tuple(field.name for field in dataclasses.fields(FaceTexels))

Arrays = Mapping[str, NDArray[Any]]


def cache_key_parts() -> dict[str, str]:
    """Return what the detections of a clip depend on besides the clip, for a cache key.

    Raises:
        MissingExtra: no landmark back end is installed.
    """
    versions = {name: importlib.metadata.version(name) for name in ("av", "numpy")}
    return {"detection": str(CACHE_VERSION), "faces": networks_identity(), "opencv": _opencv(), **versions}


def _opencv() -> str:
    import cv2

    return str(cv2.__version__)


def write_detections(path: Path, detections: Detections) -> None:
    """Write the detections of a clip; the file name must end with `CACHE_SUFFIX`."""
    faces = [face for frame in detections.frames for face in frame.faces]
    texels = [face_texels for frame in detections.frames for face_texels in frame.texels]
    boxes = [box for frame in detections.frames for box in frame.boxes or ()]
    texel_arrays: dict[str, Any] = {
        f"texels_{name}": np.array([getattr(face_texels, name) for face_texels in texels]) for name in _TEXEL_FIELDS
    }
    with path.open("wb") as stream:
        np.savez(
            stream,
            times=np.array(detections.times, np.int64),
            faces=np.array([len(frame.faces) for frame in detections.frames], np.int32),
            points=np.array(faces, np.float32).reshape(-1, COUNT, 3),
            box_counts=np.array([_box_count(frame) for frame in detections.frames], np.int32),
            boxes=np.array(boxes, np.float32).reshape(-1, 4),
            thumbnails=np.array([frame.thumbnail for frame in detections.frames], np.uint8).reshape(
                -1, *THUMBNAIL_PX[::-1]
            ),
            **texel_arrays,
        )


def _box_count(frame: FrameDetections) -> int:
    return _DID_NOT_RUN if frame.boxes is None else len(frame.boxes)


def read_detections(path: Path) -> Detections | None:
    """Read the detections of a clip; return None if the file is damaged or not written by `write_detections`."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
            return _from_arrays(arrays)
    except NPZ_ERRORS:
        return None


def _from_arrays(arrays: Arrays) -> Detections:
    points, counts, box_counts = arrays["points"].astype(np.float64), arrays["faces"], arrays["box_counts"]
    thumbnails, times = arrays["thumbnails"], arrays["times"]
    texels = [FaceTexels(*row) for row in zip(*(arrays[f"texels_{name}"] for name in _TEXEL_FIELDS), strict=True)]
    lengths = {len(array) for array in (counts, box_counts, thumbnails, times)}
    if len(lengths) > 1 or not counts.sum() == len(points) == len(texels):
        raise ValueError("its arrays have different lengths")
    if (
        points.shape[1:] != (COUNT, 3)
        or thumbnails.shape[2:0:-1] != THUMBNAIL_PX
        or box_counts.clip(0).sum() != len(arrays["boxes"])
    ):
        raise ValueError("its arrays have other shapes")
    frame_faces, frame_texels = _split(list(points), counts), _split(texels, counts)
    frame_boxes = _split([_box(row) for row in arrays["boxes"]], box_counts.clip(0))
    frames = tuple(
        FrameDetections(faces, face_texels, boxes if box_count != _DID_NOT_RUN else None, thumbnail)
        for faces, face_texels, boxes, box_count, thumbnail in zip(
            frame_faces, frame_texels, frame_boxes, box_counts, thumbnails, strict=True
        )
    )
    return Detections(frames, tuple(times.tolist()))


def _split(items: list[Any], counts: NDArray[Any]) -> Iterator[tuple[Any, ...]]:
    """Split items into consecutive groups of the given sizes."""
    remaining = iter(items)
    return (tuple(itertools.islice(remaining, int(count))) for count in counts)


def _box(row: Points) -> Box:
    left, top, right, bottom = (float(side) for side in row)
    return left, top, right, bottom
