"""The performer's own teeth and what lies between them, in a mouth that has another opening than in the picture.

The upper row stays with the skull, the lower one goes with the jaw, and the dark between them is stretched: no tooth
changes its height. Above the row, where the lip bares more than the picture shows, teeth go on until their usual
height, then comes gum. Towards the corners both follow the lips, because a smile bares more there and would otherwise
leave dark wedges.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Curve, Field, Image, Points, box_around, fraction_between, shares_between, smoothstep, soft_mask
from ..geometry.head_frame import FaceFrame
from ..geometry.mesh import INNER_LIPS
from .opening import Opening, along_axes
from .own_rows import LIP_BORDER, OwnRows, at

FOLLOWS_LIP = (0.2, 0.9)
"""Between these places across (0 middle, 1 corner) the interior starts to follow the lips."""
LIP_EDGE = 0.06
"""The lip's own shadow reaches this far below the old border, as a share of half the mouth's width,"""
EDGE_SHARE = 0.30
"""but not over more than this share of the upper row."""
NARROWING_FOLLOWS = 0.25
"""A mouth that gets narrower covers its teeth; near the corners they follow by this share."""
NARROWS = (0.0, 0.12)
"""A mouth that loses this share of its width is narrower: hung from a lip that comes down there, its side teeth would
be fangs."""
TOOTH_HEIGHT = 0.175
"""The height of a front tooth, in units; what the lip bares above it is gum."""
GUM_SOFT = 0.020
GUM_SHADED, GUM_SHADOW = 0.55, 0.070
"""The share of its light that gum has directly under the upper lip, and how far down it is less than full, in units."""
ROW_SOFT = 0.008
"""Softness of the edge of a row against a drawn inside, in units."""
STREAKS = (1.4, 2.2)
"""Where the distance between the rows grows by between these factors, what lies there gives way to a drawn inside: it
would be streaks, or a hair of shadow as a black hole, and change from frame to frame."""
KEEPS, KEEPS_SHARE = 0.03, 0.30
"""What next to a row stays with it, in units, but at most this share of what lies between the rows."""


def own_interior(
    original: Image,
    source: Opening,
    opening: Opening,
    skull: Points,
    frame: FaceFrame,
    rows: OwnRows,
    gum: Curve,
    blur_px: float,
) -> tuple[Field, Field]:
    """Return the source's own interior in its new place, (height, width, 3), and its opacity, (height, width).

    Args:
        original: the picture, (height, width, 3) RGB.
        source: its mouth, over the pixels `skull`.
        opening: the new mouth.
        skull: the place of the skull in the picture at each pixel, (height, width, 2) px.
        frame: the face in the picture.
        rows: its rows of teeth.
        gum: the colour of gum in this light, (3,).
        blur_px: the blur of the picture's edges.
    """
    import cv2

    unit = frame.unit_px
    across_px, fixed = along_axes(skull, source.middle, source.axes)
    across_px = _across_in_source(across_px, opening, source)
    across = across_px / source.half_px
    top, bottom = (np.interp(across, *border) for border in (source.upper, source.lower))
    height = np.maximum(bottom - top, 1e-3)
    follows = smoothstep((np.abs(opening.across) - FOLLOWS_LIP[0]) / (FOLLOWS_LIP[1] - FOLLOWS_LIP[0]))
    follows *= 1 - (1 - NARROWING_FOLLOWS) * fraction_between(1 - opening.half_px / source.half_px, NARROWS)
    # Where each pixel lies for someone who moves with the upper row, and with the lower one.
    on_upper = fixed * (1 - follows) + (top + opening.below_top_px) * follows
    above_bottom = (1 - opening.share) * opening.height_px
    on_lower = (fixed - _jaw_px(source, opening, fixed)) * (1 - follows) + (bottom - above_bottom) * follows
    row_end = top + height * at(rows.upper, across)
    row_start = bottom - height * np.maximum(LIP_BORDER, at(rows.lower, across) * rows.has_lower)
    # The soft edges of the rows stay with them: what is stretched is the middle of the dark between them alone.
    edges = np.minimum(KEEPS_SHARE * np.maximum(row_start - row_end, 0), KEEPS * unit)
    upper_end, lower_start = row_end + edges, np.maximum(row_start - edges, row_end + edges)
    # The border of the lip, which is in shadow and no tooth, is not shown where the lip has left it.
    edge = top + np.minimum(LIP_EDGE * source.half_px, np.maximum(EDGE_SHARE * (row_end - top), 0.06 * height))
    down = _down(on_upper, on_lower, upper_end, lower_start)
    shown = np.where(down < edge, edge + 0.15 * (edge - down) * (edge - down < 0.1 * unit), down)
    shown = np.minimum(shown, bottom - 0.04 * height)
    places = source.middle + np.stack([across_px, shown], -1) @ source.axes.T
    seen, cover = _sample(original, frame, places)
    # Where no inside can be told apart from the rows there is nothing to stretch; below it is only what is a lower row.
    inside_share = at(rows.inside_share, across) * (1 - _stretched(on_upper, on_lower, row_end, row_start))
    below = np.where(on_lower >= lower_start, np.maximum(inside_share, rows.has_lower), inside_share)
    cover *= np.where(on_upper > upper_end, below, 1).astype(np.float32)
    bare = _gum_cover(on_upper, row_end, edge, unit) * rows.has_upper
    shaded = GUM_SHADED + (1 - GUM_SHADED) * np.clip(opening.below_top_px / (GUM_SHADOW * unit), 0, 1)
    seen += (bare[..., None] * (gum * shaded[..., None] - seen)).astype(np.float32)
    return seen, np.asarray(cv2.GaussianBlur(cover, (0, 0), max(0.6, 0.7 * blur_px, ROW_SOFT * unit)), np.float32)


def _across_in_source(across_px: Points, opening: Opening, source: Opening) -> Points:
    """Return how far across the source's mouth each pixel's content lies, in px.

    Front teeth keep their width; towards the corners what is visible is spread over a wider mouth.
    """
    followed = opening.across * source.half_px
    share = np.clip(np.abs(opening.across), 0, 1) ** 2
    if opening.half_px < source.half_px:
        share = NARROWING_FOLLOWS * share
    spread: Points = across_px + (followed - across_px) * share
    return spread


def _jaw_px(source: Opening, opening: Opening, fixed: Points) -> float:
    """Return how far the lower lip is below its place in the source, in px down: the lower teeth move with it."""
    middle = np.abs(opening.across) < 0.15
    if not middle.any():
        return 0.0
    bottom = fixed + (1 - opening.share) * opening.height_px
    inside = middle & (opening.share > 0) & (opening.share < 1)
    if not inside.any():
        return 0.0
    old = np.interp(opening.across[inside], *source.lower)
    return float(np.mean(bottom[inside] - old))


def _down(on_upper: Points, on_lower: Points, upper_end: Points, lower_start: Points) -> Points:
    """Return how far down in the source each pixel's content lies, in px."""
    past_upper, before_lower = on_upper - upper_end, lower_start - on_lower
    between = (past_upper > 0) & (before_lower > 0)
    part = past_upper / np.maximum(past_upper + before_lower, 1e-3)
    stretched = upper_end + part * (lower_start - upper_end)
    return np.where(past_upper <= 0, on_upper, np.where(between, stretched, on_lower))


def _stretched(on_upper: Points, on_lower: Points, row_end: Points, row_start: Points) -> Points:
    """Return where the rows go so far apart that what lies between them becomes streaks, 0 to 1."""
    factor = (on_upper - row_end + row_start - on_lower) / np.maximum(row_start - row_end, 1e-3)
    return shares_between(factor, STREAKS)


def _sample(original: Image, frame: FaceFrame, places: Points) -> tuple[Field, Field]:
    """Return the picture at places in it, (height, width, 3), and how far they are inside of its mouth."""
    import cv2

    blur_px = max(0.8, frame.unit_px * 0.010)
    contour = frame.points_px[INNER_LIPS, :2]
    reach = box_around(contour, blur_px * 4 + 4, original.shape)
    if reach is None:
        return np.zeros((*places.shape[:2], 3), np.float32), np.zeros(places.shape[:2], np.float32)
    part = np.ascontiguousarray(original[reach[1] : reach[3], reach[0] : reach[2]])
    from_x, from_y = (np.ascontiguousarray(places[..., axis] - reach[axis]).astype(np.float32) for axis in (0, 1))
    seen = cv2.remap(part, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    mask = soft_mask(contour, reach, blur_px)
    cover: Field = cv2.remap(mask, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return seen, np.clip(cover * 2, 0, 1)


def _gum_cover(on_upper: Points, row_end: Points, edge: Points, unit_px: float) -> Points:
    """Return where gum is bared above the teeth, 0 to 1: above their usual height, where the picture shows nothing."""
    root = np.minimum(row_end - TOOTH_HEIGHT * unit_px, edge)
    return np.clip((root - on_upper) / (GUM_SOFT * unit_px), 0, 1)
