"""Index of uploaded files: small JSON files on disk, readable by the user only, since a URL may contain a signature.

    HOME/uploads/<storage>-<place>/<digest>.mp4.json     the URL of a file, and until when it is valid
    HOME/uploads/<storage>-<place>/old-<name>.json       an upload that is no longer used but not yet removed
    HOME/uploads/<storage>-<place>/run-<uuid>.lock       held by each run that may be about to use an upload

A record that is truncated, malformed, or has an impossible file name counts as missing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ..core.file import File
from ..storage.upload_storage import StoredUpload
from ..store.atomic import storage_errors, write_text
from ..store.locks import FileLock, is_locked, try_acquire

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
