"""Metrics of a run, as JSON and as a text file for Prometheus' node exporter (its textfile collector)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ...config.checked_job import Job
from ...core.errors import PresetError
from ...store.atomic import write_text
from ..events import Event, RunEnded, RunStarted, StepEnded, StepStarted

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
    """Count the events of one run, and write one or two files at its end; see `Observer` in observe.py."""

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
    return Path(place).expanduser() if place else None


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
