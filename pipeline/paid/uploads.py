"""Files that a host is to read: the same bytes are sent once per lifetime of their address.

    HOME/uploads/<storage>/<digest>.json     where a file lies, and until when

Takes   content of the store.
Gives   its address at the storage.
Raises  HostFailed.

The notes are the user's alone: an address may carry a signature. One that is torn or out of date counts as none.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from ..errors import HostFailed
from ..file import File
from ..storage.contract import Progress, Storage, Stored
from ..store.atomic import write_text
from ..store.keys import digest


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
        self._folder = home / "uploads" / f"{storage.name}-{digest(where)[:12]}"
        self._storage, self._now, self._margin, self._keep = storage, now, timedelta(seconds=margin_s), keep
        self._turns: dict[str, asyncio.Lock] = {}
        self._sent: dict[str, Stored] = {}

    async def send(self, file: File, path: Path, progress: Progress, *, fresh: bool = False) -> Stored:
        """Give the address of a file, which is sent where it is not there, or `fresh` is asked for."""
        async with self._turns.setdefault(file.digest, asyncio.Lock()):
            known = None if fresh else await asyncio.to_thread(self._known, file)
            if known is not None:
                return known
            stored = await self._storage.put(path, str(uuid4()), file.suffix, progress)
            self._sent[stored.name] = stored
            await asyncio.to_thread(self._note, file, stored)
            return stored

    async def clear(self, in_use: Callable[[str], bool]) -> list[str]:
        """Remove what this run has sent, but what a job still needs; give a line for each that could not be removed."""
        if self._keep:
            return []
        lines = []
        for stored in [one for one in self._sent.values() if one.place and not in_use(one.name)]:
            self._forget(stored)
            try:
                await self._storage.delete(stored)
            except HostFailed as error:
                lines.append(f"{error.message}; remove {stored.place} there yourself")
            del self._sent[stored.name]
        return lines

    def _known(self, file: File) -> Stored | None:
        try:
            told = json.loads(self._place(file).read_text(encoding="utf-8"))
            until = datetime.fromisoformat(told["expires_at"]) if told["expires_at"] else None
            stored = Stored(str(told["address"]), str(told["name"]), until, str(told["place"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        fresh = stored.expires_at is None or stored.expires_at - self._now() > self._margin
        if fresh and stored.place:
            self._sent[stored.name] = stored  # an earlier run left it, so this one clears it away
        return stored if fresh else None

    def _note(self, file: File, stored: Stored) -> None:
        until = stored.expires_at.isoformat() if stored.expires_at else ""
        told = {"address": stored.address, "name": stored.name, "expires_at": until, "place": stored.place}
        write_text(self._place(file), json.dumps(told), private=True)

    def _forget(self, stored: Stored) -> None:
        """Drop the notes of a file before it goes, so that nobody is sent to where nothing is."""
        for place in self._folder.glob("*.json"):
            with suppress(OSError, ValueError):
                if json.loads(place.read_text(encoding="utf-8")).get("name") == stored.name:
                    place.unlink(missing_ok=True)

    def _place(self, file: File) -> Path:
        return self._folder / f"{file.digest}{file.suffix}.json"
