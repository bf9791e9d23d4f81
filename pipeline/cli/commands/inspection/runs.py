"""`react1 runs`: list the runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...messages import open_home, out, out_json
from ...options import AsJson, Home

if TYPE_CHECKING:
    from ....runner.run_records.run_folder import RunFolder

NAME = "runs"
EXAMPLES = ("react1 runs",)


def command(as_json: AsJson = False, home: Home = None) -> None:
    """List runs, newest first."""
    from ....runner.run_records.run_folder import all_runs

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
    """Return a run as a row; an unreadable one is listed as such."""
    from ....core.errors import PresetError

    try:
        record, status = run.read(), run.state()
    except PresetError:
        record, status = {}, "unreadable"
    result = record.get("result") or {}
    return {
        "run": run.name,
        "status": status,
        "preset": record.get("what", ""),
        "created": record.get("created", ""),
        "output": result.get("output"),
        "cost_usd": result.get("cost_usd", record.get("cost_usd", 0.0)),
    }
