"""A checked job, as the runner gets it; and the part of one that makes takes and no film, or ends at a named step.

The steps that are left out can be run later by the whole job, which finds everything else in the store: nothing is
rendered or paid for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..core.errors import PresetError, not_one_of
from ..core.file import Deliver, is_marked
from ..core.nodes.node import Params
from ..core.nodes.registry import NodeInfo
from ..core.values import Report, Take
from ..located_yaml.located import Json

OnFailure = Literal["stop", "keep-original"]


@dataclass(frozen=True)
class Step:
    """One step, checked and connected."""

    id: str
    info: NodeInfo
    params: Params
    wires: Mapping[str, tuple[str, ...]]
    """Input name → IDs of the steps that feed it; empty for an unconnected optional input, and for a `Record`."""
    fanned: bool = False
    """Whether it runs once per segment."""


@dataclass(frozen=True)
class Job:
    """A preset with values for all its inputs."""

    name: str
    """The preset's name."""
    about: str
    steps: tuple[Step, ...]
    inputs: Mapping[str, Json]
    """The values of the preset's inputs; paths are absolute."""
    document: dict[str, Json]
    """Everything needed to rebuild this job without the files that it was read from; JSON."""
    on_failure: OnFailure = "stop"
    files: tuple[Path, ...] = field(default=())
    """The files from which it was read."""
    notes: tuple[str, ...] = ()
    """Messages for the user before the run, such as the entries of a list that are skipped."""
    until: str = ""
    """The step at which it was asked to end; empty if it is whole."""
    project: str = ""
    """The project that its paid calls count for; "" without one."""


def output_path(step: Step) -> Path | None:
    """Return where a step's result is to be delivered, or None."""
    for name, declared in type(step.params).model_fields.items():
        if is_marked(declared, Deliver):
            path = getattr(step.params, name)
            return Path(path) if path else None
    return None


def until_takes(job: Job, *, page: bool = True) -> Job:
    """Return the job up to its last step that gives takes; `page` as for `until_step`.

    Raises:
        PresetError: the job has no step that gives takes.
    """
    last = next((step.id for step in reversed(job.steps) if step.info.ports.output is Take), None)
    if last is None:
        raise PresetError(f"{job.name} makes no takes; a preset such as emotion-edit or preview does")
    return until_step(job, last, page=page)


def until_step(job: Job, step: str, *, page: bool = True, out: str | None = None) -> Job:
    """Return the job up to a step, with the same keys in the store.

    Args:
        job: a whole job.
        step: the name of a step; its result is the last that is made.
        page: whether takes that are made are shown on the job's report page, if it has one.
        out: the path that the user has given for the film; it must be of use.

    Raises:
        PresetError: there is no such step, or nothing would be written to `out`.
    """
    names = [each.id for each in job.steps]
    if step not in names:
        raise PresetError(f"until: step {not_one_of(step, names)}")
    selected = list(job.steps[: names.index(step) + 1])
    if page and any(each.info.ports.output is Take for each in selected):
        selected += [each for each in job.steps[len(selected) :] if each.info.ports.output is Report]
    if out and not any(output_path(each) for each in selected):
        raise PresetError(f"out {out}: nothing is written there, because the run ends at {step}; leave one of them out")
    left = {each.id for each in selected}
    stored: Any = job.document.get("steps") or []
    document = {**job.document, "steps": [each for each in stored if each["id"] in left], "until": step}
    return replace(job, steps=tuple(selected), document=document, until=step)
