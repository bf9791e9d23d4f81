"""What goes back to an editing system: clips, and the timelines on which they lie over the film."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .file import File
from .kinds import Media, Value


class TurnoverClip(Value):
    """A re-expressed segment as a clip of its own, for an editing system."""

    name: str
    file: File
    start_frame: int
    """First frame of the film that it replaces, its handle left out."""
    end_frame: int
    head_frames: int
    tail_frames: int
    changes_sound: bool
    """Whether its sound is to be heard as well: it has a new line."""
    about: dict[str, Any] = Field(default_factory=dict)
    """What was asked for, who made it, and what it cost: JSON only."""


class Turnover(Value):
    """What goes back to an editing system: the clips, and all that its timelines say."""

    title: str
    source: Media
    source_path: str
    """Where the film lies that stands on the first track, as the user wrote it."""
    reel: str
    dialects: tuple[str, ...]
    clips: tuple[TurnoverClip, ...]
