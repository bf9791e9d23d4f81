"""Turn the picture of a segment upside down.

Takes   a segment.
Gives   the same segment with its picture turned; frames, sound and timing stay.
Raises  InputMediaError when the segment has no picture; ToolFailed when ffmpeg fails.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from react1.plugin import InputMediaError, NodeContext, Params, Segment, Workload, ffmpeg_path, probe


class AddGrainParams(Params):
    """What to turn."""

    mirror: bool = Field(default=False, description="flip left to right as well")


class AddGrain:
    """Turn the picture of a segment upside down."""

    name: ClassVar[str] = "add_grain"
    version: ClassVar[int] = 1  # part of the store key: raise it when the same inputs would give other bytes
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg",)

    def run(self, context: NodeContext, params: AddGrainParams, segment: Segment) -> Segment:
        """Write the turned clip to a new file; the input is never changed."""
        if segment.media.video is None:
            raise InputMediaError(f"{segment.name}: the clip has no picture to turn")
        source, target = context.path(segment.media.file), context.temp_path("turned.mov")
        context.run_tool(command(str(source), str(target), params.mirror))
        file = context.store(target)
        return segment.model_copy(update={"media": probe(context.path(file), file)})


def command(source: str, target: str, mirror: bool) -> list[str]:
    """Build the ffmpeg command. Pure, so that its flags are tested without ffmpeg."""
    filters = "vflip,hflip" if mirror else "vflip"
    coding = ["-c:v", "libx264", "-crf", "0", "-threads", "4", "-c:a", "copy"]
    return [ffmpeg_path(), "-v", "error", "-y", "-i", source, "-vf", filters, *coding, target]
