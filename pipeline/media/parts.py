"""Keep every clip within what a host takes: shorten handles, and part what is still too long at a safe place.

Takes   a film, the spans of its edits, and the most that one clip may last, handles included.
Gives   the same spans, long ones as parts that abut exactly; no handle crosses a shot cut.
Raises  BadInput when a span is too long and holds no shot cut and no pause in the voice to part it at.

At a pause the parts overlap, because each one's handle shows the other's frames; at a cut they do not. A handle is
context for the model and is never spliced, so nothing is doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np

from ..core.edit import Edit
from ..core.errors import InputMediaError
from ..core.file import File
from ..core.node import NodeContext
from ..core.times import Moment
from ..core.values import Media, Segment
from . import shots
from .audio import pauses
from .audio import samples as sound
from .audio.pauses import Pause
from .clock import frame_s, place_text
from .edit_spans import Find, ResolvedSpan, handle_frames, resolve
from .frame_rate import OFFERED, new_count
from .probe import require_video
from .split import NoPlace, Place, Ruler, joints, with_handles
from .trim import tick_s

SLACK_S = 1 / min(OFFERED)
"""A clip is sent at 24, 25 or 30 frames/s, which may make it longer by half a frame."""
_LINE_RATE_HZ = 48_000
_LONGEST_NAME = 64


def spans_of(
    context: NodeContext,
    source: Media,
    edits: Sequence[Edit],
    handles: Moment,
    longest_s: float | None,
    find: Find | None = None,
) -> list[ResolvedSpan]:
    """Give the spans that are cut for these edits, parted where one clip may not be so long; nothing is written.

    `find` tells where an edit lies; by default its in and out do.
    """
    spans = resolve(source, edits, handles, find)
    if longest_s is None:
        return spans
    return within(context, source, spans, handle_frames(source, handles), Fraction(str(longest_s)))


def placed(source: Media, span: ResolvedSpan, media: Media) -> Segment:
    """Give the segment of a span; `media` is the file that stands for it."""
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
        edit_start_frame=span.whole[0] if span.whole else None,
        edit_end_frame=span.whole[1] if span.whole else None,
        notes=span.notes,
    )


def within(
    context: NodeContext, source: Media, spans: Sequence[ResolvedSpan], handle_frames: int, longest_s: Fraction
) -> list[ResolvedSpan]:
    """Give spans whose clips last at most `longest_s` each; `handle_frames` is what a handle has where it can."""
    video, path = require_video(source), context.path(source.file)
    begins = np.append(video.timestamps.array, video.timestamps.end)
    ruler = Ruler(begins, int((longest_s - SLACK_S) / video.time_base), float(1 / video.time_base))
    taken = {span.name for span in spans}
    made: list[ResolvedSpan] = []
    for span in spans:
        cuts = shots.cuts_between(path, source, span.first_frame, span.last_frame, context)
        whole = _sent_s(source, span) <= longest_s
        at = [] if whole else _parted_at(context, source, span, cuts, ruler, longest_s)
        made += _parts(span, ruler, at, handle_frames, cuts, taken)
    return made


def _sent_s(source: Media, span: ResolvedSpan) -> Fraction:
    """Give the most that a span lasts, without handles, at any rate at which it may be sent."""
    video = require_video(source)
    length_s = tick_s(video, span.end_frame) - tick_s(video, span.start_frame)
    return max(new_count(length_s, rate) / rate for rate in OFFERED)


def _parted_at(
    context: NodeContext, source: Media, span: ResolvedSpan, cuts: Sequence[int], ruler: Ruler, longest_s: Fraction
) -> list[int]:
    """Choose where to part a span that is too long."""
    places = [Place(cut, is_cut=True) for cut in cuts]
    try:
        return joints(ruler, span.start_frame, span.end_frame, places + _in_pauses(context, source, span))
    except NoPlace as none:
        raise InputMediaError(_told(source, span, longest_s, none)) from none


def _parts(
    span: ResolvedSpan, ruler: Ruler, at: Sequence[int], handle_frames: int, cuts: Sequence[int], taken: set[str]
) -> list[ResolvedSpan]:
    """Spell a span as its parts, each with its handles."""
    names = _names(span.name, len(at) + 1, taken) if at else [span.name]
    held, whole = (span.first_frame, span.last_frame), (span.start_frame, span.end_frame) if at else None
    made = []
    for name, (start, end) in zip(names, pairwise([span.start_frame, *at, span.end_frame]), strict=True):
        head, tail = with_handles(ruler, (start, end), handle_frames, held, cuts)
        made.append(
            ResolvedSpan(
                name, span.edit, start, end, head, tail, whole, span.notes if start == span.start_frame else ()
            )
        )
    return made


def _names(name: str, count: int, taken: set[str]) -> list[str]:
    """Name the parts `name-1`, `name-2`…, as no other segment is called; the names are taken then."""
    longest = _LONGEST_NAME - len(f"-{count}")
    stem, marks = name[:longest], ""
    while any(f"{stem}{marks}-{number}" in taken for number in range(1, count + 1)):
        marks += "x"
        stem = name[: longest - len(marks)]
    names = [f"{stem}{marks}-{number}" for number in range(1, count + 1)]
    taken.update(names)
    return names


def _in_pauses(context: NodeContext, source: Media, span: ResolvedSpan) -> list[Place]:
    """Give the places where the voice of a span rests: the new line where there is one, else the film's own."""
    video = require_video(source)
    start_s, end_s = tick_s(video, span.start_frame), tick_s(video, span.end_frame)
    found, rate_hz = _rests(context, source, span, start_s, end_s)
    frames = range(span.start_frame, span.end_frame)
    begins = np.array([round((tick_s(video, frame) - start_s) * rate_hz) for frame in frames], np.int64)
    return pauses.places(found, rate_hz, span.start_frame, begins)


def _rests(
    context: NodeContext, source: Media, span: ResolvedSpan, start_s: Fraction, end_s: Fraction
) -> tuple[list[Pause], int]:
    """Give the pauses from the in point on, in samples, and how many of these make a second."""
    line = span.edit.audio
    if isinstance(line, File):
        count = round((end_s - start_s) * _LINE_RATE_HZ)
        samples, rate_hz = sound.fit(sound.read_all(context.path(line), _LINE_RATE_HZ), count), _LINE_RATE_HZ
    elif source.audio:
        samples, rate_hz = sound.read_span(context.path(source.file), source.audio[0].index, start_s, end_s)
    else:
        rate_hz = _LINE_RATE_HZ
        return [Pause(0, round((end_s - start_s) * rate_hz))], rate_hz
    return pauses.pauses(samples, rate_hz), rate_hz


def _told(source: Media, span: ResolvedSpan, longest_s: Fraction, none: NoPlace) -> str:
    """Say which edit cannot be parted, where a place was looked for, and what to do."""
    length_s = frame_s(source, span.end_frame) - frame_s(source, span.start_frame)
    low, high = place_text(source, none.low_frame), place_text(source, none.high_frame)
    return (
        f"edit {span.name} ({span.edit.place}) lasts {float(length_s):.3f} s, and one clip may last "
        f"{float(longest_s):g} s: between frames {none.low_frame} ({low}) and {none.high_frame} ({high}) there is no "
        f"shot cut and no pause of {pauses.SHORTEST_S * 1000:.0f} ms in the voice to part it at; make two edits of it, "
        "or give a shorter one"
    )
