"""Load a preset or a job into a checked `Job`; all problems are reported at once, before anything runs.

A job is also stored as JSON, so that a run can be resumed without the files it was loaded from.

A job that writes outside its own folder is refused: a file from somebody else must not choose where it writes. A
step may write into the folder of the job or the preset, to a path of the command line, and next to the source if
the preset's default or a command line that names the source puts it there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from ..core.edits.edit import Edit
from ..core.errors import PresetError, list_available, not_one_of
from ..core.file import real_path
from ..core.nodes.registry import Registry
from ..core.shared_values import share_parts
from ..located_yaml.explain import is_url
from ..located_yaml.located import Json, Located, Location, Problems, describe, parse_yaml
from .checked_job import Job, OnFailure, Step, container_problem, output_path
from .edit_lists import ReadLists
from .graph import current_input
from .inputs import command_line_values, fill_inputs
from .presets.preset_builder import PresetText
from .presets.raw_preset import RawPreset, parse_preset
from .presets.shipped import find_file, preset_names, read_file, shipped_folder
from .steps import add_online_steps, add_optional_steps, build_steps, with_consent

__all__ = ["job_from_document", "load_job"]
MAX_PROJECT_CHARACTERS = 100


@dataclass(frozen=True)
class _Document:
    """The content of the files: the preset, and the values that the job sets."""

    preset: RawPreset
    explicit: Mapping[str, Located]
    missing_location: Location
    """Where to report a missing input."""
    on_failure: OnFailure
    files: tuple[Path, ...]


def load_job(
    name_or_path: str | PresetText,
    *,
    registry: Registry,
    sets: Mapping[str, str] | None = None,
    edits: Sequence[str | Edit] = (),
    edits_file: str | None = None,
    provider: str | None = None,
    out: str | None = None,
    online: str | None = None,
    allow_outside: bool = False,
    folders: Sequence[Path] = (),
    base: Path,
) -> Job:
    """Load a preset or a job and fill in its inputs.

    Args:
        name_or_path: the path of a preset or a job, the name of a preset, or a preset that is in no file.
        registry: the available nodes.
        sets: input name → text; overrides the job.
        edits: `IN-OUT:PROMPT[:TEMPERATURE][@FACE]` or edits; they replace the job's.
        edits_file: the path of a list of edits or a timeline; it replaces the job's edits too.
        provider: the provider for every step that has this parameter; None keeps the preset's.
        out: the value of the input `out`.
        online: the folder of the camera originals for the takes; the source is then their proxy.
        allow_outside: whether a job may choose to write outside its own folder.
        folders: what a job may choose to write to besides its own folder.
        base: the folder from which relative paths outside of files start.

    Raises:
        PresetError: the preset, the job or an argument is invalid; has all problems.
        InputMediaError: the edits are in a list, and the film cannot be read.
        StorageFailed: a file cannot be read.
    """
    problems, lists, base = Problems(), ReadLists(), base.absolute()
    document = _read(name_or_path, base, problems)
    overrides = command_line_values(sets or {}, edits, edits_file, out, document.preset, base, problems)
    on_failure = _on_failure(overrides.pop("on_failure", None), document.on_failure, problems)
    explicit_values, project = dict(document.explicit), ""
    if "project" not in document.preset.inputs:  # a preset may have an input of this name
        job_project = explicit_values.pop("project", None)
        project = _project(overrides.pop("project", job_project), problems)
    values, preset = {**explicit_values, **overrides}, document.preset
    inputs: Mapping[str, Located] = fill_inputs(preset, values, base, document.missing_location, lists, problems)
    if online:
        explicit = {*explicit_values, *overrides}
        preset, inputs = add_online_steps(preset, inputs, explicit, base / online, registry, problems)
    preset, inputs = add_optional_steps(preset, with_consent(inputs), registry, problems)
    steps, params = build_steps(preset, inputs, registry, provider, base, problems)
    problems.raise_if_any()
    if not allow_outside:
        from_job = explicit_values.keys() - overrides.keys()
        check_output_places(steps, inputs, from_job, overrides.keys(), document.files, folders, base, problems)
        problems.raise_if_any()
    _check_containers(steps, inputs, base, problems)
    problems.raise_if_any()
    plain, files = {name: tree.plain for name, tree in inputs.items()}, (*document.files, *lists.files)
    notes = tuple(lists.notes)
    job = Job(document.preset.name, document.preset.about, steps, plain, {}, on_failure, files, notes, project=project)
    return with_document(job, params)


def _read(name_or_path: str | PresetText, base: Path, problems: Problems) -> _Document:
    if isinstance(name_or_path, PresetText):
        text = parse_yaml(name_or_path.text.encode(), name_or_path.name, base, problems)
        preset = parse_preset(_require_mapping(text, problems), name_or_path.name, problems)
        return _Document(preset, {}, Location("", base), "stop", ())
    path, name = find_file(name_or_path, base)
    tree = _require_mapping(read_file(path, name, problems), problems)
    if "preset" not in tree.members:
        if "steps" not in tree.members:
            problems.add_at(tree.location, (), "neither a preset (`steps: …`) nor a job (`preset: …`)")
            problems.raise_if_any()
        return _Document(parse_preset(tree, path.stem, problems), {}, Location("", base), "stop", (path,))
    explicit = {key: child for key, child in tree.members.items() if key not in ("preset", "on_failure")}
    for key in ("steps", "inputs"):
        if key in explicit:
            del explicit[key]
            message = f"a job has no {key} of its own; remove `preset` or this"
            problems.add_at(tree.key_location(key), (key,), message)
    on_failure = _on_failure(tree.members.get("on_failure"), "stop", problems)
    preset_path, shown_as = _preset(tree.members["preset"], problems)
    body = _require_mapping(read_file(preset_path, shown_as, problems), problems)
    if "preset" in body.members:
        problems.add_at(body.key_location("preset"), ("preset",), "this is a job, not a preset; name its preset")
        problems.raise_if_any()
    explicit = {key: _at_key_if_empty(child, tree.key_location(key)) for key, child in explicit.items()}
    files = (path, preset_path)
    return _Document(parse_preset(body, preset_path.stem, problems), explicit, tree.location, on_failure, files)


def _at_key_if_empty(tree: Located, key: Location) -> Located:
    """Move an empty value to the location of its key, so that problems with it point at some text."""
    return tree if tree.value is not None else Located(None, key, tree.path)


def _require_mapping(tree: Located | None, problems: Problems) -> Located:
    if tree is not None and not isinstance(tree.value, Mapping):
        content = "an empty file" if tree.value is None else describe(tree.plain)
        problems.add_at(tree.location, (), f"expected a mapping with `preset:` or `steps:`, not {content}")
    if tree is None or not isinstance(tree.value, Mapping):
        problems.raise_if_any()
        raise AssertionError("a document without a mapping must have a problem")
    return tree


def _preset(tree: Located, problems: Problems) -> tuple[Path, str]:
    """Find the preset of a job: a path from the job's folder, or the name of a shipped one."""
    if not isinstance(tree.value, str):
        problems.add(tree, f"expected the name or the path of a preset, not {describe(tree.plain)}")
        problems.raise_if_any()
    try:
        path, _ = find_file(str(tree.value), tree.location.folder)
    except PresetError:
        available = list_available(str(tree.value), preset_names())
        problems.add(tree, f"{describe(tree.plain)} is neither a file nor a preset; {available}")
        problems.raise_if_any()
        raise
    return path, str(path)


def _on_failure(tree: Located | None, default: OnFailure, problems: Problems) -> OnFailure:
    if tree is None:
        return default
    for choice in get_args(OnFailure):
        if tree.value == choice:
            on_failure: OnFailure = choice
            return on_failure
    problems.add(tree, not_one_of(str(tree.plain), get_args(OnFailure)))
    return default


def _project(tree: Located | None, problems: Problems) -> str:
    """Return the name of a job's project; "" without one."""
    if tree is None or tree.value is None:
        return ""
    name = str(tree.value).strip() if isinstance(tree.value, (str, int)) and tree.value is not True else ""
    if not name or len(name) > MAX_PROJECT_CHARACTERS or not name.isprintable():
        limit = f"a name of 1 to {MAX_PROJECT_CHARACTERS} characters in one line"
        problems.add(tree, f"expected {limit}, not {describe(tree.plain)}")
        return ""
    return name


class StoredStep(BaseModel):
    """A step: its node, its parameters with all inputs filled in, its wires."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    node: str
    params: dict[str, Any]
    wires: dict[str, tuple[str, ...]]
    fanned: bool


class StoredJob(BaseModel):
    """A job in which only the nodes are looked up again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str
    on_failure: OnFailure
    inputs: dict[str, Any]
    files: tuple[str, ...]
    steps: tuple[StoredStep, ...]
    until: str = ""
    project: str = ""


def with_document(job: Job, params: dict[str, Json]) -> Job:
    """Return the job with its document; `params` has the filled-in parameters of each step, by step ID."""
    steps = tuple(
        StoredStep(id=step.id, node=step.info.name, params=params[step.id], wires=dict(step.wires), fanned=step.fanned)
        for step in job.steps
    )
    stored = StoredJob(
        name=job.name,
        about=job.about,
        on_failure=job.on_failure,
        inputs=dict(job.inputs),
        files=tuple(str(path) for path in job.files),
        steps=steps,
        project=job.project,
    )
    return replace(job, document=_dumped(stored))


def _dumped(stored: StoredJob) -> dict[str, Json]:
    """Return a stored job as JSON; one without a project is as earlier versions wrote it."""
    return stored.model_dump(mode="json", exclude=None if stored.project else {"project"})


def job_from_document(document: Json, registry: Registry) -> Job:
    """Rebuild a job from its document.

    Raises:
        PresetError: the document is malformed, or a node is missing or has other parameters now.
    """
    try:
        stored = StoredJob.model_validate(document)
    except ValidationError as error:
        message = f"the stored job cannot be read: {_first_error(error)}; start a new run from its files"
        raise PresetError(message) from error
    steps = tuple(_step(step, registry) for step in stored.steps)
    files = tuple(Path(name) for name in stored.files)
    dumped = _dumped(stored)
    dumped = document if dumped == document else dumped  # who has it keeps one, not two
    inputs, on_failure, project = stored.inputs, stored.on_failure, stored.project
    return Job(stored.name, stored.about, steps, inputs, dumped, on_failure, files, until=stored.until, project=project)


def _step(stored: StoredStep, registry: Registry) -> Step:
    info = registry.get(stored.node)
    try:
        params = share_parts(info.ports.params.model_validate(stored.params))
    except ValidationError as error:
        message = f"step {stored.id!r} of the stored job: {_first_error(error)}; start a new run from its files"
        raise PresetError(message) from error
    wires = {current_input(name, info.ports): sources for name, sources in stored.wires.items()}
    return Step(stored.id, info, params, wires, stored.fanned)


def _first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def check_output_places(
    steps: Sequence[Step],
    inputs: Mapping[str, Located],
    from_job: Collection[str],
    from_command_line: Collection[str],
    files: Sequence[Path],
    folders: Sequence[Path],
    base: Path,
    problems: Problems,
) -> None:
    """Report every step that writes to a place which the job's author, but not its user, has chosen.

    Args:
        steps: the steps, with all inputs filled in.
        inputs: the inputs of the preset.
        from_job: the inputs that the job sets.
        from_command_line: the inputs that the command line sets.
        files: the job and the preset.
        folders: where they may write besides their own folders.
        base: the current folder.
        problems: gets the errors.
    """
    own = [path.absolute().parent for path in files if path.absolute().parent != shipped_folder()]
    own += folders
    chosen = [Path(str(inputs[name].value)) for name in from_command_line if _is_path(inputs.get(name))]
    for step in steps:
        path = output_path(step)
        if path is None:
            continue
        name, tree = _input_of(path, inputs)
        beside_source = name not in from_job or "source" in from_command_line
        places = [*own, *chosen, *(_source_folder(inputs, base) if beside_source else ())]
        if any(real_path(path).is_relative_to(real_path(place)) for place in places):
            continue
        location = tree.location if tree is not None else Location(str(files[0]), base)
        where = f"the folder of {files[0].name}" if own else "the source's folder"
        where = " and ".join(map(str, folders)) or where
        problems.add_at(
            location,
            (name or step.id,),
            f"{path} is outside {where}; pass it with --out or --set {name or 'out'}=…, or add --allow-outside",
        )


def _check_containers(steps: Sequence[Step], inputs: Mapping[str, Located], base: Path, problems: Problems) -> None:
    """Report every film that would get the suffix of another container, also if only its takes are to be made now."""
    for step in steps:
        problem = container_problem(steps, step)
        if problem:
            name, tree = _input_of(Path(str(output_path(step))), inputs)
            location = tree.location if tree is not None else Location("", base)
            problems.add_at(location, (name or step.id,), problem)


def _input_of(path: Path, inputs: Mapping[str, Located]) -> tuple[str, Located | None]:
    """Return the input that has a path as its value; "" and None for a path that stands in a step."""
    for name, tree in inputs.items():
        if tree.value == str(path) and not tree.invalid:
            return name, tree
    return "", None


def _is_path(tree: Located | None) -> bool:
    return tree is not None and isinstance(tree.value, str) and Path(tree.value).is_absolute()


def _source_folder(inputs: Mapping[str, Located], base: Path) -> Iterator[Path]:
    source = inputs.get("source")
    if source is not None and isinstance(source.value, str):
        yield base if is_url(source.value) else Path(source.value).parent
