"""Choose the face that is changed, and crop what is sent around it where that is needed.

Takes   a segment whose clip is transcoded: upright, square pixels, constant rate.
Gives   the segment with its chosen faces; `media` is a crop that follows the face if the face is small or the provider
        cannot be told which face is meant, and `crop` says where it was cut.
Raises  InputMediaError if there is no such face, it is too small, or it is missing in more than half of the span;
        MissingExtra if a face is named and the extra `local` is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from ..pipeline.core.edits.face_choice import FaceOptions
from ..pipeline.core.nodes.node import Forecast, Need, NodeContext, Params, Workload
from ..pipeline.core.values import Segment, segment_of


class FaceParams(FaceOptions, Params):
    """Defaults for edits that do not choose a face themselves."""

    host_chooses: bool | None = Field(
        default=None,
        description="whether the provider can be told which face is meant (default: as the provider of the run)",
    )
    auto_active_speaker_detection: bool | None = Field(
        default=None,
        description="change the face that speaks, where no face is named (default: as the step that renders the takes)",
    )


class Face:
    """Choose the face of each shot, and send a crop around it where that is needed."""

    name: ClassVar[str] = "face"
    version: ClassVar[int] = 1
    """Not raised for another speaker under a new line, or for other tracks above 25 frames/s: takes were paid for by
    the bytes of a stored crop."""
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ai_edge_litert", "cv2", "av")
    need: ClassVar[Need] = Need(cores=1, memory_mb=350)
    expression_blind: ClassVar[bool] = True
    reads_face: ClassVar[bool] = True

    def run(self, context: NodeContext, params: FaceParams, segment: Segment) -> Segment:
        """Return the segment with its chosen faces, and with a crop in place of its clip if one is to be sent."""
        from ..pipeline.faces.resolve import FaceRequest, resolve_face

        return resolve_face(context, segment, FaceRequest.of(segment, params, host_chooses=params.host_chooses))

    @classmethod
    def forecast(cls, context: NodeContext, params: FaceParams, inputs: Mapping[str, Any]) -> Forecast:
        """Return whether a crop will be sent, of which size and why, as sampled frames of the film show it."""
        from ..pipeline.faces.resolve import FaceRequest, forecast_crop

        segment = segment_of(inputs["segment"])
        if segment is None or segment.source.video is None:
            return Forecast()
        request = FaceRequest.of(segment, params, host_chooses=params.host_chooses)
        return Forecast(lines=forecast_crop(context, segment, request))
