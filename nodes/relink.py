"""Replace a proxy by its camera original, before takes are conformed and spliced.

Takes   the proxy, and the original, which `--online FOLDER` finds by reel, timecode, rate and length.
Gives   the original, after a comparison of timecode and pictures with the proxy.
Raises  InputMediaError if the two do not match; the message names the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from ..pipeline.core.errors import InputMediaError
from ..pipeline.core.file import File, FileOrUrl
from ..pipeline.core.nodes.node import Forecast, NodeContext, Params, Workload
from ..pipeline.core.values import Media


class RelinkParams(Params):
    """The camera original."""

    original: FileOrUrl = Field(description="camera original of the film that the earlier steps used")


class Relink:
    """Continue with the camera original."""

    name: ClassVar[str] = "relink"
    version: ClassVar[int] = 2
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("av",)

    def run(self, context: NodeContext, params: RelinkParams, proxy: Media) -> Media:
        """Return the original."""
        from ..pipeline.interchange.turnover.originals import check_same_pictures, frame_offset
        from ..pipeline.media.probe import probe

        if not isinstance(params.original, File):
            raise InputMediaError("the original must be a local file, not a URL; download it first")
        path = context.path(params.original)
        original = probe(path, params.original)
        shift = frame_offset(proxy, original)
        check_same_pictures(context.path(proxy.file), proxy, path, original, shift)
        return original

    @classmethod
    def forecast(cls, context: NodeContext, params: RelinkParams, inputs: Mapping[str, Any]) -> Forecast:
        """Return the original: its pictures were compared when the job was loaded."""
        from ..pipeline.interchange.turnover.originals import frame_offset
        from ..pipeline.media.probe import probe

        proxy = inputs["proxy"]
        if proxy is None or not isinstance(params.original, File):
            return Forecast()
        original = probe(context.path(params.original), params.original)
        frame_offset(proxy, original)
        return Forecast(result=original)
