"""`react1 resume`: carry on after a crash, a Ctrl-C, a power cut."""

from __future__ import annotations

from typing import Annotated

import typer

from ..messages import open_home
from ..options import AsJson, Home, MaxCost, Quiet, Scripts, Yes

NAME = "resume"


def command(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="The run; default: the newest unfinished.")] = None,
    max_cost: MaxCost = None,
    yes: Yes = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    home: Home = None,
    script: Scripts = None,
) -> None:
    """Carry on with a run from its last finished step."""
    from ...config.load import job_from_document
    from ...core.errors import PresetError
    from ...core.registry import load_registry
    from ...runner.run_folder import find_run
    from ..job import allow_scripts
    from .run import exit_with_status, run_job

    with open_home(home, as_json) as folder:
        allow_scripts(script)
        found = find_run(folder, run)
        told = found.read()
        if "document" not in told:
            raise PresetError(f"run {found.name} was stopped before it began; start it anew with `react1 run`")
        job = job_from_document(told["document"], load_registry())
        replace = yes or bool(told.get("replace"))
        agreed = yes or bool(told.get("agreed"))
        exit_with_status(
            run_job(
                job, folder, replace=replace, agreed=agreed, max_cost=max_cost, as_json=as_json, quiet=quiet, run=found
            )
        )
