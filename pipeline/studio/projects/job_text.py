"""A job as text to take elsewhere: the YAML itself, a command, or Python."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from ...core.edits.edit import Edit
from .film_options import path_options
from .job_file import JobFile

_KEYWORDS = {"in": "in_"}
"""Fields of an edit that are named otherwise in Python."""


def job_text(job: JobFile, film: Path, kind: str, provider: str) -> str:
    """Return a job as `yaml`, as a `command`, or as `python`.

    Args:
        job: the job.
        film: the film that it edits.
        kind: the language.
        provider: who makes the takes; `auto` needs not be said.

    Raises:
        PresetError: the job cannot be read.
    """
    if kind == "yaml":
        return job.text()
    if kind == "command":
        option = f" --provider {provider}" if provider != "auto" else ""
        return f"react1 run {shlex.quote(str(job.path))}{option}"
    options = job.options()
    preset, folder = options.pop("preset", "emotion-edit"), job.path.parent
    options.pop("source", None)
    lines = ["from react1 import Edit, load_preset, run", "", "result = run("]
    lines += [f"    load_preset({str(preset)!r}),", f"    source={json.dumps(str(film))},", "    edits=["]
    for written in job.edits():
        if written.edit is not None:
            lines.append(f"        Edit({_arguments(written.fields, folder)}),")
    lines.append("    ],")
    paths = path_options(job)
    full = {name: _full_path(value, folder) if name in paths else value for name, value in options.items()}
    lines += [f"    {name}={_with_paths(value, folder)!r}," for name, value in full.items() if name != "provider"]
    lines += [f"    provider={provider!r},"] if provider != "auto" else []
    return "\n".join([*lines, ")", "print(result.output)", ""])


def _arguments(fields: dict[str, Any], folder: Path) -> str:
    """Return the fields of an edit as keyword arguments; a file is named by its full path."""
    known = {field.alias or name for name, field in Edit.model_fields.items()} | {"emotion"}
    values = {name: value for name, value in fields.items() if name in known}
    if isinstance(values.get("audio"), str) and "://" not in values["audio"]:
        values["audio"] = str(folder / values["audio"])
    named = {"prompt" if name == "emotion" else _KEYWORDS.get(name, name): value for name, value in values.items()}
    return ", ".join(f"{name}={value!r}" for name, value in named.items())


def _full_path(value: Any, folder: Path) -> Any:
    return str(folder / value) if isinstance(value, str) and "://" not in value else value


def _with_paths(value: Any, folder: Path) -> Any:
    """Return the value of an input, with the paths of a certificate and of a document in full."""
    if not isinstance(value, dict):
        return value
    files = ("certificate", "key", "document")
    return {name: str(folder / item) if name in files else item for name, item in value.items()}
