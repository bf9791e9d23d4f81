"""Which frames each edit means, and how far its handles may reach.

Takes   a film, its edits, and the length of the handles that are wanted.
Gives   spans in the order of the film, each with its own name.
Raises  BadInput that names all edits that are empty, overlap, lie outside, or share a name.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..core.edit import Edit
from ..core.errors import InputMediaError
from ..core.times import Frames, Moment, Seconds, timecode_to_frames
from ..core.values import Media
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
