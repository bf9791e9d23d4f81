"""The performer's own face limits the units: raised brows, open eyes, a mouth at rest."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from react1.pipeline.core.edits.choices import Prompt, React1Choices
from react1.pipeline.engine.detect.track import resting_shapes
from react1.pipeline.engine.geometry.head_frame import MouthShape
from react1.pipeline.engine.geometry.mesh import ANCHORS, EYES, SIDES
from react1.pipeline.engine.planning.animate import UpperFace, animate, au_headroom, headroom_per_frame, pose_for
from react1.pipeline.engine.pose.pose import RELAXED
from react1.pipeline.engine.warp.lips import lip_shape
from react1.pipeline.media.timing.sync_modes import plan_output

BROWS = [index for name in ("inner brow", "mid brow", "outer brow") for side in SIDES for index in ANCHORS[name][side]]
FPS = Fraction(25)


@pytest.fixture
def raised(portrait):
    """Return a function that raises the portrait's brows by some units; a unit is 80 px."""

    def make(by: float) -> np.ndarray:
        local = portrait.face.local.copy()
        local[BROWS, 1] -= by
        return local * 80.0

    return make


def test_raised_brows_rise_less_and_are_lowered_more(raised) -> None:
    """In animated poses AU1 shrinks and AU4 grows with raised brows, and the reverse with a frown."""
    layout = plan_output("bounce", 3, None, 0, FPS)
    rises, lowers = [], []
    for by in (-0.08, 0.0, 0.08, 0.16):
        line = [raised(by)] * 3
        rises.append(
            animate(line, layout, np.ones(3), None, React1Choices(prompt="surprised", temperature=0.8), FPS)[
                1
            ].amplitude("AU1")
        )
        lowers.append(
            animate(line, layout, np.ones(3), None, React1Choices(prompt="angry", temperature=0.8), FPS)[1].amplitude(
                "AU4"
            )
        )

    assert rises[1] > rises[2] > rises[3] > 0
    assert 0 < lowers[0] < lowers[1] < lowers[2]


def test_headroom_stays_within_its_bounds() -> None:
    """For extreme faces every share stays between 0.19 and 1.25, and what neutral undoes between -0.8 and 1.0."""
    for inner, outer, eyes in ((0.9, 0.9, 0.0), (-0.9, -0.9, 1.0), (0.0, 0.0, 0.15)):
        units = au_headroom(UpperFace(inner, outer, eyes))
        shares = [share for name, share in units.items() if not name.startswith("relaxed")]
        relaxed = [amount for name, amount in units.items() if name.startswith("relaxed")]
        assert min(shares) > 0.19 and max(shares) <= 1.25
        assert min(relaxed) >= -0.8 and max(relaxed) <= 1.0


def test_a_face_at_rest_stays_as_it_is_in_neutral() -> None:
    """Low brows are not raised, nor are corners at rest lowered; those of a smile go down, beyond that line."""
    low = au_headroom(UpperFace(-0.05, -0.05, 0.15))
    assert [low[f"relaxed {name}"] for name in RELAXED] == [0.0] * len(RELAXED)
    assert au_headroom(UpperFace(0.08, 0.08, 0.15))["relaxed AU1"] < -0.2

    across = np.linspace(-1, 1, 11)
    drops = []
    for lift in (-0.08, -0.045, 0.0, 0.10):
        rest = MouthShape(lift, 0.75, 0.0)
        pose = pose_for(React1Choices(prompt="neutral", temperature=1.0), rest, rest, 1.0)
        upper, _ = lip_shape(pose, across, np.ones(11))
        drops.append(float(upper[0, 1]))
    assert drops[:2] == [0.0, 0.0]
    assert 0 < drops[2] < 0.03 and drops[3] > 0.14


def test_neutral_relaxes_a_frown_a_stare_and_a_squint() -> None:
    """Brows below any resting height go up, staring eyes close in part and squinting ones open, not in a smile."""
    frown, stare, squint = (au_headroom(UpperFace(*face)) for face in ((-0.12, 0, 0.15), (0, 0, 0.24), (0, 0, 0.06)))
    assert frown["relaxed AU4"] < -0.4
    assert stare["relaxed AU43"] > 0.4 > au_headroom(UpperFace(0, 0, 0.19))["relaxed AU43"] > 0
    assert squint["relaxed AU5"] > 0.8

    calm, smiling = (MouthShape(-0.06, width, 0.0) for width in (0.75, 1.10))
    choices = React1Choices(prompt="neutral", temperature=1.0)
    lifts = [pose_for(choices, rest, rest, 1.0, headroom=frown | squint).units for rest in (calm, smiling)]
    assert lifts[0]["AU5"] > 0.8 and lifts[1]["AU5"] == lifts[1]["AU4"] == 0.0


def test_a_film_tells_where_its_own_brows_rest(raised) -> None:
    """Brows that frown for a moment go back to the performer's own height, though other people's rest as low."""
    films = {name: [raised(by)] * 60 + [raised(0.0)] * 20 for name, by in (("frowns", 0.06), ("rests", 0.0))}
    amounts = {name: headroom_per_frame(film, 25.0)[79]["relaxed AU4"] for name, film in films.items()}

    assert amounts["frowns"] < amounts["rests"] - 0.1


def test_a_closed_smile_is_told_by_the_depth_of_its_corners() -> None:
    """Corners pulled back are a smile that neutral takes away, however low; high corners that lie in front are none."""

    def smile(lift: float, back: float) -> float:
        rest = MouthShape(lift, 0.8, 0.0, back)
        return pose_for(React1Choices(prompt="neutral", temperature=1.0), rest, rest, 1.0).amplitude("AU0")

    assert smile(-0.04, -0.10) > 0.95
    assert 0.2 < smile(0.0, -0.14) < 0.8
    assert smile(0.05, -0.18) == 0.0


def test_a_talker_glares_less_and_is_as_surprised() -> None:
    """Wide eyes over an open mouth look afraid, so only the frown of an angry talker opens its eyes less."""
    rest = MouthShape(-0.06, 0.75, 0.1)
    eyes = {
        (prompt, talks): pose_for(React1Choices(prompt=prompt, temperature=1.0), rest, rest, 1.0, talks=talks).units[
            "AU5"
        ]
        for prompt in ("angry", "surprised")
        for talks in (False, True)
    }
    assert eyes["angry", True] < 0.5 * eyes["angry", False]
    assert eyes["surprised", True] == eyes["surprised", False]


def test_a_blink_does_not_change_the_headroom_of_the_eyes(portrait) -> None:
    """The eyes around a frame count, not those of the frame itself; a frame without a face has no headroom."""
    shut = portrait.face.points_px.copy()
    for eye in EYES.values():
        shut[eye.upper] = shut[eye.lower]
    line = [portrait.face.points_px] * 12
    blinking = [*line[:5], shut, *line[6:11], None]

    assert headroom_per_frame(blinking, 25.0)[5]["AU43"] == pytest.approx(headroom_per_frame(line, 25.0)[5]["AU43"])
    assert headroom_per_frame(blinking, 25.0)[11] == {}


def test_the_resting_shape_of_a_mouth_that_stays_open_changes_gradually() -> None:
    """The resting gap goes from shut to open in small steps, although the mouth opens at once."""
    shapes = [MouthShape(0.0, 0.8, 0.0)] * 40 + [MouthShape(0.0, 0.8, 0.2)] * 40

    gaps = [shape.gap for shape in resting_shapes(shapes, 25.0)]

    assert gaps[0] == pytest.approx(0) and gaps[-1] == pytest.approx(0.2)
    assert np.abs(np.diff(gaps)).max() < 0.02


@pytest.mark.parametrize(
    ("prompt", "share", "brow"), [("sad", 0.7, "AU1"), ("angry", 0.8, "AU4"), ("disgusted", 0.6, "AU9")]
)
def test_a_smile_that_goes_hangs_less(prompt: Prompt, share: float, brow: str) -> None:
    """The corners of a broad smile are pulled down by less than those of a mouth at rest; brows move alike."""
    at_rest, smiling = (
        pose_for(React1Choices(prompt=prompt, temperature=1.0), rest, rest, 1.0)
        for rest in (MouthShape(-0.06, 0.75, 0.0), MouthShape(0.05, 1.10, 0.2))
    )

    assert smiling.amplitude("AU15") < share * at_rest.amplitude("AU15")
    assert smiling.amplitude(brow) == at_rest.amplitude(brow)
