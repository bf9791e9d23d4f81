"""Corners of a smile: lines that run on into the cheek go with the smile, and only with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
from react1.pipeline.engine.geometry.mesh import LOWER_LIP, UPPER_LIP
from react1.pipeline.engine.mouth.painted_over import hide_corners
from react1.pipeline.engine.pose.pose import Pose


def test_a_line_beside_the_mouth_goes_as_far_as_the_smile_goes(portrait) -> None:
    """A dark line beside a corner gets at least 75 % fainter at AU0 = 1, half of that at 0.5; far pixels keep bytes."""
    import cv2

    face, rest = portrait.face, MouthShape.of(portrait.face)
    corner, out = face.points_px[UPPER_LIP[0, -1], :2], face.plane_px[0]
    ends = [tuple(np.round((corner + out * share) * 16).astype(int).tolist()) for share in (0.05, 0.13)]
    marked = portrait.picture.copy()
    cv2.line(marked, *ends, (40, 25, 20), max(1, round(0.02 * face.unit_px)), cv2.LINE_AA, 4)
    x, y = np.round(corner + out * 0.09).astype(int)
    pose = Pose("face", 1.0, {"AU0": 1.0}, 1.0, rest, rest.gap)
    dark = {
        amplitude: float(portrait.picture[y, x, 1]) - float(hide_corners(marked, face, _with(pose, amplitude))[y, x, 1])
        for amplitude in (0.0, 0.5, 1.0)
    }
    assert dark[0.0] > 60
    assert dark[1.0] < 0.25 * dark[0.0]
    assert abs(dark[0.5] - (dark[0.0] + dark[1.0]) / 2) < 0.12 * dark[0.0]
    unchanged = np.abs(hide_corners(marked, face, pose).astype(int) - marked).max(2) == 0
    far = (
        np.hypot(*(np.indices(unchanged.shape)[::-1] - face.points_px[[UPPER_LIP[0, 5]], :2].T[..., None]))
        > face.unit_px
    )
    assert unchanged[far].all()
    assert hide_corners(marked, face, replace(pose, mode="lips")) is marked


@pytest.mark.parametrize(("parted", "stays"), [(0.0, True), (0.08, False)])
def test_the_line_between_closed_lips_stays(portrait, parted: float, stays: bool) -> None:
    """A dark line inside of a corner keeps its darkness where the lips are closed, and goes where they are open."""
    import cv2

    points = portrait.face.points_px.copy()
    points[LOWER_LIP[3, 1:-1]] = points[UPPER_LIP[3, 1:-1]] + parted * portrait.face.unit_px * portrait.face.axes[1]
    face = FaceFrame(points)
    corner, inwards = points[UPPER_LIP[0, -1], :2], points[UPPER_LIP[3, -2], :2] - points[UPPER_LIP[0, -1], :2]
    inwards = inwards / np.linalg.norm(inwards) * face.unit_px
    marked = np.full_like(portrait.picture, 170)
    ends = [tuple(np.round((corner + inwards * share) * 16).astype(int).tolist()) for share in (0.05, 0.12)]
    cv2.line(marked, *ends, (40, 25, 20), max(1, round(0.02 * face.unit_px)), cv2.LINE_AA, 4)
    x, y = np.round(corner + inwards * 0.09).astype(int)

    hidden = hide_corners(marked, face, Pose("face", 1.0, {"AU0": 1.0}, 1.0, MouthShape.of(face), parted))

    assert marked[y, x, 1] < 60
    assert (hidden[y, x, 1] < 75) == stays
    assert (hidden[y, x, 1] > 130) != stays


def _with(pose: Pose, amplitude: float) -> Pose:
    return replace(pose, units={"AU0": amplitude})
