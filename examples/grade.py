"""A MoviePy function for the step `script_take: {function: "grade:dim"}`."""

from __future__ import annotations

from typing import Any

from moviepy import vfx


def dim(clip: Any, segment: dict[str, Any]) -> Any:
    """Darken takes that are sad; `segment` has name, prompt, temperature, start_frame, end_frame and the handles."""
    return clip.with_effects([vfx.MultiplyColor(0.95)]) if segment["prompt"] == "sad" else clip
