"""The sound of a span, for a preview: the film's first track.

Encode pictures, and a sound if there is one, as a small clip that a browser seeks in quickly.
"""

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

_HEADROOM_S = 1


def span_audio(path: Path, media: Media, start_s: Fraction, end_s: Fraction) -> NDArray[np.float32] | None:
    """Give `(2, samples)` at 48 kHz of [start_s, end_s), in seconds of the file's own clock; None where it is silent.

    A track that cannot be decoded is left out: a preview without sound is better than no report.
    """
    import av

    if not media.audio or end_s <= start_s:
        return None
    count = round((end_s - start_s) * SAMPLE_RATE_HZ)
    laid = np.zeros((2, count), np.float32)
    try:
        opened = cast("Any", av.open(str(path)))
        with opened as container:
            stream = container.streams[media.audio[0].index]
            container.seek(max(0, int((start_s - _HEADROOM_S) * av.time_base)), backward=True)
            resampler = cast("Any", av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE_HZ))
            for frame in container.decode(stream):
                if frame.time is None or frame.pts is None:
                    continue
                if frame.time >= end_s:
                    break
                for piece in resampler.resample(frame):
                    _place(laid, piece.to_ndarray(), piece.pts * Fraction(piece.time_base) - start_s)
    except av.FFmpegError:
        return None
    return laid


def _place(laid: NDArray[np.float32], piece: NDArray[np.float32], at_s: Fraction) -> None:
    first = round(at_s * SAMPLE_RATE_HZ)
    start, end = max(0, first), min(laid.shape[1], first + piece.shape[1])
    if start < end:
        laid[:, start:end] = piece[:, start - first : end - first]


SAMPLE_RATE_HZ = 48000
_CLOCK_HZ = 90000
_KEYFRAME_EVERY = 10
_BLOCK = 1024


class PreviewWriter:
    """Writes a preview: pictures are added one at a time, then the sound, then it is finished."""

    def __init__(
        self,
        target: Path | io.BytesIO,
        size: tuple[int, int],
        rate: Fraction,
        *,
        crf: int,
        has_sound: bool,
        most_bps: int | None = None,
    ) -> None:
        """Begin an MP4 of `size` (width, height); `rate` is what the file names, the pictures' own times decide.

        `most_bps` bounds the picture's bits per second, over any second of it.
        """
        from ..media.clip_writer import ClipWriter, VideoSettings

        # mbtree gives other bytes from run to run.
        x264 = {"crf": str(crf), "preset": "veryfast", "g": str(_KEYFRAME_EVERY), "bf": "0", "x264-params": "mbtree=0"}
        if most_bps is not None:
            x264 |= {"maxrate": str(most_bps), "bufsize": str(most_bps)}
        options = {"fflags": "+bitexact"} | ({"movflags": "+faststart"} if isinstance(target, Path) else {})
        self._writer = ClipWriter(target, container="mp4", options=options)
        self._writer.add_video(
            VideoSettings("libx264", size, rate, time_base=Fraction(1, _CLOCK_HZ), threads=2, options=x264)
        )
        if has_sound:
            self._writer.add_audio("aac", SAMPLE_RATE_HZ, "stereo", 128_000)

    def add(self, picture: Picture, at_s: Fraction) -> None:
        """Add a picture, `(height, width, 3) uint8 RGB`, shown from `at_s` on."""
        from ..media.clip_writer import rgb_frame

        frame = rgb_frame(picture)
        frame.pts = round(at_s * _CLOCK_HZ)
        frame.time_base = Fraction(1, _CLOCK_HZ)
        self._writer.write_frame(frame)

    def add_sound(self, frames: Iterator[Any]) -> None:
        """Add the sound: `av.AudioFrame`s, stereo floats at 48 kHz, in order."""
        self._writer.end_video()
        for frame in frames:
            self._writer.write_audio_frame(frame)

    def finish(self) -> None:
        """Finish the file."""
        self._writer.finish()
        self._writer.close()


def frames_of_samples(samples: NDArray[np.float32]) -> Iterator[Any]:
    """Cut `(2, samples)` at 48 kHz into frames from time 0 on."""
    import av

    for start in range(0, samples.shape[1], _BLOCK):
        block = np.ascontiguousarray(samples[:, start : start + _BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        frame.pts = start
        yield frame


def audio_frames(path: Path, media: Media) -> Iterator[Any]:
    """Decode a film's first sound track, on a clock that begins where a player's does."""
    import av

    opened = cast("Any", av.open(str(path)))
    with opened as container:
        resampler = cast("Any", av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE_HZ))
        for frame in container.decode(container.streams[media.audio[0].index]):
            for piece in resampler.resample(frame):
                if piece.pts is None:
                    continue
                at_s = piece.pts * Fraction(piece.time_base) - media.start_s
                piece.time_base = Fraction(1, SAMPLE_RATE_HZ)
                piece.pts = round(at_s * SAMPLE_RATE_HZ)
                if piece.pts >= 0:
                    yield piece


def clip_times_s(times: Sequence[Fraction]) -> list[float]:
    """Give the times of a clip as seconds for a page, to the clip's own clock."""
    return [round(at * _CLOCK_HZ) / _CLOCK_HZ for at in times]
