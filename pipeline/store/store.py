"""The store: content by its SHA-256, and results by the key of the call that made them.

    objects/ab/ab12….mp4     content, read-only
    elsewhere/ab/ab12….json  content that lives outside: a source film, a delivered result (path, size, time)
    results/cd/cd34….json    what a call gave, as JSON, with the parts of its key
    latest/ef/ef56….json     the parts of the key that a step had last, to explain a miss
    seen/…                   digests of outside files by path, size and time, so that a film is hashed once
    scratch/                 the rooms of running calls (scratch.py)

Every file arrives by write, fsync, rename, so two writers of the same content do no harm.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.errors import InputMediaError, StorageFailed
from ..core.file import File
from .atomic import publish, storage_errors, write_text
from .keys import Parts, digest
from .scratch import Scratch

_BLOCK_BYTES = 4 << 20
Told = dict[str, Any]


class Store:
    """Content and results under one folder, made when first written to.

    A store that is `read_only` writes nothing: what it learns of outside files it keeps in memory.
    """

    def __init__(self, root: Path, *, read_only: bool = False) -> None:
        self.root = root
        self.read_only = read_only
        self._learnt: dict[str, Told] = {}
        self._scratch = Scratch(root / "scratch")

    def path(self, file: File) -> Path:
        """Give where content can be read.

        Raises:
            BadInput: it was changed where it lives outside the store.
            StorageFailed: it is not here any more.
        """
        kept = self._object(file)
        if kept.is_file():
            return kept
        outside = self._outside(file)
        if outside is not None:
            return outside
        told = self._told(file)
        if told is not None:
            raise InputMediaError(f"{told['path']} was changed, moved or removed while it was needed; run again")
        raise StorageFailed(f"content {file.digest[:12]}… is gone from {self.root}; run again to make it anew")

    def has(self, file: File) -> bool:
        """Tell whether content can be read, whole."""
        kept = self._object(file)
        if kept.is_file():
            return kept.stat().st_size == file.size_bytes
        return self._outside(file) is not None

    def add_file(self, made: Path) -> File:
        """Move a finished file into the store."""
        with storage_errors(self.root):
            file = File(digest=file_digest(made), suffix=made.suffix.lower(), size_bytes=made.stat().st_size)
            final = self._object(file)
            if self.has(file) and final.is_file():
                made.unlink()
                return file
            made.chmod(0o444)
            publish(made, final)
        return file

    def adopt(self, path: Path, progress: Callable[[float], None] = lambda _: None) -> File:
        """Learn an outside file by its content, without copying it; it is hashed once per state.

        Raises:
            BadInput: there is no such file, or it cannot be read.
        """
        path = path.absolute()
        try:
            stamp = _stamp(path)
            if not path.is_file():
                raise InputMediaError(f"{path} is not a file; give a media file")
            seen = self.root / "seen" / f"{digest([str(path), stamp])}.json"
            told = _read(seen, digest=str)
            if told is None:
                told = {"digest": file_digest(path, progress)}
                if _stamp(path) != stamp:
                    raise InputMediaError(f"{path} changes while it is read; run again when it is whole")
                self._note(seen, told)
        except FileNotFoundError:
            raise InputMediaError(f"{path} does not exist; check the path") from None
        except OSError as error:
            raise InputMediaError(f"{path} cannot be read: {error.strerror}") from error
        file = File(digest=told["digest"], suffix=path.suffix.lower(), size_bytes=stamp[0])
        self._remember(file, path, stamp)
        return file

    def remember_outside(self, file: File, path: Path) -> None:
        """Note that content lives in a file outside the store."""
        self._remember(file, path, _stamp(path))

    def room_folder(self) -> Path:
        """Make a folder for one call."""
        return self._scratch.context()

    def result(self, key: str) -> dict[str, Any] | None:
        """Give what a call gave: {"value", "parts", "seconds"}; None where it is not stored, or its files are gone."""
        told = _read(self._at("results", key), parts=dict, seconds=(int, float))
        try:
            whole = told is not None and all(self.has(file) for file in files_in(told["value"]))
        except (KeyError, ValueError):
            return None
        return told if whole else None

    def drop_result(self, key: str) -> None:
        """Forget what a call gave."""
        self._at("results", key).unlink(missing_ok=True)

    def put_result(self, key: str, value: Any, parts: Parts, seconds: float) -> None:
        """Publish what a call gave."""
        told = {"value": value, "parts": parts, "seconds": round(seconds, 3)}
        write_text(self._at("results", key), json.dumps(told))

    def cache_get(self, parts: Parts) -> Path | None:
        """Give the content that was remembered under these parts; None where there is none, or it is not whole."""
        told = self.result(digest(parts))
        files = files_in(told["value"]) if told is not None else []
        return self.path(files[0]) if len(files) == 1 else None

    def cache_put(self, parts: Parts, made: Path) -> None:
        """Move a finished file into the store, to be found by these parts; damaged content there is replaced."""
        file = File(digest=file_digest(made), suffix=made.suffix.lower(), size_bytes=made.stat().st_size)
        kept = self._object(file)
        if kept.is_file() and file_digest(kept) != file.digest:
            kept.unlink(missing_ok=True)
        self.put_result(digest(parts), self.add_file(made).model_dump(mode="json"), parts, 0)

    def latest_parts(self, step: str) -> Parts | None:
        """Give the parts of the key that a step had last."""
        return _read(self._at("latest", digest(step)), params=dict, inputs=dict)

    def put_latest(self, step: str, parts: Parts) -> None:
        """Note the parts of the key that a step has now."""
        place = self._at("latest", digest(step))
        if _read(place) != parts:
            write_text(place, json.dumps(parts))

    def forget_object(self, file: File) -> None:
        """Drop the store's own copy of content that lives outside now."""
        if self._outside(file) is not None:
            self._object(file).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what calls of processes that are gone have left."""
        self._scratch.sweep()

    def close(self) -> None:
        """Remove this process's own scratch."""
        self._scratch.close()

    def _remember(self, file: File, path: Path, stamp: list[int]) -> None:
        self._note(self._pointer(file), {"path": str(path), "stamp": stamp})

    def _note(self, place: Path, told: Told) -> None:
        if self.read_only:
            self._learnt[str(place)] = told
        elif _read(place) != told:
            write_text(place, json.dumps(told))

    def _at(self, kind: str, key: str) -> Path:
        return self.root / kind / key[:2] / f"{key}.json"

    def _object(self, file: File) -> Path:
        return self.root / "objects" / file.digest[:2] / f"{file.digest}{file.suffix}"

    def _pointer(self, file: File) -> Path:
        return self.root / "elsewhere" / file.digest[:2] / f"{file.digest}{file.suffix}.json"

    def _told(self, file: File) -> Told | None:
        return self._learnt.get(str(self._pointer(file))) or _read(self._pointer(file), path=str, stamp=list)

    def _outside(self, file: File) -> Path | None:
        told = self._told(file)
        if told is None:
            return None
        try:
            return Path(told["path"]) if _stamp(Path(told["path"])) == told["stamp"] else None
        except OSError:
            return None


def file_digest(path: Path, progress: Callable[[float], None] = lambda _: None) -> str:
    """Give the SHA-256 of a file, in hex, read in blocks of 4 MiB."""
    total, done, hasher = max(1, path.stat().st_size), 0, hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            hasher.update(block)
            done += len(block)
            progress(min(1.0, done / total))
    return hasher.hexdigest()


def files_in(value: Any) -> list[File]:
    """Find every file that a JSON value names."""
    if isinstance(value, dict):
        if value.keys() == {"digest", "suffix", "size_bytes"}:
            return [File.model_validate(value)]
        return [file for item in value.values() for file in files_in(item)]
    if isinstance(value, list):
        return [file for item in value for file in files_in(item)]
    return []


def _stamp(path: Path) -> list[int]:
    told = path.stat()
    return [told.st_size, told.st_mtime_ns, told.st_ino]


def _read(place: Path, /, **expected: type | tuple[type, ...]) -> Told | None:
    """Read a note; one that is torn, unreadable or of another shape is no note: what it told is made anew."""
    try:
        told = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fits = isinstance(told, dict) and all(isinstance(told.get(name), kind) for name, kind in expected.items())
    return told if fits else None
