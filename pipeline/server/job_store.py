"""The server's files; each gets its final name only when it is complete.

server/lock                  held by the one server of this home
server/jobs/<id>.json        a request and its state
server/outputs/<id>.mp4      a take
server/assets/<uuid>.mp4     an upload
server/scratch/<id>/         a take in progress; removed when a server starts

A request has its state on disk, and the response bodies of the contract.
"""

from __future__ import annotations

import filecmp
import json
import mimetypes
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from ..core.errors import PresetError
from ..storage.upload import CONTENT_TYPES
from ..store.atomic import FileLock, publish, storage_errors, temporary_path, try_acquire, write_text
from .faults import Perturbation
from .server_options import MODEL

State = Literal["QUEUED", "PROCESSING", "COMPLETED", "FAILED"]


class RequestRefused(Exception):
    """An error response: a status of the contract, and one line for `{"error": …}`."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


class Job(BaseModel):
    """A request and its state; times are seconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    api: Literal["v1", "v2"]
    sent: dict[str, Any]
    """The parameters as the client sent them."""
    video_file: str = ""
    """Path of the upload that `video_url` names; empty if it must be fetched."""
    audio_file: str = ""
    state: State = "QUEUED"
    created_s: float
    started_s: float = 0
    ended_s: float = 0
    attempts: int = 0
    """How often work on it was started."""
    error: str = ""
    at_fault: Literal["", "request", "server"] = ""
    cost_usd: float = 0
    remaining_usd: float = 0
    output_s: float = 0
    notes: tuple[str, ...] = ()
    perturbations: tuple[Perturbation, ...] = ()
    blocked: str = ""
    """Injected fault: the message that the request fails with."""
    hold_s: float = 0
    """Injected fault: how long the request is PROCESSING before work starts."""

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state in ("COMPLETED", "FAILED")


def submit_body(job: Job, base_url: str) -> dict[str, Any]:
    """Return the response to a submit; `base_url` is the server's own, with a slash at its end."""
    url = f"{base_url}v2/requests/{job.id}"
    return {
        "request_id": job.id,
        "status": "QUEUED",
        "status_url": f"{url}/status",
        "response_url": url,
        "poll_url": f"{url}/status",
    }


def status_body(job: Job, base_url: str) -> dict[str, Any]:
    """Return the response to a status request."""
    body = {"request_id": job.id, "status": job.state, "response_url": f"{base_url}v2/requests/{job.id}"}
    if job.state == "FAILED":
        body["error"] = job.error
    return body


def result_body(job: Job, base_url: str) -> dict[str, Any]:
    """Return the final response, or the status if the request has not ended."""
    if not job.ended:
        return status_body(job, base_url)
    url = output_url(job, base_url)
    body: dict[str, Any] = {
        "request_id": job.id,
        "status": job.state,
        "error": job.error or None,
        "metrics": metrics(job),
        "output": url,
    }
    if url:
        body |= {"video": {"url": url, "content_type": "video/mp4", "duration": job.output_s}, "said": list(job.notes)}
    return body


def metrics(job: Job) -> dict[str, float]:
    """Return the cost (USD) and the times (seconds) of a finished request."""
    return {
        "cost": job.cost_usd,
        "remaining_credits": job.remaining_usd,
        "inference_time": round(job.ended_s - job.started_s, 3) if job.started_s else 0.0,
        "queue_time": round((job.started_s or job.ended_s) - job.created_s, 3),
        "total_time": round(job.ended_s - job.created_s, 3),
    }


def output_url(job: Job, base_url: str) -> str | None:
    """Return the URL of the take, or None if there is none."""
    return f"{base_url}outputs/{job.id}.mp4" if job.state == "COMPLETED" else None


def history_row(job: Job, base_url: str) -> dict[str, Any]:
    """Return a request as the history lists it."""
    return {
        "request_id": job.id,
        "model_name": MODEL,
        "model_status": job.state if job.ended else "PENDING",
        "credits_deduction": job.cost_usd,
        "request_body": job.sent,
        "generation_url": output_url(job, base_url),
        "latency_ms": round((job.ended_s - job.created_s) * 1000) if job.ended else None,
        "model_created": utc_text(job.created_s),
        "error": job.error or None,
    }


def utc_text(time_s: float) -> str:
    """Format seconds since 1970 as UTC, ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_FILE_NAME = re.compile(r"[0-9a-f-]{36}\.[a-z0-9]{1,5}")
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
SUFFIXES = {mime: suffix for suffix, mime in CONTENT_TYPES.items()} | {"audio/x-wav": ".wav", "audio/wave": ".wav"}


class IncomingUpload:
    """An upload in progress, under a name that the client chose."""

    def __init__(self, path: Path) -> None:
        self._path, self._part, self.size_bytes = path, temporary_path(path), 0
        with storage_errors(path):
            self._stream = self._part.open("xb")

    def write(self, data: bytes) -> None:
        """Append data."""
        with storage_errors(self._path):
            self._stream.write(data)
        self.size_bytes += len(data)

    def commit(self) -> bool:
        """Rename the file to its final name; return False if that name has other content, which stays."""
        with storage_errors(self._path):
            self._stream.close()
            if self._path.exists():
                return filecmp.cmp(self._part, self._path, shallow=False)
            publish(self._part, self._path)
        return True

    def close(self) -> None:
        """Close the file, and remove it unless it was committed."""
        with suppress(OSError):  # the write has reported a full disk
            self._stream.close()
        self._part.unlink(missing_ok=True)


class JobStore:
    """The folder of one server."""

    def __init__(self, home: Path) -> None:
        self.root = home / "server"
        self._lock: FileLock | None = None

    def open(self) -> None:
        """Lock the folder, and remove unfinished files of a stopped server; do nothing if this object has the lock.

        Raises:
            PresetError: another server uses it.
        """
        if self._lock is not None:
            return
        with storage_errors(self.root):
            for name in ("jobs", "outputs", "assets"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            self._lock = try_acquire(self.root / "lock")
        if self._lock is None:
            raise PresetError(f"another server uses {self.root}; stop it, or start this one with another --home")
        shutil.rmtree(self.root / "scratch", ignore_errors=True)
        for part in self.root.glob("*/.*.part"):
            part.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def jobs(self) -> Iterator[Job]:
        """Yield all requests, skipping files that cannot be parsed."""
        for path in sorted((self.root / "jobs").glob("*.json")):
            try:
                yield Job.model_validate_json(path.read_bytes())
            except (OSError, ValidationError):
                continue

    def put(self, job: Job) -> None:
        """Write the state of a request."""
        write_text(self.root / "jobs" / f"{job.id}.json", json.dumps(job.model_dump(mode="json")))

    def scratch(self, job_id: str) -> Path:
        """Create an empty folder for a take in progress."""
        path = self.root / "scratch" / job_id
        with storage_errors(path):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
        return path

    def output(self, job_id: str) -> Path:
        """Return the path of a take."""
        return self.root / "outputs" / f"{job_id}.mp4"

    def keep_output(self, take: Path, job_id: str) -> None:
        """Move a finished take to the outputs."""
        publish(take, self.output(job_id))

    def keep_asset(self, data: bytes, mime: str) -> str:
        """Write an upload under a new name and return the name; the same bytes get another one each time."""
        suffix = SUFFIXES.get(mime) or mimetypes.guess_extension(mime) or ".bin"
        path = self.root / "assets" / f"{uuid4()}{suffix}"
        with storage_errors(path):
            part = temporary_path(path)
            try:
                part.write_bytes(data)
                publish(part, path)
            finally:
                part.unlink(missing_ok=True)
        return path.name

    def open_upload(self, name: str) -> IncomingUpload | None:
        """Start an upload under a name that the client chose; None if it is not `<uuid4>.<media suffix>`."""
        stem, dot, suffix = name.partition(".")
        if not _UUID4.fullmatch(stem) or dot + suffix not in CONTENT_TYPES:
            return None
        return IncomingUpload(self.root / "assets" / name)

    def served_file(self, folder: str, name: str) -> Path | None:
        """Return the path of a file that is served; None if there is none."""
        if folder not in ("outputs", "assets") or not _FILE_NAME.fullmatch(name):
            return None
        path = self.root / folder / name
        return path if path.is_file() else None

    def uploaded_file(self, url: str, base_url: str) -> Path | None:
        """Return the file that a URL of this server names, whatever its query or fragment; None for other URLs."""
        try:
            parts, base = urlsplit(url), urlsplit(base_url)
        except ValueError:
            return None
        folder, _, name = parts.path.removeprefix("/").partition("/")
        same_server = (parts.scheme, parts.netloc) == (base.scheme, base.netloc)
        return self.served_file(folder, name) if same_server else None

    def sweep(self, now_s: float, files_s: float) -> None:
        """Remove outputs and uploads older than `files_s` seconds."""
        for folder in ("outputs", "assets"):
            for path in (self.root / folder).glob("*"):
                with storage_errors(path), suppress(FileNotFoundError):  # an upload has ended since it was listed
                    if now_s - path.stat().st_mtime > files_s:
                        path.unlink(missing_ok=True)

    def forget(self, job_id: str) -> None:
        """Remove the record of a request."""
        path = self.root / "jobs" / f"{job_id}.json"
        with storage_errors(path):
            path.unlink(missing_ok=True)
