"""The re-expressed face in pixels: where it changes and where it does not, measured without landmarks."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import astronaut
import numpy as np
import pytest

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.frames.clip_frames import Picture, VideoFormat
from react1.pipeline.engine.frames.frame_color import even_box, to_rgb, write_back
from react1.pipeline.engine.geometry.head_frame import MouthShape
from react1.pipeline.engine.geometry.mesh import OVAL
from react1.pipeline.engine.planning.animate import pose_for
from react1.pipeline.engine.pose.pose import RECIPES, HeadMove
from react1.pipeline.engine.render.draw import reach_box, retouch, retouch_picture


@pytest.fixture(scope="module")
def changed(portrait):
    """Return a function that gives the portrait with an expression, cached."""

    @cache
    def make(prompt: str, temperature: float, mode: str = "face") -> np.ndarray:
        shape = MouthShape.of(portrait.face)
        return retouch(
            portrait.picture,
            portrait.face,
            pose_for(React1Choices(prompt=prompt, temperature=temperature, model_mode=mode), shape, shape, 1.0),
        )

    return make


@pytest.mark.slow
@pytest.mark.parametrize("prompt", list(RECIPES))
@pytest.mark.parametrize("mode", ["lips", "face", "head"])
def test_every_prompt_in_every_region_changes_more_with_temperature(portrait, changed, prompt: str, mode: str) -> None:
    """The mean change of the picture rises with the temperature, and exceeds 0.01 at 0.2."""
    amounts = [
        float(np.abs(changed(prompt, temperature, mode).astype(int) - portrait.picture).mean())
        for temperature in (0.2, 0.6, 1.0)
    ]

    assert 0.01 < amounts[0] < amounts[1] < amounts[2]


@pytest.mark.parametrize("prompt", list(RECIPES))
def test_the_region_face_changes_nothing_around_the_face(portrait, changed, prompt: str) -> None:
    """No pixel outside the ring around the face differs, and in `lips` none above the base of the nose."""
    import cv2

    oval = portrait.face.points_px[OVAL, :2]
    centre = (oval.min(0) + oval.max(0)) / 2
    ring = np.zeros(portrait.picture.shape[:2], np.uint8)
    cv2.fillPoly(ring, [np.round(centre + (oval - centre) * 1.42).astype(np.int32)], 1)

    differs = (changed(prompt, 1.0) != portrait.picture).any(2)
    in_lips = (changed(prompt, 1.0, "lips") != portrait.picture).any(2)

    assert not differs[ring == 0].any()
    right = portrait.face.points_px[263, :2] - portrait.face.points_px[33, :2]
    row, column = np.indices(in_lips.shape)
    place = np.stack([column, row], -1) - portrait.face.points_px[2, :2]
    above = place @ np.array([right[1], -right[0]]) / np.linalg.norm(right) > 3
    assert in_lips.any() and not in_lips[above].any()


@pytest.mark.parametrize("prompt", list(RECIPES))
def test_the_region_lips_changes_only_the_surroundings_of_the_mouth(portrait, changed, prompt: str) -> None:
    """Beside the mouth nothing further than 0.6 units differs, nor anything below the chin by more than 0.5."""
    unit_px, places = portrait.face.unit_px, portrait.face.points_px

    differs = (changed(prompt, 1.0, "lips") != portrait.picture).any(2)

    rows, columns = np.nonzero(differs)
    assert places[61, 0] - 0.6 * unit_px < columns.min() and columns.max() < places[291, 0] + 0.6 * unit_px
    assert rows.max() < places[152, 1] + 0.5 * unit_px


def test_the_region_head_changes_nothing_outside_its_ring(portrait) -> None:
    """Outside the ring at 2.6 times the face no pixel differs, although the head nods, turns and leans inside it."""
    import cv2

    shape = MouthShape.of(portrait.face)
    pose = pose_for(React1Choices(prompt="sad", temperature=1.0, model_mode="head"), shape, shape, 1.0)
    pose = replace(pose, head=pose.head + HeadMove(pitch_deg=3.0, yaw_deg=-3.0))
    oval = portrait.face.points_px[OVAL, :2]
    centre = (oval.min(0) + oval.max(0)) / 2
    ring = np.zeros(portrait.picture.shape[:2], np.uint8)
    cv2.fillPoly(ring, [np.round(centre + (oval - centre) * 2.65).astype(np.int32)], 1)

    differs = (retouch(portrait.picture, portrait.face, pose) != portrait.picture).any(2)

    assert (ring == 0).any()
    assert not differs[ring == 0].any()
    assert differs[ring == 1].mean() > 0.5


def test_the_same_request_gives_the_same_pixels(portrait, changed) -> None:
    """The result is equal byte for byte, and the input is unchanged."""
    before = portrait.picture.copy()
    shape = MouthShape.of(portrait.face)

    again = retouch(
        portrait.picture, portrait.face, pose_for(React1Choices(prompt="angry", temperature=0.6), shape, shape, 1.0)
    )

    assert np.array_equal(again, changed("angry", 0.6))
    assert np.array_equal(portrait.picture, before)


def test_samples_outside_the_change_keep_their_bytes(portrait) -> None:
    """Every sample of luma and chroma that the RGB change does not reach stays as decoded."""
    video_format = astronaut.FORMAT.__class__(640, 480, astronaut.FORMAT.fps, 1, 1, 1, 1)
    picture, shape = astronaut.planes(portrait.picture), MouthShape.of(portrait.face)
    pose = pose_for(React1Choices(prompt="happy", temperature=1.0), shape, shape, 1.0)

    after = retouch_picture(picture, video_format, portrait.face, pose)

    left, top, right, bottom = even_box(reach_box(portrait.face, pose, video_format), video_format)
    box = (left, top, right, bottom)
    part = to_rgb(picture, box, video_format)
    touched = (retouch(part, portrait.face.shifted(left, top), pose) != part).any(2)
    luma = np.zeros((480, 640), bool)
    luma[top:bottom, left:right] = touched
    chroma = luma.reshape(240, 2, 320, 2).any((1, 3))
    assert not (after.luma != picture.luma)[~luma].any()
    assert not (after.blue != picture.blue)[~chroma].any()
    assert not (after.red != picture.red)[~chroma].any()
    assert 0.02 < touched.mean() < 0.9


@pytest.mark.parametrize("matrix", [1, 6, 9, 2])
@pytest.mark.parametrize("span", [0, 1, 2])
def test_colours_survive_the_round_trip(matrix: int, span: int) -> None:
    """Two flat colours side by side return from RGB within one step, by every matrix and range."""
    video_format = VideoFormat(16, 16, Fraction(25), matrix, 2, 2, span)
    other_color = (100, 121, 137)
    for colour in ((80, 110, 150), (180, 128, 128), (120, 140, 120)):
        planes = [np.full((side, side), level, np.uint8) for side, level in zip((16, 8, 8), colour, strict=True)]
        for plane, level in zip(planes, other_color, strict=True):
            plane[:, len(plane) // 2 :] = level
        picture = Picture(*planes)
        rgb = to_rgb(picture, (0, 0, 16, 16), video_format)

        other = Picture(*(plane[:, ::-1].copy() for plane in planes))
        back = write_back(other, (0, 0, 16, 16), np.zeros_like(rgb), rgb, video_format)

        for was, now in zip(planes, (back.luma, back.blue, back.red), strict=True):
            edge = len(was) // 2
            flat = np.delete(np.abs(now.astype(int) - was), [edge - 1, edge], axis=1)
            assert flat.max() <= 1


@pytest.mark.parametrize(("samples", "colour"), [((63, 102, 240), (255, 0, 0)), ((32, 240, 118), (0, 0, 255))])
def test_bt709_colours_follow_the_standard(samples: tuple[int, ...], colour: tuple[int, ...]) -> None:
    """In limited range, full red and blue convert to RGB, and back beside grey."""
    video_format = VideoFormat(4, 2, Fraction(25), 1, 1, 1, 1)
    planes = [np.array([[level, level, 126, 126]] * 2, np.uint8)[: 2 - n, :: 1 + n] for n, level in
              zip((0, 1, 1), samples, strict=True)]  # fmt: skip
    picture = Picture(*planes)

    rgb = to_rgb(picture, (0, 0, 4, 2), video_format)
    back = write_back(picture, (0, 0, 4, 2), np.zeros_like(rgb), np.full_like(rgb, 0) + np.uint8(colour), video_format)

    assert np.abs(rgb[0, 0].astype(int) - colour).max() <= 1
    assert [int(plane[0, 0]) for plane in (back.luma, back.blue, back.red)] == list(samples)


def test_a_picture_of_a_single_colour_keeps_its_chroma() -> None:
    """A red square drawn into a noisy grey or sepia picture changes only its luma."""
    video_format = VideoFormat(32, 32, Fraction(25), 1, 1, 1, 1)
    noise = np.random.default_rng(1).integers(0, 2, (2, 16, 16))
    luma = np.random.default_rng(2).integers(60, 200, (32, 32)).astype(np.uint8)

    for tint in ((128, 128), (110, 140)):
        blue, red = (np.asarray(level + steps, np.uint8) for level, steps in zip(tint, noise, strict=True))
        picture = Picture(luma, blue, red)
        before = to_rgb(picture, (0, 0, 32, 32), video_format)
        after = before.copy()
        after[8:24, 8:24] = (200, 40, 40)
        back = write_back(picture, (0, 0, 32, 32), before, after, video_format)

        assert (back.luma[8:24, 8:24] != luma[8:24, 8:24]).mean() > 0.9
        assert (back.blue == blue).all()
        assert (back.red == red).all()
