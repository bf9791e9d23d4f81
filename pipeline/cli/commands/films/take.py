"""`react1 take`: make the takes of a job and a page to look at them, without splicing the film."""

from __future__ import annotations

from ...messages import open_home
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

NAME = "take"
EXAMPLES = (
    "react1 take emotion-edit film.mp4 --edit 12.4-15.8:happy:0.7",
    "react1 take job.yaml",
)


def command(
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
    from ....config.partial_job import until_takes
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
