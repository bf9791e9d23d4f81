"""The command line: one file per verb, and the one place that prints."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> None:
    """Run the command `react1` and exit with its status."""
    from .app import run_command

    sys.exit(run_command(sys.argv[1:] if argv is None else argv))
