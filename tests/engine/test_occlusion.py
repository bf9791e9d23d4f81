"""What lies over a face is seen, and light that changes is not taken for it."""

from __future__ import annotations

import numpy as np
import pytest

from react1.pipeline.engine.occlusion import cover_scores, covered, glance


def with_hand(picture: np.ndarray, face) -> np.ndarray:
    """Four fingers of a darker skin over the mouth."""
    import cv2

    hidden = picture.copy()
    x, y = face.points_px[13, :2]
    for finger in range(4):
        centre = (round(x + (finger - 1.5) * 0.27 * face.unit_px), round(y + 0.1 * face.unit_px))
        axes = (round(0.15 * face.unit_px), round(0.75 * face.unit_px))
        cv2.ellipse(hidden, centre, axes, 8, 0, 360, (150, 105, 85), -1, cv2.LINE_AA)
    return hidden


@pytest.mark.parametrize("hidden_from", [30, 15])
def test_frames_with_a_hand_are_told(portrait, hidden_from: int) -> None:
    """A hand in a quarter and in nearly half of the frames: exactly those."""
    hand = with_hand(portrait.picture, portrait.face)
    noise = np.random.default_rng(2)
    glances = []
    for number in range(40):
        picture = hand if number >= hidden_from else portrait.picture
        picture = np.clip(picture + noise.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
        glances.append(glance(picture, portrait.face))

    hidden = covered(glances) if hidden_from == 30 else covered(glances[: hidden_from + 14])

    assert hidden.tolist() == [number >= hidden_from for number in range(len(hidden))]


def test_light_that_changes_covers_nothing(portrait) -> None:
    """Brightness from -25 % to +25 % and a warmer balance stay well below the mark."""
    glances = []
    for number in range(30):
        gain = np.array([1.0, 1.0, 1.0 - number / 200]) * (0.75 + number / 60)
        glances.append(glance(np.clip(portrait.picture * gain, 0, 255).astype(np.uint8), portrait.face))

    assert cover_scores(glances).max() < 0.25


def test_a_frame_without_a_face_is_not_covered(portrait) -> None:
    """None scores nothing, alone and among faces."""
    assert not covered([None, None]).any()
    assert not covered([None, *[glance(portrait.picture, portrait.face)] * 5])[0]


def test_the_real_hand_clip_splits_cleanly(media_folder, engine_ready) -> None:
    """In the clip of a face that is covered from its third second on, scores part at 0.3 with room on both sides."""
    import av

    from react1.pipeline.engine.faces import FaceFinder
    from react1.pipeline.engine.frame import FaceFrame

    glances = []
    with av.open(str(media_folder / "faces" / "hand_over_face_23976_silent.mp4")) as container, FaceFinder() as finder:
        for number, frame in enumerate(container.decode(video=0)):
            if number == 120:
                break
            picture = frame.to_ndarray(format="rgb24")
            faces = finder.find(picture)
            glances.append(glance(picture, FaceFrame(faces[0])) if faces and number % 3 == 0 else None)

    scores = cover_scores(glances)

    assert scores[:57].max() < 0.25
    assert min(score for score in scores[69:] if score > 0) > 0.35
