"""React-1's parameters under the API's names, declared once for presets, jobs, providers and the local engine.

`OneOf` is for a parameter whose allowed words are known at run time only, because plug-ins add some.
Source: https://www.segmind.com/models/sync.so-react-1/api
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from ..errors import not_one_of


@dataclass(frozen=True)
class OneOf:
    """Accept one of these words: `Annotated[str, OneOf(names)]`; the JSON Schema lists them as an `enum`."""

    names: Callable[[], Iterable[str]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of text that is checked."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema for editors and node boxes."""
        return {**handler(schema), "enum": list(self.names())}

    def _check(self, word: str) -> str:
        allowed = list(self.names())
        if word not in allowed:
            raise ValueError(not_one_of(word, allowed))
        return word


Prompt = Literal["happy", "sad", "angry", "disgusted", "surprised", "neutral"]
ModelMode = Literal["lips", "face", "head"]
SyncMode = Literal["loop", "bounce", "cut_off", "silence", "remap"]
Temperature = Annotated[float, Field(ge=0, le=1)]


class React1Choices(BaseModel):
    """The six parameters of a call that are not URLs, complete; the defaults are the API's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sync_mode: SyncMode = "bounce"
    model_mode: ModelMode = "face"
    prompt: Prompt = "happy"
    temperature: Temperature = 0.5
    auto_active_speaker_detection: bool = False
    occlusion_detection_enabled: bool = False


CHOICE_NAMES = tuple(React1Choices.model_fields)
"""The parameters that an edit or a step may set; the two URLs come from the upload."""


class React1Overrides(BaseModel):
    """The same six parameters, each of which may be left out, as in an edit or a step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Prompt | None = Field(default=None, description="the emotion (API default happy)")
    temperature: Temperature | None = Field(default=None, description="expression intensity (API default 0.5)")
    model_mode: ModelMode | None = Field(default=None, description="the region that may change (API default face)")
    sync_mode: SyncMode | None = Field(
        default=None, description="what to do when voice and picture differ in length (API default bounce)"
    )
    auto_active_speaker_detection: bool | None = Field(
        default=None, description="change only the face that speaks (API default false)"
    )
    occlusion_detection_enabled: bool | None = Field(
        default=None, description="look for hands and objects in front of the face; slower (API default false)"
    )


def resolve_choices(*levels: BaseModel) -> React1Choices:
    """Return each parameter from the first level that sets it, such as an edit and its step; else the API's default.

    A level that names a face decides `auto_active_speaker_detection` too: it is on for the face `speaker` only.
    """
    chosen: dict[str, object] = {}
    for level in reversed(levels):
        values = {name: getattr(level, name, None) for name in CHOICE_NAMES}
        chosen |= {name: value for name, value in values.items() if value is not None}
        face = getattr(level, "face", None)
        if face is not None:
            chosen["auto_active_speaker_detection"] = face == "speaker"
    return React1Choices.model_validate(chosen)


Disclosed = Literal["provider", "parameters", "request_id", "consent"]
"""What a signed manifest says of an edit besides its span: who rendered it, with which parameters, under which request
id, and by whose consent."""
Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]
CompositeMode = Literal["auto", "face", "frame"]
"""`auto`: what the take changed; `face`: of that, only the tracked face; `frame`: the complete frame."""
