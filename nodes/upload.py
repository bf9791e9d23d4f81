"""Give a segment's picture and voice addresses that a provider can read.

Takes   a segment.
Gives   an upload; for the local engine the addresses are references into the store, and nothing is sent.
Raises  nothing of its own.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ..pipeline.file import File
from ..pipeline.kinds import Segment, Upload
from ..pipeline.node import Params, Room, Work


class UploadParams(Params):
    """Where to."""

    storage: Literal["auto", "none"] = Field(
        default="auto", description="auto: what the provider needs; none: nothing leaves this machine"
    )


class UploadSegment:
    """Pass a segment on by reference."""

    name: ClassVar[str] = "upload"
    version: ClassVar[int] = 1
    kind: ClassVar[Work] = "io"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, room: Room, params: UploadParams, given: Segment) -> Upload:
        """Name the picture and the voice by their content."""
        del room, params
        return Upload(
            segment=given,
            video_url=address(given.media.file),
            audio_url=address(given.voice) if given.voice is not None else "",
        )


def address(file: File) -> str:
    """Spell the address of content in the store."""
    return f"store:{file.digest}"
