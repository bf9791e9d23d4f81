"""Cuts are found in small pictures; flashes, fades and pans are none."""

from __future__ import annotations

import numpy as np

from react1.pipeline.engine.detect.shot_boundaries import flashes, shots, thumbnail

NOISE = np.random.default_rng(3)
ONE, OTHER = (np.kron(NOISE.integers(20, 230, (9, 16)), np.ones((40, 40))).astype(np.uint8) for _ in range(2))


def small(picture: np.ndarray) -> np.ndarray:
    return thumbnail(np.repeat(picture[..., None], 3, axis=2))


def test_a_cut_parts_two_shots() -> None:
    """Ten frames of one picture, five of another, one of a third: three shots that hold every frame."""
    frames = [small(ONE)] * 10 + [small(OTHER)] * 5 + [small(255 - ONE)]

    assert shots(frames) == [(0, 10), (10, 15), (15, 16)]
    assert shots([]) == []


def test_a_flash_is_no_cut() -> None:
    """Two white frames, after which the picture is what it was."""
    frames = [small(ONE)] * 10 + [np.full((36, 64), 250, np.uint8)] * 2 + [small(ONE)] * 10

    assert shots(frames) == [(0, 22)]


def test_fades_and_pans_are_no_cuts() -> None:
    """A fade to another picture in 12 frames, and a pan at a steady 30 pixels a frame."""
    fade = [small((ONE * (1 - k / 12) + OTHER * (k / 12)).astype(np.uint8)) for k in range(13)]
    pan = [small(np.roll(ONE, 30 * k, axis=1)) for k in range(12)]

    assert shots(fade) == [(0, 13)]
    assert shots(pan) == [(0, 12)]


def test_what_a_flash_hides_is_told_from_what_is_lost() -> None:
    """Of two frames in which a face is not found one is white, and the other looks as those around it do."""
    frames = [small(ONE)] * 12
    frames[4], frames[8] = np.full((36, 64), 250, np.uint8), small(ONE + 3)

    assert flashes(frames, [number not in (0, 4, 8) for number in range(12)]) == {4}
