"""Displacement of the landmarks by action units and speech: geometry only, no pixels."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from react1.pipeline.core.edits.choices import Prompt, React1Choices
from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
from react1.pipeline.engine.geometry.mesh import CHIN, EYES, LOWER_LIP, NOSE_BASE, NOSE_ROOT, UPPER_LIP
from react1.pipeline.engine.planning.animate import pose_for
from react1.pipeline.engine.pose.action_units import ACTION_UNITS, MOUTH_UNITS
from react1.pipeline.engine.pose.pose import HEAD_MOVES, RECIPES, gain
from react1.pipeline.engine.voice.speech import SpeechFrame
from react1.pipeline.engine.warp.landmark_moves import landmark_moves, move_lids

INNER_BROW, OUTER_BROW, CORNER = [107, 336], [70, 300], [61, 291]
_BROW_BORDERS = ([[55], [285]], [[107], [336]])
"""The lower and the upper border of the inner ends."""
TEMPERATURES = (0.0, 0.2, 0.5, 0.8, 1.0)


def up(portrait, points: list[int], prompt: str, temperature: float, mode: str = "face") -> float:
    """Return how distances points go up, in units."""
    shape = MouthShape.of(portrait.face)
    pose = pose_for(React1Choices(prompt=prompt, temperature=temperature, model_mode=mode), shape, shape, 1.0)
    return -float(landmark_moves(portrait.face, pose)[points, 1].mean())


def test_every_prompt_has_a_recipe_and_a_head_move() -> None:
    """The tables cover all six prompts of the API."""
    assert set(RECIPES) == set(HEAD_MOVES) == set(get_args(Prompt))


def test_every_unit_of_a_recipe_moves_something(portrait) -> None:
    """Each unit alone, at amplitude 1, moves a landmark by at least 0.01 units."""
    shape = MouthShape.of(portrait.face)
    still = pose_for(React1Choices(prompt="neutral", temperature=0.5), shape, shape, 1.0)
    still = replace(still, calm=0.0, gap=shape.gap)
    names = set(ACTION_UNITS)

    for name in names - {"AU25", "AU26"}:  # these two act through the target gap
        moves = landmark_moves(portrait.face, replace(still, units={name: 1.0}))
        assert np.abs(moves).max() > 0.01, name


@pytest.mark.parametrize("prompt", get_args(Prompt))
def test_gain_rises_with_the_temperature(prompt: Prompt) -> None:
    """The gain rises strictly from 0.04 to 1, by steps that hardly halve, and is clipped outside of 0 to 1."""
    gains = [gain(step / 20, prompt) for step in range(21)]

    steps = [b - a for a, b in itertools.pairwise(gains)]
    assert 0 < max(steps) < {"disgusted": 4.2, "angry": 3.1}.get(prompt, 2.2) * min(steps)
    assert gains[0] == 0.04 and gains[-1] == pytest.approx(1)
    assert 0.55 < gains[10] < 0.70
    assert gain(-1, prompt) == gains[0] and gain(2, prompt) == gains[-1]


@pytest.mark.parametrize(
    ("prompt", "points", "sign"),
    [
        ("happy", CORNER, 1),
        ("sad", CORNER, -1),
        ("sad", INNER_BROW, 1),
        ("angry", INNER_BROW, -1),
        ("disgusted", INNER_BROW, -1),
        ("surprised", INNER_BROW, 1),
        ("surprised", OUTER_BROW, 1),
        ("surprised", [CHIN], -1),
    ],
)
def test_landmarks_move_further_at_higher_temperatures(portrait, prompt: str, points: list[int], sign: int) -> None:
    """The displacement has the emotion's sign and rises strictly with the temperature."""
    amounts = [sign * up(portrait, points, prompt, temperature) for temperature in TEMPERATURES]

    assert amounts[0] > 0
    assert all(b > a + 0.003 for a, b in itertools.pairwise(amounts))


def test_brows_that_slant_stay_thick(portrait) -> None:
    """In anger the lower border of a brow's inner end falls further than its upper one: else it would get thinner."""
    lower, upper = ([-up(portrait, points, "angry", 1.0) for points in borders] for borders in _BROW_BORDERS)

    assert all(low > high + 0.005 for low, high in zip(lower, upper, strict=True))


@pytest.mark.parametrize("prompt", get_args(Prompt))
def test_lips_move_nothing_above_the_nose(portrait, prompt: str) -> None:
    """In the region `lips` no landmark above the base of the nose moves, and none distances beside the mouth."""
    shape = MouthShape.of(portrait.face)
    local = portrait.face.local

    moves = landmark_moves(
        portrait.face, pose_for(React1Choices(prompt=prompt, temperature=1.0, model_mode="lips"), shape, shape, 1.0)
    )

    left, right = local[UPPER_LIP[0, 0], 0], local[UPPER_LIP[0, -1], 0]
    above = local[:, 1] < local[NOSE_BASE, 1] - 0.03
    lateral = (local[:, 0] < left - 0.38) | (local[:, 0] > right + 0.38)
    assert np.abs(moves[above | lateral]).max() == 0
    assert np.abs(moves).max() > 0.02


def test_the_region_lips_uses_only_units_of_the_mouth(portrait) -> None:
    """In the region `lips` the brows stay still for every prompt."""
    for prompt in RECIPES:
        assert up(portrait, INNER_BROW, prompt, 1.0, "lips") == 0
    assert {"AU12", "AU15", "AU26"} <= MOUTH_UNITS


def test_in_disgust_the_lower_lip_turns_out_and_the_tip_of_the_nose_stays_low(portrait) -> None:
    """AU16 lowers the lower lip and gives it more height, AU39 holds the nose down a little; `lips` has neither."""
    border, inner, tip = LOWER_LIP[0, 5], LOWER_LIP[3, 5], 4
    shape = MouthShape.of(portrait.face)
    disgusted = pose_for(React1Choices(prompt="disgusted", temperature=1.0), shape, shape, 1.0)
    units = {name: amount for name, amount in disgusted.units.items() if name not in {"AU16", "AU39"}}
    without = replace(disgusted, units=units)

    moved, before = (landmark_moves(portrait.face, pose)[:, 1] for pose in (disgusted, without))
    in_lips = [landmark_moves(portrait.face, replace(pose, mode="lips")) for pose in (disgusted, without)]

    assert moved[inner] > before[inner] + 0.015
    assert moved[border] - moved[inner] > before[border] - before[inner] + 0.01
    assert moved[tip] > before[tip] + 0.003
    assert (in_lips[0] == in_lips[1]).all()


def test_a_voice_opens_the_mouth_to_the_target_gap(portrait) -> None:
    """The gap after the displacement is the target gap, open or shut, within 0.02 units."""
    shape = MouthShape.of(portrait.face)
    for opened in (0.0, 0.3, 0.7, 1.0):
        pose = pose_for(React1Choices(prompt="neutral", temperature=0.5), shape, shape, 1.0, moment=SpeechFrame(opened))

        moves = landmark_moves(portrait.face, pose)

        after = portrait.face.local + moves
        gap = float(after[LOWER_LIP[3, 5], 1] - after[UPPER_LIP[3, 5], 1])
        assert gap == pytest.approx(0.30 * opened, abs=0.02)


def test_displacements_rise_with_the_weight(portrait) -> None:
    """A higher weight of the ramp gives larger displacements."""
    shape = MouthShape.of(portrait.face)
    distances = []
    for weight in (0.1, 0.4, 0.7, 1.0):
        pose = pose_for(React1Choices(prompt="happy", temperature=0.8), shape, shape, weight)
        distances.append(float(np.abs(landmark_moves(portrait.face, pose)).max()))

    assert all(b > a for a, b in itertools.pairwise(distances))


def test_the_head_frame_is_invariant_to_similarity_transforms(portrait) -> None:
    """Landmarks in the head's frame are equal for a picture that is rotated, scaled and shifted."""
    angle = math.radians(25)
    turn = 1.7 * np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    turned = FaceFrame(portrait.face.points_px @ turn.T + np.array([120.0, -40.0, 0.0]))

    assert turned.unit_px == pytest.approx(1.7 * portrait.face.unit_px)
    assert np.allclose(turned.local, portrait.face.local, atol=1e-9)
    assert np.allclose(
        turned.to_local(turned.points_px[:, :2])[[33, 263, 61]], turned.local[[33, 263, 61], :2], atol=0.2
    )
    assert np.allclose(turned.shifted(120, -40).local, turned.local)


def test_lips_that_a_smile_stretched_get_their_height_back(portrait) -> None:
    """Where neutral narrows a wide mouth, the red of both lips grows; a mouth of usual width keeps its own."""
    shape = MouthShape.of(portrait.face)
    choices = React1Choices(prompt="neutral", temperature=1.0)

    def grown(width: float) -> tuple[float, float]:
        rest = replace(shape, width=width)
        moves = landmark_moves(portrait.face, pose_for(choices, shape, rest, 1.0))[:, 1]
        upper, lower = UPPER_LIP[:, 5], LOWER_LIP[:, 5]
        return float(moves[upper[3]] - moves[upper[0]]), float(moves[lower[0]] - moves[lower[3]])

    assert min(grown(1.1)) > 0.01
    assert np.allclose(grown(0.78), 0, atol=0.002)


@pytest.mark.parametrize(("smile", "at_rest"), [(0.95, 0.80), (1.05, 0.80), (1.25, 0.95)])
def test_a_mouth_rests_at_three_quarters_of_a_broad_smile(portrait, smile: float, at_rest: float) -> None:
    """Neutral narrows smiles to the usual width, and the broadest only to 76 % of their own: they are wide mouths."""
    shape = MouthShape.of(portrait.face)
    pose = pose_for(React1Choices(prompt="neutral", temperature=1.0), shape, replace(shape, width=smile), 1.0)

    moves = landmark_moves(portrait.face, pose)[[UPPER_LIP[0, 0], UPPER_LIP[0, -1]], 0]

    assert moves[0] - moves[1] == pytest.approx(smile - at_rest, abs=0.01)


def test_an_angry_nose_keeps_its_length(portrait) -> None:
    """Its tip rises by less than 0.02 units and its root falls by less than 0.13: else it is another person's."""
    assert max(up(portrait, [tip], "angry", 1.0) for tip in (1, 4)) < 0.02
    assert up(portrait, [NOSE_ROOT], "angry", 1.0) > -0.13
    assert up(portrait, INNER_BROW, "angry", 1.0) < -0.16


@pytest.mark.parametrize("prompt", ["sad", "surprised"])
def test_skin_that_lashes_lie_on_is_hardly_stretched(portrait, prompt: str) -> None:
    """Between an upper lid and its crease it gets at most 0.26 higher: longer lashes stand up as spikes."""
    shape = MouthShape.of(portrait.face)
    moves = landmark_moves(portrait.face, pose_for(React1Choices(prompt=prompt, temperature=1.0), shape, shape, 1.0))
    before, after = portrait.face.local[:, 1], (portrait.face.local + moves)[:, 1]

    for eye in EYES.values():
        assert (after[eye.upper] - after[eye.upper_ring] < 1.26 * (before[eye.upper] - before[eye.upper_ring])).all()


def test_a_broad_smile_becomes_an_arch_and_no_flat_roof(portrait) -> None:
    """Halfway to the corners neutral lips keep two fifths of the height that their middle has above the corners."""
    shape = MouthShape.of(portrait.face)
    moves = landmark_moves(portrait.face, pose_for(React1Choices(prompt="neutral", temperature=1.0), shape, shape, 1.0))

    line = (portrait.face.local + moves)[np.stack([UPPER_LIP[3], LOWER_LIP[3]]), 1].mean(0)
    corners = (line[0] + line[-1]) / 2
    assert 0.04 < corners - line[5] < 0.08
    assert corners - (line[2] + line[8]) / 2 > 0.4 * (corners - line[5])


def test_a_disgusted_nose_does_not_turn_up(portrait) -> None:
    """Where its wings rise, the underside of its tip and its base rise by less than a fifth of that."""
    wings = up(portrait, [129, 358], "disgusted", 1.0)

    assert wings > 0.10
    assert max(up(portrait, [point], "disgusted", 1.0) for point in (1, NOSE_BASE)) < wings / 5


def test_a_disgusted_lip_rises_nearly_up_to_its_corners(portrait) -> None:
    """Beside the middle it rises as far, and three fifths of the way out by more than 85 %: else the mouth is a Λ."""
    shape = MouthShape.of(portrait.face)
    pose = replace(pose_for(React1Choices(prompt="neutral"), shape, shape, 1.0), calm=0.0, gap=shape.gap)
    moves = landmark_moves(portrait.face, replace(pose, units={"AU10": 2.0}))[UPPER_LIP[0], 1]

    places = portrait.face.local[UPPER_LIP[0], 0]
    across = np.abs(2 * (places - places[0]) / (places[-1] - places[0]) - 1)
    assert (moves[across < 0.65] < 0.85 * moves[5]).all()


def test_lids_that_close_hold_a_lower_lid_that_falls(portrait) -> None:
    """The lower lid of a smile that goes falls by less than two thirds in sad of what it does in neutral."""
    lid = EYES[1].lower[3]
    smiling = replace(MouthShape.of(portrait.face), width=1.1)
    fallen = {}
    for prompt in ("sad", "neutral"):
        pose = pose_for(React1Choices(prompt=prompt, temperature=1.0), smiling, smiling, 1.0)
        fallen[prompt] = float(move_lids(portrait.face, pose)[lid, 1])

    assert 0 < fallen["sad"] < fallen["neutral"] * 2 / 3


def test_the_corners_of_an_open_smile_come_to_rest_where_those_of_a_shut_one_do(portrait) -> None:
    """The line of a closing mouth lies above the middle of its opening; corners are not lowered for that too."""
    shape = MouthShape.of(portrait.face)

    def lowered(lift: float, gap: float) -> float:
        rest = replace(shape, lift=lift, gap=gap)
        pose = replace(pose_for(React1Choices(prompt="neutral", temperature=1.0), shape, rest, 1.0), units={}, gap=0.0)
        return float(landmark_moves(portrait.face, pose)[CORNER, 1].mean())

    assert lowered(0.10 + 0.1 * 0.2, 0.2) == pytest.approx(lowered(0.10, 0.0), abs=1e-6)


def test_lips_that_part_a_little_end_in_points(portrait) -> None:
    """The column next to a corner opens by a smaller share of the middle in a low opening than in a wide one."""
    shape = MouthShape.of(portrait.face)
    still = pose_for(React1Choices(prompt="neutral", temperature=0.5), shape, shape, 1.0)

    def share_at_corner(opened: float) -> float:
        pose = replace(still, calm=0.0, gap=shape.gap + opened, units={"AU26": 1.0})
        moves = landmark_moves(portrait.face, pose)[:, 1]
        opens = moves[LOWER_LIP[3]] - moves[UPPER_LIP[3]]
        return float(max(opens[1], opens[-2]) / opens[5])

    assert share_at_corner(0.10) < 0.75 * share_at_corner(0.60)
