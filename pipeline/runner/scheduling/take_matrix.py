"""Expand a matrix of takes: where takes are rendered, a segment becomes one call per combination.

A node never sees the user's choice: it is removed from the edits before any key is computed, and only decides which
calls are made. So a take is the same call before and after it is chosen, whatever other combinations exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...config.checked_job import Job, Step
from ...core.edits.edit import Edit
from ...core.edits.takes import FACE_AXES, Combination
from ...core.errors import PresetError
from ...core.nodes import node
from ...core.values import Segment, Value, segment_of
from ...store.keys import digest
from .expression_blind import find_edits, map_edits


@dataclass(frozen=True)
class Offer:
    """One segment and the takes of its matrix."""

    segment: Segment
    takes: tuple[Combination, ...]
    picked: Combination | None

    def to_json(self) -> dict[str, Any]:
        """Return what `react1 pick` needs; the edit without `audio`, which may be written in several ways."""
        edit = self.segment.edit.model_dump(mode="json", by_alias=True, exclude={"audio"}, exclude_none=True)
        return {
            "segment": self.segment.name,
            "edit": edit,
            "takes": [take.name for take in self.takes],
            "pick": self.picked.name if self.picked else None,
        }


@dataclass(frozen=True)
class Picks:
    """The chosen takes by edit, and whether the job has a matrix at all."""

    by_edit: Mapping[str, Combination]
    any: bool

    def offer(self, values: Sequence[Value]) -> Offer | None:
        """Return the matrix of the segment that some values belong to, or None if it has none."""
        segment = next((segment for value in values if (segment := segment_of(value))), None)
        if segment is None or segment.edit.takes is None:
            return None
        return Offer(segment, segment.edit.takes.takes, self.by_edit.get(_edit_key(segment.edit)))


def extract_picks(job: Job) -> tuple[Job, Picks]:
    """Remove the choices from the edits of a job, and return both."""
    edits = find_edits([step.params for step in job.steps])
    picked = {_edit_key(edit): edit.takes.picked for edit in edits if edit.takes is not None}
    steps = tuple(replace(step, params=map_edits(step.params, _without_pick)) for step in job.steps)
    picks = Picks({key: choice for key, choice in picked.items() if choice is not None}, bool(picked))
    return replace(job, steps=steps), picks


def job_owner(document: Any) -> str:
    """Return a digest that identifies a job for what it exports: its files, its preset and its source.

    It does not depend on the edits: a second try with another expression or another take may replace the film of the
    first. Without a source it depends on everything.
    """
    inputs = document.get("inputs") if isinstance(document, dict) else None
    source = inputs.get("source") if isinstance(inputs, dict) else None
    if source is None and isinstance(document, dict):
        document = {key: value for key, value in document.items() if key != "project"}
    return digest(document if source is None else [document.get("name"), document.get("files"), source])


def makes_takes(step: Step) -> bool:
    """Return whether a step renders takes of segments."""
    return node.makes_takes(step.info.cls, step.info.ports)


def reads_face(step: Step) -> bool:
    """Return whether a step depends on the face that an edit names."""
    return bool(getattr(step.info.cls, "reads_face", False))


def splits_takes(step: Step, offer: Offer) -> bool:
    """Return whether a step runs once per take of a segment: from where faces are read, if the matrix has faces."""
    matrix = offer.segment.edit.takes
    has_faces = matrix is not None and not matrix.axes.keys().isdisjoint(FACE_AXES)
    return makes_takes(step) or (has_faces and reads_face(step))


def with_combination(value: Any, choice: Combination) -> Any:
    """Return a value with the plain edit that a combination stands for."""
    fields = {**choice.choices, "takes": None}
    return map_edits(value, lambda edit: edit.model_copy(update=fields))


def picked_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a single node with the chosen take's edit.

    Raises:
        PresetError: there is a matrix without a choice.
    """
    for edit in find_edits(list(inputs.values())):
        if edit.takes is not None and edit.takes.picked is None:
            names = ", ".join(take.name for take in edit.takes.takes)
            raise PresetError(f"a single node renders one take, and `takes` has no pick; set it to one of {names}")
    return {name: map_edits(value, _with_picked) for name, value in inputs.items()}


def _with_picked(edit: Edit) -> Edit:
    choice = edit.takes.picked if edit.takes else None
    return edit.model_copy(update={**choice.choices, "takes": None}) if choice else edit


def _without_pick(edit: Edit) -> Edit:
    if edit.takes is None or edit.takes.pick is None:
        return edit
    return edit.model_copy(update={"takes": edit.takes.model_copy(update={"pick": None})})


def _edit_key(edit: Edit) -> str:
    return _without_pick(edit).model_dump_json()
