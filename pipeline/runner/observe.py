"""Send the events of a run to whoever observes it: the log, the trace and the metrics, as the environment says.

The trace has one span per run, one below it per step, and one below that per call of the step. Attributes follow
OpenTelemetry's semantic conventions (`error.type`, `code.function.name`, `server.address`); those of a run are called
`react1.…`. A call of a paid step is a client span. The metrics are JSON, and a text file for Prometheus' node exporter
(its textfile collector).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..config.checked_job import Job, Step
from ..core.errors import PresetError, React1Error
from ..core.file import expand_user
from ..core.settings import require_file_path
from ..core.tracing import OTLP, end_span, flush, open_tracer, set_current, start_span, trace_target, traceparent_of
from ..store.atomic import write_text
from .events import Event, LoggedEvents, Message, RunEnded, RunStarted, StepEnded, StepStarted, Watcher
from .external_inputs import paid_provider

FILE_SUFFIXES = (".json", ".prom")
"""What a path ends with that is one file, not a folder."""


@dataclass
class StepMetrics:
    """What the calls of one step took."""

    node: str
    calls: int = 0
    reused: int = 0
    """Calls whose result was stored already."""
    unfinished: int = 0
    """Calls that did not end, because they failed or the run was stopped."""
    seconds: float = 0.0
    """Of the calls that were not reused, together."""


class MetricsFile:
    """Count the events of one run, and write one or two files at its end; see `Observer`."""

    def __init__(self, job: Job, place: Path) -> None:
        """Write to `place`: a file `….json` or `….prom`, or a folder for both; it is created if needed."""
        self._job, self._place = job, place
        self._run, self._segments, self._began_s = "", 0, time.monotonic()
        self._steps = {step.id: StepMetrics(step.info.name) for step in job.steps}

    def on(self, event: Event) -> None:
        """Count one event."""
        if isinstance(event, RunStarted):
            self._run = event.run
        elif isinstance(event, StepStarted):
            self._steps[event.step].unfinished += 1
        elif isinstance(event, StepEnded):
            step = self._steps[event.step]
            step.unfinished -= 1
            step.calls += 1
            step.reused += event.reused
            step.seconds += 0.0 if event.reused else event.seconds
        elif isinstance(event, RunEnded):
            self._segments = len(event.record.segments)

    def ended(self, status: str, cost_usd: float, error: BaseException | None) -> None:
        """Write the file, or RUN.json and RUN.prom into the folder.

        Raises:
            StorageFailed: they cannot be written.
        """
        steps = {name: {**asdict(step), "seconds": round(step.seconds, 3)} for name, step in self._steps.items()}
        metrics = {
            "run": self._run,
            "preset": self._job.name,
            "project": self._job.project or None,
            "status": status,
            "error": type(error).__name__ if error is not None else None,
            "cost_usd": round(cost_usd, 6),
            "segments": self._segments,
            "seconds": round(time.monotonic() - self._began_s, 3),
            "ended_at": round(time.time(), 3),
            "steps": steps,
        }
        texts = {".json": json.dumps(metrics, indent=1) + "\n", ".prom": prometheus_text(metrics)}
        if self._place.suffix in FILE_SUFFIXES:
            write_text(self._place, texts[self._place.suffix])
            return
        for suffix, text in texts.items():
            write_text(self._place / f"{self._run}{suffix}", text)


def metrics_place(environ: Mapping[str, str]) -> Path | None:
    """Return REACT1_METRICS, a file or a folder; None if it is not set."""
    place = environ.get("REACT1_METRICS", "").strip()
    return expand_user(place) if place else None


def require_places(environ: Mapping[str, str]) -> None:
    """Check that REACT1_TRACE and REACT1_METRICS name files, or the folder of metrics, before a run begins.

    Raises:
        PresetError: a folder is where a file must be, or the reverse.
    """
    target, place = trace_target(environ), metrics_place(environ)
    if target not in ("", OTLP):
        require_file_path(Path(target), f"trace {target}", "a file, or otlp (--trace, REACT1_TRACE)")
    if place is not None and place.suffix in FILE_SUFFIXES:
        require_file_path(place, f"metrics {place}", "a file, or a folder without a suffix (--metrics, REACT1_METRICS)")
    elif place is not None and place.is_file():
        raise PresetError(
            f"metrics {place}: is a file; name FILE.json, FILE.prom or a folder (--metrics, REACT1_METRICS)"
        )


def require_metrics_folder(environ: Mapping[str, str]) -> None:
    """Check that many runs can write their metrics.

    Raises:
        PresetError: they would overwrite each other's file.
    """
    place = metrics_place(environ)
    if place is not None and place.suffix in FILE_SUFFIXES:
        raise PresetError(
            f"metrics {place}: each film of a batch would overwrite the file; name a folder (--metrics, REACT1_METRICS)"
        )


def prometheus_text(metrics: Mapping[str, object]) -> str:
    """Return the metrics of a run in the text format of Prometheus."""
    run = {name: str(metrics[name] or "") for name in ("run", "preset", "project")}
    steps = metrics["steps"]
    assert isinstance(steps, Mapping)
    labels = [({**run, "step": name, "node": step["node"]}, step) for name, step in steps.items()]

    def of_steps(name: str) -> list[tuple[dict[str, str], object]]:
        return [(each, step[name]) for each, step in labels]

    return "".join(
        (
            _family("run_info", "Status of the run.", [({**run, "status": str(metrics["status"])}, 1)]),
            _family("run_cost_usd", "What the run has cost.", [(run, metrics["cost_usd"])]),
            _family("run_duration_seconds", "Wall time of the run.", [(run, metrics["seconds"])]),
            _family("run_segments", "Segments of the run.", [(run, metrics["segments"])]),
            _family("run_ended_timestamp_seconds", "When the run ended.", [(run, metrics["ended_at"])]),
            _family("step_calls", "Calls of a step that ended.", of_steps("calls")),
            _family("step_reused_calls", "Calls whose result was stored.", of_steps("reused")),
            _family("step_unfinished_calls", "Calls that failed or were stopped.", of_steps("unfinished")),
            _family("step_duration_seconds", "Time of the calls that were not reused.", of_steps("seconds")),
        )
    )


def _family(name: str, about: str, samples: Iterable[tuple[Mapping[str, str], object]]) -> str:
    lines = [f"# HELP react1_{name} {about}", f"# TYPE react1_{name} gauge"]
    for labels, value in samples:
        text = ",".join(f'{label}="{_escape(content)}"' for label, content in labels.items())
        lines.append(f"react1_{name}{{{text}}} {value}")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class TracedEvents:
    """Turn the events of one run into spans; see `Observer`."""

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
            PresetError: REACT1_TRACE is set, and OpenTelemetry is not installed; or a folder is in a file's place.
            StorageFailed: the file of the traces cannot be written.
        """
        environ = os.environ if environ is None else environ
        require_places(environ)
        self._watcher = LoggedEvents(watcher)
        self._observers: list[Observer] = []
        target, place = trace_target(environ), metrics_place(environ)
        if target:
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
