"""Look at the seams of a finished film, and at what lies between them, beside the source.

Takes   the film as it was written, the source, and the takes in it.
Gives   figures per take: the colour step across its seams, and frames that stand still where the source moves.
Raises  BadInput where a frame cannot be decoded.

What changed is every pixel whose colour lies more than 2.3 (a just noticeable difference, CIE76) from the source's,
in pictures of at most 480 pixels a side. About a seam it is what changed in any frame of the ramp and in the four
frames of the edit next to it. The step between two frames is the mean distance of their pixels there. `seam_delta_e`
is the largest step of the film less the source's own step between the same two frames, over all steps of both seams:
from the last untouched frame through the ramp to the edit, and likewise behind it.

A frame stands still where, over what changed in it, its luma moves by less than a fifth of what the source's does and
by no more than 0.2 L* or the source's own noise, while the source's moves by 0.3 L* or more, all in the mean. One such
frame alone is doubled; two and more in a row are frozen.

Pictures as CIE L*a*b*, small enough to compare many of them, and how far apart two are.

Source  IEC 61966-2-1 (sRGB) and CIE 15 (L*a*b*, D65, the 2° observer); the distance is CIE76, the Euclidean one.
        Films of high dynamic range are read as though they were sRGB: their distances are approximate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.node import NodeContext
from ...core.values import Media, Segment, Take, VideoStream
from ...media.decode import exact_frames, rgb
from ...media.probe import probe
from ..pictures.seam_style import Seam
from ..pictures.seams import RampLengths, plan_ramps
from .thresholds import Thresholds, require_within_thresholds

Figures = dict[str, Any]

NOTICEABLE = 2.3
NEAR_FRAMES = 4
"""Frames inside the edit that tell what changes about a seam."""
MOVES = 0.3
STILL_SHARE = 0.2
STILL = 0.2
_LEAST_REGION_PX = 12


def check_seams(
    context: NodeContext,
    media: Media,
    film: Path,
    told: Figures,
    takes: Sequence[Take],
    seam: Seam,
    allowed: Thresholds,
) -> Figures:
    """Give a film's figures with those of its seams; `told` are the ones that are known, of the sound's joints too.

    Raises:
        CheckFailed: a figure is above its threshold; the error names the segments.
    """
    rows = measure_seams(context, media, film, takes, seam) if allowed.pictures else []
    heard = [(name, row) for row in told.get("sound_lines", ()) for name in _spoken_in(takes, row["name"])]
    require_within_thresholds([*rows, *heard], allowed)
    if not rows:
        return told
    steps = [row["seam_delta_e"] for _, row in rows if row["seam_delta_e"] is not None]
    return {
        **told,
        "seam_delta_e": max(steps, default=None),
        "frozen_frames": sum(row["frozen_frames"] for _, row in rows),
        "doubled_frames": sum(row["doubled_frames"] for _, row in rows),
        "seams": [{"name": name, **row} for name, row in rows],
    }


def _spoken_in(takes: Sequence[Take], line: str) -> list[str]:
    """Name the segments of the edit that a line belongs to."""
    segments = [take.segment for take in takes]
    spans = {one.edit_span for one in segments if line in (one.name, one.edit.name)}
    return [one.name for one in segments if one.edit_span in spans]


@dataclass(frozen=True)
class FramePair:
    """One moment in both films."""

    index: int
    own: Lab
    made: Lab

    @property
    def changed(self) -> Mask:
        """What is seen to differ."""
        return np.asarray(delta_e(self.own, self.made) > NOTICEABLE)


@dataclass
class _Seam:
    """The moments about one seam: steps lead into the frames [first, last)."""

    first: int
    last: int
    inside: range
    pairs: list[FramePair] = field(default_factory=list)

    def add(self, pair: FramePair) -> None:
        if self.first - 1 <= pair.index < self.last or pair.index in self.inside:
            self.pairs.append(pair)

    def delta_e(self) -> float | None:
        """Give the largest step beyond the source's own; None where the film begins or ends here."""
        steps = [
            (one, two)
            for one, two in zip(self.pairs, self.pairs[1:], strict=False)
            if self.first <= two.index < self.last
        ]
        if not steps:
            return None
        where = np.any([pair.changed for pair in self.pairs], axis=0)
        if where.sum() < _LEAST_REGION_PX:
            return 0.0
        beyond = [
            mean_in(delta_e(one.made, two.made), where) - mean_in(delta_e(one.own, two.own), where)
            for one, two in steps
        ]
        return round(max(0.0, *beyond), 2)


def measure_seams(
    context: NodeContext, media: Media, film: Path, takes: Sequence[Take], seam: Seam
) -> list[tuple[str, Figures]]:
    """Measure each take's stretch of the film; give the figures by the segment's name."""
    assert media.video is not None
    written = probe(film, media.file).video
    assert written is not None
    segments = sorted((take.segment for take in takes), key=lambda one: one.start_frame)
    source, made = context.path(media.file), []
    for one, ramp in zip(segments, plan_ramps(segments, seam), strict=True):
        first = max(one.start_frame - ramp.rise - 1, 0)
        last = min(one.end_frame + ramp.fall + 1, media.video.frame_count)
        made.append((one.name, _figures(one, ramp, _pairs(source, media.video, film, written, range(first, last)))))
    return made


def _pairs(source: Path, own: VideoStream, film: Path, written: VideoStream, span: range) -> Iterator[FramePair]:
    both = (exact_frames(source, own, span.start, span.stop), exact_frames(film, written, span.start, span.stop))
    for (index, one), (_, other) in zip(*both, strict=True):
        yield FramePair(index, lab(one, own), lab(other, own))


def _figures(one: Segment, ramp: RampLengths, pairs: Iterator[FramePair]) -> Figures:
    start, end = one.start_frame, one.end_frame
    rise = _Seam(start - ramp.rise, start + 1, range(start, min(start + NEAR_FRAMES, end)))
    fall = _Seam(end, end + ramp.fall + 1, range(max(end - NEAR_FRAMES, start), end))
    still: list[bool] = []
    before: FramePair | None = None
    for pair in pairs:
        rise.add(pair)
        fall.add(pair)
        if before is not None:
            still.append(_stands_still(before, pair))
        before = pair
    steps = [value for value in (rise.delta_e(), fall.delta_e()) if value is not None]
    doubled, frozen = count_still(still)
    return {
        "seam_delta_e": max(steps, default=None),
        "frozen_frames": frozen,
        "doubled_frames": doubled,
    }


def _stands_still(before: FramePair, after: FramePair) -> bool:
    changed = before.changed | after.changed
    if changed.sum() < _LEAST_REGION_PX:
        return False
    source, film = (np.abs(two[..., 0] - one[..., 0]) for one, two in _films(before, after))
    moves, still = mean_in(source, changed), mean_in(film, changed)
    quiet = float(np.median(source[~changed])) if not changed.all() else 0.0
    return moves >= MOVES and still < STILL_SHARE * moves and still <= max(STILL, quiet)


def _films(before: FramePair, after: FramePair) -> tuple[tuple[Lab, Lab], tuple[Lab, Lab]]:
    return (before.own, after.own), (before.made, after.made)


def count_still(still: Sequence[bool]) -> tuple[int, int]:
    """Count (doubled, frozen) frames in a row of steps that tell whether the film stands still."""
    doubled = frozen = run = 0
    for stands in (*still, False):
        if stands:
            run += 1
            continue
        doubled += run == 1
        frozen += run if run > 1 else 0
        run = 0
    return doubled, frozen


Lab = NDArray[np.float32]
Mask = NDArray[np.bool_]

LONGEST_SIDE_PX = 480
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(1)
_KNEE, _SLOPE = 216 / 24389, 24389 / 27


def _linear() -> NDArray[np.float32]:
    steps = np.arange(256) / 255
    return np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _linear()
_MATRIX = (_TO_XYZ / _WHITE[:, None]).astype(np.float32)


def lab(frame: Any, video: VideoStream) -> Lab:
    """Give a frame as coded, shrunk to at most 480 pixels a side, `(height, width, 3) float32`."""
    scale = min(1.0, LONGEST_SIDE_PX / max(frame.width, frame.height))
    if scale < 1:
        width, height = (max(2, round(side * scale)) for side in (frame.width, frame.height))
        frame = frame.reformat(width, height, interpolation="AREA")
    return of_rgb(rgb(frame, video))


def of_rgb(picture: NDArray[np.uint8]) -> Lab:
    """Convert `(height, width, 3) uint8` sRGB."""
    xyz = _LINEAR[picture] @ _MATRIX.T
    f = np.where(xyz > _KNEE, np.cbrt(xyz), (_SLOPE * xyz + 16) / 116).astype(np.float32)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    made: Lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
    return made


def delta_e(one: Lab, other: Lab) -> NDArray[np.float32]:
    """Give the CIE76 distance of each pixel."""
    found: NDArray[np.float32] = np.sqrt(np.square(one - other).sum(-1))
    return found


def mean_in(values: NDArray[np.float32], where: Mask) -> float:
    """Give the mean over a region; 0 where it is empty."""
    return float(values[where].mean()) if where.any() else 0.0
