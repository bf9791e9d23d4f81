"""Client of React-1 at Replicate: create a prediction, poll it; a lost create is found in the list of predictions.

REPLICATE_API_TOKEN     the key
REACT1_REPLICATE_URL    base URL instead of https://api.replicate.com, such as a test server's

Replicate removes a prediction's input and output an hour after its end, and the list then shows neither: a lost create
that is older can only be settled by a person.

Source: https://replicate.com/docs/reference/http, https://replicate.com/docs/topics/predictions/lifecycle

Uploads are one multipart POST, streamed; a file is read with the account's key and removed after the run.

Source: https://replicate.com/docs/reference/http#files.create and the vendor's Python SDK: `POST /v1/files` with the
part `content` → `{id, urls: {get}, expires_at}`; `DELETE /v1/files/ID`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ....plugin.providers import (
    UPLOAD_TIMEOUT_S,
    ApiClient,
    Done,
    Failed,
    HostedProvider,
    HttpPool,
    HttpResponse,
    JobOutcome,
    Latency,
    NotSent,
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
    Unanswered,
    UnknownJob,
    Waiting,
    content_type,
    file_size,
    match_request,
    one_line,
    open_api,
    parse_request_id,
    read_chunks,
    read_page,
    read_request_id,
    read_settings,
    require_readable_url,
    search_from,
    send_query,
    send_submit,
    send_with_retries,
    upload_limit_s,
)


class ReplicateStorage:
    """Upload to Replicate."""

    name = "replicate"

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def require(self) -> None:
        """Need nothing besides the token, which the provider needs too."""

    async def put(self, path: Path, nonce: str, suffix: str, progress: Progress) -> StoredUpload:
        """Upload a file; its name holds the nonce."""
        boundary, name = f"react1-{nonce}", f"{nonce}{suffix}"
        disposition = f'content-disposition: form-data; name="content"; filename="{name}"'
        head = f"--{boundary}\r\n{disposition}\r\ncontent-type: {content_type(suffix)}\r\n\r\n".encode()
        end = f"\r\n--{boundary}--\r\n".encode()
        length = len(head) + file_size(path) + len(end)
        headers = {"content-type": f"multipart/form-data; boundary={boundary}", "content-length": str(length)}

        async def send() -> HttpResponse:
            body = _multipart(path, head, end, progress)
            limit_s = upload_limit_s(length)
            return await self._api.post(
                "v1/files", body=body, headers=headers, timeout_s=UPLOAD_TIMEOUT_S, limit_s=limit_s
            )

        response = await send_with_retries(send, self.name, self._api.redact)
        file = response.json_object()
        urls = file.get("urls")
        url = require_readable_url(urls.get("get") if isinstance(urls, dict) else None, self.name, self._api)
        return StoredUpload(url, name, parse_time(file.get("expires_at")), parse_request_id(file.get("id")))

    async def delete(self, upload: StoredUpload) -> None:
        """Remove a file; one that is gone already is no error."""
        if not upload.key:
            return
        try:
            response = await self._api.post(f"v1/files/{quote(upload.key, safe='')}", body=b"", method="DELETE")
        except (NotSent, Unanswered) as error:
            raise ProviderError(f"removing {upload.name} from replicate failed: {error}", billed=False) from error
        if not response.ok and response.status != 404:
            raise ProviderError(f"removing {upload.name} from replicate failed: {response.status}", billed=False)


async def _multipart(path: Path, head: bytes, end: bytes, progress: Progress) -> AsyncIterator[bytes]:
    yield head
    async for chunk in read_chunks(path, progress):
        yield chunk
    yield end


def parse_time(value: Any) -> datetime | None:
    """Return a timestamp in ISO 8601, UTC; None if the value is none."""
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


KEY_NAME = "REPLICATE_API_TOKEN"
MODEL = "sync/react-1"
LIST_PATH = "v1/predictions"
CANCEL_AFTER = "60m"
"""A prediction ends after an hour at the latest, as long as its data is kept."""
MAX_PAGES = 50
URL_NAMES = ("video", "audio")
PRICES = (
    Price(
        provider="replicate",
        since=date(2026, 1, 1),
        usd_per_frame=0.00667,
        source="assumed: sync.so's rate; Replicate's own price of this model is not documented",
    ),
)


def replicate(environ: Mapping[str, str]) -> HostedProvider:
    """Return Replicate with the settings of the environment."""
    settings = read_settings(
        environ,
        name="replicate",
        key_name=KEY_NAME,
        url="https://api.replicate.com",
        latency=Latency(30.0, 330.0, 5.0),
        requests_per_minute=300.0,
    )
    return HostedProvider(
        settings,
        lambda settings, pool: ReplicateClient(_api(settings, pool)),
        storage=lambda settings, pool: ReplicateStorage(_api(settings, pool)),
        prices=PRICES,
        accepts={"auto_active_speaker_detection": (False,), "occlusion_detection_enabled": (False,)},
    )


def _api(settings: ProviderSettings, pool: HttpPool) -> ApiClient:
    return open_api(settings, pool, header="authorization", scheme="Bearer ")


class ReplicateClient:
    """Send requests to Replicate; retry nothing."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def quote(self, submission: Submission) -> float | None:
        """Return None: Replicate gives no estimate."""

    async def submit(self, submission: Submission, to_file: Path) -> Ticket | Done:
        """Create a prediction, once."""
        del to_file
        response = await send_submit(
            self._api,
            f"v1/models/{MODEL}/predictions",
            {"input": build_input(submission.request)},
            provider="replicate",
            key_name=KEY_NAME,
            headers={"cancel-after": CANCEL_AFTER},
        )
        request_id = read_request_id(self._api, response.json_object().get("id"))
        if not request_id:
            raise ResponseLost(f"replicate returned {response.status} without an id")
        return Ticket(request_id)

    async def poll(self, request_id: str) -> Waiting | Done | Failed:
        """Return the state of a prediction, with its output if it is complete."""
        response = await self._query(f"{LIST_PATH}/{quote(request_id, safe='')}", "a prediction", accept=(404,))
        if response.status == 404:
            raise UnknownJob(f"replicate: there is no prediction {request_id}")
        body = response.json_object()
        state = str(body.get("status", "")).lower()
        if state in ("starting", "processing"):
            return Waiting(state)
        if state == "succeeded":
            output = output_url(body)
            if output:
                return Done(request_id, output)
            if body.get("data_removed"):
                return Failed(request_id, "its output was removed an hour after its end", billed=True)
            raise TemporarilyUnavailable(f"replicate: prediction {request_id} succeeded but has no output")
        if state in ("failed", "canceled", "aborted"):
            reason = one_line(str(body.get("error") or "no reason given"), self._api.redact)
            return Failed(request_id, f"{state}: {reason}", billed=False if state == "aborted" else None)
        raise TemporarilyUnavailable(f"replicate returned an undocumented state: {one_line(state) or 'none'}")

    async def recover(self, submission: Submission, known: Collection[str]) -> JobOutcome | None:
        """Look for a submission in the list of predictions, newest first, page by page."""
        since = search_from(submission)
        expected, unclear, path = build_input(submission.request), False, LIST_PATH
        for _ in range(MAX_PAGES):
            page = await self._page(path)
            for row in [row for row in page["results"] if row.get("model") in (MODEL, None, "")]:
                verdict = match_request(row.get("id"), row.get("input"), expected, URL_NAMES, known)
                if verdict == "ours":
                    request_id = read_request_id(self._api, row.get("id"))
                    if not request_id:
                        raise ProviderError("replicate's list has an id that cannot be stored")
                    return Ticket(request_id)
                unclear = unclear or (verdict == "unclear" and not _is_before(row, since))
            following = page.get("next")
            if (
                not isinstance(following, str)
                or not following
                or all(_is_before(row, since) for row in page["results"])
            ):
                break
            path = following
        else:
            raise ProviderError(f"replicate's list has more than {MAX_PAGES} pages since {since:%Y-%m-%d}")
        if unclear:
            raise ProviderError("replicate's list has a prediction whose input was removed, so it may be this one")
        return None

    async def _page(self, path: str) -> dict[str, Any]:
        response = await self._query(path, "the list of predictions")
        return read_page(response, "results", "replicate's list of predictions")

    async def _query(self, path: str, what: str, accept: tuple[int, ...] = ()) -> Any:
        return await send_query(self._api, path, provider="replicate", key_name=KEY_NAME, what=what, accept=accept)


def build_input(request: React1Request) -> dict[str, Any]:
    """Build the input of the model from a request; all of it, because the model's defaults are others."""
    return {
        "video": request.video_url,
        "audio": request.audio_url,
        "emotion": request.prompt,
        "model_mode": request.model_mode,
        "sync_mode": request.sync_mode,
        "temperature": request.temperature,
    }


def output_url(body: Mapping[str, Any]) -> str:
    """Return the output's URL, which is text or a list with one; "" if there is none."""
    output = body.get("output")
    first = output[0] if isinstance(output, list) and output else output
    return first if isinstance(first, str) else ""


def _is_before(row: Mapping[str, Any], since: datetime) -> bool:
    created_at = parse_time(row.get("created_at"))
    return created_at is not None and created_at < since
