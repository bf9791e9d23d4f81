"""MoviePy clips of films, and back: at k / rate MoviePy gets frame k, with the sound of the same span.

MoviePy's own reader finds frames by time and average rate, and returns wrong ones if the rate varies or the video
starts late; this one decodes by index.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputMediaError, MissingExtra
from ..core.values import Media, VideoStream
from ..media.clip_writer import ClipWriter, VideoSettings, rgb_frame
from ..media.frames.decode import exact_frames, rgb, turn_upright
from ..media.probe import probe_path, require_video
from ..media.trim import container_time_s

Picture = NDArray[np.uint8]
Convert = Callable[[Any], Picture]
"""Converts an `av.VideoFrame` to `(height, width, 3) uint8 RGB`."""
_SEEK_FRAMES = 50
"""Up to this distance decoding is cheaper than seeking."""
_TOLERANCE = 0.01
"""Share of a frame by which a float time may be too early."""
SOUND_HZ = 48_000
_SOUND_PART = 2000
"""Samples that are read at once."""
_CRF = "8"
"""Of x264: a difference of a level or two."""
_THREADS = 2
"""Fixed: with another number of threads x264 writes other bytes."""


def require_moviepy() -> Any:
    """Return the package `moviepy`, imported on the first use.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module("moviepy")
    except ImportError as error:
        raise MissingExtra(
            "a clip needs MoviePy, which is not installed: pip install 'moviepy>=2.1,<3', or install react1-nodes "
            "again with its dependencies"
        ) from error


class Reader:
    """Reads any frame of a film; ascending order is fastest."""

    def __init__(self, path: Path, video: VideoStream, convert: Convert) -> None:
        self._path, self._video, self._convert = path, video, convert
        self._frames: Iterator[tuple[int, Any]] = iter(())
        self._next = video.frame_count
        self._index = -1
        self._picture: Picture | None = None

    def at(self, index: int) -> Picture:
        """Return the picture of a frame; outside the film that of its first or last frame."""
        index = min(max(index, 0), self._video.frame_count - 1)
        if self._picture is None or index != self._index:
            if not self._next <= index <= self._next + _SEEK_FRAMES:
                self._frames = exact_frames(self._path, self._video, index)
            frame = next(frame for number, frame in self._frames if number == index)
            self._picture, self._index, self._next = self._convert(frame), index, index + 1
        return self._picture

    def clip(self) -> Any:
        """Return a `moviepy.VideoClip` of exactly the film's frames, without audio."""
        rate = self._video.rate
        clip = require_moviepy().VideoClip(
            frame_function=lambda at_s: self.at(int(at_s * float(rate) + _TOLERANCE)),
            duration=float(self._video.frame_count / rate),
        )
        clip.fps = float(rate)
        return clip


def picture_at(clip: Any, frame: int, rate: Fraction) -> Picture:
    """Render a frame of a clip, `(height, width, 3) uint8 RGB`."""
    return np.asarray(np.clip(clip.get_frame(float(frame / rate)), 0, 255), np.uint8)


def open_clip(path: Path, first_frame: int = 0, end_frame: int | None = None) -> Any:
    """Return a `moviepy.VideoClip` of the frames [first_frame, end_frame) of a film, with its sound.

    At k / rate MoviePy gets frame k, also where the rate varies. Close it as any other clip.

    Raises:
        InputMediaError: the film cannot be read, or has no such frames.
        MissingExtra: MoviePy is not installed.
    """
    return open_media(path, probe_path(path), first_frame, end_frame)


def open_media(path: Path, media: Media, first_frame: int = 0, end_frame: int | None = None) -> Any:
    """Return a `moviepy.VideoClip` as `open_clip` does, of a file whose properties are known."""
    video = require_video(media)
    end_frame = video.frame_count if end_frame is None else end_frame
    if not 0 <= first_frame < end_frame <= video.frame_count:
        raise InputMediaError(f"{path.name} has {video.frame_count} frames, not {first_frame} to {end_frame}")
    clip = Reader(path, video, lambda frame: turn_upright(rgb(frame, video), video)).clip()
    if media.audio:
        sound = _sound(path, media.audio[0].start_s - container_time_s(video, 0), 1 / video.rate)
        clip = clip.with_audio(sound.with_duration(min(sound.duration, clip.duration)))
    start_s, end_s = float(first_frame / video.rate), float(end_frame / video.rate)
    complete = (first_frame, end_frame) == (0, video.frame_count)
    return clip if complete else clip.subclipped(start_s, end_s)


def _sound(path: Path, late_s: Fraction, frame_s: Fraction) -> Any:
    """Return the sound of a film from its first frame on; the track begins `late_s` after it, or before it.

    MoviePy counts from the first sample. Less than half a frame may be the delay of an encoder, which is decoded away.
    """
    moviepy = require_moviepy()
    sound = moviepy.AudioFileClip(str(path))
    if abs(late_s) < frame_s / 2 or -late_s >= sound.duration:
        return sound
    if late_s < 0:
        return sound.subclipped(float(-late_s))
    return moviepy.CompositeAudioClip([sound.with_start(float(late_s))])


def is_clip(value: object) -> bool:
    """Return whether a value is a MoviePy clip; MoviePy is not imported for it."""
    return hasattr(value, "get_frame") and hasattr(value, "duration")


def write_clip(clip: Any, path: Path) -> Path:
    """Write a MoviePy clip as a film that every preset can read: H.264 (near-lossless) and PCM, in a `.mov`.

    Raises:
        InputMediaError: the clip has no length or no rate.
    """
    if not clip.duration or not getattr(clip, "fps", None):
        raise InputMediaError("a MoviePy clip needs a duration and a rate: clip.with_duration(…), clip.with_fps(…)")
    rate = Fraction(clip.fps).limit_denominator(1001)
    frames = max(1, round(clip.duration * float(rate)))
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = (side - side % 2 for side in clip.size)
    with ClipWriter(path, container="mov") as writer:
        # The bytes identify the film: if they differed between machines, its takes would be paid for again.
        options = {"crf": _CRF, "preset": "fast", "mbtree": "0"}
        writer.add_video(VideoSettings("libx264", (width, height), rate, threads=_THREADS, options=options))
        if clip.audio:
            writer.add_audio("pcm_s16le", SOUND_HZ, "stereo")
        for number in range(frames):
            frame = rgb_frame(picture_at(clip, number, rate)[:height, :width])
            frame.pts, frame.time_base = number, 1 / rate
            writer.write_frame(frame)
        writer.end_video()
        if clip.audio:
            _write_sound(writer, clip, float(frames / rate))
    return path


def _write_sound(writer: ClipWriter, clip: Any, duration_s: float) -> None:
    """Write the sound in small parts, as MoviePy's reader needs it; it ends with the picture at the latest."""
    sound = clip.audio if clip.audio.duration is not None else clip.audio.with_duration(duration_s)
    left = round(min(duration_s, sound.duration) * SOUND_HZ)
    written = 0
    for part in sound.iter_chunks(chunksize=_SOUND_PART, fps=SOUND_HZ):
        samples = np.asarray(part, np.float64)[: left - written]
        if not len(samples):
            break
        columns = samples.reshape(len(samples), -1)
        stereo = columns if columns.shape[1] == 2 else np.repeat(columns[:, :1], 2, axis=1)
        pcm = np.ascontiguousarray(np.round(np.clip(stereo, -1, 1) * 32767).astype(np.int16).reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_HZ, written, Fraction(1, SOUND_HZ)
        writer.write_audio_frame(frame)
        written += len(samples)
