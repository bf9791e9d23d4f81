"""Log every event of a run by the logger `react1`, beside whoever watches it.

Each record has the event's name in its attribute `event` and the values in `values`, such as `step` and `seconds`. A
program configures the logger as any other; without that, nothing is printed.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

from .events import Event, Message, RunStarted, StepEnded, StepMoved, StepStarted, Watcher

LOGGER = logging.getLogger("react1")
LOGGER.addHandler(logging.NullHandler())
_NAMES: dict[type[Any], str] = {
    RunStarted: "run_started",
    StepStarted: "step_started",
    StepMoved: "step_progress",
    StepEnded: "step_ended",
    Message: "note",
}
_LEVELS: dict[type[Any], int] = {StepMoved: logging.DEBUG, StepStarted: logging.DEBUG, Message: logging.WARNING}


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
