"""What is run for the page: the job of the film, and that of the package for an editing system."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...config.checked_job import Job
from ...config.load import load_job
from ...config.presets.json_schema import JOB_OPTIONS
from ...config.presets.shipped import load_preset_info
from ...core.edits.edit import Edit
from ...core.nodes.registry import load_registry
from .job_file import JobFile

_TURNOVER = "turnover"
_OWN_IN_TURNOVERS = frozenset({"source", "edits", "out"})
"""Inputs that a package for an editing system gets from the page; it has all others of its preset from the job."""


def load_film(job: JobFile, provider: str, edits: Sequence[Edit] = ()) -> Job:
    """Return the job as it is written, with a provider and, if there are any, with other edits.

    Raises:
        PresetError: it is not valid.
    """
    folder = job.path.parent
    return load_job(
        str(job.path), registry=load_registry(), edits=edits, provider=provider, folders=job.folders, base=folder
    )


def load_turnover(job: JobFile, film: Path, edits: Sequence[Edit], provider: str) -> Job:
    """Return the job of the package: beside the film or, if nothing may be written there, beside the new film.

    Raises:
        PresetError: it is not valid.
    """
    folder = film.parent
    if not os.access(folder, os.W_OK):
        folder = Path(str(load_film(job, provider).inputs["out"])).parent
    options = job.options()
    shared = {*load_preset_info(_TURNOVER, job.path.parent).inputs, *JOB_OPTIONS} - _OWN_IN_TURNOVERS
    also = {name: _as_set(value) for name, value in options.items() if name in shared and value is not None}
    return load_job(
        _TURNOVER,
        registry=load_registry(),
        sets={"turnover": str(folder / f"{film.stem}.react1-turnover"), **also, "source": str(film)},
        out=str(folder / f"{film.stem}.react1-turnover{film.suffix}"),
        edits=edits,
        provider=provider,
        base=job.path.parent,
    )


def _as_set(value: Any) -> str:
    """Return the value of an input as the command line writes it."""
    return value if isinstance(value, str) else json.dumps(value)
