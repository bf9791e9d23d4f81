"""`react1 run`: do a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import AsJson, Edits, Home, MaxCost, Out, ProviderOption, Quiet, Scripts, Sets, What, Yes
from .tell import failures_told, out, out_json

if TYPE_CHECKING:
    from pathlib import Path

    from ..preset.model import Job
    from ..run.outcome import RunResult
    from ..run.runs import RunFolder

NAME = "run"


def command(
    what: What,
    sets: Sets = None,
    edit: Edits = None,
    provider: ProviderOption = None,
    out_file: Out = None,
    max_cost: MaxCost = None,
    yes: Yes = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    home: Home = None,
    script: Scripts = None,
) -> None:
    """Run a preset or a job."""
    from ..settings import home_folder
    from .job import job_from

    folder = home_folder(home)
    with failures_told(folder, as_json):
        job = job_from(what, sets, edit, provider, out_file, script)
        do(job, folder, replace=yes, max_cost=max_cost, as_json=as_json, quiet=quiet)


def do(
    job: Job,
    home: Path,
    *,
    replace: bool,
    max_cost: float | None = None,
    as_json: bool = False,
    quiet: bool = False,
    run: RunFolder | None = None,
) -> RunResult:
    """Run a job with its progress on standard error, and print what came of it.

    Raises:
        typer.Exit: with 6 when some segments kept their original footage.
    """
    import asyncio

    import typer

    from ..run.execute import Options, execute
    from ..settings import max_cost_usd
    from .progress import progress_for

    with progress_for(quiet=quiet or as_json) as watcher:
        options = Options(home, replace=replace, max_cost_usd=max_cost_usd(max_cost), watcher=watcher)
        result = asyncio.run(execute(job, options, run))
    if as_json:
        out_json(result.to_json())
    elif not quiet:
        for line in summary(result):
            out(line)
    if result.exit_status:
        raise typer.Exit(result.exit_status)
    return result


def summary(result: RunResult) -> list[str]:
    """Say in a few lines what came of a run."""
    lines = []
    for segment in result.segments:
        how = "original footage kept" if segment.status == "original" else (segment.provider or "prepared")
        reused = ", from the store" if segment.reused else ""
        span = f"frames {segment.start_frame}-{segment.end_frame}"
        lines.append(f"{segment.name}: {span}, {how}{reused}, ${segment.cost_usd:.2f}")
    if result.output:
        lines.append(f"output  {result.output}")
    if result.report:
        lines.append(f"report  {result.report}")
    return [*lines, f"run     {result.run}"]
