"""The inputs of a job as controls of the page, built from what its preset declares, and checked as a job is loaded.

An input that a preset gets appears on the page by itself.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...config.load import load_job
from ...config.presets.json_schema import JOB_OPTIONS
from ...config.presets.raw_preset import VERBATIM
from ...config.presets.shipped import find_file, load_preset_info
from ...core.errors import PresetError, React1Error, not_one_of, shorten
from ...core.nodes.registry import load_registry
from ...core.settings import path_in
from ...located_yaml.explain import is_url
from ...located_yaml.located import Problems, parse_yaml
from ..answers.job_answers import Option
from ..page_words import label_of, page_message
from .job_file import NEW_JOB_PRESET, JobFile
from .yaml_text import value_text

Json = dict[str, Any]
OWN_PLACES = frozenset({"source", "edits", "provenance"})
"""Inputs that have a control of their own elsewhere on the page."""
_FILE_KINDS = frozenset({"media", "file", "timeline"})
_SOME_EDIT = "0f-1f:happy"
"""Stands for edits that are not there or not valid yet: a load would end at them, before it checks the rest."""


def describe_options(job: JobFile) -> list[Option]:
    """Return the controls of the job's inputs.

    Raises:
        PresetError: the job or its preset cannot be read.
    """
    options = job.options()
    rows = []
    for name, spec in _declared(job, options).items():
        default, value = spec.get("default"), options.get(name)
        rows.append(
            Option(
                name=name,
                label=label_of(name),
                kind=spec["kind"],
                choices=[value_text(choice) for choice in spec.get("choices", ())],
                about=str(spec.get("about", "")),
                default=_shown(default),
                value=_shown(default if value is None else value),
                differs=value is not None and value != default,
                elsewhere=name in OWN_PLACES,
            )
        )
    return rows


def set_option(job: JobFile, name: str, text: str | None) -> None:
    """Write an input into the job, if a job with it can be loaded.

    Args:
        job: the job.
        name: the input, of its preset or of every job.
        text: the value as the command line takes it, YAML for options and numbers; None, or the default, removes it.

    Raises:
        PresetError: there is no such input here, or this value is wrong; the job is as before.
    """
    inputs = _declared(job, job.options())
    declared = {key: spec for key, spec in inputs.items() if key not in OWN_PLACES}
    if name not in declared:
        raise PresetError(not_one_of(name, declared))
    value = None if text is None else _parsed(text, declared[name]["kind"], job.path.parent)
    if value == declared[name].get("default"):
        value = None
    _require_file(value, declared[name]["kind"], job.path.parent)

    written = job.edits()
    is_usable = bool(written) and all(edit.edit is not None for edit in written)
    edits = () if is_usable or "edits" not in inputs else (_SOME_EDIT,)

    def check(old: Path, new: Path) -> None:
        problems = _problems(new, job, edits)
        known = _problems(old, job, edits) if problems else []
        for path, message in problems:  # what was wrong before in another place is no reason to refuse this
            key, _, part = path.partition(".")
            if key == name or (path, message) not in known:
                place = part if key == name else path
                raise PresetError(f"{place}: {message}" if place else message)

    job.set_option(name, value, check)


def _require_file(value: Any, kind: str, folder: Path) -> None:
    """Refuse a file that is not there: the film would else be refused at its end, without the name of the option."""
    named = value.get("file") if isinstance(value, dict) else value
    if kind not in _FILE_KINDS or not isinstance(named, str) or is_url(named):
        return
    exists = False
    with suppress(OSError, ValueError):  # the system takes no such name
        exists = path_in(folder, named).is_file()
    if not exists:
        raise PresetError(f"{shorten(named)} is not a file in {folder}")


def path_options(job: JobFile) -> set[str]:
    """Return the inputs whose value is a path, which begins at the job's folder.

    Raises:
        PresetError: the job or its preset cannot be read.
    """
    kinds = {*_FILE_KINDS, "path"}
    return {name for name, spec in _declared(job, job.options()).items() if spec["kind"] in kinds}


def _declared(job: JobFile, options: Json) -> dict[str, Json]:
    """Return the inputs of the job's preset, and what every job may say, as a preset declares inputs."""
    path, _ = find_file(str(options.get("preset", NEW_JOB_PRESET)), job.path.parent)
    inputs = _preset_inputs(path, path.stat().st_mtime_ns)
    shared = {name: _as_input(schema) for name, schema in JOB_OPTIONS.items() if name not in inputs}
    return {**inputs, **shared}


@lru_cache(maxsize=16)
def _preset_inputs(path: Path, _changed_ns: int) -> dict[str, Json]:
    inputs = load_preset_info(str(path), path.parent).inputs
    return {name: dict(spec) for name, spec in inputs.items() if "kind" in spec}


def _as_input(schema: Json) -> Json:
    choices = schema.get("enum", ())
    return {
        "kind": "choice" if choices else "text",
        "choices": choices,
        "default": schema.get("default"),
        "about": schema["description"],
    }


def _shown(value: Any) -> str:
    return "" if value is None else value_text(value)


def _parsed(text: str, kind: str, folder: Path) -> Any:
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise PresetError("the text contains an unpaired surrogate") from None
    if kind in VERBATIM:
        return text
    problems = Problems()
    tree = parse_yaml(content, "", folder, problems)
    for problem in problems:
        raise PresetError(f"not valid YAML: {problem.message}")
    return None if tree is None else tree.plain


def _problems(path: Path, job: JobFile, edits: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return why a job cannot be loaded from a path: inputs, and what is wrong; `edits` replace its own."""
    name = job.path.name
    try:
        load_job(str(path), registry=load_registry(), edits=edits, folders=job.folders, base=path.parent)
    except PresetError as error:
        return [(problem.path, problem.message.replace(path.name, name)) for problem in error.problems]
    except React1Error as error:
        return [("", page_message(error).replace(path.name, name))]
    return []
