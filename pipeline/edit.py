"""One edit: which span, and what to do with it. The names are the API's own."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from .file import Address
from .takes import Matrix, ModelMode, Prompt, SyncMode, value_text
from .times import Time

__all__ = ["Edit", "ModelMode", "Prompt", "SyncMode"]


class Edit(BaseModel):
    """A segment and its new expression.

    What is left out falls back to the parameters of the step, then to the API's defaults.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    in_: Time = Field(alias="in", description="first frame of the segment")
    out: Time = Field(description="the frame after the last one of the segment")
    name: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="a name for the segment"
    )
    prompt: Prompt | None = Field(
        default=None,
        validation_alias=AliasChoices("prompt", "emotion"),
        description="the emotion (default happy)",
    )
    temperature: float | None = Field(default=None, ge=0, le=1, description="expression intensity (default 0.5)")
    model_mode: ModelMode | None = Field(default=None, description="the region that may change (default face)")
    sync_mode: SyncMode | None = Field(default=None, description="what to do when voice and picture differ in length")
    auto_active_speaker_detection: bool | None = Field(default=None, description="change only the face that speaks")
    occlusion_detection_enabled: bool | None = Field(
        default=None, description="look for hands and objects before the face"
    )
    audio: Address | None = Field(
        default=None,
        description="a new line of dialogue: a file or an address (default: the source's own sound)",
    )
    audio_mix: Literal["keep", "replace", "mix"] | None = Field(
        default=None,
        description="the film's sound in the span: kept, replaced by `audio`, or heard under it "
        "(default keep, or replace where `audio` is given)",
    )

    takes: Matrix | None = Field(
        default=None, description="several expressions to choose from, by lists: one take for every combination"
    )

    @field_validator("takes")
    @classmethod
    def _said_once(cls, takes: Matrix | None, known: ValidationInfo) -> Matrix | None:
        for axis in takes.axes if takes else ():
            own = known.data.get(axis)
            if own is not None:
                raise ValueError(f"{axis} is a list here, and {value_text(own)} for the edit itself; keep one of them")
        return takes

    @property
    def changes_sound(self) -> bool:
        """Whether `audio` is heard in the film, instead of its own sound or over it."""
        return self.audio is not None and self.audio_mix != "keep"
