"""The warp depends on the performer's own face: lids, irises, an existing smile or frown, a turned head."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape, foreshortening
from react1.pipeline.engine.geometry.mesh import EYES, SIDES, SKIN_COUNT
from react1.pipeline.engine.planning.animate import pose_for
from react1.pipeline.engine.warp.landmark_moves import move_lids
from react1.pipeline.engine.warp.lips import frown_headroom, smile_headroom
from react1.pipeline.engine.warp.warp import rings


def test_shut_lids_stay_shut(portrait) -> None:
    """AU5 lifts an open lid by at least 0.03 units, and a shut lid not at all."""
    shape = MouthShape.of(portrait.face)
    pose = replace(pose_for(React1Choices(prompt="surprised", temperature=1.0), shape, shape, 1.0), units={"AU5": 1.0})
    shut = portrait.face.points_px.copy()
    for eye in EYES.values():
        shut[eye.upper] = shut[eye.lower]

    lids = [eye.upper[3] for eye in EYES.values()]

    assert move_lids(portrait.face, pose)[lids, 1].max() < -0.03
    assert np.abs(move_lids(FaceFrame(shut), pose)).max() < 1e-6


def test_the_iris_stays_round_under_a_rising_lid(portrait) -> None:
    """The ring around the iris takes a tenth of the lid's displacement upwards, and its full share downwards."""
    skin, irises = portrait.face.points_px[:SKIN_COUNT, :2], portrait.face.points_px[[468, 473], :2]
    lid = EYES[-1].upper[3]
    top = list(EYES[-1].contour).index(lid)
    for lid_move, share in ((-5.0, 0.1), (5.0, 1.0)):
        moves = np.zeros_like(skin)
        moves[lid, 1] = lid_move

        _, ring_moves = rings(skin, moves, irises, np.zeros((2, 2)))

        assert ring_moves[top, 1] == pytest.approx(0.68 * share * lid_move)
        assert not np.delete(ring_moves, top, 0).any()


def test_a_smile_leaves_less_headroom_to_smile_and_a_frown_less_to_frown() -> None:
    """Both fall with the existing expression; removing a smile restores the headroom."""
    smiles = [smile_headroom(MouthShape(lift, 0.9, 0.0), 0.0)[0] for lift in (-0.03, 0.05, 0.15, 0.3)]
    frowns = [frown_headroom(MouthShape(lift, 0.8, 0.0), 0.0) for lift in (0.0, -0.05, -0.12, -0.3)]

    assert smiles == sorted(smiles, reverse=True) and smiles[0] > 1 > smiles[-1] > 0
    assert frowns == sorted(frowns, reverse=True) and frowns[0] > 1 > frowns[-1] > 0
    assert smile_headroom(MouthShape(0.15, 0.9, 0.0), 1.0)[0] > smiles[2]


@pytest.mark.parametrize("side", SIDES)
def test_the_far_side_of_a_turned_head_moves_less(portrait, side: int) -> None:
    """The share falls with the turn, to either side; the near side and a frontal head keep 1."""
    across = np.array([0.4 * side, -0.4 * side])
    near, far = [], []
    for yaw in (0, 15, 30, 45):
        angle = math.radians(yaw) * side
        turn = np.array([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])
        shares = foreshortening(FaceFrame(portrait.face.local @ turn.T * 80), across)
        near.append(float(shares[0]))
        far.append(float(shares[1]))

    assert near == [1, 1, 1, 1]
    assert far[0] > 0.97 and far[0] > far[1] > far[2] > far[3] >= 0.3
