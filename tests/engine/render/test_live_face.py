"""The live preview shows what a take will show."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.detect.detect import Detections, FrameDetections
from react1.pipeline.engine.planning.animate import animate
from react1.pipeline.engine.render.live_face import live_faces
from react1.pipeline.media.timing.sync_modes import SyncPlan


@pytest.fixture(scope="module")
def face(clip_faces):
    (found_face,) = live_faces(clip_faces, Fraction(25))
    return found_face


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_a_shot_may_begin_at_any_frame(clip_faces, cut):
    """The second detector runs on every third frame of a clip, wherever a shot of it begins."""
    assert clip_faces.frames[0].boxes is not None

    (face,) = live_faces(dataclasses.replace(clip_faces, frames=clip_faces.frames[cut:]), Fraction(25))

    assert face.detected_frames == len(clip_faces.frames) - cut


@pytest.mark.parametrize("mode", ["face", "head", "lips"])
def test_the_pose_is_that_of_a_take(face, mode):
    """In the middle of a span, to the last digit."""
    choices = React1Choices(prompt="angry", temperature=0.8, model_mode=mode)
    count = len(face.landmarks)
    layout = SyncPlan(tuple(range(count)), 0)

    live = face.pose(15, choices)

    taken = animate(face.landmarks, layout, np.full(count, face.visibility[15]), None, choices, Fraction(25))[15]
    if mode != "head":  # only there the head moves; elsewhere it is not computed
        taken = dataclasses.replace(taken, head=live.head)
    assert live == taken


def test_teeth_are_measured_where_a_take_measures_them(portrait):
    """In an open mouth, but not on a head that is turned by 35 degrees."""
    local, turn = portrait.face.local.copy(), np.deg2rad(35)
    local[14, 1] = local[13, 1] + 0.15
    about_y = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    ahead, turned = (points * 60 + [320, 240, 0] for points in (local, local @ about_y.T))
    frames = [FrameDetections((ahead if number < 10 else turned,)) for number in range(30)]
    (face,) = live_faces(Detections(tuple(frames)), Fraction(25))

    measured = face.open_frames(30)

    assert measured
    assert max(measured) < 12


def test_emotion_temperature_and_strength_change_the_picture(face, clip):
    """Each of them, and at strength 0 it is the film's own."""
    from react1.pipeline.media.frames.decode import images
    from react1.pipeline.media.probe import probe_path

    media = probe_path(clip)
    ((_, picture),) = images(clip, media.video, 15, 16)
    happy = face.draw(picture, 15, React1Choices(prompt="happy", temperature=0.8))

    for choices, strength in (
        (React1Choices(prompt="sad", temperature=0.8), 1.0),
        (React1Choices(prompt="happy", temperature=0.2), 1.0),
        (React1Choices(prompt="happy", temperature=0.8, model_mode="lips"), 1.0),
        (React1Choices(prompt="happy", temperature=0.8), 0.5),
    ):
        assert not np.array_equal(face.draw(picture, 15, choices, strength=strength), happy)
    assert face.draw(picture, 15, React1Choices(prompt="happy"), strength=0.0) is picture


def test_a_scaled_part_shows_the_same_change(face, clip):
    """A card is cut from the frame, and its face moves as in the complete frame."""
    import cv2

    from react1.pipeline.media.frames.decode import images
    from react1.pipeline.media.probe import probe_path

    ((_, picture),) = images(clip, probe_path(clip).video, 15, 16)
    choices = React1Choices(prompt="surprised", temperature=1.0)
    left, top, right, bottom = (int(side) for side in face.box(15))
    left, top = max(0, left - 40), max(0, top - 40)
    part = picture[top : bottom + 40, left : right + 40]
    half = cv2.resize(part, (part.shape[1] // 2, part.shape[0] // 2), interpolation=cv2.INTER_AREA)

    card = face.draw(half, 15, choices, corner_px=(left, top), scale=half.shape[1] / part.shape[1])

    complete = face.draw(picture, 15, choices)[top : bottom + 40, left : right + 40]
    expected = cv2.resize(complete, (half.shape[1], half.shape[0]), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(card - expected).mean() < 0.5 * np.abs(half - expected).mean()


@pytest.mark.parametrize("tint", [(0, 0, 0), (24, 4, -30)], ids=["grey", "sepia"])
@pytest.mark.parametrize("prompt", ["disgusted", "happy"])
def test_a_picture_of_a_single_colour_keeps_it(face, clip, prompt, tint):
    """Drawn teeth, gums and shadows have no colour in a black-and-white picture; in a coloured one they have."""
    import cv2

    from react1.pipeline.media.frames.decode import images
    from react1.pipeline.media.probe import probe_path

    ((_, picture),) = images(clip, probe_path(clip).video, 15, 16)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(int)
    plain = np.clip(np.clip(grey, 40, 215)[..., None] + tint, 0, 255).astype(np.uint8)
    choices = React1Choices(prompt=prompt, temperature=1.0)

    taken, colored = face.draw(plain, 15, choices), face.draw(picture, 15, choices)

    changed = (taken != plain).any(-1)
    assert changed.mean() > 0.03
    shown = taken[changed & (taken.min(-1) > 0) & (taken.max(-1) < 255)].astype(int)
    off = shown - shown[:, :1] - (np.array(tint) - tint[0])
    assert np.abs(off).max() <= (2 if any(tint) else 0)
    assert np.ptp(colored[changed].astype(int) - colored[changed][:, :1], axis=0).max() > 20
