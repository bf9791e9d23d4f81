"""One edit: which span, and what to do with it. The names are the API's own."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticKnownError

from .choices import Prompt, React1Overrides
from .file import FileOrUrl
from .takes import Matrix, value_text
from .times import Moment, Time


class At(BaseModel):
    """Where a segment lies, by what is there; one of these."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cue: int | None = Field(default=None, ge=1, description="the number of a subtitle, from 1")
    text: str | None = Field(
        default=None, min_length=1, max_length=500, description="what is said there; case and punctuation do not count"
    )
    marker: str | None = Field(
        default=None, min_length=1, max_length=500, description="the name of a timeline's marker"
    )
    shot: int | None = Field(default=None, ge=1, description="the number of a shot, from 1")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("give one of cue, text, marker, shot")
        return self

    def __str__(self) -> str:
        ((name, value),) = self.model_dump(exclude_none=True).items()
        return f"at {name} {value!r}"


class Placement(BaseModel):
    """Where a segment lies in the film, and its name."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    at: At | None = Field(default=None, description="where the segment is, in place of `in` and `out`")
    in_: Time | None = Field(default=None, alias="in", validate_default=True, description="first frame of the segment")
    out: Time | None = Field(
        default=None, validate_default=True, description="the frame after the last one of the segment"
    )
    snap: Literal["none", "shot", "silence"] | None = Field(
        default=None, description="move in and out to the nearest cut or pause (default: as the step says)"
    )
    name: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="a name for the segment"
    )

    @field_validator("in_", "out")
    @classmethod
    def _placed_once(cls, moment: Moment | None, known: ValidationInfo) -> Moment | None:
        at = known.data.get("at")
        if moment is None and at is None and "at" in known.data:
            raise PydanticKnownError("missing")
        if moment is not None and at is not None:
            raise ValueError(f"the edit says where it is twice: {moment}, and {at}; keep one of them")
        return moment


class Edit(React1Overrides, Placement):
    """A segment and its new expression.

    What is left out falls back to the parameters of the step, then to the API's defaults.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={"anyOf": [{"required": ["in", "out"]}, {"required": ["at"]}]},
    )

    prompt: Prompt | None = Field(
        default=None,
        validation_alias=AliasChoices("prompt", "emotion"),
        description="the emotion (API default happy)",
    )
    audio: FileOrUrl | None = Field(
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
    def place(self) -> str:
        """Where it is, as it was written."""
        return str(self.at) if self.at is not None else f"{self.in_}–{self.out}"

    @property
    def changes_sound(self) -> bool:
        """Whether `audio` is heard in the film, instead of its own sound or over it."""
        return self.audio is not None and self.audio_mix != "keep"
