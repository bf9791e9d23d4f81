"""What the opening of a talking mouth says about a moment: lips that meet in a word, and how long its inside shows.

An emotion that opens the lips must not take p, b and m away: where the lips meet between open frames of speech, the
opening that it adds gives way. A mouth that rests for longer opens again.

The performer's own teeth are visible only while the lips are apart, and drawn ones stand for them otherwise. One gives
way to the other slowly, and not for an opening that is over at once.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Curve, runs, shares_between, smoothstep

MEET, SPEAKS = 0.045, 0.07
"""Lips meet below the first gap, in units; a mouth that speaks opens further than the second."""
NEAR_S = 0.24
"""An open frame of speech this near to a closure makes it a part of the words."""
PAUSE_S = 0.4
"""Lips that meet for longer than this between two words rest."""
RELEASES_S = (0.12, 0.40)
"""Between these times after the last word resting lips open again."""
GIVES_WAY_S = 0.28
"""The opening that is added gives way, and comes back, over this time."""
SHOWS_OWN = (0.030, 0.080)
"""Between these gaps the confidence that the picture shows what is in the mouth rises to 1."""
READABLE_PX = (10.0, 16.0)
"""Between these heights of an opening in px its own rows of teeth can be told apart well enough to be moved."""
EITHER = (0.4, 0.6)
"""Between these confidences both kinds of teeth are mixed: a mouth that is held half open shows one, not both."""
CHANGES_S = 0.08
"""Half of the time in which drawn teeth become own ones."""
LEAST_PEAK = 0.5
"""Own teeth that would never get beyond this share stay drawn: both rows would show, one through the other."""


def closing_share(gaps: Curve, fps: float) -> Curve:
    """Return per frame how far an opening that is added gives way to lips that meet, 0 to 1.

    Args:
        gaps: the opening of a talking mouth in each frame, in units; NaN where there is none.
        fps: frames per second.
    """
    near, held = max(1, round(NEAR_S * fps)), np.zeros(len(gaps))
    for start, end in runs(gaps < MEET):
        before, after = gaps[max(0, start - near) : start], gaps[end : end + near]
        spoke, speaks = (bool((np.nan_to_num(side) > SPEAKS).any()) for side in (before, after))
        if spoke and speaks and end - start <= PAUSE_S * fps:
            held[start:end] = 1.0
        elif spoke:
            since = np.arange(end - start) / fps
            held[start:end] = 1 - smoothstep((since - RELEASES_S[0]) / (RELEASES_S[1] - RELEASES_S[0]))
    reach = max(1, round(GIVES_WAY_S * fps))
    kernel = smoothstep(1 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1))
    around = np.lib.stride_tricks.sliding_window_view(np.pad(held, reach), 2 * reach + 1)
    share: Curve = (around * kernel).max(1)
    return share


def own_share(gaps: Curve, fps: float, unit_px: float) -> Curve:
    """Return per frame the share of the mouth's own inside, 0 to 1, which is never more than the picture shows.

    It is 0 without a face; a face that comes or goes, as at a cut, counts as it was first or last seen.

    Args:
        gaps: the opening of the mouth in each frame, in units; NaN where there is none.
        fps: frames per second.
        unit_px: the unit in pixels in this shot.
    """
    opened = np.nan_to_num(gaps)
    shown = shares_between(opened, SHOWS_OWN) * shares_between(opened * unit_px, READABLE_PX)
    shown = shares_between(shown, EITHER)
    share = np.zeros(len(gaps))
    for first, last in runs(~np.isnan(gaps)):
        share[first:last] = _changed_slowly(shown[first:last], round(CHANGES_S * fps))
    for first, last in runs(share > 0):
        if share[first:last].max() <= LEAST_PEAK:
            share[first:last] = 0.0
    return share


def _changed_slowly(shares: Curve, half: int) -> Curve:
    """Return the mean of the least shares around each frame, `half` frames before and after it each."""
    width = 2 * half + 1
    least = np.lib.stride_tricks.sliding_window_view(np.pad(shares, half, mode="edge"), width).min(1)
    slow: Curve = np.lib.stride_tricks.sliding_window_view(np.pad(least, half, mode="edge"), width).mean(1)
    return slow


def filled(gaps: Curve) -> Curve:
    """Return the openings with those of frames without a face, NaN, interpolated; 0 if no frame has one."""
    numbers, present = np.arange(len(gaps)), ~np.isnan(gaps)
    return np.interp(numbers, numbers[present], gaps[present]) if present.any() else np.zeros(len(gaps))
