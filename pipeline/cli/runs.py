"""`react1 runs`: what ran."""

from __future__ import annotations

from .options import AsJson, Home
from .tell import failures_told, out, out_json

NAME = "runs"


def command(as_json: AsJson = False, home: Home = None) -> None:
    """List the runs, the newest first."""
    from ..run.runs import all_runs, state_of
    from ..settings import home_folder

    folder = home_folder(home)
    with failures_told(folder):
        rows = []
        for run in all_runs(folder):
            told = run.read()
            result = told.get("result") or {}
            rows.append(
                {
                    "run": run.name,
                    "status": state_of(told),
                    "preset": told.get("what", ""),
                    "created": told.get("created", ""),
                    "output": result.get("output"),
                    "cost_usd": result.get("cost_usd", 0.0),
                }
            )
        if as_json:
            out_json({"runs": rows})
            return
        for row in rows:
            out(f"{row['run']}  {row['status']:<13}  {row['preset']:<14}  {row['output'] or ''}".rstrip())
        if not rows:
            out(f"no runs in {folder}; start one with `react1 run` or `react1 demo`")
