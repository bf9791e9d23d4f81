"""Which results go where: the `out` of a step, checked before anything runs and served when the step is done.

Where the files of a turnover go: the clips from the store, the timelines written for the folder that they lie in.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..config.checked_job import Job, Step
from ..core.errors import PresetError
from ..core.file import Deliver, File, is_marked
from ..core.values import Media, Report, Segment, Take, Turnover, Value
from ..interchange.turnover.package_files import clip_targets, format_timelines, next_version
from ..store.export import check_destination, export, is_exported, is_own_export, record_export
from ..store.store import Store, file_digest
from .external_inputs import local_files

_CONTAINERS = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".flv", ".wmv"}


def output_path(step: Step) -> Path | None:
    """Give where a step's result is wanted, or None."""
    for name, field in type(step.params).model_fields.items():
        if is_marked(field, Deliver):
            place = getattr(step.params, name)
            return Path(place) if place else None
    return None


def check_outputs(job: Job, store: Store, owner: str, *, replace: bool) -> None:
    """Refuse, before anything runs, places that would lose something.

    Raises:
        PresetError: a place is a source, is taken twice, exists, or cannot be written to.
    """
    sources = source_paths(job)
    taken: dict[Path, str] = {}
    for step in job.steps:
        place = output_path(step)
        if place is None:
            continue
        real = place.resolve()
        if real in taken:
            raise PresetError(f"steps {taken[real]} and {step.id} both want {place}; give one another `out`")
        taken[real] = step.id
        folder = not _gives_film(step)
        if not folder:
            _check_suffix(job, step, place)
        # A turnover only ever adds files of a new version to its folder.
        adds = step.info.ports.output is Turnover
        check_destination(store, place, owner, replace=replace or adds, sources=sources, folder=folder)


def _gives_film(step: Step) -> bool:
    return step.info.ports.output is Media and not step.info.ports.fans_out and not step.fanned


def _check_suffix(job: Job, step: Step, place: Path) -> None:
    """Refuse a name that would lie about the container: a film stays in its source's."""
    if not any(port.value_type is Take for port in step.info.ports.inputs):
        return
    before = job.steps[: job.steps.index(step)]
    opened = [path for each in before if each.info.ports.output is Media for path in local_files(each)]
    source = opened[-1] if opened else None
    if source is not None and source.suffix and source.suffix.lower() != place.suffix.lower():
        raise PresetError(
            f"out {place} does not end with {source.suffix}, the container that the film stays in; rename it"
        )


def source_paths(job: Job) -> list[Path]:
    """Find the files of the user's that a job reads."""
    return [path for step in job.steps for path in local_files(step)]


def deliver_result(
    step: Step, made: Value | list[Value], store: Store, sources: list[Path], owner: str, *, replace: bool
) -> Path | None:
    """Bring the files of a step's result to where they are wanted; give the place.

    Raises:
        PresetError: that would replace a source.
        StorageFailed: the disk will not have it, or a file of somebody else's has appeared there.
    """
    place = output_path(step)
    if place is None:
        return None
    wanted = list(turnover_targets(store, made, place) if isinstance(made, Turnover) else file_targets(made, place))
    for _, target in wanted:
        if target.exists() and any(source.exists() and target.samefile(source) for source in sources):
            raise PresetError(f"{target} is a source, which is never written to; choose another --out")
    for file, target in wanted:
        if is_exported(store, file, target):
            record_export(store, file, target, owner)
        else:
            export(store, file, target, owner, replace=replace or is_own_export(store, target, owner))
        store.drop_object(file)
    return place if place.is_dir() or not wanted else wanted[0][1]


def file_targets(made: Value | list[Value], place: Path) -> Iterable[tuple[File, Path]]:
    """Pair every file of a result with its place: one film goes to `place` itself, more go into the folder."""
    if isinstance(made, Media):
        yield made.file, _with_suffix(place, made.file.suffix)
        return
    if isinstance(made, Report):
        yield made.page, place / "report.html"
        yield made.data, place / "report.json"
        for name, sheet in made.sheets.items():
            yield sheet, place / name
        return
    for value in made if isinstance(made, list) else [made]:
        if isinstance(value, Segment):
            yield value.media.file, place / f"{value.name}{value.media.file.suffix}"
            if value.voice:
                yield value.voice, place / f"{value.name}.voice{value.voice.suffix}"
        elif isinstance(value, Take):
            yield value.media.file, place / f"{value.segment.name}.take{value.media.file.suffix}"


def _with_suffix(place: Path, suffix: str) -> Path:
    """Give a film from an address, or one without a suffix, the suffix of what it is."""
    if place.suffix.lower() == suffix or not suffix:
        return place
    return place.with_suffix(suffix) if place.suffix.lower() in _CONTAINERS else place.with_name(place.name + suffix)


def turnover_targets(store: Store, turnover: Turnover, folder: Path) -> Iterator[tuple[File, Path]]:
    """Pair every file of a turnover with its place, under the first version that is free."""
    version = next_version(turnover, folder, _has_content)
    yield from clip_targets(turnover, folder, version)
    context = store.scratch_folder()
    try:
        for name, text in format_timelines(turnover, folder, version).items():
            written = context / name
            written.write_bytes(text.encode())
            yield store.add_file(written), folder / name
    finally:
        shutil.rmtree(context, ignore_errors=True)


def _has_content(file: File, place: Path) -> bool:
    try:
        return place.is_file() and place.stat().st_size == file.size_bytes and file_digest(place) == file.digest
    except OSError:  # what cannot be read is somebody else's
        return False
