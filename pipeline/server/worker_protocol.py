"""Requests to a renderer and its results, and the renderers: a worker process, and the source, marked or as it is.

A renderer runs in a thread, in a folder of its own, and calls `check` to learn whether to go on. The worker process
exchanges the request and the result as small JSON files in that folder.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..core.errors import InputMediaError, Interrupted, ProviderError, React1Error, ToolFailed
from ..net.url import NetworkPolicy
from ..providers.contract import React1Request
from ..store.atomic import write_text
from .faults import Perturbation
from .job_store import Job
from .server_options import ServerOptions

REQUEST_FILE, RESULT_FILE = "request.json", "result.json"
_log = logging.getLogger(__name__)


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


Renderer = Callable[[WorkerRequest, Path, Callable[[], None], float], WorkerResult]
"""`(request, folder, check, max_s)`; `max_s` is the timeout in seconds."""


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


def render_in_process(request: WorkerRequest, folder: Path, check: Callable[[], None], max_s: float) -> WorkerResult:
    """Render in a separate process, so that a crash cannot end the server."""
    from ..media.tools.process import run_tool

    (folder / REQUEST_FILE).write_text(request.model_dump_json(), encoding="utf-8")
    try:
        run_tool([sys.executable, "-m", f"{__package__}.worker", str(folder)], timeout_s=max_s, check=check)
    except ToolFailed as error:
        _log.error("worker_ended code=%s tail=%s", error.code, error.tail)
        how = "was killed, ran out of memory or out of time" if error.code == -9 else f"ended with status {error.code}"
        return WorkerResult(error=f"the worker that rendered this take {how}; submit it again", at_fault="server")
    return WorkerResult.model_validate_json((folder / RESULT_FILE).read_bytes())


def copy_source(request: WorkerRequest, folder: Path, check: Callable[[], None], max_s: float) -> WorkerResult:
    """Return the source video as the take, without a process or the engine."""
    from .worker import copy_take

    return _render_here(copy_take, request, folder, check)


def mark_source(request: WorkerRequest, folder: Path, check: Callable[[], None], max_s: float) -> WorkerResult:
    """Return the source video with a square as the take, without a worker process or the engine."""
    from .worker import mark_take

    return _render_here(mark_take, request, folder, check)


def _render_here(
    render: Callable[[WorkerRequest, Path, Callable[[], None]], WorkerResult],
    request: WorkerRequest,
    folder: Path,
    check: Callable[[], None],
) -> WorkerResult:
    try:
        return render(request, folder, check)
    except Interrupted:
        raise
    except React1Error as error:
        return failed_result(error)


RENDERERS: dict[str, Renderer] = {"local": render_in_process, "mark": mark_source, "copy": copy_source}
"""By the key `engine` of a fault file."""
