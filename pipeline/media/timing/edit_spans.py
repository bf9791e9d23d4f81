"""Resolve edits to spans of frames with handles, and split spans that are longer than one clip may be.

Spans come in the order of the film, each with its own name. A handle is context for the model and is never spliced. It
ends at the film's ends, at other edits, and at shot cuts.

A span is split at shot cuts and at pauses of the voice. Its parts abut exactly. At a pause each part's handle shows the
other's frames; at a cut it does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...core.edits.edit import Edit
from ...core.errors import InputMediaError
from ...core.file import File
from ...core.nodes.node import NodeContext
from ...core.times import Frames, Moment, Seconds, frames_text, timecode_to_frames
from ...core.values import Media, Segment
from ..audio import loudness
from ..audio import samples as sound
from ..audio.loudness import Pause
from ..frames import shots
from ..probe import require_video
from ..trim import container_time_s
from .clock import describe_frame, frame_at, frame_time_s, timecode_rate
from .frame_rate import PROVIDER_RATES, frame_count_at
from .split_points import ClipLimit, NoSplitPoint, SplitPoint, choose_split_points, fit_handles


@dataclass(frozen=True)
class ResolvedSpan:
    """The frames [start_frame, end_frame) of the source, and the handles around them."""

    name: str
    edit: Edit
    start_frame: int
    end_frame: int
    head_frames: int = 0
    tail_frames: int = 0
    edit_frames: tuple[int, int] | None = None
    """The frames [start, end) of the complete edit, if this is a part of it."""
    notes: tuple[str, ...] = ()
    """For the user, such as that a point was moved."""

    @property
    def first_frame(self) -> int:
        """The first frame, the handle included."""
        return self.start_frame - self.head_frames

    @property
    def last_frame(self) -> int:
        """The frame after the last one, the handle included."""
        return self.end_frame + self.tail_frames


FindFrames = Callable[[Edit], tuple[int, int, tuple[str, ...]]]
"""From an edit to its frames [start, end), and notes for the user."""


def frames_of_edit(media: Media, edit: Edit) -> tuple[int, int]:
    """Return the frames [start, end) of an edit's in and out.

    Raises:
        InputMediaError: it has none, or they lie outside the film.
    """
    if edit.in_ is None or edit.out is None:
        raise InputMediaError("it has no in and out")
    return frame_at(media, edit.in_), frame_at(media, edit.out)


def resolve_spans(
    media: Media, edits: Sequence[Edit], handle: Moment, find: FindFrames | None = None
) -> list[ResolvedSpan]:
    """Return the span of each edit, in the order of the film.

    A handle is shortened at the ends of the film and at other edits, so that no handle shows a frame that another edit
    changes.

    Raises:
        InputMediaError: edits are empty, outside the film, overlapping or of one name; the message names all of them.
    """
    spans_found, problems = _find_frames(edits, find or (lambda edit: (*frames_of_edit(media, edit), ())))
    spans_found.sort(key=lambda item: (item[0], item[1]))
    problems += _overlap_problems(spans_found) + _name_problems(edits)
    if problems:
        raise InputMediaError("; ".join(problems))
    length = handle_frames(media, handle)
    names = _segment_names([edit for _, _, edit, _ in spans_found])
    count = require_video(media).frame_count
    befores = [0, *(end for _, end, _, _ in spans_found)]
    afters = [*(start for start, _, _, _ in spans_found[1:]), count]
    return [
        ResolvedSpan(name, edit, start, end, min(length, start - before), min(length, after - end), None, notes)
        for name, (start, end, edit, notes), before, after in zip(names, spans_found, befores, afters, strict=False)
    ]


_FoundEdit = tuple[int, int, Edit, tuple[str, ...]]


def _find_frames(edits: Sequence[Edit], find: FindFrames) -> tuple[list[_FoundEdit], list[str]]:
    spans_found: list[_FoundEdit] = []
    problems: list[str] = []
    for edit in edits:
        try:
            start, end, notes = find(edit)
        except InputMediaError as error:
            problems.append(f"edit {_edit_label(edit)}: {error.message}")
            continue
        if start >= end:
            problems.append(f"edit {_edit_label(edit)} has no frames: it starts at frame {start} and ends before {end}")
        else:
            spans_found.append((start, end, edit, notes))
    return spans_found, problems


def _overlap_problems(spans_found: list[_FoundEdit]) -> list[str]:
    problems = []
    for (_, end, edit, _), (next_start, next_end, next_edit, _) in itertools.combinations(spans_found, 2):
        if next_start < end:
            shared = frames_text(next_start, min(end, next_end))
            problems.append(f"edits {_edit_label(edit)} and {_edit_label(next_edit)} overlap by {shared} of the film")
    return problems


def _name_problems(edits: Sequence[Edit]) -> list[str]:
    names = [edit.name for edit in edits if edit.name]
    return [f"two edits are named {name!r}" for name in sorted({n for n in names if names.count(n) > 1})]


def _segment_names(edits: list[Edit]) -> list[str]:
    taken = {edit.name for edit in edits if edit.name}
    names: list[str] = []
    for number, edit in enumerate(edits, 1):
        name = edit.name or f"s{number:02}"
        while not edit.name and name in taken:
            name += "x"
        taken.add(name)
        names.append(name)
    return names


def handle_frames(media: Media, handle: Moment) -> int:
    """Return how many frames a handle has if nothing shortens it.

    Raises:
        InputMediaError: it is a timecode that the film's rate does not have.
    """
    rate = timecode_rate(require_video(media))
    if isinstance(handle, Frames):
        return handle.count
    if isinstance(handle, Seconds):
        return round(handle.value * rate)
    try:
        return timecode_to_frames(handle, rate)
    except ValueError as error:
        raise InputMediaError(f"handles: {error}") from error


def _edit_label(edit: Edit) -> str:
    return f"{edit.name!r} ({edit.place})" if edit.name else edit.place


RATE_SLACK_S = 1 / min(PROVIDER_RATES)
"""A clip is sent at 24, 25 or 30 frames/s, which may make it longer by half a frame."""
_NEW_LINE_RATE_HZ = 48_000
_MAX_NAME_LENGTH = 64


def spans_to_cut(
    context: NodeContext,
    source: Media,
    edits: Sequence[Edit],
    handles: Moment,
    longest_s: float | None,
    find: FindFrames | None = None,
) -> list[ResolvedSpan]:
    """Return the spans to cut for these edits, split where a clip may not be that long; nothing is written.

    Args:
        context: gives access to the film and to the cached cuts.
        source: the film.
        edits: its edits.
        handles: the length of a handle if nothing shortens it.
        longest_s: the most that a clip may last, handles included; None: any length.
        find: returns the frames of an edit; by default those of its in and out.

    Raises:
        InputMediaError: as `resolve_spans`, or a span cannot be split.
    """
    spans = resolve_spans(source, edits, handles, find)
    if longest_s is None:
        return spans
    return split_long_spans(context, source, spans, handle_frames(source, handles), Fraction(str(longest_s)))


def segment_of_span(source: Media, span: ResolvedSpan, media: Media) -> Segment:
    """Return the segment of a span; `media` is the file that holds it."""
    return Segment(
        name=span.name,
        source=source,
        edit=span.edit,
        start_frame=span.start_frame,
        end_frame=span.end_frame,
        head_frames=span.head_frames,
        tail_frames=span.tail_frames,
        media=media,
        frames=tuple(range(span.first_frame, span.last_frame)),
        edit_start_frame=span.edit_frames[0] if span.edit_frames else None,
        edit_end_frame=span.edit_frames[1] if span.edit_frames else None,
        notes=span.notes,
    )


def split_long_spans(
    context: NodeContext, source: Media, spans: Sequence[ResolvedSpan], handle_frames: int, longest_s: Fraction
) -> list[ResolvedSpan]:
    """Return spans whose clips last at most `longest_s` each; `handle_frames` is a handle's full length."""
    video, path = require_video(source), context.path(source.file)
    begins = np.append(video.timestamps.array, video.timestamps.end)
    limit = ClipLimit(begins, int((longest_s - RATE_SLACK_S) / video.time_base), float(1 / video.time_base))
    taken = {span.name for span in spans}
    parts: list[ResolvedSpan] = []
    for span in spans:
        cuts = shots.cuts_between(path, source, span.first_frame, span.last_frame, context)
        is_short = _longest_sent_s(source, span) <= longest_s
        splits = [] if is_short else _split_frames(context, source, span, cuts, limit, longest_s)
        parts += _split_span(span, limit, splits, handle_frames, cuts, taken)
    return parts


def _longest_sent_s(source: Media, span: ResolvedSpan) -> Fraction:
    """Return the longest duration of a span, without handles, at any rate at which it may be sent."""
    video = require_video(source)
    length_s = container_time_s(video, span.end_frame) - container_time_s(video, span.start_frame)
    return max(frame_count_at(length_s, rate) / rate for rate in PROVIDER_RATES)


def _split_frames(
    context: NodeContext, source: Media, span: ResolvedSpan, cuts: Sequence[int], limit: ClipLimit, longest_s: Fraction
) -> list[int]:
    """Choose the frames at which to split a span that is too long."""
    points = [SplitPoint(cut, is_cut=True) for cut in cuts] + _pause_points(context, source, span)
    try:
        return choose_split_points(limit, span.start_frame, span.end_frame, points)
    except NoSplitPoint as error:
        raise InputMediaError(_describe_no_point(source, span, longest_s, error)) from error


def _split_span(
    span: ResolvedSpan,
    limit: ClipLimit,
    splits: Sequence[int],
    handle_frames: int,
    cuts: Sequence[int],
    taken: set[str],
) -> list[ResolvedSpan]:
    """Split a span at these frames; each part gets its handles."""
    names = _part_names(span.name, len(splits) + 1, taken) if splits else [span.name]
    edit_frames = (span.start_frame, span.end_frame) if splits else None
    parts = []
    for name, (start, end) in zip(names, itertools.pairwise([span.start_frame, *splits, span.end_frame]), strict=True):
        head, tail = fit_handles(limit, (start, end), handle_frames, (span.first_frame, span.last_frame), cuts)
        notes = span.notes if start == span.start_frame else ()
        parts.append(ResolvedSpan(name, span.edit, start, end, head, tail, edit_frames, notes))
    return parts


def _part_names(name: str, count: int, taken: set[str]) -> list[str]:
    """Return `name-1`, `name-2`…, changed so that no other segment has them, and add them to `taken`."""
    longest = _MAX_NAME_LENGTH - len(f"-{count}")
    stem, suffix = name[:longest], ""
    while any(f"{stem}{suffix}-{number}" in taken for number in range(1, count + 1)):
        suffix += "x"
        stem = name[: longest - len(suffix)]
    names = [f"{stem}{suffix}-{number}" for number in range(1, count + 1)]
    taken.update(names)
    return names


def _pause_points(context: NodeContext, source: Media, span: ResolvedSpan) -> list[SplitPoint]:
    """Return the frames of a span at which the voice rests: the new line if there is one, else the film's own."""
    video = require_video(source)
    start_s, end_s = container_time_s(video, span.start_frame), container_time_s(video, span.end_frame)
    quiet, rate_hz = _find_pauses(context, source, span, start_s, end_s)
    frames = range(span.start_frame, span.end_frame)
    begins = np.array([round((container_time_s(video, frame) - start_s) * rate_hz) for frame in frames], np.int64)
    return loudness.split_points_in(quiet, rate_hz, span.start_frame, begins)


def _find_pauses(
    context: NodeContext, source: Media, span: ResolvedSpan, start_s: Fraction, end_s: Fraction
) -> tuple[list[Pause], int]:
    """Return the pauses from the in point on, in samples, and the sample rate."""
    line = span.edit.audio
    if isinstance(line, File):
        count = round((end_s - start_s) * _NEW_LINE_RATE_HZ)
        samples, rate_hz = (
            sound.fit_length(sound.read_all(context.path(line), _NEW_LINE_RATE_HZ), count),
            _NEW_LINE_RATE_HZ,
        )
    elif source.audio:
        samples, rate_hz = sound.read_span(context.path(source.file), source.audio[0].index, start_s, end_s)
    else:
        rate_hz = _NEW_LINE_RATE_HZ
        return [Pause(0, round((end_s - start_s) * rate_hz))], rate_hz
    return loudness.find_pauses(samples, rate_hz), rate_hz


def _describe_no_point(source: Media, span: ResolvedSpan, longest_s: Fraction, error: NoSplitPoint) -> str:
    """Return which edit cannot be split, where a split is needed, and what to do."""
    length_s = frame_time_s(source, span.end_frame) - frame_time_s(source, span.start_frame)
    low, high = describe_frame(source, error.low_frame), describe_frame(source, error.high_frame)
    return (
        f"edit {span.name} ({span.edit.place}) lasts {float(length_s):.3f} s, longer than the "
        f"{float(longest_s):g} s of one clip, and cannot be split: between frames {error.low_frame} ({low}) and "
        f"{error.high_frame} ({high}) there is no shot cut and no pause of {loudness.MIN_PAUSE_S * 1000:.0f} ms in the "
        "voice; make two edits of it, or a shorter one"
    )
