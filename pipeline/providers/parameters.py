"""The eight parameters of React-1, as the API documents them.

Source: https://www.segmind.com/models/sync.so-react-1/api
"""

from __future__ import annotations

from fractions import Fraction
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from ..core.edits.choices import React1Choices

MAX_CALL_S = Fraction(15)
"""The longest video or audio of one call, as the providers document it."""
SEGMIND_MODEL = "sync.so-react-1"


class MediaUrls(BaseModel):
    """The two URLs of a call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    video_url: str = Field(min_length=1, description="high-resolution video")
    audio_url: str = Field(min_length=1, description="clear audio")


class React1Request(React1Choices, MediaUrls):
    """One call of the model: its URLs and its choices."""

    @classmethod
    def build(cls, choices: React1Choices, *, video_url: str, audio_url: str) -> Self:
        """Return a request of these choices for these URLs."""
        return cls(video_url=video_url, audio_url=audio_url, **choices.model_dump())


FACE_POINT = "face_point"
"""The key of a `SentFacePoint` among the parameters by which a call is known; absent if no face is told."""


class SentFacePoint(BaseModel):
    """A point of one frame of the clip that is sent: the face there is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame: int = Field(ge=0)
    at_px: tuple[float, float]
    """Right and down from the top left corner."""
