"""From what the user typed to a checked job: all that is wrong is told at once, before anything runs.

Takes   a preset or a job by path, or the name of a preset that ships; and what the command line adds.
Gives   a `Job`.
Raises  PresetError with every problem and its place; StorageFailed when a file cannot be read.

A job as JSON, complete: a run can be taken up again whatever became of its files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from ..core.edit import Edit
from ..core.errors import PresetError
from ..core.json_value import Json
from ..core.registry import Registry
from ..core.suggest import none_called, one_of
from ..located_yaml.located import Place, Problems, Tree, shown
from . import command
from .document_model import Job, OnFailure, Step
from .edit_lists import Lists
from .inputs import fill
from .online import on_originals
from .recipe import Recipe, read_recipe
from .shipped import find, read_file, shipped_names
from .steps import build_steps

__all__ = ["job_from_document", "load_job"]


@dataclass(frozen=True)
class _Found:
    """What the files say: the preset, and what the job fills it with."""

    recipe: Recipe
    given: Mapping[str, Tree]
    asks: Place
    """Where an input that is missing would be given."""
    on_failure: OnFailure
    files: tuple[Path, ...]


def load_job(
    what: str,
    *,
    registry: Registry,
    sets: Mapping[str, str] | None = None,
    edits: Sequence[str | Edit] = (),
    edits_file: str | None = None,
    provider: str | None = None,
    out: str | None = None,
    online: str | None = None,
    base: Path,
) -> Job:
    """Load a preset or a job and fill it in.

    Args:
        what: the path of a preset or a job, or the name of a preset that ships.
        registry: the nodes that there are.
        sets: input name → text, which counts before what the job says.
        edits: `IN-OUT:PROMPT[:TEMPERATURE]` or edits; they replace the job's.
        edits_file: the path of a list of edits or a timeline; it replaces the job's too.
        provider: the host for every step that has the choice; None leaves it to the preset.
        out: the value of the input `out`.
        online: the folder of the camera originals that the takes are to go onto; the source is then their proxy.
        base: where relative paths start from that are not written in a file; absolute.

    Raises:
        PresetError: something is wrong; all problems at once.
        BadInput: a list of edits is given for a film that cannot be read.
        StorageFailed: a file cannot be read.
    """
    problems, lists, base = Problems(), Lists(), base.absolute()
    found = _read(what, base, problems)
    said = command.given(sets or {}, edits, edits_file, out, found.recipe, base, problems)
    on_failure = _on_failure(said.pop("on_failure", None), found.on_failure, problems)
    inputs: Mapping[str, Tree] = fill(found.recipe, {**found.given, **said}, base, found.asks, lists, problems)
    recipe = found.recipe
    if online:
        recipe, inputs = on_originals(recipe, inputs, {*found.given, *said}, base / online, problems)
    steps, params = build_steps(recipe, inputs, registry, provider, base, problems)
    problems.stop()
    values = {name: tree.plain for name, tree in inputs.items()}
    files = (*found.files, *lists.files)
    job = Job(found.recipe.name, found.recipe.about, steps, values, {}, on_failure, files, tuple(lists.notes))
    return with_document(job, params)


def _read(what: str, base: Path, problems: Problems) -> _Found:
    path, name = find(what, base)
    tree = _mapping(read_file(path, name, problems), problems)
    if "preset" not in tree.members:
        if "steps" not in tree.members:
            problems.on(tree.place, (), "neither a preset (`steps: …`) nor a job (`preset: …`)")
            problems.stop()
        return _Found(read_recipe(tree, path.stem, problems), {}, Place("", base), "stop", (path,))
    given = {key: child for key, child in tree.members.items() if key not in ("preset", "on_failure")}
    for key in ("steps", "inputs"):
        if key in given:
            del given[key]
            message = "a job fills in a preset and has no steps of its own; keep `preset` or this"
            problems.on(tree.key_place(key), (key,), message)
    on_failure = _on_failure(tree.members.get("on_failure"), "stop", problems)
    preset, shown_as = _preset(tree.members["preset"], problems)
    body = _mapping(read_file(preset, shown_as, problems), problems)
    if "preset" in body.members:
        problems.on(body.key_place("preset"), ("preset",), "a job cannot fill in another job; name its preset")
        problems.stop()
    given = {key: _at_key(child, tree.key_place(key)) for key, child in given.items()}
    return _Found(read_recipe(body, preset.stem, problems), given, tree.place, on_failure, (path, preset))


def _at_key(tree: Tree, key: Place) -> Tree:
    """Let an empty value stand where its key does, so that a complaint about it points at something."""
    return tree if tree.value is not None else Tree(None, key, tree.path)


def _mapping(tree: Tree | None, problems: Problems) -> Tree:
    if tree is not None and not isinstance(tree.value, Mapping):
        found = "an empty file" if tree.value is None else shown(tree.plain)
        problems.on(tree.place, (), f"expected a mapping with `preset:` or `steps:`, not {found}")
    if tree is None or not isinstance(tree.value, Mapping):
        problems.stop()
        raise AssertionError("a tree that cannot be used has a problem")
    return tree


def _preset(tree: Tree, problems: Problems) -> tuple[Path, str]:
    """Find the preset of a job: a path from the job's folder, or the name of one that ships."""
    if not isinstance(tree.value, str):
        problems.at(tree, f"expected the name or the path of a preset, not {shown(tree.plain)}")
        problems.stop()
    try:
        path, _ = find(str(tree.value), tree.place.folder)
    except PresetError:
        problems.at(
            tree, f"{shown(tree.plain)} is neither a file nor a preset; {none_called(str(tree.value), shipped_names())}"
        )
        problems.stop()
        raise
    return path, str(path)


def _on_failure(tree: Tree | None, otherwise: OnFailure, problems: Problems) -> OnFailure:
    if tree is None:
        return otherwise
    for choice in get_args(OnFailure):
        if tree.value == choice:
            found: OnFailure = choice
            return found
    problems.at(tree, one_of(str(tree.plain), get_args(OnFailure)))
    return otherwise


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
