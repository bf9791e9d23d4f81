"""The frames of a film in presentation order, with takes blended into their spans.

Frames flow one by one, so memory does not grow with the film. A take's picture is blended with the film's in the film's
pixel format and bit depth.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ...core.times import frames_text
from ...media.frames.decode import decode_frames, reformat
from ...media.frames.film_readers import open_media
from ...media.not_applicable import NotApplicable
from ..splice_params import SeamStyle
from .fields import side_data_of
from .kept_changes import TakeChanges
from .morph import morph
from .planes import Plane, frame_from_planes, frame_planes, working_format


def blend(
    film: VideoFrame, take: VideoFrame, numerator: int, denominator: int, style: SeamStyle = "dissolve"
) -> VideoFrame:
    """Return `film` with the given fraction of the take's picture; a fraction of 1 gives the take's pixels.

    The pixels are written into `film`, so its captions, field order and color tags stay; if it has none but the take's
    tags, and the take's picture is complete, that is returned as it is. A picture with a palette becomes one without.

    Raises:
        NotApplicable: the frames differ in size.
        MissingExtra: a morph without OpenCV.
    """
    if (take.width, take.height) != (film.width, film.height):
        raise NotApplicable(f"the take is {take.width}x{take.height}, the film {film.width}x{film.height}")
    if film.format.has_palette:  # of its few colors
        film = _reformat(film, working_format(film.format.name))
    says_the_same = take.format.name == film.format.name and _colors(take) == _colors(film)
    # The take's first frame may carry what its own encoder says of itself, which is not the film's.
    if numerator == denominator and says_the_same and not any(map(_carries_more_than_pixels, (film, take))):
        return take
    if numerator < denominator:
        pix_fmt = working_format(film.format.name)
        base = _reformat(film, pix_fmt)
        below, above, bits = frame_planes(base), frame_planes(_reformat(take, pix_fmt)), base.format.components[0].bits
        if style == "morph":
            mix = morph(below, above, numerator, denominator, bits)
        else:
            mix = dissolve(below, above, numerator, denominator)
        take = frame_from_planes(mix, pix_fmt)
    return _copy_pixels(film, _reformat(take, film.format.name))


def _colors(frame: VideoFrame) -> tuple[int, ...]:
    """Return what a frame says of its colors; ProRes writes it into each picture."""
    return tuple(int(each) for each in (frame.color_range, frame.color_primaries, frame.color_trc, frame.colorspace))


def _carries_more_than_pixels(frame: VideoFrame) -> bool:
    """Check for captions, the camera's own data, fields, and a transparency that a take does not have."""
    has_alpha = any(component.is_alpha for component in frame.format.components)
    return bool(frame.interlaced_frame or has_alpha or len(side_data_of(frame)))


def blend_changes(
    film: VideoFrame, take: VideoFrame, numerator: int, denominator: int, style: SeamStyle = "dissolve"
) -> bool:
    """Return whether `blend` with the same arguments would change the film's picture; writes into `film`, too."""
    pix_fmt = working_format(film.format.name)
    before = frame_planes(_reformat(film, pix_fmt))
    after = frame_planes(_reformat(blend(film, take, numerator, denominator, style), pix_fmt))
    return not all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def dissolve(below: list[Plane], above: list[Plane], numerator: int, denominator: int) -> list[Plane]:
    """Return the weighted mean of two pictures, rounded half up; `above` has the given fraction."""
    mix: list[Plane] = []
    for low, high in zip(below, above, strict=True):
        total = low.astype(np.uint32) * (denominator - numerator) + high.astype(np.uint32) * numerator
        mix.append(((2 * total + denominator) // (2 * denominator)).astype(low.dtype))
    return mix


def _reformat(frame: VideoFrame, pix_fmt: str) -> VideoFrame:
    converted: VideoFrame = reformat(frame, pix_fmt=pix_fmt)
    return converted


def _copy_pixels(film: VideoFrame, take: VideoFrame) -> VideoFrame:
    """Write a take's pixels into a film's frame of its format; it has no transparency, so the film's own stays."""
    film.make_writable()
    components = film.format.components
    is_packed = len(film.planes) == 1 < len(components)
    for number, (target, source) in enumerate(zip(film.planes, take.planes, strict=True)):
        if not is_packed and components[number].is_alpha:
            continue
        rows, width = _rows(source), min(source.line_size, target.line_size)
        own = _rows(target)[: target.height]
        parts = _packed_alpha(film) if is_packed else ()
        alphas = [own[:, part].copy() for part in parts]
        own[:, :width] = rows[: target.height, :width]
        for part, alpha in zip(parts, alphas, strict=True):
            own[:, part] = alpha
    return film


_PACKED_NAME = re.compile(r"[a-z]+?(?=f?\d|$)")
"""Of a packed pixel format: a letter for each component in the order of the bytes, such as `argb` and `ya`."""


def _packed_alpha(frame: VideoFrame) -> list[slice]:
    """Return which bytes of a row of a packed format are alpha; none if it has no alpha."""
    if not any(component.is_alpha for component in frame.format.components):
        return []
    (letters,) = _PACKED_NAME.findall(frame.format.name)[:1]
    pixel_bytes = frame.format.padded_bits_per_pixel // 8
    sample_bytes = pixel_bytes // len(letters)
    first, end = letters.index("a") * sample_bytes, frame.width * pixel_bytes
    return [slice(first + byte, end, pixel_bytes) for byte in range(sample_bytes)]


def _rows(plane: Any) -> NDArray[np.uint8]:
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)


_MIN_SEEK_FRAMES = 24


@dataclass(frozen=True)
class Ramp:
    """The transition into or out of a take: `frames` long; only the `changed` frames next to the edit differ."""

    frames: int = 0
    changed: int = 0


NO_RAMP = Ramp()


@dataclass(frozen=True)
class Insert:
    """Frames for the shown frames [start, end) of the film, ramps included.

    Inserts may overlap: each is blended over the result of those that start before it.
    """

    start: int
    end: int
    path: Path
    skip: int = 0
    """Frames of `path` before the one for `start`: the unused part of the handle."""
    fade_in: Ramp = NO_RAMP
    fade_out: Ramp = NO_RAMP
    style: SeamStyle = "dissolve"
    """How ramps are blended."""
    changes: TakeChanges | None = field(default=None, compare=False, repr=False)
    """What the take changes in the film's own frames, if that is known without reading `path`."""

    def weight(self, index: int) -> tuple[int, int]:
        """Return the take's weight in frame `index` as a fraction: (k + 1, N + 1) in frame k of a ramp, else (1, 1)."""
        before = self.start + self.fade_in.changed - index
        after = index - (self.end - self.fade_out.changed) + 1
        if before > 0:
            return self.fade_in.frames + 1 - before, self.fade_in.frames + 1
        if after > 0:
            return self.fade_out.frames + 1 - after, self.fade_out.frames + 1
        return 1, 1


def count_frames(spans: Iterable[tuple[int, int]]) -> int:
    """Count the frames of half-open spans, which may overlap."""
    return len({frame for start, end in spans for frame in range(start, end)})


def with_inserts(
    source: Iterable[VideoFrame], inserts: Sequence[Insert], first: int = 0
) -> Iterator[tuple[int, VideoFrame]]:
    """Number the source's frames from `first`, and blend the takes into those of their spans."""
    ordered = sorted(inserts, key=lambda insert: insert.start)
    remaining = [_TakeReader(insert, alone=_is_alone(insert, ordered)) for insert in ordered]
    for index, source_frame in enumerate(source, first):
        remaining = [reader for reader in remaining if index < reader.insert.end]
        frame = source_frame
        for reader in remaining:
            if index < reader.insert.start:
                break
            frame = reader.blend_into(frame, index)
        yield index, frame


def _is_alone(insert: Insert, inserts: Sequence[Insert]) -> bool:
    """Check that no other take lies over an insert's frames."""
    return all(other is insert or other.end <= insert.start or insert.end <= other.start for other in inserts)


class _TakeReader:
    """One take, read forward along with the film."""

    def __init__(self, insert: Insert, *, alone: bool) -> None:
        """Prepare a take; if it is `alone`, the film's frames that it is blended into are the source's own."""
        self.insert = insert
        self._frames: Iterator[VideoFrame] | None = None
        self._changes = insert.changes if alone else None

    def blend_into(self, film: VideoFrame, index: int) -> VideoFrame:
        """Blend the take's frame for `index` into a frame; indices ascend by one.

        Raises:
            NotApplicable: the take ends too early.
        """
        insert = self.insert
        number, weight = insert.skip + index - insert.start, insert.weight(index)
        if self._frames is None and self._changes is not None and self._changes.fits(film):
            if number >= len(self._changes.frames):
                raise NotApplicable(_too_short(insert))
            return _blend_kept(film, self._changes, number, weight, insert.style)
        if self._frames is None:
            self._frames = take_frames(insert.path, number)
        take = next(self._frames, None)
        if take is None:
            raise NotApplicable(_too_short(insert))
        return blend(film, take, *weight, insert.style)


def _too_short(insert: Insert) -> str:
    return f"the take for {frames_text(insert.start, insert.end)} has too few frames"


def _blend_kept(
    film: VideoFrame, changes: TakeChanges, number: int, weight: tuple[int, int], style: SeamStyle
) -> VideoFrame:
    """Return what `blend` gives for a take whose changes of the source's frame `film` are known."""
    if weight[0] < weight[1]:
        return blend(film, changes.frame_over(film, number), *weight, style)
    changes.write_into(film, number)
    return film


def take_frames(path: Path, skip: int) -> Generator[VideoFrame, None, None]:
    """Yield a take's frames after the first `skip`, from the nearest keyframe if there are many to skip."""
    start = _pts_of_frame(path, skip) if skip > _MIN_SEEK_FRAMES else None
    with closing(decode_frames(path, start_pts=start)) as frames:
        if start is None:
            yield from islice(frames, skip, None)
        else:
            yield from (frame for frame in frames if frame.pts is not None and frame.pts >= start)


def _pts_of_frame(path: Path, index: int) -> int | None:
    """Return the pts of a shown frame, from the packets alone; None if some packets have no time or are hidden."""
    with open_media(path) as container:
        packets = [
            (packet.pts, packet.is_discard) for packet in container.demux(container.streams.video[0]) if packet.size
        ]
    times = sorted(pts for pts, hidden in packets if pts is not None and not hidden)
    return times[index] if index < len(times) == len(packets) else None
