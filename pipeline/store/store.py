"""The store: content by its SHA-256, and results by the key of the call that computed them.

Content and results lie in a backend (store_backend.py), which several machines may share; the rest is of this machine:

    objects/ab/ab12….mp4     content, read-only; the cache of a bucket
    external/ab/ab12….json   content outside the store: a source film, an exported result (path, size, time)
    results/cd/cd34….json    the result of a call, as JSON, with the parts of its key
    latest/ef/ef56….json     the parts of a step's last key, to explain a cache miss
    recipes/…                how content that was released is made again (recipes.py)
    seen/…                   digests of external files by path, size and time, so that a film is hashed once
    scratch/<random>/        scratch folder of a process, with a `lock` that the process holds and a folder per call

A result is created if it is absent: of two calls with one key, the first one's result stays, and both return it.

The lock of a scratch folder shows whether its process is alive, also to processes in other containers that share the
home. A process that removes a folder holds its lock meanwhile, so that a folder that is just being created is either
removed before its process has the lock, or kept.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from ..core.errors import InputMediaError, PresetError, StorageFailed
from ..core.file import File, advice_for_missing, expand_user
from ..core.settings import shared_store
from .atomic import FileLock, storage_errors, try_acquire, write_text
from .keys import Parts, digest
from .recipes import Recipes
from .store_backend import Backend, DirectoryBlobs, directory_backend


def open_backend(home: Path, place: str, *, probe: bool = True) -> Backend:
    """Return the backend of a home folder: its own, or the shared one at `place` if that is not empty.

    Args:
        home: the home folder; it also has the cache of a bucket.
        place: the value of REACT1_STORE.
        probe: whether to check with small writes that a bucket can be relied on.

    Raises:
        PresetError: the place is no folder or bucket that can be used.
    """
    if not place:
        return directory_backend(home, shared=False)
    if place.startswith("s3://"):
        return _bucket(place, home, probe)
    folder = expand_user(place.removeprefix("file://"))
    if "://" in str(folder) or not folder.is_absolute():
        raise PresetError(f"REACT1_STORE {place!r} is no place; set it to s3://bucket/prefix or an absolute folder")
    if not folder.is_dir():
        raise PresetError(f"REACT1_STORE {place} is not a folder; create it, or mount the disk that has it")
    if home.exists() and folder.samefile(home):
        raise PresetError(f"REACT1_STORE {place} is the home folder itself; set it to another folder, or unset it")
    return directory_backend(folder, shared=True)


@functools.cache
def _bucket(url: str, cache: Path, probe: bool) -> Backend:
    """Open a bucket once per process, since opening probes it with requests."""
    from ..storage.object_bucket import ObjectBucket
    from .object_store import bucket_backend

    return bucket_backend(ObjectBucket(url), cache, probe=probe)


class Scratch:
    """The scratch folder of one process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder: Path | None = None
        self._lock: FileLock | None = None
        self._creating = threading.Lock()

    def new_folder(self) -> Path:
        """Create a folder for one call."""
        with self._creating, storage_errors(self._root):
            if self._folder is None or not self._folder.is_dir():
                self._folder, self._lock = self._create()
            return Path(tempfile.mkdtemp(dir=self._folder))

    def _create(self) -> tuple[Path, FileLock]:
        """Create and lock the folder of this process; try again if a sweep removes it before it is locked."""
        while True:
            self._root.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=self._root))
            with contextlib.suppress(FileNotFoundError):
                lock = try_acquire(folder / "lock")
                if lock is not None:
                    return folder, lock

    def sweep(self) -> None:
        """Remove the folders of processes that are gone."""
        for folder in self._root.glob("*"):
            if folder == self._folder:
                continue
            with contextlib.suppress(OSError, StorageFailed):
                lock = try_acquire(folder / "lock")
                if lock is not None:
                    with contextlib.closing(lock):
                        shutil.rmtree(folder, ignore_errors=True)
                    shutil.rmtree(folder, ignore_errors=True)  # Windows removes the lock only once it is closed

    def close(self) -> None:
        """Remove this process's own folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)  # Windows, as above
            self._folder = None


_BLOCK_BYTES = 4 << 20
Json = dict[str, Any]


class Store:
    """Content and results of a home folder, which is created by the first write.

    A `read_only` store writes nothing: records of external files stay in memory.
    """

    remake: ClassVar[Callable[[Store, Json], None] | None] = None
    """Runs the call of a recipe; set by the executors, which know how."""

    def __init__(self, root: Path, *, read_only: bool = False, place: str | None = None) -> None:
        """Open the backend; `place` is that of a shared one, as in REACT1_STORE, which is the default."""
        self.root = root
        self.read_only = read_only
        self.place = shared_store() if place is None else place
        self.backend = open_backend(root, self.place, probe=not read_only)
        self._blobs, self._records = self.backend.blobs, self.backend.records
        self._unwritten: dict[str, Json] = {}
        self._scratch = Scratch(root / "scratch")
        self.recipes = Recipes(root, enabled=not self.backend.shared)

    def path(self, file: File) -> Path:
        """Return a path from which content can be read; content that was released is made again.

        Raises:
            InputMediaError: its external file was changed.
            StorageFailed: it is no longer in the store.
        """
        path = self._local_path(file) or self._remade_path(file)
        if path is not None:
            return path
        record = self._external_record(file)
        if record is not None and not self.backend.shared:
            raise InputMediaError(f"{record['path']} was changed, moved or removed during the run; run again")
        raise StorageFailed(
            f"content {file.digest[:12]}… is missing from {self.backend.place}; run again to recreate it"
        )

    def _local_path(self, file: File) -> Path | None:
        """Return the object of this machine, else the external file, else what the backend has."""
        stored = self.object_path(file)
        if not self.backend.shared and stored.is_file():
            return stored
        return self._external_path(file) or self._blobs.path(file)

    def has(self, file: File) -> bool:
        """Return whether the complete content can be read or made again, in a shared store by every machine."""
        if self.backend.shared or self.object_path(file).is_file():
            return self._blobs.has(file)
        return self._external_path(file) is not None or self._can_remake(file)

    def release(self, file: File) -> bool:
        """Remove content that can be made again; return False if it cannot, or is not stored."""
        path = self.object_path(file)
        released = path.is_file() and self._can_remake(file)
        with contextlib.suppress(OSError):  # in use on Windows
            if released:
                path.unlink()
        return released and not path.is_file()

    def _can_remake(self, file: File) -> bool:
        recipe = self.recipes.get(file)
        return recipe is not None and all(self.has(each) for each in files_in(recipe["args"].get("inputs")))

    def _remade_path(self, file: File) -> Path | None:
        """Make content again by its recipe; None if there is none, or other content is made by now."""
        recipe = self.recipes.get(file)
        if recipe is None or Store.remake is None or self.read_only:
            return None
        Store.remake(self, recipe)
        path = self._local_path(file)
        if path is None:
            self.recipes.drop(file)  # the next run computes the result anew
        return path

    def add_file(self, path: Path) -> File:
        """Move a finished file into the store."""
        with storage_errors(self.root):
            file = File(digest=file_digest(path), suffix=path.suffix.lower(), size_bytes=path.stat().st_size)
        self._blobs.add(file, path, move=True)
        return file

    def add_external(self, path: Path, progress: Callable[[float], None] = lambda _: None) -> File:
        """Register an external file by its content, without copying it; it is hashed once per size and time.

        Raises:
            InputMediaError: the file does not exist, or cannot be read.
        """
        path = path.absolute()
        try:
            stamp = _stamp(path)
            if not path.is_file():
                raise InputMediaError(f"{path} is not a file; give a media file")
            seen = self.root / "seen" / f"{digest([str(path), stamp])}.json"
            record = _read_record(seen, digest=str)
            if record is None:
                record = {"digest": file_digest(path, progress)}
                if _stamp(path) != stamp:
                    raise InputMediaError(f"{path} changed while it was read; run again when it is complete")
                self._write_record(seen, record)
        except FileNotFoundError:
            raise InputMediaError(f"{path} does not exist; {advice_for_missing(path)}") from None
        except OSError as error:
            raise InputMediaError(f"{path} cannot be read: {error.strerror}") from error
        file = File(digest=record["digest"], suffix=path.suffix.lower(), size_bytes=stamp[0])
        self._record_external(file, path, stamp)
        if self.backend.shared and not self.read_only:  # its path says nothing to other machines
            self._blobs.add(file, path, move=False)
        return file

    def record_external(self, file: File, path: Path) -> None:
        """Record that content is in a file outside the store."""
        self._record_external(file, path, _stamp(path))

    def scratch_folder(self) -> Path:
        """Create a folder for one call."""
        return self._scratch.new_folder()

    def result(self, key: str) -> Json | None:
        """Return the result of a call: {"value", "parts", "seconds"}; None if it or one of its files is not stored.

        The record's time is set to now first, so that `prune` sees the use.
        """
        if not self.read_only:
            self._records.touch(f"results/{key}")
        stored = self._records.read(f"results/{key}")
        return None if stored is None else self._complete_result(stored.text)

    def _complete_result(self, text: str) -> Json | None:
        """Parse the record of a result; return None if it is malformed or one of its files is missing."""
        record = _parse_record(text, parts=dict, seconds=(int, float))
        try:
            complete = record is not None and all(self.has(file) for file in files_in(record["value"]))
        except (KeyError, ValueError):
            return None
        return record if complete else None

    def drop_result(self, key: str) -> None:
        """Remove the result of a call."""
        self._records.remove(f"results/{key}")

    def put_result(self, key: str, value: Any, parts: Parts, seconds: float) -> Json:
        """Store the result of a call, and return the stored one: that of another call, if it was first."""
        record = {"value": value, "parts": parts, "seconds": round(seconds, 3)}
        name, text = f"results/{key}", json.dumps(record)
        while True:
            if self._records.create(name, text):
                return record
            stored = self._records.read(name)
            first = None if stored is None else self._complete_result(stored.text)
            if first is not None:
                return first
            if stored is None:  # no text, or just removed
                self._records.remove(name)
            elif self._records.replace(name, text, stored.version):
                return record

    def cache_get(self, parts: Parts) -> Path | None:
        """Return the file that was cached under these parts; None if there is none, or it is incomplete."""
        record = self.result(digest(parts))
        files = files_in(record["value"]) if record is not None else []
        return self.path(files[0]) if len(files) == 1 else None

    def cache_put(self, parts: Parts, path: Path) -> None:
        """Move a finished file into the store and cache it under these parts; damaged content is replaced."""
        file = File(digest=file_digest(path), suffix=path.suffix.lower(), size_bytes=path.stat().st_size)
        stored = self._blobs.path(file)
        if stored is not None and file_digest(stored) != file.digest:
            self._blobs.remove(file)
        value = self.add_file(path).model_dump(mode="json")
        self.drop_result(digest(parts))
        self.put_result(digest(parts), value, parts, 0)

    def latest_parts(self, step: str) -> Parts | None:
        """Return the parts of a step's last key."""
        return _read_record(self._record_path("latest", digest(step)), params=dict, inputs=dict)

    def put_latest(self, step: str, parts: Parts) -> None:
        """Record the parts of a step's current key."""
        path = self._record_path("latest", digest(step))
        if _read_record(path) != parts:
            write_text(path, json.dumps(parts))

    def drop_object(self, file: File) -> None:
        """Remove this machine's copy of content that is also in an external file; never that of a shared store."""
        if self._external_path(file) is not None:
            self.object_path(file).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove the scratch folders of processes that are gone."""
        self._scratch.sweep()

    def close(self) -> None:
        """Remove this process's own scratch folder."""
        self._scratch.close()

    def _record_external(self, file: File, path: Path, stamp: list[int]) -> None:
        self._write_record(self._external_record_path(file), {"path": str(path), "stamp": stamp})

    def _write_record(self, path: Path, record: Json) -> None:
        if self.read_only:
            self._unwritten[str(path)] = record
        elif _read_record(path) != record:
            write_text(path, json.dumps(record))

    def _record_path(self, folder: str, key: str) -> Path:
        return self.root / folder / key[:2] / f"{key}.json"

    def object_path(self, file: File) -> Path:
        """Return where this machine's copy of content is, or would be."""
        return DirectoryBlobs(self.root).object_path(file)

    def _external_record_path(self, file: File) -> Path:
        return self.root / "external" / file.digest[:2] / f"{file.digest}{file.suffix}.json"

    def _external_record(self, file: File) -> Json | None:
        path = self._external_record_path(file)
        return self._unwritten.get(str(path)) or _read_record(path, path=str, stamp=list)

    def _external_path(self, file: File) -> Path | None:
        record = self._external_record(file)
        if record is None:
            return None
        try:
            return Path(record["path"]) if _stamp(Path(record["path"])) == record["stamp"] else None
        except OSError:
            return None


def file_digest(path: Path, progress: Callable[[float], None] = lambda _: None) -> str:
    """Return the SHA-256 of a file, in hex, read in blocks of 4 MiB; `progress` gets the share done, 0 to 1."""
    total, done, hasher = max(1, path.stat().st_size), 0, hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            hasher.update(block)
            done += len(block)
            progress(min(1.0, done / total))
    return hasher.hexdigest()


def files_in(value: Any) -> list[File]:
    """Return every file in a JSON value."""
    if isinstance(value, dict):
        if value.keys() == {"digest", "suffix", "size_bytes"}:
            return [File.model_validate(value)]
        return [file for item in value.values() for file in files_in(item)]
    if isinstance(value, list):
        return [file for item in value for file in files_in(item)]
    return []


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _read_record(path: Path, /, **expected: type | tuple[type, ...]) -> Json | None:
    """Read a record; return None if it is truncated, unreadable or malformed, so that it is rebuilt."""
    try:
        return _parse_record(path.read_text(encoding="utf-8"), **expected)
    except (OSError, ValueError):
        return None


def _parse_record(text: str, /, **expected: type | tuple[type, ...]) -> Json | None:
    try:
        record = json.loads(text)
    except ValueError:
        return None
    fits = isinstance(record, dict) and all(isinstance(record.get(name), kind) for name, kind in expected.items())
    return record if fits else None
