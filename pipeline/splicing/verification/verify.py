"""Compare a spliced film with its source: packets, times, colors, tags, and what was lost.

Packet lists and stream metadata found real errors that a frame count did not: a tolerant decoder hides wrong parameter
sets. A film is also decoded strictly with ffmpeg: if it logs no error, the decoder had nothing to conceal.
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
from ...core.nodes.node import NodeContext
from ...core.values import Media
from ...media.mp4.sample_tables import Ints
from ..container import matching_video_index, other_clock_tolerance_s
from ..job import ALL_FRAMES
from ..mp4.sample_times import FrameGrid
from ..reencode_ranges import ReencodeRange
from .packet_comparison import NO_TIME, Bools, same_bytes, same_times
from .stream_contents import NO_COLOR, FilmContents, StreamContents

_ADDRESS = re.compile(r"@ 0x[0-9a-f]+")


def ranges_to_decode(grid: FrameGrid, ranges: Sequence[ReencodeRange]) -> tuple[range, ...]:
    """Return the shown frames of every re-encode range, and of one GOP on either side of it."""
    keyframes = np.unique(grid.rank[grid.samples.keyframes])
    result = []
    for item in ranges:
        before = max(int(np.searchsorted(keyframes, item.first)) - 1, 0)
        after = int(np.searchsorted(keyframes, item.end, side="right"))
        start = int(keyframes[before]) if len(keyframes) else 0
        end = int(keyframes[after]) if after < len(keyframes) else grid.samples.count
        result.append(range(max(start - grid.hidden, 0), end - grid.hidden))
    return tuple(result)


def strict_decode_error(
    context: NodeContext,
    ffmpeg: str,
    media: Media,
    source: Path,
    output: Path,
    frames: Sequence[range] = ALL_FRAMES,
) -> str:
    """Return the first error of ranges of the output that does not occur in the source, or ""."""
    errors = [_new_error(context, ffmpeg, media, source, output, _span_options(media, item)) for item in frames]
    # A seek may land where decoding cannot begin, above all in transport streams: then only the complete film tells.
    if not any(errors) and frames:
        return ""
    error = _new_error(context, ffmpeg, media, source, output, [])
    return f"a strict decode reports: {error}" if error else ""


def _new_error(context: NodeContext, ffmpeg: str, media: Media, source: Path, output: Path, span: list[str]) -> str:
    """Return the first error in a range of the output that does not occur in the source, or ""."""
    assert media.video is not None
    index = media.video.index
    errors = strict_errors(context.run_tool, ffmpeg, output, matching_video_index(source, index, output), span)
    known = set(strict_errors(context.run_tool, ffmpeg, source, index, span)) if errors else set()
    return next((error for error in errors if error not in known), "")


def _span_options(media: Media, frames: range) -> list[str]:
    assert media.video is not None
    times, base = media.video.timestamps.array, media.video.time_base
    start = float(times[frames.start] * base - media.start_s)
    end = float(times[min(frames.stop, len(times) - 1)] * base - media.start_s)
    return ["-ss", f"{max(start, 0):.6f}", "-to", f"{end:.6f}"] if end > start else []


def strict_errors(
    run_tool: Callable[[list[str]], str], ffmpeg: str, path: Path, stream: int, span: list[str]
) -> list[str]:
    """Decode a picture stream up to the first error; return the decoder's log lines, without memory addresses."""
    argv = [ffmpeg, "-nostdin", "-v", "error", "-xerror", *span, "-i", f"file:{path}"]
    argv += ["-map", f"0:{stream}", "-fps_mode", "passthrough", "-enc_time_base", "demux", "-f", "null", "-"]
    try:
        log = run_tool(argv)
    except ToolFailed as error:
        log = error.tail or error.message
    return [_ADDRESS.sub("@", line).strip() for line in log.splitlines() if line.strip()]


StreamPair = tuple[StreamContents, StreamContents | None]
"""A stream of the source, and its counterpart in the output if there is one."""

_REQUIRED = ("frames_equal", "timestamps_equal", "untouched_identical")
_TICK_S = Fraction(1, 45_000)
_COLORS = ("color range", "color primaries", "color transfer", "color matrix")
_RGB_MATRIX = 0
_GUESSED_WITHIN_S = Fraction(1, 1000)
"""An MPEG program stream stores a time for the first picture that begins in a packet (ISO/IEC 13818-1, 2.4.3.7). To get
those of others, a reader adds durations that it rounds down to a tick: up to a tick per picture too little, and less
than a hundred begin in one packet. To a packet of sound it may give the time of its neighbour."""
_LEAST_EXACT_SHARE = 0.9
"""Of the times of sound in such a stream."""


@dataclass(frozen=True)
class Comparison:
    """The result of comparing two films."""

    metrics: dict[str, Any]
    lost: tuple[str, ...]
    failure: str = ""
    """Why the output must be rejected; empty if it passes."""


def compare(
    source: FilmContents, output: FilmContents, *, new_audio: bool, untouched: Callable[[Ints], Bools] | None
) -> Comparison:
    """Compare two films; `untouched` tells by their pts which picture packets must be identical."""
    source_picture, output_picture = source.streams[source.picture], _picture(output, source)
    if output_picture is None:
        return Comparison({}, (), "the result has no picture stream")
    pairs = _pair_streams(source, output)
    selected = _mask(source_picture, untouched)
    same = _same_packets(source.picture, pairs, selected, guesses_times=source.guesses_times)
    anchor = _anchor(selected)
    metrics: dict[str, Any] = {
        "packets": len(output_picture.packets) + source.hidden,
        "frames_equal": len(source_picture.packets) == len(output_picture.packets),
        "timestamps_equal": _times_equal(
            np.sort(source_picture.packets.pts),
            source_picture,
            np.sort(output_picture.packets.pts),
            output_picture,
            _GUESSED_WITHIN_S if source.guesses_times else Fraction(0),
        ),
        "decode_times_equal": _times_equal(
            _relative_dts(source_picture, anchor),
            source_picture,
            _relative_dts(output_picture, anchor),
            output_picture,
        ),
    }
    if untouched is not None:
        metrics["untouched_identical"] = same[source.picture]
    sounds = [(stream.codec, equal) for (stream, _), equal in zip(pairs, same, strict=True) if stream.kind == "audio"]
    # A replaced line changes the first audio track that can be decoded; the others must still be the source's.
    known = [place for place, (codec, _) in enumerate(sounds) if codec] if new_audio else []
    audio_check = "other_sound_identical" if new_audio else "sound_identical"
    metrics[audio_check] = all(equal for place, (_, equal) in enumerate(sounds) if place not in known[:1])
    changed, dropped = _color_differences(source_picture, output_picture)
    metrics["colour_equal"] = not changed and not dropped
    required = [*_REQUIRED, audio_check]
    if untouched is not None and _both_store_dts(source_picture, output_picture) and not source.hidden:
        required.append("decode_times_equal")
    failed = [f"{name}_equal" for name in changed] + [name for name in required if metrics.get(name) is False]
    lost = [
        *_lost_streams(source, pairs, same),
        *_lost_metadata(source, output),
        *(f"the {name} of the picture" for name in dropped),
    ]
    return Comparison(metrics, tuple(lost), f"the check {failed[0]} failed" if failed else "")


def _color_differences(source: StreamContents, output: StreamContents) -> tuple[list[str], list[str]]:
    """Return the names of color fields that changed, and of those that are no longer specified.

    Of red, green and blue that became luma and chroma the range changes with the matrix.
    """
    rows = list(zip(_COLORS, source.color, output.color, NO_COLOR, strict=True))
    if source.color[-1] == _RGB_MATRIX != output.color[-1]:
        del rows[0]
    differences = [
        (name, new in (0, unspecified))
        for name, old, new, unspecified in rows
        if old not in (0, unspecified) and new != old
    ]
    return [name for name, gone in differences if not gone], [name for name, gone in differences if gone]


def _picture(output: FilmContents, source: FilmContents) -> StreamContents | None:
    number = [i for i, stream in enumerate(source.streams) if stream.kind == "video"].index(source.picture)
    pictures = [stream for stream in output.streams if stream.kind == "video"]
    return pictures[number] if number < len(pictures) else None


def _times_equal(
    source_times: Ints,
    source: StreamContents,
    output_times: Ints,
    output: StreamContents,
    within_s: Fraction = Fraction(0),
) -> bool:
    if len(source_times) != len(output_times):
        return False
    return bool(same_times(source_times, source.time_base, output_times, output.time_base, within_s).all())


def _both_store_dts(source: StreamContents, output: StreamContents) -> bool:
    """Return whether both containers store decode times; otherwise the reader invents them."""
    return source.packets.has_offsets and output.packets.has_offsets


def _pair_streams(source: FilmContents, output: FilmContents) -> list[StreamPair]:
    """Pair the streams in order per kind."""
    kinds = {stream.kind for stream in output.streams}
    remaining = {kind: [stream for stream in output.streams if stream.kind == kind] for kind in kinds}
    return [
        (stream, remaining[stream.kind].pop(0) if remaining.get(stream.kind) else None) for stream in source.streams
    ]


def _same_packets(picture: int, pairs: Sequence[StreamPair], selected: Bools, *, guesses_times: bool) -> list[bool]:
    """Return for each stream whether it has the same bytes at the same times; of the picture, the selected packets."""
    same = [output is not None and len(stream.packets) == len(output.packets) for stream, output in pairs]
    candidates = [
        (index, stream, output) for index, (stream, output) in enumerate(pairs) if output is not None and same[index]
    ]
    masks = [selected if index == picture else np.ones(len(stream.packets), bool) for index, stream, _ in candidates]
    rows = [(stream.packets, output.packets, mask) for (_, stream, output), mask in zip(candidates, masks, strict=True)]
    for (index, stream, output), mask, equal in zip(candidates, masks, same_bytes(rows), strict=True):
        # MPEG muxers round times to a tick.
        exact = index == picture or (_both_store_dts(stream, output) and stream.time_base == output.time_base)
        within = Fraction(0) if exact else _TICK_S
        bases = stream.time_base, output.time_base
        if bases[0] != bases[1] and index != picture:
            within = max(within, other_clock_tolerance_s(bases[0]))
        times = _compared_times(stream, output, _anchor(mask))
        timed = all(bool((same_times(old, bases[0], new, bases[1], within) | ~mask).all()) for old, new in times)
        if guesses_times and index != picture and not timed:
            timed = all(_alike_by_guess(stream, old, new, bases[1]) for old, new in times)
        same[index] = bool(equal.all()) and timed
    return same


def _alike_by_guess(stream: StreamContents, times: Ints, output_times: Ints, output_base: Fraction) -> bool:
    """Return whether most times of a stream are the output's, and the others off by no more than a packet."""
    packet_s = stream.duration_s / max(len(times), 1)
    exact, near = (
        same_times(times, stream.time_base, output_times, output_base, within) for within in (_TICK_S, packet_s)
    )
    return float(exact.mean()) >= _LEAST_EXACT_SHARE and bool(near.all())


def _compared_times(source: StreamContents, output: StreamContents, anchor: int) -> list[tuple[Ints, Ints]]:
    pts = [(source.packets.pts, output.packets.pts)]
    if not _both_store_dts(source, output):
        return pts
    if source.kind == "video":
        return [*pts, (_relative_dts(source, anchor), _relative_dts(output, anchor))]
    return [*pts, (source.packets.dts, output.packets.dts)]


def _anchor(selected: Bools) -> int:
    """Return the last packet that must be the source's own, or the last of all."""
    return int(np.flatnonzero(selected)[-1]) if selected.any() else -1


def _relative_dts(stream: StreamContents, anchor: int) -> Ints:
    """Return the decode times relative to that of the packet `anchor`.

    If a picture is shown before it is decoded, a reader shifts all decode times of the track by that amount, and no
    longer does when the picture is replaced; presentation times are compared as they are. An edit list may hide another
    of the new pictures than of the old ones, so only a packet of the source's own is a fixed point.
    """
    times = stream.packets.dts
    return times - times[anchor] if len(times) > anchor and len(times) and times[anchor] != NO_TIME else times


def _mask(stream: StreamContents, selected: Callable[[Ints], Bools] | None) -> Bools:
    if selected is None:
        return np.zeros(len(stream.packets), bool)
    times = stream.packets.pts
    mask: Bools = (times == NO_TIME) | selected(times)
    return mask


def _lost_streams(source: FilmContents, pairs: Sequence[StreamPair], same: Sequence[bool]) -> Iterator[str]:
    """Name streams, flags and tags that changed; sound and picture have checks of their own."""
    for index, ((stream, output), equal) in enumerate(zip(pairs, same, strict=True)):
        name = f"stream {index} ({stream.kind} {stream.codec})".replace(" )", ")")
        if output is None:
            yield name
            continue
        if not equal and stream.kind != "audio" and index != source.picture:
            yield f"packets of {name}"
        tick_s = max(stream.time_base, output.time_base)
        if equal and index != source.picture and abs(stream.duration_s - output.duration_s) > tick_s:
            yield f"the durations of the packets of {name}"
        if stream.sample_aspect not in (0, output.sample_aspect):
            change = f"{stream.sample_aspect}, now {output.sample_aspect}"
            yield f"the exact shape of the pixels of stream {index} ({change})"
        if stream.flags != output.flags:
            yield f"the flags of stream {index} ({stream.kind})"
        yield from (f"tag {key} of stream {index}" for key in stream.tags if output.tags.get(key) != stream.tags[key])


def _lost_metadata(source: FilmContents, output: FilmContents) -> Iterator[str]:
    yield from (f"tag {key}" for key in source.tags if output.tags.get(key) != source.tags[key])
    if source.chapters != output.chapters:
        yield "chapters"
    if source.stored_duration_s is not None and source.stored_duration_s != output.stored_duration_s:
        yield "the duration that the file stores"
    if source.crops != output.crops:
        yield "what players are to cut off the pictures (PixelCrop)"
    if source.written_by != output.written_by:
        yield f"the application that wrote the file ({' for '.join(source.written_by)})"
