"""Frames of a clip, decoded by number in bounded memory; and the take that is encoded from changed ones.

The clip is an mp4 of constant rate, 8-bit 4:2:0. Frames come as their three planes, exactly as decoded: forwards at no
extra cost, backwards in short runs. A take is near-lossless H.264 High and AAC with faststart and the colour tags of
the input. The number of x264's threads is fixed because its output depends on it: the same frames give the same bytes
on every machine.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import av.error
import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.stream import VideoStream

from ...core.errors import InputMediaError
from ...media.clip_writer import ClipWriter, ColorTags, VideoSettings
from ...media.frames.decode import decode_frames, main_video_stream
from ...media.frames.film_readers import open_input
from ..arrays import Plane
from ..voice.voice_features import VoiceAudio

CACHE_BYTES = 96 * 2**20
"""Size of the cache of decoded frames, so that a backward run does not decode from a keyframe for every frame."""


@dataclass(frozen=True)
class VideoFormat:
    """The size, rate and colour tags of a clip's pictures, which its takes share."""

    width: int
    height: int
    fps: Fraction
    matrix: int
    """ITU-T H.273 matrix coefficients; 2 if the file does not say."""
    primaries: int
    transfer: int
    range: int
    """1 limited, 2 full, 0 if the file does not say, which means limited."""


@dataclass(frozen=True)
class Picture:
    """One frame as its planes: luma (height, width), and two chroma planes of half that size."""

    luma: Plane
    blue: Plane
    red: Plane


class ClipFrames:
    """The frames of one clip; use it in a `with` block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._container = open_input(path)
        except (av.error.FFmpegError, OSError) as error:
            raise InputMediaError(f"{path.name} cannot be read: {error}; give an H.264 mp4") from error
        stream: VideoStream | None = main_video_stream(self._container)
        if stream is None:
            self._container.close()
            raise InputMediaError(f"{path.name} has no video; give an H.264 mp4")
        self._stream = stream
        self._times: list[int] = []
        self._cached: OrderedDict[int, Picture] = OrderedDict()
        self._decoder: Iterator[tuple[int, VideoFrame]] | None = None
        self._next = 0
        self._seeks = True
        context = self._stream.codec_context
        self._capacity = max(2, CACHE_BYTES // max(1, context.width * context.height * 3 // 2))

    def __enter__(self) -> ClipFrames:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decoder = None
        self._container.close()

    @property
    def video_format(self) -> VideoFormat:
        """The format of the pictures.

        Raises:
            InputMediaError: the rate is unknown, or a side is odd, which 4:2:0 cannot have.
        """
        context, fps = self._stream.codec_context, self._stream.average_rate
        if fps is None or fps <= 0:
            raise InputMediaError(f"{self._path.name} has no frame rate; transcode it to a constant rate first")
        if context.width % 2 or context.height % 2:
            raise InputMediaError(
                f"{self._path.name} is {context.width}x{context.height}; transcode it to even sides first"
            )
        return VideoFormat(
            context.width,
            context.height,
            Fraction(fps),
            int(context.colorspace),
            int(context.color_primaries),
            int(context.color_trc),
            int(context.color_range),
        )

    @property
    def times(self) -> tuple[int, ...]:
        """The pts of each frame, in the stream's time base; known after a full `decode_all` or `set_times`."""
        return tuple(self._times)

    def set_times(self, times: Sequence[int]) -> None:
        """Set the `times` from an earlier `decode_all` of this clip."""
        self._times = list(times)

    @property
    def expected_count(self) -> int:
        """About how many frames there are, for a progress bar; 0 if the file does not say."""
        if self._stream.frames:
            return int(self._stream.frames)
        length, base, fps = self._stream.duration, self._stream.time_base, self._stream.average_rate
        return round(length * base * fps) if length and base and fps else 0

    def decode_all(self) -> Iterator[VideoFrame]:
        """Yield every frame in order, as decoded, and record its pts."""
        self._times, self._decoder = [], None
        try:
            for frame in decode_frames(self._path, self._stream.index):
                if frame.pts is None:
                    raise InputMediaError(f"{self._path.name} has a frame without a timestamp; transcode it first")
                self._times.append(frame.pts)
                yield frame
        except InputMediaError as error:
            if isinstance(error.__cause__, av.error.FFmpegError):
                raise InputMediaError(
                    f"{self._path.name} cannot be decoded after frame {len(self._times)}: {error.__cause__}"
                ) from error
            raise

    def picture(self, number: int) -> Picture:
        """Return a frame by its number; `times` must be known."""
        if number in self._cached:
            return self._cached[number]
        if self._decoder is None:
            self._restart(number)
        elif number < self._next:
            self._restart(max(0, number - self._capacity + 1))
        picture = self._decode_to(number)
        if picture is None and self._seeks:
            # A film that is refreshed part by part has no complete picture for a while after its keyframes.
            self._seeks = False
            self._restart(0)
            picture = self._decode_to(number)
        if picture is None:
            raise InputMediaError(f"{self._path.name} has no frame {number} on the second reading")
        return picture

    def _decode_to(self, number: int) -> Picture | None:
        """Decode up to a frame, and return it; None if it does not come."""
        assert self._decoder is not None
        for index, frame in self._decoder:
            self._next = index + 1
            self._cache(index, planes_of(frame))
            if index >= number:
                break
        return self._cached.get(number)

    def _cache(self, index: int, picture: Picture) -> None:
        self._cached[index] = picture
        while len(self._cached) > self._capacity:
            self._cached.popitem(last=False)

    def _restart(self, first: int) -> None:
        self._cached.clear()
        frames = decode_frames(self._path, self._stream.index, start_pts=self._times[first] if self._seeks else None)
        numbers = {time: index for index, time in enumerate(self._times)}
        self._decoder = ((numbers[frame.pts], frame) for frame in frames if frame.pts in numbers)


def planes_of(frame: VideoFrame) -> Picture:
    """Return the planes of a decoded frame: views of the decoder's memory, read-only."""
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    return Picture(*(_plane(plane) for plane in frame.planes))


def _plane(plane: VideoPlane) -> Plane:
    padded = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    rows: Plane = padded[: plane.height, : plane.width]
    rows.flags.writeable = False
    return rows


# A constant quantiser needs no lookahead: six films take 0.60 to 0.85 of the time of crf 11 with adaptive quantisers,
# have a PSNR of 49 to 55 dB (before 46 to 56), and 48 to 49 dB in their worst hundredth of blocks (before 41 to 47),
# for 0.8 to 1.5 times the bytes. Where B-frames go is fixed, and motion is searched to the pixel.
# A take is decoded several times: without CABAC and the loop filter that takes two fifths of the time, at the same
# PSNR, for a tenth more bytes.
X264 = {
    "qp": "9",
    "preset": "superfast",
    "tune": "fastdecode",
    "profile": "high",
    "x264-params": "subme=0:b-adapt=0:scenecut=0",
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
