"""Which frames each edit means, and how far its handles may reach.

Takes   a film, its edits, and the length of the handles that are wanted.
Gives   spans in the order of the film, each with its own name.
Raises  BadInput that names all edits that are empty, overlap, lie outside, or share a name.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from ..edit import Edit
from ..errors import BadInput
from ..kinds import Media
from ..times import Frames, Moment, Seconds, timecode_to_frames
from .clock import frame_at, label_rate
from .probe import require_video


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

    @property
    def first_frame(self) -> int:
        """The first frame, the handle included."""
        return self.start_frame - self.head_frames

    @property
    def last_frame(self) -> int:
        """The frame after the last one, the handle included."""
        return self.end_frame + self.tail_frames


def resolve(media: Media, edits: Sequence[Edit], handle: Moment) -> list[ResolvedSpan]:
    """Turn edits into spans of frames, sorted by place.

    A handle is shortened at the ends of the film and where another edit is nearer, so that no handle shows
    a frame that another edit changes.

    Raises:
        BadInput: an edit is empty, lies outside the film, overlaps another or has another's name; all are named.
    """
    placed, problems = _placed(media, edits)
    placed.sort(key=lambda item: (item[0], item[1]))
    problems += _overlaps(placed) + _shared_names(edits)
    if problems:
        raise BadInput("; ".join(problems))
    wanted = handle_frames(media, handle)
    names = _names([edit for _, _, edit in placed])
    count = require_video(media).frame_count
    befores = [0, *(end for _, end, _ in placed)]
    afters = [*(start for start, _, _ in placed[1:]), count]
    return [
        ResolvedSpan(name, edit, start, end, min(wanted, start - before), min(wanted, after - end))
        for name, (start, end, edit), before, after in zip(names, placed, befores, afters, strict=False)
    ]


def _placed(media: Media, edits: Sequence[Edit]) -> tuple[list[tuple[int, int, Edit]], list[str]]:
    placed: list[tuple[int, int, Edit]] = []
    problems: list[str] = []
    for edit in edits:
        try:
            start, end = frame_at(media, edit.in_), frame_at(media, edit.out)
        except BadInput as error:
            problems.append(f"edit {_told(edit)}: {error.message}")
            continue
        if start >= end:
            problems.append(f"edit {_told(edit)} holds no frame: it starts at frame {start} and ends before {end}")
        else:
            placed.append((start, end, edit))
    return placed, problems


def _overlaps(placed: list[tuple[int, int, Edit]]) -> list[str]:
    problems = []
    for (_, end, edit), (next_start, next_end, following) in itertools.combinations(placed, 2):
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
        raise BadInput(f"handles: {error}") from error


def _told(edit: Edit) -> str:
    span = f"{edit.in_}–{edit.out}"
    return f"{edit.name!r} ({span})" if edit.name else span
