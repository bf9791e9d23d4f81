"""How a take joins the film at its in and out points: the `seam` parameter of a preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

SeamStyle = Literal["cut", "dissolve", "morph"]
SEAM_STYLES: tuple[str, ...] = get_args(SeamStyle)
MAX_RAMP_FRAMES = 50


def _add_short_forms(schema: dict[str, Any]) -> None:
    """Add the short forms to the JSON Schema."""
    frames = {"type": "integer", "minimum": 0, "maximum": MAX_RAMP_FRAMES}
    lengths = {style: frames for style in SEAM_STYLES if style != "cut"}
    mapping = {"type": "object", "properties": lengths, "minProperties": 1, "maxProperties": 1}
    video = schema["properties"]["video"]
    described = {key: video.pop(key) for key in ("default", "description") if key in video}
    video.pop("title", None)
    schema["properties"]["video"] = {**described, "anyOf": [dict(video), {**mapping, "additionalProperties": False}]}
    description = schema.pop("description", "")
    long_form = dict(schema)
    schema.clear()
    schema.update({"description": description, "anyOf": [{"enum": list(SEAM_STYLES)}, long_form]})


class Seam(BaseModel):
    """The seam of film and take: `dissolve`, `{video: dissolve, frames: 3}`, `{video: {dissolve: 3}}` are the same.

    The ramp is in the handles, outside the edit. It is at most as long as the handle.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_add_short_forms)

    video: SeamStyle = Field(
        default="dissolve",
        description="cut, dissolve (fade over), or morph (move along the optical flow while fading; extra: local)",
    )
    frames: int = Field(default=3, ge=0, le=MAX_RAMP_FRAMES, description="length of the ramp, in frames of each handle")

    @model_validator(mode="before")
    @classmethod
    def _expand_short_forms(cls, value: Any) -> Any:
        """Read `cut` and `{video: {dissolve: 3}}`."""
        if isinstance(value, str):
            return {"video": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("video"), Mapping):
            return value
        lengths = value["video"]
        if len(lengths) != 1 or "frames" in value:
            raise ValueError(
                f"expected one style and its number of frames, such as {{dissolve: 3}}; "
                f"the styles: {', '.join(SEAM_STYLES)}"
            )
        ((style, frames),) = lengths.items()
        return {**value, "video": style, "frames": frames}

    @property
    def ramp_frames(self) -> int:
        """The number of frames of a handle that the seam may use; 0 for a cut."""
        return 0 if self.video == "cut" else self.frames


CUT = Seam(video="cut", frames=0)
