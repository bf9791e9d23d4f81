"""Measure the seams of a finished film, and the frames between them, against the source.

A pixel has changed if its color is more than 2.3 (a just noticeable difference, CIE76) from the source's, in pictures
of at most 480 pixels a side. At a seam, the changed region is what changed in any frame of the ramp and in the four
frames of the edit next to it. The step between two frames is the mean distance of their pixels there. `seam_delta_e`
is the largest step of the film minus the source's own step between the same two frames, over all steps of both seams:
from the last untouched frame through the ramp to the edit, and likewise after it.

A frame stands still if its luma, over what changed in it, moves by less than a fifth of what the source's does and by
no more than 0.2 L* or the source's own noise, while the source's moves by 0.3 L* or more, all as means. A single such
frame is doubled; two or more in a row are frozen.

Source: IEC 61966-2-1 (sRGB) and CIE 15 (L*a*b*, D65, the 2° observer); the distance is CIE76, the Euclidean one.
Films of high dynamic range are read as if they were sRGB: their distances are approximate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.nodes.node import NodeContext
from ...core.values import Media, Segment, Take, VideoStream
from ...media.frames.decode import exact_frames, rgb
from ...media.frames.reformat import reformat
from ..pictures.seams import RampLengths, plan_ramps
from ..splice_params import Seam, Thresholds, require_within_thresholds

Metrics = dict[str, Any]
Lab = NDArray[np.float32]
Rgb = NDArray[np.uint8]
Mask = NDArray[np.bool_]

NOTICEABLE_DELTA_E = 2.3
MAX_UNSEEN_STEPS = 1
"""Pixels whose red, green and blue differ by no more than this, of 255, are at most 1.94 apart."""
NEAR_FRAMES = 4
"""Frames inside the edit that tell what changes at a seam."""
MIN_SOURCE_MOTION = 0.3
MAX_STILL_SHARE = 0.2
MAX_STILL_MOTION = 0.2
MAX_SIDE_PX = 480
_MIN_REGION_PX = 12


def check_seams(
    context: NodeContext,
    media: Media,
    film: Path,
    film_video: VideoStream,
    metrics: Metrics,
    takes: Sequence[Take],
    seam: Seam,
    thresholds: Thresholds,
) -> Metrics:
    """Measure the seams of a film; return its metrics with theirs.

    Args:
        context: of the node.
        media: the source.
        film: the finished film.
        film_video: its picture stream.
        metrics: already measured, including those of the joins of new lines.
        takes: in the film.
        seam: how they were blended in.
        thresholds: the limits.

    Raises:
        CheckFailed: a metric is above its threshold; the error names the segments.
    """
    rows = measure_seams(context, media, film, film_video, takes, seam) if thresholds.checks_pictures else []
    line_rows = [(name, row) for row in metrics.get("sound_lines", ()) for name in _segments_of(takes, row["name"])]
    require_within_thresholds([*rows, *line_rows], thresholds)
    if not rows:
        return metrics
    steps = [row["seam_delta_e"] for _, row in rows if row["seam_delta_e"] is not None]
    return {
        **metrics,
        "seam_delta_e": max(steps, default=None),
        "frozen_frames": sum(row["frozen_frames"] for _, row in rows),
        "doubled_frames": sum(row["doubled_frames"] for _, row in rows),
        "seams": [{"name": name, **row} for name, row in rows],
    }


def _segments_of(takes: Sequence[Take], line: str) -> list[str]:
    """Return the names of the segments of the edit that a line belongs to."""
    segments = [take.segment for take in takes]
    spans = {segment.edit_span for segment in segments if line in (segment.name, segment.edit.name)}
    return [segment.name for segment in segments if segment.edit_span in spans]


class FramePair:
    """The same frame of both films, shrunk, as sRGB.

    Colors are converted to CIE L*a*b* only where they are compared, which is a small part of most pictures.
    """

    def __init__(self, index: int, source: Rgb, output: Rgb) -> None:
        """Compare two pictures, `(height, width, 3) uint8`."""
        self.index = index
        self.source, self.output = source.reshape(-1, 3), output.reshape(-1, 3)
        self.changed = _visibly_different(self.source, self.output)
        """The pixels that differ visibly, `(height * width,)`."""

    def source_lightness(self, pixels: Any) -> Lab:
        """Return L* of the source at these pixels."""
        return lightness_from_rgb(self.source[pixels])

    def output_lightness(self, pixels: Any) -> Lab:
        """Return L* of the output at these pixels."""
        return lightness_from_rgb(self.output[pixels])


def _visibly_different(first: Rgb, second: Rgb) -> Mask:
    """Return which pixels, `(count, 3)`, are more than a just noticeable difference apart."""
    steps = np.maximum(first, second) - np.minimum(first, second)
    candidates = np.flatnonzero((steps[:, 0] | steps[:, 1] | steps[:, 2]) > MAX_UNSEEN_STEPS)
    changed = np.zeros(len(first), bool)
    changed[candidates] = (
        delta_e(lab_from_rgb(first[candidates]), lab_from_rgb(second[candidates])) > NOTICEABLE_DELTA_E
    )
    return changed


@dataclass
class _Seam:
    """The frames at one seam: steps lead into the frames [first, last)."""

    first: int
    last: int
    inside: range
    pairs: list[FramePair] = field(default_factory=list)

    def add(self, pair: FramePair) -> None:
        if self.first - 1 <= pair.index < self.last or pair.index in self.inside:
            self.pairs.append(pair)

    def delta_e(self) -> float | None:
        """Return the largest step beyond the source's own; None if the film begins or ends here."""
        steps = [
            (before, after)
            for before, after in zip(self.pairs, self.pairs[1:], strict=False)
            if self.first <= after.index < self.last
        ]
        if not steps:
            return None
        region = np.flatnonzero(np.any([pair.changed for pair in self.pairs], axis=0))
        if len(region) < _MIN_REGION_PX:
            return 0.0
        excess = [
            float(_step(before.output, after.output, region) - _step(before.source, after.source, region))
            for before, after in steps
        ]
        return round(max(0.0, *excess), 2)


def _step(before: Rgb, after: Rgb, region: NDArray[np.intp]) -> np.float32:
    """Return the mean distance of two pictures in a region."""
    mean: np.float32 = delta_e(lab_from_rgb(before[region]), lab_from_rgb(after[region])).mean()
    return mean


def measure_seams(
    context: NodeContext, media: Media, film: Path, film_video: VideoStream, takes: Sequence[Take], seam: Seam
) -> list[tuple[str, Metrics]]:
    """Measure each take's part of the film; return (segment name, metrics).

    Raises:
        InputMediaError: a frame cannot be decoded.
    """
    assert media.video is not None
    segments = sorted((take.segment for take in takes), key=lambda segment: segment.start_frame)
    source, rows = context.path(media.file), []
    for segment, ramps in zip(segments, plan_ramps(segments, seam), strict=True):
        first = max(segment.start_frame - ramps.fade_in - 1, 0)
        last = min(segment.end_frame + ramps.fade_out + 1, media.video.frame_count)
        pairs = _frame_pairs(source, media.video, film, film_video, range(first, last))
        rows.append((segment.name, _segment_metrics(segment, ramps, pairs)))
    return rows


def _frame_pairs(
    source: Path, source_video: VideoStream, film: Path, film_video: VideoStream, span: range
) -> Iterator[FramePair]:
    source_frames = exact_frames(source, source_video, span.start, span.stop)
    film_frames = exact_frames(film, film_video, span.start, span.stop)
    for (index, source_frame), (_, film_frame) in zip(source_frames, film_frames, strict=True):
        yield FramePair(index, small_rgb(source_frame, source_video), small_rgb(film_frame, film_video))


def _segment_metrics(segment: Segment, ramps: RampLengths, pairs: Iterator[FramePair]) -> Metrics:
    start, end = segment.start_frame, segment.end_frame
    in_seam = _Seam(start - ramps.fade_in, start + 1, range(start, min(start + NEAR_FRAMES, end)))
    out_seam = _Seam(end, end + ramps.fade_out + 1, range(max(end - NEAR_FRAMES, start), end))
    still: list[bool] = []
    before: FramePair | None = None
    for pair in pairs:
        in_seam.add(pair)
        out_seam.add(pair)
        if before is not None:
            still.append(_stands_still(before, pair))
        before = pair
    steps = [value for value in (in_seam.delta_e(), out_seam.delta_e()) if value is not None]
    doubled, frozen = count_still(still)
    return {
        "seam_delta_e": max(steps, default=None),
        "frozen_frames": frozen,
        "doubled_frames": doubled,
    }


def _stands_still(before: FramePair, after: FramePair) -> bool:
    changed = before.changed | after.changed
    region = np.flatnonzero(changed)
    if len(region) < _MIN_REGION_PX:
        return False
    source_motion = _mean_motion(before.source_lightness(region), after.source_lightness(region))
    if source_motion < MIN_SOURCE_MOTION:
        return False
    output_motion = _mean_motion(before.output_lightness(region), after.output_lightness(region))
    if output_motion >= MAX_STILL_SHARE * source_motion:
        return False
    return output_motion <= MAX_STILL_MOTION or output_motion <= _noise(before, after, ~changed)


def _mean_motion(before: Lab, after: Lab) -> float:
    return float(np.abs(after - before).mean())


def _noise(before: FramePair, after: FramePair, still: Mask) -> float:
    """Return the median change of the source's lightness where the take changed nothing."""
    if not still.any():
        return 0.0
    return float(np.median(np.abs(after.source_lightness(still) - before.source_lightness(still))))


def count_still(still: Sequence[bool]) -> tuple[int, int]:
    """Count (doubled, frozen) frames in a sequence of steps that tell whether the film stands still."""
    doubled = frozen = run = 0
    for stands_still in (*still, False):
        if stands_still:
            run += 1
            continue
        doubled += run == 1
        frozen += run if run > 1 else 0
        run = 0
    return doubled, frozen


_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(1)
_KNEE, _SLOPE = 216 / 24389, 24389 / 27


def _linear_table() -> NDArray[np.float32]:
    steps = np.arange(256) / 255
    return np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _linear_table()
_MATRIX = (_TO_XYZ / _WHITE[:, None]).astype(np.float32)


def small_rgb(frame: Any, video: VideoStream) -> Rgb:
    """Convert a frame as coded, shrunk to at most 480 pixels a side, to `(height, width, 3) uint8` sRGB."""
    scale = min(1.0, MAX_SIDE_PX / max(frame.width, frame.height))
    if scale < 1:
        width, height = (max(2, round(side * scale)) for side in (frame.width, frame.height))
        frame = reformat(frame, width, height, interpolation="AREA")
    return rgb(frame, video)


def lab_from_rgb(pixels: Rgb) -> Lab:
    """Convert sRGB, `(…, 3) uint8`, to L*a*b*, `(…, 3) float32`."""
    f = _cube_root(_LINEAR[pixels] @ _MATRIX.T)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    result: Lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
    return result


def lightness_from_rgb(pixels: Rgb) -> Lab:
    """Convert sRGB, `(…, 3) uint8`, to L*, `(…) float32`."""
    lightness: Lab = 116 * _cube_root(_LINEAR[pixels] @ _MATRIX[1]) - 16
    return lightness


def _cube_root(xyz: Lab) -> Lab:
    """Return the compressed tristimulus values of CIE 15: a cube root with a straight foot."""
    return np.where(xyz > _KNEE, np.cbrt(xyz), (_SLOPE * xyz + 16) / 116).astype(np.float32)


def delta_e(first: Lab, second: Lab) -> NDArray[np.float32]:
    """Return the CIE76 distance of each pixel."""
    distance: NDArray[np.float32] = np.sqrt(np.square(first - second).sum(-1))
    return distance
