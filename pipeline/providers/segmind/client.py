"""Client of React-1 at Segmind: v2 (submit, poll, get the result) by default, v1 (one blocking call) on request.

Source: https://www.segmind.com/models/sync.so-react-1/api

Uploads go to Segmind's own storage: a file as a data URL, with base64 written chunk by chunk. Segmind chooses the name,
which is the last part of the URL, and gives no expiry.

Source: the vendor's SDK: `POST /upload-asset` with `{"data_urls": ["data:<mime>;base64,…"]}`.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...core.errors import ProviderError
from ...net.api_client import ApiClient, Redact, error_text, one_line
from ...net.http_pool import HttpResponse, NotSent, Unanswered
from ...storage.upload import (
    UPLOAD_TIMEOUT_S,
    base64_size,
    check_size,
    content_type,
    file_size,
    read_base64,
    send_with_retries,
    upload_limit_s,
)
from ...storage.upload_storage import MAX_ERROR_LENGTH, Progress, StoredUpload, file_name, require_readable_url
from ..contract import (
    SEGMIND_MODEL,
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
from .responses import (
    CLOCK_TOLERANCE,
    MAX_AGE,
    PER_PAGE,
    classify_row,
    date_range,
    is_last_page,
    output_url,
    parse_progress,
    parse_result,
    parse_row,
    parse_rows,
    parse_state,
    query_error,
    submit_error,
)

_LIST_KEYS = ("file_urls", "urls")


class SegmindStorage:
    """Upload to Segmind."""

    name = "segmind"

    def __init__(self, api: ApiClient, max_bytes: int | None = None) -> None:
        """Send nothing yet.

        Args:
            api: Segmind's upload API.
            max_bytes: the largest file; Segmind documents no limit.
        """
        self._api, self._max_bytes = api, max_bytes

    def require(self) -> None:
        """Need nothing besides the key, which the provider needs too."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> StoredUpload:
        """Upload a file; Segmind chooses its name."""
        del nonce
        check_size(path, self.name, self._max_bytes)
        prefix, end = f'{{"data_urls": ["data:{content_type(suffix)};base64,'.encode(), b'"]}'
        length = len(prefix) + base64_size(file_size(path)) + len(end)
        headers = {"content-type": "application/json", "content-length": str(length)}

        async def send() -> HttpResponse:
            body = read_base64(path, prefix, end, progress)
            limit_s = upload_limit_s(length)
            return await self._api.post(
                "upload-asset", body=body, headers=headers, timeout_s=UPLOAD_TIMEOUT_S, limit_s=limit_s
            )

        response = await send_with_retries(send, self.name, self._api.redact)
        url = self._parse_url(response)
        name = file_name(url)
        if not name:
            raise ProviderError("the upload to segmind returned a URL without a file name", billed=False)
        return StoredUpload(url, name)

    async def delete(self, upload: StoredUpload) -> None:
        """Do nothing: Segmind has no way to remove an upload."""

    def _parse_url(self, response: HttpResponse) -> str:
        body = response.json_object()
        for key in _LIST_KEYS:
            urls = body.get(key)
            if isinstance(urls, list) and urls:
                return require_readable_url(urls[0], self.name, self._api)
        keys = one_line(", ".join(sorted(body)), self._api.redact, MAX_ERROR_LENGTH) or "no JSON object"
        message = f"the upload to segmind returned no URL: neither file_urls nor urls, but {keys}"
        raise ProviderError(message, billed=False)


KEY_NAME = "SEGMIND_API_KEY"
HISTORY_PATH = "inference-request/request-history"
MAX_PAGES = 20
V1_TIMEOUT_S = 1800.0


class SegmindClient:
    """Send requests to Segmind; retry nothing."""

    def __init__(self, api: ApiClient, history: ApiClient, version: str = "v2") -> None:
        self._api, self._history, self._version = api, history, version

    async def quote(self, submission: Submission) -> float | None:
        """Return None: Segmind gives no estimate."""

    async def submit(self, submission: Submission, to_file: Path) -> Ticket | Done:
        """Send a call, once."""
        v1 = self._version == "v1"
        try:
            response = await self._api.post(
                f"{self._version}/{SEGMIND_MODEL}",
                submission.request.model_dump(mode="json"),
                timeout_s=V1_TIMEOUT_S if v1 else 60.0,
                to_file=to_file if v1 else None,
            )
        except NotSent as error:
            raise NoJob(f"segmind: {error}; nothing was sent", retry_after_s=5.0) from error
        except Unanswered as error:
            raise ResponseLost(f"segmind: {error}, after the submit was sent") from error
        if not response.ok:
            raise submit_error(response, error_text(response, self._api.redact), KEY_NAME)
        outcome = _parse_v1_response(response, self._api.redact) if v1 else _parse_ticket(response)
        if self._api.reveals_key(outcome.request_id):
            raise ResponseLost(f"segmind returned {response.status} with the API key as its request_id; not stored")
        return outcome

    async def poll(self, request_id: str) -> Waiting | Done | Failed:
        """Return the state of a job, with its result if it is complete."""
        path = f"v2/requests/{quote(request_id, safe='')}"
        response = await self._get(f"{path}/status", "the state of a job")
        if response.status == 404:
            return await self._poll_history(request_id)
        state = parse_state(response.json_object())
        if state != "COMPLETED":
            return self._parse_progress(request_id, response, state)
        response = await self._get(path, "the result of a job")
        if response.status == 404:
            return await self._poll_history(request_id)
        result = response.json_object()
        if parse_state(result) == "FAILED":
            return self._parse_progress(request_id, response, "FAILED")
        done = parse_result(request_id, result)
        if done is None:
            raise TemporarilyUnavailable(f"segmind: job {request_id} is COMPLETED but has no output")
        return done

    async def recover(self, submission: Submission, known: Collection[str]) -> JobOutcome | None:
        """Look for a call among the requests since it was intended, by segmind's clock."""
        used = self._history.server_now() or datetime.now(UTC)
        outcome = await self._search(submission, known, used)
        now = self._history.server_now()
        if outcome is None and now is not None and abs(now - used) > CLOCK_TOLERANCE:
            outcome = await self._search(submission, known, now)
        if outcome is not None:
            return outcome
        if now is None:
            raise ProviderError(
                "segmind's history does not state its time (the Date header is missing or invalid), "
                "so that nothing follows from what it does not list"
            )
        intended_at = submission.server_at or submission.intended_at
        if intended_at < now - MAX_AGE:
            raise ProviderError(f"segmind's history does not reach back to {intended_at:%Y-%m-%d}")
        return None

    async def _search(self, submission: Submission, known: Collection[str], now: datetime) -> JobOutcome | None:
        """Look for a call page by page; `now` is the time by segmind's clock."""
        unclear, seen = False, set[str]()
        query = date_range(submission.server_at, now) | {"per_page": str(PER_PAGE), "model_name": SEGMIND_MODEL}
        for number in range(1, MAX_PAGES + 1):
            page = await self._history_page(query | {"page": str(number)})
            rows = parse_rows(page)
            if rows is None:
                raise ProviderError("segmind's history of requests has an unexpected shape")
            verdicts = [classify_row(row, submission, known) for row in rows]
            if "ours" in verdicts:
                outcome = parse_row(rows[verdicts.index("ours")], self._api.redact)
                if self._api.reveals_key(outcome.request_id):
                    raise ProviderError("segmind's history lists the API key as a request_id; not stored")
                return outcome
            unclear = unclear or "unclear" in verdicts
            new_rows = {str(row) for row in rows} - seen
            seen |= new_rows
            if not new_rows or is_last_page(page, number):
                break
        else:
            raise ProviderError(
                f"segmind's history has more requests than were searched: {len(seen)}, on {MAX_PAGES} pages of the "
                f"period from {query['from_date']} to {query['to_date']}"
            )
        if unclear:
            raise ProviderError("segmind's history lists a request with these files that cannot be identified for sure")
        return None

    def _parse_progress(self, request_id: str, response: HttpResponse, state: str) -> Waiting | Failed:
        progress = parse_progress(request_id, state, error_text(response, self._api.redact))
        if progress is None:
            name = one_line(state, self._api.redact, 40) or "none"
            raise TemporarilyUnavailable(f"segmind returned an undocumented state: {name}")
        return progress

    async def _poll_history(self, request_id: str) -> Waiting | Done | Failed:
        """Look up a job that has expired from the requests: the history keeps its output longer."""
        response = await self._send(self._history, f"{HISTORY_PATH}/{quote(request_id, safe='')}", None)
        if not response.ok and response.status != 404:
            raise self._query_error(response, "a job of the history")
        body = response.json_object() if response.ok else {}
        data = body.get("data")
        rows = [data] if isinstance(data, dict) else (parse_rows(body) or [body])
        for row in rows:
            if isinstance(row, dict) and parse_request_id(row.get("request_id")) == request_id:
                outcome = parse_row(row, self._api.redact)
                return Waiting("PROCESSING") if isinstance(outcome, Ticket) else outcome
        raise UnknownJob(
            f"segmind: job {request_id} is neither among the requests (kept for an hour) nor in the history"
        )

    async def _history_page(self, query: dict[str, str]) -> Any:
        response = await self._send(self._history, HISTORY_PATH, query)
        if not response.ok:
            raise self._query_error(response, "the history of requests")
        try:
            return json.loads(response.body)
        except (ValueError, RecursionError) as error:
            raise TemporarilyUnavailable("segmind's history of requests is not JSON") from error

    async def _get(self, path: str, what: str) -> HttpResponse:
        """Get a path; a failed job is a 422, and an unknown job a 404.

        The body of any other status describes an error of the query, not of the job, whatever it says.
        """
        response = await self._send(self._api, path, None)
        failed = response.status == 422 and parse_state(response.json_object()) == "FAILED"
        if response.ok or response.status == 404 or failed:
            return response
        raise self._query_error(response, what)

    async def _send(self, api: ApiClient, path: str, query: dict[str, str] | None) -> HttpResponse:
        try:
            return await api.get(path, params=query)
        except (NotSent, Unanswered) as error:
            raise TemporarilyUnavailable(f"segmind: {error}") from error

    def _query_error(self, response: HttpResponse, what: str) -> ProviderError:
        return query_error(response, error_text(response, self._api.redact), KEY_NAME, what)


def _parse_ticket(response: HttpResponse) -> Ticket:
    request_id = parse_request_id(response.json_object().get("request_id"))
    if not request_id:
        raise ResponseLost(f"segmind returned {response.status} without a request_id")
    return Ticket(request_id)


def _parse_v1_response(response: HttpResponse, redact: Redact) -> Done:
    """Parse a v1 response: the take's bytes, or JSON with its URL."""
    body = response.json_object()
    request_id = parse_request_id(response.headers.get("x-request-id")) or parse_request_id(body.get("request_id"))
    names = {"x-generation-time": "total_time", "x-remaining-credits": "remaining_credits"}
    details = {
        name: value
        for header, name in names.items()
        if (value := parse_amount(response.headers.get(header))) is not None
    }
    metrics = body.get("metrics")
    cost = parse_amount(response.headers.get("x-cost") or (metrics.get("cost") if isinstance(metrics, dict) else None))
    if response.file is not None:
        return Done(request_id, file=response.file, cost_usd=cost, details=details)
    output = output_url(body)
    if not output:
        content_type = one_line(response.content_type, redact) or "no type"
        raise ResponseLost(f"segmind returned {response.status} with {content_type} and no video")
    return Done(request_id, output, cost_usd=cost, details=details)
