"""Write a clip of pictures and a mono voice, the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .demo_voice import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Sound = NDArray[np.float32]

_AAC_FRAME = 1024
_THREADS = 2
"""Fixed: x264 gives other bytes for another number of threads."""
_BT709 = 1


def write_clip(
    out: Path, frames: Iterable[Picture], voice: Sound | None, size: tuple[int, int], rate: int, *, crf: int = 17
) -> None:
    """Write an MP4 with its index in front: H.264 4:2:0 in BT.709 video range, AAC mono.

    Args:
        out: an existing file is replaced.
        frames: `(height, width, 3) uint8 RGB`.
        voice: `(samples,)` in -1..1 at 48 kHz; None makes a clip without sound.
        size: (width, height) in pixels, even.
        rate: frames per second.
        crf: x264's quality, 0 (lossless) to 51.
    """
    import av

    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(out), "w", format="mp4", options=options) as container:
        picture = _picture_stream(container, size, rate, crf)
        track = None if voice is None else _SoundTrack(container, voice)
        for index, pixels in enumerate(frames):
            container.mux(picture.encode(_picture(pixels, index)))
            if track is not None:
                track.write_until((index + 1) * SAMPLE_RATE_HZ // rate)
        container.mux(picture.encode(None))
        if track is not None:
            track.finish()


class _SoundTrack:
    """The voice, written as far as the pictures have come, so that both lie side by side in the file."""

    def __init__(self, container: Any, voice: Sound) -> None:
        self._container, self._voice, self._written = container, voice, 0
        self._stream = container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="mono")
        self._stream.bit_rate = 128_000

    def write_until(self, sample: int) -> None:
        while self._written + _AAC_FRAME <= min(sample, len(self._voice)):
            self._write(_AAC_FRAME)

    def finish(self) -> None:
        self.write_until(len(self._voice))
        if rest := len(self._voice) - self._written:
            self._write(rest)
        self._container.mux(self._stream.encode(None))

    def _write(self, count: int) -> None:
        piece = self._voice[self._written : self._written + count]
        self._container.mux(self._stream.encode(_sound(piece, self._written)))
        self._written += count


def _picture_stream(container: Any, size: tuple[int, int], rate: int, crf: int) -> Any:
    stream = container.add_stream("libx264", rate=rate)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = 1
    context.thread_count = _THREADS
    context.options = {"crf": str(crf), "preset": "veryfast", "profile": "high", "g": str(2 * rate)}
    context.options |= {"x264-params": "mbtree=0"}  # mbtree gives other bytes from run to run
    return stream


def _picture(pixels: Picture, index: int) -> Any:
    import av

    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=1)
    frame.pts = index
    return frame


def _sound(samples: Sound, at: int) -> Any:
    import av

    frame = av.AudioFrame.from_ndarray(samples[None, :].copy(), format="fltp", layout="mono")
    frame.sample_rate = SAMPLE_RATE_HZ
    frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
    frame.pts = at
    return frame
