"""Where a film changes from one shot to the next.

Takes   a film and a half-open span of its frames.
Gives   the numbers of the frames that begin a new shot.
Raises  BadInput when a frame of the span is damaged; ToolFailed when ffmpeg does.
Source  ffmpeg's `scdet` proposes: its score is the mean change of the luma in percent, less the change of the frame
        before. Hard cuts between dark shots score little more than 7; no frame inside a shot of the films looked at
        scored over 4.3.

What is found are hard cuts. A flash, a burst of up to three frames after which the picture is what it was, is seen and
is none. A dissolve, a fade or a whip pan has no frame at which the shot changes, and is not found; nor is a cut between
two pictures that look alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ToolFailed
from ..core.values import Media, VideoStream
from . import decode
from .ffmpeg import ffmpeg_path
from .probe import require_video
from .trim import picked

SCORE = 6.0
FLASH_FRAMES = 3
_SMALL_PX = (64, 36)
_FOUND = re.compile(r"lavfi\.scd\.score: *[\d.]+, *lavfi\.scd\.time: *(\d+)")
_COUNT = re.compile(r"^frame= *(\d+)", re.MULTILINE)


def cuts(call: Callable[[Sequence[str]], str], path: Path, media: Media, start: int, end: int) -> list[int]:
    """Give the frames inside (start, end) that begin a new shot; `start` itself begins none.

    `call` runs a tool and gives its standard error: a room's, or `run_tool`.
    """
    if end - start < 2:
        return []
    video = require_video(media)
    first = max(start - 1, 0)  # a score needs the change before
    for seek in (True, False):  # some files cannot be sought in
        said = call(argv(path, media, (first, end), seek=seek))
        if [int(count) for count in _COUNT.findall(said)][-1:] == [end - first]:
            proposed = [first + int(at) for at in _FOUND.findall(said)]
            return _confirmed(path, video, [frame for frame in proposed if start < frame < end])
    for _ in decode.frames(path, video, first, end):  # says which frame is damaged, if that is why
        pass
    raise ToolFailed(f"ffmpeg did not give exactly the frames {first} to {end} of the film")


def argv(path: Path, media: Media, span: tuple[int, int], *, seek: bool) -> list[str]:
    """Spell the ffmpeg call; it writes nothing, and tells times as numbers of frames."""
    picture = picked(path, media, span, seek=seek).filter("scale", "min(320,iw)", -2).filter("format", "yuv420p")
    picture = picture.filter("settb", "1").filter("setpts", "N").filter("scdet", threshold=SCORE)
    output = picture.output("-", format="null", fps_mode="passthrough")
    spelled: list[str] = output.global_args("-hide_banner").compile(cmd=ffmpeg_path())
    return spelled


def _confirmed(path: Path, video: VideoStream, proposed: list[int]) -> list[int]:
    """Keep the frames after which the picture does not come back."""
    if not proposed:
        return []
    low, high = max(proposed[0] - FLASH_FRAMES - 1, 0), min(proposed[-1] + FLASH_FRAMES + 1, video.frame_count)
    small = {frame: _small(picture) for frame, picture in decode.frames(path, video, low, high)}
    return [frame for frame in proposed if not _comes_back(small, frame)]


def _small(picture: object) -> NDArray[np.float32]:
    shrunk = picture.reformat(*_SMALL_PX, "gray", interpolation="AREA")  # type: ignore[attr-defined]
    small: NDArray[np.float32] = shrunk.to_ndarray().astype(np.float32)
    return small


def _comes_back(small: dict[int, NDArray[np.float32]], frame: int) -> bool:
    """Tell whether any picture soon after a jump is much like one shortly before it."""
    jump = float(np.abs(small[frame] - small[frame - 1]).mean())
    befores = [small[near] for near in range(frame - FLASH_FRAMES - 1, frame) if near in small]
    afters = [small[near] for near in range(frame, frame + FLASH_FRAMES + 1) if near in small]
    return any(float(np.abs(one - other).mean()) < jump / 2 for one in befores for other in afters)
