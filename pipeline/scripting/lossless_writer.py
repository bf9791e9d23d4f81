"""Write frames losslessly, with the times and the copied audio of the file that they come from."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.values import Media, VideoStream
from ..media.clip_writer import BT709, FULL_RANGE, TV_RANGE, ClipWriter, ColorTags, VideoSettings, rgb_frame
from ..media.color import PRIMARIES, SPACES, TRANSFERS, full_color
from ..media.probe import require_video

_X264_FORMATS = frozenset(
    [f"{family}{layout}p" for family in ("yuv", "yuvj") for layout in (420, 422, 444)]
    + [f"yuv{layout}p10le" for layout in (420, 422, 444)]
)
_FINEST_TIMESCALE = 1_000_000


def file_name(video: VideoStream) -> str:
    """Name a file that stores this video losslessly on its own time base: x264 in QuickTime, or FFV1 in NUT."""
    return "scripted.mov" if video.pix_fmt in _X264_FORMATS else "scripted.nut"


class LosslessWriter:
    """Writes one file in a `with` block; frames are added in order."""

    def __init__(self, target: Path, path: Path, like: Media) -> None:
        """Start `target`, named by `file_name`, with the properties and the audio of `like`, whose file is `path`."""
        self._video = require_video(like)
        self._color = full_color(self._video)
        ticks = self._video.time_base.denominator
        options = {"fflags": "+bitexact"}
        if target.suffix == ".mov":
            options["video_track_timescale"] = str(ticks if ticks <= _FINEST_TIMESCALE else 90_000)
        self._writer = ClipWriter(target, options=options)
        self._writer.add_copies(path, [track.index for track in like.audio])
        self._writer.add_video(self._settings())

    def __enter__(self) -> LosslessWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._writer.finish()
                self._writer.copy_packets()
        finally:
            self._writer.close()

    def add(self, frame: Any) -> None:
        """Add a decoded frame unchanged."""
        frame.pict_type = 0
        frame.time_base = self._video.time_base
        self._writer.write_frame(frame)

    def add_picture(self, picture: NDArray[np.uint8], ticks: int) -> None:
        """Add `(height, width, 3) uint8 RGB` in coded orientation, shown at `ticks` of the file's time base."""
        matrix = _code(SPACES, self._color.space)
        matrix = BT709 if matrix is None else matrix
        frame = rgb_frame(picture, self._video.pix_fmt, matrix=matrix, range_=self._range)
        frame.pts = ticks
        self.add(frame)

    @property
    def _range(self) -> int:
        return FULL_RANGE if self._color.range == "pc" else TV_RANGE

    def _settings(self) -> VideoSettings:
        video = self._video
        x264 = video.pix_fmt in _X264_FORMATS  # 8 and 10 bits; its `qp 0` is lossless at both
        return VideoSettings(
            "libx264" if x264 else "ffv1",
            (video.width_px, video.height_px),
            video.rate,
            video.pix_fmt,
            time_base=video.time_base,
            options={"preset": "ultrafast", "qp": "0", "bf": "0"} if x264 else {"level": "3", "g": "1"},
            color=ColorTags(
                _code(PRIMARIES, video.color_primaries),
                _code(TRANSFERS, video.color_transfer),
                _code(SPACES, video.color_space),
                self._range,
            ),
        )


def _code(names: dict[int, str], name: str) -> int | None:
    """Return the code point of a name."""
    return next((code for code, known in names.items() if known == name), None)
