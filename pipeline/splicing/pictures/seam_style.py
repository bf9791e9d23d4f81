"""How a take joins the film at its in and out points, as a preset spells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Way = Literal["cut", "dissolve", "morph"]
WAYS: tuple[str, ...] = get_args(Way)
MOST_FRAMES = 50


def _spellings(schema: dict[str, Any]) -> None:
    """Tell of the short forms in the JSON Schema too."""
    frames = {"type": "integer", "minimum": 0, "maximum": MOST_FRAMES}
    lengths = {way: frames for way in WAYS if way != "cut"}
    mapping = {"type": "object", "properties": lengths, "minProperties": 1, "maxProperties": 1}
    way = schema["properties"]["video"]
    told = {key: way.pop(key) for key in ("default", "description") if key in way}
    way.pop("title", None)
    schema["properties"]["video"] = {**told, "anyOf": [dict(way), {**mapping, "additionalProperties": False}]}
    described = schema.pop("description", "")
    long = dict(schema)
    schema.clear()
    schema.update({"description": described, "anyOf": [{"enum": list(WAYS)}, long]})


class Seam(BaseModel):
    """The joint of film and take: `dissolve`, `{video: dissolve, frames: 3}`, `{video: {dissolve: 3}}` are the same.

    The ramp lies in the handles, outside the edit: it is shorter where a handle is, and none where there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_spellings)

    video: Way = Field(
        default="dissolve",
        description="cut, dissolve (fade over), or morph (move along the optical flow while fading; extra: local)",
    )
    frames: int = Field(default=3, ge=0, le=MOST_FRAMES, description="how many frames of each handle the ramp takes")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        """Read `cut` and `{video: {dissolve: 3}}`."""
        if isinstance(given, str):
            return {"video": given}
        if not isinstance(given, Mapping) or not isinstance(given.get("video"), Mapping):
            return given
        lengths = given["video"]
        if len(lengths) != 1 or "frames" in given:
            raise ValueError(
                f"one way and its frames are expected, such as {{dissolve: 3}}; the ways: {', '.join(WAYS)}"
            )
        ((way, frames),) = lengths.items()
        return {**given, "video": way, "frames": frames}

    @property
    def ramp_frames(self) -> int:
        """How many frames of a handle the seam may take; 0 for a cut."""
        return 0 if self.video == "cut" else self.frames


CUT = Seam(video="cut", frames=0)
