"""Before and after of a segment: which frames of which file are shown, the stills, and the two clips."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ..core.file import File
from ..core.nodes.node import NodeContext
from ..core.values import Media, Record, Segment, Take
from ..media.frames.decode import exact_frames
from ..media.timing.clock import frame_time_s
from .preview_clip import SAMPLE_RATE_HZ, PreviewWriter, clip_times_s, frames_of_samples, span_audio
from .preview_grade import FULL, PreviewGrade
from .stills import (
    Region,
    changed_region,
    data_url,
    picture_of,
    preview_size,
    screen_frame,
    screen_picture,
    still_data_url,
)

FindPath = Callable[[File], Path]
Samples = NDArray[np.float32]
"""Of shape `(2, samples)` at 48 kHz."""
_PREVIEW_VERSION = 4
"""In the key of cached previews: raise it when the same frames would give other bytes."""


@dataclass(frozen=True)
class Side:
    """A file, and which of its frames corresponds to which frame of the source."""

    label: str
    media: Media
    frame_of: dict[int, int]
    """Source frame to frame of the file; both ascend."""


@dataclass(frozen=True)
class Still:
    """One moment of a segment, before and after."""

    label: str
    frame: int
    before: str
    """A `data:` URL; so is `after`. Empty if there is no such frame."""
    after: str


@dataclass(frozen=True)
class SegmentPreview:
    """What the page shows of a segment."""

    size_px: tuple[int, int]
    after_label: str
    stills: tuple[Still, ...]
    before_clip: str
    after_clip: str
    times_s: tuple[float, ...]
    """When each frame of the clips is shown; at last the end."""
    first_frame: int
    """The source frame at which the clips start."""
    has_sound: bool
    zoom: tuple[float, float, float, float] | None
    """The region that changes: left, top, right, bottom in shares of the picture; None if it is most of it."""
    before_peaks: tuple[int, ...] = ()
    """The waveform of each clip, 0 to 255; empty without sound."""
    after_peaks: tuple[int, ...] = ()


PEAKS = 400
"""The peaks of a waveform."""


def preview_span(record: Record, segment: Segment) -> tuple[int, int]:
    """Return the source frames [start, end) to show: the handles and, in a film, at least one frame past each seam."""
    start, end = segment.first_frame, segment.last_frame
    if record.film is None or record.film.video is None or segment.source.video is None:
        return start, end
    last = min(segment.source.video.frame_count, record.film.video.frame_count)
    return max(0, min(start, segment.start_frame - 1)), min(last, max(end, segment.end_frame + 1))


def furthest_result(record: Record, segment: Segment, take: Take | None) -> Side | None:
    """Return the segment in the film, or else its conformed take, or else its prepared file."""
    start, end = preview_span(record, segment)
    if record.film is not None and record.film.video is not None:
        return Side("After", record.film, {frame: frame for frame in range(start, end)})
    if take is not None and take.conformed and take.media.video is not None:
        last = min(end, start + take.media.video.frame_count)
        return Side("Take", take.media, {frame: frame - start for frame in range(start, last)})
    if segment.media.video is None:
        return None
    first_index: dict[int, int] = {}
    for index, frame in enumerate(segment.frames[: segment.media.video.frame_count]):
        first_index.setdefault(frame, index)
    return Side("Prepared", segment.media, first_index)


def still_frames(segment: Segment, start: int, end: int) -> list[tuple[str, int]]:
    """Return the labelled frames within [start, end) to show as stills: both sides of each seam, and the middle."""
    labelled = [
        ("before the in seam", segment.start_frame - 1),
        ("first edited", segment.start_frame),
        ("middle", (segment.start_frame + segment.end_frame - 1) // 2),
        ("last edited", segment.end_frame - 1),
        ("after the out seam", segment.end_frame),
    ]
    return [(label, frame) for label, frame in labelled if start <= frame < end]


def preview_segment(
    record: Record, segment: Segment, take: Take | None, context: NodeContext, grade: PreviewGrade = FULL
) -> SegmentPreview | None:
    """Render the stills and the clips of a segment; return None if its source has no video."""
    source = segment.source
    if source.video is None:
        return None
    start, end = preview_span(record, segment)
    size = preview_size(source.video, grade.max_side_px)
    seconds = {frame: frame_time_s(source, frame) - frame_time_s(source, start) for frame in range(start, end + 1)}
    labelled = still_frames(segment, start, end)
    before = Side("Before", source, {frame: frame for frame in range(start, end)})
    after = furthest_result(record, segment, take)
    plan = _Plan(size, seconds, frozenset(frame for _, frame in labelled), grade)
    old = _cached_side(before, plan, context)
    sound = _sound_of_take(segment, plan, context.path) if after and take and after.media is take.media else None
    new = _render_side(after, plan, context.path, sound) if after else _RenderedSide()
    both = [frame for _, frame in labelled if frame in old.stills and frame in new.stills]
    region = changed_region(
        [picture_of(old.stills[frame]) for frame in both], [[picture_of(new.stills[frame]) for frame in both]]
    )
    return SegmentPreview(
        size_px=size,
        after_label=after.label if after else "",
        stills=tuple(
            Still(label, frame, old.stills.get(frame, ""), new.stills.get(frame, "")) for label, frame in labelled
        ),
        before_clip=old.clip,
        after_clip=new.clip,
        times_s=tuple(clip_times_s(list(seconds.values()))),
        first_frame=start,
        has_sound=bool(source.audio or new.peaks),
        zoom=None if region == Region() else (region.left, region.top, region.right, region.bottom),
        before_peaks=old.peaks,
        after_peaks=new.peaks,
    )


@dataclass(frozen=True)
class _Plan:
    size: tuple[int, int]
    seconds: dict[int, Fraction]
    """When each source frame is shown, from the first frame of the clips."""
    still_frames: frozenset[int]
    grade: PreviewGrade


class _RenderedSide(BaseModel):
    """A rendered side, as it is cached too; empty without pictures."""

    model_config = ConfigDict(extra="forbid")

    stills: dict[int, str] = {}
    """By source frame; all pictures and clips are `data:` URLs."""
    clip: str = ""
    peaks: tuple[int, ...] = ()


def _cached_side(side: Side, plan: _Plan, context: NodeContext) -> _RenderedSide:
    """Render the source's side once: it is the same for every take of a segment."""
    parts = {
        "preview": _PREVIEW_VERSION,
        "file": side.media.file.digest,
        "size": plan.size,
        "grade": asdict(plan.grade),
        "seconds": {str(frame): str(at_s) for frame, at_s in plan.seconds.items()},
        "stills": sorted(plan.still_frames),
    }
    stored = context.cache_get(parts)
    with contextlib.suppress(OSError, ValueError):
        if stored is not None:
            cached = _RenderedSide.model_validate_json(stored.read_bytes())
            if cached.clip and cached.stills.keys() == plan.still_frames:  # else damaged
                return cached
    rendered = _render_side(side, plan, context.path)
    path = context.temp_path("preview.json")
    path.write_text(rendered.model_dump_json(), "utf-8")
    context.cache_put(parts, path)
    return rendered


def new_line(segment: Segment, find_path: FindPath) -> Samples | None:
    """Return the new line of dialogue from the first handle on; None if there is none."""
    if not segment.edit.changes_sound or segment.voice is None:
        return None
    from ..media.audio.samples import read_all

    return read_all(find_path(segment.voice), SAMPLE_RATE_HZ, 2)


def _sound_of_take(segment: Segment, plan: _Plan, find_path: FindPath) -> Samples | None:
    """Return what is to be heard with a take that is not spliced: the new line, or the sound of the source."""
    line = new_line(segment, find_path)
    if line is not None:
        return line[:, : round(max(plan.seconds.values()) * SAMPLE_RATE_HZ)]
    source, span = segment.source, (min(plan.seconds), max(plan.seconds))
    start_s, end_s = (frame_time_s(source, frame) + source.start_s for frame in span)
    return span_audio(find_path(source.file), source, start_s, end_s)


def _render_side(side: Side, plan: _Plan, find_path: FindPath, sound: Samples | None = None) -> _RenderedSide:
    """Render the stills, the clip and its waveform; `sound` replaces the file's own."""
    source_frame = {index: frame for frame, index in side.frame_of.items() if frame in plan.seconds}
    if side.media.video is None or not source_frame:
        return _RenderedSide()
    path = find_path(side.media.file)
    first, end = min(source_frame), max(source_frame) + 1
    if sound is None:
        start_s, end_s = (frame_time_s(side.media, frame) + side.media.start_s for frame in (first, end))
        sound = span_audio(path, side.media, start_s, end_s)
    content = io.BytesIO()
    grade, rate = plan.grade, side.media.video.rate
    clip = PreviewWriter(
        content,
        plan.size,
        rate,
        crf=grade.crf,
        has_sound=sound is not None,
        keyframe_interval=grade.keyframe_interval,
        sound_bps=grade.sound_bps,
    )
    stills: dict[int, str] = {}
    for index, decoded in exact_frames(path, side.media.video, first, end):
        if (frame := source_frame.get(index)) is None:
            continue
        clip.add_frame(screen_frame(decoded, side.media.video, plan.size), plan.seconds[frame])
        if frame in plan.still_frames:
            picture = screen_picture(decoded, side.media.video, plan.size)
            stills[frame] = still_data_url(picture, grade.still_format, grade.still_quality)
    if sound is not None:
        clip.add_sound(frames_of_samples(sound))
    clip.finish()
    peaks = peaks_of(sound) if sound is not None else ()
    return _RenderedSide(stills=stills, clip=data_url("video/mp4", content.getvalue()), peaks=peaks)


def peaks_of(samples: NDArray[np.float32]) -> tuple[int, ...]:
    """Return the waveform of `(channels, samples)`, at most `PEAKS` values from 0 to 255; quiet sound is raised."""
    loudest = np.abs(samples).max(axis=0)
    blocks = np.array_split(loudest, min(PEAKS, len(loudest))) if len(loudest) else []
    return tuple(int(min(1.0, float(block.max()) ** 0.6) * 255) for block in blocks)
