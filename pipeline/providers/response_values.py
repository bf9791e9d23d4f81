"""Validate values from provider responses; invalid ones become "" or None."""

from __future__ import annotations

import math
from typing import Any

MAX_ID_LENGTH = 200


def parse_request_id(value: Any) -> str:
    """Return a request id that can be stored and used in a URL, or "" if the value is none."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 0 < len(text) <= MAX_ID_LENGTH or text in (".", ".."):
        return ""
    return text if text.isprintable() and text == text.strip() and text.isascii() else ""


def parse_amount(value: Any) -> float | None:
    """Return a finite number >= 0, such as USD or seconds, or None if the value is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None
