"""Predict how a film will be spliced, from its packets, before anything is encoded or paid for.

`strategies.smart_render` takes the same decisions when it splices, and may still be rejected by a check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import InputMediaError
from ..core.values import Media
from .container import container_suffix, remux_refusal
from .decodability import require_decodable, stored_pictures_decode
from .encoders import choose_encoder, codec_change
from .not_applicable import NotApplicable
from .packet_index import index_film
from .pictures.frames import Insert, count_frames
from .smart_render import NOT_DECODED, RenderPlan, plan_render


@dataclass(frozen=True)
class Feasibility:
    """What a splice will do to the picture stream."""

    way: str
    """`exact` or `reencoded-picture`, as in the metrics."""
    reason: str = ""
    """Why it is not exact; empty if it is."""
    edited_frames: int = 0
    encoded_frames: int = 0
    """All frames that are re-encoded: the edited ones, and those up to where decoding can resume."""
    same_config: bool = False
    encoder: str = ""
    codec_change: str = ""
    """That the codec changes, and why; empty if it stays."""

    def summary(self) -> str:
        """Return it as one line."""
        if self.way != "exact":
            return (
                f"splice: the complete picture stream is re-encoded with {self.encoder}, visually lossless: "
                f"{self.reason}" + (f"; {self.codec_change}" if self.codec_change else "")
            )
        extra = self.encoded_frames - self.edited_frames
        sets = "the film's own parameter sets" if self.same_config else "parameter sets of their own"
        return (
            f"splice: smart rendering; {self.edited_frames} edited frame(s) and {extra} more up to the next keyframe "
            f"are re-encoded with {self.encoder}, with {sets}"
        )

    def metrics(self) -> dict[str, Any]:
        """Return it as JSON."""
        metrics = {"way": self.way, "reason": self.reason, "encoder": self.encoder}
        if self.way != "exact":
            return metrics
        return {
            **metrics,
            "edited_frames": self.edited_frames,
            "coded_frames": self.encoded_frames,
            "twin": self.same_config,
        }


def check_feasibility(source: Path, media: Media, spans: Sequence[tuple[int, int]]) -> Feasibility:
    """Predict the splice of a film; `spans` are half-open, in shown frames.

    Raises:
        InputMediaError: no strategy applies.
    """
    assert media.video is not None
    inserts = [Insert(start, end, Path()) for start, end in spans]
    try:
        plan = _smart_plan(source, media, inserts)
    except NotApplicable as reason:
        refusal = remux_refusal(media)
        if refusal:
            raise InputMediaError(f"the film cannot be smart-rendered ({reason}), and {refusal}") from reason
        require_decodable(source, media, [(0, media.video.frame_count), *spans])
        settings = choose_encoder(media.video, 0, container_suffix(media))
        change = codec_change(media.video, settings)
        return Feasibility("reencoded-picture", str(reason), encoder=settings.encoder, codec_change=change)
    return Feasibility(
        "exact",
        edited_frames=count_frames(spans),
        encoded_frames=plan.encoded_frames,
        same_config=plan.encoder.same_config,
        encoder=plan.encoder.settings.encoder,
    )


def _smart_plan(source: Path, media: Media, inserts: Sequence[Insert]) -> RenderPlan:
    """Plan smart rendering, and decode the pictures near the borders of what will be re-encoded.

    Raises:
        NotApplicable: the film cannot be smart-rendered.
        InputMediaError: a shown picture does not decode.
    """
    assert media.video is not None
    index = index_film(source, media)
    plan = plan_render(source, media.video, index, inserts)
    grid, stored = index.grid, [(item.first, item.end) for item in plan.ranges]
    require_decodable(source, media, [(first - grid.hidden, end - grid.hidden) for first, end in stored])
    as_shown = grid.samples.count == media.video.frame_count
    if not as_shown and not stored_pictures_decode(source, media, grid, stored):
        raise NotApplicable(NOT_DECODED)
    return plan
