"""Requests to a renderer and its results; a worker process exchanges them as small JSON files in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..core.errors import InputMediaError, ProviderError, React1Error
from ..net.url import NetworkPolicy
from ..providers.contract import React1Request
from ..store.atomic import write_text
from .faults import Perturbation
from .job_store import Job
from .server_options import ServerOptions

REQUEST_FILE, RESULT_FILE = "request.json", "result.json"


class WorkerRequest(BaseModel):
    """One take to render."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: React1Request
    video_file: str
    """Path of an upload to this server; empty if `parameters.video_url` must be fetched."""
    audio_file: str
    fetch_bytes: int
    fetch_s: float
    network: NetworkPolicy
    perturbations: tuple[Perturbation, ...]
    home: str = ""
    """Store that caches detected faces between takes; empty: no cache."""


class WorkerResult(BaseModel):
    """The rendered file, or the error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = ""
    """Name of the take in the folder; empty if it failed."""
    output_s: float = 0
    notes: tuple[str, ...] = ()
    error: str = ""
    at_fault: Literal["", "request", "server"] = ""


def request_for(job: Job, options: ServerOptions) -> WorkerRequest:
    """Build the worker request of a job."""
    return WorkerRequest(
        parameters=React1Request.model_validate(job.sent),
        video_file=job.video_file,
        audio_file=job.audio_file,
        fetch_bytes=options.limits.fetch_bytes,
        fetch_s=options.limits.fetch_s,
        network=options.network,
        perturbations=job.perturbations,
        home=str(options.home),
    )


def failed_result(error: React1Error) -> WorkerResult:
    """Return the result for an error, with the side at fault: the request or this server."""
    at_fault: Literal["request", "server"] = (
        "request" if isinstance(error, (InputMediaError, ProviderError)) else "server"
    )
    return WorkerResult(error=str(error), at_fault=at_fault)


def write_result(folder: Path, result: WorkerResult) -> None:
    """Write the result atomically."""
    write_text(folder / RESULT_FILE, result.model_dump_json())
