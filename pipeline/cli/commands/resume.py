"""`react1 resume`: continue a run after a crash, Ctrl-C or a power cut."""

from __future__ import annotations

from typing import Annotated

import typer

from ..messages import open_home
from ..options import AsJson, Home, MaxCost, Pay, Quiet, Replace, Scripts, Yes

NAME = "resume"
EXAMPLES = (
    "react1 resume",
    "react1 resume 20260101-120000 --yes",
)


def command(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="The run (default: the newest unfinished one).")
    ] = None,
    max_cost: MaxCost = None,
    yes: Yes = False,
    pay: Pay = False,
    replace: Replace = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    home: Home = None,
    script: Scripts = None,
) -> None:
    """Continue a run from its last finished step."""
    from ...config.load import job_from_document
    from ...core.errors import PresetError
    from ...core.registry import load_registry
    from ...runner.run_folder import find_run
    from ..options import allow_scripts
    from .run import exit_with_status, run_job

    with open_home(home, as_json) as folder:
        allow_scripts(script)
        run_folder = find_run(folder, run)
        record = run_folder.read()
        if "document" not in record:
            raise PresetError(f"run {run_folder.name} stopped before its first step; start a new one with `react1 run`")
        job = job_from_document(record["document"], load_registry())
        replace = yes or replace or bool(record.get("replace"))
        approved = yes or pay or bool(record.get("agreed"))
        exit_with_status(
            run_job(
                job,
                folder,
                replace=replace,
                approved=approved,
                max_cost=max_cost,
                as_json=as_json,
                quiet=quiet,
                run=run_folder,
            )
        )
