"""The `sound` parameter of a splice step: how new lines of dialogue meet the film's own sound."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SoundParams(BaseModel):
    """The fades at the ends of a line, and whether it is brought to the film's loudness."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fade_ms: float = Field(
        default=20, ge=0, le=1000, description="how long a new line fades in and out, in ms (0: a hard cut)"
    )
    match: Literal["loudness", "off"] = Field(
        default="loudness", description="bring a new line to the loudness of the film's dialogue around it"
    )


DEFAULT_PARAMS = SoundParams()
"""The default."""
