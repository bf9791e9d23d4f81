"""`react1 runs`: what ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..messages import open_home, out, out_json
from ..options import AsJson, Home

if TYPE_CHECKING:
    from ...runner.run_folder import RunFolder

NAME = "runs"


def command(as_json: AsJson = False, home: Home = None) -> None:
    """List the runs, the newest first."""
    from ...runner.run_folder import all_runs

    with open_home(home, as_json) as folder:
        rows = [_row(run) for run in all_runs(folder)]
        if as_json:
            out_json({"runs": rows})
            return
        for row in rows:
            out(f"{row['run']}  {row['status']:<13}  {row['preset']:<14}  {row['output'] or ''}".rstrip())
        if not rows:
            out(f"no runs in {folder}; start one with `react1 run` or `react1 demo`")


def _row(run: RunFolder) -> dict[str, Any]:
    """Tell of one run; one that cannot be read must not hide the others."""
    from ...core.errors import PresetError

    try:
        told, status = run.read(), run.state()
    except PresetError:
        told, status = {}, "unreadable"
    result = told.get("result") or {}
    return {
        "run": run.name,
        "status": status,
        "preset": told.get("what", ""),
        "created": told.get("created", ""),
        "output": result.get("output"),
        "cost_usd": result.get("cost_usd", told.get("cost_usd", 0.0)),
    }
