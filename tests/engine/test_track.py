"""Faces are followed, chosen, bridged and smoothed: made landmarks that carry their truth."""

from __future__ import annotations

import numpy as np
import pytest

from react1.pipeline.engine.detect.smooth import resting_shapes, smooth_track
from react1.pipeline.engine.detect.track import build_tracks, extend_track, fill_gaps
from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
from react1.pipeline.engine.occlusion.occlusion import FaceTexels


@pytest.fixture
def face(portrait):
    """Give the portrait's landmarks around a place, at a size, with the lips apart as far as wanted (in units)."""

    def make(x: float, y: float = 200.0, unit_px: float = 60.0, gap: float = 0.0) -> np.ndarray:
        local = portrait.face.local.copy()
        local[14, 1] = local[13, 1] + gap
        points = local * unit_px
        return points - [*points[:, :2].mean(0), 0.0] + [x, y, 0.0]

    return make


def test_two_faces_make_two_tracks_even_when_one_blinks_out(face) -> None:
    """Two drifting faces, the order of the finds changing, one unseen for four frames."""
    sightings = []
    for number in range(30):
        pair = [face(100 + number), face(400 - number, unit_px=40)]
        if 10 <= number < 14:
            pair = pair[1:]
        sightings.append(pair[::-1] if number % 3 else pair)

    tracks = build_tracks(sightings)

    assert sorted(len(track.points) for track in tracks) == [26, 30]
    assert sorted(round(track.unit_px) for track in tracks) == [40, 60]


def test_a_face_found_twice_is_one(face) -> None:
    """A second find on the same place is dropped."""
    (track,) = build_tracks([[face(100), face(104, unit_px=55)] for _ in range(5)])

    assert round(track.unit_px) == 60


@pytest.mark.parametrize("hidden", [False, True])
def test_faces_that_cross_keep_their_tracks(face, hidden: bool) -> None:
    """Two faces of one size pass each other, one behind the other for 18 frames or both in sight: nobody swaps."""
    sightings = []
    for number in range(60):
        left, right = face(100 + 6 * number), face(460 - 6 * number, y=215)
        near = abs(left[:, 0].mean() - right[:, 0].mean()) < 110
        sightings.append([left] if near and hidden else [right, left])

    tracks = build_tracks(sightings)

    assert len(tracks) == 2
    for track in tracks:
        steps = np.diff([track.points[number][:, 0].mean() for number in sorted(track.points)])
        assert (np.sign(steps) == np.sign(steps[0])).all()


def test_a_face_that_looks_otherwise_is_not_found_again(face) -> None:
    """At the old place after a loss: the same colours are the same face, others are somebody else."""
    for level, expected in ((120, 20), (60, 10)):
        sightings = [[face(100)]] * 10 + [[]] * 40 + [[face(100)]] * 10
        glances = [
            [FaceTexels(np.full((1329, 4), 120 if number < 10 else level, np.uint8))] * len(faces)
            for number, faces in enumerate(sightings)
        ]
        tracks = build_tracks(sightings, glances)

        assert len(extend_track(tracks[0], tracks).points) == expected


def test_a_face_found_again_is_followed_and_another_person_is_not(face) -> None:
    """After a long loss: near its old place it is the same face; across the picture it is somebody else."""
    for x, expected in ((150, 20), (450, 10)):
        sightings = [[face(100)]] * 10 + [[]] * 40 + [[face(x)]] * 10
        tracks = build_tracks(sightings)
        chosen = tracks[0]

        whole = extend_track(chosen, tracks)

        assert len(tracks) == 2
        assert len(whole.points) == expected


def test_short_gaps_are_bridged_and_long_ones_are_not(face) -> None:
    """Two frames without the face are filled by even motion; ten stay open; so does a jump."""
    line = [face(100), None, None, face(106)] + [None] * 10 + [face(120), None, face(300)]

    bridged = fill_gaps(line, 25.0)

    assert np.allclose(bridged[1], face(102))
    assert np.allclose(bridged[2], face(104))
    assert all(points is None for points in bridged[4:14])
    assert bridged[15] is None


def test_jitter_is_quietened_and_motion_is_not_late(face) -> None:
    """Noise of half a pixel falls below a half of itself; a steady pan comes out where it went in."""
    noise = np.random.default_rng(5)
    still = [face(100) + noise.normal(0, 0.5, (478, 3)) for _ in range(60)]
    pan = [face(100 + 3 * number) for number in range(60)]

    quiet = smooth_track(still, 25.0)
    moved = smooth_track(pan, 25.0)

    assert np.std(np.stack(quiet)[10:50] - face(100)) < 0.25
    assert np.abs(np.stack(moved)[15:45] - np.stack(pan)[15:45]).max() < 0.5


def test_smoothing_does_not_reach_across_a_loss(face) -> None:
    """Two places, parted by a frame without the face, do not pull at each other."""
    line = smooth_track([face(100)] * 5 + [None] + [face(300)] * 5, 25.0)

    assert line[5] is None
    assert np.allclose(line[4], face(100))
    assert np.allclose(line[6], face(300))


def test_rest_is_the_mouth_without_its_speech() -> None:
    """A mouth that opens and shuts rests shut; a grin that stays rests open; unseen frames have none."""
    talks = [MouthShape(0.0, 0.8, 0.2 if number % 6 < 3 else 0.0) for number in range(50)]
    grins = [MouthShape(0.1, 1.0, 0.15)] * 50

    assert resting_shapes(talks, 25.0)[25].gap == pytest.approx(0, abs=0.01)
    assert resting_shapes(grins, 25.0)[25].gap == pytest.approx(0.15)
    assert resting_shapes([None, *grins], 25.0)[0] is None


def test_the_yaw_tells_a_turned_head(portrait) -> None:
    """Landmarks turned by 40 degrees about the vertical say so."""
    angle = np.deg2rad(40)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    straight = FaceFrame(portrait.face.local @ np.eye(3))

    turned = FaceFrame(portrait.face.local @ turn.T)

    assert abs(straight.yaw_deg) < 1
    assert abs(turned.yaw_deg) == pytest.approx(40, abs=0.5)
