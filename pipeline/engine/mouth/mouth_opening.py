"""The opening of a mouth as a place of its own: how far across, how far under the upper lip, each pixel lies.

With these coordinates what lies in one opening can be found in another: the source's teeth in the new mouth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Curve, Field, Points
from ..pose.landmark_indices import LOWER_LIP, UPPER_LIP
from ..ramp import smoothstep
from ..render.layer import Box

FOLLOWS = (0.2, 0.9)
"""Between these places across (0 middle, 1 corner) the interior comes to follow the upper lip."""
EDGE = 0.06
"""So far under the old border, as a share of half the mouth's width, the lip's own shadow lies."""


@dataclass(frozen=True, eq=False)
class Opening:
    """An opening seen over a grid of pixels."""

    places: Points
    """The pixels themselves, (height, width, 2)."""
    middle: Points
    """Halfway between the inner corners, (2,)."""
    axes: Points
    """Columns: along the corners, and down from them; (2, 2) of unit length."""
    half_px: float
    """Half the distance of the corners."""
    across: Field
    """-1 and 1 at the corners; beyond them outside."""
    below_top_px: Field
    """How far under the upper lip's border."""
    share: Field
    """0 at the upper lip's border, 1 at the lower one's."""
    height_px: Field
    """How far the lower lip's border is under the upper one's, there."""
    upper: tuple[Curve, Curve]
    """The upper lip's border: across, and down in px from the line of the corners."""

    def grid(self, offset_px: Points) -> Points:
        """Give the pixels in a picture whose origin lies `offset_px` before this one's."""
        return self.places + offset_px

    def same_place(self, source: Opening, skull: Points) -> Points:
        """Find where each pixel's content lies in the mouth that the picture came from, (height, width, 2) px.

        Args:
            source: that mouth, over the same pixels.
            skull: where the skull was in that picture, for each pixel, (height, width, 2) px.
        """
        held = ((skull - source.middle) @ source.axes)[..., 1]
        border = np.interp(self.across, *source.upper)
        # Above the old border nothing was seen: a lip that rises bares more tooth, so the teeth are mirrored up.
        edge = border + EDGE * source.half_px
        held = np.where(held < edge, edge + (edge - held) / 2, held)
        followed = self.below_top_px + border
        follows = smoothstep((np.abs(self.across) - FOLLOWS[0]) / (FOLLOWS[1] - FOLLOWS[0]))
        down = held * (1 - follows) + followed * follows
        there = np.stack([self.across * source.half_px, down], -1)
        found: Points = source.middle + there @ source.axes.T
        return found


def opening_of(places_px: Points, box: Box) -> Opening:
    """Measure the mouth of landmarks, (468, 2) px, over the pixels of a box."""
    x, y = np.meshgrid(np.arange(box[0], box[2], dtype=np.float64), np.arange(box[1], box[3], dtype=np.float64))
    return opening_in(places_px, np.stack([x, y], -1))


def opening_in(places_px: Points, grid: Points) -> Opening:
    """Measure the mouth of landmarks, (468, 2) px, over a grid of pixels, (height, width, 2)."""
    upper, lower = places_px[UPPER_LIP[3]], places_px[LOWER_LIP[3]]
    width_px = max(1e-6, float(np.linalg.norm(upper[-1] - upper[0])))
    right = (upper[-1] - upper[0]) / width_px
    axes = np.stack([right, [-right[1], right[0]]], 1)
    middle = (upper[0] + upper[-1]) / 2
    along = (grid - middle) @ axes
    across = along[..., 0] / (width_px / 2)
    top_line, bottom_line = (_border((border - middle) @ axes, width_px / 2) for border in (upper, lower))
    top, bottom = np.interp(across, *top_line), np.interp(across, *bottom_line)
    below = along[..., 1] - top
    return Opening(
        places=grid,
        middle=middle,
        axes=axes,
        half_px=width_px / 2,
        across=across.astype(np.float32),
        below_top_px=below.astype(np.float32),
        share=np.clip(below / np.maximum(bottom - top, 1e-3), 0, 1).astype(np.float32),
        height_px=np.maximum(bottom - top, 1e-3).astype(np.float32),
        upper=top_line,
    )


def _border(border: Points, half_px: float) -> tuple[Curve, Curve]:
    order = np.argsort(border[:, 0], kind="stable")
    return border[order, 0] / half_px, border[order, 1]
