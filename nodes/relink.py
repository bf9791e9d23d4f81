"""Go from a proxy to the camera original that it was made from, before takes are conformed and spliced.

Takes   the proxy, and the original, which `--online FOLDER` finds by reel, timecode, rate and length.
Gives   the original; a film that is not its proxy's is refused, by its clock and by its pictures.
Raises  BadInput when the two do not belong together; the message says what does not agree.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ..pipeline.core.errors import InputMediaError
from ..pipeline.core.file import File, FileOrUrl
from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.values import Media


class RelinkParams(Params):
    """Which film the takes go into."""

    original: FileOrUrl = Field(description="the camera original of the film that the steps before this one worked on")


class Relink:
    """Let the steps after this one work on the original."""

    name: ClassVar[str] = "relink"
    version: ClassVar[int] = 2
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("av",)

    def run(self, context: NodeContext, params: RelinkParams, proxy: Media) -> Media:
        """Give the original."""
        from ..pipeline.interchange.turnover.originals import frame_offset
        from ..pipeline.interchange.turnover.same_pictures import check_same_pictures
        from ..pipeline.media.probe import probe

        if not isinstance(params.original, File):
            raise InputMediaError("the original must be a file here, not an address; fetch it first")
        path = context.path(params.original)
        original = probe(path, params.original)
        shift = frame_offset(proxy, original)
        check_same_pictures(context.path(proxy.file), proxy, path, original, shift)
        return original
