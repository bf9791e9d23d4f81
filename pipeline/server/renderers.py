"""The renderers of takes: the engine in a worker process, and the source, marked or as it is.

A renderer runs in a thread, in a folder of its own, and calls `check` to learn whether to go on.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

from ..core.errors import Interrupted, React1Error, ToolFailed
from ..media.tools.process import run_tool
from .worker import copy_take, mark_take
from .worker_protocol import REQUEST_FILE, RESULT_FILE, WorkerRequest, WorkerResult, failed_result

Renderer = Callable[[WorkerRequest, Path, Callable[[], None], float], WorkerResult]
"""`(request, folder, check, max_s)`; `max_s` is the timeout in seconds."""
_log = logging.getLogger(__name__)


def render_in_process(request: WorkerRequest, folder: Path, check: Callable[[], None], max_s: float) -> WorkerResult:
    """Render in a separate process, so that a crash cannot end the server."""
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
    return _render_here(copy_take, request, folder, check)


def mark_source(request: WorkerRequest, folder: Path, check: Callable[[], None], max_s: float) -> WorkerResult:
    """Return the source video with a square as the take, without a worker process or the engine."""
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
