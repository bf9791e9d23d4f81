"""What becomes of lines that are painted on a plain face: their shapes tell how lips and nose are bent."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
from react1.pipeline.engine.geometry.mesh import UPPER_LIP
from react1.pipeline.engine.planning.animate import pose_for
from react1.pipeline.engine.warp.landmark_moves import landmark_moves
from react1.pipeline.engine.warp.warp import warp

NOSE_UNDERSIDE = (98, 97, 2, 326, 327)
"""From one wing of the nose over its base to the other."""


def bent(face: FaceFrame, prompt: str, line_px: np.ndarray) -> np.ndarray:
    """Return where a line across the face lies after an emotion, (columns, 2): across and down in units.

    Shade and interiors are left out, so that nothing but the line is dark; its middle in each column is taken.
    """
    picture = np.full((480, 640, 3), 180, np.uint8)
    cv2.polylines(picture, [np.round(line_px * 16).astype(np.int32)], False, (0, 0, 0), 2, cv2.LINE_AA, 4)
    shape = MouthShape.of(face)
    pose = pose_for(React1Choices(prompt=prompt, temperature=1.0), shape, shape, 1.0)
    warped = warp(picture, face, landmark_moves(face, replace(pose, gap=shape.gap)), pose)
    assert warped is not None
    dark = 180.0 - warped.picture.min(2)
    columns = np.flatnonzero(dark.max(0) > 60)
    rows = (dark[:, columns] * np.arange(len(dark))[:, None]).sum(0) / dark[:, columns].sum(0)
    places = np.stack([columns + warped.box[0], rows + warped.box[1]], 1)
    return face.to_local(places)


def mouth_line(face: FaceFrame) -> np.ndarray:
    """Return the border of the upper lip from corner to corner, px."""
    return np.concatenate([face.points_px[UPPER_LIP[0, :1], :2], face.points_px[UPPER_LIP[3], :2]])


def height_at(line: np.ndarray, across: float) -> float:
    """Return how far down a line lies, in units, at a share of its half: -1 and 1 at its ends."""
    middle, half = (line[0, 0] + line[-1, 0]) / 2, (line[-1, 0] - line[0, 0]) / 2
    return float(np.interp(middle + across * half, line[:, 0], line[:, 1]))


def test_the_corners_of_a_disgusted_mouth_are_no_hooks(at_rest) -> None:
    """The dark of a corner is not drawn out: within the last tenth of a unit the lip falls by 0.075 at most."""
    line = bent(at_rest.face, "disgusted", mouth_line(at_rest.face))

    for end, inward in ((line[0], 1), (line[-1], -1)):
        inner_height = float(np.interp(end[0] + 0.10 * inward, line[:, 0], line[:, 1]))
        assert end[1] - inner_height < 0.075


def test_a_smile_that_becomes_sad_is_an_arch_and_no_roof(portrait) -> None:
    """Halfway to the corners the lips have come down by less than three tenths of what the corners have."""
    smile = mouth_line(portrait.face)
    before, after = portrait.face.to_local(smile), bent(portrait.face, "sad", smile)

    def fallen(across: float) -> float:
        sides = [height_at(after, side * across) - height_at(before, side * across) for side in (-1, 1)]
        return float(np.mean(sides)) - (height_at(after, 0) - height_at(before, 0))

    assert fallen(1.0) > 0.1
    assert fallen(0.5) < 0.3 * fallen(1.0)


def test_the_underside_of_a_disgusted_nose_is_no_deep_v(at_rest) -> None:
    """Its ends at the wings rise further than its base, by less than 0.10 units."""
    line = at_rest.face.points_px[list(NOSE_UNDERSIDE), :2]
    before, after = at_rest.face.to_local(line), bent(at_rest.face, "disgusted", line)

    def sags(shape: np.ndarray) -> float:
        return height_at(shape, 0) - (shape[0, 1] + shape[-1, 1]) / 2

    assert 0.02 < sags(after) - sags(before) < 0.10
