"""A Dask scheduler with workers on loopback, as processes."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

LIMIT_S = 120
_LEAN = {
    "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}
"""A worker is forked from a process that has imported Dask, and does not profile itself a hundred times a second."""


@contextlib.contextmanager
def open_dask(folder: Path, *, workers: int = 2, resources: str = "", environ: dict[str, str]) -> Iterator[str]:
    """Start a scheduler and workers that are restarted when they die; yield the scheduler's `host:port`."""
    contact = folder / "scheduler.json"
    scheduler = ["dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", contact]
    worker = ["dask_worker", "--scheduler-file", contact, "--nworkers", workers, "--nthreads", 1, "--no-dashboard"]
    worker += ["--host", "127.0.0.1", "--local-directory", folder, *(["--resources", resources] if resources else [])]
    # A lost worker counts at once, so that the executor's own attempts are what is tested.
    environ = {**environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0", **_LEAN}
    children = []
    try:
        for command in (scheduler, worker):
            argv = [sys.executable, "-m", f"distributed.cli.{command[0]}", *map(str, command[1:])]
            children.append(subprocess.Popen(argv, env=environ, stderr=subprocess.DEVNULL))
        yield _address(contact)
    finally:
        for child in reversed(children):
            child.terminate()
            child.wait(30)


def _address(path: Path) -> str:
    deadline_s = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        with contextlib.suppress(OSError, ValueError):
            return json.loads(path.read_text())["address"].removeprefix("tcp://")
        time.sleep(0.02)
    raise AssertionError("the dask scheduler has not started")
