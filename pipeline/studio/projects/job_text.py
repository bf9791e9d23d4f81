"""A job as text to take elsewhere: the YAML itself, a command, or Python."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...config.presets.shipped import find_file
from ...core.edits.edit import Edit
from ...core.settings import path_in
from .film_options import path_options
from .job_file import NEW_JOB_PRESET, JobFile

_FILES = frozenset({"audio", "certificate", "key", "document", "file"})
"""Fields of edits, and parts of inputs such as `provenance`, that name a file."""


def job_text(job: JobFile, film: Path, kind: str, provider: str) -> str:
    """Return a job as `yaml`, as a `command`, or as `python`.

    Args:
        job: the job.
        film: the film that it edits.
        kind: the language.
        provider: who makes the takes; `auto` needs not be said.

    Raises:
        PresetError: the job, or its preset, cannot be read.
    """
    if kind == "yaml":
        return job.text()
    if kind == "command":
        option = f" --provider {provider}" if provider != "auto" else ""
        option += " --allow-outside" if job.folders else ""
        return f"react1 run {shlex.quote(str(job.path))}{option}"
    options = job.options()
    preset, folder = options.pop("preset", NEW_JOB_PRESET), job.path.parent
    options.pop("source", None)
    file, _ = find_file(str(preset), folder)
    preset = str(file) if file == path_in(folder, str(preset)) else str(preset)
    lines = ["from react1 import Edit, load_preset, run", "", "result = run("]
    lines += [f"    load_preset({preset!r}),", f"    source={str(film)!r},", "    edits=["]
    for written in job.edits():
        if written.edit is not None:
            lines.append(f"        Edit({_arguments(written.fields, folder)}),")
    lines.append("    ],")
    paths = path_options(job)
    full = {name: _with_full_path(value, name in paths, folder) for name, value in options.items()}
    lines += [f"    {name}={value!r}," for name, value in full.items() if name != "provider"]
    lines += [f"    provider={provider!r},"] if provider != "auto" else []
    return "\n".join([*lines, ")", "print(result.output)", ""])


def _arguments(fields: dict[str, Any], folder: Path) -> str:
    """Return the fields of an edit as keyword arguments; a file is named by its full path."""
    keywords = {field.alias or name: name for name, field in Edit.model_fields.items()}
    named = {
        keywords[name]: _with_full_path(value, name in _FILES, folder)
        for name, value in fields.items()
        if name in keywords
    }
    return ", ".join(f"{name}={value!r}" for name, value in named.items())


def _with_full_path(value: Any, is_file: bool, folder: Path) -> Any:
    """Return a value with the full path if it names a file, also where it is a mapping such as `consent`."""
    if isinstance(value, Mapping):
        return {name: _with_full_path(item, name in _FILES, folder) for name, item in value.items()}
    return str(path_in(folder, value)) if is_file and isinstance(value, str) and "://" not in value else value
