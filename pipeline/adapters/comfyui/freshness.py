"""Tell ComfyUI to run a box again when a file that it gave is gone or changed.

ComfyUI keeps the outputs of a box in memory and reuses them while its inputs stay the same, whatever became of the
files behind them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Stamp = tuple[int, int]


class GivenFiles:
    """The files that each box gave when it last ran, and how often they had to be made again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamps: dict[str, dict[Path, Stamp | None]] = {}
        self._generation: dict[str, int] = {}

    def record(self, key: str, paths: Iterable[Path]) -> None:
        """Note the files that a box has just given."""
        with self._lock:
            self._stamps[key] = {path: _stamp(path) for path in paths}

    def fingerprint(self, key: str) -> str:
        """Return the same text as before while all files of a box are unchanged, else a new one."""
        with self._lock:
            stamps = self._stamps.get(key, {})
            if any(_stamp(path) != stamp for path, stamp in stamps.items()):
                self._generation[key] = self._generation.get(key, 0) + 1
                del self._stamps[key]
            return str(self._generation.get(key, 0))


given_files = GivenFiles()


def call_key(box: str, node_id: str, values: Mapping[str, Any]) -> str:
    """Return a key for a box of a workflow and the values of its widgets; connected inputs do not count."""
    simple = {name: value for name, value in values.items() if isinstance(value, (str, int, float, bool))}
    return json.dumps([box, node_id, sorted(simple.items())])


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
