"""`react1 run`: do a job."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import typer

from ..messages import err, open_home, out, out_json
from ..options import (
    AsJson,
    Edits,
    EditsFile,
    Home,
    MaxCost,
    Online,
    Out,
    ProviderOption,
    Quiet,
    Scripts,
    Sets,
    StartTc,
    What,
    Yes,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ...config.checked_job import Job
    from ...jobs.budget import Estimate
    from ...runner.events import Watcher
    from ...runner.outcome import RunResult, SegmentResult
    from ...runner.run_folder import RunFolder

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
    edits_file: EditsFile = None,
    start_tc: StartTc = None,
    online: Online = None,
) -> None:
    """Run a preset or a job."""
    from ..job import load_from_options

    with open_home(home, as_json) as folder:
        job = load_from_options(what, sets, edit, provider, out_file, script, edits_file, online, start_tc)
        exit_with_status(run_job(job, folder, replace=yes, agreed=yes, max_cost=max_cost, as_json=as_json, quiet=quiet))


def run_job(
    job: Job,
    home: Path,
    *,
    replace: bool,
    agreed: bool = False,
    max_cost: float | None = None,
    as_json: bool = False,
    quiet: bool = False,
    run: RunFolder | None = None,
) -> RunResult:
    """Run a job with its progress on standard error, and print what came of it."""
    import asyncio

    from ...core.settings import home_folder, max_cost_usd
    from ...runner.execute import Options, execute
    from ..progress import progress_for

    budget = max_cost_usd(max_cost)
    with progress_for(quiet=quiet or as_json) as watcher:
        options = Options(
            home, replace=replace, agreed=agreed, ask=confirmation(watcher), max_cost_usd=budget, watcher=watcher
        )
        result = asyncio.run(execute(job, options, run))
    if as_json:
        out_json(result.to_json())
    elif not quiet:
        for line in summary(result, None if home == home_folder(None) else home):
            out(line)
    return result


def confirmation(watcher: Watcher) -> Callable[[Estimate], bool] | None:
    """Give what shows a bill on the terminal and asks; None where nobody is at one."""
    import contextlib

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(bill: Estimate) -> bool:
        with getattr(watcher, "aside", contextlib.nullcontext)():
            for line in bill.lines():
                err(line)
            print(f"This costs about ${bill.new_usd:.2f}. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
            return sys.stdin.readline().strip().lower() in ("y", "yes")

    return ask


def exit_with_status(result: RunResult) -> None:
    """End the command as the run ended.

    Raises:
        typer.Exit: with 6 when some segments kept their original footage.
    """
    if result.exit_status:
        raise typer.Exit(result.exit_status)


def summary(result: RunResult, home: Path | None = None) -> list[str]:
    """Say in a few lines what came of a run; `home` where it was named and the next command needs it too."""
    lines = []
    for segment in result.segments:
        how = "original footage kept" if segment.status == "original" else (segment.provider or "prepared")
        if segment.takes:
            how = f"{len(segment.takes)} takes to choose from, {how}"
        reused = ", from the store" if segment.reused else ""
        span = f"frames {segment.start_frame}-{segment.end_frame}"
        lines.append(f"{segment.name}: {span}, {how}{reused}, ${segment.cost_usd:.2f}")
        lines += pick_commands(result.run, segment, home)
    if result.output:
        lines.append(f"output  {result.output}")
    if result.report:
        lines.append(f"report  {result.report}")
    if result.status == "choose":
        lines.append("nothing was spliced: look at the report, choose a take of each segment, and run the job again")
    return [*lines, f"run     {result.run}"]


def pick_commands(run: str, segment: SegmentResult, home: Path | None) -> list[str]:
    """Give for each take of a segment the command that chooses it."""
    at = f" --home {shlex.quote(str(home))}" if home else ""
    return [
        f"{take.number:>4}  "
        + (f"react1 pick {run} {segment.name} {take.name}{at}" if take.status == "done" else f"{take.name} failed")
        for take in segment.takes
    ]
