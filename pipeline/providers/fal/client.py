"""Client of React-1 at fal: submit to the queue, poll, get the result; a lost submit is found in the request list.

FAL_KEY            the key
REACT1_FAL_URL     base URL instead of fal's three, such as a test server's

Source: https://fal.ai/models/fal-ai/sync-lipsync/react-1/api, https://docs.fal.ai/model-apis/model-endpoints/queue,
https://fal.ai/docs/platform-apis/v1/models/requests/by-endpoint, and the vendor's Python SDK.

Uploads: a presigned URL is requested with the key, and the bytes are PUT there without it. The file's name holds the
nonce; the URL is valid for a day.

Source: the vendor's SDK: `POST /storage/upload/initiate?storage_type=gcs` with `{file_name, content_type}` →
`{upload_url, file_url}`, then PUT; `X-Fal-Object-Lifecycle-Preference` sets the expiry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ....plugin.providers import (
    ApiClient,
    Done,
    Failed,
    HostedProvider,
    HttpPool,
    JobOutcome,
    Latency,
    Price,
    Progress,
    ProviderError,
    ProviderSettings,
    React1Request,
    ResponseLost,
    StoredUpload,
    Submission,
    TemporarilyUnavailable,
    Ticket,
    UnknownJob,
    Waiting,
    content_type,
    match_request,
    one_line,
    open_api,
    parse_request_id,
    put_to_url,
    read_page,
    read_request_id,
    read_settings,
    require_readable_url,
    search_from,
    send_query,
    send_submit,
    send_with_retries,
)

LIFETIME = timedelta(days=1)


class FalStorage:
    """Upload to fal."""

    name = "fal"

    def __init__(self, api: ApiClient, pool: HttpPool, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._api, self._pool, self._now = api, pool, now

    def require(self) -> None:
        """Need nothing besides the key, which the provider needs too."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> StoredUpload:
        """Request a presigned URL and upload the file to it."""
        media_type, name = content_type(suffix), f"{nonce}{suffix}"
        lifetime = json.dumps({"expiration_duration_seconds": int(LIFETIME.total_seconds())})
        expires_at = self._now() + LIFETIME
        response = await send_with_retries(
            lambda: self._api.post(
                "storage/upload/initiate?storage_type=gcs",
                {"file_name": name, "content_type": media_type},
                headers={"x-fal-object-lifecycle-preference": lifetime},
            ),
            self.name,
            self._api.redact,
        )
        urls = response.json_object()
        upload_url = require_readable_url(urls.get("upload_url"), self.name, self._api)
        url = require_readable_url(urls.get("file_url"), self.name, self._api)
        await put_to_url(self._pool, upload_url, path, suffix, progress, self.name, self._api.redact)
        return StoredUpload(url, name, expires_at)

    async def delete(self, upload: StoredUpload) -> None:
        """Do nothing: the file expires after a day."""


KEY_NAME = "FAL_KEY"
ENDPOINT = "fal-ai/sync-lipsync/react-1"
APP = "fal-ai/sync-lipsync"
"""The paths of a request leave out the last part of the endpoint's name."""
LIST_PATH = "v1/models/requests/by-endpoint"
START_WITHIN_S = 1800
"""A request that does not start within this time fails, so that it cannot begin after it was given up for lost."""
SETTLE_AFTER_S = 7200.0
"""The list is sorted by the end of the requests, so one that still runs may be missing: its longest wait and run."""
PER_PAGE = 100
MAX_PAGES = 50
URL_NAMES = ("video_url", "audio_url")
PRICES = (Price(provider="fal", since=date(2026, 1, 1), usd_per_s=10 / 60, source="fal's model page: $10 a minute"),)
HEADERS = {"x-fal-no-retry": "1", "x-fal-request-timeout": str(START_WITHIN_S)}
"""Without the first one fal itself runs a failed request up to ten times."""


def fal(environ: Mapping[str, str]) -> HostedProvider:
    """Return fal with the settings of the environment."""
    settings = read_settings(
        environ,
        name="fal",
        key_name=KEY_NAME,
        url="https://queue.fal.run",
        upload_url="https://rest.fal.ai",
        history_url="https://api.fal.ai",
        latency=Latency(30.0, 330.0, 5.0),
        settle_after_s=SETTLE_AFTER_S,
    )
    return HostedProvider(
        settings,
        _connect,
        storage=lambda settings, pool: FalStorage(_api(settings, pool, settings.upload_url), pool),
        prices=PRICES,
        accepts={"auto_active_speaker_detection": (False,), "occlusion_detection_enabled": (False,)},
    )


def _connect(settings: ProviderSettings, pool: HttpPool) -> FalClient:
    return FalClient(_api(settings, pool, settings.base_url), _api(settings, pool, settings.history_url))


def _api(settings: ProviderSettings, pool: HttpPool, url: str) -> ApiClient:
    return open_api(settings, pool, url, header="authorization", scheme="Key ")


class FalClient:
    """Send requests to fal; retry nothing."""

    def __init__(self, queue: ApiClient, platform: ApiClient) -> None:
        self._queue, self._platform = queue, platform

    async def quote(self, submission: Submission) -> float | None:
        """Return None: fal estimates no single request."""

    async def submit(self, submission: Submission, to_file: Path) -> Ticket | Done:
        """Put a request into the queue, once."""
        del to_file
        response = await send_submit(
            self._queue, ENDPOINT, build_input(submission.request), provider="fal", key_name=KEY_NAME, headers=HEADERS
        )
        request_id = read_request_id(self._queue, response.json_object().get("request_id"))
        if not request_id:
            raise ResponseLost(f"fal returned {response.status} without a request_id")
        return Ticket(request_id)

    async def poll(self, request_id: str) -> Waiting | Done | Failed:
        """Return the state of a request, with its result if it is complete.

        The paths are built here, not taken from the response, so that no response decides where the key goes.
        """
        path = f"{APP}/requests/{quote(request_id, safe='')}"
        response = await self._query(self._queue, f"{path}/status", "the state of a request", accept=(404,))
        if response.status == 404:
            return await self._poll_list(request_id)
        status = response.json_object()
        state = str(status.get("status", "")).upper()
        if state in ("IN_QUEUE", "IN_PROGRESS"):
            return Waiting(state)
        if state != "COMPLETED":
            raise TemporarilyUnavailable(f"fal returned an undocumented state: {self._line(state) or 'none'}")
        if status.get("error"):
            return self._failed(request_id, status)
        response = await self._query(
            self._queue, path, "the result of a request", accept=(404, 422, 500, 502, 503, 504)
        )
        if response.status == 422:
            return self._failed(request_id, response.json_object())
        if not response.ok:
            return await self._explain_error(request_id, response.status)
        output = output_url(response.json_object())
        if not output:
            raise TemporarilyUnavailable(f"fal: request {request_id} is COMPLETED but has no video")
        return Done(request_id, output)

    async def recover(self, submission: Submission, known: Collection[str]) -> JobOutcome | None:
        """Look for a submission in the list of requests, which shows the input of each, page by page."""
        since = search_from(submission)
        query = {"start": f"{since:%Y-%m-%dT%H:%M:%SZ}", "limit": str(PER_PAGE)}
        expected, unclear, cursor = build_input(submission.request), False, ""
        for _ in range(MAX_PAGES):
            page = await self._list(query | ({"cursor": cursor} if cursor else {}))
            for row in page["items"]:
                verdict = match_request(row.get("request_id"), row.get("json_input"), expected, URL_NAMES, known)
                if verdict == "ours":
                    return self._ticket_of(row.get("request_id"))
                unclear = unclear or verdict == "unclear"
            following = page.get("next_cursor")
            if not page.get("has_more") or not isinstance(following, str) or following in ("", cursor):
                break
            cursor = following
        else:
            raise ProviderError(f"fal's list of requests has more than {MAX_PAGES} pages since {since:%Y-%m-%d}")
        if unclear:
            raise ProviderError("fal's list has a request whose input it does not show, so it may be this one")
        return None

    def _ticket_of(self, value: Any) -> Ticket:
        request_id = read_request_id(self._queue, value)
        if not request_id:
            raise ProviderError("fal's list has a request id that cannot be stored")
        return Ticket(request_id)

    async def _explain_error(self, request_id: str, status: int) -> Waiting | Done | Failed:
        """Look up whether an error is the request's own or a gateway's: only the list of requests shows that."""
        try:
            return await self._poll_list(request_id)
        except TemporarilyUnavailable:
            raise
        except ProviderError as error:
            raise TemporarilyUnavailable(f"fal returned {status} for a result; {error.message}") from error

    async def _poll_list(self, request_id: str) -> Waiting | Done | Failed:
        """Look a request up that the queue does not know any more: the list keeps it longer."""
        page = await self._list({"request_id": request_id})
        row = next((row for row in page["items"] if parse_request_id(row.get("request_id")) == request_id), None)
        if row is None:
            raise UnknownJob(f"fal: request {request_id} is neither in the queue nor in the list")
        status, output = row.get("status_code"), row.get("json_output")
        if not isinstance(status, int) or not row.get("ended_at"):
            return Waiting("IN_PROGRESS")
        if status >= 400:
            return Failed(request_id, f"it ended with {status}", billed=False if status >= 500 else None)
        url = output_url(output if isinstance(output, dict) else {})
        return Done(request_id, url) if url else Failed(request_id, "its result has expired", billed=True)

    async def _list(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return one page of the list of requests, with their input and output."""
        params = {"endpoint_id": ENDPOINT, "expand": "payloads", **query}
        response = await self._query(self._platform, LIST_PATH, "the list of requests", params=params)
        return read_page(response, "items", "fal's list of requests")

    async def _query(self, api: ApiClient, path: str, what: str, **options: Any) -> Any:
        return await send_query(api, path, provider="fal", key_name=KEY_NAME, what=what, **options)

    def _failed(self, request_id: str, body: Mapping[str, Any]) -> Failed:
        """Parse a failure: fal's own faults are not billed, and input that the model rejects may be."""
        kind = body.get("error_type")
        reason = self._line(json_text(body.get("error") or body.get("detail"))) or "no reason given"
        return Failed(request_id, reason, billed=False if isinstance(kind, str) and is_platform_fault(kind) else None)

    def _line(self, text: str) -> str:
        return one_line(text, self._queue.redact)


def build_input(request: React1Request) -> dict[str, Any]:
    """Build the input of the model from a request."""
    return {
        "video_url": request.video_url,
        "audio_url": request.audio_url,
        "emotion": request.prompt,
        "model_mode": request.model_mode,
        "lipsync_mode": request.sync_mode,
        "temperature": request.temperature,
    }


def is_platform_fault(error_type: str) -> bool:
    """Return whether a documented `error_type` is a 5xx of fal's own, which is never billed."""
    return error_type.startswith("runner_") or error_type in ("request_timeout", "startup_timeout", "internal_error")


def output_url(body: Mapping[str, Any]) -> str:
    """Return the URL in `{"video": {"url": …}}`; "" if there is none."""
    video = body.get("video")
    url = video.get("url") if isinstance(video, dict) else None
    return url if isinstance(url, str) else ""


def json_text(value: Any) -> str:
    """Return the text of an error, which is text or a list of `{"msg": …}`."""
    if isinstance(value, list):
        return "; ".join(str(item.get("msg", "")) if isinstance(item, dict) else str(item) for item in value[:5])
    return value if isinstance(value, str) else ""
