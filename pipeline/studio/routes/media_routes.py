"""Endpoints of pictures and sound: stills, previews, cards, the film or its proxy, clips of takes."""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import ValidationError

from ...core.edits.choices import ModelMode, Prompt, React1Choices
from ...core.edits.edit import Edit
from ...core.errors import InputMediaError, React1Error
from ...core.settings import path_in
from ...core.times import frames_text
from ...core.values import Media
from ...executors.base import StoreContext
from ...interchange.entries import ListFile
from ...media.audio.samples import write_wav
from ...media.frames.shots import cuts_between
from ...report.preview_clip import SAMPLE_RATE_HZ
from ...splicing.splice_params import SoundParams
from ..answers.film_answers import Cuts, FacePath, Faces, LineWave, Marks
from ..answers.general_answers import MediaProgress
from ..page_words import in_page_words
from ..projects.library import SOUNDS
from ..projects.project import Project
from ..projects.project_state import take_owners
from ..projects.take_list import changed_faces, current_takes
from ..viewing.film_pictures import FilmPictures, Superseded, nearest_size
from ..viewing.live import VIEWER_PX
from ..viewing.marks import chapters, markers, spoken_lines
from ..viewing.playback import PEAKS_PER_S, OwnSound, clip_parts, file_peaks, film_sound, line_sound, span_clip
from .film_routes import finished_film
from .project_routes import project_of, studio_of

router = APIRouter(prefix="/api/projects/{project}")
_CLIP_PX = 960
MAX_FRAMES = 20_000
"""Frames of the longest clip that a page may ask for, or that are searched at once for cuts or for a face."""
_HEARD = {"audio", "audio_mix", "audio_gain"}
_CACHED = {"Cache-Control": "private, max-age=86400, immutable"}
_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}
Side = Annotated[int, Query(ge=16, le=4000)]
Share = Annotated[float, Query(ge=0, le=1)]


@router.get("/still/{frame}")
def still(
    request: Request,
    project: str,
    frame: int,
    size: Side = VIEWER_PX,
    of: str = "source",
    x_page: Annotated[str, Header()] = "",
    x_sequence: Annotated[int, Header()] = 0,
) -> Response:
    """Return a frame of the film, of a finished film (`film:ID`) or of a take (`take:ID`), exactly.

    204 if the page has asked for something newer meanwhile.
    """
    opened = project_of(request, project)
    side = nearest_size(size)
    kind, _, name = of.partition(":")
    headers = {} if kind == "film" else _CACHED
    if kind == "take":
        return Response(_take_still(opened, name, frame, side), media_type="image/jpeg", headers=headers)
    pictures = _pictures(opened, of)
    try:
        content = pictures.still(frame, side, pictures.wanted_by(x_page, x_sequence))
    except Superseded:
        return Response(status_code=204)
    return Response(content, media_type="image/jpeg", headers=headers)


@router.get("/still/{frame}/near")
def near_still(request: Request, project: str, frame: int, size: Side = VIEWER_PX, of: str = "source") -> Response:
    """Return the keyframe at or before a frame, which is decoded at once; the header `X-Frame` has its number.

    204 if the film cannot be read from a keyframe there.
    """
    near = _pictures(project_of(request, project), of).near_still(frame, nearest_size(size))
    if near is None:
        return Response(status_code=204)
    return Response(near[1], media_type="image/jpeg", headers={"X-Frame": str(near[0])})


@router.get("/faces/{frame}")
def faces(request: Request, project: str, frame: int) -> Faces:
    """Return the faces that a frame shows; the first call for a part of the film starts the search."""
    live = project_of(request, project).live
    share, problem = live.status(frame)
    shot = live.shot(frame)
    shown = live.faces(frame) if shot else []
    return Faces(share=share, problem=problem, shot=shot, faces=shown, in_shot=live.count(frame))


@router.get("/faces-path")
def faces_path(request: Request, project: str, start: int, end: int, take: str = "") -> FacePath:
    """Return where the face of a take is in each frame of [start, end), as shares of the picture; else the largest."""
    opened = project_of(request, project)
    _require_frames(opened, start, end)
    seen = changed_faces(_parts(opened, take)) if take else []
    return FacePath(boxes=opened.live.path(start, end, seen), still=seen[0][1] if seen else None)


@router.get("/preview/{frame}")
async def preview(
    request: Request,
    project: str,
    frame: int,
    prompt: Prompt = "happy",
    temperature: Share = 0.5,
    model_mode: ModelMode = "face",
    strength: Share = 1.0,
    face: int = 0,
    size: Side = VIEWER_PX,
    page: str = "",
    sequence: int = 0,
) -> Response:
    """Return one frame with another expression, by the local engine; 204 if the page has asked for something newer."""
    opened = await asyncio.to_thread(project_of, request, project)
    choices = React1Choices(prompt=prompt, temperature=temperature, model_mode=model_mode)
    draw = partial(opened.live.render, frame, face, choices, strength, nearest_size(size), page=page, sequence=sequence)
    try:
        content = await asyncio.get_running_loop().run_in_executor(request.app.state.render_threads, draw)
    except Superseded:
        return Response(status_code=204)
    return Response(content, media_type="image/jpeg")


@router.get("/card/{frame}")
async def card(
    request: Request,
    project: str,
    frame: int,
    prompt: Prompt | None = None,
    temperature: Share = 0.7,
    model_mode: ModelMode = "face",
    face: int = 0,
) -> Response:
    """Return the face of a frame in an expression, or as it is, as a small picture; 204 where it is not seen."""
    opened = await asyncio.to_thread(project_of, request, project)
    choices = React1Choices(prompt=prompt, temperature=temperature, model_mode=model_mode) if prompt else None
    draw = partial(opened.live.card, frame, face, choices)
    content = await asyncio.get_running_loop().run_in_executor(request.app.state.card_threads, draw)
    return Response(content, media_type="image/jpeg") if content else Response(status_code=204)


@router.get("/video")
def video(request: Request, project: str, of: str = "source") -> Response:
    """Return what a browser plays; 202 with the share that is made while a proxy is being made."""
    opened, studio = project_of(request, project), studio_of(request)
    kind, _, name = of.partition(":")
    if kind == "film":
        path, _, _ = opened.finished.media(finished_film(opened, name))
        return _send(path)
    if kind == "source" and opened.playable:
        return _send(opened.film_path)
    proxy, share, problem = studio.media_file(opened, "proxy")
    if proxy is not None:
        return _send(proxy)
    return _unfinished(share, problem)


@router.get("/wave")
def wave(request: Request, project: str) -> Response:
    """Return the waveform, one byte per fiftieth of a second; 202 while it is being made."""
    opened, studio = project_of(request, project), studio_of(request)
    if not opened.media.audio:
        return Response(b"", media_type="application/octet-stream")
    path, share, problem = studio.media_file(opened, "wave")
    if path is not None:
        return FileResponse(path, media_type="application/octet-stream", headers=_CACHED)
    return _unfinished(share, problem)


@router.get("/line")
def line_wave(request: Request, project: str, file: str) -> LineWave:
    """Return the waveform of a new line, as the job names its file, and its length."""
    path = _line_path(request, project, file)
    peaks = file_peaks(path, None, lambda _: None, None)
    return LineWave(peaks=list(peaks), per_s=PEAKS_PER_S, name=path.name, seconds=len(peaks) / PEAKS_PER_S)


@router.get("/line/sound")
def play_line(request: Request, project: str, file: str) -> Response:
    """Return a new line, as the job names its file, to be listened to."""
    return FileResponse(_line_path(request, project, file))


def _line_path(request: Request, project: str, file: str) -> Path:
    """Return the path of a line; it is asked for by its file, because its edit may change at any time."""
    opened = project_of(request, project)
    path = studio_of(request).library.resolve(str(path_in(opened.job.path.parent, file)))
    if path.suffix.lower() not in SOUNDS:
        raise InputMediaError(f"{path.name} is not a sound file")
    return path


@router.get("/cuts")
def cuts(request: Request, project: str, start: int, end: int) -> Cuts:
    """Return the frames in [start, end) that begin a shot; at most `MAX_FRAMES` are searched at once."""
    opened = project_of(request, project)
    end = min(end, opened.video.frame_count, start + MAX_FRAMES)
    with closing(opened.new_context()) as context:
        cut_frames = cuts_between(opened.film_path, opened.media, start, end, context)
    return Cuts(start=start, end=end, cuts=cut_frames)


@router.get("/cues")
def cues(request: Request, project: str) -> Marks:
    """Return the spoken lines and the markers, of files that the job names or that lie beside the film, or its own."""
    opened = project_of(request, project)
    options, folder = opened.options(), opened.job.path.parent
    listed = options.get("cues")
    timeline = options.get("timeline")
    named = {"file": timeline} if isinstance(timeline, str) else timeline
    file = None
    with suppress(ValidationError, KeyError, TypeError):  # the page shows elsewhere what is wrong with the job
        file = ListFile.model_validate({**named, "file": str(path_in(folder, named["file"]))}) if named else None
    spoken, problems = [], []
    marked = chapters(opened.film_path, opened.media)
    try:
        spoken = spoken_lines(opened.film_path, path_in(folder, listed) if isinstance(listed, str) else None)
    except React1Error as error:
        problems.append(in_page_words(str(error)))
    try:
        marked += markers(opened.film_path, opened.labelled_media(), file, opened.start_tc())
    except React1Error as error:
        problems.append(in_page_words(str(error)))
    return Marks(cues=spoken, markers=sorted(marked, key=lambda marker: marker.frame), problem="; ".join(problems))


@router.get("/takes/{take}/clip")
def take_clip(request: Request, project: str, take: str) -> Response:
    """Return the clip of a take with its handles, small, for players; it sounds as the finished film will."""
    opened = project_of(request, project)
    parts = _parts(opened, take)
    first, end = parts[0].segment.first_frame, parts[-1].segment.last_frame
    spans = []
    for number, part in enumerate(parts):
        media, segment = part.media, part.segment
        start = segment.first_frame if number == 0 else segment.start_frame
        stop = segment.last_frame if number == len(parts) - 1 else segment.end_frame
        spans.append((media, start - segment.first_frame, stop - segment.first_frame))
    edit = _edit_of(opened, take)
    takes, params = current_takes(parts, edit), _sound_params(opened)
    key = [part.segment.edit.model_dump(mode="json", include=_HEARD) for part in takes] + [params.model_dump()]
    return _clip(
        opened, spans, first, end, (key, lambda context: film_sound(context, opened.media, takes, (first, end), params))
    )


@router.get("/takes/{take}/line")
def take_line(request: Request, project: str, take: str) -> Response:
    """Return the new line of a take's edit alone, as long as the clip of the take, as a WAV; 204 without a line."""
    opened = project_of(request, project)
    parts = _parts(opened, take)
    first, end = parts[0].segment.first_frame, parts[-1].segment.last_frame
    key = {
        "what": "studio line",
        "film": opened.media.file.digest,
        "frames": [first, end],
        "lines": [part.segment.edit.model_dump(mode="json", include={"audio"}) for part in parts],
    }

    def make(context: StoreContext) -> Path | None:
        samples = line_sound(context, opened.media, parts, (first, end))
        return write_wav(context.temp_path("line.wav"), samples, SAMPLE_RATE_HZ) if samples is not None else None

    path = opened.made_once(key, make)
    return FileResponse(path, media_type="audio/wav", headers=_CACHED) if path else Response(status_code=204)


@router.get("/clip")
def source_clip(request: Request, project: str, start: int, end: int) -> Response:
    """Return the frames [start, end) of the film as a small clip."""
    opened = project_of(request, project)
    _require_frames(opened, start, end)
    return _clip(opened, [(opened.media, start, end)], start, end)


def _unfinished(share: float, problem: str) -> Response:
    return JSONResponse(MediaProgress(share=share, problem=problem).model_dump(), 422 if problem else 202)


def _pictures(project: Project, of: str) -> FilmPictures:
    """Return the stills of the film, or of a finished film (`film:ID`)."""
    kind, _, name = of.partition(":")
    return project.finished.media(finished_film(project, name))[2] if kind == "film" else project.pictures


def _send(path: Path) -> Response:
    return FileResponse(path, media_type=_TYPES.get(path.suffix.lower(), "application/octet-stream"))


def _require_frames(project: Project, start: int, end: int) -> None:
    if not 0 <= start < end <= project.video.frame_count or end - start > MAX_FRAMES:
        limits = f"1 to {MAX_FRAMES} frames of the film's {project.video.frame_count} can be shown at once"
        raise InputMediaError(f"{frames_text(start, end)}: {limits}; choose another span")


def _clip(
    project: Project, spans: list[tuple[Media, int, int]], first: int, end: int, sound: OwnSound | None = None
) -> Response:
    times_s = project.clip_times(first, end)
    path = project.made_once(
        clip_parts(spans, times_s, _CLIP_PX, sound), lambda context: span_clip(context, spans, times_s, _CLIP_PX, sound)
    )
    assert path is not None
    return FileResponse(path, media_type="video/mp4", headers=_CACHED)


def _parts(project: Project, take_id: str) -> Any:
    take = project.list.take(take_id)
    if take is None or not take.parts:
        raise InputMediaError("this take is not made")
    return take.takes


def _edit_of(project: Project, take_id: str) -> Edit | None:
    """Return the edit of a take as the job has it now."""
    owner = take_owners(project, project.edits()).get(take_id)
    return owner.edit if owner is not None else None


def _sound_params(project: Project) -> SoundParams:
    """Return how the job mixes new lines; the default where it says nothing, or nothing valid."""
    wanted = project.options().get("sound")
    try:
        return SoundParams.model_validate(wanted) if wanted else SoundParams()
    except ValidationError:
        return SoundParams()


def _take_still(project: Project, take_id: str, frame: int, side: int) -> bytes:
    shown = [part for part in _parts(project, take_id) if part.segment.first_frame <= frame < part.segment.last_frame]
    if not shown:
        raise InputMediaError(f"the take has no frame {frame}")
    # Parts of a long span show each other's frames in their handles, which are never spliced.
    part = next((part for part in shown if part.segment.start_frame <= frame < part.segment.end_frame), shown[0])
    with closing(FilmPictures(project.store.path(part.media.file), part.media)) as pictures:
        return pictures.still(frame - part.segment.first_frame, side)
