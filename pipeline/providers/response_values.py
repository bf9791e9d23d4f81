"""Values that a host tells, read as what they can be used for; what is none of them is no value."""

from __future__ import annotations

import math
from typing import Any

LONGEST_ID = 200


def request_id_of(value: Any) -> str:
    """Give a request id that can be written down and asked for; empty where it is none."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_ID or text in (".", ".."):
        return ""
    return text if text.isprintable() and text == text.strip() and text.isascii() else ""


def amount(value: Any) -> float | None:
    """Read a number from 0 up, such as USD or seconds; None where there is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None
