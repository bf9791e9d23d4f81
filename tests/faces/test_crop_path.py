"""The path of the crop: at rest while the face moves little, no faster than needed, inside the picture."""

from __future__ import annotations

import numpy as np
import pytest

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.faces.crop import FacePath, camera_path, crop_side, follow, sent_side

PICTURE = 1920, 1080
FPS = 25.0


def face_path(middles, height=60.0):
    return FacePath(tuple(middles), (height,) * len(middles))


def test_a_face_that_moves_little_leaves_the_crop_at_rest():
    """It sways by a tenth of its height."""
    sway = [(960 + 6 * np.sin(number / 3), 500 + 5 * np.cos(number / 4)) for number in range(100)]

    corners = np.array(follow(face_path(sway), 132.0, PICTURE, FPS))

    assert np.ptp(corners, axis=0).max() == 0


def test_a_walk_is_followed_evenly_and_the_face_stays_inside():
    """No faster than the face, without jerks; every position is a multiple of 1/64 px."""
    middles = [(300 + 9.0 * number, 500.0) for number in range(100)]

    corners = np.array(follow(face_path(middles), 132.0, PICTURE, FPS))

    steps = np.diff(corners[:, 0])
    assert steps.min() >= 0 and steps.max() <= 9.5
    assert np.abs(np.diff(steps)).max() < 1.0
    assert np.abs(corners[:, 0] + 66 - np.array(middles)[:, 0]).max() <= 33
    assert (corners * 64 == np.round(corners * 64)).all()


def test_a_leap_never_leaves_the_face_outside():
    """A face that is lost for ten frames and found 200 px further on."""
    middles = [(400.0, 300.0)] * 30 + [None] * 10 + [(600.0, 300.0)] * 30

    corners = np.array(follow(face_path(middles), 132.0, PICTURE, FPS))

    for number, middle in enumerate(middles):
        if middle is not None:
            assert corners[number, 0] <= middle[0] - 30 and middle[0] + 30 <= corners[number, 0] + 132, number


def test_the_crop_stays_inside_the_picture():
    """At its border the face is not in the middle."""
    corners = np.array(follow(face_path([(5.0, 1075.0)] * 10), 132.0, PICTURE, FPS))

    assert (corners == [0, 1080 - 132]).all()


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_short_shot_has_a_path_too(frames):
    """One frame is enough."""
    assert len(follow(face_path([(500.0, 500.0)] * frames), 132.0, PICTURE, FPS)) == frames


def test_a_smaller_slack_moves_the_crop_more():
    """The slack changes the result."""
    sway = 20 * np.sin(np.arange(80) / 6)

    assert np.ptp(camera_path(sway, 25, 60, FPS)) < 1e-9 < np.ptp(camera_path(sway, 5, 60, FPS))


def test_sizes():
    """2.2 face heights, never more than the picture; 720 lines and even sides are sent."""
    assert crop_side(face_path([(500, 500)]), PICTURE, "s01") == pytest.approx(132)
    assert crop_side(face_path([(500, 500)], 600.0), PICTURE, "s01") == 1080
    assert sent_side([132.0]) == 720
    assert sent_side([132.0, 901.5]) == 902


def test_a_face_as_high_as_the_picture_is_refused():
    """A crop of it would leave the frame; the sizes stand in the message."""
    with pytest.raises(InputMediaError, match=r"the face is 1000 px high, .* needs 1100 px, more than the 1920x1080"):
        crop_side(face_path([(500, 500)], 1000.0), PICTURE, "s01")
