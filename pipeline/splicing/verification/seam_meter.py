"""Measure the seams of a film, and the frames between them, against the source, while both are decoded; check them.

A pixel has changed if its color is more than 2.3 (a just noticeable difference, CIE76) from the source's, in pictures
of at most 480 pixels a side. At a seam, the changed region is what changed in any frame of the ramp and in the four
frames of the edit next to it. The step between two frames is the mean distance of their pixels there. `seam_delta_e`
is the largest step of the film minus the source's own step between the same two frames, over all steps of both seams:
from the last untouched frame through the ramp to the edit, and likewise after it.

A frame stands still if its luma, over what changed in it, moves by less than a fifth of what the source's does and by
no more than 0.2 L* or the source's own noise, while the source's moves by 0.3 L* or more, all as means. A single such
frame is doubled; two or more in a row are frozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.nodes.node import NodeContext
from ...core.values import Media, Segment, Take, VideoStream
from ...media.frames.decode import exact_frames
from ..job import SplicedFilm
from ..pictures.seams import RampLengths, plan_ramps
from ..splice_params import Seam, Thresholds, require_within_thresholds
from .color_difference import FramePair, Lab, Mask, Rgb, delta_e, lab_from_rgb, small_rgb

Metrics = dict[str, Any]
SeamRow = tuple[str, Metrics]
"""The name of a segment and its metrics."""

NEAR_FRAMES = 4
"""Frames inside the edit that tell what changes at a seam."""
MIN_SOURCE_MOTION = 0.3
MAX_STILL_SHARE = 0.2
MAX_STILL_MOTION = 0.2
_MIN_REGION_PX = 12


class SeamMeter:
    """Measures the seams of takes from the frames of the source and of the film, which are shown to it in order."""

    def __init__(
        self,
        source_video: VideoStream,
        film_video: VideoStream,
        takes: Sequence[Take],
        seam: Seam,
        only_in: range | None = None,
    ) -> None:
        """Plan which frames are needed: those of each take, its ramps, and one on either side.

        Args:
            source_video: the source's picture stream.
            film_video: the film's, for its colors.
            takes: all that are in the film.
            seam: how they were blended in.
            only_in: measure only takes that begin in these frames.
        """
        self._source_video, self._film_video = source_video, film_video
        segments = sorted((take.segment for take in takes), key=lambda segment: segment.start_frame)
        self._parts = [
            _SegmentSeams(segment, ramps, source_video.frame_count)
            for segment, ramps in zip(segments, plan_ramps(segments, seam), strict=True)
            if only_in is None or segment.start_frame in only_in
        ]
        self._source_pictures: dict[int, Rgb] = {}

    @property
    def spans(self) -> list[range]:
        """The frames that are needed, in order; those of neighbours are joined."""
        spans: list[range] = []
        for part in self._parts:
            if spans and part.span.start <= spans[-1].stop:
                spans[-1] = range(spans[-1].start, max(spans[-1].stop, part.span.stop))
            else:
                spans.append(part.span)
        return spans

    def see_source(self, index: int, frame: Any) -> None:
        """Take in a frame of the source, before anything is blended into it."""
        if any(index in part.span for part in self._parts):
            self._source_pictures[index] = small_rgb(frame, self._source_video)

    def see_film(self, index: int, frame: Any) -> None:
        """Compare a frame of the film with the source's, which has been seen before."""
        source = self._source_pictures.pop(index, None)
        if source is None:
            return
        pair = FramePair(index, source, small_rgb(frame, self._film_video))
        for part in self._parts:
            if index in part.span:
                part.add(pair)

    def rows(self) -> list[SeamRow]:
        """Return the metrics of each take, after all frames have been seen."""
        return [(part.name, part.metrics()) for part in self._parts]


class _SegmentSeams:
    """The seams of one take."""

    def __init__(self, segment: Segment, ramps: RampLengths, frame_count: int) -> None:
        start, end = segment.start_frame, segment.end_frame
        self.name = segment.name
        self.span = range(max(start - ramps.fade_in - 1, 0), min(end + ramps.fade_out + 1, frame_count))
        self._seams = (
            _Seam(start - ramps.fade_in, start + 1, range(start, min(start + NEAR_FRAMES, end))),
            _Seam(end, end + ramps.fade_out + 1, range(max(end - NEAR_FRAMES, start), end)),
        )
        self._still: list[bool] = []
        self._before: FramePair | None = None

    def add(self, pair: FramePair) -> None:
        for seam in self._seams:
            seam.add(pair)
        if self._before is not None:
            self._still.append(_stands_still(self._before, pair))
        self._before = pair

    def metrics(self) -> Metrics:
        steps = [value for value in (seam.delta_e() for seam in self._seams) if value is not None]
        doubled, frozen = count_still(self._still)
        return {"seam_delta_e": max(steps, default=None), "frozen_frames": frozen, "doubled_frames": doubled}


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


def check_seams(
    context: NodeContext,
    media: Media,
    film: SplicedFilm,
    film_video: VideoStream,
    takes: Sequence[Take],
    seam: Seam,
    thresholds: Thresholds,
) -> Metrics:
    """Measure the seams of a film, unless they have been measured; return its metrics with theirs.

    Args:
        context: of the node.
        media: the source.
        film: the finished film, with the metrics of the joins of new lines.
        film_video: its picture stream.
        takes: in the film.
        seam: how they were blended in.
        thresholds: the limits.

    Raises:
        CheckFailed: a metric is above its threshold; the error names the segments.
    """
    rows: Sequence[SeamRow] = ()
    if thresholds.checks_pictures:
        rows = film.seams or measure_seams(context, media, film.path, film_video, takes, seam)
    lines = film.metrics.get("sound_lines", ())
    line_rows = [(name, row) for row in lines for name in _segments_of(takes, row["name"])]
    require_within_thresholds([*rows, *line_rows], thresholds)
    if not rows:
        return film.metrics
    steps = [row["seam_delta_e"] for _, row in rows if row["seam_delta_e"] is not None]
    return {
        **film.metrics,
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


def measure_seams(
    context: NodeContext, media: Media, film: Path, film_video: VideoStream, takes: Sequence[Take], seam: Seam
) -> list[SeamRow]:
    """Decode both films around each take, and measure it.

    Raises:
        InputMediaError: a frame cannot be decoded.
    """
    assert media.video is not None
    meter = SeamMeter(media.video, film_video, takes, seam)
    for span in meter.spans:
        source_frames = exact_frames(context.path(media.file), media.video, span.start, span.stop)
        film_frames = exact_frames(film, film_video, span.start, span.stop)
        for (index, source_frame), (_, film_frame) in zip(source_frames, film_frames, strict=True):
            meter.see_source(index, source_frame)
            meter.see_film(index, film_frame)
    return meter.rows()
