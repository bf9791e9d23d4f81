"""Which results go where: the `out` of a step, checked before anything runs and served when the step is done."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import PresetError
from ..file import Deliver, File, is_marked
from ..kinds import Media, Report, Segment, Take, Value
from ..preset.model import Job, Step
from ..store.deliver import check_place, deliver, is_delivered
from ..store.store import Store
from .ingest import local_files


def wanted_place(step: Step) -> Path | None:
    """Give where a step's result is wanted, or None."""
    for name, field in type(step.params).model_fields.items():
        if is_marked(field, Deliver):
            place = getattr(step.params, name)
            return Path(place) if place else None
    return None


def check_places(job: Job, store: Store, owner: str, *, replace: bool) -> None:
    """Refuse, before anything runs, places that would lose something.

    Raises:
        PresetError: a place is a source, is taken twice, exists, or cannot be written to.
    """
    sources = [path for step in job.steps for path in local_files(step)]
    taken: dict[Path, str] = {}
    for step in job.steps:
        place = wanted_place(step)
        if place is None:
            continue
        if place in taken:
            raise PresetError(f"steps {taken[place]} and {step.id} both want {place}; give one another `out`")
        taken[place] = step.id
        check_place(store, place, owner, replace=replace, sources=sources)


def serve(step: Step, made: Value | list[Value], store: Store, owner: str) -> Path | None:
    """Bring the files of a step's result to where they are wanted; give the place."""
    place = wanted_place(step)
    if place is None:
        return None
    for file, target in targets(made, place):
        if not is_delivered(store, file, target):
            deliver(store, file, target, owner)
    return place


def targets(made: Value | list[Value], place: Path) -> Iterable[tuple[File, Path]]:
    """Pair every file of a result with its place: one film goes to `place` itself, more go into the folder."""
    if isinstance(made, Media):
        yield made.file, place
        return
    if isinstance(made, Report):
        yield made.page, place / "report.html"
        yield made.data, place / "report.json"
        return
    for value in made if isinstance(made, list) else [made]:
        if isinstance(value, Segment):
            yield value.media.file, place / f"{value.name}{value.media.file.suffix}"
            if value.voice:
                yield value.voice, place / f"{value.name}.voice{value.voice.suffix}"
        elif isinstance(value, Take):
            yield value.media.file, place / f"{value.segment.name}.take{value.media.file.suffix}"
