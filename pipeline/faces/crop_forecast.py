"""Say before a run whether a crop is sent, from a few sampled frames of the film."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from ..core.nodes.node import NodeContext
from ..core.values import Segment
from ..engine import available
from ..engine.arrays import Points
from ..media.probe import require_video
from ..preflight.clip_checks import sampled_faces
from .crop_path import LEAST_LINES, PADDING, SMALL_SHARE
from .resolve import FaceRequest


def forecast_crop(context: NodeContext, segment: Segment, request: FaceRequest) -> tuple[str, ...]:
    """Return a line on the crop that a segment will be sent in; nothing if the whole picture is sent."""
    if request.crop == "off" or available.problem():
        return ()
    video = require_video(segment.source)
    samples = [
        faces
        for faces in sampled_faces(context.path(segment.source.file), video, segment.start_frame, segment.end_frame)
        if faces
    ]
    if not samples:
        return ()
    heights = [_wanted_height(request, faces) for faces in samples]
    height, lines = median(heights), video.shown_size_px[1]
    if request.crop == "on":
        reason = "crop is on"
    elif request.needs_telling and request.host_chooses is False and any(len(faces) > 1 for faces in samples):
        reason = "the provider cannot be told which of several faces is meant"
    elif height < SMALL_SHARE * lines:
        reason = f"the face is about {height:.0f} px high, less than a fifth of the picture's {lines}"
    else:
        return ()
    side = min(PADDING * height, *video.shown_size_px)
    sent = max(LEAST_LINES, int(np.ceil(side / 2)) * 2)
    return (f"a crop of about {side:.0f} px around the face will be sent as {sent}x{sent}: {reason}",)


def _wanted_height(request: FaceRequest, faces: Sequence[Points]) -> float:
    """Return the height of the face that is probably meant: the outermost one for left and right, else the largest."""
    left_to_right = sorted(faces, key=lambda face: float(face[:, 0].mean()))
    face = request.options.face
    if face in ("left", "right"):
        return float(np.ptp(left_to_right[0 if face == "left" else -1][:, 1]))
    if isinstance(face, int) and face <= len(left_to_right):
        return float(np.ptp(left_to_right[face - 1][:, 1]))
    return max(float(np.ptp(points[:, 1])) for points in faces)
