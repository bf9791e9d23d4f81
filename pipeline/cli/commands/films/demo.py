"""`react1 demo`: generate a talking clip, re-express one segment, and write the report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ....core.settings import require_folder_path
from ...messages import err, open_home, out
from ...options import AsJson, Home, JobOptions, Quiet, RunOptions

EXAMPLES = (
    "react1 demo",
    "react1 demo --edit 2-4.4:sad:1",
)
EDIT = "2-4.4:happy:0.8"


def command(
    folder: Annotated[Path, typer.Option("--into", metavar="DIR", help="The folder for the clip and the film.")] = Path(
        "react1-demo"
    ),
    edit: Annotated[
        str, typer.Option("--edit", metavar="IN-OUT:PROMPT[:TEMPERATURE][@FACE]", help="The segment to re-express.")
    ] = EDIT,
    as_json: AsJson = False,
    quiet: Quiet = False,
    home: Home = None,
) -> None:
    """Run the preset `emotion-edit` on a generated clip: no key, no network, no cost."""
    import shutil

    from ....demo.demo_clip import make_demo_clip
    from ....store.atomic import storage_errors
    from .run import exit_with_status, run_job

    with open_home(home, as_json) as home_path:
        require_folder_path(folder, f"--into {folder}", "the clip and the film")
        clip, film = folder.absolute() / "talking.mp4", folder.absolute() / "talking.react1.mp4"
        job = JobOptions("emotion-edit", film=str(clip), edit=[edit], provider="local").load(out=film)
        with storage_errors(folder):
            clip.parent.mkdir(parents=True, exist_ok=True)
        if not clip.exists():
            if not (quiet or as_json):
                err(f"generating a talking clip of 6 s: {clip}")
            make_demo_clip(clip, progress=lambda _: None)
        result = run_job(job, home_path, RunOptions(replace=True, as_json=as_json, quiet=quiet))
        if result.report:
            for name in ("report.html", "report.json"):
                shutil.copyfile(result.report.with_name(name), folder / name)
        if not (as_json or quiet):
            out(f"before  {clip}")
            out(f"after   {film}")
            out(f"page    {(folder / 'report.html').absolute()}")
            out(f"studio  {_studio_command()}")
        exit_with_status(result)


def _studio_command() -> str:
    """Return the command that opens the demo in the studio, as it can be typed here."""
    import shutil

    program = Path(sys.executable).with_name("react1")
    name = "react1" if shutil.which("react1") or not program.exists() else str(program)
    return f"{name} studio --demo"
