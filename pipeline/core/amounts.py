"""Sizes and durations as people write them: `50GB`, `30d`."""

from __future__ import annotations

import re

from .errors import PresetError

_UNITS_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS_BYTES |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def parse_bytes(text: str, where: str) -> int:
    """Parse a size such as `50GB` or `800 MiB`; a bare number is bytes.

    Raises:
        PresetError: it is not a size; `where` is named in the message.
    """
    return round(_parse(text, where, _UNITS_BYTES, "a size; write it like 50GB or 800MB"))


def parse_duration_s(text: str, where: str) -> float:
    """Parse a duration such as `30d`, `12h` or `90m`, in seconds.

    Raises:
        PresetError: it is not a duration; `where` is named in the message.
    """
    return _parse(text, where, _UNITS_S, "a duration; write it like 30d, 12h or 90m")


def bytes_text(size_bytes: int) -> str:
    """Return a size for people: `1.2 GB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def _parse(text: str, where: str, units: dict[str, float] | dict[str, int], what: str) -> float:
    match = _AMOUNT.fullmatch(text)
    if match is None or match.group(2).lower() not in units:
        raise PresetError(f"{where}: {text!r} is not {what}")
    return float(match.group(1)) * units[match.group(2).lower()]
