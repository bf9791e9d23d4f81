"""How takes are made: the seam between the desk and whatever computes.

A maker runs in a thread, in a folder of its own, and asks `check` whether to go on.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

from ..core.errors import Interrupted, React1Error, ToolFailed
from .worker_protocol import ORDER, TOLD, Order, Told, failed

Maker = Callable[[Order, Path, Callable[[], None], float], Told]
"""Order, folder, check, the most seconds that it may take."""
_log = logging.getLogger(__name__)


def in_a_process(order: Order, folder: Path, check: Callable[[], None], most_s: float) -> Told:
    """Render in a process of its own: whatever it does, the server lives."""
    from ..media.process import run_tool

    (folder / ORDER).write_text(order.model_dump_json(), encoding="utf-8")
    try:
        run_tool([sys.executable, "-m", f"{__package__}.worker", str(folder)], timeout_s=most_s, check=check)
    except ToolFailed as error:
        _log.error("worker_ended code=%s tail=%s", error.code, error.tail)
        how = "was killed, ran out of memory or out of time" if error.code == -9 else f"ended with status {error.code}"
        return Told(error=f"the worker that made this take {how}; submit it again", at_fault="server")
    return Told.model_validate_json((folder / TOLD).read_bytes())


def by_copying(order: Order, folder: Path, check: Callable[[], None], most_s: float) -> Told:
    """Give the sent video back, without a process and without an engine."""
    from .render_take import copied

    try:
        return copied(order, folder, check)
    except Interrupted:
        raise
    except React1Error as error:
        return failed(error)


MAKERS: dict[str, Maker] = {"local": in_a_process, "copy": by_copying}
