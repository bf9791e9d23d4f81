"""`react1 new-node`: begin a package with a node of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...messages import out, report_failures

NAME = "new-node"
EXAMPLES = ("react1 new-node add_grain my-nodes",)


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The node's name in presets, such as add_grain.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder for the package.")],
) -> None:
    """Write a package with a node of your own, registered, and with tests that pass."""
    from ...node_template import write_package

    with report_failures():
        for path in write_package(name, folder):
            out(str(path))
        out(f"next: cd {folder} && pip install -e '.[test]' && pytest")
