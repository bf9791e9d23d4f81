"""Shot detection: which frames begin a new shot. Every part of the package asks this module.

A frame begins a shot where the picture changes as a whole and does not come back. Changes are measured on small grey
thumbnails: the score of a frame is the mean change of the luma in percent, or by how much that differs from the change
before, whichever is less, so that steady motion scores low. A flash, a burst of up to three frames after which the
picture is what it was, is not a cut. A dissolve, a fade or a whip pan has no frame at which the shot changes and is not
found; nor is a cut between two pictures that look alike.

A frame's score depends on the four frames before it and the three after it alone, so the result is the same whatever
span is asked for. It is cached per block of frames under the content's digest.

Source: the score is that of ffmpeg's `scdet` filter. On 19 films, inside shots it stayed below 4.9; hard cuts, also
between dark shots, scored from 8.2 on.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputMediaError
from ...core.nodes.node import NodeContext
from ...core.values import Media, VideoStream
from ..probe import require_video
from . import decode
from .decode import reformat

THUMBNAIL_PX = (64, 36)
"""Width and height."""
THRESHOLD = 6.5
"""Percent of the range of luma: half-way between what motion and what cuts scored."""
FLASH_FRAMES = 3
VERSION = 1
"""Raise it when the same film would get other cuts, or cached cuts would be written otherwise."""
BLOCK_FRAMES = 100
"""Short, because a span costs the decoding of every block that it touches."""
_BEFORE, _AFTER = FLASH_FRAMES + 1, FLASH_FRAMES
"""How many frames around a block decide about its first and its last frame."""

Thumbnail = NDArray[np.uint8]
Shot = tuple[int, int]
"""Frames [first, last)."""


def thumbnail(frame: Any) -> Thumbnail:
    """Shrink an `av.VideoFrame`, as coded, to grey, (36, 64)."""
    small: Thumbnail = reformat(frame, *THUMBNAIL_PX, "gray", interpolation="AREA").to_ndarray()
    return small


def find_cuts(thumbnails: Sequence[Thumbnail]) -> list[int]:
    """Return the indices of the frames that begin a new shot, from the thumbnail of each frame; the first begins none.

    Pure: all shot detection ends here.
    """
    if len(thumbnails) < 2:
        return []
    small = np.stack(thumbnails).astype(np.int16)
    change = _difference(small[1:], small[:-1])
    # The first change has none before it; what moves from the first frame on goes on moving.
    before = np.concatenate([change[1:2] if len(change) > 1 else [0.0], change[:-1]])
    scores = np.minimum(change, np.abs(change - before))
    return [int(frame) for frame in np.flatnonzero(scores > THRESHOLD) + 1 if not _comes_back(small, int(frame))]


def split_at_cuts(thumbnails: Sequence[Thumbnail]) -> list[Shot]:
    """Return the shots of a clip in order, from the thumbnail of each frame; together they hold every frame."""
    if not thumbnails:
        return []
    return list(itertools.pairwise([0, *find_cuts(thumbnails), len(thumbnails)]))


def hidden_by_flash(thumbnails: Sequence[Thumbnail], detected: Sequence[bool]) -> frozenset[int]:
    """Return the undetected frames that look like neither the last detected frame before them nor the next one.

    Args:
        thumbnails: the thumbnail of each frame of one shot.
        detected: for each frame whether what is looked for was detected in it.
    """
    small = np.stack(thumbnails).astype(np.int16) if thumbnails else np.zeros((0, 1, 1), np.int16)
    numbers = [number for number, is_detected in enumerate(detected) if is_detected]
    hidden = set()
    for before, after in itertools.pairwise(numbers):
        for number in range(before + 1, after):
            if all(float(_difference(small[number], small[other])) > THRESHOLD for other in (before, after)):
                hidden.add(number)
    return frozenset(hidden)


def cuts_between(path: Path, media: Media, start: int, end: int, context: NodeContext | None = None) -> list[int]:
    """Return the frames inside (start, end) that begin a new shot; `start` itself begins none.

    Args:
        path: where the film is; it is only read.
        media: the film as it was probed.
        start: the first frame of the span.
        end: the frame after its last one.
        context: where cuts are cached under the digest of `media.file`; without it nothing is cached.

    Raises:
        InputMediaError: a frame of the span is damaged; the message names it.
    """
    if end - start < 2:
        return []
    if context is None:
        return _uncached(path, media, start, end)
    blocks = range(start // BLOCK_FRAMES, -(-end // BLOCK_FRAMES))
    try:
        return [cut for cuts in _blocks(context, path, media, blocks) for cut in cuts if start < cut < end]
    except InputMediaError:  # it may lie in the block and outside the span
        return _uncached(path, media, start, end)


def nth_shot(context: NodeContext, media: Media, number: int) -> Shot | int:
    """Return the frames [start, end) of a shot, counted from 1, or how many shots there are where these are fewer.

    The film is decoded up to the end of that shot.
    """
    count = require_video(media).frame_count
    blocks = range(-(-count // BLOCK_FRAMES))
    starts = [0]
    for cut in itertools.chain.from_iterable(_blocks(context, context.path(media.file), media, blocks)):
        starts.append(cut)
        if len(starts) > number:
            return starts[number - 1], cut
    return (starts[number - 1], count) if len(starts) == number else len(starts)


def _difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the mean difference of thumbnails, in percent of the range of luma."""
    mean: np.ndarray = np.abs(first - second).mean((-2, -1)) / 2.55
    return mean


def _comes_back(small: np.ndarray, frame: int) -> bool:
    """Check whether any picture soon after a jump is much like one shortly before it."""
    befores = small[max(0, frame - FLASH_FRAMES - 1) : frame]
    afters = small[frame : frame + FLASH_FRAMES + 1]
    jump = float(_difference(small[frame], small[frame - 1]))
    return bool((_difference(befores[:, None], afters[None]) < jump / 2).any())


def _uncached(path: Path, media: Media, start: int, end: int) -> list[int]:
    """Decode the span and the frames around it; those around it only where they are not damaged."""
    video = require_video(media)
    low, high = max(start - _BEFORE, 0), min(end + _AFTER, video.frame_count)
    with suppress(InputMediaError):
        return _within(_thumbnails(path, video, low, high), low, start + 1, end)
    return _within(_thumbnails(path, video, start, end), start, start + 1, end)


def _thumbnails(path: Path, video: VideoStream, start: int, end: int) -> list[Thumbnail]:
    return [thumbnail(frame) for _, frame in decode.exact_frames(path, video, start, end)]


def _within(thumbnails: Sequence[Thumbnail], first: int, start: int, end: int) -> list[int]:
    """Return the cuts in [start, end); `first` is the frame of the first thumbnail."""
    return [first + cut for cut in find_cuts(thumbnails) if start <= first + cut < end]


def _blocks(context: NodeContext, path: Path, media: Media, blocks: range) -> Iterator[list[int]]:
    """Yield the cuts of each block in turn: cached ones, and from the first missing block on decoded ones."""
    for block in blocks:
        cached = _read(context.cache_get(_parts(media, block)), block)
        if cached is None:
            yield from _decoded_blocks(context, path, media, range(block, blocks.stop))
            return
        yield cached


def _decoded_blocks(context: NodeContext, path: Path, media: Media, blocks: range) -> Iterator[list[int]]:
    video = require_video(media)
    block, first = blocks.start, max(blocks.start * BLOCK_FRAMES - _BEFORE, 0)
    last = min(blocks.stop * BLOCK_FRAMES + _AFTER, video.frame_count)
    thumbnails: list[Thumbnail] = []
    for index, frame in decode.exact_frames(path, video, first, last):
        thumbnails.append(thumbnail(frame))
        while block < blocks.stop and index + 1 == min((block + 1) * BLOCK_FRAMES + _AFTER, video.frame_count):
            context.progress(0)
            start, end = block * BLOCK_FRAMES, (block + 1) * BLOCK_FRAMES
            cuts = _within(thumbnails, first, start, end)
            _write(context, _parts(media, block), cuts)
            yield cuts
            block += 1
            if index + 1 < video.frame_count:
                del thumbnails[: end - _BEFORE - first]
                first = end - _BEFORE


def _parts(media: Media, block: int) -> dict[str, Any]:
    by = {"shots": VERSION, "av": importlib.metadata.version("av")}
    stream = require_video(media).index
    return {"what": "cuts", "film": media.file.digest, "stream": stream, "block": [block, BLOCK_FRAMES], "by": by}


def _read(path: Path | None, block: int) -> list[int] | None:
    """Read cached cuts; None where there are none, or none that this version could have written."""
    if path is None:
        return None
    try:
        cuts = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    frames = range(block * BLOCK_FRAMES, (block + 1) * BLOCK_FRAMES)
    is_valid = isinstance(cuts, list) and all(type(cut) is int and cut in frames for cut in cuts)
    return sorted(cuts) if is_valid else None


def _write(context: NodeContext, parts: dict[str, Any], cuts: list[int]) -> None:
    path = context.temp_path("cuts.json")
    path.write_text(json.dumps(cuts), "utf-8")
    context.cache_put(parts, path)
