"""The `composite` parameter: which part of a take goes into the film. Light to import."""

from __future__ import annotations

from typing import Literal

CompositeMode = Literal["auto", "face", "frame"]
"""`auto`: what the take changed; `face`: of that, only the tracked face; `frame`: the complete frame."""
