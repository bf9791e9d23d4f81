"""What a run tells while it goes on; the command line draws it, a script may ignore it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class RunStarted:
    """The run has a name and a folder."""

    run: str


@dataclass(frozen=True)
class StepStarted:
    """A step begins its work for one segment, or for the film (`segment` empty)."""

    step: str
    segment: str


@dataclass(frozen=True)
class StepMoved:
    """A step has done this share, 0 to 1."""

    step: str
    segment: str
    share: float


@dataclass(frozen=True)
class StepEnded:
    """A step is done; `reused` when its result was in the store already."""

    step: str
    segment: str
    reused: bool
    seconds: float


@dataclass(frozen=True)
class Message:
    """Something that the user should hear."""

    text: str


Event = RunStarted | StepStarted | StepMoved | StepEnded | Message


class Watcher(Protocol):
    """Gets every event, from the thread of the event loop or a worker's."""

    def on(self, event: Event) -> None:
        """Take one event; must not block."""


class SilentWatcher:
    """Takes every event and says nothing."""

    def on(self, event: Event) -> None:
        """Say nothing."""
