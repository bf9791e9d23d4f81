"""Write frames losslessly at the times of the file that they come from, its sound copied."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ..core.values import Media, VideoStream
from ..media.colour import PRIMARIES, SPACES, TRANSFERS, meant
from ..media.probe import require_video

_X264_FORMATS = frozenset(
    [f"{family}{layout}p" for family in ("yuv", "yuvj") for layout in (420, 422, 444)]
    + [f"yuv{layout}p10le" for layout in (420, 422, 444)]
)
_FINEST_TIMESCALE = 1_000_000
_MPEG, _JPEG = 1, 2


def file_name(video: VideoStream) -> str:
    """Name a file that can hold these pictures losslessly on their own time base: x264 in QuickTime, FFV1 in NUT."""
    return "scripted.mov" if video.pix_fmt in _X264_FORMATS else "scripted.nut"


class LosslessWriter:
    """Writes one file, in a `with` block; frames are added in order."""

    def __init__(self, made: Path, path: Path, like: Media) -> None:
        """Begin `made`, named by `file_name`, as `like`, whose content is at `path`."""
        self._video = require_video(like)
        self._colour = meant(self._video)
        self._path = path
        ticks = self._video.time_base.denominator
        scale = ticks if ticks <= _FINEST_TIMESCALE else 90_000
        options = {"fflags": "+bitexact"}
        if made.suffix == ".mov":
            options["video_track_timescale"] = str(scale)
        self._out: Any = av.open(str(made), "w", options=options)
        self._given: Any = av.open(str(path))
        self._tracks = {track.index: self._copied(track.index) for track in like.audio}
        self._stream = self._picture_stream()

    def __enter__(self) -> LosslessWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._out.mux(self._stream.encode(None))
                self._copy_sound()
        finally:
            self._given.close()
            self._out.close()

    def add(self, frame: Any) -> None:
        """Add a frame as it was decoded."""
        frame.pict_type = 0
        frame.time_base = self._video.time_base
        self._out.mux(self._stream.encode(frame))

    def add_picture(self, picture: NDArray[np.uint8], ticks: int) -> None:
        """Add `(height, width, 3) uint8 RGB`, as coded, shown at `ticks` of the file's time base."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        space = {name: number for number, name in SPACES.items()}.get(self._colour.space, 1)
        range_ = _JPEG if self._colour.range == "pc" else _MPEG
        frame = frame.reformat(format=self._video.pix_fmt, dst_colorspace=space, dst_color_range=range_)
        frame.pts = ticks
        self.add(frame)

    def _picture_stream(self) -> Any:
        video = self._video
        by_x264 = video.pix_fmt in _X264_FORMATS  # 8 and 10 bits; its `qp 0` is lossless at both
        stream = self._out.add_stream("libx264" if by_x264 else "ffv1", rate=video.rate)
        stream.width, stream.height, stream.pix_fmt = video.width_px, video.height_px, video.pix_fmt
        context = stream.codec_context
        context.time_base = video.time_base
        context.options = {"preset": "ultrafast", "qp": "0", "bf": "0"} if by_x264 else {"level": "3", "g": "1"}
        context.color_range = _JPEG if self._colour.range == "pc" else _MPEG
        for field, names, name in (
            ("color_primaries", PRIMARIES, video.color_primaries),
            ("color_trc", TRANSFERS, video.color_transfer),
            ("colorspace", SPACES, video.color_space),
        ):
            number = {known: number for number, known in names.items()}.get(name)
            if number is not None:
                setattr(context, field, number)
        return stream

    def _copied(self, index: int) -> Any:
        return self._out.add_stream_from_template(self._given.streams[index])

    def _copy_sound(self) -> None:
        if not self._tracks:
            return
        for packet in self._given.demux([self._given.streams[index] for index in self._tracks]):
            if packet.dts is not None:
                packet.stream = self._tracks[packet.stream.index]
                self._out.mux(packet)
