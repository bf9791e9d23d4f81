"""A checked job, as the runner gets it; and the part of one that makes takes and no film, or ends at a named step.

The steps that are left out can be run later by the whole job, which finds everything else in the store: nothing is
rendered or paid for again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ..core.errors import PresetError, not_one_of
from ..core.file import Deliver, File, Ingest, is_marked
from ..core.nodes.node import Params, delivery
from ..core.nodes.registry import NodeInfo
from ..core.values import Media, Report, Take
from ..located_yaml.explain import is_url
from ..located_yaml.located import Json

OnFailure = Literal["stop", "keep-original"]
CONTAINERS = {
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".mxf",
    ".mpg",
    ".mpeg",
    ".ts",
    ".m2ts",
    ".mts",
    ".flv",
    ".wmv",
}
"""What a film's name may end with; anything else that follows a dot is a part of its name."""
WALK = object()
"""What a part is not replaced by: its own parts are looked at."""


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


def local_files(step: Step) -> list[Path]:
    """Return the local files that a step's parameters name."""
    paths: list[Path] = []

    def collect(text: str) -> str:
        if not is_url(text):
            paths.append(Path(text))
        return text

    replace_files(step.params, collect)
    return paths


def map_parts(value: Any, replace_part: Callable[[Any, FieldInfo | None], Any], field: FieldInfo | None = None) -> Any:
    """Return a value with some of its parts replaced, or the same object if nothing changes.

    Args:
        value: a model, a list, a tuple, or anything else, which has no parts.
        replace_part: gets each part and the model's field that holds it, None in a list; returns what takes its place,
            or WALK for its own parts to be looked at.
        field: the field that holds the value.
    """
    replaced = replace_part(value, field)
    if replaced is not WALK:
        return replaced
    if isinstance(value, BaseModel):
        changed = {}
        for name, part_field in type(value).model_fields.items():
            part = getattr(value, name)
            new = map_parts(part, replace_part, part_field)
            if new is not part:
                changed[name] = new
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, (list, tuple)):
        items = [map_parts(item, replace_part) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    return value


def replace_files(value: Any, replace_file: Callable[[str], File | str]) -> Any:
    """Return parameters, or a part of them, with what is returned for each local path or URL in its place."""

    def replace_part(part: Any, field: FieldInfo | None) -> Any:
        if isinstance(part, str) and field is not None and is_marked(field, Ingest):
            return replace_file(part)
        return part if isinstance(part, File) else WALK

    return map_parts(value, replace_part)


def container_problem(steps: Sequence[Step], step: Step) -> str:
    """Return why a step's output path is no name for its film, which keeps the container of its source; "" if it is."""
    path = output_path(step)
    if path is None or step.fanned or delivery(step.info.cls, step.info.ports) != "film":
        return ""
    before = steps[: steps.index(step)]
    opened = [file for earlier in before if earlier.info.ports.output is Media for file in local_files(earlier)]
    with suppress(OSError):  # a name that is too long is refused with the other destinations
        if path.is_dir():
            return f"{path} is a folder; name a file in it"
    return wrong_suffix(path, opened[-1].suffix) if opened else ""


def wrong_suffix(path: Path, suffix: str) -> str:
    """Return why a path is no name for a film of a source with this suffix; "" if it is."""
    if not suffix or suffix.lower() == path.suffix.lower():
        return ""
    reason = "the film keeps the container of its source"
    return f"{path} does not end with {suffix}; {reason}; name it {with_suffix(path, suffix.lower())}"


def with_suffix(path: Path, suffix: str) -> Path:
    """Return the path with the film's suffix, if it has none or that of another container."""
    if path.suffix.lower() == suffix or not suffix:
        return path
    return path.with_suffix(suffix) if path.suffix.lower() in CONTAINERS else path.with_name(path.name + suffix)


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
