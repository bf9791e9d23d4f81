"""The eight parameters of React-1, as the API documents them, and values from provider responses.

An invalid value of a response becomes "" or None. Source: https://www.segmind.com/models/sync.so-react-1/api
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from ..core.edits.choices import React1Choices

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


def same_value(listed: Any, sent: Any) -> bool:
    """Compare a parameter as it was sent with the same one in a provider's list, where it may have become text."""
    if isinstance(sent, bool):
        return str(listed).lower() == str(sent).lower()
    if isinstance(sent, (int, float)):
        number = parse_amount(listed)
        return number is not None and abs(number - sent) < 1e-9
    return bool(listed == sent)


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
