"""From the words of a command line to a job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import PresetError, Problem
from ..core.suggest import not_one_of
from .messages import err

if TYPE_CHECKING:
    from ..config.checked_job import Job

PROVIDERS = ("auto", "local", "segmind", "sync")


def load_from_options(
    what: str,
    sets: list[str] | None,
    edits: list[str] | None,
    provider: str | None,
    out: Path | None,
    scripts: list[Path] | None = None,
    edits_file: Path | None = None,
    online: Path | None = None,
    start_tc: str | None = None,
) -> Job:
    """Load a job by what the user typed.

    Raises:
        PresetError: something is wrong with it; all problems at once.
    """
    from ..config.load import load_job
    from ..core.registry import load_registry

    base = _here()
    if provider is not None and provider not in PROVIDERS:
        raise PresetError(f"--provider: {not_one_of(provider, PROVIDERS)}")
    allow_scripts(scripts)
    job = load_job(
        what,
        registry=load_registry(),
        sets={**_pairs(sets or []), **({"start_tc": start_tc} if start_tc else {})},
        edits=edits or [],
        edits_file=str(edits_file) if edits_file else None,
        provider=provider,
        out=str(out) if out else None,
        online=str(online) if online else None,
        base=base,
    )
    for line in job.notes:
        err(line)
    return job


def allow_scripts(scripts: list[Path] | None) -> None:
    """Let `script` steps take functions from these files, beside those that REACT1_SCRIPT names."""
    named = [str(path.absolute()) for path in scripts or []]
    if named:
        before = os.environ.get("REACT1_SCRIPT", "")
        os.environ["REACT1_SCRIPT"] = os.pathsep.join([*named, *([before] if before else [])])


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise PresetError("the current folder is gone; go to one that is there") from error


def _pairs(sets: list[str]) -> dict[str, str]:
    pairs, problems = {}, []
    for text in sets:
        name, equals, value = text.partition("=")
        if equals and name.strip():
            pairs[name.strip()] = value
        else:
            problems.append(Problem(f"--set: {text!r} is not NAME=VALUE"))
    if problems:
        raise PresetError(problems)
    return pairs
