"""`react1 farm`: write a job as a template for a render farm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ....core.errors import PresetError, not_one_of
from ....core.settings import home_folder, max_cost_usd, require_folder, shared_store
from ...messages import err, out, report_failures
from ...options import Home, JobOptions, MaxCost, ProviderOption

EXAMPLES = (
    "react1 farm job.yaml --as openjd --store s3://films/react1 > job.openjd.json",
    "react1 farm job.yaml --as opencue --store /mnt/films/react1 --out job.xml",
)
_FORMS = ("openjd", "opencue")


def command(
    job_file: Annotated[Path, typer.Argument(metavar="JOB", help="The path of a job, on a disk of all machines.")],
    form: Annotated[
        str, typer.Option("--as", metavar="openjd|opencue", help="The farm's format.", show_default=False)
    ] = "openjd",
    store: Annotated[
        str | None, typer.Option("--store", metavar="PLACE", help="The shared store (default: REACT1_STORE).")
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write here, not to standard output.")
    ] = None,
    provider: ProviderOption = None,
    max_cost: MaxCost = None,
    home: Home = None,
    show: Annotated[str, typer.Option("--show", metavar="NAME", help="OpenCue's show.")] = "react1",
    shot: Annotated[str, typer.Option("--shot", metavar="NAME", help="OpenCue's shot.")] = "film",
) -> None:
    """Write a job as a template for a render farm: tasks per segment, and one that pays."""
    import getpass

    from ....farm.templates import farm_job, opencue_spec, openjd_template
    from ....runner.planning.plan import plan_job
    from ....store.atomic import write_text
    from ....store.store import Store

    with report_failures():
        if form not in _FORMS:
            raise PresetError(f"--as: {not_one_of(form, _FORMS)}")
        if not job_file.is_file():
            raise PresetError(f"{job_file} is not a job file; write the job into one, such as job.yaml")
        folder = require_folder(home_folder(home))
        job = JobOptions(str(job_file), provider=provider).load()
        rows = plan_job(job, Store(folder, read_only=True))
        cost = sum(row.cost_usd for row in rows)
        budget = max_cost_usd(max_cost)
        farm = farm_job(
            job,
            rows,
            file=str(job_file.absolute()),
            store=store or shared_store(),
            home=str(folder),
            max_cost=round(cost + 0.005, 2) if budget is None and cost else budget or 0.0,
            provider=provider or "",
        )
        if form == "openjd":
            text = json.dumps(openjd_template(farm), indent=2)
        else:
            text = opencue_spec(farm, show=show, shot=shot, user=getpass.getuser()).rstrip()
        if out_file is None:
            out(text)
        else:
            write_text(out_file, f"{text}\n")
            err(f"wrote {out_file}: {len(farm.stages)} stages, {len(farm.segments)} segments, up to ${cost:.2f}")
