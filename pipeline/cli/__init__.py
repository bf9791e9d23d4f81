"""The command line: one module per command, or per few that belong together; only this package prints."""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress


def main(argv: list[str] | None = None) -> None:
    """Run the command `react1` and exit with its status."""
    # Pictures are handled in threads of their own; OpenBLAS's wait in a busy loop for small products, as long again.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # What is imported stays: to look for garbage after every 700 new objects is a seventh of a short command's time.
    gc.set_threshold(10_000, 10, 10)
    with suppress(ValueError):  # signals can be set in the main thread only
        # Nothing has started, so exit at once: an exception here could be raised inside an import.
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from .app import run_command
    from .messages import open_closed_streams

    open_closed_streams()
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.default_int_handler)
    status = run_command(sys.argv[1:] if argv is None else argv)
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # An interpreter that ends looks through all objects twice more; the system takes the memory back without that.
    gc.freeze()
    sys.exit(status)
