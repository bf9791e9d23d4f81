"""`react1 pick`: choose a take of a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ..messages import open_home, out, out_json
from ..options import AsJson, Home

NAME = "pick"


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run, or the beginning of its name.")],
    segment: Annotated[str, typer.Argument(metavar="SEGMENT", help="The segment's name, as the run and its page say.")],
    take: Annotated[str, typer.Argument(metavar="TAKE", help="The take's name, or its number on the contact sheet.")],
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Choose a take: the choice goes into the job file, and the next run splices it."""
    from ...runner.pick import pick
    from ...runner.run_folder import find_run

    with open_home(home, as_json) as folder:
        found = find_run(folder, run)
        picked = pick(found, segment, take)
        if as_json:
            out_json({"run": found.name, **asdict(picked), "file": str(picked.file)})
            return
        was = "" if picked.changed else " already"
        out(f"{picked.file}:{picked.line}: {picked.segment} is{was} {picked.take}")
        if picked.waiting:
            out(f"to choose yet: {', '.join(picked.waiting)}")
        else:
            same = "" if picked.provider == "auto" else f" --provider {picked.provider}"
            out(f"run the job again to splice it: react1 run {picked.file}{same}")
