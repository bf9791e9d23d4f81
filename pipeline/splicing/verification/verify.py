"""Compare a spliced film with its source before it may have its name.

Takes   two files and what was meant to change.
Gives   `Checked`: flat figures, what was lost, and the first fault, if any.
Source  The checks that found real faults: packet lists, a strict decode (a frame count is no proof: a decoder
        that is not strict hides wrong parameter sets), and the streams' descriptions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import ToolFailed
from ..mp4.sample_tables import Ints
from .packet_comparison import UNTIMED, Bools, same_bytes, same_times
from .stream_contents import NO_COLOUR, Contents, Track, read

__all__ = ["Checked", "Contents", "Track", "compare", "read", "strict_errors"]

Pair = tuple[Track, Track | None]

_MUST = ("frames_equal", "timestamps_equal", "untouched_identical")
_AT_ONCE = 1 << 14
_TICK_S = Fraction(1, 45_000)
_COLOURS = ("colour range", "colour primaries", "colour transfer", "colour matrix")
_ADDRESS = re.compile(r"@ 0x[0-9a-f]+")


@dataclass(frozen=True)
class Checked:
    """What the comparison found."""

    metrics: dict[str, Any]
    lost: tuple[str, ...]
    fault: str = ""
    """Why the result must not be kept; empty where it may."""


def compare(source: Contents, made: Contents, *, new_sound: bool, untouched: Callable[[int], bool] | None) -> Checked:
    """Compare two files; `untouched` tells by their pts which picture packets must be identical."""
    was, came = source.tracks[source.picture], _picture(made, source)
    if came is None:
        return Checked({}, (), "the result has no picture stream")
    pairs = _paired(source, made)
    same = _same_packets(source.picture, pairs, untouched)
    figures: dict[str, Any] = {
        "packets": len(came.packets) + source.hidden,
        "frames_equal": len(was.packets) == len(came.packets),
        "timestamps_equal": _times_equal(np.sort(was.packets.pts), was, np.sort(came.packets.pts), came),
        "decode_times_equal": _times_equal(_steps(was), was, _steps(came), came),
    }
    if untouched is not None:
        figures["untouched_identical"] = same[source.picture]
    # A replaced line changes the first sound track; the others must still be the source's.
    sounds = [alike for (track, _), alike in zip(pairs, same, strict=True) if track.kind == "audio"]
    kept = "other_sound_identical" if new_sound else "sound_identical"
    figures[kept] = all(sounds[1:] if new_sound else sounds)
    changed, pale = _colours(was, came)
    figures["colour_equal"] = not changed and not pale
    must = [*_MUST, kept]
    if untouched is not None and _as_stored(was, came) and not source.hidden:
        must.append("decode_times_equal")
    wrong = [f"{name}_equal" for name in changed] + [name for name in must if figures.get(name) is False]
    lost = [*_lost(source, pairs, same), *_untold(source, made), *(f"the {name} of the picture" for name in pale)]
    return Checked(figures, tuple(lost), f"the check {wrong[0]} failed" if wrong else "")


def _colours(was: Track, came: Track) -> tuple[list[str], list[str]]:
    """Name what is described otherwise than before, and what is described no more."""
    rows = zip(_COLOURS, was.colour, came.colour, NO_COLOUR, strict=True)
    apart = [(name, new in (0, unsaid)) for name, old, new, unsaid in rows if old not in (0, unsaid) and new != old]
    return [name for name, gone in apart if not gone], [name for name, gone in apart if gone]


def _picture(made: Contents, source: Contents) -> Track | None:
    place = [i for i, track in enumerate(source.tracks) if track.kind == "video"].index(source.picture)
    found = [track for track in made.tracks if track.kind == "video"]
    return found[place] if place < len(found) else None


def _times_equal(one: Ints, was: Track, other: Ints, came: Track) -> bool:
    return len(one) == len(other) and bool(same_times(one, was.time_base, other, came.time_base, Fraction(0)).all())


def _as_stored(one: Track, other: Track) -> bool:
    """Tell whether both containers keep decode times, so that a reader need not make them up."""
    return one.packets.placed and other.packets.placed


def _paired(source: Contents, made: Contents) -> list[Pair]:
    """Pair the streams in order per kind."""
    left = {kind: [t for t in made.tracks if t.kind == kind] for kind in {t.kind for t in made.tracks}}
    return [(track, left[track.kind].pop(0) if left.get(track.kind) else None) for track in source.tracks]


def _same_packets(picture: int, pairs: Sequence[Pair], untouched: Callable[[int], bool] | None) -> list[bool]:
    """Tell of each stream whether it holds the same bytes at the same times; of the picture, where it is untouched."""
    found = [mate is not None and len(track.packets) == len(mate.packets) for track, mate in pairs]
    told = [(at, track, mate) for at, (track, mate) in enumerate(pairs) if mate is not None and found[at]]
    masks = [_asked(track, untouched if at == picture else _always) for at, track, _ in told]
    rows = [(track.packets, mate.packets, mask) for (_, track, mate), mask in zip(told, masks, strict=True)]
    for (at, track, mate), mask, same in zip(told, masks, same_bytes(rows), strict=True):
        # MPEG muxers round times to a tick.
        exact = at == picture or (_as_stored(track, mate) and track.time_base == mate.time_base)
        within = Fraction(0) if exact else _TICK_S
        timed = [same_times(one, track.time_base, other, mate.time_base, within) for one, other in _times(track, mate)]
        found[at] = bool(same.all()) and all(bool((near | ~mask).all()) for near in timed)
    return found


def _times(track: Track, mate: Track) -> list[tuple[Ints, Ints]]:
    shown = [(track.packets.pts, mate.packets.pts)]
    if not _as_stored(track, mate):
        return shown
    both = (_steps(track), _steps(mate)) if track.kind == "video" else (track.packets.dts, mate.packets.dts)
    return [*shown, both]


def _steps(track: Track) -> Ints:
    """Give the decode times, counted back from the last one.

    Where a picture is shown before it is decoded, a reader moves all of a track's decode times by that, and moves them
    no more when the picture is replaced; the shown times are compared as they are.
    """
    times = track.packets.dts
    return times - times[-1] if len(times) and times[-1] != UNTIMED else times


def _always(_pts: int) -> bool:
    return True


def _asked(track: Track, wanted: Callable[[int], bool] | None) -> Bools:
    if wanted is None:
        return np.zeros(len(track.packets), bool)
    made, times = np.zeros(len(track.packets), bool), track.packets.pts
    for at in range(0, len(times), _AT_ONCE):
        made[at : at + _AT_ONCE] = [pts == UNTIMED or wanted(pts) for pts in times[at : at + _AT_ONCE].tolist()]
    return made


def _lost(source: Contents, pairs: Sequence[Pair], same: Sequence[bool]) -> Iterator[str]:
    """Name the streams, flags and tags that are not as they were; sound and the picture have checks of their own."""
    for index, ((track, mate), alike) in enumerate(zip(pairs, same, strict=True)):
        name = f"stream {index} ({track.kind} {track.codec})".replace(" )", ")")
        if mate is None:
            yield name
            continue
        if not alike and track.kind != "audio" and index != source.picture:
            yield f"packets of {name}"
        if track.flags != mate.flags:
            yield f"the flags of stream {index} ({track.kind})"
        yield from (f"tag {key} of stream {index}" for key in track.tags if mate.tags.get(key) != track.tags[key])


def _untold(source: Contents, made: Contents) -> Iterator[str]:
    yield from (f"tag {key}" for key in source.tags if made.tags.get(key) != source.tags[key])
    if source.chapters != made.chapters:
        yield "chapters"


def strict_errors(call: Callable[[list[str]], str], ffmpeg: str, path: Path, stream: int, span: list[str]) -> list[str]:
    """Decode a picture stream and stop at the first fault; give what the decoder said, without addresses."""
    argv = [ffmpeg, "-nostdin", "-v", "error", "-xerror", *span, "-i", f"file:{path}"]
    argv += ["-map", f"0:{stream}", "-fps_mode", "passthrough", "-enc_time_base", "demux", "-f", "null", "-"]
    try:
        said = call(argv)
    except ToolFailed as error:
        said = error.tail or error.message
    return [_ADDRESS.sub("@", line).strip() for line in said.splitlines() if line.strip()]
