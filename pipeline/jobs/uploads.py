"""Upload each file once per lifetime of its URL, and remove uploads that no job needs.

The last run that uses a storage removes what it and earlier runs have left there, except what an open job still needs
and what a run is to keep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from ..core.errors import PresetError, ProviderError, StorageFailed
from ..core.file import File
from ..storage.upload_storage import Progress, StoredUpload, UploadStorage
from ..store.keys import digest
from .upload_index import UploadIndex, UploadRecord, read_record

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
        """Remove one upload and its record; return an error as a message."""
        try:
            retired = await asyncio.to_thread(self._index.retire, path, record)
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
