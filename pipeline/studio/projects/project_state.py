"""What the page shows of a project: its job, its edits with their takes, and its films."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.edits.choices import CHOICE_NAMES, React1Choices, React1Overrides, resolve_choices
from ...core.edits.edit import Edit
from ...core.errors import PresetError, React1Error
from ...provenance.credentials import INSTALL_HINT
from ..answers.job_answers import EditState, FilmState, JobPlace, JobState, Option, Signing, TakeState
from ..page_words import EDIT_LABELS, page_message
from .film_options import describe_options
from .finished_films import timelines_of
from .job_file import WrittenEdit
from .preset_values import JobValues, lists_version, step_choices, values_of
from .project import Project
from .signing import can_sign, offered_certificates
from .take_list import MadeFilm, WantedTake, name_of_take, place_key
from .yaml_text import value_text


def describe_project(project: Project, progress: Mapping[str, Any]) -> JobState:
    """Return the state of the job, its edits, takes and films; `progress` by the ID of a take or film."""
    problem, values = project.problem, values_of(project.job)
    step, resync = step_choices(values)
    edits: list[EditState] = []
    options: list[Option] = []
    try:
        written_edits = project.job.edits()
        owners = take_owners(project, written_edits)
        shown = [_describe_edit(project, written, progress, values, owners) for written in written_edits]
        edits = _with_own_names(_with_overlaps(shown))
        options = describe_options(project.job)
    except (React1Error, OSError) as error:
        problem = problem or page_message(error)
    path = project.job.path
    return JobState(
        id=project.id,
        version=project.job.version,
        lists=lists_version(project.job, project.film_path),
        job=JobPlace(path=str(path), name=path.name, exists=path.exists()),
        problem=problem,
        clock=project.clock(),
        defaults={**resolve_choices(step).model_dump(), "resync": resync},
        can_undo=project.job.can_undo,
        can_redo=project.job.can_redo,
        provider=project.list.record.provider,
        edits=edits,
        signing=_describe_signing(project),
        options=options,
        films=[_describe_film(project, film, progress) for film in reversed(project.list.record.films)],
    )


def take_owners(project: Project, edits: Sequence[WrittenEdit]) -> dict[str, WrittenEdit]:
    """Return the edit of each take, by the take's ID: the one that it was made for, else the one of its name.

    An edit without a name is called by its number, which changes when another one is removed.
    """
    valid = [written for written in edits if written.edit is not None]
    by_name = {project.edit_name(written): written for written in reversed(valid)}
    by_place = {place: written for written in reversed(valid) for place in _places(written)}
    owners = {}
    for take in project.list.record.takes:
        of_name = by_name.get(take.edit_name)
        owner = of_name if of_name is not None and take.place in _places(of_name) else by_place.get(take.place, of_name)
        if owner is not None:
            owners[take.id] = owner
    return owners


def _describe_signing(project: Project) -> Signing:
    """Return how the film will be signed, and the certificates that can sign it."""
    try:
        wanted = project.job.options().get("provenance")
    except PresetError:
        wanted = None
    offered = offered_certificates(project.home, wanted, project.job.path.parent)
    return Signing(missing="" if can_sign() else INSTALL_HINT, wanted=wanted, certificates=offered)


def _describe_edit(
    project: Project,
    written: WrittenEdit,
    progress: Mapping[str, Any],
    values: JobValues | None,
    owners: Mapping[str, WrittenEdit],
) -> EditState:
    frames, problem = None, written.problem
    if written.edit is not None:
        try:
            frames = project.frames_of(written.edit, values)
        except React1Error as error:
            problem = page_message(error)
    name, (step, _) = project.edit_name(written), step_choices(values)
    picked = _picked(written, step)
    takes = [
        _describe_take(project, take, written, picked, progress)
        for take in project.list.record.takes
        if written.edit is not None and owners.get(take.id) is written
    ]
    return EditState(
        index=written.index,
        digest=written.digest,
        name=name,
        fields=written.fields,
        frames=frames,
        problem=problem,
        choices=_picked_choices(written.edit, step) if written.edit else None,
        matrix=[take.name for take in written.edit.takes.takes] if written.edit and written.edit.takes else [],
        picked=written.picked,
        waits=bool(written.edit and written.edit.takes and written.edit.takes.pick is None),
        takes=takes,
        sound=_sound_key(project, written.edit) if written.edit else "",
    )


def _with_overlaps(edits: list[EditState]) -> list[EditState]:
    """Return the edits, of which each that overlaps one before it says so: no film can be made of both."""
    shown: list[EditState] = []
    for edit in edits:
        over = next(
            (other for other in shown if edit.frames and other.frames and _overlap(edit.frames, other.frames)), None
        )
        problem = f"overlaps {over.name}: move the in or the out point of one of them" if over else ""
        shown.append(edit.model_copy(update={"problem": problem}) if problem and not edit.problem else edit)
    return shown


def _with_own_names(edits: list[EditState]) -> list[EditState]:
    """Return the edits, each by a name of its own: the page tells them apart by it, and no film is made of a copy."""
    names: set[str] = set()
    shown: list[EditState] = []
    for edit in edits:
        copy = edit.name in names
        problem = f"another edit has the name {edit.name} too; give this one its own in the job file" if copy else ""
        own = {"name": f"{edit.name} ({edit.index + 1})", "problem": edit.problem or problem} if copy else {}
        shown.append(edit.model_copy(update=own))
        names.add(edit.name)
    return shown


def _overlap(span: tuple[int, int], other: tuple[int, int]) -> bool:
    return span[0] < other[1] and other[0] < span[1]


def _describe_take(
    project: Project, take: WantedTake, written: WrittenEdit, picked: str | None, progress: Mapping[str, Any]
) -> TakeState:
    assert written.edit is not None
    moving = progress.get(take.id)
    of_film = take.film in ("", project.media.file.digest)
    is_current = of_film and take.place in _places(written)
    parts = take.takes
    return TakeState(
        id=take.id,
        name=take.name,
        provider=take.provider,
        state=take.state,
        error=take.error,
        share=moving.share if moving else 0,
        doing=moving.doing if moving else "",
        cost_usd=take.cost_usd,
        seconds=take.seconds,
        current=is_current,
        of_film=of_film,
        differs="" if is_current or not of_film else _differences(take, written.edit),
        picked=is_current and take.state == "done" and take.name == picked,
        choices={name: take.edit.get(name) for name in CHOICE_NAMES if take.edit.get(name) is not None},
        notes=[note for part in parts[:1] for note in part.notes],
        frames=(parts[0].segment.first_frame, parts[-1].segment.last_frame) if parts else None,
    )


def _describe_film(project: Project, film: MadeFilm, progress: Mapping[str, Any]) -> FilmState:
    moving = progress.get(film.id)
    output = Path(film.output) if film.output else None
    return FilmState(
        **film.model_dump(exclude={"report", "output", "turnover", "timelines", "film"}),
        output=film.turnover or film.output,
        timelines=[path.name for path in timelines_of(film)],
        name=output.name if output else "",
        exists=output is not None and output.exists() and not project.list.is_replaced(film),
        has_report=bool(film.report) and Path(film.report).exists(),
        share=moving.share if moving else 0,
        doing=moving.doing if moving else "",
        is_current=film.job_version == project.job.version and film.film in ("", project.media.file.digest),
    )


def _picked_choices(edit: Edit, step: React1Overrides) -> React1Choices:
    """Return the choices of an edit, or of the take that was picked of those that it compares."""
    picked = edit.takes.picked if edit.takes else None
    return resolve_choices(edit.model_copy(update={**picked.choices, "takes": None}) if picked else edit, step)


def _picked(written: WrittenEdit, step: React1Overrides) -> str | None:
    """Return the name of the take that a film would get now."""
    if written.edit is None:
        return None
    if written.edit.takes is not None:
        combination = written.edit.takes.picked
        return name_of_take(written.edit, combination.choices, step) if combination else None
    return name_of_take(written.edit, {}, step)


def _places(written: WrittenEdit) -> set[str]:
    """Return the places of the takes that an edit asks for; several if it compares faces."""
    assert written.edit is not None
    matrix = written.edit.takes.takes if written.edit.takes else ()
    faces = {take.choices.get("face") for take in matrix} or {None}
    return {
        place_key(written.edit if face is None else written.edit.model_copy(update={"face": face})) for face in faces
    }


_USUAL = {"strength": 1, "crop": "auto", "face": "the largest", "audio": "none"}
"""What a setting is that an edit does not have, where the page shows a value for it."""


def _differences(take: WantedTake, edit: Edit) -> str:
    """Return which settings of an edit a take was made with that the edit has not now, such as `Strength 0.5`."""
    of_take, now = json.loads(take.place), json.loads(place_key(edit))
    return ", ".join(
        f"{EDIT_LABELS.get(name, name)} {_value_text(of_take.get(name, _USUAL.get(name)))}"
        for name in {**of_take, **now}
        if of_take.get(name) != now.get(name)
    )


def _value_text(value: Any) -> str:
    if value is None:
        return "not set"
    return "by a click" if isinstance(value, dict) and "at" in value else value_text(value)


def _sound_key(project: Project, edit: Edit) -> str:
    """Return what the sound of a take's clip depends on besides the take; the page asks for it by this."""
    if not edit.audio:
        return ""
    matched = project.options().get("sound")
    return f"{edit.audio_mix or ''} {edit.audio_gain or 0:g} {'' if matched is None else value_text(matched)}".strip()
