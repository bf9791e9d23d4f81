"""What a job and its preset decide for edits: expressions and snapping where an edit says none, and markers and words.

The page shows the frames and the expression that a run of the job would use, so both are resolved as a load of the job
does it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...config.edit_lists import ReadLists
from ...config.inputs import fill_inputs
from ...config.presets.raw_preset import RawPreset, parse_preset
from ...config.presets.shipped import find_file, read_file
from ...config.steps import substitute
from ...core.edits.choices import CHOICE_NAMES, React1Overrides
from ...core.edits.edit import Edit
from ...core.errors import PresetError, React1Error, shorten
from ...core.settings import path_in
from ...interchange.places import PlaceOptions, Snap
from ...interchange.readers import CUES, TIMELINES
from ...located_yaml.located import Location, Problems, from_plain
from .job_file import NEW_JOB_PRESET, JobFile, Mark, file_mark, text_digest

Json = dict[str, Any]
_PLACE_INPUTS = ("edits", "cues", "timeline", "source", "")
"""The inputs that decide where an edit lies, and the lines of their files, which belong to no input; what is wrong with
the others is reported elsewhere on the page."""


@dataclass(frozen=True)
class JobValues:
    """What a job and its preset say besides the edits."""

    preset: Path
    preset_changed_ns: int
    file: Path
    options: str
    """The job's inputs besides its edits, as JSON."""

    @classmethod
    def of(cls, job: JobFile) -> JobValues:
        """Return what a job says now.

        Raises:
            PresetError: it cannot be read, or there is no such preset.
        """
        options = job.options()
        preset, _ = find_file(str(options.get("preset", NEW_JOB_PRESET)), job.path.parent)
        return cls(preset, preset.stat().st_mtime_ns, job.path, json.dumps(options, sort_keys=True))

    @property
    def location(self) -> Location:
        """The place of its values."""
        return Location(self.file.name, self.file.parent)

    def files(self) -> list[Path]:
        """Return the files that it names to say where edits lie."""
        options = json.loads(self.options)
        named = [options.get(name) for name in ("cues", "timeline")]
        files = [value.get("file") if isinstance(value, dict) else value for value in named]
        return [path_in(self.file.parent, file) for file in files if isinstance(file, str)]


def values_of(job: JobFile) -> JobValues | None:
    """Return what a job says now; None while it cannot be read, or has no preset: the page says so elsewhere."""
    with suppress(PresetError, OSError):
        return JobValues.of(job)
    return None


def other_film(job: JobFile, film: Path) -> str:
    """Return that a job names another film than this one; empty if it does not, or cannot be read."""
    source = None
    with suppress(PresetError):
        source = job.options().get("source")
    if not isinstance(source, str):
        return ""
    with suppress(OSError, ValueError, RuntimeError):
        named = path_in(job.path.parent, source)
        if named.resolve() == film.resolve() or named.samefile(film):
            return ""
    name = shorten(source.replace("\\", "/").rpartition("/")[2])
    return f"{job.path.name} names another film now, {name}; open {job.path.name} to edit that one"


@lru_cache(maxsize=16)
def _preset(path: Path, _changed_ns: int) -> RawPreset:
    problems = Problems()
    tree = read_file(path, path.name, problems)
    problems.raise_if_any()
    assert tree is not None
    preset = parse_preset(tree, path.stem, problems)
    problems.raise_if_any()
    return preset


@lru_cache(maxsize=64)
def _step_params(values: JobValues, node: str) -> Json:
    """Return the parameters of the preset's first step of a node, with the job's inputs filled in; empty without one.

    Raises:
        PresetError: the preset is not valid.
        StorageFailed: it cannot be read.
    """
    preset, options = _preset(values.preset, values.preset_changed_ns), json.loads(values.options)
    step = next((step for step in preset.steps if step.node == node), None)
    if step is None:
        return {}
    inputs = {
        name: from_plain(options[name], values.location)
        if options.get(name) is not None
        else spec.default or spec.tree.with_value(None)
        for name, spec in preset.inputs.items()
    }
    params: Any = substitute(step.params, inputs, Problems()).plain
    return dict(params)


def step_choices(values: JobValues | None) -> tuple[React1Overrides, bool]:
    """Return what the preset says for edits that say nothing: the expression, and whether the lips follow the sound."""
    with suppress(React1Error, ValidationError):
        params = _step_params(values, "react1") if values is not None else {}
        choices = React1Overrides.model_validate({name: params[name] for name in CHOICE_NAMES if name in params})
        return choices, params.get("resync") is True
    return React1Overrides(), False


@dataclass(frozen=True)
class EditPlace:
    """Where an edit lies, as a run finds it."""

    edit: Edit
    """With in and out in place of a marker."""
    cues: str | None
    """The file or URL of the spoken lines in which its words are looked up; None for those in the film."""
    snap: Snap
    within_s: Fraction


def place_of(values: JobValues | None, film: Path, edit: Edit) -> EditPlace:
    """Return an edit with what a run of its job uses to find its frames: files beside the film too.

    Raises:
        PresetError: the edit names a marker that does not exist, or a file that cannot be read.
    """
    cues: str | None = None
    params: Json = {}
    with suppress(React1Error):
        params = _step_params(values, "trim") if values is not None else {}
    if edit.at is not None and values is not None:
        marks = ((film, file_mark(film)), *_list_marks(values, film))
        edit, cues = _placed_by_content(values, film, marks, edit.model_dump_json(by_alias=True, exclude_none=True))
    snap, within_s = params.get("snap"), PlaceOptions().within_s
    with suppress(TypeError, ValueError, OverflowError):  # a wrong value is reported elsewhere on the page
        within_s = Fraction(str(float(params.get("snap_within_s", within_s))))
    return EditPlace(edit, cues, snap if snap in ("shot", "silence") else "none", within_s)


def _list_marks(values: JobValues | None, film: Path) -> tuple[tuple[Path, Mark | None], ...]:
    """Return what changes whenever a list of spoken lines or markers is written, added or removed.

    Those are the lists that the job names, and all beside the film that have its name.
    """
    files, own_name = values.files() if values is not None else [], f"{film.stem}."
    with suppress(OSError):
        lists = (path for path in film.parent.iterdir() if path.suffix.lower() in (*CUES, *TIMELINES))
        files += sorted(path for path in lists if path.name.startswith(own_name))
    return tuple((path, file_mark(path)) for path in files)


def lists_version(job: JobFile, film: Path) -> str:
    """Return what changes whenever a list of spoken lines or markers does; empty without any."""
    marks = _list_marks(values_of(job), film)
    return text_digest(str(marks)) if marks else ""


@lru_cache(maxsize=512)
def _placed_by_content(
    values: JobValues, film: Path, _marks: tuple[Any, ...], written_edit: str
) -> tuple[Edit, str | None]:
    """Return an edit with the frames of its marker, and the spoken lines in which its words are looked up.

    Its place is known before it has what the preset requires besides, such as a new line.
    """
    preset, location, problems = _preset(values.preset, values.preset_changed_ns), values.location, Problems()
    preset = replace(preset, inputs={name: replace(spec, requires=()) for name, spec in preset.inputs.items()})
    options = json.loads(values.options)
    inputs = {name: value for name, value in options.items() if name in preset.inputs and value is not None}
    inputs |= {"source": str(film), "edits": [json.loads(written_edit)]}
    explicit = {name: from_plain(value, location, (name,)) for name, value in inputs.items()}
    filled = fill_inputs(preset, explicit, location.folder, location, ReadLists(), problems)
    own = [problem for problem in problems if problem.path.partition(".")[0] in _PLACE_INPUTS]
    if own:
        raise PresetError(own)
    cues = filled["cues"].value if "cues" in filled else None
    return Edit.model_validate(filled["edits"].entries[0].plain), cues if isinstance(cues, str) else None
