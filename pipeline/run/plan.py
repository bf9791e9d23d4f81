"""What a run would do: which results are stored, and why the others are not. Nothing is written, nothing is spent.

Takes   a job and a home folder.
Gives   one row per step and segment.
Raises  what a run would raise before its first step: PresetError, BadInput.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..executors.seam import from_json
from ..kinds import Record, Segment, Take, Upload, Value
from ..preset.model import Job, Step
from ..providers.choose import provider
from ..store.keys import digest, explain
from ..store.store import Store
from .flow import segment_name
from .ingest import ingest
from .step import step_parts, step_place

Made = Value | list[Value] | None
"""What a step gave, by the store; None where it is not stored."""


@dataclass(frozen=True)
class PlannedStep:
    """One row of a plan."""

    step: str
    node: str
    segment: str
    """Empty where the step works for the film, or where the segments are not known yet."""
    stored: bool
    why: str
    """Why it has to run; empty where its result is stored."""
    cost_usd: float


def plan_job(job: Job, store: Store) -> list[PlannedStep]:
    """Walk the steps in order, following stored results as far as they go."""
    rows: list[PlannedStep] = []
    made: dict[str, Made] = {}
    for step in (ingest(step, store) for step in job.steps):
        missing = [wire for wires in step.wires.values() for wire in wires if made.get(wire) is None]
        if any(port.kind is Record for port in step.info.ports.inputs):
            missing += [earlier for earlier, value in made.items() if value is None]
        if missing:
            rows.append(_row(step, "", f"waits for {missing[0]}"))
            made[step.id] = None
            continue
        made[step.id] = _follow(job, step, made, store, rows)
    return rows


def _follow(job: Job, step: Step, made: Mapping[str, Made], store: Store, rows: list[PlannedStep]) -> Made:
    given = {port.name: _given(step, port.name, port.gathers, made) for port in step.info.ports.inputs}
    fanned = {name: value for name, value in given.items() if isinstance(value, list) and not _gathers(step, name)}
    if any(port.kind is Record for port in step.info.ports.inputs):
        rows.append(_row(step, "", "drawn from the run"))
        return None
    if not fanned:
        return _look(job, step, "", given, store, rows)
    count = min(len(values) for values in fanned.values())
    found = []
    for index in range(count):
        item = {**given, **{name: values[index] for name, values in fanned.items()}}
        segment = next((segment_name(value) for name, value in item.items() if name in fanned), "")
        found.append(_look(job, step, segment, item, store, rows))
    whole = [value for value in found if isinstance(value, Value)]
    return list(whole) if len(whole) == count else None


def _look(job: Job, step: Step, segment: str, given: Mapping[str, Any], store: Store, rows: list[PlannedStep]) -> Made:
    parts = step_parts(step, given)
    stored = store.result(digest(parts))
    if stored is None:
        rows.append(_row(step, segment, explain(store.latest_parts(step_place(job.name, step, segment)), parts), given))
        return None
    rows.append(_row(step, segment, ""))
    found: Made = from_json(step.info.ports.gives, stored["value"])
    return found


def _row(step: Step, segment: str, why: str, given: Mapping[str, Any] | None = None) -> PlannedStep:
    cost = _cost(step, given or {}) if why else 0.0
    return PlannedStep(step.id, step.info.name, segment, stored=not why, why=why, cost_usd=cost)


def _cost(step: Step, given: Mapping[str, Any]) -> float:
    if step.info.cls.kind != "paid":
        return 0.0
    host = provider(getattr(step.params, "provider", "local"))
    segments = [value.segment if isinstance(value, (Upload, Take)) else value for value in given.values()]
    return sum(host.cost_usd(segment.media.duration_s) for segment in segments if isinstance(segment, Segment))


def _given(step: Step, name: str, gathers: bool, made: Mapping[str, Made]) -> Any:
    values = [made[wire] for wire in step.wires.get(name, ())]
    if gathers:
        return [item for value in values for item in (value if isinstance(value, list) else [value])]
    return values[0] if values else None


def _gathers(step: Step, name: str) -> bool:
    return any(port.name == name and port.gathers for port in step.info.ports.inputs)
