"""Limits for the metrics of a finished film's seams: the `checks` parameter of a preset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...core.errors import CheckFailed


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
    failures = [
        (_magnitude(key, value) / (limit or 1), name, f"{key} is {value}, the limit is {limit}", key)
        for name, metrics in rows
        for key, limit in thresholds
        if limit is not None and (value := metrics.get(key)) is not None and _magnitude(key, value) > limit
    ]
    if not failures:
        return
    failures.sort(reverse=True)
    _, worst_name, worst, key = failures[0]
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    raise CheckFailed(
        f"the finished film fails a check: {worst_name}: {worst}{more}; raise `checks: {{{key}: …}}` of splice, "
        "or drop such takes with `on_failure: keep-original`",
        findings={
            name: f"the finished film fails a check with this take: {text}" for _, name, text, _ in failures[::-1]
        },
    )


def _magnitude(key: str, value: float) -> float:
    """Return what is compared with the limit: a line that is too soft is as wrong as one that is too loud."""
    return abs(value) if key == "loudness_step_lu" else value
