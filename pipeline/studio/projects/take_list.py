"""The takes and films that were asked for in a project: what exists is in the store, what was asked for is here."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...core.edits.choices import CHOICE_NAMES, React1Choices, React1Overrides, resolve_choices
from ...core.edits.edit import Edit
from ...core.edits.takes import take_name
from ...core.values import Take
from ...store.atomic import write_text
from ..answers.job_answers import State
from .job_file import WrittenEdit

_NOT_PLACE = frozenset({*CHOICE_NAMES, "takes", "name", "audio_mix", "audio_gain", "consent"})


class WantedTake(BaseModel):
    """One take that a person asked for."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(default_factory=lambda: secrets.token_hex(5))
    edit_name: str
    place: str
    """Identifies the span, the face and the sound that it was made for."""
    edit: dict[str, Any]
    """The plain edit, as in a job."""
    name: str
    provider: str
    state: State = "waiting"
    error: str = ""
    parts: list[dict[str, Any]] = []
    """The takes of the parts of the span, as JSON; one unless the span is long."""
    cost_usd: float = 0.0
    seconds: float = 0.0
    created: str = ""
    agreed_usd: float | None = None
    film: str = ""
    """The digest of the film that it was asked for; empty in records of earlier versions."""

    @property
    def takes(self) -> list[Take]:
        """The takes of the parts; empty before it is made."""
        return [Take.model_validate(part) for part in self.parts]


_UNFINISHED = ("failed", "stopped")


class MadeFilm(BaseModel):
    """One finished film, or package for an editing system."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(default_factory=lambda: secrets.token_hex(5))
    kind: Literal["film", "turnover"] = "film"
    state: State = "waiting"
    error: str = ""
    run: str = ""
    output: str = ""
    turnover: str = ""
    """The folder of its clips and timelines, if it is a package."""
    timelines: list[str] = []
    """The names of its own timelines there; empty in records of earlier versions."""
    report: str = ""
    notes: list[str] = []
    status: str = ""
    cost_usd: float = 0.0
    created: str = ""
    job_version: str = ""
    """The version of the job that it was made from."""
    film: str = ""
    """The digest of the film that it was made from; empty in records of earlier versions."""
    signer: str = ""
    """Who signed it, as read back from the film; empty if it is not signed."""


class ProjectRecord(BaseModel):
    """What is kept of a project besides its job file."""

    model_config = ConfigDict(extra="ignore")

    job: str = ""
    film: str = ""
    provider: str = "auto"
    takes: list[WantedTake] = []
    films: list[MadeFilm] = []


class TakeList:
    """The record of one project on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        try:
            self.record = ProjectRecord.model_validate(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, ValidationError):
            self.record = ProjectRecord()
        items: list[WantedTake | MadeFilm] = [*self.record.takes, *self.record.films]
        for item in items:
            if item.state in ("waiting", "working"):
                item.state, item.error = "stopped", "the studio was stopped while this was being made; make it again"

    def save(self) -> None:
        """Write the record."""
        with self._lock:
            write_text(self._path, self.record.model_dump_json(indent=1), private=True)

    def update(self, item: WantedTake | MadeFilm, **changes: Any) -> None:
        """Change an item and write the record; its state last, because it says that the others are there."""
        with self._lock:
            for name in sorted(changes, key=lambda name: name == "state"):
                setattr(item, name, changes[name])
            self.save()

    def add_take(self, take: WantedTake) -> WantedTake:
        """Add a take, in place of an equal one that failed or was stopped; return the one in the list."""
        with self._lock:
            for other in self.record.takes:
                if _asks_for(other) == _asks_for(take):
                    if other.state not in _UNFINISHED:
                        return other
                    self.record.takes.remove(other)
                    break
            take.created = datetime.now(UTC).isoformat(timespec="seconds")
            self.record.takes.append(take)
            self.save()
            return take

    def add_film(self, film: MadeFilm) -> MadeFilm:
        """Add a film or a package, in place of those of its kind that failed or were stopped."""
        with self._lock:
            film.created = datetime.now(UTC).isoformat(timespec="seconds")
            others = [other for other in self.record.films if other.kind != film.kind or other.state not in _UNFINISHED]
            self.record.films = [*others, film][-20:]
            self.save()
            return film

    def take(self, take_id: str) -> WantedTake | None:
        """Return a take by its ID."""
        return next((take for take in self.record.takes if take.id == take_id), None)

    def film(self, film_id: str) -> MadeFilm | None:
        """Return a film by its ID."""
        return next((film for film in self.record.films if film.id == film_id), None)

    def is_replaced(self, film: MadeFilm) -> bool:
        """Return whether a film that was made later was written to the same file."""
        films = self.record.films
        ids = [other.id for other in films]
        later = films[ids.index(film.id) + 1 :] if film.id in ids else films
        return bool(film.output) and any(other.state == "done" and other.output == film.output for other in later)

    def remove_take(self, take_id: str) -> None:
        """Remove a take from the list; what was made stays in the store."""
        with self._lock:
            self.record.takes = [take for take in self.record.takes if take.id != take_id]
            self.save()


def _asks_for(take: WantedTake) -> tuple[str, ...]:
    return take.place, take.name, take.provider, take.film


def place_key(edit: Edit) -> str:
    """Return what a take depends on besides its expression: the span, the face, the strength and the new line."""
    fields = edit.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=set(_NOT_PLACE))
    return json.dumps(fields, sort_keys=True)


def plain_edit(written: WrittenEdit, choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an edit with these choices in place of its own and of what was picked of its matrix."""
    fields = {**written.fields, **written.picked, **choices}
    return {name: value for name, value in fields.items() if name != "takes"}


def name_of_take(edit: Edit, choices: Mapping[str, Any], step: React1Overrides) -> str:
    """Return the name of a take: its emotion, temperature, region and whatever differs from the API's defaults.

    Args:
        edit: the edit.
        choices: what the take has in place of the edit's own.
        step: what the preset says where both say nothing.
    """
    level = edit.model_copy(update={**choices, "takes": None})
    values = resolve_choices(level, step).model_dump()
    defaults = React1Choices().model_dump()
    shown = ("prompt", "temperature", "model_mode")
    order = [*shown, *(name for name in CHOICE_NAMES if name not in shown and values[name] != defaults[name])]
    face = {"face": level.face} if isinstance(level.face, (str, int)) else {}
    return take_name({**{name: values[name] for name in order}, **face})


def current_takes(takes: Sequence[Take], edit: Edit | None) -> list[Take]:
    """Return the takes with what is decided after them as an edit says it now: how a new line is mixed."""
    if edit is None:
        return list(takes)
    decided = {"audio_mix": edit.audio_mix, "audio_gain": edit.audio_gain}
    segments = [
        take.segment.model_copy(update={"edit": take.segment.edit.model_copy(update=decided)}) for take in takes
    ]
    return [take.model_copy(update={"segment": segment}) for take, segment in zip(takes, segments, strict=True)]


def changed_faces(takes: Sequence[Take]) -> list[tuple[int, tuple[float, float, float, float]]]:
    """Return a frame of the film and where the face is in it, for each shot in which one was changed.

    The place is (left, top, right, bottom) in shares of the picture.
    """
    places = []
    for segment in (take.segment for take in takes):
        video = segment.media.video
        if segment.faces is None or video is None:
            continue
        width, height = segment.crop.picture_px if segment.crop else video.shown_size_px
        for face in segment.faces.shots:
            if not face.number:
                continue
            (x, y), half = face.at_px, face.height_px / 2
            box = ((x - 0.8 * half) / width, (y - half) / height, (x + 0.8 * half) / width, (y + half) / height)
            left, top, right, bottom = (round(min(1.0, max(0.0, share)), 4) for share in box)
            places.append((segment.frames[face.clip_frame], (left, top, right, bottom)))
    return places
