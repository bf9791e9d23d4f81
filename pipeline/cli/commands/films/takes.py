"""`react1 take` and `react1 pick`: make the takes of a job without splicing the film, and choose one for a segment."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ...messages import open_home, out, out_json
from ...options import AsJson, Home, JobOptions, Project, RunOptions, expand_options

TAKE_EXAMPLES = (
    "react1 take emotion-edit film.mp4 --edit 12.4-15.8:happy:0.7",
    "react1 take job.yaml",
)


@expand_options
def take(described: JobOptions, options: RunOptions, project: Project = None) -> None:
    """Make the takes of a job and a page to look at them; `react1 run` of the same job splices them."""
    from ....config.checked_job import until_takes
    from .run import exit_with_status, run_job

    with options.opened() as home:
        exit_with_status(run_job(until_takes(described.load(project=project)), home, options))


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
