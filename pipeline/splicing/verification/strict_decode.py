"""Decode a film strictly with ffmpeg: if it logs no error, the decoder had nothing to conceal."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ...core.errors import ToolFailed
from ...core.nodes.node import NodeContext
from ...core.values import Media
from ..container import matching_video_index
from ..job import ALL_FRAMES
from ..mp4.sample_times import FrameGrid
from ..reencode_ranges import ReencodeRange

_ADDRESS = re.compile(r"@ 0x[0-9a-f]+")


def ranges_to_decode(grid: FrameGrid, ranges: Sequence[ReencodeRange]) -> tuple[range, ...]:
    """Return the shown frames of every re-encode range, and of one GOP on either side of it."""
    keyframes = np.unique(grid.rank[grid.samples.sync])
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
