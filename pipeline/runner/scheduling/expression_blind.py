"""Reuse results that do not depend on everything that an edit asks for.

A node with `expression_blind = True` (trim, transcode, normalize_audio) passes an edit on without reading its
expression. Its key ignores the expression, so a second emotion for a segment is not cut and encoded again. A node that
renders takes ignores what is decided after the take: its strength, and how a new line is mixed. A stored result then
gets the current edit in place of the one that it was stored with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from ...config.checked_job import WALK, Step, map_parts
from ...core.edits.choices import CHOICE_NAMES
from ...core.edits.edit import Edit
from ...core.edits.face_choice import FaceOptions
from ...core.nodes.node import makes_takes
from ...core.values import Media, Segment, Take, Upload

_FACE_FIELDS = tuple(FaceOptions.model_fields)
_SPEAKER = "auto_active_speaker_detection"
_AFTER_THE_TAKE = ("strength", "crop", "allow_missing_face", "audio_mix", "audio_gain")
"""Fields of an edit that a take does not depend on: what is sent shows the rest."""
_EXPRESSION = (*CHOICE_NAMES, "takes", "resync", "strength", "audio_gain", "consent")
IGNORED_BY_BLIND = (*_EXPRESSION, *_FACE_FIELDS)
"""What a node that is `expression_blind` does not depend on, unless it reads the face."""


def ignored_fields(step: Step) -> tuple[str, ...]:
    """Return the fields of an edit that the result of a step does not depend on."""
    node = step.info.cls
    if getattr(node, "expression_blind", False):
        if getattr(node, "reads_face", False):
            return tuple(name for name in _EXPRESSION if name != _SPEAKER)
        return IGNORED_BY_BLIND
    return _AFTER_THE_TAKE if makes_takes(node, step.info.ports) else ()


def without_fields(value: Any, names: Sequence[str]) -> Any:
    """Return a value with some fields removed from every edit in it."""
    nothing = dict.fromkeys(names)
    return map_edits(value, lambda edit: edit.model_copy(update=nothing))


def map_edits(value: Any, change: Callable[[Edit], Edit]) -> Any:
    """Return a value with every edit in it changed, or the same object if nothing changes."""

    def replace_part(part: Any, _field: object) -> Any:
        if isinstance(part, Edit):
            return change(part)
        return part if isinstance(part, Media) else WALK  # contains no edit, but may contain many timestamps

    return map_parts(value, replace_part)


def with_current_edits(result: Any, params: BaseModel, inputs: Mapping[str, Any], ignored: Sequence[str]) -> Any:
    """Return a stored result with the edits of these parameters and inputs; they differ in `ignored` fields at most."""
    edits = {_key_without(edit, ignored): edit for edit in find_edits([params, *inputs.values()])}
    if isinstance(result, list):
        return [_with_current_edit(item, edits, ignored) for item in result]
    return _with_current_edit(result, edits, ignored)


def _with_current_edit(value: Any, edits: Mapping[str, Edit], ignored: Sequence[str]) -> Any:
    if isinstance(value, (Take, Upload)):
        segment = _with_current_edit(value.segment, edits, ignored)
        return value if segment is value.segment else value.model_copy(update={"segment": segment})
    if not isinstance(value, Segment):
        return value
    edit = edits.get(_key_without(value.edit, ignored))
    return value if edit in (None, value.edit) else value.model_copy(update={"edit": edit})


def _key_without(edit: Edit, ignored: Sequence[str]) -> str:
    """Return everything in an edit except some fields."""
    return edit.model_copy(update=dict.fromkeys(ignored)).model_dump_json()


def find_edits(values: Any) -> list[Edit]:
    """Return every edit in some values."""
    edits: list[Edit] = []
    for value in values:
        if isinstance(value, Edit):
            edits.append(value)
        elif isinstance(value, Segment):
            edits.append(value.edit)
        elif isinstance(value, (list, tuple)):
            edits += find_edits(value)
        elif isinstance(value, BaseModel):
            edits += find_edits(getattr(value, name) for name in type(value).model_fields)
    return edits
