"""A few frames of a span, looked at for a face.

Takes   a film and a half-open span of its frames.
Gives   how far apart the eyes of the largest face are, in the frames that show one.
Raises  BadInput when a frame cannot be decoded.

As in the local engine, a face counts where two networks see it: FaceMesh, and the detector as its witness
(engine/witness.py). Frames are read one at a time, the middle of the span before its ends, and three with a face are
enough, so that little is decoded of a film that is as it should be.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..core.values import VideoStream
from ..engine.arrays import Image
from ..engine.detect.confirm import witnessed
from ..engine.detect.track import Track
from ..engine.pose.head_frame import FaceFrame
from ..media import decode

if TYPE_CHECKING:
    from ..engine.detect.faces import FaceFinder

LOOKS = 8
ENOUGH = 3
_ORDER = (4, 1, 6, 2, 5, 0, 7, 3)


def eyes_px(path: Path, video: VideoStream, start: int, end: int) -> list[float]:
    """Give the distance between the eyes of the largest face, in px of the shown picture, per frame with a face."""
    from ..engine.detect.faces import FaceFinder

    found: list[float] = []
    with FaceFinder() as finder:
        for frame in looked_at(start, end):
            ((_, picture),) = decode.images(path, video, frame, frame + 1)
            found += _largest_px(finder, picture)
            if len(found) == ENOUGH:
                break
    return found


def looked_at(start: int, end: int) -> list[int]:
    """Spread eight looks over the frames [start, end), fewer where it holds fewer, and order them from the middle."""
    places = [start + (2 * look + 1) * (end - start) // (2 * LOOKS) for look in _ORDER]
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
