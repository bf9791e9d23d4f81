"""The two kinds of requests to a provider: a submit, which may cost money, and a query, which is free.

A submit is sent once. Its failure proves that there is no job only if no connection was made, or if the status is one
of `REFUSED`; a redirect, a 5xx or silence proves nothing, because a gateway may have passed the request on.

A submission is identified in a provider's own list of requests. A submit whose response was lost is only sent again if
the list proves that it created no job. So a row that may be the submission and cannot be identified for sure is never
"other": then only a person can decide.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from ..core.errors import ProviderError
from ..net.api_client import ApiClient, error_text
from ..net.http_pool import HttpResponse, NotSent, Unanswered
from .contract import (
    NoJob,
    ResponseLost,
    Submission,
    TemporarilyUnavailable,
    parse_amount,
    parse_request_id,
    same_value,
)

Verdict = Literal["ours", "other", "unclear"]
CLOCK_SLACK = timedelta(days=4)
"""How far a list is searched beyond an intention of which only this machine's time is known, which may be wrong."""
SLACK = timedelta(hours=1)
"""The same if the provider's own time is known."""


def search_from(submission: Submission) -> datetime:
    """Return from when on a list is searched for a submission, UTC."""
    if submission.server_at is not None:
        return (submission.server_at - SLACK).astimezone(UTC)
    return (min(submission.intended_at, datetime.now(UTC)) - CLOCK_SLACK).astimezone(UTC)


def match_request(
    request_id: Any, sent: Any, expected: Mapping[str, Any], urls: Collection[str], known: Collection[str]
) -> Verdict:
    """Return whether a listed request is a submission: the same files and the same parameters.

    Args:
        request_id: the row's.
        sent: the row's input, as a mapping or as JSON text; anything else if the provider does not show it.
        expected: the input that was submitted.
        urls: the names in `expected` whose values are URLs; they are compared without query, as signatures differ.
        known: request ids of other calls.
    """
    identifier = parse_request_id(request_id)
    if identifier and identifier in known:
        return "other"
    body = _parse_input(sent)
    if body is None:
        return "unclear"
    wanted = {name: url_path(expected[name]) for name in urls}
    listed = {name: url_path(body.get(name)) for name in urls}
    if listed != wanted:
        hidden = any(not isinstance(body.get(name), str) or not body[name] for name in urls)
        return "unclear" if hidden else "other"
    others = {name: value for name, value in expected.items() if name not in urls}
    if not identifier or any(name not in body for name in others):
        return "unclear"
    return "ours" if all(same_value(body[name], value) for name, value in others.items()) else "other"


def read_page(response: HttpResponse, rows_name: str, what: str) -> dict[str, Any]:
    """Return a page of a provider's list: an object that has its rows, objects too, under `rows_name`.

    Raises:
        TemporarilyUnavailable: it is not JSON.
        ProviderError: it has another shape.
    """
    try:
        page = json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise TemporarilyUnavailable(f"{what} is not JSON") from error
    rows = page.get(rows_name) if isinstance(page, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ProviderError(f"{what} has an unexpected shape")
    return {**page, rows_name: rows}


def url_path(url: Any) -> str:
    """Return the host and path of a URL, which identify a file whatever its signature is."""
    try:
        parts = urlsplit(str(url))
    except ValueError:
        return str(url)
    return f"{parts.netloc.lower()}{unquote(parts.path)}"


def _parse_input(sent: Any) -> dict[str, Any] | None:
    if isinstance(sent, str):
        try:
            sent = json.loads(sent)
        except (ValueError, RecursionError):
            return None
    return sent if isinstance(sent, dict) and sent else None


REFUSED: Mapping[int, str] = {
    400: "the parameters were refused; correct them",
    401: "the API key was not accepted; check {key}",
    402: "the account cannot pay; add credits",
    403: "this key may not use the model, or the account is locked; check the account and {key}",
    404: "unknown model or endpoint; check the provider's URL",
    405: "the endpoint does not accept this request; check the provider's URL",
    410: "this model or endpoint was retired; look for a newer version of react1-nodes",
    413: "the request is too large",
    415: "the request's format was refused; check for a proxy between this machine and the provider",
    422: "the parameters were refused; correct them",
    429: "too many requests; it is sent again when the provider allows it",
}
"""Statuses that prove that a submit created no job, and what each means; `{key}` is the key's variable."""
RETRY_LATER_S = 15.0
"""Wait after a 429 that does not say for how long."""
NOT_SENT_RETRY_S = 5.0
_TEMPORARY = frozenset({408, 409, 425, 429})


async def send_submit(
    api: ApiClient,
    path: str,
    body: Mapping[str, Any],
    *,
    provider: str,
    key_name: str,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 60.0,
) -> HttpResponse:
    """Send a submit once and return its successful response.

    Raises:
        NoJob: no job was created.
        ResponseLost: a job may have been created.
    """
    try:
        response = await api.post(path, dict(body), headers=headers, timeout_s=timeout_s)
    except NotSent as error:
        raise NoJob(f"{provider}: {error}; nothing was sent", retry_after_s=NOT_SENT_RETRY_S) from error
    except Unanswered as error:
        raise ResponseLost(f"{provider}: {error}, after the submit was sent") from error
    if response.ok:
        return response
    why = _why(response, api)
    meaning = REFUSED.get(response.status)
    if meaning is None:
        raise ResponseLost(f"{provider} returned {response.status}{why}, which does not say whether a job was created")
    message = f"{provider} returned {response.status}{why}: {meaning.format(key=key_name)}; not billed"
    raise NoJob(message, retry_after_s=_retry_after_s(response) if response.status == 429 else None)


async def send_query(
    api: ApiClient,
    path: str,
    *,
    provider: str,
    key_name: str,
    what: str,
    params: Mapping[str, str] | None = None,
    accept: tuple[int, ...] = (),
) -> HttpResponse:
    """Send a free request; return its response if it is successful or its status is in `accept`.

    Raises:
        TemporarilyUnavailable: the same request may succeed later.
        ProviderError: it would not; the job is not lost.
    """
    try:
        response = await api.get(path, params=params)
    except (NotSent, Unanswered) as error:
        raise TemporarilyUnavailable(f"{provider}: {error}") from error
    if response.ok or response.status in accept:
        return response
    why = _why(response, api)
    if response.status >= 500 or response.status in _TEMPORARY:
        raise TemporarilyUnavailable(f"{provider} returned {response.status} for {what}{why}")
    hint = f"check {key_name}, then resume" if response.status in (401, 403) else "resume later"
    raise ProviderError(
        f"{provider} returned {response.status} for {what}{why}; the job is not lost: {hint}", retryable=True
    )


def read_request_id(api: ApiClient, value: Any) -> str:
    """Return a request id of a response if it can be stored: "" if it is none, or if it contains the key."""
    request_id = parse_request_id(value)
    return "" if api.reveals_key(request_id) else request_id


def _why(response: HttpResponse, api: ApiClient) -> str:
    message = error_text(response, api.redact)
    return f" ({message})" if message else ""


def _retry_after_s(response: HttpResponse) -> float:
    body = response.json_object()
    for value in (response.headers.get("retry-after"), body.get("retry_after"), body.get("retryAfterSeconds")):
        seconds = parse_amount(value)
        if seconds is not None:
            return seconds
    return RETRY_LATER_S
