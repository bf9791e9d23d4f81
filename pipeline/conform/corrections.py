"""What is wrong with a take as a whole, level, colour and place, and how it is undone.

Takes   what was sent and the take, aligned.
Gives   `Corrections`; they bring the take's planes to the levels and places of those sent.
Raises  HostFailed where the take shows something else than what was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ProviderError
from ..splicing.pictures.planes import Plane
from . import levels
from .align import Alignment, accept, align
from .frame_pairs import Both
from .levels import Line
from .placement import MOST_APART, Placement, apart, placed

Small = NDArray[np.uint8]

_PLACED_ON, _PLACED_WITHIN = 4, 48
"""Frames that the place of a take is measured on, and among how many of its first."""


@dataclass(frozen=True)
class Corrections:
    """Shifts of level and colour per plane, and of place."""

    lines: tuple[Line, ...]
    placement: Placement

    def undo(self, sent: list[Plane], taken: list[Plane]) -> list[Plane]:
        """Bring a take's planes to those sent; what the take does not show is as it was sent."""
        made = []
        for line, own, part in zip(self.lines, sent, taken, strict=True):
            made.append(self.placement.undo(line.undo(part), own, part.shape[1] / sent[0].shape[1]))
        return made

    def small(self, both: Both, sent: Small, taken: Small, found: Alignment) -> tuple[Small, Small]:
        """Give the small pictures that belong together, (sent, taken), the take's brought back."""
        here = Corrections(self.lines, _shares(both, self.placement, sent))
        pairs = [(sent[i], taken[j]) for i, j in zip(found.stands_for, found.take_of, strict=True)]
        back = [np.stack(here.undo(list(own), list(part))) for own, part in pairs]
        return np.stack([own for own, _ in pairs]), np.stack(back)


NOTHING = Corrections((Line(), Line(), Line()), Placement())


def measured(both: Both, sent: Small, taken: Small, rate: Fraction) -> tuple[Alignment, Corrections]:
    """Measure a take of `rate` against what was sent; both small, all frames.

    A picture that is moved or scaled is brought back before it is judged.
    """
    found = align(sent[:, 0], taken[:, 0], both.sent_video.rate, rate, both.name)
    lines = _lines(sent, taken, found)
    pairs = _pairs(both, lines[0], found)
    placement = placed(pairs)
    if not placement.trivial:
        here = _shares(both, placement, sent)
        taken = np.stack([np.stack([here.undo(part, part) for part in frame]) for frame in taken])
        found = align(sent[:, 0], taken[:, 0], both.sent_video.rate, rate, both.name)
        lines = _lines(sent, taken, found)
    accept(found, len(taken), both.name)
    left = apart([(own, placement.undo(part, own)) for own, part in _pairs(both, lines[0], found)])
    if left > MOST_APART:
        raise ProviderError(
            f"the take of {both.name} does not show what was sent, not even moved or scaled: its quiet parts "
            f"differ by {left:.1f} levels of 255, at most {MOST_APART:g} are allowed"
        )
    return found, Corrections(lines, placement)


def _shares(both: Both, placement: Placement, small: Small) -> Placement:
    """Give a placement for small pictures."""
    return placement.scaled(small.shape[3] / both.sent_video.width_px, small.shape[2] / both.sent_video.height_px)


def _pairs(both: Both, luma: Line, found: Alignment) -> list[tuple[Plane, Plane]]:
    """Give the lumas of a few frames, (sent, taken), the take's level corrected."""
    step = max(1, min(len(found.take_of), _PLACED_WITHIN) // _PLACED_ON)
    places = list(zip(found.stands_for, found.take_of, strict=True))[:_PLACED_WITHIN:step]
    return [(sent[0], luma.undo(taken[0])) for sent, taken in both.pairs(places)]


def _lines(sent: Small, taken: Small, found: Alignment) -> tuple[Line, ...]:
    """Measure the take's shift of level and colour against what was sent, per plane."""
    step = max(1, len(sent) // 24)
    pairs = [(found.stands_for[i], found.take_of[i]) for i in range(0, len(sent), step)]
    lines = []
    for plane in range(3):
        x = np.concatenate([sent[i, plane].ravel() for i, _ in pairs]).astype(np.float64)
        y = np.concatenate([taken[j, plane].ravel() for _, j in pairs]).astype(np.float64)
        line = levels.fit(x, y)
        # A shift below half a level is the coder's rounding, not a shift.
        lines.append(line if np.abs(line.gain * x + line.offset - x).mean() > 0.5 else Line())
    return tuple(lines)
