"""Client of React-1 at sync.so: create with an idempotency key, long polling, errors by their code.

Source: https://sync.so/docs: a create that is repeated with the same `Idempotency-Key` and the same body returns the
generation that the first one created, and creates none itself.

Uploads: a presigned URL is requested with the key, and the bytes are PUT there without it. The file's name holds the
nonce. No expiry is documented; `expiresAt` or `expiresIn` in the response is obeyed.

Source: `POST /v2/assets/upload` with `{fileName, contentType, size}` → `{uploadUrl, url}`, then PUT.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...core.errors import ProviderError
from ...net.api_client import ApiClient, Redact, error_text, one_line
from ...net.http_pool import HttpPool, HttpResponse, NotSent, Unanswered
from ...storage.upload import check_size, content_type, file_size, put_to_url, send_with_retries
from ...storage.upload_storage import Progress, StoredUpload, require_readable_url
from ..contract import (
    Done,
    Failed,
    JobOutcome,
    NoJob,
    ResponseLost,
    Submission,
    TemporarilyUnavailable,
    Ticket,
    UnknownJob,
    Waiting,
    parse_amount,
    parse_request_id,
)


class SyncStorage:
    """Upload to sync.so."""

    name = "sync"

    def __init__(
        self,
        api: ApiClient,
        pool: HttpPool,
        max_bytes: int | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Send nothing yet.

        Args:
            api: returns the presigned URL.
            pool: sends the bytes, without the key.
            max_bytes: the largest file; sync.so documents no limit.
            now: the time, UTC.
        """
        self._api, self._pool, self._max_bytes, self._now = api, pool, max_bytes, now

    def require(self) -> None:
        """Need nothing besides the key, which the provider needs too."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> StoredUpload:
        """Request a presigned URL and upload the file to it."""
        check_size(path, self.name, self._max_bytes)
        media_type, size_bytes, name = content_type(suffix), file_size(path), f"{nonce}{suffix}"
        asset = {"fileName": name, "contentType": media_type, "size": size_bytes}
        response = await send_with_retries(
            lambda: self._api.post("v2/assets/upload", asset), self.name, self._api.redact
        )
        urls = response.json_object()
        upload_url = require_readable_url(urls.get("uploadUrl"), self.name, self._api)
        url = require_readable_url(urls.get("url"), self.name, self._api)
        await put_to_url(self._pool, upload_url, path, suffix, progress, self.name, self._api.redact)
        return StoredUpload(url, name, parse_expiry(urls, self._now()))

    async def delete(self, upload: StoredUpload) -> None:
        """Do nothing: sync.so documents no way to remove an upload."""


def parse_expiry(body: dict[str, Any], now: datetime) -> datetime | None:
    """Return when a URL expires, UTC; None if the response does not say."""
    at, in_s = body.get("expiresAt"), body.get("expiresIn")
    try:
        if isinstance(at, str):
            expires_at = datetime.fromisoformat(at)
            return expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC)
        return now + timedelta(seconds=float(in_s)) if isinstance(in_s, int | float) else None
    except (ValueError, OverflowError):
        return None


KEY_NAME = "SYNC_API_KEY"
MODEL = "react-1"
LONG_POLL_S = 55
KEY_LIFETIME = timedelta(hours=20)
"""How long sync.so is trusted to remember an idempotency key; it does not document for how long it does."""
DEFAULT_WAITS_S = {"rate_limit_exceeded": 15.0, "concurrency_limit_reached": 30.0}
"""Wait by error code if the response does not say how long."""
_REJECTED = {  # besides 429, the only statuses that prove that a create made no generation
    400: "the parameters were refused{why}; correct them",
    401: f"the API key was not accepted{{why}}; check {KEY_NAME}",
    402: "the account cannot start another generation{why}; check its plan and invoices",
    403: "this key may not use the model{why}; check the account's plan",
    404: "unknown endpoint{why}; check REACT1_SYNC_URL",
    413: "the request is too large{why}",
    422: "the parameters were refused{why}; correct them",
}


class SyncClient:
    """Send requests to sync.so; retry nothing."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def quote(self, submission: Submission) -> float | None:
        """Return sync.so's own estimate in USD; None if it has none that can be used."""
        try:
            response = await self._api.post("v2/analyze/cost", generation_body(submission))
        except (NotSent, Unanswered):
            return None
        return parse_quote(response) if response.ok else None

    async def submit(self, submission: Submission, to_file: Path) -> Ticket | Done:
        """Create a generation, with the submission's idempotency key."""
        del to_file
        headers = {"Idempotency-Key": submission.idempotency_key}
        try:
            response = await self._api.post("v2/generate", create_body(submission), headers=headers)
        except NotSent as error:
            raise NoJob(f"sync: {error}; nothing was sent", retry_after_s=5.0) from error
        except Unanswered as error:
            raise ResponseLost(f"sync: {error}, after the submit was sent") from error
        body = response.json_object()
        if not response.ok:
            generation_id = self._request_id(body.get("generationId"))
            if generation_id and _is_idempotency_error(body):
                return Ticket(generation_id)
            raise _submit_error(response, error_text(response, self._api.redact))
        request_id = self._request_id(body.get("id"))
        if not request_id:
            raise ResponseLost(f"sync returned {response.status} without an id")
        return Ticket(request_id)

    def _request_id(self, value: Any) -> str:
        """Return an id that can be stored, or ""."""
        request_id = parse_request_id(value)
        return "" if self._api.reveals_key(request_id) else request_id

    async def poll(self, request_id: str) -> Waiting | Done | Failed:
        """Return the state of a generation; sync.so holds the response until it changes, up to a minute."""
        path = f"v2/generate/{quote(request_id, safe='')}"
        query = {"wait": "true", "timeout": str(LONG_POLL_S)}
        try:
            response = await self._api.get(path, params=query, timeout_s=LONG_POLL_S + 20)
        except (NotSent, Unanswered) as error:
            raise TemporarilyUnavailable(f"sync: {error}") from error
        message = error_text(response, self._api.redact)
        if not response.ok:
            raise _query_error(response, message)
        return _parse_generation(request_id, response.json_object(), message, self._api.redact)

    async def recover(self, submission: Submission, known: Collection[str]) -> JobOutcome | None:
        """Repeat the same create: sync.so returns what the first one created, or creates it now.

        Any other response proves nothing about the first one.
        """
        del known
        if self._api.server_now() is None:
            await self.quote(submission)  # free, and the response states sync.so's time
        if _key_age(submission, datetime.now(UTC), self._api.server_now()) > KEY_LIFETIME:
            raise ProviderError(
                f"sync may have forgotten an idempotency key of {submission.intended_at:%Y-%m-%d %H:%M}"
            )
        try:
            return await self.submit(submission, Path())
        except NoJob as error:
            if error.retry_after_s is None:
                raise ProviderError(error.message) from error
            raise TemporarilyUnavailable(error.message) from error
        except ResponseLost as error:
            raise TemporarilyUnavailable(error.message) from error


def _key_age(submission: Submission, now: datetime, server_now: datetime | None) -> timedelta:
    """Return how old a submission may be: by sync.so's clock, else by the clock that makes it older."""
    if server_now is not None and submission.server_at is not None:
        return server_now - submission.server_at
    return max(now, server_now or now) - submission.intended_at


def parse_quote(response: HttpResponse) -> float | None:
    """Parse an estimate in USD: an object, or a list of objects that add up; None if it is invalid."""
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    rows = body if isinstance(body, list) else [body]
    costs = [parse_amount(row.get("estimatedGenerationCost")) if isinstance(row, dict) else None for row in rows]
    valid = [cost for cost in costs if cost is not None]
    return round(sum(valid), 6) if valid and len(valid) == len(rows) else None


def create_body(submission: Submission) -> dict[str, Any]:
    """Build the body of a create."""
    return generation_body(submission) | {"outputFileName": submission.idempotency_key}


def generation_body(submission: Submission) -> dict[str, Any]:
    """Build the description of a generation, which the cost estimate takes too."""
    request = submission.request
    speaker: dict[str, Any] = {"auto_detect": request.auto_active_speaker_detection}
    if submission.face is not None:
        x_px, y_px = submission.face.at_px
        speaker |= {"frame_number": submission.face.frame, "coordinates": [round(x_px), round(y_px)]}
    return {
        "model": MODEL,
        "input": [{"type": "video", "url": request.video_url}, {"type": "audio", "url": request.audio_url}],
        "options": {
            "sync_mode": request.sync_mode,
            "model_mode": request.model_mode,
            "prompt": request.prompt,
            "temperature": request.temperature,
            "active_speaker_detection": speaker,
            "occlusion_detection_enabled": request.occlusion_detection_enabled,
        },
    }


def _is_idempotency_error(body: dict[str, Any]) -> bool:
    return str(body.get("errorCode", "")).upper().startswith("IDEMPOTENCY")


def _parse_generation(request_id: str, body: dict[str, Any], message: str, redact: Redact) -> Waiting | Done | Failed:
    state = str(body.get("status", "")).upper()
    if state in ("FAILED", "REJECTED", "CANCELED"):
        code = one_line(str(body.get("errorCode") or ""), redact)
        reason = ": ".join(part for part in (code, message) if part) or "no reason given"
        return Failed(request_id, f"{state.lower()}: {reason}", billed=False)
    if state == "COMPLETED":
        output = body.get("outputUrl")
        if not isinstance(output, str) or not output:
            raise TemporarilyUnavailable(f"sync: generation {request_id} is COMPLETED but has no outputUrl")
        output_s = parse_amount(body.get("outputDuration"))
        return Done(request_id, output, details={} if output_s is None else {"output_s": output_s})
    if state in ("PENDING", "PROCESSING"):
        return Waiting(state)
    raise TemporarilyUnavailable(f"sync returned an undocumented state: {one_line(state, redact, 40) or 'none'}")


def _submit_error(response: HttpResponse, message: str) -> NoJob | ResponseLost:
    """Classify a failed create: rejected (NoJob) or ambiguous (ResponseLost)."""
    status, body, why = response.status, response.json_object(), f" ({message})" if message else ""
    if (status != 429 and status not in _REJECTED) or _is_idempotency_error(body):
        return ResponseLost(f"sync returned {status}{why}, which does not say whether a job was created")
    if status == 429:
        code, retry_after_s = str(body.get("errorCode") or ""), parse_amount(body.get("retryAfterSeconds"))
        reason = "all generations of the plan are in use" if "concurrency" in code else "too many requests"
        wait_s = DEFAULT_WAITS_S.get(code, 15.0) if retry_after_s is None else retry_after_s
        return NoJob(f"sync returned 429: {reason}{why}; not billed", retry_after_s=wait_s)
    reason = _REJECTED[status].format(why=why)
    return NoJob(f"sync returned {status}: {reason}; not billed")


def _query_error(response: HttpResponse, message: str) -> ProviderError:
    """Classify a failed poll: temporary or permanent."""
    why = f" ({message})" if message else ""
    if response.status == 404:
        return UnknownJob(f"sync returned 404 for a generation{why}")
    if response.status >= 500 or response.status in (408, 409, 425, 429):
        return TemporarilyUnavailable(f"sync returned {response.status} for a generation{why}")
    lead = f"sync returned {response.status} for a generation{why}; the job is not lost: "
    return ProviderError(lead + f"check {KEY_NAME}, then resume", retryable=True)
