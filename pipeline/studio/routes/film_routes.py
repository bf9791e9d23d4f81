"""Endpoints of finished films: the report, what the checks found, and the files to be saved."""

from __future__ import annotations

import json
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from ...core.errors import InputMediaError
from ...report.film_findings import report_findings, seam_findings
from ...report.film_link import without_film_link
from ..answers.film_answers import Check, FilmChecks, Seam
from ..projects.finished_films import timelines_of
from ..projects.project import Project
from ..projects.take_list import MadeFilm
from .project_routes import Json, project_of

router = APIRouter(prefix="/api/projects/{project}/films/{film}")
_REPORT_POLICY = (
    "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "sandbox allow-scripts allow-popups; base-uri 'none'; form-action 'none'"
)


@router.get("/report")
def film_report(request: Request, project: str, film: str) -> Response:
    """Return the report of a finished film; it runs in a sandbox of its own."""
    opened = project_of(request, project)
    path = Path(finished_film(opened, film).report)
    if not path.is_file():
        raise InputMediaError("the report was removed")
    page = without_film_link(path.read_text("utf-8"))
    return Response(page, media_type="text/html", headers={"Content-Security-Policy": _REPORT_POLICY})


@router.get("/seams")
def film_seams(request: Request, project: str, film: str) -> FilmChecks:
    """Return the checks of a finished film, and the seams, in plain words."""
    opened = project_of(request, project)
    path = Path(finished_film(opened, film).report).with_name("report.json")
    try:
        report = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputMediaError("the report was removed") from error
    checks = [Check(text=finding.text, passed=finding.passed) for finding in report_findings(report)]
    return FilmChecks(checks=checks, seams=_seams(report))


@router.get("/download")
def film_download(request: Request, project: str, film: str) -> Response:
    """Return a finished film, to be saved."""
    opened = project_of(request, project)
    path, _, _ = opened.finished.media(finished_film(opened, film))
    return FileResponse(path, filename=path.name)


@router.get("/timelines/{name}")
def film_timeline(request: Request, project: str, film: str, name: str) -> Response:
    """Return a timeline of a package for an editing system, to be saved."""
    opened = project_of(request, project)
    path = next((path for path in timelines_of(finished_film(opened, film)) if path.name == name), None)
    if path is None:
        raise InputMediaError(f"{Path(name).name} is not in the package any more")
    return FileResponse(path, filename=path.name, media_type="application/octet-stream")


def _seams(report: Json) -> list[Seam]:
    spans = {segment["name"]: (segment["start_frame"], segment["end_frame"]) for segment in report.get("segments", [])}
    return [
        Seam(name=name, text=finding.text, frames=spans.get(name), passed=finding.passed)
        for name, finding in seam_findings(report["figures"].get("splice", {})).items()
    ]


def finished_film(project: Project, film_id: str) -> MadeFilm:
    """Return a finished film of a project; raises InputMediaError if it is not made."""
    film = project.list.film(film_id)
    if film is None or film.state != "done":
        raise InputMediaError("this film is not made")
    return film
