"""Upload each file once per lifetime of its URL, and remove uploads that no job needs.

The last run that uses a storage removes what it and earlier runs have left there, except what an open job still needs
and what a run is to keep.

The index of uploaded files is small JSON files on disk, readable by the user only, since a URL may contain a signature.

    HOME/uploads/<storage>-<place>/<digest>.mp4.json     the URL of a file, and until when it is valid
    HOME/uploads/<storage>-<place>/old-<name>.json       an upload that is no longer used but not yet removed
    HOME/uploads/<storage>-<place>/run-<uuid>.lock       held by each run that may be about to use an upload

A record that is truncated, malformed, or has an impossible file name counts as missing.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ..core.errors import PresetError, ProviderError, StorageFailed
from ..core.file import File
from ..storage.upload_storage import Progress, StoredUpload, UploadStorage
from ..store.atomic import FileLock, is_locked, storage_errors, try_acquire, write_text
from ..store.keys import digest

ASSUMED_LIFETIME = timedelta(days=1)
"""How long a URL is used whose storage gives no expiry; no storage keeps uploads forever."""


class Uploads:
    """The uploads of a run to one storage."""

    def __init__(
        self,
        home: Path,
        storage: UploadStorage,
        *,
        where: str,
        now: Callable[[], datetime],
        margin_s: float,
        keep: bool = False,
    ) -> None:
        """Read nothing yet.

        Args:
            home: the home folder.
            storage: where files are uploaded to.
            where: distinguishes storages of the same name, such as by their URL.
            now: the time, UTC.
            margin_s: a URL that expires sooner is not used any more.
            keep: whether uploads stay there after the run.
        """
        self._index = UploadIndex(home / "uploads" / f"{storage.name}-{digest(where)[:12]}")
        self._storage, self._now, self._margin, self._keep = storage, now, timedelta(seconds=margin_s), keep
        self._locks: dict[str, asyncio.Lock] = {}

    async def upload(self, file: File, path: Path, progress: Progress, *, force: bool = False) -> StoredUpload:
        """Return the upload of a file, sending it if there is none, or if `force` is set.

        Raises:
            ProviderError: the upload failed.
            InputMediaError: the file is too large for the storage.
            StorageFailed: the index cannot be written.
        """
        if not self._keep:
            self._index.acquire()  # from now on no other run removes what this one finds
        async with self._locks.setdefault(file.digest, asyncio.Lock()):
            existing = await asyncio.to_thread(self._find, file)
            if existing is not None and not force:
                return existing
            stored = await self._storage.put(path, str(uuid4()), file.suffix, progress)
            await asyncio.to_thread(self._record, file, stored)
            return stored

    async def remove_unused(self, in_use: Callable[[str], bool]) -> list[str]:
        """Remove uploads that no job needs, and return a message for each that could not be removed.

        Nothing is removed while another run may be about to use it, nor by a run that keeps its uploads.

        Args:
            in_use: whether a job still needs the upload of this name.
        """
        messages = []
        try:
            for path, record in [] if self._keep else await asyncio.to_thread(self._removable):
                if in_use(record.name):
                    continue
                if await asyncio.to_thread(self._index.in_use_by_others):
                    break
                if await asyncio.to_thread(read_record, path) != record:
                    continue  # another run has renewed it, or keeps it now
                messages += await self._remove(path, record)
        finally:
            self._index.release()
        return messages

    async def _remove(self, path: Path, record: UploadRecord) -> list[str]:
        """Remove one upload and its record; return an error as a message.

        First no run may find it any more, then none may have found it: else the last run removes it.
        """
        try:
            retired = await asyncio.to_thread(self._index.retire, path, record)
            if await asyncio.to_thread(self._index.in_use_by_others):
                return []
            await self._storage.delete(record.stored)
        except (ProviderError, PresetError, StorageFailed) as error:
            return [f"{error.message}; remove {record.key} there yourself, or let the next run do it"]
        try:
            await asyncio.to_thread(self._index.remove, retired)
        except StorageFailed as error:
            return [error.message]
        return []

    def _removable(self) -> list[tuple[Path, UploadRecord]]:
        return [(path, record) for path, record in self._index.records() if record.key and not record.keep]

    def _find(self, file: File) -> StoredUpload | None:
        """Return the upload of a file if its URL is valid for long enough."""
        record = self._index.get(file)
        if record is None or self._remaining(record) <= self._margin:
            return None
        if self._keep and not record.keep:
            self._index.write(file, record.model_copy(update={"keep": True}))
        return record.stored

    def _remaining(self, record: UploadRecord) -> timedelta:
        """Return how long a URL is assumed to stay valid; a record dated in the future is not trusted."""
        if record.expires_at is not None:
            return record.expires_at - self._now()
        return ASSUMED_LIFETIME - abs(self._now() - record.sent_at)

    def _record(self, file: File, stored: StoredUpload) -> None:
        record = UploadRecord(
            url=stored.url,
            name=stored.name,
            expires_at=stored.expires_at,
            key=stored.key,
            sent_at=self._now(),
            keep=self._keep,
        )
        self._index.write(file, record)


STALE_S = 3600.0
"""Age after which a lock file that nobody holds is removed; a younger one may be about to be locked."""
_NAME = re.compile(r"[^/\\\x00-\x1f]{1,200}")


class UploadRecord(BaseModel):
    """An uploaded file."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    url: str = Field(repr=False, alias="address")
    name: str
    expires_at: AwareDatetime | None
    key: str = Field(alias="place")
    sent_at: AwareDatetime
    keep: bool

    @property
    def stored(self) -> StoredUpload:
        """The upload, as its storage knows it."""
        return StoredUpload(self.url, self.name, self.expires_at, self.key)


class UploadIndex:
    """The uploads of one storage. Methods that write raise StorageFailed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock_path = folder / f"run-{uuid4()}.lock"
        self._lock: FileLock | None = None

    def get(self, file: File) -> UploadRecord | None:
        """Return the record of a file; None if there is no readable one."""
        return read_record(self._record_path(file))

    def write(self, file: File, record: UploadRecord) -> None:
        """Store the record of a file; the upload that it replaces stays in the index until it is removed."""
        before = self.get(file)
        if before is not None and before.key and before.name != record.name:
            self.retire(self._record_path(file), before)
        write_text(self._record_path(file), record.model_dump_json(by_alias=True), private=True)

    def records(self) -> Iterator[tuple[Path, UploadRecord]]:
        """Yield every readable record with its path, retired ones too."""
        for path in sorted(self._folder.glob("*.json")):
            record = read_record(path)
            if record is not None:
                yield path, record

    def retire(self, path: Path, record: UploadRecord) -> Path:
        """Stop using an upload; its record is kept under another name until the upload is removed."""
        retired = self._folder / f"old-{record.name}.json"
        with storage_errors(path):
            return path.replace(retired)

    def remove(self, path: Path) -> None:
        """Remove the record of an upload that is gone."""
        with storage_errors(path):
            path.unlink(missing_ok=True)

    def acquire(self) -> None:
        """Acquire a reference so that other runs do not delete the uploads."""
        if self._lock is None:
            with storage_errors(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
                self._lock = try_acquire(self._lock_path)

    def release(self) -> None:
        """Release the reference."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
            with suppress(OSError):  # an unlocked lock file means nothing
                self._lock_path.unlink()

    def in_use_by_others(self) -> bool:
        """Return whether another run may use the uploads; stale lock files of killed runs are removed."""
        in_use = False
        for path in self._folder.glob("run-*.lock"):
            if path == self._lock_path:
                continue
            if is_locked(path):
                in_use = True
                continue
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE_S:
                    path.unlink()
        return in_use

    def _record_path(self, file: File) -> Path:
        return self._folder / f"{file.digest}{file.suffix}.json"


def read_record(path: Path) -> UploadRecord | None:
    """Read a record; None if it is unreadable."""
    try:
        record = UploadRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return record if _NAME.fullmatch(record.name) else None
