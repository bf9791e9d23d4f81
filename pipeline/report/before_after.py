"""Before and after of a segment: which file shows which source frame, the stills, the two clips."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..core.file import File
from ..core.values import Media, Record, Segment, Take
from .preview_clip import PreviewWriter, clip_times_s, frames_of_samples, span_audio
from .report_json import frame_time_s
from .stills import data_url, jpeg_data_url, preview_size, small_pictures

Find = Callable[[File], Path]


@dataclass(frozen=True)
class Side:
    """A file, and which of its frames stands for which frame of the source."""

    label: str
    media: Media
    frame_of: dict[int, int]
    """Source frame to frame of the file; both rise together."""


@dataclass(frozen=True)
class Still:
    """One moment of a segment, before and after."""

    label: str
    frame: int
    before: str
    """A `data:` address; so is `after`, or empty where there is no such frame."""
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
    """When each frame of the clips is shown."""
    first_frame: int
    """The source frame that the clips begin with."""
    has_sound: bool


def preview_span(record: Record, segment: Segment) -> tuple[int, int]:
    """Give the source frames [start, end) to show: the handles, and in a film a frame beyond each seam at least."""
    start, end = segment.first_frame, segment.last_frame
    if record.film is None or record.film.video is None or segment.source.video is None:
        return start, end
    last = min(segment.source.video.frame_count, record.film.video.frame_count)
    return max(0, min(start, segment.start_frame - 1)), min(last, max(end, segment.end_frame + 1))


def furthest_result(record: Record, segment: Segment, take: Take | None) -> Side | None:
    """Give the furthest that a segment came: in the film, as a conformed take, or prepared."""
    start, end = preview_span(record, segment)
    if record.film is not None and record.film.video is not None:
        return Side("After", record.film, {frame: frame for frame in range(start, end)})
    if take is not None and take.conformed and take.media.video is not None:
        last = min(end, start + take.media.video.frame_count)
        return Side("Take", take.media, {frame: frame - start for frame in range(start, last)})
    if segment.media.video is None:
        return None
    first: dict[int, int] = {}
    for index, frame in enumerate(segment.frames[: segment.media.video.frame_count]):
        first.setdefault(frame, index)
    return Side("Prepared", segment.media, first)


def still_frames(segment: Segment, start: int, end: int) -> list[tuple[str, int]]:
    """Name the frames within [start, end) that are worth a look: both sides of each seam, and the middle."""
    named = [
        ("before the in seam", segment.start_frame - 1),
        ("first edited", segment.start_frame),
        ("middle", (segment.start_frame + segment.end_frame - 1) // 2),
        ("last edited", segment.end_frame - 1),
        ("after the out seam", segment.end_frame),
    ]
    return [(label, frame) for label, frame in named if start <= frame < end]


def preview_segment(record: Record, segment: Segment, take: Take | None, find: Find) -> SegmentPreview | None:
    """Make the stills and the clips of a segment; None where its source has no picture."""
    source = segment.source
    if source.video is None:
        return None
    start, end = preview_span(record, segment)
    size = preview_size(source.video)
    seconds = {frame: frame_time_s(source, frame) - frame_time_s(source, start) for frame in range(start, end + 1)}
    named = still_frames(segment, start, end)
    before = Side("Before", source, {frame: frame for frame in range(start, end)})
    after = furthest_result(record, segment, take)
    plan = _Plan(size, seconds, frozenset(frame for _, frame in named))
    old_stills, old_clip = _draw_side(before, plan, find)
    new_stills, new_clip = _draw_side(after, plan, find) if after else ({}, b"")
    return SegmentPreview(
        size_px=size,
        after_label=after.label if after else "",
        stills=tuple(Still(label, f, old_stills.get(f, ""), new_stills.get(f, "")) for label, f in named),
        before_clip=data_url("video/mp4", old_clip),
        after_clip=data_url("video/mp4", new_clip) if new_clip else "",
        times_s=tuple(clip_times_s(list(seconds.values()))),
        first_frame=start,
        has_sound=bool(source.audio),
    )


@dataclass(frozen=True)
class _Plan:
    size: tuple[int, int]
    seconds: dict[int, Fraction]
    """When each source frame is shown, from the first one shown."""
    wanted: frozenset[int]


def _draw_side(side: Side, plan: _Plan, find: Find) -> tuple[dict[int, str], bytes]:
    """Give the stills by source frame, and the clip."""
    shown_at = {index: frame for frame, index in side.frame_of.items() if frame in plan.seconds}
    if side.media.video is None or not shown_at:
        return {}, b""
    path = find(side.media.file)
    first, end = min(shown_at), max(shown_at) + 1
    starts_s, ends_s = (frame_time_s(side.media, frame) + side.media.start_s for frame in (first, end))
    sound = span_audio(path, side.media, starts_s, ends_s)
    made = io.BytesIO()
    clip = PreviewWriter(made, plan.size, side.media.video.rate, crf=26, has_sound=sound is not None)
    stills: dict[int, str] = {}
    for index, picture in small_pictures(path, side.media.video, first, end, plan.size):
        if (frame := shown_at.get(index)) is None:
            continue
        clip.add(picture, plan.seconds[frame])
        if frame in plan.wanted:
            stills[frame] = jpeg_data_url(picture)
    if sound is not None:
        clip.add_sound(frames_of_samples(sound))
    clip.finish()
    return stills, made.getvalue()
