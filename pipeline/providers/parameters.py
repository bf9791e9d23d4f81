"""The eight parameters of React-1, as the API documents them.

Source: https://www.segmind.com/models/sync.so-react-1/api
"""

from __future__ import annotations

from fractions import Fraction

from pydantic import BaseModel, ConfigDict, Field

from ..core.edit import Edit, ModelMode, Prompt, SyncMode

LONGEST_S = Fraction(15)
"""The most of video and of audio that a call takes, as the hosts document it."""
SEGMIND_MODEL = "sync.so-react-1"


class React1Request(BaseModel):
    """One call of the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    video_url: str = Field(min_length=1, description="high-resolution video")
    audio_url: str = Field(min_length=1, description="clear audio")
    sync_mode: SyncMode = "bounce"
    model_mode: ModelMode = "face"
    prompt: Prompt = "happy"
    temperature: float = Field(default=0.5, ge=0, le=1)
    auto_active_speaker_detection: bool = False
    occlusion_detection_enabled: bool = False


CHOICES = (
    "sync_mode",
    "model_mode",
    "prompt",
    "temperature",
    "auto_active_speaker_detection",
    "occlusion_detection_enabled",
)
"""The parameters that an edit or a step may set; the two addresses come from the upload."""


def choose(edit: Edit, fallback: BaseModel) -> dict[str, object]:
    """Give the choices of an edit; what it leaves out comes from the step, what both leave out from the API."""
    chosen = {name: getattr(edit, name) for name in CHOICES}
    for name, value in chosen.items():
        if value is None:
            chosen[name] = getattr(fallback, name, None)
    return {name: value for name, value in chosen.items() if value is not None}
