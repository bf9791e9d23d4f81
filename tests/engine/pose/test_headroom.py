"""The performer's own face counts: brows, eyes, a smile or a frown that is there already, a head that is turned."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from react1.pipeline.core.choices import React1Choices
from react1.pipeline.engine.detect.smooth import resting_shapes
from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
from react1.pipeline.engine.geometry.landmark_indices import ANCHORS, EYES, SIDES, SKIN_COUNT
from react1.pipeline.engine.planning.animate import animate, pose_for
from react1.pipeline.engine.pose.au_headroom import UpperFace, au_headroom, headroom_per_frame
from react1.pipeline.engine.warp.foreshortening import foreshortening
from react1.pipeline.engine.warp.landmark_moves import move_lids
from react1.pipeline.engine.warp.lips import frown_headroom, smile_headroom
from react1.pipeline.engine.warp.warp import rings
from react1.pipeline.media.sync_modes import plan_output

BROWS = [index for name in ("inner brow", "mid brow", "outer brow") for side in SIDES for index in ANCHORS[name][side]]
FPS = Fraction(25)


@pytest.fixture
def raised(portrait):
    """Give the portrait's landmarks with the brows raised by some units, and all of it 80 px to the unit."""

    def make(by: float) -> np.ndarray:
        local = portrait.face.local.copy()
        local[BROWS, 1] -= by
        return local * 80.0

    return make


def test_raised_brows_rise_less_and_are_lowered_more(raised) -> None:
    """Through the whole performance: AU1 shrinks and AU4 grows with brows that are up, the other way with a frown."""
    layout = plan_output("bounce", 3, None, 0, FPS)
    rises, lowers = [], []
    for by in (-0.08, 0.0, 0.08, 0.16):
        line = [raised(by)] * 3
        rises.append(
            animate(line, layout, np.ones(3), None, React1Choices(prompt="surprised", temperature=0.8), FPS)[1].amplitude(
                "AU1"
            )
        )
        lowers.append(
            animate(line, layout, np.ones(3), None, React1Choices(prompt="angry", temperature=0.8), FPS)[1].amplitude("AU4")
        )

    assert rises[1] > rises[2] > rises[3] > 0
    assert 0 < lowers[0] < lowers[1] < lowers[2]


def test_every_room_stays_within_its_bounds() -> None:
    """However odd a face, no unit is turned round or played at more than 1.25."""
    for inner, outer, eyes in ((0.9, 0.9, 0.0), (-0.9, -0.9, 1.0), (0.0, 0.0, 0.15)):
        rooms = au_headroom(UpperFace(inner, outer, eyes)).values()
        assert min(rooms) > 0.19 and max(rooms) <= 1.25


def test_a_blink_does_not_change_what_the_eyes_may_do(portrait) -> None:
    """The eyes of the time around a frame count, not those of the frame; a frame without a face says nothing."""
    shut = portrait.face.points_px.copy()
    for eye in EYES.values():
        shut[eye.upper] = shut[eye.lower]
    line = [portrait.face.points_px] * 12
    blinking = [*line[:5], shut, *line[6:11], None]

    assert headroom_per_frame(blinking, 25.0)[5]["AU43"] == pytest.approx(headroom_per_frame(line, 25.0)[5]["AU43"])
    assert headroom_per_frame(blinking, 25.0)[11] == {}


def test_a_mouth_that_opens_for_good_does_not_step() -> None:
    """What counts as rest goes from shut to open by small steps, though the mouth itself opens at once."""
    shapes = [MouthShape(0.0, 0.8, 0.0)] * 40 + [MouthShape(0.0, 0.8, 0.2)] * 40

    gaps = [shape.gap for shape in resting_shapes(shapes, 25.0)]

    assert gaps[0] == pytest.approx(0) and gaps[-1] == pytest.approx(0.2)
    assert np.abs(np.diff(gaps)).max() < 0.02


def test_lids_that_are_shut_stay_shut(portrait) -> None:
    """AU5 lifts an open lid by 0.03 units at least, and one in a blink not at all."""
    shape = MouthShape.of(portrait.face)
    pose = replace(pose_for(React1Choices(prompt="surprised", temperature=1.0), shape, shape, 1.0), units={"AU5": 1.0})
    shut = portrait.face.points_px.copy()
    for eye in EYES.values():
        shut[eye.upper] = shut[eye.lower]

    lids = [eye.upper[3] for eye in EYES.values()]

    assert move_lids(portrait.face, pose)[lids, 1].max() < -0.03
    assert np.abs(move_lids(FaceFrame(shut), pose)).max() < 1e-6


def test_the_iris_stays_round_under_a_lid_that_rises(portrait) -> None:
    """The ring around it takes a tenth of the lid's way up, and all of its share of the way down."""
    skin, irises = portrait.face.points_px[:SKIN_COUNT, :2], portrait.face.points_px[[468, 473], :2]
    lid = EYES[-1].upper[3]
    top = list(EYES[-1].contour).index(lid)
    for way, share in ((-5.0, 0.1), (5.0, 1.0)):
        moves = np.zeros_like(skin)
        moves[lid, 1] = way

        _, ring_moves = rings(skin, moves, irises, np.zeros((2, 2)))

        assert ring_moves[top, 1] == pytest.approx(0.68 * share * way)
        assert not np.delete(ring_moves, top, 0).any()


def test_a_smile_leaves_less_room_to_smile_and_a_frown_less_to_frown() -> None:
    """Both fall with what is there; a smile that is taken away leaves its room again."""
    smiles = [smile_headroom(MouthShape(lift, 0.9, 0.0), 0.0)[0] for lift in (-0.03, 0.05, 0.15, 0.3)]
    frowns = [frown_headroom(MouthShape(lift, 0.8, 0.0), 0.0) for lift in (0.0, -0.05, -0.12, -0.3)]

    assert smiles == sorted(smiles, reverse=True) and smiles[0] > 1 > smiles[-1] > 0
    assert frowns == sorted(frowns, reverse=True) and frowns[0] > 1 > frowns[-1] > 0
    assert smile_headroom(MouthShape(0.15, 0.9, 0.0), 1.0)[0] > smiles[2]


@pytest.mark.parametrize("side", SIDES)
def test_the_far_side_of_a_turned_head_moves_less(portrait, side: int) -> None:
    """Less the further it is turned, to either side; the near side and a head that looks here move wholly."""
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
