"""Trace a run: one trace per run, a span per step, and one below it per call of the step.

Attributes follow OpenTelemetry's semantic conventions (`error.type`, `code.function.name`, `server.address`); those of
a run are called `react1.…`. A call of a paid step is a client span.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ...config.checked_job import Job, Step
from ...core.errors import React1Error
from ...core.tracing import OTLP, end_span, flush, open_tracer, set_current, start_span, traceparent_of
from ..events import Event, Message, RunStarted, StepEnded, StepStarted
from ..external_inputs import paid_provider


class TracedEvents:
    """Turn the events of one run into spans; see `Observer` in observe.py."""

    def __init__(self, job: Job, target: str, parent: str = "") -> None:
        """Open the exporter; `parent` is the `traceparent` of whoever started the run.

        Raises:
            MissingExtra: OpenTelemetry is not installed.
            StorageFailed: the file of the traces cannot be written.
        """
        self._job, self._target, self._parent = job, target, parent
        self._tracer = open_tracer(target)
        self._steps = {step.id: step for step in job.steps}
        self._run: Any = None
        self._step_spans: dict[str, Any] = {}
        self._call_spans: dict[tuple[str, str], Any] = {}

    def on(self, event: Event) -> None:
        """Start or end a span."""
        if isinstance(event, RunStarted):
            project = {"react1.project": self._job.project} if self._job.project else {}
            attributes = {"react1.run.id": event.run, "react1.preset": self._job.name, **project}
            self._run = start_span(self._tracer, f"run {self._job.name}", self._parent, attributes)
        elif isinstance(event, StepStarted):
            self._start_call(event)
        elif isinstance(event, StepEnded):
            span = self._call_spans.pop((event.step, event.segment), None)
            if span is not None:
                span.set_attribute("react1.reused", event.reused)
                end_span(span)
        elif isinstance(event, Message) and self._run is not None:
            self._run.add_event("note", {"react1.note": event.text})

    def ended(self, status: str, cost_usd: float, error: BaseException | None) -> None:
        """End all spans, and export them; calls and steps that did not end have the run's error."""
        for span in self._call_spans.values():
            end_span(span, error)
        failed_steps = {step for step, _ in self._call_spans}
        for name, span in self._step_spans.items():
            end_span(span, error if name in failed_steps else None)
        if self._run is not None:
            self._run.set_attribute("react1.status", status)
            self._run.set_attribute("react1.cost_usd", cost_usd)
            if isinstance(error, React1Error):
                self._run.set_attribute("react1.exit_status", error.exit_status)
            end_span(self._run, error)
        self._call_spans, self._step_spans = {}, {}
        if self._target != OTLP:  # a collector gets them in the background
            flush(self._target)

    def _start_call(self, event: StepStarted) -> None:
        if self._run is None:
            return
        step = self._steps[event.step]
        attributes = {"react1.step.id": step.id, "react1.node": step.info.name}
        if event.step not in self._step_spans:
            parent = traceparent_of(self._run)
            self._step_spans[event.step] = start_span(self._tracer, f"step {step.id}", parent, attributes)
        provider = _provider_attributes(step)
        attributes |= {"code.function.name": step.info.fn.replace(":", "."), **provider}
        attributes |= {"react1.segment": event.segment} if event.segment else {}
        parent = traceparent_of(self._step_spans[event.step])
        span = start_span(self._tracer, f"call {step.info.name}", parent, attributes, client=bool(provider))
        self._call_spans[event.step, event.segment] = span
        set_current(traceparent_of(span))  # of the task that works on the call


def _provider_attributes(step: Step) -> dict[str, str]:
    """Return the provider of a paid step and its host; nothing for other steps."""
    provider = paid_provider(step)
    if provider is None:
        return {}
    return {"react1.provider": provider.name, "server.address": urlsplit(provider.base_url).hostname or ""}
