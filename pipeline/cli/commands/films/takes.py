"""`react1 take` and `react1 pick`: make the takes of a job without splicing the film, and choose one for a segment."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ...messages import open_home, out, out_json
from ...options import (
    AllowOutside,
    AsJson,
    Edits,
    EditsFile,
    Film,
    Home,
    LogJson,
    MaxCost,
    Metrics,
    Online,
    PathMap,
    Pay,
    Project,
    ProviderOption,
    Quiet,
    Replace,
    Scripts,
    Sets,
    StartTc,
    Trace,
    Verbose,
    What,
    Yes,
    command_settings,
    load_from_options,
)

TAKE_EXAMPLES = (
    "react1 take emotion-edit film.mp4 --edit 12.4-15.8:happy:0.7",
    "react1 take job.yaml",
)


def take(
    what: What,
    film: Film = None,
    sets: Sets = None,
    edit: Edits = None,
    provider: ProviderOption = None,
    max_cost: MaxCost = None,
    project: Project = None,
    yes: Yes = False,
    pay: Pay = False,
    replace: Replace = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    home: Home = None,
    script: Scripts = None,
    edits_file: EditsFile = None,
    start_tc: StartTc = None,
    online: Online = None,
    outside: AllowOutside = False,
    verbose: Verbose = 0,
    log_json: LogJson = None,
    trace: Trace = None,
    metrics: Metrics = None,
    path_map: PathMap = None,
) -> None:
    """Make the takes of a job and a page to look at them; `react1 run` of the same job splices them."""
    from ....config.checked_job import until_takes
    from ...progress import log_output
    from .run import exit_with_status, run_job

    with command_settings(trace, metrics, path_map), open_home(home, as_json) as folder, log_output(verbose, log_json):
        job = load_from_options(
            what,
            sets,
            edit,
            provider,
            scripts=script,
            edits_file=edits_file,
            online=online,
            start_tc=start_tc,
            film=film,
            allow_outside=outside,
            project=project,
        )
        result = run_job(
            until_takes(job),
            folder,
            replace=yes or replace,
            approved=yes or pay,
            max_cost=max_cost,
            as_json=as_json,
            quiet=quiet,
        )
        exit_with_status(result)


PICK_EXAMPLES = ("react1 pick 20260101-120000 s01 happy-0.4",)


def pick(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's name, or its first characters.")],
    segment: Annotated[str, typer.Argument(metavar="SEGMENT", help="The segment's name, as in the report.")],
    take: Annotated[str, typer.Argument(metavar="TAKE", help="The take's name, or its number on the contact sheet.")],
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Choose a take: write the choice into the job file, so that the next run splices it."""
    from ....runner.run_records.pick import pick
    from ....runner.run_records.run_folder import find_run

    with open_home(home, as_json) as folder:
        run_folder = find_run(folder, run)
        picked = pick(run_folder, segment, take)
        if as_json:
            out_json({"run": run_folder.name, **asdict(picked), "file": str(picked.file)})
            return
        already = "" if picked.changed else " already"
        out(f"{picked.file}:{picked.line}: {picked.segment} is{already} {picked.take}")
        if picked.waiting:
            out(f"still to choose: {', '.join(picked.waiting)}")
        else:
            provider_option = "" if picked.provider == "auto" else f" --provider {picked.provider}"
            out(f"run the job again to splice it: react1 run {picked.file}{provider_option}")
