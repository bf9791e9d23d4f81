"""Encode a take: near-lossless H.264 High, AAC, faststart, colour tags of the input.

The number of x264's threads is fixed because its output depends on it: the same frames give the same bytes on every
machine.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from ...media.clip_writer import ClipWriter, ColorTags, VideoSettings
from ..voice.voice_features import VoiceAudio
from .clip_frames import Picture, VideoFormat

# mbtree reads uninitialized memory, so its bytes differ from run to run. At this crf `superfast` gives the same PSNR as
# `veryfast` (53 to 54 dB) in two thirds of its time, for files a third larger. Where B-frames go is fixed: to
# search for their places takes a quarter of the time.
# A take is decoded several times: without CABAC and the loop filter that takes two fifths of the time, at the same
# PSNR, for a tenth more bytes.
X264 = {
    "crf": "11",
    "preset": "superfast",
    "tune": "fastdecode",
    "profile": "high",
    "x264-params": "mbtree=0:b-adapt=0:scenecut=0",
}
THREADS = 2
AAC_BITS_PER_S = 256_000
_BLOCK = 1024
"""Samples of one AAC frame."""


class TakeWriter(ClipWriter):
    """Writes frames and the sound of a take into an mp4."""

    def __init__(self, path: Path, video_format: VideoFormat, sound: VoiceAudio | None) -> None:
        self._format, self._sound, self._frames, self._samples = video_format, sound, 0, 0
        # Edit lists count in the movie timescale: only the sample rate lets the sound end on the sample.
        ticks = sound.rate if sound is not None else 48_000
        options = {"movflags": "+faststart", "movie_timescale": str(ticks)}
        super().__init__(path, container="mp4", options=options)
        self.add_video(
            VideoSettings(
                "libx264",
                (video_format.width, video_format.height),
                video_format.fps,
                time_base=1 / video_format.fps,
                threads=THREADS,
                options=X264,
                color=ColorTags(video_format.primaries, video_format.transfer, video_format.matrix, video_format.range),
            )
        )
        if sound is not None:
            layout = "mono" if sound.samples.shape[0] == 1 else "stereo"
            self.add_audio("aac", sound.rate, layout, AAC_BITS_PER_S)

    def finish(self) -> None:
        """Write the rest of the sound, and flush the encoders."""
        self.end_video()
        if self._sound is not None:
            self._write_sound(self._sound.count)
        super().finish()

    def write(self, picture: Picture) -> None:
        """Append a frame and the sound up to its end."""
        frame = VideoFrame(self._format.width, self._format.height, "yuv420p")
        for plane, samples in zip(frame.planes, (picture.luma, picture.blue, picture.red), strict=True):
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            rows[: plane.height, : plane.width] = samples
        frame.pts, frame.time_base = self._frames, 1 / self._format.fps
        self._frames += 1
        self.write_frame(frame)
        if self._sound is not None:
            self._write_sound(int(self._frames / self._format.fps * self._sound.rate))

    def _write_sound(self, until: int) -> None:
        assert self._sound is not None
        while self._samples < min(until, self._sound.count):
            block = self._sound.samples[:, self._samples : self._samples + _BLOCK]
            self.write_samples(block, self._samples)
            self._samples += block.shape[1]
