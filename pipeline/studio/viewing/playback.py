"""What the page plays: the film or a small proxy, the waveform, and short clips of takes.

The film itself is played where a browser can. With a take the film's sound is heard with the new line in it, as loud as
the finished film will have it.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputMediaError
from ...core.nodes.node import NodeContext
from ...core.values import Media, Take, VideoStream
from ...media.audio.samples import read_all, write_wav
from ...media.frames.decode import rgb_conversion
from ...media.frames.film_readers import open_media
from ...media.probe import require_video
from ...media.timing.clock import frame_time_s
from ...media.tools.ffmpeg import ffmpeg_path
from ...report.preview_clip import SAMPLE_RATE_HZ, PreviewWriter, frames_of_samples, span_audio
from ...report.stills import preview_size, sdr_table, small_pictures
from ...splicing.audio.dialogue import line_alone, sound_with_lines
from ...splicing.splice_params import SoundParams

PROXY_LINES = 540
_PLAYABLE_VIDEO = {"h264": ("mp4", "mov"), "vp8": ("webm", "matroska"), "vp9": ("webm", "mp4"), "av1": ("webm", "mp4")}
_PLAYABLE_AUDIO = ("aac", "mp3", "opus", "vorbis", "flac")
_MOST_PIXELS = 1920 * 1088
"""Larger pictures play too slowly without a graphics card; they get a proxy."""
_MOST_BITS_S = 30_000_000
PEAKS_PER_S = 50
_WAVE_HZ = 8000
_LATE_SOUND_S = Fraction(1, 20)
"""Sound that is early by less is not noticed."""
_PROXY_VERSION, _HDR_PROXY_VERSION, _CLIP_VERSION = 2, 3, 1
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 7: "smpte240m", 9: "bt2020"}
"""The filter scale's names of what `rgb_conversion` returns."""
_FIRST_AT_ZERO = r"setpts=if(eq(N\,0)\,0\,PTS)"


def plays_in_browsers(media: Media, suffix: str) -> bool:
    """Return whether every current browser plays a film as it is, and smoothly."""
    video = require_video(media)
    return (
        is_known_to_browsers(media, suffix)
        and not video.is_hdr  # browsers map tones otherwise than the stills
        and video.width_px * video.height_px <= _MOST_PIXELS
        and video.bit_rate <= _MOST_BITS_S
    )


def is_known_to_browsers(media: Media, suffix: str) -> bool:
    """Return whether every current browser can decode a film, and shows each frame when it is due."""
    video = require_video(media)
    containers = _PLAYABLE_VIDEO.get(video.codec, ())
    is_webm = suffix.lower() == ".webm"
    known = any(name in media.container for name in containers) and suffix.lower() in (".mp4", ".m4v", ".mov", ".webm")
    sound = media.audio[0].codec in _PLAYABLE_AUDIO if media.audio else True
    return (
        known
        and (is_webm or ("matroska" not in containers[:1] and _begins_at_once(media)))
        and video.pix_fmt in ("yuv420p", "yuvj420p")
        and not video.interlaced
        and sound
    )


def _begins_at_once(media: Media) -> bool:
    """Return whether picture and sound begin with the film: Firefox plays at once what an edit list delays."""
    late_sound_s = media.audio[0].start_s - media.start_s if media.audio else 0
    return frame_time_s(media, 0) <= 1 / (2 * require_video(media).rate) and late_sound_s <= _LATE_SOUND_S


def proxy_parts(media: Media) -> dict[str, Any]:
    """Return the cache key of a film's proxy."""
    version = _HDR_PROXY_VERSION if require_video(media).is_hdr else _PROXY_VERSION
    return {"what": "studio proxy", "film": media.file.digest, "version": version}


def make_proxy(context: NodeContext, media: Media) -> None:
    """Write a proxy of a film into the cache: H.264 with 540 lines, a keyframe every half second, AAC.

    Each frame keeps its time, so that the page can name the frame that it shows; the first is shown from the beginning
    on, and late sound begins with silence, so that nothing needs an edit list.

    Raises:
        ToolFailed: ffmpeg cannot decode the film.
    """
    context.cache_put(proxy_parts(media), write_proxy(context, context.path(media.file), media))


def write_proxy(context: NodeContext, film: Path, media: Media, longest_s: int | None = None) -> Path:
    """Write a proxy of a film, or of its first `longest_s` seconds, as `make_proxy` does; return its path."""
    video, target, table = require_video(media), context.temp_path("proxy.mp4"), None
    if video.is_hdr:
        table = context.temp_path("sdr.cube")
        table.write_text(sdr_table(video.color_transfer), "ascii")
    length_s = min(float(media.duration_s), longest_s or math.inf)
    argv = proxy_command(film, media, target, table, longest_s)
    context.run_tool(argv, duration_s=max(0.1, length_s), timeout_s=12 * 3600)
    return target


def proxy_command(
    film: Path, media: Media, target: Path, table: Path | None, longest_s: int | None = None
) -> list[str]:
    """Return the command that writes a proxy; `table` is what maps the tones of HDR, as `sdr_table` returns it."""
    video = require_video(media)
    width, height = video.shown_size_px
    scale = min(1.0, PROXY_LINES / min(width, height))
    size = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
    return [
        *(ffmpeg_path(), "-v", "error", "-nostdin", "-y", *(("-t", str(longest_s)) if longest_s else ())),
        *("-i", str(film)),
        *("-map", f"0:{video.index}", "-map", "0:a:0?", "-sn", "-dn"),
        *("-vf", f"{_scaled(video, size, table)},setsar=1,format=yuv420p,{_FIRST_AT_ZERO}", "-fps_mode", "passthrough"),
        *(("-af", "aresample=async=1:first_pts=0") if media.audio else ()),
        *("-c:v", "libx264", "-preset", "superfast", "-crf", "25", "-bf", "0"),
        *("-g", str(max(1, round(float(video.rate) / 2))), "-c:a", "aac", "-b:a", "128k", "-ac", "2"),
        *("-movflags", "+faststart", str(target)),
    ]


def _scaled(video: VideoStream, size: tuple[int, int], table: Path | None) -> str:
    """Return the filters that scale a film, and give HDR the tones that its stills have."""
    scaled = f"scale={size[0]}:{size[1]}"
    if table is None:
        return scaled
    space, full_range = rgb_conversion(video)
    return ",".join(
        [
            f"{scaled}:flags=area,format={video.pix_fmt}",  # as `screen_picture` does: in two steps, to packed colors
            f"scale=flags=area:in_color_matrix={_MATRICES[space]}:in_range={'pc' if full_range == 2 else 'tv'}",
            f"format=rgb24,lut3d=file={_in_filter(table)}:interp=tetrahedral",
            "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
            "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709",
            "sidedata=mode=delete",  # a screen of HDR would map what says of itself that it is HDR once more
        ]
    )


def _in_filter(path: Path) -> str:
    """Return a path as a value in a chain of filters: escaped for the filter, then for the chain."""
    value = re.sub(r"([\\':])", r"\\\1", str(path))
    return re.sub(r"([\\'\[\],;])", r"\\\1", value)


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

    Without the probe of a film that is the start of the file, as MP3 counts the samples that a decoder drops.

    Raises:
        InputMediaError: the audio cannot be read.
    """
    peaks: list[int] = []
    size = _WAVE_HZ // PEAKS_PER_S
    rest = np.zeros(0, np.float32)
    with open_media(path) as container:
        stream = (
            container.streams[stream_index] if stream_index is not None else next(iter(container.streams.audio), None)
        )
        if stream is None:
            raise InputMediaError("the file has no sound")
        start_s = media.start_s if media is not None else Fraction(container.start_time or 0, av.time_base)
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


def clip_parts(
    parts: Sequence[tuple[Media, int, int]], times_s: Sequence[Fraction], side_px: int, own_sound: OwnSound | None
) -> dict[str, Any]:
    """Return the cache key of a clip; arguments as for `span_clip`."""
    key: dict[str, Any] = {
        "what": "studio clip",
        "parts": [[media.file.digest, first, end] for media, first, end in parts],
        "times": [str(time_s) for time_s in times_s],
        "side": side_px,
        "version": _CLIP_VERSION,
    }
    return key if own_sound is None else {**key, "sound": own_sound[0]}


def span_clip(
    context: NodeContext,
    parts: Sequence[tuple[Media, int, int]],
    times_s: Sequence[Fraction],
    side_px: int,
    own_sound: OwnSound | None = None,
) -> Path:
    """Make a small MP4 of some frames; a keyframe every ten frames.

    Args:
        context: has the files.
        parts: (file, first frame, frame after the last) in the order in which they are shown.
        times_s: when each frame is shown; at last the end.
        side_px: the longer side.
        own_sound: what is heard in place of the files' own sound.
    """
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
    return target


def _sound_of_parts(context: NodeContext, parts: Sequence[tuple[Media, int, int]]) -> Any:
    sounds = [_sound(context, media, first, end) for media, first, end in parts]
    return np.concatenate(sounds, axis=1) if all(sound is not None for sound in sounds) else None


def _sound(context: NodeContext, media: Media, first: int, end: int) -> Any:
    start_s, end_s = (frame_time_s(media, frame) + media.start_s for frame in (first, end))
    return span_audio(context.path(media.file), media, start_s, end_s)


Samples = NDArray[np.float32]


def film_sound(
    context: NodeContext, media: Media, takes: Sequence[Take], frames: tuple[int, int], params: SoundParams
) -> Samples | None:
    """Return the sound of the source frames [start, end) as the film with these takes has it; None without sound.

    The samples are `(2, samples)` at 48 kHz.

    Raises:
        InputMediaError: the line, or the film's sound, cannot be read.
        ToolFailed: ffmpeg failed.
    """
    if not media.audio:
        return None
    samples = sound_with_lines(context, ffmpeg_path(), media, takes, frames, params)
    return _for_players(context, samples, media.audio[0].sample_rate_hz)


def line_sound(context: NodeContext, media: Media, takes: Sequence[Take], frames: tuple[int, int]) -> Samples | None:
    """Return the new line alone, at its own level, where it lies in the frames; None without a line or a sound track.

    Raises:
        InputMediaError: the line cannot be read.
    """
    if not media.audio or not any(take.segment.edit.audio for take in takes):
        return None
    samples = line_alone(context, ffmpeg_path(), media, takes, frames)
    return _for_players(context, samples, media.audio[0].sample_rate_hz)


def _for_players(context: NodeContext, samples: Samples, rate_hz: int) -> Samples:
    path = write_wav(context.temp_path("heard.wav"), samples, rate_hz)
    return read_all(path, SAMPLE_RATE_HZ, 2)
