"""Where takes go in a film, and over how many frames of their handles they fade in and out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from ...core.errors import InputMediaError
from ...core.nodes.node import NodeContext
from ...core.times import frames_text
from ...core.values import Media, Segment, Take, VideoStream
from ...media.frames.decode import exact_frames
from ..splice_params import Seam
from .frames import Insert, Ramp, blend_changes, take_frames
from .kept_changes import kept_changes


@dataclass(frozen=True)
class RampLengths:
    """Lengths of a take's ramps in frames: up to the in point, and from the out point on."""

    fade_in: int
    fade_out: int


def plan_inserts(context: NodeContext, media: Media, takes: Sequence[Take], seam: Seam) -> tuple[Insert, ...]:
    """Place conformed takes in the film, in the order in which they are blended.

    Each gets the ramps that its handles, its neighbours and the seam allow. The span of an insert is exactly the frames
    that may change.

    Raises:
        InputMediaError: a frame of the film or of a take cannot be decoded.
    """
    assert media.video is not None
    ordered = sorted(takes, key=lambda take: take.segment.start_frame)
    lengths = plan_ramps([take.segment for take in ordered], seam)
    source = context.path(media.file)
    inserts = []
    for number, (take, ramps) in enumerate(zip(ordered, lengths, strict=True)):
        insert = _full_insert(context, take, ramps, seam, media.file.digest)
        over_take = number > 0 and ordered[number - 1].segment.end_frame == take.segment.start_frame
        inserts.append(_trim_unchanged(source, media.video, insert, over_take=over_take))
    return tuple(inserts)


def plan_ramps(segments: Sequence[Segment], seam: Seam) -> list[RampLengths]:
    """Plan the ramps of segments in the order of their starts.

    A ramp is as long as the seam wants and the handle allows. It stays out of other segments' spans, with one
    exception: where two segments abut, the second fades in over the last frames of the first, which has no fade-out.
    """
    lengths = []
    for number, segment in enumerate(segments):
        before = segments[number - 1] if number else None
        after = segments[number + 1] if number + 1 < len(segments) else None
        fade_in = min(seam.ramp_frames, segment.head_frames)
        fade_out = min(seam.ramp_frames, segment.tail_frames)
        if before is not None:
            gap = segment.start_frame - before.end_frame
            fade_in = min(fade_in, gap if gap > 0 else before.end_frame - before.start_frame)
        if after is not None:
            fade_out = min(fade_out, max(after.start_frame - segment.end_frame, 0))
        lengths.append(RampLengths(fade_in, fade_out))
    return lengths


def _full_insert(context: NodeContext, take: Take, ramps: RampLengths, seam: Seam, source_digest: str) -> Insert:
    segment, path = take.segment, context.path(take.media.file)
    return Insert(
        segment.start_frame - ramps.fade_in,
        segment.end_frame + ramps.fade_out,
        path,
        segment.head_frames - ramps.fade_in,
        Ramp(ramps.fade_in, ramps.fade_in),
        Ramp(ramps.fade_out, ramps.fade_out),
        seam.video if seam.ramp_frames else "dissolve",
        kept_changes(path, source_digest),
    )


def _trim_unchanged(source: Path, video: VideoStream, insert: Insert, *, over_take: bool) -> Insert:
    """Remove the outer frames of the ramps that the take does not change, so that their packets are copied."""
    fade_in, fade_out = insert.fade_in.frames, insert.fade_out.frames
    # If the ramp is over another take, the film's frames tell nothing.
    head = 0 if over_take else _count_unchanged(source, video, insert, range(insert.start, insert.start + fade_in))
    tail = _count_unchanged(source, video, insert, range(insert.end - fade_out, insert.end), from_end=True)
    return replace(
        insert,
        start=insert.start + head,
        end=insert.end - tail,
        skip=insert.skip + head,
        fade_in=Ramp(fade_in, fade_in - head),
        fade_out=Ramp(fade_out, fade_out - tail),
    )


def _count_unchanged(source: Path, video: VideoStream, insert: Insert, span: range, *, from_end: bool = False) -> int:
    """Count the frames at the outer end of a span that blending leaves as they are."""
    first = insert.skip + span.start - insert.start
    changed = _changed_by_boxes(insert, span, first) if span else []
    if changed is None:
        changed = _changed_by_blending(source, video, insert, span, first)
    outer = changed[::-1] if from_end else changed
    return outer.index(True) if True in outer else len(outer)


def _changed_by_boxes(insert: Insert, span: range, first: int) -> list[bool] | None:
    """Return of each frame of a ramp whether blending changes it, by what is kept of the take; None if that is little.

    `first` is the number of the take's frame for the first one.
    """
    if insert.changes is None or insert.style != "dissolve":
        return None
    frames = insert.changes.frames[first : first + len(span)]
    changed = [boxes.shows_at(*insert.weight(index)) for index, boxes in zip(span, frames, strict=False)]
    known = [each for each in changed if each is not None]
    return known if len(known) == len(span) else None


def _changed_by_blending(source: Path, video: VideoStream, insert: Insert, span: range, first: int) -> list[bool]:
    """Return of each frame of a ramp whether blending changes it."""
    changed = []
    with closing(take_frames(insert.path, first)) as takes:
        for number, (index, frame) in enumerate(exact_frames(source, video, span.start, span.stop), first):
            changes = insert.changes
            known = changes is not None and changes.fits(frame) and number < len(changes.frames)
            take = changes.frame_over(frame, number) if changes is not None and known else next(takes, None)
            if take is None:
                raise InputMediaError(f"the take for {frames_text(insert.start, insert.end)} has too few frames")
            changed.append(blend_changes(frame, take, *insert.weight(index), insert.style))
    return changed
