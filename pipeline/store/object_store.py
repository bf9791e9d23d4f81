"""Blobs and records in a bucket, and the read-through cache in front of it.

    prefix/objects/ab/ab12….mp4   content
    prefix/results/cd34….json     a record `results/cd34…`; its version is the ETag

What is read from a bucket is written to the cache of this machine only if its SHA-256 is right.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..core.errors import PresetError, StorageFailed
from ..core.file import File
from ..storage.object_bucket import ObjectBucket
from .atomic import publish, storage_errors, temporary_path
from .store_backend import Backend, DirectoryBlobs, StoredRecord, mark_used

REFRESH_S = 86400.0
"""A result's record that was not changed for this time is changed when it is read: buckets keep no time of use."""


def bucket_backend(bucket: ObjectBucket, cache: Path, *, probe: bool) -> Backend:
    """Return the backend in a bucket with a cache in a local folder; with `probe`, check conditional writes first.

    Raises:
        PresetError: the bucket ignores conditions on writes, so it cannot decide which of two writers was first.
        StorageFailed: it cannot be reached.
    """
    records = ObjectRecords(bucket)
    if probe:
        probe_conditions(records, bucket.place)
    return Backend(bucket.place, CachedBlobs(bucket, DirectoryBlobs(cache)), records, shared=True)


def probe_conditions(records: ObjectRecords, place: str) -> None:
    """Check with real writes that the bucket refuses a second create and a change of an old version.

    Raises:
        PresetError: it does not.
    """
    name = f"probe/{os.urandom(16).hex()}"
    ignored = ""
    try:
        if not records.create(name, "1") or records.create(name, "2"):
            ignored = "If-None-Match"
        first = records.read(name)
        if not ignored and first is not None:
            changed = records.replace(name, "3", first.version)
            if not changed or records.replace(name, "4", first.version):
                ignored = "If-Match"
    finally:
        records.remove(name)
    if ignored:
        raise PresetError(
            f"REACT1_STORE: {place} ignores {ignored} on writes, so two machines could both be the first; "
            "choose a bucket that supports conditional writes, or a shared folder"
        )


class ObjectRecords:
    """Records as objects of a bucket."""

    def __init__(self, bucket: ObjectBucket, clock: Callable[[], float] = time.time) -> None:
        self._bucket, self._clock = bucket, clock

    def read(self, name: str) -> StoredRecord | None:
        """Return a record; None if there is none, or it is not text."""
        found_object = self._bucket.read(f"{name}.json")
        if found_object is None:
            return None
        try:
            record = StoredRecord(found_object.content.decode(), found_object.etag)
        except ValueError:
            return None
        age_s = self._clock() - found_object.modified_at
        return self._refreshed(name, record) if age_s > REFRESH_S and name.startswith("results/") else record

    def _refreshed(self, name: str, record: StoredRecord) -> StoredRecord:
        """Change a result's record, so that `prune` sees the use; return it as it is then."""
        try:
            data = json.loads(record.text)
        except ValueError:
            return record
        if isinstance(data, dict) and data:
            self.replace(name, json.dumps({**data, "used_at": round(self._clock())}), record.version)
            found_object = self._bucket.read(f"{name}.json")
            return record if found_object is None else StoredRecord(found_object.content.decode(), found_object.etag)
        return record

    def create(self, name: str, text: str) -> bool:
        """Create a record; return False if it exists."""
        return self._bucket.create(f"{name}.json", text.encode())

    def replace(self, name: str, text: str, version: str) -> bool:
        """Change a record, if its ETag is still the expected one."""
        return self._bucket.replace(f"{name}.json", text.encode(), version)

    def remove(self, name: str) -> None:
        """Remove a record."""
        self._bucket.remove(f"{name}.json")

    def touch(self, name: str) -> None:
        """Do nothing: a record that is read is changed when it has become old."""

    def names(self, folder: str) -> Iterator[str]:
        """Yield the names of the records in a folder."""
        for name in self._bucket.names(f"{folder}/"):
            yield name.removesuffix(".json")


class CachedBlobs:
    """Content in a bucket, read through a cache on this machine."""

    def __init__(self, bucket: ObjectBucket, cache: DirectoryBlobs) -> None:
        self._bucket, self._cache = bucket, cache

    def path(self, file: File) -> Path | None:
        """Return the file in the cache, which is downloaded first if needed; None if the bucket has none.

        Raises:
            StorageFailed: what the bucket has is not the content; it is removed, so that it is made again.
        """
        final = self._cache.object_path(file)
        if self._cache.has(file) and mark_used(final):
            return final
        part = temporary_path(final)
        try:
            digest = self._download(file, part)
            if digest is None:
                return None
            if digest != file.digest:
                self.remove(file)
                raise StorageFailed(
                    f"content {file.digest[:12]}… in {self._bucket.place} is damaged (its SHA-256 is {digest[:12]}…) "
                    "and was removed; run again to recreate it"
                )
            part.chmod(0o444)
            publish(part, final)
        finally:
            part.unlink(missing_ok=True)
        return final

    def has(self, file: File) -> bool:
        """Return whether the bucket has the complete content, so that other machines can read it too."""
        return self._bucket.size(object_name(file)) == file.size_bytes

    def add(self, file: File, path: Path, *, move: bool) -> None:
        """Upload content that the bucket lacks; a file that is moved stays in the cache."""
        if not self.has(file):
            self._bucket.upload(object_name(file), path)
        if move:
            self._cache.add(file, path, move=True)

    def remove(self, file: File) -> None:
        """Remove content from the bucket and the cache."""
        self._bucket.remove(object_name(file))
        self._cache.remove(file)

    def _download(self, file: File, part: Path) -> str | None:
        """Write an object to a local file and return its SHA-256; None if there is none."""
        chunks = self._bucket.chunks(object_name(file))
        if chunks is None:
            return None
        hasher = hashlib.sha256()
        with storage_errors(part.parent):
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                for chunk in chunks:
                    hasher.update(chunk)
                    stream.write(chunk)
        return hasher.hexdigest()


def object_name(file: File) -> str:
    """Return the name of the object with this content."""
    return f"objects/{file.digest[:2]}/{file.digest}{file.suffix}"
