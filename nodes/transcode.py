"""Convert a segment's picture into the format that a provider accepts.

Takes   a segment; its file may have any rate, size, bit depth, colour and rotation.
Gives   the segment with an H.264 MP4 at 24, 25 or 30 frames/s, upright, SDR, without audio; `frames` maps each frame to
        a frame of the source.
Raises  ToolFailed if ffmpeg fails.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ..pipeline.core.nodes.node import NodeContext, Params, Workload
from ..pipeline.core.values import Media, Segment


class TranscodeParams(Params):
    """The size and quality."""

    profile: Literal["react1", "preview"] = Field(
        default="react1",
        description="react1: near-lossless, at most 4096x2160; preview: small and fast, at most 640 px",
    )


class Transcode:
    """Change rate, rotation, size and colour of the picture in one pass."""

    name: ClassVar[str] = "transcode"
    version: ClassVar[int] = 1
    """Not raised for other bytes of the same picture: takes were paid for by the bytes of a stored clip."""
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg",)
    expression_blind: ClassVar[bool] = True

    def run(self, context: NodeContext, params: TranscodeParams, segment: Segment) -> Segment:
        """Transcode the segment's picture and map its frames to those of the source."""
        from ..pipeline.media.transcode import transcode

        media, shown = transcode(context, segment.media, params.profile)
        return segment.model_copy(
            update={
                "media": media,
                "frames": tuple(segment.frames[index] for index in shown),
                "metrics": segment.metrics | {"transcode": compare(segment.media, media, shown)},
                "notes": segment.notes + hdr_notes(segment.media),
            }
        )


def compare(before: Media, after: Media, shown: list[int]) -> dict[str, object]:
    """Return what changed, as JSON; `shown` is the old frame that each new frame shows."""
    return {
        "before": _describe(before),
        "after": _describe(after),
        "frames_before": before.video.frame_count if before.video else 0,
        "frames_after": len(shown),
        "frames_repeated": len(shown) - len(set(shown)),
        "frames_left_out": (before.video.frame_count if before.video else 0) - len(set(shown)),
    }


def hdr_notes(before: Media) -> tuple[str, ...]:
    """Return a note for an HDR film, which is tone-mapped."""
    if before.video is None or not before.video.is_hdr:
        return ()
    return (f"the film is HDR ({before.video.color_transfer}); the model sees a tone-mapped SDR picture",)


def _describe(media: Media) -> dict[str, object]:
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
