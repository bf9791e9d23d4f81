"""The parameters of a splice step: `seam`, `sound`, and the limits of its `checks`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..core.errors import CheckFailed


class Thresholds(BaseModel):
    """The maximum of each metric of the finished film; `null` switches a check off.

    docs/splicing.md explains each metric, with measurements on real films.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seam_delta_e: float | None = Field(
        default=3.0, ge=0, description="color step across a seam beyond the source's own, mean CIE76 of what changed"
    )
    frozen_frames: int | None = Field(
        default=0, ge=0, description="frames of an edit that stand still, two or more in a row, where the source moves"
    )
    doubled_frames: int | None = Field(
        default=0, ge=0, description="single frames of an edit that repeat the one before, where the source moves"
    )
    click_db: float | None = Field(
        default=6.0, ge=0, description="discontinuity of the sound at a join of a new line, dB"
    )
    loudness_step_lu: float | None = Field(
        default=6.0, ge=0, description="loudness of a new line relative to the dialogue around it, LU, either way"
    )

    @property
    def checks_pictures(self) -> bool:
        """Whether any check looks at pictures."""
        return not (self.seam_delta_e is self.frozen_frames is self.doubled_frames is None)


def require_within_thresholds(rows: Sequence[tuple[str, Mapping[str, Any]]], thresholds: Thresholds) -> None:
    """Check the metrics of each segment; a metric that a segment does not have is skipped.

    Args:
        rows: (segment name, metrics).
        thresholds: the limits.

    Raises:
        CheckFailed: with every segment that fails; the message names the worst.
    """
    failures = sorted(failures_of(rows, thresholds), reverse=True)
    if not failures:
        return
    _, worst_name, worst, key = failures[0]
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    raise CheckFailed(
        f"the finished film fails a check: {worst_name}: {worst}{more}; raise `checks: {{{key}: …}}` of splice, "
        "or drop such takes with `on_failure: keep-original`",
        findings={
            name: f"the finished film fails a check with this take: {text}" for _, name, text, _ in failures[::-1]
        },
    )


def failures_of(
    rows: Sequence[tuple[str, Mapping[str, Any]]], thresholds: Thresholds, share: float = 1.0
) -> list[tuple[float, str, str, str]]:
    """Return (how many times the limit, segment name, what is wrong, metric) of metrics above a share of a limit."""
    return [
        (_magnitude(key, metrics) / (limit or 1), name, f"{key} is {metrics[key]}, the limit is {limit}", key)
        for name, metrics in rows
        for key, limit in thresholds
        if limit is not None and metrics.get(key) is not None and _magnitude(key, metrics) > limit * share
    ]


def _magnitude(key: str, metrics: Mapping[str, Any]) -> float:
    """Return what is compared with the limit: a line that is too soft is as wrong as one that is too loud.

    Not what its peaks keep it too soft by: no gain would change that, and a take with another level does not exist. It
    is reported as a note.
    """
    value: float = metrics[key]
    if key != "loudness_step_lu":
        return value
    return value if value > 0 else max(-value - metrics.get("peak_limited_db", 0.0), 0.0)


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
