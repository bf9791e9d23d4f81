"""Bring a segment's picture into the form that a provider takes.

Takes   a segment; its file may have any rate, size, depth, colour and turn.
Gives   the segment with an H.264 MP4 at 24, 25 or 30 frames/s, upright, SDR, without sound; `frames` tells which frame
        of the source each new frame shows.
Raises  ToolFailed when ffmpeg does.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.values import Media, Segment


class TranscodeParams(Params):
    """How large and how fine."""

    profile: Literal["react1", "preview"] = Field(
        default="react1",
        description="react1: near-lossless, at most 4096x2160; preview: small and quick, at most 640 px",
    )


class Transcode:
    """Re-time, turn, scale and convert the picture in one pass."""

    name: ClassVar[str] = "transcode"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg",)
    expression_blind: ClassVar[bool] = True

    def run(self, context: NodeContext, params: TranscodeParams, given: Segment) -> Segment:
        """Write the segment's picture anew, and keep the map from its frames to the source's."""
        from ..pipeline.media.transcode import transcode

        media, shown = transcode(context, given.media, params.profile)
        return given.model_copy(
            update={
                "media": media,
                "frames": tuple(given.frames[index] for index in shown),
                "metrics": given.metrics | {"transcode": figures(given.media, media, shown)},
                "notes": given.notes + remarks(given.media),
            }
        )


def figures(before: Media, after: Media, shown: list[int]) -> dict[str, object]:
    """Put down what changed, JSON only."""
    return {
        "before": _described(before),
        "after": _described(after),
        "frames_before": before.video.frame_count if before.video else 0,
        "frames_after": len(shown),
        "frames_repeated": len(shown) - len(set(shown)),
        "frames_left_out": (before.video.frame_count if before.video else 0) - len(set(shown)),
    }


def remarks(before: Media) -> tuple[str, ...]:
    """Say what the user should know: a tone-mapped picture is not the film's."""
    if before.video is None or not before.video.is_hdr:
        return ()
    return (f"the film is HDR ({before.video.color_transfer}); the model sees a tone-mapped SDR picture",)


def _described(media: Media) -> dict[str, object]:
    video = media.video
    if video is None:
        return {}
    return {
        "width_px": video.width_px,
        "height_px": video.height_px,
        "rate": str(video.rate),
        "constant_rate": video.constant_rate,
        "pix_fmt": video.pix_fmt,
        "rotation_deg": video.rotation_deg,
        "mirrored": video.mirrored,
        "sample_aspect": str(video.sample_aspect),
        "color": [video.color_range, video.color_primaries, video.color_transfer, video.color_space],
    }
