"""What lies over a face is seen, kept, and gone around; light that changes is not taken for it."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from react1.pipeline.engine.geometry.head_frame import FaceFrame
from react1.pipeline.engine.occlusion.occluder_mask import occluder_mask, restore_occluder
from react1.pipeline.engine.occlusion.occlusion import Occlusion, find_occlusion, sample_face

FPS = Fraction(25)
FRAMES = 24
SKIN = (205, 160, 135)
"""The portrait's own cheek."""


def with_thing(picture: np.ndarray, face, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Lay a thing over the mouth; give the picture and what it covers, (height, width) bool."""
    unit, (x, y) = face.unit_px, face.points_px[13, :2]
    mask = np.zeros(picture.shape[:2], np.uint8)
    if kind == "stick":
        ends = [
            (round(x - 1.2 * unit), round(y + 0.5 * unit)),
            (round(x + 0.5 * unit), round(y - 0.3 * unit)),
        ]
        cv2.line(mask, *ends, 255, round(0.16 * unit))
    elif kind == "cup":
        corner = (round(x - 0.1 * unit), round(y - 0.05 * unit))
        cv2.rectangle(mask, corner, (round(x + 0.6 * unit), round(y + 1.5 * unit)), 255, -1)
    else:
        for finger in range(4):
            centre = (round(x + (finger - 1.5) * 0.27 * unit), round(y + 0.1 * unit))
            cv2.ellipse(mask, centre, (round(0.15 * unit), round(0.75 * unit)), 8, 0, 360, 255, -1)
    colour = {"stick": (40, 60, 120), "cup": (230, 235, 240), "hand": (150, 105, 85), "own skin": SKIN}[kind]
    hidden = picture.copy()
    hidden[mask > 0] = colour
    if kind in ("hand", "own skin"):
        rim = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        hidden[rim] = (np.array(colour) * 0.6).astype(np.uint8)
    return hidden, mask > 0


def covers(portrait, kind: str | None, since: int, frames: int = FRAMES) -> Occlusion:
    """Find what covers the portrait, whose frames have grain, with a thing in front from a frame on."""
    noise, glances = np.random.default_rng(2), []
    for number in range(frames):
        picture = portrait.picture
        if kind is not None and number >= since:
            picture, _ = with_thing(picture, portrait.face, kind)
        picture = np.clip(picture + noise.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
        glances.append(sample_face(picture, portrait.face))
    return find_occlusion(glances, [portrait.face.points_px] * frames, FPS)


@pytest.mark.parametrize("since", [16, 14])
@pytest.mark.parametrize("kind", ["stick", "cup", "hand", "own skin"])
def test_frames_with_something_in_front_are_told(portrait, kind: str, since: int) -> None:
    """In a third and in nearly half of the frames: exactly those, but for one at the border in time."""
    found = covers(portrait, kind, since)

    seen = np.array([mask is not None for mask in found.masks])
    assert not seen[: since - 1].any()
    assert seen[since + 1 :].all()
    assert (found.covered[since + 1 :] > 0.05).all()
    assert found.covered[: since - 1].max() == 0


def test_a_hand_is_less_sure_than_a_cup(portrait) -> None:
    """What covers in a colour near to skin may be larger than it seems, and gates the frame; a white cup does not."""
    cup, hand = covers(portrait, "cup", 16), covers(portrait, "own skin", 16)

    assert cup.uncertain[20] < 0.2 < hand.uncertain[20]


def test_light_that_changes_covers_nothing(portrait) -> None:
    """Brightness from -25 % to +25 %, a warmer balance, and a lamp that wanders from one side to the other."""
    glances, across = [], np.linspace(-1, 1, portrait.picture.shape[1])[None, :, None]
    for number in range(FRAMES):
        gain = np.array([1.0, 1.0, 1.0 - number / 160]) * (0.75 + number / 48) * (1 + across * (number - 12) / 40)
        glances.append(sample_face(np.clip(portrait.picture * gain, 0, 255).astype(np.uint8), portrait.face))

    found = find_occlusion(glances, [portrait.face.points_px] * FRAMES, FPS)

    assert found.masks == (None,) * FRAMES


def test_what_is_always_there_covers_nothing(portrait) -> None:
    """Bars over the cheek in every frame, as the rim of glasses or strands of hair, are the face's own."""
    assert covers(portrait, "stick", 0).masks == (None,) * FRAMES


def test_frames_without_a_face_are_not_covered(portrait) -> None:
    """None scores nothing, alone and among faces."""
    glances = [None, *[sample_face(portrait.picture, portrait.face)] * 12]
    faces = [None, *[portrait.face.points_px] * 12]

    assert find_occlusion([None, None], [None, None], FPS).masks == (None, None)
    assert find_occlusion(glances, faces, FPS).covered.max() == 0


@pytest.mark.parametrize(("kind", "least"), [("stick", 0.95), ("cup", 0.97)])
def test_what_covers_keeps_its_bytes(portrait, kind: str, least: float) -> None:
    """Under an edit that changes every pixel: the thing's own stay to the byte, its far surroundings are all edited."""
    mask = covers(portrait, kind, 16).masks[20]
    before, thing = with_thing(portrait.picture, portrait.face, kind)
    oval = np.zeros(thing.shape, np.uint8)
    cv2.fillConvexPoly(oval, cv2.convexHull(portrait.face.points_px[:468, :2].astype(np.int32)), 1)
    inside = cv2.erode(oval, np.ones((15, 15), np.uint8)) > 0

    after = restore_occluder(before, 255 - before, portrait.face, mask)

    kept = (after == before).all(2)
    far = cv2.dilate(thing.astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
    assert kept[thing & inside].mean() > least
    assert (after == 255 - before)[inside & far].mean() > 0.99


def test_the_border_is_soft(portrait) -> None:
    """Away from a cup the kept share falls in steps of less than a fifth from pixel to pixel."""
    share = occluder_mask(portrait.picture, portrait.face, covers(portrait, "cup", 16).masks[20])

    assert share.max() == 1
    assert max(np.abs(np.diff(share, axis=0)).max(), np.abs(np.diff(share, axis=1)).max()) < 0.2


def test_the_real_hand_clip_splits_cleanly(media_folder, engine_ready) -> None:
    """In the clip of a face that is covered from its third second on, no frame before is, and all after are gated."""
    import av

    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.engine.planning.frame_weights import UNSURE_COVERED

    glances, faces = [], []
    with av.open(str(media_folder / "faces" / "hand_over_face_23976_silent.mp4")) as container, FaceFinder() as finder:
        for number, frame in enumerate(container.decode(video=0)):
            if number == 120:
                break
            if number % 3 == 0:
                picture = frame.to_ndarray(format="rgb24")
                found = finder.find(picture)
                faces.append(found[0] if found else None)
                glances.append(sample_face(picture, FaceFrame(found[0])) if found else None)

    found = find_occlusion(glances, faces, Fraction(8))

    assert found.covered[:18].max() < 0.02
    assert found.uncertain[24:].min() > UNSURE_COVERED
