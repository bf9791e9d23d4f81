"""What the first pass found, as one small file, so that the next take of the same clip need not look again.

Takes   what `scout` gave, or a file.
Gives   a file of plain arrays (npz, nothing that can run), the same bytes for the same findings; or what it holds.

A file that is damaged, or of another kind or version, is no file: the faces are then found anew.
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

from ...media.shots import THUMBNAIL_PX
from ..arrays import Points
from ..geometry.landmark_indices import COUNT
from ..landmarks.landmarker import Box
from ..occlusion.occlusion import Glance
from .detect import Scouted, Sighting
from .faces import identity

VERSION = 3
"""Raise it when the same clip would be seen otherwise, or written otherwise."""
SUFFIX = ".npz"
_NOT_ASKED = -1
_GLANCE = tuple(field.name for field in dataclasses.fields(Glance))

Arrays = Mapping[str, NDArray[Any]]


def found_by() -> dict[str, str]:
    """Tell what decides the findings in a clip besides the clip itself, for a key.

    Raises:
        MissingExtra: no network that finds landmarks is installed.
    """
    versions = {name: importlib.metadata.version(name) for name in ("av", "numpy")}
    return {"scout": str(VERSION), "faces": identity(), "opencv": _opencv(), **versions}


def _opencv() -> str:
    import cv2

    return str(cv2.__version__)


def write_scouted(path: Path, scouted: Scouted) -> None:
    """Write what was found in a clip; the name ends with `SUFFIX`."""
    faces = [face for one in scouted.sightings for face in one.faces]
    glances = [glance for one in scouted.sightings for glance in one.glances]
    boxes = [box for one in scouted.sightings for box in one.boxes or ()]
    looks: dict[str, Any] = {
        f"glance_{name}": np.array([getattr(glance, name) for glance in glances]) for name in _GLANCE
    }
    with path.open("wb") as stream:
        np.savez_compressed(
            stream,
            times=np.array(scouted.times, np.int64),
            faces=np.array([len(one.faces) for one in scouted.sightings], np.int32),
            points=np.array(faces, np.float32).reshape(-1, COUNT, 3),
            asked=np.array([_asked(one) for one in scouted.sightings], np.int32),
            boxes=np.array(boxes, np.float32).reshape(-1, 4),
            small=np.array([one.thumbnail for one in scouted.sightings], np.uint8).reshape(-1, *THUMBNAIL_PX[::-1]),
            **looks,
        )


def _asked(one: Sighting) -> int:
    return _NOT_ASKED if one.boxes is None else len(one.boxes)


def read_scouted(path: Path) -> Scouted | None:
    """Read what was found in a clip; None where the file is not whole, or not one that `write_scouted` wrote."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
            return _scouted(arrays)
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
        return None


def _scouted(arrays: Arrays) -> Scouted:
    points, counts, asked = arrays["points"].astype(np.float64), arrays["faces"], arrays["asked"]
    small, times = arrays["small"], arrays["times"]
    glances = [Glance(*row) for row in zip(*(arrays[f"glance_{name}"] for name in _GLANCE), strict=True)]
    if len({len(each) for each in (counts, asked, small, times)}) > 1 or not counts.sum() == len(points) == len(
        glances
    ):
        raise ValueError("its parts are of different lengths")
    if (
        points.shape[1:] != (COUNT, 3)
        or small.shape[2:0:-1] != THUMBNAIL_PX
        or asked.clip(0).sum() != len(arrays["boxes"])
    ):
        raise ValueError("its parts are of other shapes")
    each_faces, each_glances = _parted(list(points), counts), _parted(glances, counts)
    each_boxes = _parted([_box(row) for row in arrays["boxes"]], asked.clip(0))
    return Scouted(
        tuple(
            Sighting(faces, seen, boxes if number != _NOT_ASKED else None, plane)
            for faces, seen, boxes, number, plane in zip(
                each_faces, each_glances, each_boxes, asked, small, strict=True
            )
        ),
        tuple(times.tolist()),
    )


def _parted(items: list[Any], counts: NDArray[Any]) -> Iterator[tuple[Any, ...]]:
    """Give the first count of the items, then the next count of them, and so on."""
    rest = iter(items)
    return (tuple(itertools.islice(rest, int(count))) for count in counts)


def _box(row: Points) -> Box:
    left, top, right, bottom = (float(side) for side in row)
    return left, top, right, bottom
