"""What the server keeps, as files; each has its final name only when it is whole.

server/lock                  held by the one server of this home
server/jobs/<id>.json        a request and its state
server/outputs/<id>.mp4      a take
server/assets/<uuid>.mp4     an upload
server/scratch/<id>/         a take in the making; swept at the start
"""

from __future__ import annotations

import filecmp
import json
import mimetypes
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import ValidationError

from ..core.errors import PresetError
from ..storage.upload import TYPES
from ..store.atomic import publish, storage_errors, temporary_name, write_text
from ..store.locks import Held, hold
from .server_job import Job

_NAME = re.compile(r"[0-9a-f-]{36}\.[a-z0-9]{1,5}")
_NONCE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
SUFFIXES = {mime: suffix for suffix, mime in TYPES.items()} | {"audio/x-wav": ".wav", "audio/wave": ".wav"}


class Arriving:
    """An upload on its way in, under a name that its sender chose."""

    def __init__(self, place: Path) -> None:
        self._place, self._part, self.size_bytes = place, temporary_name(place), 0
        with storage_errors(place):
            self._stream = self._part.open("xb")

    def write(self, data: bytes) -> None:
        """Add what came next."""
        with storage_errors(self._place):
            self._stream.write(data)
        self.size_bytes += len(data)

    def keep(self) -> bool:
        """Give the file its name; False where that is the name of other content, which keeps it."""
        with storage_errors(self._place):
            self._stream.close()
            if self._place.exists():
                return filecmp.cmp(self._part, self._place, shallow=False)
            publish(self._part, self._place)
        return True

    def close(self) -> None:
        """Let go of it; what has no name by now is removed."""
        with suppress(OSError):  # a full disk was told by the write
            self._stream.close()
        self._part.unlink(missing_ok=True)


class Shelf:
    """The folder of one server."""

    def __init__(self, home: Path) -> None:
        self.root = home / "server"
        self._held: Held | None = None

    def open(self) -> None:
        """Take the folder, and clear away what a stopped server left in the making.

        Raises:
            PresetError: another server works here.
        """
        with storage_errors(self.root):
            for name in ("jobs", "outputs", "assets"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            self._held = hold(self.root / "lock")
        if self._held is None:
            raise PresetError(f"another server works in {self.root}; stop it, or give this one its own --home")
        shutil.rmtree(self.root / "scratch", ignore_errors=True)
        for part in self.root.glob("*/.*.part"):
            part.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the folder back."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def jobs(self) -> Iterator[Job]:
        """Read all requests; a file that is none is passed over."""
        for path in sorted((self.root / "jobs").glob("*.json")):
            try:
                yield Job.model_validate_json(path.read_bytes())
            except (OSError, ValidationError):
                continue

    def put(self, job: Job) -> None:
        """Write down the state of a request."""
        write_text(self.root / "jobs" / f"{job.id}.json", json.dumps(job.model_dump(mode="json")))

    def scratch(self, job_id: str) -> Path:
        """Make an empty folder for a take in the making."""
        place = self.root / "scratch" / job_id
        with storage_errors(place):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
        return place

    def output(self, job_id: str) -> Path:
        """Name the file of a take."""
        return self.root / "outputs" / f"{job_id}.mp4"

    def keep_output(self, made: Path, job_id: str) -> None:
        """Move a finished take to its place."""
        publish(made, self.output(job_id))

    def keep_asset(self, data: bytes, mime: str) -> str:
        """Keep an upload under a new name, which is given; the same bytes get another one each time."""
        suffix = SUFFIXES.get(mime) or mimetypes.guess_extension(mime) or ".bin"
        place = self.root / "assets" / f"{uuid4()}{suffix}"
        with storage_errors(place):
            part = temporary_name(place)
            try:
                part.write_bytes(data)
                publish(part, place)
            finally:
                part.unlink(missing_ok=True)
        return place.name

    def arriving(self, name: str) -> Arriving | None:
        """Begin to keep an upload under a name that its sender chose; None where that is no uuid4 and media suffix."""
        nonce, dot, ending = name.partition(".")
        if not _NONCE.fullmatch(nonce) or dot + ending not in TYPES:
            return None
        return Arriving(self.root / "assets" / name)

    def served(self, folder: str, name: str) -> Path | None:
        """Find a file that is served, by its folder and name."""
        if folder not in ("outputs", "assets") or not _NAME.fullmatch(name):
            return None
        place = self.root / folder / name
        return place if place.is_file() else None

    def own_file(self, address: str, base: str) -> Path | None:
        """Find the file of ours that an address of this server names; a query or a fragment does not matter."""
        try:
            asked, own = urlsplit(address), urlsplit(base)
        except ValueError:
            return None
        folder, _, name = asked.path.removeprefix("/").partition("/")
        same = (asked.scheme, asked.netloc) == (own.scheme, own.netloc)
        return self.served(folder, name) if same else None

    def sweep(self, now_s: float, files_s: float) -> None:
        """Remove outputs and uploads that are older than `files_s`."""
        for folder in ("outputs", "assets"):
            for path in (self.root / folder).glob("*"):
                with storage_errors(path):
                    if now_s - path.stat().st_mtime > files_s:
                        path.unlink(missing_ok=True)

    def forget(self, job_id: str) -> None:
        """Remove the record of a request."""
        (self.root / "jobs" / f"{job_id}.json").unlink(missing_ok=True)
