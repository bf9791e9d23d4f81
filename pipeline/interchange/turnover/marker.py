"""What a marker says of a clip, in the same words that can be read back as an edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ASKED = ("prompt", "temperature", "model_mode", "sync_mode")
MADE = ("provider", "request_id", "cost_usd")


def short_note(about: Mapping[str, Any]) -> str:
    """Spell what was asked for and who made it on one line: `react1: prompt=sad temperature=0.6 …`."""
    told = [f"{name}={about[name]}" for name in (*ASKED, *MADE) if about.get(name) not in (None, "")]
    return f"react1: {' '.join(told)}"
