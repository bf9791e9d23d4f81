"""Send the events of a run to whoever observes it: the log, the trace and the metrics, as the environment says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol

from ...config.checked_job import Job
from ...core.errors import React1Error
from ...core.tracing import trace_target
from ..events import Event, LoggedEvents, Message, Watcher
from .metrics import MetricsFile, metrics_place


class Observer(Protocol):
    """Receive the events of one run, and its end."""

    def on(self, event: Event) -> None:
        """Handle one event; must not block."""

    def ended(self, status: str, cost_usd: float, error: BaseException | None) -> None:
        """Handle the end of the run; `error` is why it did not finish."""


class ObservedEvents:
    """Pass each event on to the watcher of the run and to all observers."""

    def __init__(self, job: Job, watcher: Watcher, environ: Mapping[str, str] | None = None) -> None:
        """Open what REACT1_TRACE and REACT1_METRICS name; the log is always there.

        Raises:
            PresetError: REACT1_TRACE is set, and OpenTelemetry is not installed.
            StorageFailed: the file of the traces cannot be written.
        """
        environ = os.environ if environ is None else environ
        self._watcher = LoggedEvents(watcher)
        self._observers: list[Observer] = []
        target, place = trace_target(environ), metrics_place(environ)
        if target:
            from .run_trace import TracedEvents

            self._observers.append(TracedEvents(job, target, environ.get("TRACEPARENT", "")))
        if place is not None:
            self._observers.append(MetricsFile(job, place))

    def on(self, event: Event) -> None:
        """Pass an event on."""
        for observer in self._observers:
            observer.on(event)
        self._watcher.on(event)

    def ended(self, status: str, cost_usd: float, error: BaseException | None = None) -> None:
        """Pass on how the run ended; what the observers cannot write is a message, since the run has ended."""
        for observer in self._observers:
            try:
                observer.ended(status, cost_usd, error)
            except React1Error as failure:
                self._watcher.on(Message(f"{failure}"))
