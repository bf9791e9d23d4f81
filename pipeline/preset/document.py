"""A job as JSON, complete: a run can be taken up again whatever became of its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import PresetError
from ..registry import Registry
from .model import Job, Json, OnFailure, Step


class StoredStep(BaseModel):
    """One step: its node, its parameters as they were written out, its wires."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    node: str
    params: dict[str, Any]
    wires: dict[str, tuple[str, ...]]
    fanned: bool


class StoredJob(BaseModel):
    """A job with nothing left to look up but its nodes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str
    on_failure: OnFailure
    inputs: dict[str, Any]
    files: tuple[str, ...]
    steps: tuple[StoredStep, ...]


def with_document(job: Job, params: dict[str, Json]) -> Job:
    """Give a job its document; `params` holds the parameters of each step as they were written out, by step id."""
    steps = tuple(
        StoredStep(id=one.id, node=one.info.name, params=params[one.id], wires=dict(one.wires), fanned=one.fanned)
        for one in job.steps
    )
    stored = StoredJob(
        name=job.name,
        about=job.about,
        on_failure=job.on_failure,
        inputs=dict(job.inputs),
        files=tuple(str(path) for path in job.files),
        steps=steps,
    )
    return replace(job, document=stored.model_dump(mode="json"))


def job_from_document(document: Json, registry: Registry) -> Job:
    """Make a job again from its document.

    Raises:
        PresetError: the document is not of this form, or a node is gone or takes other parameters now.
    """
    try:
        stored = StoredJob.model_validate(document)
    except ValidationError as wrong:
        raise PresetError(f"the stored job cannot be read: {_first(wrong)}; run it anew from its files") from wrong
    steps = tuple(_step(one, registry) for one in stored.steps)
    files = tuple(Path(name) for name in stored.files)
    kept = stored.model_dump(mode="json")
    return Job(stored.name, stored.about, steps, stored.inputs, kept, stored.on_failure, files)


def _step(stored: StoredStep, registry: Registry) -> Step:
    info = registry.get(stored.node)
    try:
        params = info.ports.params.model_validate(stored.params)
    except ValidationError as wrong:
        raise PresetError(
            f"step {stored.id!r} of the stored job: {_first(wrong)}; run it anew from its files"
        ) from wrong
    return Step(stored.id, info, params, stored.wires, stored.fanned)


def _first(wrong: ValidationError) -> str:
    error = wrong.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
