"""`react1 pick`: choose a take for a segment of a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ...messages import open_home, out, out_json
from ...options import AsJson, Home

NAME = "pick"
EXAMPLES = ("react1 pick 20260101-120000 s01 happy-0.4",)


def command(
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
