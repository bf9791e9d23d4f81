"""Encode pictures, and a sound if there is one, as a small clip that a browser seeks in quickly."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..core.values import Media
from .stills import Picture

SOUND_HZ = 48000
_CLOCK_HZ = 90000
_KEYFRAME_EVERY = 10
_BLOCK = 1024


class ClipWriter:
    """A clip in the making: pictures are added one at a time, then the sound, then it is finished."""

    def __init__(
        self,
        made: Path | io.BytesIO,
        size: tuple[int, int],
        rate: Fraction,
        *,
        crf: int,
        has_sound: bool,
        most_bps: int | None = None,
    ) -> None:
        """Begin an MP4 of `size` (width, height); `rate` is what it says, the pictures' own times are what it does.

        `most_bps` bounds the picture's bits per second, over any second of it.
        """
        import av

        options = {"fflags": "+bitexact"} | ({"movflags": "+faststart"} if isinstance(made, Path) else {})
        target = str(made) if isinstance(made, Path) else made
        self._container: Any = av.open(target, "w", format="mp4", options=options)
        self._video = _video_stream(self._container, size, rate, crf, most_bps)
        self._audio: Any = None
        if has_sound:
            self._audio = self._container.add_stream("aac", rate=SOUND_HZ, layout="stereo")
            self._audio.bit_rate = 128_000

    def add(self, picture: Picture, at_s: Fraction) -> None:
        """Add a picture, `(height, width, 3) uint8 RGB`, shown from `at_s` on."""
        import av

        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=1, dst_color_range=1)
        frame.pts = round(at_s * _CLOCK_HZ)
        frame.time_base = Fraction(1, _CLOCK_HZ)
        self._container.mux(self._video.encode(frame))

    def add_sound(self, frames: Iterator[Any]) -> None:
        """Add the sound: `av.AudioFrame`s, stereo floats at 48 kHz, in order."""
        self._container.mux(self._video.encode(None))
        self._video = None
        for frame in frames:
            self._container.mux(self._audio.encode(frame))
        self._container.mux(self._audio.encode(None))

    def finish(self) -> None:
        """End the clip."""
        if self._video is not None:
            self._container.mux(self._video.encode(None))
        self._container.close()


def _video_stream(container: Any, size: tuple[int, int], rate: Fraction, crf: int, most_bps: int | None) -> Any:
    stream = container.add_stream("libx264", rate=rate)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, _CLOCK_HZ)
    context.color_primaries = context.color_trc = context.colorspace = 1
    context.color_range = 1
    context.thread_count = 2  # fixed: x264 gives other bytes for another number of threads
    context.options = {"crf": str(crf), "preset": "veryfast", "g": str(_KEYFRAME_EVERY), "bf": "0"}
    context.options |= {"x264-params": "mbtree=0"}  # mbtree gives other bytes from run to run
    if most_bps is not None:
        context.options |= {"maxrate": str(most_bps), "bufsize": str(most_bps)}
    return stream


def blocks(samples: NDArray[np.float32]) -> Iterator[Any]:
    """Cut `(2, samples)` at 48 kHz into frames from time 0 on."""
    import av

    for start in range(0, samples.shape[1], _BLOCK):
        block = np.ascontiguousarray(samples[:, start : start + _BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate = SOUND_HZ
        frame.time_base = Fraction(1, SOUND_HZ)
        frame.pts = start
        yield frame


def track(path: Path, media: Media) -> Iterator[Any]:
    """Decode a film's first sound track, on a clock that begins where a player's does."""
    import av

    opened = cast("Any", av.open(str(path)))
    with opened as container:
        resampler = cast("Any", av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_HZ))
        for frame in container.decode(container.streams[media.audio[0].index]):
            for piece in resampler.resample(frame):
                if piece.pts is None:
                    continue
                at_s = piece.pts * Fraction(piece.time_base) - media.start_s
                piece.time_base = Fraction(1, SOUND_HZ)
                piece.pts = round(at_s * SOUND_HZ)
                if piece.pts >= 0:
                    yield piece


def moments(times: Sequence[Fraction]) -> list[float]:
    """Give the times of a clip as seconds for a page, to the clip's own clock."""
    return [round(at * _CLOCK_HZ) / _CLOCK_HZ for at in times]
