"""One edit: a span of the film and its new expression. The parameter names are the API's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticKnownError

from ..file import File, FileOrUrl
from ..times import Moment, Time, order_key
from .choices import ModelMode, Prompt, React1Overrides, SyncMode
from .face_choice import CropMode, FaceOptions, FacePoint, Strength
from .takes import Matrix, value_text

EDIT_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""A name that a segment may have; files are named by it."""


class At(BaseModel):
    """A segment's position by its content: exactly one of these."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cue: int | None = Field(default=None, ge=1, description="the number of a subtitle, from 1")
    text: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="words said there; case and punctuation are ignored",
    )
    marker: str | None = Field(
        default=None, min_length=1, max_length=500, description="the name of a timeline's marker"
    )
    shot: int | None = Field(default=None, ge=1, description="the number of a shot, from 1")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("expected exactly one of cue, text, marker, shot")
        return self

    def __str__(self) -> str:
        ((name, value),) = self.model_dump(exclude_none=True).items()
        return f"at {name} {value!r}"


class Placement(BaseModel):
    """A segment's position in the film, and its name."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    at: At | None = Field(default=None, description="where the segment is, in place of `in` and `out`")
    in_: Time | None = Field(default=None, alias="in", validate_default=True, description="first frame of the segment")
    out: Time | None = Field(
        default=None, validate_default=True, description="the frame after the last one of the segment"
    )
    snap: Literal["none", "shot", "silence"] | None = Field(
        default=None, description="move in and out to the nearest cut or pause (default: as the step says)"
    )
    name: str | None = Field(default=None, pattern=EDIT_NAME, description="a name for the segment")

    @field_validator("name", mode="before")
    @classmethod
    def _require_plain_name(cls, name: Any) -> Any:
        if isinstance(name, str) and not re.search(EDIT_NAME, name):
            raise ValueError(
                "expected a letter or digit, then up to 63 of A-Z, a-z, 0-9, '.', '_' and '-' (no space, no accent)"
            )
        return name

    @field_validator("in_", "out")
    @classmethod
    def _require_one_placement(cls, moment: Moment | None, info: ValidationInfo) -> Moment | None:
        at = info.data.get("at")
        if moment is None and at is None and "at" in info.data:
            raise PydanticKnownError("missing")
        if moment is not None and at is not None:
            raise ValueError(f"the edit has two positions, {moment} and {at}; keep one of them")
        return moment

    @field_validator("out")
    @classmethod
    def _require_out_after_in(cls, out: Moment | None, info: ValidationInfo) -> Moment | None:
        start = info.data.get("in_")
        if out is not None and start is not None and type(out) is type(start) and order_key(out) <= order_key(start):
            raise ValueError(f"{out} is not after {start}, the in point")
        return out


class Consent(BaseModel):
    """Who agreed to have their face changed, for what, and the document that says so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    performer: str = Field(min_length=1, max_length=200, description="who agreed")
    document: FileOrUrl | None = Field(
        default=None, description="the signed agreement, a local file; only its SHA-256 is kept"
    )
    scope: str = Field(default="", max_length=500, description="what was agreed to, such as a film or a date")

    def to_record(self) -> dict[str, str]:
        """Return it with the document's digest in place of the document, for records, reports and manifests."""
        digest = self.document.digest if isinstance(self.document, File) else ""
        fields = {"performer": self.performer, "scope": self.scope, "document_sha256": digest}
        return {name: value for name, value in fields.items() if value}


class Edit(React1Overrides, FaceOptions, Placement):
    """A segment and its new expression.

    A parameter without a value comes from the step, then from the API's defaults.
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
        description="a new line of dialogue: a file or a URL (default: the film's own audio)",
    )
    audio_mix: Literal["keep", "replace", "mix"] | None = Field(
        default=None,
        description="the film's audio in the span: keep it, replace it by `audio`, or mix both "
        "(default keep; replace if `audio` is set)",
    )
    audio_gain: float | None = Field(
        default=None,
        ge=-30,
        le=20,
        description="how much louder (or, below 0, softer) the new line is than it would be by itself, in dB; "
        "a change of it makes no new call (default 0: as loud as the film's dialogue)",
    )
    resync: bool | None = Field(
        default=None,
        description="local engine: let the film's own audio move the lips too, as for a dubbed film (default: no)",
    )
    strength: Strength | None = Field(
        default=None,
        description="how much of the take is used, 0 to 1, or an envelope over the span such as [[0f, 0], [12f, 1]]; "
        "a change of it makes no new call (default 1)",
    )
    consent: Consent | None = Field(
        default=None, description="who agreed to the edit: {performer, document, scope} (default: the job's)"
    )
    takes: Matrix | None = Field(
        default=None, description="lists of expressions to choose from; every combination is one take"
    )

    if TYPE_CHECKING:  # what may be passed, for type checkers: times are text, seconds or a parsed `Moment`

        def __init__(
            self,
            *,
            in_: Moment | str | float | None = None,
            out: Moment | str | float | None = None,
            at: At | Mapping[str, str | int] | None = None,
            snap: Literal["none", "shot", "silence"] | None = None,
            name: str | None = None,
            prompt: Prompt | None = None,
            temperature: float | None = None,
            model_mode: ModelMode | None = None,
            sync_mode: SyncMode | None = None,
            auto_active_speaker_detection: bool | None = None,
            occlusion_detection_enabled: bool | None = None,
            face: str | int | FacePoint | Mapping[str, object] | None = None,
            faces: Mapping[int | str, str | int | FacePoint | Mapping[str, object]] | None = None,
            crop: CropMode | None = None,
            allow_missing_face: bool | None = None,
            strength: float | Sequence[tuple[Moment | str | float, float]] | str | None = None,
            audio: str | None = None,
            audio_mix: Literal["keep", "replace", "mix"] | None = None,
            audio_gain: float | None = None,
            resync: bool | None = None,
            consent: Consent | Mapping[str, str] | None = None,
            takes: Matrix | Mapping[str, Sequence[str | float | bool]] | None = None,
        ) -> None: ...

    @field_validator("takes")
    @classmethod
    def _require_value_or_list(cls, takes: Matrix | None, info: ValidationInfo) -> Matrix | None:
        for axis in takes.axes if takes else ():
            value = info.data.get(axis)
            if value is not None:
                raise ValueError(f"{axis} is a list here and {value_text(value)} in the edit itself; keep one of them")
        return takes

    @model_validator(mode="after")
    def _require_one_face(self) -> Self:
        if self.auto_active_speaker_detection and self.face not in (None, "speaker"):
            raise ValueError(
                f"auto_active_speaker_detection takes the face that speaks, and face: {self.face} another one; "
                "keep one of them"
            )
        return self

    @property
    def place(self) -> str:
        """The position as written."""
        return str(self.at) if self.at is not None else f"{self.in_}–{self.out}"

    @property
    def changes_sound(self) -> bool:
        """Whether `audio` replaces the film's sound or is mixed with it."""
        return self.audio is not None and self.audio_mix != "keep"
