"""The fine field of the lips joins the coarse one of the face without a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
from react1.pipeline.engine.geometry.mesh import INNER_LIPS
from react1.pipeline.engine.planning.animate import pose_for
from react1.pipeline.engine.warp.landmark_moves import landmark_moves
from react1.pipeline.engine.warp.warp import warp


def test_lips_have_no_steps_where_the_fine_field_ends(portrait) -> None:
    """Surprised on a broad smile, in a picture of ramps: above and beside the mouth no pixel jumps by 12 px of ramp."""
    face = FaceFrame(portrait.face.points_px * 2)
    shape = MouthShape.of(face)
    pose = pose_for(React1Choices(prompt="surprised", temperature=1.0, model_mode="face"), shape, shape, 1.0)
    rows, columns = np.indices(tuple(2 * size for size in portrait.picture.shape[:2]))
    mouth = face.points_px[INNER_LIPS, :2]
    ramps = [128 + (columns - mouth[:, 0].mean()), 128 + (rows - mouth[:, 1].mean())]
    picture = np.stack([*ramps, ramps[0]], -1).clip(0, 255).astype(np.uint8)

    warped = warp(picture, face, landmark_moves(face, pose), replace(pose, mode="face"))

    assert warped is not None
    opening = warped.places_px[INNER_LIPS]
    (left, top), (right, bottom) = (opening.min(0) - 12).astype(int), (opening.max(0) + 12).astype(int)
    part = warped.picture[top:bottom, left:right].astype(float)
    above = np.abs(np.diff(part[:10], axis=0)).max()
    at_sides = max(np.abs(np.diff(side, axis=1)).max() for side in (part[:, :10], part[:, -10:]))
    assert above < 12
    assert at_sides < 12
