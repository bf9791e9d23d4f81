"""How far a finished film may differ at its seams before it counts as failed, as a preset spells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...core.errors import CheckFailed


class Thresholds(BaseModel):
    """The most that each figure of the finished film may be; `null` switches a check off.

    What each figure is stands in docs/splicing.md, with what was measured on real films.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seam_delta_e: float | None = Field(
        default=3.0, ge=0, description="colour step across a seam beyond the source's own, mean CIE76 of what changed"
    )
    frozen_frames: int | None = Field(
        default=0, ge=0, description="frames of an edit that stand still, two or more in a row, where the source moves"
    )
    doubled_frames: int | None = Field(
        default=0, ge=0, description="single frames of an edit that repeat the one before, where the source moves"
    )
    click_db: float | None = Field(default=6.0, ge=0, description="step of the sound at a joint of a new line, dB")
    loudness_step_lu: float | None = Field(
        default=6.0, ge=0, description="how much louder or softer a new line is than the dialogue around it, LU"
    )

    @property
    def pictures(self) -> bool:
        """Whether any check looks at pictures."""
        return not (self.seam_delta_e is self.frozen_frames is self.doubled_frames is None)


OFF = Thresholds(seam_delta_e=None, frozen_frames=None, doubled_frames=None, click_db=None, loudness_step_lu=None)


def judge(found: Sequence[tuple[str, Mapping[str, Any]]], allowed: Thresholds) -> None:
    """Hold figures to their thresholds, segment by segment; what a segment has no figure for is not judged.

    Raises:
        CheckFailed: with every segment that fails; the message tells the worst of it.
    """
    failed = [
        (_size(key, value) / (limit or 1), name, f"{key} is {value}, at most {limit} is allowed", key)
        for name, figures in found
        for key, limit in allowed
        if limit is not None and (value := figures.get(key)) is not None and _size(key, value) > limit
    ]
    if not failed:
        return
    failed.sort(reverse=True)
    _, name, worst, key = failed[0]
    more = f" ({len(failed) - 1} more such figures)" if len(failed) > 1 else ""
    raise CheckFailed(
        f"the finished film fails a check: {name}: {worst}{more}; raise `checks: {{{key}: …}}` of splice, "
        "or leave such takes out with `on_failure: keep-original`",
        findings={one: f"the finished film failed a check with this take: {told}" for _, one, told, _ in failed[::-1]},
    )


def _size(key: str, value: float) -> float:
    """Give what is held to a threshold: a line that is too soft is as wrong as one that is too loud."""
    return abs(value) if key == "loudness_step_lu" else value
