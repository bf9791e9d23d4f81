"""Check the seams of a finished film, and the frames between them: thresholds for what seam_meter.py measures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...core.nodes.node import NodeContext
from ...core.values import Media, Take, VideoStream
from ...media.frames.decode import exact_frames
from ..splice_params import Seam, Thresholds, require_within_thresholds
from .seam_meter import Metrics, SeamMeter, SeamRow


def check_seams(
    context: NodeContext,
    media: Media,
    film: Path,
    film_video: VideoStream,
    metrics: Metrics,
    takes: Sequence[Take],
    seam: Seam,
    thresholds: Thresholds,
    measured: Sequence[SeamRow] | None = None,
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
        measured: the metrics of the seams, if they were measured while the film was compared with the source.

    Raises:
        CheckFailed: a metric is above its threshold; the error names the segments.
    """
    rows: Sequence[SeamRow] = ()
    if thresholds.checks_pictures:
        rows = measured or measure_seams(context, media, film, film_video, takes, seam)
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
