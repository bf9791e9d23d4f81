"""`react1 run` and `react1 resume`: run a preset or a job, or continue after a crash, Ctrl-C or a power cut."""

from __future__ import annotations

import contextlib
import shlex
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ....core.errors import PresetError
from ....core.settings import home_folder, max_cost_usd
from ...messages import err, out, out_json
from ...options import (
    JobOptions,
    OnlySegment,
    Out,
    Project,
    RunOptions,
    Scripts,
    Until,
    allow_scripts,
    expand_options,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ....config.checked_job import Job
    from ....jobs.budget import Estimate
    from ....runner.events import Watcher
    from ....runner.run_records.outcome import RunResult, SegmentResult
    from ....runner.run_records.run_folder import RunFolder

EXAMPLES = (
    "react1 run emotion-edit film.mp4 --edit 12.4-15.8:happy:0.7",
    "react1 run job.yaml --provider segmind --max-cost 5",
    "react1 run job.yaml --until conform",
)


@expand_options
def command(
    described: JobOptions,
    options: RunOptions,
    out_file: Out = None,
    until: Until = None,
    segment: OnlySegment = None,
    project: Project = None,
) -> None:
    """Run a preset or a job."""
    with options.opened() as home:
        job = described.load(out=out_file, until=until, project=project, segment=segment)
        require_output_folder(out_file, create=options.may_replace)
        exit_with_status(run_job(job, home, options, only=segment or ""))


def run_job(job: Job, home: Path, options: RunOptions, *, run: RunFolder | None = None, only: str = "") -> RunResult:
    """Run a job with progress on standard error, and print the results."""
    import asyncio

    from ....runner.execute import Options, execute
    from ...progress import progress_for

    budget = max_cost_usd(options.max_cost)
    with progress_for(quiet=options.quiet or options.as_json) as watcher:
        run_options = Options(
            home,
            replace=options.may_replace,
            approved=options.may_pay,
            confirm=confirmation(watcher),
            max_cost_usd=budget,
            own_limit_usd=options.max_cost,
            only=only,
            watcher=watcher,
        )
        result = asyncio.run(execute(job, run_options, run))
    if options.as_json:
        out_json(result.to_json())
    elif not options.quiet:
        for line in summary(result, None if home == home_folder(None) else home):
            out(line)
    return result


def confirmation(watcher: Watcher) -> Callable[[Estimate], bool] | None:
    """Return a function that shows an estimate and asks for approval; None without a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(estimate: Estimate) -> bool:
        with getattr(watcher, "paused", contextlib.nullcontext)():
            for line in estimate.lines():
                err(line)
            prompt = f"This costs about ${estimate.new_cost_usd:.2f}. Continue? [y/N] "
            print(prompt, end="", file=sys.stderr, flush=True)
            return sys.stdin.readline().strip().lower() in ("y", "yes")

    return ask


def require_output_folder(path: Path | None, *, create: bool) -> None:
    """Ask before a run makes the folder of `--out`, which may be a mistyped name; without a terminal say that it does.

    Raises:
        PresetError: the user does not want it; nothing ran.
    """
    folder = path.parent if path is not None else None
    if folder is None or create or folder.exists():
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        err(f"note: the folder {folder} does not exist and is created")
        return
    print(f"The folder {folder} does not exist. Create it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise PresetError(f"--out {path}: the folder {folder} does not exist; nothing ran")


def exit_with_status(result: RunResult) -> None:
    """Exit with the run's status.

    Raises:
        typer.Exit: with 6 if some segments kept their original footage.
    """
    if result.exit_status:
        raise typer.Exit(result.exit_status)


def summary(result: RunResult, home: Path | None = None) -> list[str]:
    """Return a summary of a run; `home` is set if the next command needs `--home` too."""
    from ....core.times import frames_text

    lines = []
    for segment in result.segments:
        outcome = "original footage kept" if segment.status == "original" else (segment.provider or "prepared")
        if segment.takes:
            outcome = f"{len(segment.takes)} takes to choose from, {outcome}"
        reused = ", from the store" if segment.reused else ""
        span = frames_text(segment.start_frame, segment.end_frame)
        lines.append(f"{segment.name}: {span}, {outcome}{reused}, ${segment.cost_usd:.2f}")
        lines += pick_commands(result.run, segment, home)
    if result.output:
        lines.append(f"output  {result.output}")
    if result.report:
        lines.append(f"report  {result.report}")
    if result.status == "choose":
        lines.append("nothing is spliced yet: open the report, choose a take for each segment, and run the job again")
    elif result.until and not result.output:
        lines.append(f"ended at {result.until}; `react1 run` of the same job continues from there")
    return [*lines, f"run     {result.run}"]


def pick_commands(run: str, segment: SegmentResult, home: Path | None) -> list[str]:
    """Return for each take of a segment the command that chooses it."""
    home_option = f" --home {shlex.quote(str(home))}" if home else ""
    return [
        f"{take.number:>4}  "
        + (
            f"react1 pick {run} {segment.name} {take.name}{home_option}"
            if take.status == "done"
            else f"{take.name} failed"
        )
        for take in segment.takes
    ]


RESUME_EXAMPLES = (
    "react1 resume",
    "react1 resume 20260101-120000 --pay",
)


@expand_options
def resume(
    options: RunOptions,
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="The run or batch (default: the newest unfinished run).")
    ] = None,
    script: Scripts = None,
) -> None:
    """Continue a run from its last finished step, or the films of a batch that are not done."""
    from ....config.load import job_from_document
    from ....core.nodes.registry import load_registry
    from ....runner.batch import BATCH_PREFIX
    from ....runner.run_records.run_folder import find_run

    with options.opened() as home:
        allow_scripts(script)
        if run is not None and run.startswith(BATCH_PREFIX):
            _resume_batch(run, home, options)
            return
        run_folder = find_run(home, run)
        record = run_folder.read()
        if "document" not in record:
            raise PresetError(f"run {run_folder.name} stopped before its first step; start a new one with `react1 run`")
        job = job_from_document(record["document"], load_registry())
        options = replace(
            options,
            replace=options.may_replace or bool(record.get("replace")),
            pay=options.may_pay or bool(record.get("agreed")),
            max_cost=record.get("max_cost_usd") if options.max_cost is None else options.max_cost,
        )
        exit_with_status(run_job(job, home, options, run=run_folder, only=record.get("only") or ""))


def _resume_batch(name: str, home: Path, options: RunOptions) -> None:
    """Run the films of a batch that are not finished.

    Its own limit is for all of the batch; one that is given now is for what is left of it.
    """
    from ....core.nodes.registry import load_registry
    from ....jobs.budget import runs_usd
    from ....jobs.ledger import Ledger
    from ....runner.batch import read_batch, reload_broken
    from .batch import run_films

    batch = read_batch(home, name)
    reload_broken(batch, load_registry())
    batch.options["replace"] = options.may_replace or bool(batch.options.get("replace"))
    batch.options["agreed"] = options.may_pay or bool(batch.options.get("agreed"))
    spent_usd = runs_usd(Ledger(home), {item.run for item in batch.items if item.run})
    if options.max_cost is not None:
        batch.options["max_cost_usd"] = options.max_cost + spent_usd
    run_films(batch, home, options, spent_usd=spent_usd)
