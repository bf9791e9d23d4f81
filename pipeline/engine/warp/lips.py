"""Displacement of the lips: eleven columns from corner to corner, four rings each, moved by action units and by speech.

Each column of the upper and of the lower lip moves as one. What opens the mouth is shared between the two lips; the
lower lip takes the larger share, because it moves with the jaw.

Source: which unit moves what: Ekman & Friesen, FACS (1978); the pulls are those of `action_units`. All sizes were set
by eye; those of speech against how far lips go in speech: an "oo" takes a quarter of a mouth's width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Curve, Points, fraction_between, smoothstep
from ..geometry.head_frame import FaceFrame, MouthShape, foreshortening, lip_below_nose, resting_lip
from ..geometry.mesh import LOWER_LIP, UPPER_LIP
from ..pose.action_units import ACTION_UNITS, Pull
from ..pose.pose import Pose, Spoken

REST_LIFT, REST_WIDTH = (-0.10, -0.056), (0.70, 0.80)
"""Range of mouths at rest: height of the corners above the middle, and width, in units."""
SMILE_CORNERS = (-0.04, 0.07)
"""Corners up to the first height are those of a mouth at rest, from the second on those of a smile. What a smile has
above the range at rest goes completely, because cheeks and lids keep a trace of it; a calm mouth keeps its shape."""
CALM_CORNERS = (2.4, 2.8)
"""The power of the place across, 0 to 1, with which corners of a smile come down, under an emotion and in neutral.
Between the middle and the corners a smile hangs lower than a mouth at rest: with less, neutral lips would be a flat
roof; with more, others take an angry or disgusted mouth less often for what it is."""
RESTS_AT = 0.76
"""A broad smile rests at this share of its width, where that is more than the usual range."""
CALM_NARROWS = 0.50
"""Share of the width beyond that range that a calmed mouth loses, on each side."""
CALM_THICKENS = 0.7
"""Lips that a smile stretched get their height back: the share of the width lost that they gain in thickness."""
PRESS_THINS, BITE_TUCKS, ROUND_THICKENS = 0.34, 0.46, 0.30
"""Shares of the lips' thickness: of both lips when pressed, of the lower lip on the teeth, of both when rounded."""
BITE_PARTS, BARED_PARTS = 0.038, 0.062
"""How far lips open over shut teeth, in units."""
SPREADS, ROUNDS = 0.085, 0.25
"""How much wider, or narrower, a mouth gets, in units."""
HOODS = 0.025
"""How far rounded lips come down over the teeth, in units."""
BARE_RISES_LESS, BARE_FROM = 0.6, (0.06, 0.16)
"""Between these openings of the source, in units, its upper lip rises less by this share as the mouth opens further."""
BARES_UP_TO, BARES_SOFTLY, BARES_FROM = 0.170, 0.050, (0.015, 0.060)
"""How far above its rest, in units, an upper lip rises over teeth that show: their roots lie 0.14 above it, and a lip
bares little gum. It slows down over the second value, and shut lips, of openings below the third, may rise freely."""
UPPER_CLOSES = 0.40
"""The upper lip's share of a closing mouth."""
OPENS_LIKE, ROUND_FROM = (0.8, 0.5), (0.30, 0.65)
"""An opening has the profile (1 - x²) to the first power, whose ends are pointed, and becomes an ellipse, whose ends
are round, between these heights, as shares of the mouth's width: lips that part a little do so in the middle."""
SQUARE_BEND = 0.45
"""A lip that is pulled up squarely bends over this share of its half from the corner on: any steeper, the dark of the
corner is drawn out to a hook that hangs from it."""
UPPER_SHARE = 0.5
"""The upper lip's share of an opening without the jaw."""


@dataclass(frozen=True)
class LipMoves:
    """Displacements of the lips' columns in units, and what follows from them."""

    upper: Points
    """(11, 2)."""
    lower: Points
    """(11, 2)."""
    tighten: tuple[float, float]
    """How far the outer borders of the upper and the lower lip move to the line of the mouth, as a share of the lip's
    thickness (AU23, AU24, speech)."""
    jaw: float
    """How far the chin goes down, in units."""


def move_lips(frame: FaceFrame, pose: Pose) -> LipMoves:
    """Return how the columns of the lips move for a pose."""
    across = _across(frame)
    upper, lower = lip_shape(pose, across, foreshortening(frame, frame.local[UPPER_LIP[0], 0]))
    upper[:, 1] += _kept_over_gum(frame, pose, across, upper[:, 1])
    now = MouthShape.of(frame)
    opening = _opening_moves(frame, pose, across, now.gap, lower[:, 1] - upper[:, 1])
    more = pose.gap - now.gap
    share = 0.15 + 0.12 * min(1.0, pose.amplitude("AU26")) if more >= 0 else UPPER_CLOSES
    if more > 0 and pose.mode != "lips":  # over bare teeth a rising lip bares gum; `lips` has no room below for a jaw
        share *= 1 - BARE_RISES_LESS * fraction_between(now.gap, BARE_FROM)
    upper[:, 1] -= share * opening
    lower[:, 1] += (1 - share) * opening
    narrow = across * (0.06 + 0.25 * min(1.0, pose.amplitude("AU18"))) * max(0.0, more)
    upper[:, 0] -= narrow
    lower[:, 0] -= narrow
    raised = lip_lift(pose.spoken, across, share)
    by_jaw = more - pose.spoken.parted
    jaw = 0.85 * (1 - share) * by_jaw if by_jaw >= 0 else 0.35 * by_jaw
    thinner = lip_tightening(pose)
    thinner -= CALM_THICKENS * _width_lost(pose) / max(0.5, pose.rest.width - _width_lost(pose))
    upper_thinner, lower_thinner = (thinner + spoken for spoken in lip_thinning(pose.spoken))
    return LipMoves(upper + raised, lower + raised, (upper_thinner, lower_thinner), jaw)


def lip_points(frame: FaceFrame, moves: LipMoves) -> Points:
    """Return the columns' displacements for all rings of both lips, (478, 3) in units; 0 for other points."""
    local, spread = frame.local, np.zeros_like(frame.local)
    rounding = 1 - np.abs(_across(frame)) ** 4
    for ring, share in enumerate((1.0, 0.66, 0.33, 0.0)):
        upper, lower = UPPER_LIP[ring], LOWER_LIP[ring]
        spread[upper, :2], spread[lower, :2] = moves.upper, moves.lower
        thinner = share * rounding
        spread[upper, 1] += moves.tighten[0] * thinner * (local[UPPER_LIP[3], 1] - local[UPPER_LIP[0], 1])
        spread[lower, 1] -= moves.tighten[1] * thinner * (local[LOWER_LIP[0], 1] - local[LOWER_LIP[3], 1])
    for end in (0, -1):
        spread[UPPER_LIP[:, end], :2] = (moves.upper[end] + moves.lower[end]) / 2
    return spread


def _across(frame: FaceFrame) -> Curve:
    columns = frame.local[UPPER_LIP[0], 0]
    middle, half = (columns[0] + columns[-1]) / 2, max(1e-6, float(columns[-1] - columns[0]) / 2)
    across: Curve = np.clip((columns - middle) / half, -1, 1)
    return across


def _opening_moves(frame: FaceFrame, pose: Pose, across: Curve, gap: float, opened: Curve) -> Curve:
    """Return what each column lacks of the opening of the pose, after `opened` by the units."""
    columns = np.maximum(0.0, frame.local[LOWER_LIP[3], 1] - frame.local[UPPER_LIP[3], 1])
    if pose.gap < gap:
        target = columns * (pose.gap / max(gap, 1e-6))
    else:
        target = columns + (pose.gap - gap) * np.clip(1 - across**2, 0, 1) ** _profile_power(frame, pose.gap)
    lacking: Curve = np.maximum(target, 0.0) - (columns + opened)
    return lacking


def _kept_over_gum(frame: FaceFrame, pose: Pose, across: Curve, moves: Curve) -> Curve:
    """Return how much less the columns of an upper lip rise where it would bare more than its teeth, in units."""
    rest = resting_lip(frame) if pose.resting_lip is None else pose.resting_lip
    rises = -float(moves[4:7].mean())
    risen = rest - lip_below_nose(frame) + rises
    beyond = max(0.0, risen - (BARES_UP_TO - BARES_SOFTLY))
    # Gum that the picture itself shows stays: the lip loses no more than it rises.
    lost = min(beyond - BARES_SOFTLY * math.tanh(beyond / BARES_SOFTLY), max(0.0, rises))
    return fraction_between(pose.gap, BARES_FROM) * lost * (1 - across**4)


def _profile_power(frame: FaceFrame, gap: float) -> float:
    """Return the power of the profile by which a mouth opens to a gap."""
    width = max(1e-6, float(frame.local[UPPER_LIP[3, -1], 0] - frame.local[UPPER_LIP[3, 0], 0]))
    return OPENS_LIKE[0] + (OPENS_LIKE[1] - OPENS_LIKE[0]) * fraction_between(gap / width, ROUND_FROM)


def smile_headroom(shape: MouthShape, calm: float) -> tuple[float, float]:
    """Return how much more a mouth can smile, up and sideways: little if it smiles already, about 1 at rest."""
    lift = float(np.clip((0.25 - shape.lift * (1 - calm)) / 0.22, 0.12, 1.3))
    width = float(np.clip((1.20 - shape.width) / 0.32, 0.10, 1.1))
    return lift, width


def frown_headroom(shape: MouthShape, calm: float) -> float:
    """Return how much further the corners of a mouth can go down: little if they hang already, about 1 at rest."""
    droop = -(shape.lift - calm * _lift_lost(shape.lift))
    return float(np.clip((0.19 - droop) / 0.16, 0.15, 1.1))


def lip_tightening(pose: Pose) -> float:
    """Return how far the lips' outer borders move to the line of the mouth, as a share of their thickness."""
    return sum(amount * pull.tighten for amount, pull in _pulls(pose))


def lip_shape(pose: Pose, across: Curve, share: Curve) -> tuple[Points, Points]:
    """Return the displacements of the columns of the upper and the lower lip, (11, 2) in units each, without opening.

    Args:
        pose: the amplitudes, and the mouth at rest.
        across: the place of each column, -1 to 1 from corner to corner.
        share: foreshortening of each column, 0 to 1.
    """
    side = np.abs(across)
    middles = {"bow": 1 - side**2, "flat": 1 - side**4, "square": smoothstep((1 - side) / SQUARE_BEND)}
    out, down, upper_down, lower_down = (np.zeros_like(across) for _ in range(4))
    for amount, pull in _pulls(pose):
        out += amount * pull.corner_out
        down += amount * pull.corner_down * side**pull.corner_power
        upper_down += amount * pull.upper_down * middles[pull.middle]
        lower_down += amount * pull.lower_down * middles[pull.middle]
    narrow = min(1.0, max(0.6, pose.rest.width / REST_WIDTH[1]))
    lost = _lift_lost(_closed_lift(pose.rest)) * side ** CALM_CORNERS[pose.at_rest]
    down = narrow * down + pose.calm * lost
    out += -_width_lost(pose) / 2 + pose.widen / 2
    upper = np.stack([out * across, down + upper_down], 1) * share[:, None]
    lower = np.stack([out * across, down + lower_down], 1) * share[:, None]
    return upper, lower


def _closed_lift(rest: MouthShape) -> float:
    """Return how high the corners would be above the line of the mouth if it closed, in units."""
    return rest.lift - (0.5 - UPPER_CLOSES) * rest.gap


def _lift_lost(lift: float) -> float:
    """Return how far the corners of a mouth go down that loses its own expression, in units; negative: up."""
    beyond = _beyond(lift, REST_LIFT)
    return beyond * float(smoothstep(np.asarray(fraction_between(lift, SMILE_CORNERS)))) if beyond > 0 else beyond


def _width_lost(pose: Pose) -> float:
    """Return how much narrower a mouth gets that loses its own expression, in units."""
    width = pose.rest.width
    return 2 * CALM_NARROWS * pose.calm * max(0.0, width - max(REST_WIDTH[1], RESTS_AT * width))


def _pulls(pose: Pose) -> list[tuple[float, Pull]]:
    """Return the pulls of a pose with their amplitudes, reduced by the mouth's own shape."""
    pulls = []
    for name, amount in pose.units.items():
        pull = ACTION_UNITS[name].pull
        if pull is None:
            continue
        if name == "AU12":
            up, out = smile_headroom(pose.rest, pose.calm)
            pull = replace(pull, corner_out=pull.corner_out * out, corner_down=pull.corner_down * up)
        if name == "AU15":
            headroom = frown_headroom(pose.rest, pose.calm) * (1 - 0.20 * min(1.0, pose.gap / 0.20))
            pull = replace(pull, corner_down=pull.corner_down * headroom)
        pulls.append((amount, pull))
    return pulls


def _beyond(value: float, span: tuple[float, float]) -> float:
    """Return how far a value lies outside a range: 0 inside, negative below it."""
    return value - min(max(value, span[0]), span[1])


def lip_parting(bite: float, bared: float) -> float:
    """Return how far lips open while the teeth stay shut, in units."""
    return max(BITE_PARTS * bite, BARED_PARTS * bared)


def mouth_widening(spread: float) -> float:
    """Return how much wider the mouth gets, in units, for -1 (rounded) to 1 (spread)."""
    return SPREADS * spread if spread > 0 else ROUNDS * spread


def lip_thinning(spoken: Spoken) -> tuple[float, float]:
    """Return the share of its thickness that the upper and the lower lip lose; negative for thicker."""
    both = PRESS_THINS * spoken.press - ROUND_THICKENS * spoken.round
    return both, both + BITE_TUCKS * spoken.bite + 0.4 * ROUND_THICKENS * spoken.round


def lip_lift(spoken: Spoken, across: Curve, share: float) -> Points:
    """Return how far each column of both lips rises, (11, 2): an opening without the jaw is shared by both lips.

    `share` is the upper lip's share of an opening by the jaw.
    """
    up, bow = np.zeros((len(across), 2)), np.sqrt(np.clip(1 - across**2, 0, 1))
    up[:, 1] = (HOODS * spoken.round - (UPPER_SHARE - share) * spoken.parted) * bow
    return up
