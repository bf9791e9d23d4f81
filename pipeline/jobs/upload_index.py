"""Where uploaded files lie, as small notes on disk; they are the user's alone, since an address may carry a signature.

    HOME/uploads/<storage>-<place>/<digest>.mp4.json     where a file lies, and until when
    HOME/uploads/<storage>-<place>/old-<name>.json       one that is not given any more, and is still there
    HOME/uploads/<storage>-<place>/run-<uuid>.lock       held by each run that may be about to use one

A note that is torn, unreadable or of another form counts as none, and so does one whose name no file can have.
Raises  StorageFailed when one cannot be written or removed.
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
from ..storage.upload_storage import Stored
from ..store.atomic import storage_errors, write_text
from ..store.locks import Held, hold, is_held

STALE_S = 3600.0
"""A lock that nobody holds is swept when it is older: a younger one may be about to be taken."""
_NAME = re.compile(r"[^/\\\x00-\x1f]{1,200}")


class Note(BaseModel):
    """What is known of one uploaded file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(repr=False)
    name: str
    expires_at: AwareDatetime | None
    place: str
    sent_at: AwareDatetime
    keep: bool

    @property
    def stored(self) -> Stored:
        """The file, as its storage knows it."""
        return Stored(self.address, self.name, self.expires_at, self.place)


class Addresses:
    """The notes of one storage."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = folder / f"run-{uuid4()}.lock"
        self._held: Held | None = None

    def of(self, file: File) -> Note | None:
        """Give the note of a file; None where there is none that can be read."""
        return read(self._place(file))

    def write(self, file: File, note: Note) -> None:
        """Write down where a file lies now; where it lay before is remembered until that is removed."""
        before = self.of(file)
        if before is not None and before.place and before.name != note.name:
            self.retire(self._place(file), before)
        write_text(self._place(file), note.model_dump_json(), private=True)

    def all(self) -> Iterator[tuple[Path, Note]]:
        """Give every note that can be read, old ones too, with its own place."""
        for path in sorted(self._folder.glob("*.json")):
            note = read(path)
            if note is not None:
                yield path, note

    def retire(self, path: Path, note: Note) -> Path:
        """Give a file to nobody any more; its note is kept under another name until the file is gone."""
        old = self._folder / f"old-{note.name}.json"
        with storage_errors(path):
            return path.replace(old)

    def forget(self, path: Path) -> None:
        """Remove a note whose file is gone."""
        with storage_errors(path):
            path.unlink(missing_ok=True)

    def enter(self) -> None:
        """Say that this run may use what is noted here."""
        if self._held is None:
            with storage_errors(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
                self._held = hold(self._lock)

    def leave(self) -> None:
        """Say that it does not any more."""
        if self._held is not None:
            self._held.close()
            self._held = None
            with suppress(OSError):  # a lock that nobody holds says nothing
                self._lock.unlink()

    def others(self) -> bool:
        """Tell whether another run may use what is noted here; locks of runs that were killed are swept."""
        found = False
        for path in self._folder.glob("run-*.lock"):
            if path == self._lock:
                continue
            if is_held(path):
                found = True
                continue
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE_S:
                    path.unlink()
        return found

    def _place(self, file: File) -> Path:
        return self._folder / f"{file.digest}{file.suffix}.json"


def read(path: Path) -> Note | None:
    """Read a note; None where there is none that can be read."""
    try:
        note = Note.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return note if _NAME.fullmatch(note.name) else None
