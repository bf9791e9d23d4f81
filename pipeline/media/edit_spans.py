"""Which frames each edit means, and how far its handles may reach.

Takes   a film, its edits, and the length of the handles that are wanted.
Gives   spans in the order of the film, each with its own name.
Raises  BadInput that names all edits that are empty, overlap, lie outside, or share a name.

Keep every clip within what a host takes: shorten handles, and part what is still too long at a safe place.

Takes   a film, the spans of its edits, and the most that one clip may last, handles included.
Gives   the same spans, long ones as parts that abut exactly; no handle crosses a shot cut.
Raises  BadInput when a span is too long and holds no shot cut and no pause in the voice to part it at.

At a pause the parts overlap, because each one's handle shows the other's frames; at a cut they do not. A handle is
context for the model and is never spliced, so nothing is doubled.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from ..core.edit import Edit
from ..core.errors import InputMediaError
from ..core.file import File
from ..core.node import NodeContext
from ..core.times import Frames, Moment, Seconds, timecode_to_frames
from ..core.values import Media, Segment
from . import shots
from .audio import pauses
from .audio import samples as sound
from .audio.pauses import Pause
from .clock import frame_at, frame_s, label_rate, place_text
from .frame_rate import OFFERED, new_count
from .probe import require_video
from .split_points import NoPlace, Place, Ruler, joints, with_handles
from .trim import tick_s


@dataclass(frozen=True)
class ResolvedSpan:
    """The frames [start_frame, end_frame) of the source, and the handles around them."""

    name: str
    edit: Edit
    start_frame: int
    end_frame: int
    head_frames: int = 0
    tail_frames: int = 0
    whole: tuple[int, int] | None = None
    """The frames [start, end) of the whole edit, where this is one part of it."""
    notes: tuple[str, ...] = ()
    """What the user should hear, such as that a point was moved."""

    @property
    def first_frame(self) -> int:
        """The first frame, the handle included."""
        return self.start_frame - self.head_frames

    @property
    def last_frame(self) -> int:
        """The frame after the last one, the handle included."""
        return self.end_frame + self.tail_frames


Find = Callable[[Edit], tuple[int, int, tuple[str, ...]]]
"""From an edit to its frames [start, end), and what to tell of it."""


def frames_of(media: Media, edit: Edit) -> tuple[int, int]:
    """Give the frames [start, end) that an edit's in and out mean.

    Raises:
        BadInput: it has none, or they lie outside the film.
    """
    if edit.in_ is None or edit.out is None:
        raise InputMediaError("it has no in and out")
    return frame_at(media, edit.in_), frame_at(media, edit.out)


def resolve(media: Media, edits: Sequence[Edit], handle: Moment, find: Find | None = None) -> list[ResolvedSpan]:
    """Turn edits into spans of frames, sorted by place.

    A handle is shortened at the ends of the film and where another edit is nearer, so that no handle shows
    a frame that another edit changes.

    Raises:
        BadInput: an edit is empty, lies outside the film, overlaps another or has another's name; all are named.
    """
    placed, problems = _placed(edits, find or (lambda edit: (*frames_of(media, edit), ())))
    placed.sort(key=lambda item: (item[0], item[1]))
    problems += _overlaps(placed) + _shared_names(edits)
    if problems:
        raise InputMediaError("; ".join(problems))
    wanted = handle_frames(media, handle)
    names = _names([edit for _, _, edit, _ in placed])
    count = require_video(media).frame_count
    befores = [0, *(end for _, end, _, _ in placed)]
    afters = [*(start for start, _, _, _ in placed[1:]), count]
    return [
        ResolvedSpan(name, edit, start, end, min(wanted, start - before), min(wanted, after - end), None, said)
        for name, (start, end, edit, said), before, after in zip(names, placed, befores, afters, strict=False)
    ]


_Placed = tuple[int, int, Edit, tuple[str, ...]]


def _placed(edits: Sequence[Edit], find: Find) -> tuple[list[_Placed], list[str]]:
    placed: list[_Placed] = []
    problems: list[str] = []
    for edit in edits:
        try:
            start, end, said = find(edit)
        except InputMediaError as error:
            problems.append(f"edit {_told(edit)}: {error.message}")
            continue
        if start >= end:
            problems.append(f"edit {_told(edit)} holds no frame: it starts at frame {start} and ends before {end}")
        else:
            placed.append((start, end, edit, said))
    return placed, problems


def _overlaps(placed: list[_Placed]) -> list[str]:
    problems = []
    for (_, end, edit, _), (next_start, next_end, following, _) in itertools.combinations(placed, 2):
        if next_start < end:
            shared = f"frames {next_start} to {min(end, next_end)}"
            problems.append(f"edits {_told(edit)} and {_told(following)} overlap by {shared} of the film")
    return problems


def _shared_names(edits: Sequence[Edit]) -> list[str]:
    names = [edit.name for edit in edits if edit.name]
    return [f"two edits are named {name!r}" for name in sorted({n for n in names if names.count(n) > 1})]


def _names(edits: list[Edit]) -> list[str]:
    taken = {edit.name for edit in edits if edit.name}
    names: list[str] = []
    for place, edit in enumerate(edits, 1):
        name = edit.name or f"s{place:02}"
        while not edit.name and name in taken:
            name += "x"
        taken.add(name)
        names.append(name)
    return names


def handle_frames(media: Media, handle: Moment) -> int:
    """Give how many frames a handle has where nothing shortens it.

    Raises:
        BadInput: it is a timecode that the film's rate does not have.
    """
    rate = label_rate(require_video(media))
    if isinstance(handle, Frames):
        return handle.count
    if isinstance(handle, Seconds):
        return round(handle.value * rate)
    try:
        return timecode_to_frames(handle, rate)
    except ValueError as error:
        raise InputMediaError(f"handles: {error}") from error


def _told(edit: Edit) -> str:
    return f"{edit.name!r} ({edit.place})" if edit.name else edit.place


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
        raise InputMediaError(_told_parts(source, span, longest_s, none)) from none


def _parts(
    span: ResolvedSpan, ruler: Ruler, at: Sequence[int], handle_frames: int, cuts: Sequence[int], taken: set[str]
) -> list[ResolvedSpan]:
    """Spell a span as its parts, each with its handles."""
    names = _names_parts(span.name, len(at) + 1, taken) if at else [span.name]
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


def _names_parts(name: str, count: int, taken: set[str]) -> list[str]:
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


def _told_parts(source: Media, span: ResolvedSpan, longest_s: Fraction, none: NoPlace) -> str:
    """Say which edit cannot be parted, where a place was looked for, and what to do."""
    length_s = frame_s(source, span.end_frame) - frame_s(source, span.start_frame)
    low, high = place_text(source, none.low_frame), place_text(source, none.high_frame)
    return (
        f"edit {span.name} ({span.edit.place}) lasts {float(length_s):.3f} s, and one clip may last "
        f"{float(longest_s):g} s: between frames {none.low_frame} ({low}) and {none.high_frame} ({high}) there is no "
        f"shot cut and no pause of {pauses.SHORTEST_S * 1000:.0f} ms in the voice to part it at; make two edits of it, "
        "or give a shorter one"
    )
