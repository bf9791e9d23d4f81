"""Choose the storage from which the provider will read a segment's picture and voice.

Takes   a segment.
Gives   an upload whose URLs name content in the store. The `react1` step sends the files, and only if it has to render
        the take: after the budget check, and once per lifetime of a URL.
Raises  nothing.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ..pipeline.core.file import File
from ..pipeline.core.nodes.node import NodeContext, Params, Workload
from ..pipeline.core.values import Segment, Upload
from ..pipeline.providers.choose_provider import StorageName


class UploadParams(Params):
    """The storage."""

    storage: StorageName = Field(
        default="auto",
        description="auto: the storage of the provider; s3: your bucket (REACT1_S3_URL); local: the local server; "
        "none: nothing leaves this machine",
    )
    keep: bool = Field(default=False, description="keep the files after the run instead of deleting them")


class UploadSegment:
    """Refer to a segment's files by content, with the storage for them."""

    name: ClassVar[str] = "upload"
    version: ClassVar[int] = 2
    workload: ClassVar[Workload] = "io"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: UploadParams, segment: Segment) -> Upload:
        """Return the upload; nothing is sent yet."""
        del context
        return Upload(
            segment=segment,
            video_url=store_url(segment.media.file),
            audio_url=store_url(segment.voice) if segment.voice is not None else "",
            storage=params.storage,
            keep=params.keep,
        )


def store_url(file: File) -> str:
    """Return the URL of content in the store."""
    return f"store:{file.digest}"
