"""The performer's own tooth colour, found in a clip."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import astronaut
import numpy as np

from react1.pipeline.core.choices import React1Choices
from react1.pipeline.engine.frames.masks import soft_mask
from react1.pipeline.engine.frames.shot_light import LUMA
from react1.pipeline.engine.geometry.head_frame import MouthShape
from react1.pipeline.engine.geometry.landmark_indices import INNER_LIPS, LOWER_LIP, UPPER_LIP
from react1.pipeline.engine.planning.animate import pose_for
from react1.pipeline.engine.planning.take_plan import TakePlan
from react1.pipeline.engine.planning.tooth_color import measure_tooth_color, with_tooth_color
from react1.pipeline.engine.voice.speech import Moment
from react1.pipeline.media.sync_modes import plan_output


class Reel:
    """Frames of one picture; counts what is read."""

    video_format = replace(astronaut.FORMAT, width=640, height=480)

    def __init__(self, picture: np.ndarray) -> None:
        self._picture = astronaut.planes(picture)
        self.read: list[int] = []

    def picture(self, number: int):
        self.read.append(number)
        return self._picture


def shut(face) -> np.ndarray:
    """The landmarks with the inner borders of the lips together."""
    points = face.points_px.copy()
    points[LOWER_LIP[3]] = points[UPPER_LIP[3]]
    return points


def plan(portrait, lines: list[np.ndarray], opened: float) -> TakePlan:
    """A take in which every frame opens the mouth by so much."""
    shape = MouthShape.of(portrait.face)
    pose = pose_for(React1Choices(prompt="neutral"), shape, shape, 1.0, moment=Moment(opened))
    count = len(lines)
    layout = plan_output("loop", count, None, 0, Fraction(25))
    return TakePlan(layout, (pose,) * count, tuple(lines), (0, count), count, (), (None,) * count)


def test_teeth_are_told_from_lips_and_their_colour_from_the_lights(portrait) -> None:
    """A toothy smile shows teeth that are nearly white; stained ones are yellower; lips are none."""
    mouth = soft_mask(portrait.face.points_px[INNER_LIPS, :2], (0, 0, 640, 480), 0)[..., None]
    stained = (portrait.picture * (1 - mouth * (0, 0, 0.22))).astype(np.uint8)
    painted = (portrait.picture * (1 - mouth) + mouth * (235, 150, 150)).astype(np.uint8)
    warm = np.clip(portrait.picture * (0.8, 0.7, 0.6), 0, 255).astype(np.uint8)

    teeth, colour = measure_tooth_color(portrait.picture, portrait.face)

    assert teeth > 0.3
    assert 0.75 < float(np.array(colour) @ LUMA) <= 1.3
    assert measure_tooth_color(stained, portrait.face)[1][2] < 0.9 * colour[2]
    assert measure_tooth_color(painted, portrait.face) == (0.0, (0.0, 0.0, 0.0))
    in_warm_light = measure_tooth_color(warm, portrait.face)[1]
    assert abs(in_warm_light[2] / in_warm_light[0] - colour[2] / colour[0]) < 0.2


def test_frames_that_show_no_teeth_get_the_colour_of_those_that_do(portrait) -> None:
    """Three of nine frames are open: a few are read, in order, and all poses know the colour."""
    reel = Reel(portrait.picture)
    lines = [shut(portrait.face)] * 3 + [portrait.face.points_px] * 3 + [shut(portrait.face)] * 3

    given = with_tooth_color(reel, plan(portrait, lines, 0.8))

    assert reel.read == [3, 4, 5]
    found = {pose.tooth_color for pose in given.poses}
    assert len(found) == 1
    assert np.allclose(found.pop(), measure_tooth_color(portrait.picture, portrait.face)[1], atol=0.08)


def test_nothing_is_read_where_no_teeth_are_needed(portrait) -> None:
    """Mouths that show their own, and mouths that stay shut."""
    reel = Reel(portrait.picture)

    for lines, opened in (([portrait.face.points_px] * 4, 0.8), ([shut(portrait.face)] * 4, 0.0)):
        asked = plan(portrait, lines, opened)
        assert with_tooth_color(reel, asked) is asked
    assert reel.read == []
