"""Endpoints of the job: opening, edits, undo, takes, picks, films, the bill and the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, StreamingResponse

from ...config.checked_job import Job
from ...core.cancellation import exclusive
from ...core.edits.takes import MAX_TAKES
from ...core.errors import InputMediaError, PresetError
from ...core.times import frames_text
from ...store.atomic import publish, storage_errors, temporary_path
from ..answers.general_answers import Bill, FilmBill, LedgerAnswer, LibraryAnswer, LibraryItem, MadeFile
from ..answers.job_answers import Added, Changed, Opened
from ..projects.film_options import set_option
from ..projects.job_file import WrittenEdit
from ..projects.library import FILMS, SOUNDS, is_text
from ..projects.project import Project
from ..projects.signing import make_certificate, signed_by
from ..projects.take_list import WantedTake
from ..studio import Studio
from ..studio_options import LINE_BYTES, UPLOAD_BYTES
from ..viewing.playback import file_peaks
from .requests import (
    AddEdit,
    ChangeEdit,
    EditRef,
    FilmBody,
    ItemBody,
    OpenBody,
    OptionBody,
    PickBody,
    ProviderBody,
    SigningBody,
    TakeChoices,
    TakesBody,
    edit_controls,
    gain_control,
)

router = APIRouter(prefix="/api")
Json = dict[str, Any]


def studio_of(request: Request) -> Studio:
    """Return the studio that serves a request."""
    studio: Studio = request.app.state.studio
    return studio


def project_of(request: Request, project: str) -> Project:
    """Return an open project; raises PresetError if there is none."""
    return studio_of(request).project(project)


@router.get("/library", response_model_exclude_unset=True)
def library(request: Request) -> LibraryAnswer:
    """Return the films and jobs that can be opened, and the controls of an edit."""
    studio = studio_of(request)
    first = studio.options.open_first
    return LibraryAnswer(
        folders=[str(folder) for folder in studio.library.folders],
        files=[
            LibraryItem(path=str(file.path), name=file.path.name, kind=file.kind) for file in studio.library.files()
        ],
        first=str(first) if first and is_text(first) else None,
        controls=edit_controls(),
        gain=gain_control(),
        providers=studio.providers(),
    )


@router.post("/open")
def open_path(request: Request, body: OpenBody) -> Opened:
    """Open a film or a job under the folders of the studio."""
    studio = studio_of(request)
    project = studio.open(studio.library.resolve(body.path))
    return Opened(film=project.film_facts(), state=studio.state(project))


@router.get("/projects/{project}")
def project_state(request: Request, project: str) -> Opened:
    """Return a film and the state of its job."""
    opened = project_of(request, project)
    return Opened(film=opened.film_facts(), state=studio_of(request).state(opened))


@router.post("/projects/{project}/edits")
def add_edit(request: Request, project: str, body: AddEdit) -> Added:
    """Add an edit."""
    opened = project_of(request, project)
    _require_span(opened, body.start, body.end)
    defaults = {"prompt": "happy", "temperature": 0.7}
    span = {"in": f"{body.start}f", "out": f"{body.end}f"}
    with_takes = {take.edit_name for take in opened.list.record.takes}  # of removed edits, too: the takes are theirs
    name = opened.job.add({**span, **defaults, **body.fields}, with_takes)
    return Added(state=_changed(request, opened).state, added=name)


@router.patch("/projects/{project}/edits")
def change_edit(request: Request, project: str, body: ChangeEdit) -> Changed:
    """Change fields or the span of an edit."""
    opened = project_of(request, project)
    fields = dict(body.fields)
    if body.start is not None and body.end is not None:
        _require_span(opened, body.start, body.end)
        fields |= {"in": f"{body.start}f", "out": f"{body.end}f", "at": None}
    opened.job.set_fields(body.index, body.digest, fields)
    return _changed(request, opened)


@router.post("/projects/{project}/edits/remove")
def remove_edit(request: Request, project: str, body: EditRef) -> Changed:
    """Remove an edit, and stop the takes that are made of it; undo brings it back."""
    opened = project_of(request, project)
    studio_of(request).remove_edit(opened, body.index, body.digest)
    return _changed(request, opened)


@router.post("/projects/{project}/undo")
def undo(request: Request, project: str) -> Changed:
    """Undo the last change of the job."""
    opened = project_of(request, project)
    opened.job.undo()
    return _changed(request, opened)


@router.post("/projects/{project}/redo")
def redo(request: Request, project: str) -> Changed:
    """Make an undone change again."""
    opened = project_of(request, project)
    opened.job.redo()
    return _changed(request, opened)


@router.post("/projects/{project}/provider")
def set_provider(request: Request, project: str, body: ProviderBody) -> Changed:
    """Choose the provider of a project's takes and films."""
    opened = project_of(request, project)
    opened.list.record.provider = body.provider
    opened.list.save()
    return _changed(request, opened)


@router.post("/projects/{project}/options")
def change_option(request: Request, project: str, body: OptionBody) -> Changed:
    """Set an input of the job, or go back to its default; a value that no job may have is refused."""
    opened = project_of(request, project)
    set_option(opened.job, body.name, body.text)
    return _changed(request, opened)


@router.post("/projects/{project}/signing")
def set_signing(request: Request, project: str, body: SigningBody) -> Changed:
    """Let the film be signed, or not; it stands in the job as `provenance`."""
    opened = project_of(request, project)
    value: Json | None = None
    if body.sign:
        paths = {name: path for name, path in (("certificate", body.certificate), ("key", body.key)) if path}
        places = make_certificate(opened.home) if body.make_test else paths
        value = signed_by(places, opened.home, opened.job.options().get("provenance"), opened.job.path.parent)
    opened.job.set_option("provenance", value)
    return _changed(request, opened)


@router.post("/projects/{project}/bill")
def takes_bill(request: Request, project: str, body: TakesBody) -> Bill:
    """Return what takes would cost."""
    opened = project_of(request, project)
    _, takes = _wanted(opened, body)
    return studio_of(request).bill(opened, [partial(opened.take_job, take) for take in takes])


@router.post("/projects/{project}/takes")
def make_takes(request: Request, project: str, body: TakesBody) -> Changed:
    """Make takes; a matrix is also written into the job, and one face: a take of another is not the edit's."""
    opened, studio = project_of(request, project), studio_of(request)
    written, takes = _wanted(opened, body)
    if body.agreed_usd is not None:
        studio.share_agreed(opened, takes, body.agreed_usd)
    values = _axes(body.choices)
    axes = {name: several for name, several in values.items() if len(several) > 1}
    fixed = {name: several[0] for name, several in values.items() if len(several) == 1}
    if axes:
        fields: Json = {**written.picked, **dict.fromkeys(axes), **fixed, "takes": axes}
        opened.job.set_fields(written.index, written.digest, fields)
    elif "face" in fixed and "face" not in (written.fields.get("takes") or {}):
        opened.job.set_fields(written.index, written.digest, {"face": fixed["face"]})
    studio.make_takes(opened, takes)
    return _changed(request, opened)


@router.post("/projects/{project}/pick")
def pick_take(request: Request, project: str, body: PickBody) -> Changed:
    """Choose the take that the film gets."""
    opened = project_of(request, project)
    opened.pick(opened.written(body.index, body.digest), _take(opened, body.take))
    return _changed(request, opened)


@router.post("/projects/{project}/takes/again")
def make_again(request: Request, project: str, body: ItemBody) -> Changed:
    """Make a take again that failed or was stopped."""
    opened = project_of(request, project)
    take = _take(opened, body.item)
    if take.state in ("failed", "stopped"):
        opened.list.update(take, state="waiting", error="")
        studio_of(request).make_takes(opened, [take])
    return _changed(request, opened)


@router.post("/projects/{project}/takes/remove")
def remove_take(request: Request, project: str, body: ItemBody) -> Changed:
    """Remove a take from the list; what was paid for stays in the store."""
    opened = project_of(request, project)
    studio_of(request).work.stop(body.item)
    opened.list.remove_take(body.item)
    return _changed(request, opened)


@router.post("/projects/{project}/stop")
def stop_item(request: Request, project: str, body: ItemBody) -> Changed:
    """Stop a take or a film that is being made."""
    studio_of(request).work.stop(body.item)
    return _changed(request, project_of(request, project))


@router.post("/projects/{project}/films/bill")
def film_bill(request: Request, project: str, body: FilmBody) -> FilmBill:
    """Return what the film would cost, and the edits that wait for a choice."""
    opened = project_of(request, project)
    waiting = [edit.name for edit in studio_of(request).state(opened).edits if edit.waits]
    load: Callable[[], Job] = partial(opened.film_job, body.provider, body.kind)
    return FilmBill(**dict(studio_of(request).bill(opened, [load])), waiting=waiting)


@router.post("/projects/{project}/films")
def make_film(request: Request, project: str, body: FilmBody) -> Changed:
    """Make the film, or the package for an editing system."""
    opened = project_of(request, project)
    studio_of(request).make_film(opened, body.kind, body.provider, body.agreed_usd, body.replace)
    return _changed(request, opened)


@router.get("/projects/{project}/text/{kind}")
def as_text(request: Request, project: str, kind: str) -> PlainTextResponse:
    """Return the job as `yaml`, `command` or `python`."""
    if kind not in ("yaml", "command", "python"):
        raise PresetError("expected yaml, command or python")
    return PlainTextResponse(project_of(request, project).as_text(kind))


@router.put("/projects/{project}/line")
async def add_line(request: Request, project: str, name: str, index: int, digest: str) -> Changed:
    """Put a dropped or recorded line of dialogue beside the job, and let an edit use it."""
    opened = await asyncio.to_thread(project_of, request, project)
    if Path(name).suffix.lower() not in SOUNDS:
        raise InputMediaError(f"{Path(name).name} is not a sound file; drop a WAV, MP3, M4A, FLAC or OGG")
    folder = opened.job.path.parent / "lines"
    target = await _receive(request, name, LINE_BYTES, folder)
    try:
        await asyncio.to_thread(file_peaks, target, None, lambda _: None, None)
    except InputMediaError as error:
        target.unlink(missing_ok=True)
        message = f"{Path(name).name} is not sound that can be read; the edit keeps the line that it had"
        raise InputMediaError(message) from error
    relative = target.relative_to(opened.job.path.parent).as_posix()
    fields = {"audio": relative, "audio_mix": None, "audio_gain": None}
    await asyncio.to_thread(opened.job.set_fields, index, digest, fields)
    return await asyncio.to_thread(_changed, request, opened)


@router.put("/films")
async def add_film(request: Request, name: str) -> MadeFile:
    """Put a dropped film into the first folder of the studio."""
    if Path(name).suffix.lower() not in FILMS:
        raise InputMediaError(f"{Path(name).name} is not a film that can be opened here")
    return MadeFile(path=str(await _receive(request, name, UPLOAD_BYTES)))


@router.get("/ledger")
def ledger(request: Request) -> LedgerAnswer:
    """Return the paid calls and what they cost."""
    return studio_of(request).ledger()


@router.get("/events")
def events(request: Request) -> StreamingResponse:
    """Return all changes as server-sent events."""
    stream: AsyncIterator[str] = studio_of(request).events.listen()
    unbuffered = {"X-Accel-Buffering": "no"}  # a proxy that gathers a page of events would show nothing for minutes
    return StreamingResponse(stream, media_type="text/event-stream", headers=unbuffered)


async def _receive(request: Request, name: str, most_bytes: int, folder: Path | None = None) -> Path:
    """Write a body to a new file of the folder, atomically, by this name if it is free; return its path."""
    library = studio_of(request).library
    target = library.upload_path(name, folder)
    part, count = temporary_path(target), 0

    def keep() -> Path:
        with exclusive("studio upload"):  # another upload may have taken the name meanwhile
            free = library.upload_path(name, folder)
            publish(part, free)
            return free

    with storage_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as stream:
                async for block in request.stream():
                    count += len(block)
                    if count > most_bytes:
                        raise InputMediaError(f"{target.name} is larger than {most_bytes >> 20} MB")
                    await asyncio.to_thread(stream.write, block)
            return await asyncio.to_thread(keep)
        finally:
            part.unlink(missing_ok=True)


def _changed(request: Request, project: Project) -> Changed:
    studio = studio_of(request)
    studio.changed(project)
    return Changed(state=studio.state(project))


def _require_span(project: Project, start: int, end: int) -> None:
    if not start < end <= project.video.frame_count:
        raise PresetError(f"{frames_text(start, end)}: not a span of the film")


def _take(project: Project, take_id: str) -> WantedTake:
    take = project.list.take(take_id)
    if take is None:
        raise PresetError("this take was removed")
    return take


def _wanted(project: Project, body: TakesBody) -> tuple[WrittenEdit, list[WantedTake]]:
    written = project.written(body.index, body.digest)
    axes = _axes(body.choices)
    combinations = [dict(zip(axes, row, strict=True)) for row in product(*axes.values())]
    if len(combinations) > MAX_TAKES:
        raise PresetError(f"{len(combinations)} takes at once are more than {MAX_TAKES}; choose fewer values")
    return written, project.want_takes(written, combinations, body.provider, body.agreed_usd)


def _axes(choices: TakeChoices) -> dict[str, list[Any]]:
    return {name: values for name, values in choices.model_dump().items() if values}
