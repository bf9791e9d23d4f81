"""A film as a reader sees it: packets, pictures, samples and all that it says of itself, by libav and ffmpeg alone."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from react1.pipeline.media.tools.ffmpeg import ffmpeg_path

_WRITERS = {"encoder", "ENCODER", "DURATION", "creation_time", "vendor_id"}
"""Tags that tell of the program that wrote the file, not of the film."""
_COLOUR = ("color_range", "color_primaries", "color_trc", "colorspace")


@dataclass(frozen=True)
class Seen:
    """A film as a reader sees it."""

    streams: list[dict[str, Any]]
    """What each stream says of itself."""
    tags: dict[str, str]
    chapters: list[tuple[Any, ...]]
    packets: list[list[tuple[Fraction | None, Fraction | None, bytes]]]
    """(pts, dts, bytes) of each packet of each stream; times are in seconds throughout."""
    keys: list[Fraction]
    """The pts of the picture packets that are marked as key frames."""
    frames: list[tuple[Fraction, list[np.ndarray]]]
    """(pts, planes) of each shown frame."""
    looks: list[tuple[int, ...]]
    """What each shown frame says of itself: its turn, its fields and its colours."""
    depth: int
    full_range: bool
    """Whether black is 0; the takes of the tests say that it is 16."""
    sounds: list[np.ndarray]
    """The samples of each sound track, `(channels, samples) float32`."""


def look(path: Path, index: int) -> Seen:
    """Read a whole film, small ones only: its pictures are stream `index`."""
    streams, tags, chapters, packets, keys = _probe_packet(path, index)
    with av.open(str(path)) as container:
        stream = container.streams[index]
        frames, looks = [], []
        for frame in container.decode(stream):
            frames.append((frame.pts * frame.time_base, planes(frame)))
            looks.append((frame.rotation, frame.interlaced_frame, *(int(getattr(frame, key)) for key in _COLOUR)))
        depth, full = stream.format.components[0].bits, stream.format.name.startswith("yuvj")
    with av.open(str(path)) as container:
        count = len(container.streams.audio)
    sounds = [_samples(path, place) for place in range(count)]
    return Seen(streams, tags, chapters, packets, keys, frames, looks, depth, full, sounds)


@cache
def look_once(path: Path, index: int) -> Seen:
    """The same, remembered: for a source that is spliced many times."""
    return look(path, index)


def _probe_packet(path: Path, index: int) -> tuple[Any, ...]:
    with av.open(str(path)) as container:
        packets: list[list[Any]] = [[] for _ in container.streams]
        keys = []
        for packet in container.demux():
            if packet.size:
                base = packet.time_base
                times = [None if tick is None else tick * base for tick in (packet.pts, packet.dts)]
                packets[packet.stream.index].append((*times, bytes(packet)))
                keys += [times[0]] if packet.is_keyframe and packet.stream.index == index else []
        chapters = [
            (item["start"] * item["time_base"], item["end"] * item["time_base"], item["metadata"])
            for item in container.chapters()
        ]
        message = [_description(stream) for stream in container.streams]
        return message, _tags(container.metadata), chapters, packets, keys


def _tags(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in _WRITERS and not key.startswith("_STATISTICS")}


def _description(stream: Any) -> dict[str, Any]:
    message = {
        "kind": stream.type,
        "tags": _tags(stream.metadata),
        "base": stream.time_base,
        "flags": int(stream.disposition),
    }
    context = stream.codec_context
    if context is not None:
        message["codec"] = context.name
    if stream.type == "video":
        message |= {
            "size": (context.width, context.height),
            "format": context.pix_fmt,
            "aspect": (stream.sample_aspect_ratio or 1, context.sample_aspect_ratio or 1),
            "colour": [int(getattr(context, key)) for key in _COLOUR],
            "rate": 0 if stream.container.format.name == "mpegts" else stream.average_rate,
            "start": (stream.start_time or 0) * stream.time_base,
        }
    if stream.type == "audio":
        message |= {
            "start": (stream.start_time or 0) * stream.time_base,
            "rate": stream.rate,
            "layout": stream.layout.name,
            "set-up": bytes(context.extradata or b""),
        }
    return message


def plane_views(frame: av.VideoFrame) -> list[np.ndarray]:
    """Return the planes of a frame, each `(height, width)`, as they are stored, in the memory of the frame."""
    kind = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    return [np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes]


def gray_pictures(path: Path) -> np.ndarray:
    """Return the shown pictures of a film in gray, `(frames, height, width) uint8`, converted all in the same way."""
    convert = VideoReformatter().reformat
    with av.open(str(path)) as film:
        return np.stack([convert(frame, format="gray").to_ndarray() for frame in film.decode(video=0)])


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    """Return copies of the planes of a frame, each `(height, width)`, as they are stored."""
    return [view.copy() for view in plane_views(frame)]


def _samples(path: Path, place: int) -> np.ndarray:
    with av.open(str(path)) as container:
        stream = container.streams.audio[place]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
        parts = [result.to_ndarray() for frame in container.decode(stream) for result in resampler.resample(frame)]
        return np.concatenate(parts or [np.zeros((1, 0), np.float32)], axis=1)


def psnr(item: list[np.ndarray], other: list[np.ndarray], depth: int = 8) -> float:
    """Give the peak signal-to-noise ratio over all planes, in dB; infinite where they are the same."""
    error = sum(float(((a.astype(float) - b) ** 2).sum()) for a, b in zip(item, other, strict=True))
    mean = error / sum(a.size for a in item)
    return float("inf") if mean == 0 else float(10 * np.log10((2**depth - 1) ** 2 / mean))


def strict_decode(path: Path, most_s: int = 60) -> str:
    """Decode every picture and sound track with ffmpeg, at the first fault no further; give what it says.

    Of a long film the first `most_s` seconds are decoded.
    """
    argv = [ffmpeg_path(), "-nostdin", "-v", "error", "-xerror", "-t", str(most_s), "-i", f"file:{path}"]
    argv += ["-map", "0:v", "-map", "0:a?"]
    done = subprocess.run(
        [*argv, "-fps_mode", "passthrough", "-enc_time_base:v", "demux", "-f", "null", "-"],
        capture_output=True,
        text=True,
    )
    return done.stderr.strip() or ("" if done.returncode == 0 else f"exit status {done.returncode}")
