"""What the page plays and shows: the film or a small proxy, the waveform, short clips of takes, and stills.

The film itself is played where a browser can. Stills are exact, by frame number and at viewer size: decoded from the
film itself, kept for stepping.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np

from ...core.errors import InputMediaError
from ...core.nodes.node import NodeContext
from ...core.values import Media
from ...media.frames.decode import exact_frames
from ...media.probe import require_video
from ...media.timing.clock import frame_time_s
from ...media.tools.ffmpeg import ffmpeg_path
from ...report.preview_clip import PreviewWriter, frames_of_samples, span_audio
from ...report.stills import Picture, preview_size, screen_picture, small_pictures

SIZES = (160, 320, 640, 960, 1280, 1920)
"""The longer sides, in px, in which a still can be asked for."""
_PICTURES, _STILLS = 48, 400
"""Decoded pictures and coded stills that are kept."""
_FORWARD_FRAMES = 40
"""Up to this many frames ahead the decoder goes on, rather than seeking."""
_BACK_FRAMES = 12
"""Frames that are decoded before the wanted one when stepping backwards, for the next steps."""
_QUALITY = 86


def nearest_size(wanted: int) -> int:
    """Return the smallest offered size of at least `wanted` px, else the largest."""
    return next((size for size in SIZES if size >= wanted), SIZES[-1])


def jpeg(picture: Picture, quality: int = _QUALITY) -> bytes:
    """Return a picture, `(height, width, 3) uint8 RGB`, as a JPEG."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=quality, subsampling=1)
    return content.getvalue()


class FilmPictures:
    """The stills of one film; all methods may be called from any thread."""

    def __init__(self, path: Path, media: Media) -> None:
        self._path, self._media = path, media
        self._video = require_video(media)
        self._lock = threading.Lock()
        self._decoder: Iterator[tuple[int, Any]] | None = None
        self._next = 0
        self._decoding_side = 0
        self._pictures: OrderedDict[tuple[int, int], Picture] = OrderedDict()
        self._stills: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def size(self, side_px: int) -> tuple[int, int]:
        """Return (width, height) of a still whose longer side has at most `side_px`."""
        return preview_size(self._video, side_px)

    def picture(self, frame: int, side_px: int) -> Picture:
        """Return a frame as `(height, width, 3) uint8 RGB`, upright.

        Raises:
            InputMediaError: there is no such frame, or it is damaged.
        """
        if not 0 <= frame < self._video.frame_count:
            raise InputMediaError(f"there is no frame {frame}: the film has frames 0 to {self._video.frame_count - 1}")
        with self._lock:
            key = (frame, side_px)
            if key not in self._pictures:
                self._decode_to(frame, side_px)
            self._pictures.move_to_end(key)
            return self._pictures[key]

    def still(self, frame: int, side_px: int) -> bytes:
        """Return a frame as a JPEG; raises as `picture` does."""
        key = (frame, side_px)
        with self._lock:
            if key in self._stills:
                self._stills.move_to_end(key)
                return self._stills[key]
        content = jpeg(self.picture(frame, side_px))
        with self._lock:
            self._stills[key] = content
            while len(self._stills) > _STILLS:
                self._stills.popitem(last=False)
        return content

    def close(self) -> None:
        """Close the film."""
        with self._lock:
            self._stop()

    def _decode_to(self, frame: int, side_px: int) -> None:
        ahead = frame - self._next
        if self._decoder is None or self._decoding_side != side_px or not 0 <= ahead <= _FORWARD_FRAMES:
            is_step_back = self._decoder is not None and -_FORWARD_FRAMES <= ahead < 0
            self._stop()
            start = max(0, frame - _BACK_FRAMES) if is_step_back else frame
            self._decoder = exact_frames(self._path, self._video, start)
            self._next, self._decoding_side = start, side_px
        try:
            for index, decoded in self._decoder:
                self._next = index + 1
                if frame - index <= _BACK_FRAMES:
                    self._keep((index, side_px), screen_picture(decoded, self._video, self.size(side_px)))
                if index == frame:
                    return
        except InputMediaError:
            self._stop()
            raise
        self._stop()
        raise InputMediaError(f"frame {frame} of the film cannot be decoded")

    def _keep(self, key: tuple[int, int], picture: Picture) -> None:
        self._pictures[key] = picture
        while len(self._pictures) > _PICTURES:
            self._pictures.popitem(last=False)

    def _stop(self) -> None:
        if self._decoder is not None:
            with closing(cast("Any", self._decoder)):
                self._decoder = None


PROXY_LINES = 540
_PLAYABLE_VIDEO = {"h264": ("mp4", "mov"), "vp8": ("webm", "matroska"), "vp9": ("webm", "mp4"), "av1": ("webm", "mp4")}
_PLAYABLE_AUDIO = ("aac", "mp3", "opus", "vorbis", "flac")
_MOST_PIXELS = 1920 * 1088
"""Larger pictures play too slowly without a graphics card; they get a proxy."""
_MOST_BITS_S = 30_000_000
PEAKS_PER_S = 50
_WAVE_HZ = 8000
_PROXY_VERSION, _CLIP_VERSION = 1, 1


def plays_in_browsers(media: Media, suffix: str) -> bool:
    """Return whether every current browser plays a film as it is, and smoothly."""
    video = require_video(media)
    containers = _PLAYABLE_VIDEO.get(video.codec, ())
    is_webm = suffix.lower() == ".webm"
    known = any(name in media.container for name in containers) and suffix.lower() in (".mp4", ".m4v", ".mov", ".webm")
    sound = media.audio[0].codec in _PLAYABLE_AUDIO if media.audio else True
    return (
        known
        and (is_webm or "matroska" not in containers[:1])
        and video.pix_fmt in ("yuv420p", "yuvj420p")
        and not video.interlaced
        and video.width_px * video.height_px <= _MOST_PIXELS
        and video.bit_rate <= _MOST_BITS_S
        and sound
    )


def proxy_parts(media: Media) -> dict[str, Any]:
    """Return the cache key of a film's proxy."""
    return {"what": "studio proxy", "film": media.file.digest, "version": _PROXY_VERSION}


def make_proxy(context: NodeContext, media: Media) -> None:
    """Write a proxy of a film into the cache: H.264 with 540 lines, a keyframe every half second, AAC.

    Each frame keeps its time, so that the page can name the frame that it shows.

    Raises:
        ToolFailed: ffmpeg cannot decode the film.
    """
    video = require_video(media)
    width, height = video.shown_size_px
    scale = min(1.0, PROXY_LINES / min(width, height))
    size = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
    target = context.temp_path("proxy.mp4")
    argv = [
        *(ffmpeg_path(), "-v", "error", "-nostdin", "-y", "-i", str(context.path(media.file))),
        *("-map", f"0:{video.index}", "-map", "0:a:0?", "-sn", "-dn"),
        *("-vf", f"scale={size[0]}:{size[1]},setsar=1,format=yuv420p", "-fps_mode", "passthrough"),
        *("-c:v", "libx264", "-preset", "superfast", "-crf", "25", "-bf", "0"),
        *("-g", str(max(1, round(float(video.rate) / 2))), "-c:a", "aac", "-b:a", "128k", "-ac", "2"),
        *("-movflags", "+faststart", str(target)),
    ]
    context.run_tool(argv, duration_s=max(0.1, float(media.duration_s)), timeout_s=12 * 3600)
    context.cache_put(proxy_parts(media), target)


def wave_parts(media: Media) -> dict[str, Any]:
    """Return the cache key of a film's waveform."""
    return {"what": "studio waveform", "film": media.file.digest, "per_s": PEAKS_PER_S}


def make_wave(context: NodeContext, media: Media) -> None:
    """Write the waveform of a film's first audio track into the cache: one byte per peak, 0 silent to 255.

    Raises:
        InputMediaError: the audio cannot be read.
    """
    if not media.audio:
        raise InputMediaError("the film has no sound")
    target = context.temp_path("wave.bin")
    target.write_bytes(file_peaks(context.path(media.file), media.audio[0].index, context.progress, media))
    context.cache_put(wave_parts(media), target)


def file_peaks(path: Path, stream_index: int | None, progress: Callable[[float], None], media: Media | None) -> bytes:
    """Return the peaks of an audio track, 50 per second, from the time that players show as zero.

    Raises:
        InputMediaError: the audio cannot be read.
    """
    import av

    from ...media.frames.decode import open_media

    start_s = media.start_s if media is not None else Fraction(0)
    peaks: list[int] = []
    size = _WAVE_HZ // PEAKS_PER_S
    rest = np.zeros(0, np.float32)
    with open_media(path) as container:
        stream = (
            container.streams[stream_index] if stream_index is not None else next(iter(container.streams.audio), None)
        )
        if stream is None:
            raise InputMediaError("the file has no sound")
        expected_s = float(container.duration or av.time_base) / av.time_base
        resampler: Any = av.AudioResampler(format="flt", layout="mono", rate=_WAVE_HZ)
        is_first = True
        for frame in container.decode(stream):
            for block in resampler.resample(frame):
                samples = block.to_ndarray()[0]
                if is_first and block.pts is not None:
                    late = max(0, round((block.pts * Fraction(block.time_base) - start_s) * _WAVE_HZ))
                    samples = np.concatenate([np.zeros(min(late, 600 * _WAVE_HZ), np.float32), samples])
                    is_first = False
                rest = np.concatenate([rest, samples])
            count = len(rest) // size
            if count >= PEAKS_PER_S:
                peaks += _peaks(rest[: count * size].reshape(count, size))
                rest = rest[count * size :]
                progress(min(1.0, len(peaks) / PEAKS_PER_S / max(0.1, expected_s)))
    if len(rest):
        peaks += _peaks(np.pad(rest, (0, -len(rest) % size)).reshape(-1, size))
    return bytes(peaks)


def _peaks(blocks: np.ndarray) -> list[int]:
    values: list[int] = np.clip(np.abs(blocks).max(1) ** 0.6 * 255, 0, 255).astype(np.uint8).tolist()
    return values


OwnSound = tuple[Any, Callable[[NodeContext], "np.ndarray | None"]]
"""A sound that is not the files' own: what it depends on, as JSON, and what returns it."""


def span_clip(
    context: NodeContext,
    parts: Sequence[tuple[Media, int, int]],
    times_s: Sequence[Fraction],
    side_px: int,
    own_sound: OwnSound | None = None,
) -> Path:
    """Return a small MP4 of some frames, from the cache or made now; a keyframe every ten frames.

    Args:
        context: has the files and the cache.
        parts: (file, first frame, frame after the last) in the order in which they are shown.
        times_s: when each frame is shown; at last the end.
        side_px: the longer side.
        own_sound: what is heard in place of the files' own sound.
    """
    key = {
        "what": "studio clip",
        "parts": [[media.file.digest, first, end] for media, first, end in parts],
        "times": [str(time_s) for time_s in times_s],
        "side": side_px,
        "version": _CLIP_VERSION,
    }
    if own_sound is not None:
        key["sound"] = own_sound[0]
    cached = context.cache_get(key)
    if cached is not None:
        return cached
    video = require_video(parts[0][0])
    sound = own_sound[1](context) if own_sound is not None else _sound_of_parts(context, parts)
    content = io.BytesIO()
    size = preview_size(video, side_px)
    writer = PreviewWriter(content, size, video.rate, crf=22, has_sound=sound is not None)
    shown = 0
    for media, first, end in parts:
        for _, picture in small_pictures(context.path(media.file), require_video(media), first, end, size):
            writer.add(picture, times_s[shown])
            shown += 1
            context.progress(shown / max(1, len(times_s) - 1))
    if sound is not None:
        writer.add_sound(frames_of_samples(sound))
    writer.finish()
    target = context.temp_path("clip.mp4")
    target.write_bytes(content.getvalue())
    context.cache_put(key, target)
    path = context.cache_get(key)
    assert path is not None
    return path


def _sound_of_parts(context: NodeContext, parts: Sequence[tuple[Media, int, int]]) -> Any:
    sounds = [_sound(context, media, first, end) for media, first, end in parts]
    return np.concatenate(sounds, axis=1) if all(sound is not None for sound in sounds) else None


def _sound(context: NodeContext, media: Media, first: int, end: int) -> Any:
    start_s, end_s = (frame_time_s(media, frame) + media.start_s for frame in (first, end))
    return span_audio(context.path(media.file), media, start_s, end_s)
