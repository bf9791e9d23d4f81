"""Files that a host is to read: the same bytes are sent once per lifetime of their address.

Takes   content of the store.
Gives   its address at the storage.
Raises  HostFailed, BadInput, as the storage does; StorageFailed when a note cannot be written; `clear` raises nothing.

The last run that uses a storage clears away what it and others have left there, but for what a job still needs and
what somebody wants to keep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from ..core.errors import PresetError, ProviderError, StorageFailed
from ..core.file import File
from ..storage.upload_storage import Progress, Storage, Stored
from ..store.keys import digest
from .upload_index import Addresses, Note, read

BELIEVED = timedelta(days=1)
"""How long an address is used whose storage does not say until when it lasts: none keeps uploads for ever."""


class Uploads:
    """What is sent to one storage."""

    def __init__(
        self,
        home: Path,
        storage: Storage,
        *,
        where: str,
        now: Callable[[], datetime],
        margin_s: float,
        keep: bool = False,
    ) -> None:
        """Look at nothing yet.

        Args:
            home: the home folder.
            storage: where files go.
            where: what tells this storage from another of the same name, such as its address.
            now: the time, UTC.
            margin_s: an address that expires sooner is not used any more.
            keep: whether files stay there after the run.
        """
        self._addresses = Addresses(home / "uploads" / f"{storage.name}-{digest(where)[:12]}")
        self._storage, self._now, self._margin, self._keep = storage, now, timedelta(seconds=margin_s), keep
        self._turns: dict[str, asyncio.Lock] = {}

    async def send(self, file: File, path: Path, progress: Progress, *, fresh: bool = False) -> Stored:
        """Give the address of a file, which is sent where it is not there, or `fresh` is asked for."""
        if not self._keep:
            self._addresses.enter()  # from now on no other run removes what this one finds
        async with self._turns.setdefault(file.digest, asyncio.Lock()):
            known = await asyncio.to_thread(self._known, file)
            if known is not None and not fresh:
                return known
            stored = await self._storage.put(path, str(uuid4()), file.suffix, progress)
            await asyncio.to_thread(self._note, file, stored)
            return stored

    async def clear(self, in_use: Callable[[str], bool]) -> list[str]:
        """Remove what lies there and no job needs any more; give a line for each file that could not be removed.

        Nothing is removed while another run may be about to use it, nor by a run that keeps its files.
        """
        lines = []
        try:
            for path, note in [] if self._keep else await asyncio.to_thread(self._left):
                if in_use(note.name):
                    continue
                if await asyncio.to_thread(self._addresses.others):
                    break
                if await asyncio.to_thread(read, path) != note:
                    continue  # somebody has renewed it, or keeps it now
                lines += await self._removed(path, note)
        finally:
            self._addresses.leave()
        return lines

    async def _removed(self, path: Path, note: Note) -> list[str]:
        """Remove one file and its note; give what hinders that, as a line."""
        try:
            old = await asyncio.to_thread(self._addresses.retire, path, note)
            await self._storage.delete(note.stored)
        except (ProviderError, PresetError, StorageFailed) as error:
            return [f"{error.message}; remove {note.place} there yourself, or let the next run do so"]
        try:
            await asyncio.to_thread(self._addresses.forget, old)
        except StorageFailed as error:
            return [error.message]
        return []

    def _left(self) -> list[tuple[Path, Note]]:
        return [(path, note) for path, note in self._addresses.all() if note.place and not note.keep]

    def _known(self, file: File) -> Stored | None:
        """Find where a file lies for long enough."""
        note = self._addresses.of(file)
        if note is None or self._lasts(note) <= self._margin:
            return None
        if self._keep and not note.keep:
            self._addresses.write(file, note.model_copy(update={"keep": True}))
        return note.stored

    def _lasts(self, note: Note) -> timedelta:
        """Tell how long an address is believed from now; one of a day that has not come is not."""
        if note.expires_at is not None:
            return note.expires_at - self._now()
        return BELIEVED - abs(self._now() - note.sent_at)

    def _note(self, file: File, stored: Stored) -> None:
        note = Note(
            address=stored.address,
            name=stored.name,
            expires_at=stored.expires_at,
            place=stored.place,
            sent_at=self._now(),
            keep=self._keep,
        )
        self._addresses.write(file, note)
