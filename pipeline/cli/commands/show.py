"""`react1 show`: one run whole."""

from __future__ import annotations

from typing import Annotated

import typer

from ..messages import open_home, out, out_json
from ..options import AsJson, Home

NAME = "show"


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run, or the beginning of its name.")],
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Show one run: what was asked, what came of it, and its checks."""
    from ...runner.run_folder import find_run

    with open_home(home, as_json) as folder:
        found = find_run(folder, run)
        told = {**found.read()}
        told["status"] = found.state()
        if as_json:
            out_json(told)
            return
        out(f"run      {found.name}")
        out(f"status   {told['status']}{': ' + told['error'] if told.get('error') else ''}")
        out(f"preset   {told.get('what', '')}")
        out(f"created  {told.get('created', '')}")
        result = told.get("result") or {}
        for name in ("output", "report"):
            if result.get(name):
                out(f"{name:<8} {result[name]}")
        for segment in result.get("segments", []):
            out(f"  {segment['name']}: frames {segment['start_frame']}-{segment['end_frame']}, {segment['status']}")
            for take in segment.get("takes", []):
                out(f"    {take['number']:>2}  {take['name']}  {take['status']}")
        for name, value in result.get("checks", {}).items():
            out(f"  {name}: {value}")
        for line in told.get("said", []):
            out(f"  note: {line}")
        if told["status"] in ("interrupted", "failed", "running"):
            out(f"carry on with: react1 resume {found.name}")
        if told["status"] == "choose":
            out(f"choose with: react1 pick {found.name} SEGMENT TAKE")
