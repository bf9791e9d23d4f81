"""`react1 runs` and `react1 show`: list the runs, and show one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....core.errors import PresetError
from ...messages import open_home, out, out_json
from ...options import AsJson, Home

if TYPE_CHECKING:
    from ....runner.run_records.run_folder import RunFolder


RUNS_EXAMPLES = ("react1 runs",)


def runs(as_json: AsJson = False, home: Home = None) -> None:
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
        # A run that was resumed has both: of its last result, and of when it failed. What it spends only grows.
        "cost_usd": max(result.get("cost_usd", 0.0), record.get("cost_usd", 0.0)),
    }


SHOW_EXAMPLES = ("react1 show 20260101-120000",)


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's name, or its first characters.")],
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Show a run: its status, its results and its checks."""
    from ....core.times import frames_text
    from ....report.film_findings import film_findings, seam_sentences
    from ....runner.run_records.run_folder import find_run

    with open_home(home, as_json) as folder:
        run_folder = find_run(folder, run)
        record = {**run_folder.read()}
        record["status"] = run_folder.state()
        if as_json:
            out_json(record)
            return
        out(f"run      {run_folder.name}")
        out(f"status   {record['status']}{': ' + record['error'] if record.get('error') else ''}")
        out(f"preset   {record.get('what', '')}")
        out(f"created  {record.get('created', '')}")
        result = record.get("result") or {}
        for name in ("output", "report"):
            if result.get(name):
                out(f"{name:<8} {result[name]}")
        for segment in result.get("segments", []):
            frames = frames_text(segment["start_frame"], segment["end_frame"])
            out(f"  {segment['name']}: {frames}, {segment['status']}")
            for take in segment.get("takes", []):
                out(f"    {take['number']:>2}  {take['name']}  {take['status']}")
        checks = result.get("checks", {})
        for finding in (*film_findings(checks), *seam_sentences(checks)):
            out(f"  {'checked' if finding.passed else 'not so'}: {finding.text}")
        for line in record.get("notes", []):
            out(f"  note: {line}")
        if record["status"] in ("interrupted", "failed", "running"):
            out(f"resume with: react1 resume {run_folder.name}")
        if record["status"] == "choose":
            out(f"choose a take with: react1 pick {run_folder.name} SEGMENT TAKE")
