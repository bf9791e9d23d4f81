"""The subtitles that a film carries itself.

Takes   a local path.
Gives   the cues of its first subtitle stream of text; none where it has no such stream. Pictures of subtitles, as discs
        have them, are not read.
Raises  BadInput where the film cannot be read.

Where an edit lies that does not say in and out: at a cue, at words that are said, at a shot; and where it snaps to.

Takes   a room, the film, its subtitles or transcript where the job names some, and the step's own wishes.
Gives   a function from an edit to its frames [start, end), and what to tell of it.
Raises  BadInput where there is no such cue, text or shot, or more than one; candidates are listed with their times.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import av

from ..core.edit import At, Edit
from ..core.errors import InputMediaError
from ..core.file import File
from ..core.node import NodeContext
from ..core.times import Seconds
from ..core.values import Media
from ..media.clock import frame_at, frame_s
from ..media.edit_spans import frames_of
from ..media.opening import opened
from ..media.probe import require_video
from . import timeline_shots
from .entries import Entry
from .limits import MOST_ENTRIES
from .readers import read_listing
from .snap import Snap, snapped
from .text.subtitles import Cue, cues
from .text.words import Found, listed, nearest, of_cue, said_at

_TEXTS = ("subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text")


def own_cues(path: Path) -> tuple[Entry, ...]:
    """Read the cues of a film, on the clock that a player shows."""
    with opened(path) as container:
        start_s = Fraction(container.start_time or 0, av.time_base)
        for stream in container.streams.subtitles:
            if stream.codec_context is not None and stream.codec_context.name in _TEXTS:
                return cues(_read(container, stream, start_s))
    return ()


def _read(container: Any, stream: Any, start_s: Fraction) -> list[Cue]:
    found: list[Cue] = []
    for packet in container.demux(stream):
        if packet.pts is None or not packet.duration or len(found) > MOST_ENTRIES:
            continue
        at_s = packet.pts * packet.time_base - start_s
        texts = [_text(part) for part in packet.decode()]
        found.append((max(at_s, Fraction(0)), at_s + packet.duration * packet.time_base, " ".join(texts)))
    return found


def _text(part: Any) -> str:
    told = getattr(part, "dialogue", None) or getattr(part, "text", None) or b""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    return text.replace("\\N", " ").replace("\\n", " ").replace("\\h", " ")


CUES = "the job's `cues`"


@dataclass(frozen=True)
class Wishes:
    """What a step asks for where an edit does not say."""

    cues: File | str | None = None
    snap: Snap = "none"
    within_s: Fraction = Fraction(1, 2)


class Places:
    """Finds the frames of edits in one film."""

    def __init__(self, context: NodeContext, media: Media, wishes: Wishes) -> None:
        self._room, self._media, self._wishes = context, media, wishes

    @cached_property
    def _path(self) -> Path:
        return self._room.path(self._media.file)

    def __call__(self, edit: Edit) -> tuple[int, int, tuple[str, ...]]:
        """Give the frames [start, end) of an edit, and what the user should hear."""
        start, end = self._frames(edit.at) if edit.at is not None else frames_of(self._media, edit)
        snap = edit.snap or self._wishes.snap
        if snap == "none" or start >= end:
            return start, end, ()
        return snapped(self._path, self._media, (start, end), snap, self._wishes.within_s)

    def _frames(self, at: At) -> tuple[int, int]:
        if at.shot is not None:
            return self._shot(at.shot)
        if at.cue is not None:
            return self._span(self._cue(at.cue))
        if at.text is not None:
            return self._span(self._said(at.text))
        raise InputMediaError(f"{at}: a marker is looked for in a `timeline`, which a job must name")

    def _shot(self, number: int) -> tuple[int, int]:
        found = timeline_shots.shot(self._path, self._media, number)
        if isinstance(found, int):
            raise InputMediaError(f"there is no shot {number}: the film has {found}")
        return found

    def _span(self, found: Found) -> tuple[int, int]:
        """Turn times into frames; subtitles may outlast the picture."""
        last_s = frame_s(self._media, require_video(self._media).frame_count)
        if found.start.value >= last_s:
            raise InputMediaError(f"{found} begins after the film, which ends at {Seconds(last_s)}")
        end = Seconds(min(found.end.value, last_s))
        return frame_at(self._media, found.start), frame_at(self._media, end)

    def _cue(self, number: int) -> Found:
        cues = self._cues
        found = of_cue(cues[number - 1]) if number <= len(cues) else None
        if found is None:
            raise InputMediaError(f"there is no cue {number} with a time: {self._whose} has the cues 1 to {len(cues)}")
        return found

    def _said(self, text: str) -> Found:
        found = said_at(self._cues, text)
        if len(found) == 1:
            return found[0]
        if found:
            raise InputMediaError(f"{text!r} is said {len(found)} times: {listed(found)}; give more words, or `cue`")
        near = nearest(self._cues, text)
        told = f"the nearest are {listed(near)}" if near else f"nothing in {self._whose} is like it"
        raise InputMediaError(f"{text!r} is not said: {told}")

    @property
    def _whose(self) -> str:
        return CUES if self._wishes.cues is not None else "the film's subtitle stream"

    @cached_property
    def _cues(self) -> tuple[Entry, ...]:
        """The cues of the job, else those that the film carries."""
        file = self._wishes.cues
        if isinstance(file, str):
            raise InputMediaError(f"{CUES} must be a local file, not {file}")
        found = own_cues(self._path) if file is None else read_listing(self._room.path(file), CUES).entries
        cues = tuple(entry for entry in found if entry.kind == "cue")
        if not cues:
            told = "carries no subtitles as text" if file is None else "has no subtitles: `cues` names none"
            raise InputMediaError(f"the film {told}; give an SRT, a VTT or a transcript as `cues`")
        return cues
