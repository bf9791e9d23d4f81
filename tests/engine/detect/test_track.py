"""Tracking, gap filling and smoothing on synthetic landmarks with known motion."""

from __future__ import annotations

import numpy as np
import pytest

from react1.pipeline.engine.detect.track import build_tracks, extend_track, fill_gaps, resting_shapes, smooth_track
from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
from react1.pipeline.engine.occlusion.occlusion import FaceTexels


@pytest.fixture
def face(portrait):
    """Return a function for the portrait's landmarks at a position and size, with a lip gap in units."""

    def make(x: float, y: float = 200.0, unit_px: float = 60.0, gap: float = 0.0) -> np.ndarray:
        local = portrait.face.local.copy()
        local[14, 1] = local[13, 1] + gap
        points = local * unit_px
        return points - [*points[:, :2].mean(0), 0.0] + [x, y, 0.0]

    return make


def test_two_faces_make_two_tracks_across_a_gap(face) -> None:
    """Two drifting faces in changing order, one undetected for four frames, make two tracks."""
    frames = []
    for number in range(30):
        pair = [face(100 + number), face(400 - number, unit_px=40)]
        if 10 <= number < 14:
            pair = pair[1:]
        frames.append(pair[::-1] if number % 3 else pair)

    tracks = build_tracks(frames, 25.0)

    assert sorted(len(track.points) for track in tracks) == [26, 30]
    assert sorted(round(track.unit_px) for track in tracks) == [40, 60]


def test_duplicate_detections_are_one_face(face) -> None:
    """A second detection at the same position is dropped."""
    (track,) = build_tracks([[face(100), face(104, unit_px=55)] for _ in range(5)], 25.0)

    assert round(track.unit_px) == 60


@pytest.mark.slow
@pytest.mark.parametrize("fps", [25, 50, 60, 120])
@pytest.mark.parametrize("hidden", [False, True])
def test_faces_that_cross_keep_their_tracks(face, hidden: bool, fps: int) -> None:
    """Two faces of one size that cross keep their tracks, with one hidden for 0.72 s or both visible."""
    frames = []
    for number in range(60 * fps // 25):
        moved = 150 * number / fps
        left, right = face(100 + moved), face(460 - moved, y=215)
        window = abs(left[:, 0].mean() - right[:, 0].mean()) < 110
        frames.append([left] if window and hidden else [right, left])

    tracks = build_tracks(frames, fps)

    assert len(tracks) == 2
    for track in tracks:
        steps = np.diff([track.points[number][:, 0].mean() for number in sorted(track.points)])
        assert (np.sign(steps) == np.sign(steps[0])).all()


def test_face_with_another_appearance_does_not_extend_a_track(face) -> None:
    """At the old position after a loss, equal colours are the same face and others are not."""
    for level, expected in ((120, 20), (60, 10)):
        frames = [[face(100)]] * 10 + [[]] * 40 + [[face(100)]] * 10
        texels = [
            [FaceTexels(np.full((1329, 4), 120 if number < 10 else level, np.uint8))] * len(faces)
            for number, faces in enumerate(frames)
        ]
        tracks = build_tracks(frames, 25.0, texels)

        assert len(extend_track(tracks[0], tracks).points) == expected


def test_track_is_extended_only_near_its_old_position(face) -> None:
    """After a long loss a face near the old position is the same; one across the picture is not."""
    for x, expected in ((150, 20), (450, 10)):
        frames = [[face(100)]] * 10 + [[]] * 40 + [[face(x)]] * 10
        tracks = build_tracks(frames, 25.0)
        chosen = tracks[0]

        extended = extend_track(chosen, tracks)

        assert len(tracks) == 2
        assert len(extended.points) == expected


def test_short_gaps_are_filled_and_long_ones_are_not(face) -> None:
    """Two missing frames are filled by linear motion; ten missing frames, and a jump, stay open."""
    landmarks = [face(100), None, None, face(106)] + [None] * 10 + [face(120), None, face(300)]

    filled = fill_gaps(landmarks, 25.0)

    assert np.allclose(filled[1], face(102))
    assert np.allclose(filled[2], face(104))
    assert all(points is None for points in filled[4:14])
    assert filled[15] is None


def test_jitter_is_reduced_without_lag(face) -> None:
    """Noise of half a pixel falls below half of that; a steady pan is unchanged."""
    noise = np.random.default_rng(5)
    still = [face(100) + noise.normal(0, 0.5, (478, 3)) for _ in range(60)]
    pan = [face(100 + 3 * number) for number in range(60)]

    smoothed_still = smooth_track(still, 25.0)
    smoothed_pan = smooth_track(pan, 25.0)

    assert np.std(np.stack(smoothed_still)[10:50] - face(100)) < 0.25
    assert np.abs(np.stack(smoothed_pan)[15:45] - np.stack(pan)[15:45]).max() < 0.5


def test_smoothing_does_not_cross_a_gap(face) -> None:
    """Positions on either side of a frame without the face do not affect each other."""
    landmarks = smooth_track([face(100)] * 5 + [None] + [face(300)] * 5, 25.0)

    assert landmarks[5] is None
    assert np.allclose(landmarks[4], face(100))
    assert np.allclose(landmarks[6], face(300))


def test_resting_shape_ignores_speech() -> None:
    """A talking mouth rests closed, a lasting grin rests open, and frames without a face have no shape."""
    talking = [MouthShape(0.0, 0.8, 0.2 if number % 6 < 3 else 0.0) for number in range(50)]
    grinning = [MouthShape(0.1, 1.0, 0.15)] * 50

    assert resting_shapes(talking, 25.0)[25].gap == pytest.approx(0, abs=0.01)
    assert resting_shapes(grinning, 25.0)[25].gap == pytest.approx(0.15)
    assert resting_shapes([None, *grinning], 25.0)[0] is None


def test_yaw_of_a_turned_head(portrait) -> None:
    """Landmarks turned by 40 degrees about the vertical have a yaw of 40 degrees."""
    angle = np.deg2rad(40)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    straight = FaceFrame(portrait.face.local @ np.eye(3))

    turned = FaceFrame(portrait.face.local @ turn.T)

    assert abs(straight.yaw_deg) < 1
    assert abs(turned.yaw_deg) == pytest.approx(40, abs=0.5)
