"""The options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

What = Annotated[str, typer.Argument(metavar="WHAT", help="A preset or a job: a path, or a shipped preset's name.")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An input of the preset; may be repeated.")
]
Edits = Annotated[
    list[str] | None,
    typer.Option("--edit", metavar="IN-OUT:PROMPT[:TEMPERATURE]", help="A segment to re-express; may be repeated."),
]
EditsFile = Annotated[
    Path | None,
    typer.Option("--edits", metavar="FILE", help="A file of edits: EDL, OTIO, FCPXML, CSV, SRT, VTT, transcript."),
]
Online = Annotated[
    Path | None,
    typer.Option(
        "--online", metavar="FOLDER", help="Put the takes onto the camera originals there; the source is their proxy."
    ),
]
StartTc = Annotated[
    str | None, typer.Option("--start-tc", metavar="TC", help="The timecode of the film's first frame.")
]
ProviderOption = Annotated[
    str | None, typer.Option("--provider", metavar="auto|local|segmind|sync", help="The host of React-1.")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where the film goes.")]
Home = Annotated[
    str | None, typer.Option("--home", metavar="DIR", help="The folder of store and runs (else REACT1_HOME).")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but failures.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: replace what is in the way, pay what it costs.")]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", metavar="USD", min=0, help="Stop before more than this is spent.")
]
Scripts = Annotated[
    list[Path] | None,
    typer.Option("--script", metavar="FILE", help="A Python file that `script` steps may take functions from."),
]
