"""Events of a run: the command line draws them, a script may ignore them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..core.values import Record


@dataclass(frozen=True)
class RunStarted:
    """The run has a name and a folder."""

    run: str


@dataclass(frozen=True)
class StepStarted:
    """A step starts to work on one segment, or on the film (`segment` is empty)."""

    step: str
    segment: str


@dataclass(frozen=True)
class StepMoved:
    """A step has completed this share, 0 to 1."""

    step: str
    segment: str
    share: float


@dataclass(frozen=True)
class StepEnded:
    """A step is done; `reused` if its result was already stored."""

    step: str
    segment: str
    reused: bool
    seconds: float


@dataclass(frozen=True)
class Message:
    """A message for the user."""

    text: str


@dataclass(frozen=True)
class RunEnded:
    """The run is done: its segments, its takes and its film as values."""

    record: Record


Event = RunStarted | StepStarted | StepMoved | StepEnded | Message | RunEnded


class Watcher(Protocol):
    """Receive every event, from the event loop's thread or a worker thread."""

    def on(self, event: Event) -> None:
        """Handle one event; must not block."""


class SilentWatcher:
    """Ignore every event."""

    def on(self, event: Event) -> None:
        """Do nothing."""
