"""Write a media file: encoded frames and samples, and packets copied from another file.

The one place where files are encoded frame by frame in this process; code that places packets itself (`splicing`) is
the exception. The same frames give the same bytes: nothing is written that differs from run to run, if the encoder's
options leave nothing open (x264: a fixed number of threads, and `mbtree=0`, which reads memory never written).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import av
import numpy as np
from numpy.typing import NDArray

from ..core.cancellation import raise_if_stopped, stoppable
from ..core.errors import InputMediaError
from ..core.values import Media, VideoStream
from .frames.decode import COPY_FIRST, ENCODE_AGAIN, reformat
from .frames.film_readers import open_input

_AAC_RATES_HZ = frozenset(
    {96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350}
)
"""ISO/IEC 14496-3, table 1.18."""
_OTHER_RATE_HZ = 48_000
BT709 = 1
"""Of primaries, transfer and matrix, ITU-T H.273."""
TV_RANGE, FULL_RANGE = 1, 2
"""As ffmpeg numbers them."""


@dataclass(frozen=True)
class ColorTags:
    """ITU-T H.273 code points; None leaves the encoder's default."""

    primaries: int | None = BT709
    transfer: int | None = BT709
    matrix: int | None = BT709
    range: int | None = TV_RANGE


_X264_LOSSLESS = {
    f"{family}{sampling}p{depth}": steps
    for sampling, steps in (("420", (2, 2)), ("422", (2, 1)), ("444", (1, 1)))
    for family, depth in (("yuv", ""), ("yuvj", ""), ("yuv", "10le"))
}
"""Pixel formats that x264 codes without loss, and what their width and height must be divisible by."""


def lossless_encoder(pix_fmt: str, size_px: tuple[int, int]) -> tuple[str, dict[str, str]]:
    """Return an encoder, and its options, that keeps pictures bit for bit: x264 in MOV, or FFV1 where it cannot.

    x264 takes half of the time of FFV1, both to code and to decode, and a tenth more bytes (1080p in ten bits).

    Args:
        pix_fmt: the format of the pictures.
        size_px: (width, height).
    """
    steps = _X264_LOSSLESS.get(pix_fmt)
    if steps is not None and not any(side % step for side, step in zip(size_px, steps, strict=True)):
        return "libx264", {"preset": "ultrafast", "qp": "0", "x264-params": "bframes=0:keyint=50"}
    return "ffv1", {"level": "3", "g": "1"}  # a fixed number of slices would exclude many odd sizes


_FLOATING_POINT = re.compile(r".*f(16|32)[bl]e")
_NOT_HELD = re.compile(
    r"mono[bw]|(rgb|bgr)(8|4|4_byte|444[bl]e|5[56]5be)|bgra64[bl]e|xyz12[bl]e|ya16[bl]e|" + _FLOATING_POINT.pattern
)
"""Pixel formats that were measured to come back changed, or not at all: no other format holds the same values."""
_CONTAINERS_PALETTE = frozenset({"8bps", "cinepak", "msrle", "msvideo1", "qtrle", "rawvideo", "smc"})
"""Codecs whose palette is in the container, except in NUT: a reader gives it with the first packet alone, and pictures
that are decoded from a later one on are black."""
_DEEP_AGAIN = "ffmpeg -i film -c:v prores_ks -profile:v 4444 -c:a copy film.mkv"
_LINEAR_AGAIN = (
    "ffmpeg -i film -vf {}zscale=pin=bt709:tin=linear:min=gbr:t=bt709:p=bt709:m=bt709:r=limited -c:v prores_ks "
    "-profile:v 4444 -c:a copy film.mkv"
)
"""zscale and not scale, whose curves only ffmpeg 8 has, and which leaves those of greys as they are."""


def require_lossless(media: Media) -> None:
    """Check that the pictures of a film can be stored and read again without loss.

    Raises:
        InputMediaError: they cannot; the message says what to do.
    """
    video = media.video
    if video is None:
        return
    if media.container == "avi" and video.codec == "h264" and int(video.timestamps.array[0]) > 0:
        # Readers guess a delay from the headers, and not all of them the same one.
        raise InputMediaError(
            f"AVI stores no times for H.264, and readers of this film differ by a frame or more; {COPY_FIRST}"
        )
    advice, hint = "encode it again first", _DEEP_AGAIN if video.bit_depth > 8 else ENCODE_AGAIN
    if _FLOATING_POINT.fullmatch(video.pix_fmt):
        reason = "are of floating point"
        if video.color_transfer in ("", "linear"):  # a provider, and a face detector, would see them far too dark
            reason += ", in linear light" if video.color_transfer else ", and declare no transfer curve"
            advice += ", with a curve: t=bt709, or the name of another one"
            hint = _LINEAR_AGAIN.format("format=gbrpf32," if video.pix_fmt.startswith("gray") else "")
    elif _NOT_HELD.fullmatch(video.pix_fmt):
        reason = "cannot be stored without loss"
    elif video.pix_fmt == "pal8" and video.codec in _CONTAINERS_PALETTE and media.container != "nut":
        reason = "have a palette that is lost where a reader seeks"
    else:
        return
    if media.container.endswith("_pipe"):
        advice += "; of a sequence of files, give -framerate 24 -i name.%04d.exr in place of -i film"
    raise InputMediaError(f"the film's pictures ({video.codec}, {video.pix_fmt}) {reason}; {advice} ({hint})")


@dataclass(frozen=True)
class VideoSettings:
    """How frames are encoded."""

    codec: str
    size_px: tuple[int, int]
    """(width, height)."""
    rate: Fraction
    """Frames per second that the file names; the frames' own times decide."""
    pix_fmt: str = "yuv420p"
    time_base: Fraction | None = None
    """Seconds per tick of the frames' times; 1 / rate by default."""
    threads: int | None = None
    """x264 gives other bytes for another number of threads; None: the encoder chooses."""
    options: Mapping[str, str] = field(default_factory=dict)
    color: ColorTags = field(default_factory=ColorTags)


def aac_rate_hz(rate_hz: int) -> int:
    """Return the rate of a sound in AAC: its own, or 48 kHz for one that AAC does not have."""
    return rate_hz if rate_hz in _AAC_RATES_HZ else _OTHER_RATE_HZ


class ClipWriter:
    """Writes one file; use it in a `with` block, which flushes the encoders and finishes the file.

    Add the streams first, in the order in which the file has them.
    """

    def __init__(
        self, target: Path | BinaryIO, *, container: str | None = None, options: Mapping[str, str] | None = None
    ) -> None:
        """Open `target`; `container` and `options` are ffmpeg's muxer and its options, by default by the suffix."""
        opened = f"file:{target}" if isinstance(target, Path) else target
        self._container: Any = av.open(opened, "w", format=container, options=dict(options or {}))
        self._video: Any = None
        self._audio: Any = None
        self._source: Any = None
        self._copies: dict[int, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.close()

    def add_video(self, settings: VideoSettings) -> None:
        """Add the picture stream."""
        stream = self._container.add_stream(settings.codec, rate=settings.rate)
        stream.width, stream.height = settings.size_px
        stream.pix_fmt = settings.pix_fmt
        context = stream.codec_context
        if settings.time_base is not None:
            context.time_base = settings.time_base
        tags = settings.color
        for name, tag in (
            ("color_primaries", tags.primaries),
            ("color_trc", tags.transfer),
            ("colorspace", tags.matrix),
            ("color_range", tags.range),
        ):
            if tag is not None:
                setattr(context, name, tag)
        if settings.threads is not None:
            context.thread_count = settings.threads
        context.options = dict(settings.options)
        self._video = stream

    def add_audio(
        self,
        codec: str,
        rate_hz: int,
        layout: str,
        bit_rate: int | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Add the audio stream; `options` are the encoder's."""
        self._audio = self._container.add_stream(codec, rate=rate_hz, layout=layout, options=dict(options or {}))
        if bit_rate is not None:
            self._audio.bit_rate = bit_rate

    def add_copies(self, source: Path, indices: Sequence[int]) -> None:
        """Add streams of another file; `copy_packets` writes them."""
        self._source = open_input(source)
        for index in indices:
            self._copies[index] = self._container.add_stream_from_template(self._source.streams[index])

    def write_frame(self, frame: Any) -> None:
        """Encode an `av.VideoFrame`, at its own time."""
        raise_if_stopped()
        self._container.mux(self._video.encode(frame))

    def write_samples(self, samples: NDArray[np.float32], at: int) -> None:
        """Encode `(channels, samples)` in -1..1, mono or stereo; `at` is the number of the first sample."""
        layout = "mono" if samples.shape[0] == 1 else "stereo"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate, frame.time_base = self._audio.rate, Fraction(1, self._audio.rate)
        frame.pts = at
        self.write_audio_frame(frame)

    def write_audio_frame(self, frame: Any) -> None:
        """Encode an `av.AudioFrame`, at its own time."""
        self._container.mux(self._audio.encode(frame))

    def end_video(self) -> None:
        """Flush the picture's encoder: no frame follows, but samples and packets may."""
        if self._video is not None:
            self._container.mux(self._video.encode(None))
            self._video = None

    def copy_packets(self) -> None:
        """Copy the packets of the streams of `add_copies`."""
        if not self._copies:
            return
        copied = [self._source.streams[index] for index in self._copies]
        for packet in stoppable(self._source.demux(copied)):
            if packet.dts is not None:
                packet.stream = self._copies[packet.stream.index]
                self._container.mux(packet)

    def finish(self) -> None:
        """Flush the encoders."""
        self.end_video()
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))
            self._audio = None

    def close(self) -> None:
        """Write the index and close the file."""
        try:
            self._container.close()
        finally:
            if self._source is not None:
                self._source.close()


_FINEST_TIMESCALE = 1_000_000


def track_timescale(video: VideoStream) -> int:
    """Return the ticks per second of a picture track: the video's own, unless they exceed QuickTime's 32 bits."""
    ticks = video.time_base.denominator
    return ticks if ticks <= _FINEST_TIMESCALE else 90_000


def rgb_frame(
    picture: NDArray[np.uint8], pix_fmt: str = "yuv420p", *, matrix: int = BT709, range_: int = TV_RANGE
) -> Any:
    """Build an `av.VideoFrame` from `(height, width, 3) uint8 RGB`."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return reformat(frame, pix_fmt=pix_fmt, dst_colorspace=matrix, dst_color_range=range_)
