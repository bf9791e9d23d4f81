"""What a splice must leave as it was, measured with libav and ffmpeg alone and told in numbers.

Nothing here asks the splice what it did, but for the figures that it gives to the user, which are held to account.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from made import click_times_s, frame_number, picture
from takes import OTHER

from react1.pipeline.media.ffmpeg import ffmpeg_path

_WRITERS = {"encoder", "ENCODER", "DURATION", "creation_time", "vendor_id"}
"""Tags that tell of the program that wrote the file, not of the film."""
_COLOUR = ("color_range", "color_primaries", "color_trc", "colorspace")
PYRAMID = 3
"""How many pictures before an edit its reordering may draw in."""
PLATE_DB = 40.0
"""What a frame outside the edits that was coded anew must keep of the source, over all planes."""
TAKE_DB = 38.0
"""What a frame inside an edit must keep of the take's luma."""


@dataclass(frozen=True)
class Seen:
    """A film as a reader sees it."""

    streams: list[dict[str, Any]]
    """What each stream says of itself."""
    tags: dict[str, str]
    chapters: list[tuple[Any, ...]]
    packets: list[list[tuple[int | None, int | None, bytes]]]
    """(pts, dts, bytes) of each packet of each stream."""
    keys: list[int]
    """The pts of the picture packets that are marked as key frames."""
    frames: list[tuple[int, list[np.ndarray]]]
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
    streams, tags, chapters, packets, keys = _told(path, index)
    with av.open(str(path)) as container:
        stream = container.streams[index]
        frames, looks = [], []
        for frame in container.decode(stream):
            frames.append((frame.pts, planes(frame)))
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


def _told(path: Path, index: int) -> tuple[Any, ...]:
    with av.open(str(path)) as container:
        packets: list[list[Any]] = [[] for _ in container.streams]
        keys = []
        for packet in container.demux():
            if packet.size:
                packets[packet.stream.index].append((packet.pts, packet.dts, bytes(packet)))
                keys += [packet.pts] if packet.is_keyframe and packet.stream.index == index else []
        chapters = [
            (one["start"] * one["time_base"], one["end"] * one["time_base"], one["metadata"])
            for one in container.chapters()
        ]
        told = [_description(stream) for stream in container.streams]
        return told, _tags(container.metadata), chapters, packets, keys


def _tags(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in _WRITERS and not key.startswith("_STATISTICS")}


def _description(stream: Any) -> dict[str, Any]:
    told = {
        "kind": stream.type,
        "tags": _tags(stream.metadata),
        "base": stream.time_base,
        "flags": int(stream.disposition),
    }
    context = stream.codec_context
    if context is not None:
        told["codec"] = context.name
    if stream.type == "video":
        told |= {
            "size": (context.width, context.height),
            "format": context.pix_fmt,
            "aspect": (stream.sample_aspect_ratio or 1, context.sample_aspect_ratio or 1),
            "colour": [int(getattr(context, key)) for key in _COLOUR],
            "rate": 0 if stream.container.format.name == "mpegts" else stream.average_rate,
            "start": stream.start_time,
        }
    if stream.type == "audio":
        told |= {
            "start": stream.start_time,
            "rate": stream.rate,
            "layout": stream.layout.name,
            "set-up": bytes(context.extradata or b""),
        }
    return told


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    """Give the planes of a frame, each `(height, width)`, as they are stored."""
    kind = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    sheets = [np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes]
    return [sheet.copy() for sheet in sheets]


def _samples(path: Path, place: int) -> np.ndarray:
    with av.open(str(path)) as container:
        stream = container.streams.audio[place]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
        parts = [made.to_ndarray() for frame in container.decode(stream) for made in resampler.resample(frame)]
        return np.concatenate(parts or [np.zeros((1, 0), np.float32)], axis=1)


def psnr(one: list[np.ndarray], other: list[np.ndarray], depth: int = 8) -> float:
    """Give the peak signal-to-noise ratio over all planes, in dB; infinite where they are the same."""
    error = sum(float(((a.astype(float) - b) ** 2).sum()) for a, b in zip(one, other, strict=True))
    mean = error / sum(a.size for a in one)
    return float("inf") if mean == 0 else float(10 * np.log10((2**depth - 1) ** 2 / mean))


def strict_decode(path: Path) -> str:
    """Decode every picture and sound track with ffmpeg, at the first fault no further; give what it says."""
    argv = [ffmpeg_path(), "-nostdin", "-v", "error", "-xerror", "-i", f"file:{path}", "-map", "0:v", "-map", "0:a?"]
    done = subprocess.run(
        [*argv, "-fps_mode", "passthrough", "-enc_time_base:v", "demux", "-f", "null", "-"],
        capture_output=True,
        text=True,
    )
    return done.stderr.strip() or ("" if done.returncode == 0 else f"exit status {done.returncode}")


@dataclass(frozen=True)
class Kept:
    """What was counted."""

    packets: int
    identical: int
    """Picture packets that are the source's own at their times: bit for bit, but for the first one after a window of
    HEVC, which is marked as a place to resume."""
    least_db: float
    """The worst frame outside the edits."""


def check(
    was: Seen,
    made: Any,
    index: int,
    spans: list[tuple[int, int]],
    way: str,
    *,
    same_dts: bool = True,
    free: frozenset[str] = frozenset(),
) -> Kept:
    """Hold a spliced film against its source; `spans` are the edits in shown frames, with numbered takes.

    `way` is `exact`, `anew` (the same codec) or `other` (another codec); `same_dts` tells whether the container
    stores decoding times and the way keeps them; `free` names what the picture may tell otherwise than before.
    """
    came = look(made.path, index)
    assert strict_decode(made.path) == ""
    _same_description(was, came, index, free | _FREE[way])
    _same_others(was, came, index)
    identical = _picture_packets(was, came, made.figures, index, same_dts=same_dts)
    return Kept(len(was.packets[index]), len(identical), _pictures(was, came, spans, identical))


_FREE = {"exact": frozenset(), "anew": frozenset({"rate"}), "other": frozenset({"rate", "codec", "format", "aspect"})}
"""What a picture may tell otherwise that is coded anew: the average rate that a reader makes of it, and what the
encoder of another codec cannot keep."""


def _same_description(was: Seen, came: Seen, index: int, free: frozenset[str]) -> None:
    assert len(came.streams) == len(was.streams)
    for number, (one, other) in enumerate(zip(was.streams, came.streams, strict=True)):
        apart = {key: (one[key], other.get(key)) for key in one if one[key] != other.get(key)}
        assert set(apart) <= (free if number == index else set()), f"stream {number}: {apart}"
    assert came.tags == was.tags
    assert came.chapters == was.chapters


def _same_others(was: Seen, came: Seen, index: int) -> None:
    for number, (one, other) in enumerate(zip(was.packets, came.packets, strict=True)):
        assert number == index or other == one, f"stream {number} has other packets"
    for one, other in zip(was.sounds, came.sounds, strict=True):
        assert np.array_equal(one, other)
        assert click_times_s(other[0]) == click_times_s(one[0])


def _picture_packets(was: Seen, came: Seen, figures: dict[str, Any], index: int, *, same_dts: bool) -> set[int]:
    """Give the times of the packets that are the source's own."""
    before, after = was.packets[index], came.packets[index]
    assert len(after) == len(before)
    assert sorted(pts for pts, _, _ in after) == sorted(pts for pts, _, _ in before)
    if same_dts:
        assert [dts for _, dts, _ in after] == [dts for _, dts, _ in before]
    place = {pts: data for pts, _, data in after}
    identical = {pts for pts, _, data in before if place[pts] == data}
    patched: set[int] = set()
    if figures["way"] == "exact" and was.streams[index]["codec"] == "hevc":
        patched = {pts for pts, _, data in before if pts not in identical and _same_tail(data, place[pts])}
        assert len(patched) <= figures["windows"]
    assert figures["copied_packets"] + figures["encoded_packets"] == len(before)
    assert len(identical) + len(patched) >= figures["copied_packets"]
    return identical | patched


def _same_tail(one: bytes, other: bytes) -> bool:
    """Tell whether a packet is a film's own but for what stands before its picture: HEVC's way to resume."""
    half = len(one) // 2
    return half > 8 and other[-half:] == one[-half:]


def _pictures(was: Seen, came: Seen, spans: list[tuple[int, int]], identical: set[int]) -> float:
    """Compare every frame; give the least PSNR outside the edits."""
    assert came.looks == was.looks
    inside = {number for start, end in spans for number in range(start, end)}
    assert [pts for pts, _ in came.frames] == [pts for pts, _ in was.frames]
    least = float("inf")
    for number, ((pts, one), (_, other)) in enumerate(zip(was.frames, came.frames, strict=True)):
        if number in inside:
            _shows_take(other[0], number, came)
        elif pts in identical:
            assert psnr(one, other) == float("inf"), f"frame {number} was copied and decodes to another picture"
        else:
            least = min(least, psnr(one, other, was.depth))
    assert least >= PLATE_DB
    return least


def _shows_take(luma: np.ndarray, number: int, came: Seen) -> None:
    shown = luma >> (came.depth - 8)
    wanted = picture(number + OTHER, shown.shape[::-1])
    if came.full_range:
        wanted = (wanted.astype(float) - 16) * 255 / 219
    assert frame_number(shown) == number + OTHER
    assert psnr([wanted], [shown]) >= TAKE_DB, f"frame {number}"


def most_coded(was: Seen, spans: list[tuple[int, int]], before: int) -> int:
    """Count the frames from `before` an edit to the next key frame at or after its end, for all edits at once."""
    times = [pts for pts, _ in was.frames]
    coded = set()
    for start, end in spans:
        ends = [at for at in range(end, len(times)) if times[at] in was.keys] or [len(times)]
        coded |= set(range(max(0, start - before), ends[0]))
    return len(coded)
