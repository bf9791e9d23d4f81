"""The films and jobs that the page may open: files under the folders named at the start, and nothing else."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import InputMediaError, PresetError, shorten
from ...store.atomic import storage_errors

FILMS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".mxf", ".wmv")
SOUNDS = (".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".webm", ".aif", ".aiff")
JOBS = (".yaml", ".yml")
_MOST_FILES, _MOST_DEPTH = 500, 4
_SAFE_NAME = re.compile(r"[^\w.() -]+")


@dataclass(frozen=True)
class LibraryFile:
    """A film or a job that can be opened."""

    path: Path
    kind: str
    """`film` or `job`."""


def is_text(path: Path) -> bool:
    """Return whether a path can be sent to a page: names of old archives may be bytes that are no text."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def is_job(path: Path) -> bool:
    """Return whether a YAML file looks like a job or a preset."""
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError:
        return False
    return re.search(rb"^(preset|steps):", head, re.MULTILINE) is not None


class Library:
    """The folders that the page may read."""

    def __init__(self, folders: tuple[Path, ...], jobs: Path) -> None:
        """Take the folders named at the start, and that of the jobs of films beside which nothing may be written."""
        self.folders = tuple(dict.fromkeys(folder.resolve() for folder in folders))
        self.jobs = jobs.resolve()

    def resolve(self, text: str) -> Path:
        """Return the real path of a file under the folders.

        Raises:
            InputMediaError: it is outside of them, or it is not a file.
        """
        try:
            path = Path(text).resolve()
            exists = path.is_file()
        except (OSError, ValueError, RuntimeError) as error:
            raise InputMediaError("this path cannot be read") from error
        if not self._may_use(path):
            name = shorten(path.name)
            raise InputMediaError(
                f"{name} is not in a folder that this studio may read; start it with that folder, or drop the file"
            )
        if not exists:
            raise InputMediaError(f"{shorten(path.name)} does not exist any more")
        return path

    def new_job(self, job: Path, film: Path) -> tuple[dict[str, str], tuple[Path, ...]]:
        """Return what a new job says, and where its films may be written besides its own folder.

        Raises:
            StorageFailed: the folder of jobs that are not beside their films cannot be made.
        """
        if job.parent != self.jobs:
            return {"source": film.name if job.parent == film.parent else str(film)}, ()
        with storage_errors(job.parent):
            job.parent.mkdir(parents=True, exist_ok=True)
        writable = tuple(folder for folder in self.folders if os.access(folder, os.W_OK))
        values = {"source": str(film)}
        if not os.access(film.parent, os.W_OK):
            place = writable[0] if writable else job.with_suffix("")
            values["out"] = str(place / "{source.stem}.react1{source.suffix}")
        return values, (*writable, job.parent)

    def _may_use(self, path: Path) -> bool:
        return any(path.is_relative_to(folder) for folder in (*self.folders, self.jobs))

    def files(self) -> list[LibraryFile]:
        """Return the films and jobs under the folders, jobs first; at most 500, four folders deep.

        Those whose name is not text are left out: no page can name them.
        """
        found_files: list[LibraryFile] = []
        for folder in self.folders:
            for path in _walk(folder):
                suffix = path.suffix.lower()
                kind = "film" if suffix in FILMS else "job" if suffix in JOBS and is_job(path) else ""
                if kind and is_text(path):
                    found_files.append(LibraryFile(path, kind))
                if len(found_files) >= _MOST_FILES:
                    break
        unique = {file.path: file for file in found_files}
        return sorted(unique.values(), key=lambda file: (file.kind != "job", str(file.path)))

    def upload_path(self, name: str, folder: Path | None = None) -> Path:
        """Return the path of a new file for dropped content; existing files are never replaced.

        Raises:
            PresetError: there is no folder to write to.
        """
        target = folder or (self.folders[0] if self.folders else None)
        if target is None or not self._may_use(target.resolve()):
            raise PresetError("this studio has no folder to put the file in; start it with a folder")
        path = Path(name.replace("\\", "/"))
        stem = _SAFE_NAME.sub("_", path.stem).strip(" .") or "file"
        suffix = _SAFE_NAME.sub("", path.suffix.lower())
        for number in range(1, 1000):
            candidate = target / (f"{stem[:80]}{suffix}" if number == 1 else f"{stem[:80]}-{number}{suffix}")
            if not candidate.exists():
                return candidate
        raise PresetError(f"{target} has too many files named {stem}")


def _walk(folder: Path) -> Iterator[Path]:
    for top, folders, files in os.walk(folder):
        depth = len(Path(top).relative_to(folder).parts)
        folders[:] = [] if depth >= _MOST_DEPTH else sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(top) / name


def project_id(job_path: Path) -> str:
    """Return the name by which the page addresses a job."""
    return hashlib.sha256(os.fsencode(job_path)).hexdigest()[:16]
