"""Encode a span as a small clip that a browser seeks in quickly."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pictures import Picture

_CLOCK_HZ = 90000
_KEYFRAME_EVERY = 10
SOUND_HZ = 48000


class Preview:
    """A clip in the making: pictures are added one at a time, with the moment that each is shown at."""

    def __init__(self, size: tuple[int, int], rate: Fraction, sound: NDArray[np.float32] | None) -> None:
        """Begin a clip of `size` (width, height); `sound` is `(2, samples)` at 48 kHz from the clip's zero."""
        import av

        self._made = io.BytesIO()
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._container: Any = av.open(self._made, "w", format="mp4", options=options)
        self._video = _video_stream(self._container, size, rate)
        self._sound = sound
        self._audio: Any = None
        if sound is not None and sound.shape[1]:
            self._audio = self._container.add_stream("aac", rate=SOUND_HZ, layout="stereo")
            self._audio.bit_rate = 96_000

    def add(self, picture: Picture, at_s: Fraction) -> None:
        """Add a picture, `(height, width, 3) uint8 RGB`, shown from `at_s` on."""
        import av

        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=1, dst_color_range=1)
        frame.pts = round(at_s * _CLOCK_HZ)
        frame.time_base = Fraction(1, _CLOCK_HZ)
        self._container.mux(self._video.encode(frame))

    def finish(self) -> bytes:
        """End the clip and give its bytes."""
        self._container.mux(self._video.encode(None))
        if self._audio is not None and self._sound is not None:
            _encode_sound(self._container, self._audio, self._sound)
        self._container.close()
        return self._made.getvalue()


def _video_stream(container: Any, size: tuple[int, int], rate: Fraction) -> Any:
    stream = container.add_stream("libx264", rate=rate)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, _CLOCK_HZ)
    context.color_primaries = context.color_trc = context.colorspace = 1
    context.color_range = 1
    context.thread_count = 2
    context.options = {"crf": "26", "preset": "veryfast", "g": str(_KEYFRAME_EVERY), "bf": "0"}
    return stream


def _encode_sound(container: Any, stream: Any, sound: NDArray[np.float32]) -> None:
    import av

    for start in range(0, sound.shape[1], 1024):
        block = np.ascontiguousarray(sound[:, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate = SOUND_HZ
        frame.time_base = Fraction(1, SOUND_HZ)
        frame.pts = start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def moments(times: Sequence[Fraction]) -> list[float]:
    """Give the times of a clip as seconds for a page, to the clip's own clock."""
    return [round(at * _CLOCK_HZ) / _CLOCK_HZ for at in times]
