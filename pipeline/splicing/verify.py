"""Compare a spliced film with its source before it may have its name.

Takes   two files and what was meant to change.
Gives   `Checked`: flat figures, what was lost, and the first fault, if any.
Source  The checks that found real faults: packet lists, a strict decode (a frame count is no proof: a decoder
        that is not strict hides wrong parameter sets), and the streams' descriptions.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from ..errors import ToolFailed
from .frames import decoded

_MUST = ("frames_equal", "timestamps_equal", "untouched_identical")
_TICK_S = Fraction(1, 45_000)
_COLOURS = ("colour range", "colour primaries", "colour transfer", "colour matrix")
_NO_COLOUR = (0, 2, 2, 2)
_ADDRESS = re.compile(r"@ 0x[0-9a-f]+")
_UNTOLD = frozenset({"encoder", "ENCODER", "creation_time", "DURATION", "vendor_id", "handler_name", "major_brand"})
_UNTOLD_PREFIXES = ("_STATISTICS", "BPS", "NUMBER_OF", "minor_version", "compatible_brands")


@dataclass(frozen=True)
class Packet:
    """One packet by its times and a digest of its bytes."""

    pts: int | None
    dts: int | None
    digest: bytes


@dataclass(frozen=True)
class Track:
    """One stream: what it says of itself, and its packets."""

    kind: str
    codec: str
    tags: dict[str, str]
    time_base: Any
    packets: list[Packet] = field(repr=False)
    flags: int = 0
    """The disposition: whether players choose the stream by themselves, and what it is for."""
    colour: tuple[int, int, int, int] = _NO_COLOUR
    """Range, primaries, transfer and matrix, as numbers of H.273."""

    @property
    def times(self) -> list[Any]:
        """All shown times in seconds, rising."""
        return sorted(packet.pts * self.time_base for packet in self.packets if packet.pts is not None)


@dataclass(frozen=True)
class Contents:
    """All that is compared of one file."""

    tracks: list[Track]
    tags: dict[str, str]
    chapters: list[tuple[Any, Any, str]]
    picture: int


def read(path: Path, picture_index: int) -> Contents:
    """Read every packet of a file once; memory grows by about 100 bytes per packet."""
    with av.open(str(path)) as container:
        tracks = [
            Track(
                stream.type,
                stream.codec_context.name if stream.codec_context is not None else "",
                _told(stream.metadata),
                stream.time_base or 0,
                [],
                int(stream.disposition),
                _colour(stream),
            )
            for stream in container.streams
        ]
        for packet in container.demux():
            if packet.dts is not None or packet.pts is not None:
                digest = hashlib.blake2b(bytes(packet), digest_size=16).digest()
                tracks[packet.stream.index].packets.append(Packet(packet.pts, packet.dts, digest))
        chapters = [
            (one["start"] * base, one["end"] * base, one["metadata"].get("title", ""))
            for one in container.chapters()
            if (base := one["time_base"] or Fraction(1))
        ]
        return Contents(tracks, _told(container.metadata), chapters, picture_index)


def _colour(stream: Any) -> tuple[int, int, int, int]:
    if stream.type != "video":
        return _NO_COLOUR
    context = stream.codec_context
    return int(context.color_range), int(context.color_primaries), int(context.color_trc), int(context.colorspace)


def _told(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in _UNTOLD and not key.startswith(_UNTOLD_PREFIXES)}


@dataclass(frozen=True)
class Checked:
    """What the comparison found."""

    figures: dict[str, Any]
    lost: tuple[str, ...]
    fault: str = ""
    """Why the result must not be kept; empty where it may."""


def compare(source: Contents, made: Contents, *, new_sound: bool, untouched: Callable[[int], bool] | None) -> Checked:
    """Compare two files; `untouched` tells by their pts which picture packets must be identical."""
    was, came = source.tracks[source.picture], _picture(made, source)
    if came is None:
        return Checked({}, (), "the result has no picture stream")
    figures: dict[str, Any] = {
        "packets": len(came.packets),
        "frames_equal": len(was.packets) == len(came.packets),
        "timestamps_equal": was.times == came.times,
        "decode_times_equal": _dts(was) == _dts(came),
    }
    if untouched is not None:
        figures["untouched_identical"] = len(was.packets) == len(came.packets) and all(
            one.digest == other.digest and one.pts == other.pts
            for one, other in zip(was.packets, came.packets, strict=True)
            if one.pts is None or untouched(one.pts)
        )
    sounds, lost = _others(source, made)
    # A replaced line changes the first sound track; the others must still be the source's.
    kept = "other_sound_identical" if new_sound else "sound_identical"
    figures[kept] = all(sounds[1:] if new_sound else sounds)
    changed, pale = _colours(was, came)
    figures["colour_equal"] = not changed and not pale
    wrong = [f"{name}_equal" for name in changed]
    wrong += [name for name in (*_MUST, kept) if figures.get(name) is False]
    fault = f"the check {wrong[0]} failed" if wrong else ""
    return Checked(figures, (*lost, *(f"the {name} of the picture" for name in pale)), fault)


def _colours(was: Track, came: Track) -> tuple[list[str], list[str]]:
    """Name what is described otherwise than before, and what is described no more."""
    rows = zip(_COLOURS, was.colour, came.colour, _NO_COLOUR, strict=True)
    apart = [(name, new in (0, unsaid)) for name, old, new, unsaid in rows if old not in (0, unsaid) and new != old]
    return [name for name, gone in apart if not gone], [name for name, gone in apart if gone]


def _picture(made: Contents, source: Contents) -> Track | None:
    place = [i for i, track in enumerate(source.tracks) if track.kind == "video"].index(source.picture)
    found = [track for track in made.tracks if track.kind == "video"]
    return found[place] if place < len(found) else None


def _dts(track: Track) -> list[Any]:
    return [packet.dts * track.time_base if packet.dts is not None else None for packet in track.packets]


def _others(source: Contents, made: Contents) -> tuple[list[bool], list[str]]:
    """Pair the other streams in order per kind; give the sound tracks' verdicts and what is missing."""
    left = {kind: [t for t in made.tracks if t.kind == kind] for kind in {t.kind for t in made.tracks}}
    sounds: list[bool] = []
    lost: list[str] = []
    for index, track in enumerate(source.tracks):
        mates = left.get(track.kind, [])
        mate = mates.pop(0) if mates else None
        if mate is None:
            lost.append(f"stream {index} ({track.kind} {track.codec})".replace(" )", ")"))
            sounds += [False] if track.kind == "audio" else []
            continue
        if index != source.picture:
            same = _same_packets(track, mate)
            if track.kind == "audio":
                sounds.append(same)
            elif not same:
                lost.append(f"packets of stream {index} ({track.kind} {track.codec})")
        lost += [f"the flags of stream {index} ({track.kind})"] if track.flags != mate.flags else []
        lost += [f"tag {key} of stream {index}" for key in track.tags if mate.tags.get(key) != track.tags[key]]
    lost += [f"tag {key}" for key in source.tags if made.tags.get(key) != source.tags[key]]
    if source.chapters != made.chapters:
        lost.append("chapters")
    return sounds, lost


def _same_packets(one: Track, other: Track) -> bool:
    """Tell whether two tracks hold the same bytes at the same times; MPEG muxers round times to a tick."""
    if len(one.packets) != len(other.packets):
        return False
    return all(
        a.digest == b.digest and _near(a.pts, one.time_base, b.pts, other.time_base)
        for a, b in zip(one.packets, other.packets, strict=True)
    )


def _near(one: int | None, one_base: Any, other: int | None, other_base: Any) -> bool:
    if one is None or other is None:
        return one is other
    return bool(abs(one * one_base - other * other_base) <= _TICK_S)


def strict_errors(call: Callable[[list[str]], str], ffmpeg: str, path: Path, stream: int, span: list[str]) -> list[str]:
    """Decode a picture stream and stop at the first fault; give what the decoder said, without addresses."""
    argv = [ffmpeg, "-nostdin", "-v", "error", "-xerror", *span, "-i", f"file:{path}"]
    argv += ["-map", f"0:{stream}", "-fps_mode", "passthrough", "-enc_time_base", "demux", "-f", "null", "-"]
    try:
        said = call(argv)
    except ToolFailed as error:
        said = error.tail or error.message
    return [_ADDRESS.sub("@", line).strip() for line in said.splitlines() if line.strip()]


def pictures_differ(source: Path, made: Path, stream: int, start: int, end: int, touched: Callable[[int], bool]) -> str:
    """Decode a stretch of both films (pts [start, end)) and compare what was not touched; give the first fault."""
    was, came = (_decoded(path, stream, start, end, touched) for path in (source, made))
    for one, other in itertools.zip_longest(was, came):
        if one is None or other is None or one[0] != other[0]:
            return f"the decoded frames differ in time at {one and one[0]} and {other and other[0]}"
        if one[1] != other[1]:
            return f"the untouched frame at {one[0]} decodes to another picture"
    return ""


def _decoded(
    path: Path, stream: int, start: int, end: int, touched: Callable[[int], bool]
) -> Iterator[tuple[int, bytes]]:
    """Give (pts, digest) of the frames of a stretch; frames that were touched have an empty digest."""
    for frame in decoded(path, stream, start_pts=start):
        if frame.pts is None or frame.pts < start:
            continue
        if frame.pts >= end:
            return
        digest = hashlib.blake2b(digest_size=16)
        if touched(frame.pts):
            yield frame.pts, b""
            continue
        for plane in frame.planes:
            digest.update(memoryview(plane))
        yield frame.pts, digest.digest()
