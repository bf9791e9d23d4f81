"""`react1 faces`: show the faces of each shot of a span, with the numbers that `face:` takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...messages import err, open_home, out, out_json
from ...options import AsJson, EditsFile, Home, JobOptions, ProviderOption, Quiet, Sets, StartTc

if TYPE_CHECKING:
    from ....config.checked_job import Job
    from ....core.edits.face_choice import FaceOptions
    from ....core.nodes.node import NodeContext
    from ....core.values import Segment
    from ....faces.listing import ListedSegment
    from ....runner.partial_run import StoredChoice

EXAMPLES = ("react1 faces film.mp4 --edit 12.4-15.8", "react1 faces job.yaml --json")
_PRESET = "emotion-edit"


def command(
    what: Annotated[str, typer.Argument(metavar="FILM|JOB", help="A film, or a preset or a job with its edits.")],
    edit: Annotated[
        list[str] | None,
        typer.Option("--edit", metavar="IN-OUT[@FACE]", help="A span, or an edit as in `react1 run`; repeatable."),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE", help="The sheet of thumbnails (default: NAME.faces.png).")
    ] = None,
    sets: Sets = None,
    provider: ProviderOption = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    home: Home = None,
    edits_file: EditsFile = None,
    start_tc: StartTc = None,
) -> None:
    """Show which faces each shot of a span shows, and write a sheet of thumbnails; nothing is sent."""
    from ....config.presets.shipped import preset_names
    from ....runner.execute import Options
    from ....runner.partial_run import with_prepared_segments
    from ....store.atomic import publish, storage_errors, temporary_path

    is_job = Path(what).suffix.lower() in (".yaml", ".yml") or what in preset_names()
    spans = [_with_prompt(text) for text in edit or ()]
    from ...progress import progress_for

    with open_home(home, as_json) as folder:
        with progress_for(quiet=quiet) as watcher:
            preset, film = (what, None) if is_job else (_PRESET, what)
            job = JobOptions(preset, film, sets, spans, provider, edits_file=edits_file, start_tc=start_tc).load()
            defaults = _face_options(job)
            listed, picture = with_prepared_segments(
                job,
                Options(folder, watcher=watcher),
                lambda context, segments, stored: _list(context, segments, defaults, stored),
            )
        path = sheet or Path(f"{Path(str(job.inputs.get('source', 'film'))).stem}.faces.png")
        with storage_errors(path):
            part = temporary_path(path)
            part.write_bytes(picture)
            publish(part, path)
        if as_json:
            out_json({"film": str(job.inputs.get("source", "")), "sheet": str(path),
                      "segments": [segment.to_json() for segment in listed]})  # fmt: skip
            return
        for segment in listed:
            for line in _lines(segment):
                out(line)
        err(f"wrote {path}")


def _with_prompt(text: str) -> str:
    """Add the prompt that a span without one needs to be an edit."""
    span, at, face = text.partition("@")
    times = span.count("-") == 1 and re.search(r":[A-Za-z_]", span) is None
    return f"{span}:neutral{at}{face}" if times else text


def _face_options(job: Job) -> FaceOptions | None:
    """Return the parameters of the job's step that chooses faces; None without one."""
    from ....core.edits.face_choice import FaceOptions
    from ....runner.external_inputs import with_speaker

    for step in with_speaker(job.steps):
        if isinstance(params := step.params, FaceOptions):
            return params
    return None


def _list(
    context: NodeContext, segments: list[Segment], defaults: FaceOptions | None, stored: StoredChoice
) -> tuple[list[ListedSegment], bytes]:
    from ....faces.listing import clip_picture, face_sheet, list_faces

    listed = [list_faces(context, segment, defaults, stored) for segment in segments]
    by_name = {segment.name: segment for segment in segments}
    return listed, face_sheet(listed, lambda part, frame: clip_picture(context, by_name[part.name], frame))


def _lines(segment: ListedSegment) -> list[str]:
    from ....faces.listing import face_lines

    return face_lines(segment)
