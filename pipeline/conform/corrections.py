"""Measure what is wrong with a take as a whole, in level, color and placement, and undo it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ProviderError
from ..splicing.pictures.planes import Plane
from . import levels
from .align import Alignment, align, require_usable
from .frame_pairs import SentAndTake
from .levels import LinearMap
from .placement import MAX_DIFFERENCE, Placement, find_placement, quiet_difference

Thumbnails = NDArray[np.uint8]

_PLACEMENT_FRAMES, _PLACEMENT_RANGE = 4, 48
"""How many frames the placement is measured on, and among how many of the first."""


@dataclass(frozen=True)
class Corrections:
    """Shifts of level and color per plane, and of placement."""

    lines: tuple[LinearMap, ...]
    placement: Placement

    def undo(self, sent: list[Plane], taken: list[Plane]) -> list[Plane]:
        """Return a take's planes corrected; what the take does not show is as it was sent."""
        corrected = []
        for line, own, part in zip(self.lines, sent, taken, strict=True):
            corrected.append(self.placement.undo(line.undo(part), own, part.shape[1] / sent[0].shape[1]))
        return corrected

    def apply_to_thumbnails(
        self, films: SentAndTake, sent: Thumbnails, taken: Thumbnails, alignment: Alignment
    ) -> tuple[Thumbnails, Thumbnails]:
        """Return the matched thumbnails, (sent, taken), the take's corrected."""
        scaled = Corrections(self.lines, _for_thumbnails(films, self.placement, sent))
        pairs = [(sent[i], taken[j]) for i, j in zip(alignment.matched_index, alignment.take_index, strict=True)]
        corrected = [np.stack(scaled.undo(list(own), list(part))) for own, part in pairs]
        return np.stack([own for own, _ in pairs]), np.stack(corrected)


NO_CORRECTIONS = Corrections((LinearMap(), LinearMap(), LinearMap()), Placement())


def measure_corrections(
    films: SentAndTake, sent: Thumbnails, taken: Thumbnails, rate: Fraction
) -> tuple[Alignment, Corrections]:
    """Measure a take at `rate` against what was sent, by the thumbnails of all frames.

    A picture that is moved or scaled is moved back before it is judged.

    Raises:
        ProviderError: the take does not show what was sent.
    """
    alignment = align(sent[:, 0], taken[:, 0], films.sent_video.rate, rate, films.name)
    lines = _fit_levels(sent, taken, alignment)
    pairs = _luma_pairs(films, lines[0], alignment)
    placement = find_placement(pairs)
    if not placement.is_trivial:
        scaled = _for_thumbnails(films, placement, sent)
        taken = np.stack([np.stack([scaled.undo(part, part) for part in frame]) for frame in taken])
        alignment = align(sent[:, 0], taken[:, 0], films.sent_video.rate, rate, films.name)
        lines = _fit_levels(sent, taken, alignment)
    require_usable(alignment, len(taken), films.name)
    remaining = quiet_difference(
        [(own, placement.undo(part, own)) for own, part in _luma_pairs(films, lines[0], alignment)]
    )
    if remaining > MAX_DIFFERENCE:
        raise ProviderError(
            f"the take of {films.name} does not show what was sent, not even moved or scaled: its unchanged parts "
            f"differ by {remaining:.1f} levels of 255, at most {MAX_DIFFERENCE:g} are allowed"
        )
    return alignment, Corrections(lines, placement)


def _for_thumbnails(films: SentAndTake, placement: Placement, small: Thumbnails) -> Placement:
    """Return a placement scaled to thumbnails."""
    return placement.scaled(small.shape[3] / films.sent_video.width_px, small.shape[2] / films.sent_video.height_px)


def _luma_pairs(films: SentAndTake, luma: LinearMap, alignment: Alignment) -> list[tuple[Plane, Plane]]:
    """Return the lumas of a few frames, (sent, taken), the take's levels corrected."""
    step = max(1, min(len(alignment.take_index), _PLACEMENT_RANGE) // _PLACEMENT_FRAMES)
    positions = list(zip(alignment.matched_index, alignment.take_index, strict=True))[:_PLACEMENT_RANGE:step]
    return [(sent[0], luma.undo(taken[0])) for sent, taken in films.pairs(positions)]


def _fit_levels(sent: Thumbnails, taken: Thumbnails, alignment: Alignment) -> tuple[LinearMap, ...]:
    """Fit the take's shift of level and color against what was sent, per plane."""
    step = max(1, len(sent) // 24)
    pairs = [(alignment.matched_index[i], alignment.take_index[i]) for i in range(0, len(sent), step)]
    lines = []
    for plane in range(3):
        x = np.concatenate([sent[i, plane].ravel() for i, _ in pairs]).astype(np.float64)
        y = np.concatenate([taken[j, plane].ravel() for _, j in pairs]).astype(np.float64)
        line = levels.fit_linear(x, y)
        # Below half a level it is the encoder's rounding.
        lines.append(line if np.abs(line.gain * x + line.offset - x).mean() > 0.5 else LinearMap())
    return tuple(lines)
