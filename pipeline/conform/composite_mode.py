"""The `composite` parameter: which part of a take is put into the film; apart, so that nodes stay light."""

from __future__ import annotations

from typing import Literal

Composite = Literal["auto", "face", "frame"]
"""`auto`: what the take changed; `face`: of that, only the tracked face; `frame`: the complete frame."""
