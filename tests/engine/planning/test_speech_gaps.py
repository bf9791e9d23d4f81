"""Lips that meet in words under an emotion that opens them, and the change between own and drawn teeth."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
from react1.pipeline.engine.geometry.mesh import LOWER_LIP, UPPER_LIP
from react1.pipeline.engine.planning.animate import animate
from react1.pipeline.engine.planning.speech_gaps import closing_share, own_share
from react1.pipeline.media.timing.sync_modes import plan_output

FPS = 25.0
WORD = [0.08, 0.15, 0.18, 0.15, 0.09]


def talking(face: FaceFrame, gaps: list[float]) -> list[np.ndarray]:
    """Return landmarks of a mouth with these gaps."""
    frames = []
    for gap in gaps:
        points = face.points_px.copy()
        column = points[LOWER_LIP[3, 1:-1]] - points[UPPER_LIP[3, 1:-1]]
        opened = gap * face.unit_px * face.axes[1] * np.sqrt(1 - np.linspace(-1, 1, 11)[1:-1] ** 4)[:, None]
        points[LOWER_LIP[:, 1:-1]] += opened - column
        frames.append(points)
    return frames


def poses(portrait, gaps: list[float], prompt: str) -> list[float]:
    """Return the openings of the poses of a take, in units."""
    faces = talking(portrait.face, gaps)
    layout = plan_output("bounce", len(faces), None, 0, Fraction(25))
    choices = React1Choices(prompt=prompt, temperature=1.0, model_mode="face")
    weights = np.ones(len(layout.frames))
    return [pose.gap for pose in animate(faces, layout, weights, None, choices, Fraction(25))[: len(faces)]]


def test_lips_meet_in_words_under_every_emotion_that_opens_them(portrait) -> None:
    """A p between two vowels: below 0.05 under happy, surprised and disgusted; the vowels keep what is added."""
    gaps = [*WORD, *WORD, 0.01, 0.0, 0.01, *WORD, *WORD]
    shapes = [MouthShape.of(FaceFrame(points)).gap for points in talking(portrait.face, gaps)]
    for prompt in ("happy", "surprised", "disgusted"):
        taken = poses(portrait, gaps, prompt)
        assert max(taken[10:13]) < 0.05
        assert taken[2] > shapes[2] + 0.04 or prompt == "disgusted"
        # Nothing jumps further than the words themselves do, and a share of what is added.
        steps = np.abs(np.diff(taken)) - np.abs(np.diff(shapes))
        assert steps.max() < 0.10


def test_a_surprised_jaw_does_not_snap_to_a_closure(portrait) -> None:
    """What surprise adds to a held vowel gives way over seven frames, at most a fifth of it in one."""
    added = 1 - closing_share(np.array([0.15] * 10 + [0.0] * 3 + [0.15] * 10), FPS)

    assert added[10:13].max() == 0
    assert added[[2, 20]].min() == 1
    assert np.abs(np.diff(added)).max() < 0.2


def test_a_mouth_at_rest_stays_surprised(portrait) -> None:
    """After a word the lips rest for two seconds: they open again within one, and are open before the next word."""
    gaps = [*WORD, *WORD, *[0.0] * 50, *WORD, *WORD]

    taken = poses(portrait, gaps, "surprised")

    assert min(taken[32:58]) > 0.15
    assert taken[11] < 0.05


def test_lips_that_never_spoke_are_not_closed() -> None:
    """A mouth that is shut from the start, or always, does not give way; nor does one without a face."""
    assert closing_share(np.zeros(40), FPS).max() == 0
    assert closing_share(np.full(40, np.nan), FPS).max() == 0
    assert closing_share(np.array([0.0] * 20 + WORD), FPS)[:16].max() == 0


def test_own_teeth_come_slowly_and_never_where_the_picture_has_none() -> None:
    """The share changes by at most a quarter per frame, is 0 in shut frames and 1 in a long opening."""
    gaps = np.array([0.0] * 5 + [0.15] * 20 + [0.0] * 5 + [0.15] * 3 + [0.0] * 5)

    share = own_share(gaps, FPS, unit_px=120)

    assert np.abs(np.diff(share)).max() <= 0.25
    assert share[gaps == 0].max() == 0
    assert share[15] == 1
    assert share[30:33].max() < 0.3  # an opening that is over at once keeps what is drawn


def test_own_teeth_that_would_never_come_half_are_not_mixed_with_drawn_ones() -> None:
    """An opening that can just be read for some frames shows drawn teeth alone; one that becomes clear, its own."""
    held, clear = [0.131] * 12, [0.131] * 3 + [0.15] * 15

    for gaps in (held, clear):
        share = own_share(np.array([0.0] * 5 + gaps + [0.0] * 5), FPS, unit_px=98)
        assert share.max() == (gaps is clear)


@pytest.mark.parametrize("away", [[np.nan], [np.nan] * 30], ids=["flash", "other shot"])
def test_own_teeth_stay_up_to_a_cut_and_beside_a_flash(away) -> None:
    """An open mouth that a frame without the face, or another shot, comes before or after shows its own throughout."""
    gaps = np.array([0.15] * 20 + away + [0.15] * 20 + away)

    share = own_share(gaps, FPS, unit_px=120)

    assert (share[~np.isnan(gaps)] == 1).all()
    assert (share[np.isnan(gaps)] == 0).all()


def test_teeth_of_a_few_pixels_are_drawn() -> None:
    """Rows in an opening of eight pixels cannot be told apart; the same mouth from nearer shows its own."""
    gaps = np.full(20, 0.2)

    assert own_share(gaps, FPS, unit_px=40).max() == 0
    assert own_share(gaps, FPS, unit_px=90).min() == 1


def test_a_mouth_that_is_held_half_open_shows_one_kind_of_teeth() -> None:
    """An opening whose rows can hardly be read has drawn ones alone, and one in which they mostly can, its own."""
    assert own_share(np.full(20, 0.12), FPS, unit_px=100).max() == 0
    assert own_share(np.full(20, 0.14), FPS, unit_px=100).min() == 1
