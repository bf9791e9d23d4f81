"""Write a clip of pictures and a mono voice, the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from .demo_voice import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Sound = NDArray[np.float32]

_AAC_FRAME = 1024
_THREADS = 2
"""Fixed: x264 gives other bytes for another number of threads."""
_AAC_BITS_PER_S = 128_000


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
    from ..media.clip_writer import ClipWriter, VideoSettings, rgb_frame

    # mbtree gives other bytes from run to run.
    x264 = {"crf": str(crf), "preset": "veryfast", "profile": "high", "g": str(2 * rate), "x264-params": "mbtree=0"}
    settings = VideoSettings("libx264", size, Fraction(rate), threads=_THREADS, options=x264)
    container_options = {"movflags": "+faststart", "fflags": "+bitexact"}
    written = 0
    with ClipWriter(out, container="mp4", options=container_options) as writer:
        writer.add_video(settings)
        if voice is not None:
            writer.add_audio("aac", SAMPLE_RATE_HZ, "mono", _AAC_BITS_PER_S)
        for index, pixels in enumerate(frames):
            frame = rgb_frame(pixels)
            frame.pts = index
            writer.write_frame(frame)
            if voice is not None:  # as far as the pictures have come, so that both lie side by side in the file
                until = min((index + 1) * SAMPLE_RATE_HZ // rate, len(voice))
                while written + _AAC_FRAME <= until:
                    writer.write_samples(voice[None, written : written + _AAC_FRAME], written)
                    written += _AAC_FRAME
        writer.end_video()
        if voice is not None:
            for at in range(written, len(voice), _AAC_FRAME):
                writer.write_samples(voice[None, at : at + _AAC_FRAME], at)
