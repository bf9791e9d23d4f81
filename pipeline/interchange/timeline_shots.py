"""Shot cuts by PySceneDetect, on the frames that the pipeline counts.

Takes   a film and a half-open span of its frames.
Gives   the frames that begin a new shot, one by one.
Raises  MissingExtra without PySceneDetect and OpenCV; BadInput when a frame is damaged.

Its detector is given our own decoded frames, so that edit lists, hidden frames and varying rates are counted as
everywhere else. Hard cuts are found; a dissolve has no frame at which the shot changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..core.errors import MissingExtra
from ..core.values import Media
from ..media import decode
from ..media.clock import label_rate
from ..media.probe import require_video
from .extras import require

_SMALL_PX = (160, 90)
_SHORTEST_S = 0.2
"""A cut that comes sooner after another one is a flash."""


def cuts(path: Path, media: Media, start: int, end: int) -> Iterator[int]:
    """Find the frames inside (start, end) that begin a new shot; `start` itself begins none."""
    require("cv2", "finding shots")
    try:
        detectors = require("scenedetect.detectors", "finding shots")
    except SystemExit as error:  # as some of its versions end without OpenCV
        raise MissingExtra(
            "finding shots takes OpenCV; install it with: pip install 'react1-nodes[timeline]'"
        ) from error
    video = require_video(media)
    shortest = max(2, round(_SHORTEST_S * label_rate(video)))
    detector = detectors.ContentDetector(min_scene_len=shortest)
    last = start
    for frame, picture in decode.frames(path, video, start, end):
        last = frame
        small = picture.reformat(*_SMALL_PX, "bgr24", interpolation="AREA").to_ndarray()
        yield from (int(cut) for cut in detector.process_frame(frame, small) if start < cut < end)
    yield from (int(cut) for cut in detector.post_process(last) if start < cut < end)


def shot(path: Path, media: Media, number: int) -> tuple[int, int] | int:
    """Give the frames [start, end) of a shot, counted from 1; how many there are where there are not so many."""
    count = require_video(media).frame_count
    begins = [0]
    for cut in cuts(path, media, 0, count):
        begins.append(cut)
        if len(begins) > number:
            return begins[number - 1], cut
    return (begins[number - 1], count) if len(begins) == number else len(begins)
