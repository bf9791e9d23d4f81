"""Deliver results to the `out` of a step: check the paths before anything runs, and write the files when it is done."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..config.checked_job import Job, Step, container_problem, local_files, output_path, with_suffix, wrong_suffix
from ..core.errors import PresetError
from ..core.file import File, real_path
from ..core.nodes import node
from ..core.nodes.node import Delivery
from ..core.values import Media, Report, Segment, Take, Turnover, Value
from ..store.export import check_destination, export, is_own_export
from ..store.store import Store, file_digest
from .events import Waiting, Watcher


@dataclass(frozen=True)
class Delivered:
    """What was written for a step."""

    path: Path | None = None
    """The film or the folder; None if the step has no output path."""
    files: tuple[Path, ...] = ()


def delivery(step: Step) -> Delivery:
    """Return how a step's result is delivered; a film per segment goes into a folder."""
    how = node.delivery(step.info.cls, step.info.ports)
    return "folder" if step.fanned and how in ("film", "file") else how


def check_outputs(job: Job, store: Store, owner: str, *, replace: bool) -> None:
    """Refuse output paths that would overwrite something, before anything runs.

    Raises:
        PresetError: a path is a source, is used twice, exists, or is not writable.
    """
    sources = source_paths(job)
    used_by: dict[Path, str] = {}
    for step in job.steps:
        path = output_path(step)
        if path is None:
            continue
        resolved = real_path(path)
        if resolved in used_by:
            raise PresetError(f"steps {used_by[resolved]} and {step.id} both write {path}; change one `out`")
        used_by[resolved] = step.id
        how = delivery(step)
        problem = container_problem(job.steps, step)
        if problem:
            raise PresetError(f"out {problem}")
        adds_files = how == "package"  # each run writes files of a new version
        is_folder = how not in ("film", "file")
        check_destination(store, path, owner, replace=replace or adds_files, sources=sources, folder=is_folder)


def existing_outputs(job: Job, store: Store, owner: str) -> list[Path]:
    """Return the files that a run would refuse to replace, because this job did not write them."""
    paths = [path for step in job.steps if (path := output_path(step)) and delivery(step) != "package"]
    return [path for path in paths if path.exists() and not is_own_export(store, path, owner)]


def require_suffix(path: Path, suffix: str) -> None:
    """Refuse a name for a film whose suffix is not that of its source.

    Raises:
        PresetError: it is another one.
    """
    problem = wrong_suffix(path, suffix)
    if problem:
        raise PresetError(f"out {problem}")


def source_paths(job: Job) -> list[Path]:
    """Return the user's files that a job reads."""
    return [path for step in job.steps for path in local_files(step)]


def deliver_result(
    step: Step,
    result: Value | list[Value],
    store: Store,
    sources: list[Path],
    owner: str,
    *,
    replace: bool,
    watcher: Watcher,
) -> Delivered:
    """Write the files of a step's result to its output path.

    The watcher gets a message if another run that writes there has to finish first.

    Raises:
        PresetError: that would overwrite a source.
        StorageFailed: the disk is full, or another program's file has appeared there.
        Interrupted: the run was stopped.
    """
    path = output_path(step)
    if path is None:
        return Delivered()
    files = list(turnover_targets(store, result, path) if isinstance(result, Turnover) else file_targets(result, path))
    for _, target in files:
        if target.exists() and any(source.exists() and target.samefile(source) for source in sources):
            raise PresetError(f"{target} is a source, which is never overwritten; choose another --out")
    for file, target in files:
        export(store, file, target, owner, replace=replace, notify=lambda text: watcher.on(Waiting(text)))
    return Delivered(path if path.is_dir() or not files else files[0][1], tuple(target for _, target in files))


def file_targets(result: Value | list[Value], path: Path) -> Iterable[tuple[File, Path]]:
    """Pair every file of a result with its target: a single film is `path` itself, other files go into that folder."""
    if isinstance(result, Media):
        target = with_suffix(path, result.file.suffix)
        yield result.file, target
        if result.sidecar is not None:
            yield result.sidecar, target.with_name(target.name + result.sidecar.suffix)
        return
    if isinstance(result, Report):
        yield result.page, path / "report.html"
        yield result.data, path / "report.json"
        for name, sheet in result.sheets.items():
            yield sheet, path / name
        return
    for value in result if isinstance(result, list) else [result]:
        if isinstance(value, Segment):
            yield value.media.file, path / f"{value.name}{value.media.file.suffix}"
            if value.voice:
                yield value.voice, path / f"{value.name}.voice{value.voice.suffix}"
        elif isinstance(value, Take):
            yield value.media.file, path / f"{value.segment.name}.take{value.media.file.suffix}"


def turnover_targets(store: Store, turnover: Turnover, folder: Path) -> Iterator[tuple[File, Path]]:
    """Pair every file of a turnover with its target, under the first unused version."""
    from ..interchange.turnover.build import clip_targets, format_timelines, next_version

    version = next_version(turnover, folder, _has_content)
    yield from clip_targets(turnover, folder, version)
    scratch = store.scratch_folder()
    try:
        for name, text in format_timelines(turnover, folder, version).items():
            path = scratch / name
            path.write_bytes(text.encode())
            yield store.add_file(path), folder / name
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _has_content(file: File, path: Path) -> bool:
    """Return whether a path has exactly this content; an unreadable file has not."""
    try:
        return path.is_file() and path.stat().st_size == file.size_bytes and file_digest(path) == file.digest
    except OSError:
        return False
