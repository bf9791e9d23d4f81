"""Identify a submission in a provider's own list of requests. Pure.

A submit whose response was lost is only sent again if the list proves that it created no job. So a row that may be the
submission and cannot be identified for sure is never "other": then only a person can decide.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from .contract import Submission
from .parameters import parse_amount, parse_request_id

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
    return "ours" if all(_equal(body[name], value) for name, value in others.items()) else "other"


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


def _equal(value: Any, expected: Any) -> bool:
    """Compare a parameter with a row's value, which may have become text."""
    if isinstance(expected, bool):
        return str(value).lower() == str(expected).lower()
    if isinstance(expected, (int, float)):
        number = parse_amount(value)
        return number is not None and abs(number - expected) < 1e-9
    return bool(value == expected)
