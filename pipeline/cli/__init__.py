"""The command line: one file per verb, and the one place that prints."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress


def main(argv: list[str] | None = None) -> None:
    """Run the command `react1` and exit with its status."""
    with suppress(ValueError):  # another thread than the main one has no say over signals
        # Nothing has begun: leave at once, for an exception here could end up inside an import.
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from .app import run_command
    from .streams import open_closed_streams

    open_closed_streams()
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.default_int_handler)
    status = run_command(sys.argv[1:] if argv is None else argv)
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(status)
