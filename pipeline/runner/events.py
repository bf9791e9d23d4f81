"""Events of a run: the command line draws them, a script may ignore them.

`LoggedEvents` logs each by the logger `react1`, beside whoever watches the run. Each record has the event's name in its
attribute `event` and the values in `values`, such as `step` and `seconds`. A program configures the logger as any
other; without that, nothing is printed.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

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
class Waiting(Message):
    """A message that says what the run waits for until the next event."""


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


LOGGER = logging.getLogger("react1")
LOGGER.addHandler(logging.NullHandler())
_NAMES: dict[type[Any], str] = {
    RunStarted: "run_started",
    StepStarted: "step_started",
    StepMoved: "step_progress",
    StepEnded: "step_ended",
    Message: "note",
    Waiting: "note",
}
_LEVELS: dict[type[Any], int] = {
    StepMoved: logging.DEBUG,
    StepStarted: logging.DEBUG,
    Message: logging.WARNING,
    Waiting: logging.WARNING,
}


class LoggedEvents:
    """Log each event, and pass it on."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher

    def on(self, event: Event) -> None:
        """Log an event, and pass it on."""
        level = _LEVELS.get(type(event), logging.INFO)
        name = _NAMES.get(type(event))  # the end of a run is logged with its status by `execute`
        if name is not None and LOGGER.isEnabledFor(level):
            log_event(level, name, **asdict(event))
        self.watcher.on(event)


def log_event(level: int, event: str, **values: Any) -> None:
    """Log an event name with its values, in the message and as attributes of the record."""
    words = " ".join(f"{name}={value!r}" for name, value in values.items())
    LOGGER.log(level, "%s %s", event, words, extra={"event": event, "values": values})
