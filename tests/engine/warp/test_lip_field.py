"""The fine field of the lips joins the coarse one of the face without a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
from react1.pipeline.engine.geometry.mesh import INNER_LIPS, LOWER_LIP, UPPER_LIP
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


@pytest.mark.parametrize("prompt", ["happy", "surprised"])
def test_skin_does_not_shine_through_the_border_of_an_open_mouth(portrait, prompt) -> None:
    """White lips in black skin, opened: within 4 px of them, in the corners too, at most 3 % of the opening is skin."""
    import cv2

    face = FaceFrame(portrait.face.points_px * 3)
    shape = MouthShape.of(face)
    pose = pose_for(React1Choices(prompt=prompt, temperature=1.0, model_mode="face"), shape, shape, 1.0)
    picture = np.zeros((3 * portrait.picture.shape[0], 3 * portrait.picture.shape[1], 3), np.uint8)
    lips = face.points_px[np.concatenate([UPPER_LIP[0], LOWER_LIP[0][::-1]]), :2]
    cv2.fillPoly(picture, [np.round(lips).astype(np.int32)], (255, 255, 255))

    warped = warp(picture, face, landmark_moves(face, pose), pose)

    assert warped is not None
    opening = np.zeros(warped.picture.shape[:2], np.uint8)
    cv2.fillPoly(opening, [np.round(warped.places_px[INNER_LIPS]).astype(np.int32)], 1)
    near_lips = (opening > 0) & (cv2.distanceTransform(opening, cv2.DIST_L2, 5) < 4)
    assert (warped.picture[near_lips, 0] < 128).mean() < 0.03
