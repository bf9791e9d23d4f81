"""The takes of a matrix in a run: where takes are made, a segment becomes one call per combination.

A choice never reaches a node: it is taken out of the edits before anything is keyed, and says only which calls are
made. So a take is the same call before and after it is chosen, and beside whatever other combinations there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..config.checked_job import Job, Step
from ..core.edit import Edit
from ..core.errors import PresetError
from ..core.takes import Combination
from ..core.values import Segment, Take, Upload, Value
from ..store.keys import digest
from .expression_blind import find_edits, map_edits
from .record import segment_of


@dataclass(frozen=True)
class Offer:
    """One segment, and the takes of its matrix."""

    segment: Segment
    takes: tuple[Combination, ...]
    picked: Combination | None

    def to_json(self) -> dict[str, Any]:
        """Give what a later choice needs to know; the edit without its sound, which may be named in several ways."""
        edit = self.segment.edit.model_dump(mode="json", by_alias=True, exclude={"audio"}, exclude_none=True)
        names = [one.name for one in self.takes]
        return {
            "segment": self.segment.name,
            "edit": edit,
            "takes": names,
            "pick": self.picked.name if self.picked else None,
        }


@dataclass(frozen=True)
class Picks:
    """What was chosen, by edit; and whether there is anything to choose from at all."""

    by_edit: Mapping[str, Combination]
    any: bool

    def offer(self, values: Sequence[Value]) -> Offer | None:
        """Give the matrix of the segment that some values belong to; None where it has none."""
        segment = next((found for value in values if (found := segment_of(value))), None)
        if segment is None or segment.edit.takes is None:
            return None
        return Offer(segment, segment.edit.takes.takes, self.by_edit.get(_edit_key(segment.edit)))


def extract_picks(job: Job) -> tuple[Job, Picks]:
    """Take the choices out of the edits of a job."""
    edits = find_edits([step.params for step in job.steps])
    chosen = {_edit_key(edit): edit.takes.picked for edit in edits if edit.takes is not None}
    steps = tuple(replace(step, params=map_edits(step.params, _without_pick)) for step in job.steps)
    picks = Picks({place: choice for place, choice in chosen.items() if choice is not None}, bool(chosen))
    return replace(job, steps=steps), picks


def job_owner(document: Any) -> str:
    """Name a job for what it delivers: the same whichever take was chosen, so that a choice may be changed."""
    return digest(_unpicked(document))


def _unpicked(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _unpicked(child) for key, child in value.items()}
        if isinstance(kept.get("takes"), dict):
            kept["takes"] = {key: child for key, child in kept["takes"].items() if key != "pick"}
        return kept
    return [_unpicked(child) for child in value] if isinstance(value, list) else value


def makes_takes(step: Step) -> bool:
    """Tell whether a step makes takes of segments."""
    wires = step.info.ports
    of_a_segment = any(port.value_type in (Segment, Upload) and not port.gathers for port in wires.inputs)
    return wires.output is Take and of_a_segment and not any(port.value_type is Take for port in wires.inputs)


def with_combination(value: Any, choice: Combination) -> Any:
    """Give a value under the plain edit that a combination stands for."""
    plain = {**choice.choices, "takes": None}
    return map_edits(value, lambda edit: edit.model_copy(update=plain))


def picked_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Give the inputs of a node that is run by itself, which makes the chosen take.

    Raises:
        PresetError: there is a matrix, and no choice.
    """
    for edit in find_edits(list(inputs.values())):
        if edit.takes is not None and edit.takes.picked is None:
            names = ", ".join(one.name for one in edit.takes.takes)
            raise PresetError(f"a node by itself makes one take, and `takes` has no pick; give it one of {names}")
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
