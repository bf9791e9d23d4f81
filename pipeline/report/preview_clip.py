"""Preview clips: small MP4s with frequent keyframes, in which a browser seeks quickly, and their audio."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from ..core.values import Media
from ..media.clip_writer import ClipWriter, VideoSettings, rgb_frame
from ..media.frames.film_readers import open_input
from .stills import Picture

SAMPLE_RATE_HZ = 48000
_CLOCK_HZ = 90000
_KEYFRAME_INTERVAL = 10
_SOUND_BPS = 128_000
_BLOCK_SAMPLES = 1024
_PREROLL_S = 1
"""Audio is decoded from this long before a span."""


class PreviewWriter:
    """Writes a preview: first the pictures, then the audio."""

    def __init__(
        self,
        target: Path | io.BytesIO,
        size: tuple[int, int],
        rate: Fraction,
        *,
        crf: int,
        has_sound: bool,
        max_bps: int | None = None,
        keyframe_interval: int = _KEYFRAME_INTERVAL,
        sound_bps: int = _SOUND_BPS,
    ) -> None:
        """Start an MP4 of `size` (width, height).

        `rate` is the nominal rate; the pictures are shown at their own times. `max_bps` limits the bits of the video
        in any second; `keyframe_interval` is in frames.
        """
        # With mbtree the bytes would differ from run to run.
        x264 = {"crf": str(crf), "preset": "veryfast", "g": str(keyframe_interval), "bf": "0"}
        x264 |= {"x264-params": "mbtree=0"}
        if max_bps is not None:
            x264 |= {"maxrate": str(max_bps), "bufsize": str(max_bps)}
        options = {"fflags": "+bitexact"} | ({"movflags": "+faststart"} if isinstance(target, Path) else {})
        self._writer = ClipWriter(target, container="mp4", options=options)
        self._writer.add_video(
            VideoSettings("libx264", size, rate, time_base=Fraction(1, _CLOCK_HZ), threads=2, options=x264)
        )
        if has_sound:
            # The default search for the quantisers takes four times as long.
            self._writer.add_audio("aac", SAMPLE_RATE_HZ, "stereo", sound_bps, {"aac_coder": "fast"})

    def add(self, picture: Picture, at_s: Fraction) -> None:
        """Add a picture, `(height, width, 3) uint8 RGB`, that is shown from `at_s` on."""
        self.add_frame(rgb_frame(picture), at_s)

    def add_frame(self, frame: Any, at_s: Fraction) -> None:
        """Add an `av.VideoFrame`, 4:2:0, that is shown from `at_s` on; its time is overwritten."""
        frame.pts = round(at_s * _CLOCK_HZ)
        frame.time_base = Fraction(1, _CLOCK_HZ)
        frame.pict_type = PictureType.NONE
        self._writer.write_frame(frame)

    def add_sound(self, frames: Iterator[Any]) -> None:
        """Add the audio: `av.AudioFrame`s of stereo floats at 48 kHz, in order."""
        self._writer.end_video()
        for frame in frames:
            self._writer.write_audio_frame(frame)

    def finish(self) -> None:
        """Finish the file."""
        self._writer.finish()
        self._writer.close()


def span_audio(path: Path, media: Media, start_s: Fraction, end_s: Fraction) -> NDArray[np.float32] | None:
    """Decode the first audio track in [start_s, end_s), seconds of the file's own clock, as `(2, samples)` at 48 kHz.

    Returns None without an audio track, or if it cannot be decoded: a silent preview is better than no report.
    """
    if not media.audio or end_s <= start_s:
        return None
    samples = np.zeros((2, round((end_s - start_s) * SAMPLE_RATE_HZ)), np.float32)
    try:
        source = cast("Any", open_input(path))
        with source as container:
            stream = container.streams[media.audio[0].index]
            container.seek(max(0, int((start_s - _PREROLL_S) * av.time_base)), backward=True)
            resampler = cast("Any", av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE_HZ))
            for frame in container.decode(stream):
                if frame.time is None or frame.pts is None:
                    continue
                if frame.time >= end_s:
                    break
                for block in resampler.resample(frame):
                    _place(samples, block.to_ndarray(), block.pts * Fraction(block.time_base) - start_s)
    except av.FFmpegError:
        return None
    return samples


def _place(samples: NDArray[np.float32], block: NDArray[np.float32], at_s: Fraction) -> None:
    first = round(at_s * SAMPLE_RATE_HZ)
    start, end = max(0, first), min(samples.shape[1], first + block.shape[1])
    if start < end:
        samples[:, start:end] = block[:, start - first : end - first]


def frames_of_samples(samples: NDArray[np.float32]) -> Iterator[Any]:
    """Yield `(2, samples)` at 48 kHz as audio frames, from time 0 on."""
    for start in range(0, samples.shape[1], _BLOCK_SAMPLES):
        block = np.ascontiguousarray(samples[:, start : start + _BLOCK_SAMPLES])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        frame.pts = start
        yield frame


def audio_frames(path: Path, media: Media) -> Iterator[Any]:
    """Decode a film's first audio track; time 0 is that of a player."""
    source = cast("Any", open_input(path))
    with source as container:
        resampler = cast("Any", av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE_HZ))
        for frame in container.decode(container.streams[media.audio[0].index]):
            for block in resampler.resample(frame):
                if block.pts is None:
                    continue
                at_s = block.pts * Fraction(block.time_base) - media.start_s
                block.time_base = Fraction(1, SAMPLE_RATE_HZ)
                block.pts = round(at_s * SAMPLE_RATE_HZ)
                if block.pts >= 0:
                    yield block


def clip_times_s(times: Sequence[Fraction]) -> list[float]:
    """Return times as seconds for the page, rounded to the clock of the clips."""
    return [round(at * _CLOCK_HZ) / _CLOCK_HZ for at in times]
