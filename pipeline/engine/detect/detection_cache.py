"""Store the detections of a clip in a small file, so that the next take of the clip need not detect faces again.

The file holds plain arrays (npz without pickle) and has the same bytes for the same detections. A file that is damaged
or has another format or version is ignored, and the faces are detected again.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import itertools
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...media.frames.shots import THUMBNAIL_PX
from ..arrays import Points
from ..geometry.landmark_indices import COUNT
from ..landmarks.backend import Box
from ..occlusion.occlusion import FaceTexels
from .detect import Detections, FrameDetections
from .faces import backend_identity

VERSION = 6
"""Raise it when detection results or the file format change."""
SUFFIX = ".npz"
_DID_NOT_RUN = -1
_TEXEL_FIELDS = tuple(field.name for field in dataclasses.fields(FaceTexels))

Arrays = Mapping[str, NDArray[Any]]


def cache_key_parts() -> dict[str, str]:
    """Return what the detections of a clip depend on besides the clip, for a cache key.

    Raises:
        MissingExtra: no landmark back end is installed.
    """
    versions = {name: importlib.metadata.version(name) for name in ("av", "numpy")}
    return {"detection": str(VERSION), "faces": backend_identity(), "opencv": _opencv(), **versions}


def _opencv() -> str:
    import cv2

    return str(cv2.__version__)


def write_detections(path: Path, detections: Detections) -> None:
    """Write the detections of a clip; the file name must end with `SUFFIX`."""
    faces = [face for frame in detections.frames for face in frame.faces]
    texels = [face_texels for frame in detections.frames for face_texels in frame.texels]
    boxes = [box for frame in detections.frames for box in frame.boxes or ()]
    texel_arrays: dict[str, Any] = {
        f"texels_{name}": np.array([getattr(face_texels, name) for face_texels in texels]) for name in _TEXEL_FIELDS
    }
    with path.open("wb") as stream:
        np.savez_compressed(
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
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
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
