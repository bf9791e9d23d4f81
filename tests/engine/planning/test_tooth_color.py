"""The performer's own tooth color, measured in a clip."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import astronaut
import numpy as np

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.core.file import File
from react1.pipeline.engine.arrays import soft_mask
from react1.pipeline.engine.detect import detect
from react1.pipeline.engine.frames.shot_light import LUMA
from react1.pipeline.engine.geometry.head_frame import MouthShape
from react1.pipeline.engine.geometry.mesh import INNER_LIPS, LOWER_LIP, UPPER_LIP
from react1.pipeline.engine.planning.animate import pose_for
from react1.pipeline.engine.planning.take_plan import TakePlan
from react1.pipeline.engine.planning.tooth_color import measure_tooth_color, with_tooth_color
from react1.pipeline.engine.voice.speech import SpeechFrame
from react1.pipeline.media.timing.sync_modes import plan_output
from react1.pipeline.providers.local import teeth_cache
from react1.testing import FolderContext


class RecordingFrames:
    """Frames of a single picture, recording which numbers are read."""

    video_format = replace(astronaut.FORMAT, width=640, height=480)

    def __init__(self, picture: np.ndarray) -> None:
        self._picture = astronaut.planes(picture)
        self.read: list[int] = []

    def picture(self, number: int):
        self.read.append(number)
        return self._picture


def shut(face) -> np.ndarray:
    """Return the landmarks with the inner borders of the lips together."""
    points = face.points_px.copy()
    points[LOWER_LIP[3]] = points[UPPER_LIP[3]]
    return points


def opening_plan(portrait, faces: list[np.ndarray], opened: float) -> TakePlan:
    """Return a plan in which the voice opens the mouth by this much in every frame."""
    shape = MouthShape.of(portrait.face)
    pose = pose_for(React1Choices(prompt="neutral"), shape, shape, 1.0, moment=SpeechFrame(opened))
    count = len(faces)
    layout = plan_output("loop", count, None, 0, Fraction(25))
    return TakePlan(layout, (pose,) * count, tuple(faces), (0, count), count, (), (None,) * count)


def test_teeth_differ_from_lips_and_their_colour_is_independent_of_the_light(portrait) -> None:
    """A toothy smile has nearly white teeth; stained ones are yellower; lips do not count; warm light hardly does."""
    mouth = soft_mask(portrait.face.points_px[INNER_LIPS, :2], (0, 0, 640, 480), 0)[..., None]
    stained = (portrait.picture * (1 - mouth * (0, 0, 0.22))).astype(np.uint8)
    painted = (portrait.picture * (1 - mouth) + mouth * (235, 150, 150)).astype(np.uint8)
    warm = np.clip(portrait.picture * (0.8, 0.7, 0.6), 0, 255).astype(np.uint8)

    teeth, color = measure_tooth_color(portrait.picture, portrait.face)

    assert teeth > 0.3
    assert 0.75 < float(np.array(color) @ LUMA) <= 1.3
    assert measure_tooth_color(stained, portrait.face)[1][2] < 0.9 * color[2]
    assert measure_tooth_color(painted, portrait.face) == (0.0, (0.0, 0.0, 0.0))
    in_warm_light = measure_tooth_color(warm, portrait.face)[1]
    assert abs(in_warm_light[2] / in_warm_light[0] - color[2] / color[0]) < 0.2


def test_frames_without_teeth_get_the_colour_of_frames_with_teeth(portrait) -> None:
    """Three of nine frames are open; these are read in order, and all poses get their colour."""
    frames = RecordingFrames(portrait.picture)
    faces = [shut(portrait.face)] * 3 + [portrait.face.points_px] * 3 + [shut(portrait.face)] * 3

    result = with_tooth_color(frames, opening_plan(portrait, faces, 0.8))

    assert frames.read == [3, 4, 5]
    colors = {pose.tooth_color for pose in result.poses}
    assert len(colors) == 1
    assert np.allclose(colors.pop(), measure_tooth_color(portrait.picture, portrait.face)[1], atol=0.08)


def test_the_colour_of_teeth_is_measured_once_per_clip(portrait, tmp_path, monkeypatch) -> None:
    """A second take of a clip reads no frame for it; another place of the face or a damaged cache measures again.

    So does another release of OpenCV.
    """
    clip = File(digest="a" * 64, suffix=".mp4", size_bytes=1)
    context = FolderContext(tmp_path)
    keep = teeth_cache(context, clip)
    faces = [portrait.face.points_px, shut(portrait.face)]
    moved = [portrait.face.points_px + 2, shut(portrait.face)]

    def take(places: list[np.ndarray], keep=keep) -> tuple[list[int], set]:
        frames = RecordingFrames(portrait.picture)
        plan = with_tooth_color(frames, opening_plan(portrait, places, 0.8), keep)
        return frames.read, {pose.tooth_color for pose in plan.poses}

    first, second = take(faces), take(faces)
    assert (first[0], second[0]) == ([0], [])
    assert first[1] == second[1] != {None}
    assert take(moved)[0] == [0]
    for stored in (tmp_path / "cache").iterdir():
        stored.write_text("[1")
    assert take(faces) == first
    monkeypatch.setattr(detect, "_opencv", lambda: "another release")
    assert take(faces, teeth_cache(context, clip)) == first


def test_no_frame_is_read_if_no_teeth_are_needed(portrait) -> None:
    """The plan is unchanged for mouths that show their own teeth, and for mouths that stay shut."""
    frames = RecordingFrames(portrait.picture)

    for faces, opened in (([portrait.face.points_px] * 4, 0.8), ([shut(portrait.face)] * 4, 0.0)):
        take = opening_plan(portrait, faces, opened)
        assert with_tooth_color(frames, take) is take
    assert frames.read == []
