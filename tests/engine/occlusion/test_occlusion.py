"""Occluders of a face are detected and restored; changing light is not an occluder."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import cv2
import numpy as np
import pytest

from react1.pipeline.engine.geometry.head_frame import FaceFrame
from react1.pipeline.engine.occlusion.occlusion import (
    FaceTexels,
    Occlusion,
    find_occlusion,
    occluder_mask,
    read_occlusion,
    restore_occluder,
    sample_face,
    write_occlusion,
)
from react1.pipeline.engine.occlusion.texels import positions

pytestmark = pytest.mark.slow

FPS = Fraction(25)
FRAMES = 24
SKIN = (205, 160, 135)
"""Colour of the portrait's cheek."""


def with_occluder(picture: np.ndarray, face, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Draw an occluder over the mouth; return the picture and the covered pixels, (height, width) bool."""
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


@pytest.fixture(scope="module")
def occlusion_of(portrait):
    """Detect occlusion of the portrait with grain, and with an occluder from frame `since` on.

    Each of these pictures, with its own grain, is sampled once for all tests.
    """

    @cache
    def texels(kind: str | None, number: int) -> FaceTexels:
        picture = portrait.picture if kind is None else with_occluder(portrait.picture, portrait.face, kind)[0]
        grain = np.random.default_rng((2, number)).normal(0, 2, picture.shape)
        return sample_face(np.clip(picture + grain, 0, 255).astype(np.uint8), portrait.face)

    @cache
    def occlusion_of(kind: str, since: int) -> Occlusion:
        sampled = [texels(kind if number >= since else None, number) for number in range(FRAMES)]
        return find_occlusion(sampled, [portrait.face.points_px] * FRAMES, FPS)

    return occlusion_of


@pytest.mark.parametrize("since", [16, 14])
@pytest.mark.parametrize("kind", ["stick", "cup", "hand", "own skin"])
def test_frames_with_an_occluder_are_detected(occlusion_of, kind: str, since: int) -> None:
    """With an occluder in a third or nearly half of the frames, exactly these are found, to within one frame."""
    occlusion = occlusion_of(kind, since)

    detected = np.array([mask is not None for mask in occlusion.masks])
    assert not detected[: since - 1].any()
    assert detected[since + 1 :].all()
    assert (occlusion.covered[since + 1 :] > 0.05).all()
    assert occlusion.covered[: since - 1].max() == 0


@pytest.mark.parametrize("fps", [25, 60])
def test_a_hand_with_a_blurred_edge_is_detected_at_any_frame_rate(portrait, fps: int) -> None:
    """It rises over the lower face in half a second; the face's appearance does not follow it bit by bit."""
    noise, usual = np.random.default_rng(0), sample_face(portrait.picture, portrait.face).values.astype(float)
    down = positions(portrait.face.local)[:, 1:]
    texels = []
    for number in range(3 * fps):
        risen = np.clip(2 * (number / fps - 1.5), 0, 1)
        share = np.clip((down - 1.7 + risen) / 0.4 + 0.5, 0, 1)
        seen = usual + noise.normal(0, 2, usual.shape)
        seen[:, :3] += share * (np.array([150, 110, 90]) - usual[:, :3])
        texels.append(FaceTexels(np.clip(np.round(seen), 0, 255).astype(np.uint8)))

    occlusion = find_occlusion(texels, [portrait.face.points_px] * len(texels), Fraction(fps))

    assert occlusion.covered[: round(1.4 * fps)].max() == 0
    assert occlusion.covered[round(2.5 * fps) :].min() > 0.9


def test_hand_is_less_certain_than_a_cup(occlusion_of) -> None:
    """An occluder in a colour near to skin is uncertain; a white cup is not."""
    cup, hand = occlusion_of("cup", 16), occlusion_of("own skin", 16)

    assert cup.uncertain[20] < 0.2 < hand.uncertain[20]


def test_changing_light_is_not_occlusion(portrait) -> None:
    """Brightness from -25 % to +25 %, a warmer balance and a moving lamp are not detected as occlusion."""
    texels, across = [], np.linspace(-1, 1, portrait.picture.shape[1])[None, :, None]
    for number in range(FRAMES):
        gain = np.array([1.0, 1.0, 1.0 - number / 160]) * (0.75 + number / 48) * (1 + across * (number - 12) / 40)
        texels.append(sample_face(np.clip(portrait.picture * gain, 0, 255).astype(np.uint8), portrait.face))

    occlusion = find_occlusion(texels, [portrait.face.points_px] * FRAMES, FPS)

    assert occlusion.masks == (None,) * FRAMES


def test_permanent_occluder_belongs_to_the_face(occlusion_of) -> None:
    """Bars over the cheek in every frame, like glasses or hair, are not occlusion."""
    assert occlusion_of("stick", 0).masks == (None,) * FRAMES


def test_frames_without_a_face_have_no_occlusion(portrait) -> None:
    """Frames without a face are not covered, alone or among faces."""
    texels = [None, *[sample_face(portrait.picture, portrait.face)] * 12]
    faces = [None, *[portrait.face.points_px] * 12]

    assert find_occlusion([None, None], [None, None], FPS).masks == (None, None)
    assert find_occlusion(texels, faces, FPS).covered.max() == 0


@pytest.mark.parametrize(("kind", "least"), [("stick", 0.95), ("cup", 0.97)])
def test_occluder_keeps_its_pixels(portrait, occlusion_of, kind: str, least: float) -> None:
    """If an edit changes every pixel, the occluder keeps its bytes, and its far surroundings are edited."""
    mask = occlusion_of(kind, 16).masks[20]
    before, occluder = with_occluder(portrait.picture, portrait.face, kind)
    oval = np.zeros(occluder.shape, np.uint8)
    cv2.fillConvexPoly(oval, cv2.convexHull(portrait.face.points_px[:468, :2].astype(np.int32)), 1)
    inside = cv2.erode(oval, np.ones((15, 15), np.uint8)) > 0

    after = restore_occluder(before, 255 - before, portrait.face, mask)

    unchanged = (after == before).all(2)
    far = cv2.dilate(occluder.astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
    assert unchanged[occluder & inside].mean() > least
    assert (after == 255 - before)[inside & far].mean() > 0.99


def test_mask_border_is_soft(portrait, occlusion_of) -> None:
    """Around a cup the mask changes by less than a fifth from pixel to pixel."""
    mask = occluder_mask(portrait.picture, portrait.face, occlusion_of("cup", 16).masks[20])

    assert mask.max() == 1
    assert max(np.abs(np.diff(mask, axis=0)).max(), np.abs(np.diff(mask, axis=1)).max()) < 0.2


def test_real_hand_clip_is_separated(media_folder, engine_ready) -> None:
    """In a clip of a face covered from its third second on, frames before are free and all after are uncertain."""
    import av

    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.engine.planning.take_plan import UNSURE_COVERED

    texels, faces = [], []
    with av.open(str(media_folder / "faces" / "hand_over_face_23976_silent.mp4")) as container, FaceFinder() as finder:
        for number, frame in enumerate(container.decode(video=0)):
            if number == 120:
                break
            if number % 3 == 0:
                picture = frame.to_ndarray(format="rgb24")
                detected = finder.find(picture)
                faces.append(detected[0] if detected else None)
                texels.append(sample_face(picture, FaceFrame(detected[0])) if detected else None)

    occlusion = find_occlusion(texels, faces, Fraction(8))

    assert occlusion.covered[:18].max() < 0.02
    assert occlusion.uncertain[24:].min() > UNSURE_COVERED


def test_a_damaged_occlusion_is_ignored(tmp_path) -> None:
    """Whichever byte is wrong, in what is compressed or in what says how, nothing is raised."""
    masks = np.random.default_rng(0).random((4, 300)) < 0.3
    path = tmp_path / "occlusion.npz"
    write_occlusion(path, Occlusion(np.zeros(4), np.zeros(4), tuple(masks)))
    content = path.read_bytes()

    occlusions = []
    for number in range(len(content)):
        path.write_bytes(content[:number] + bytes([content[number] ^ 0x41]) + content[number + 1 :])
        occlusions.append(read_occlusion(path, 4))

    assert sum(occlusion is None for occlusion in occlusions) > 0.6 * len(occlusions)
