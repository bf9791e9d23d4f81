"""Say where a segment's picture and voice are to lie, so that the model's host can read them.

Takes   a segment.
Gives   an upload whose addresses name content in the store. The files are sent by the `react1` step, and only where its
        take is not there already: after the budget was looked at, once per lifetime of an address.
Raises  nothing of its own.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ..pipeline.core.file import File
from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.values import Segment, Upload


class UploadParams(Params):
    """Where to."""

    storage: Literal["auto", "none", "segmind", "sync", "s3", "local"] = Field(
        default="auto",
        description="auto: the provider's own; s3: a bucket of yours (REACT1_S3_URL); local: the local server; "
        "none: nothing leaves this machine",
    )
    keep: bool = Field(default=False, description="leave the files there after the run, where they could be removed")


class UploadSegment:
    """Pass a segment on by reference, with the place it is to be sent to."""

    name: ClassVar[str] = "upload"
    version: ClassVar[int] = 2
    workload: ClassVar[Workload] = "io"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: UploadParams, given: Segment) -> Upload:
        """Name the picture and the voice by their content."""
        del context
        return Upload(
            segment=given,
            video_url=address(given.media.file),
            audio_url=address(given.voice) if given.voice is not None else "",
            storage=params.storage,
            keep=params.keep,
        )


def address(file: File) -> str:
    """Spell the address of content in the store."""
    return f"store:{file.digest}"
