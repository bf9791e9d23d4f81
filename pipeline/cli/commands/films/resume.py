"""`react1 resume`: continue a run after a crash, Ctrl-C or a power cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ...messages import open_home
from ...options import (
    AsJson,
    Home,
    LogJson,
    MaxCost,
    Metrics,
    PathMap,
    Pay,
    Quiet,
    Replace,
    Scripts,
    Trace,
    Verbose,
    Yes,
    allow_scripts,
    command_settings,
)

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = (
    "react1 resume",
    "react1 resume 20260101-120000 --yes",
)


def command(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="The run or batch (default: the newest unfinished run).")
    ] = None,
    max_cost: MaxCost = None,
    yes: Yes = False,
    pay: Pay = False,
    replace: Replace = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    home: Home = None,
    script: Scripts = None,
    verbose: Verbose = 0,
    log_json: LogJson = None,
    trace: Trace = None,
    metrics: Metrics = None,
    path_map: PathMap = None,
) -> None:
    """Continue a run from its last finished step, or the films of a batch that are not done."""
    from ....config.load import job_from_document
    from ....core.errors import PresetError
    from ....core.nodes.registry import load_registry
    from ....runner.batch import BATCH_PREFIX
    from ....runner.run_records.run_folder import find_run
    from ...progress import log_output
    from .run import exit_with_status, run_job

    with command_settings(trace, metrics, path_map), open_home(home, as_json) as folder, log_output(verbose, log_json):
        allow_scripts(script)
        if run is not None and run.startswith(BATCH_PREFIX):
            _resume_batch(
                run,
                folder,
                replace=yes or replace,
                approved=yes or pay,
                max_cost=max_cost,
                as_json=as_json,
                quiet=quiet,
            )
            return
        run_folder = find_run(folder, run)
        record = run_folder.read()
        if "document" not in record:
            raise PresetError(f"run {run_folder.name} stopped before its first step; start a new one with `react1 run`")
        job = job_from_document(record["document"], load_registry())
        replace = yes or replace or bool(record.get("replace"))
        approved = yes or pay or bool(record.get("agreed"))
        result = run_job(
            job,
            folder,
            replace=replace,
            approved=approved,
            max_cost=max_cost,
            as_json=as_json,
            quiet=quiet,
            run=run_folder,
        )
        exit_with_status(result)


def _resume_batch(
    name: str, home: Path, *, replace: bool, approved: bool, max_cost: float | None, as_json: bool, quiet: bool
) -> None:
    """Run the films of a batch that are not finished."""
    from ....core.nodes.registry import load_registry
    from ....runner.batch import read_batch, reload_broken
    from .batch import run_films

    batch = read_batch(home, name)
    reload_broken(batch, load_registry())
    batch.options["replace"] = replace or bool(batch.options.get("replace"))
    batch.options["agreed"] = approved or bool(batch.options.get("agreed"))
    run_films(batch, home, None, max_cost, as_json=as_json, quiet=quiet)
