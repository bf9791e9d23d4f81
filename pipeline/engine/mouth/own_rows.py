"""Where the rows of the performer's own teeth lie between the lips of a picture.

The upper row belongs to the skull, the lower one to the jaw; what lies between them is the mouth's dark inside. A mouth
that opens further shows more of the inside and nothing more of the rows, so it must be known where each row ends.

The opening is sampled in columns from the upper lip's border to the lower lip's. In each, the run of tooth-coloured
samples that begins near the upper lip is the upper row, and one that ends near the lower lip, below something darker,
the lower row. Curves through all columns make the ends of the rows: a column alone may be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Curve, Image, Points, fraction_between, quantile, shares_between
from ..frames.shot_light import LUMA
from ..geometry.head_frame import FaceFrame
from .opening import Opening

COLUMNS, STEPS = np.linspace(-0.72, 0.72, 37), (np.arange(40) + 0.5) / 40
"""The columns across the opening, and the samples down in each as shares of its height."""
POWERS = np.stack([np.ones(len(COLUMNS)), COLUMNS, COLUMNS**2], 1)
TOOTH_LUMA = (0.48, 0.66)
"""Between these shares of the brightest teeth a sample starts to count as tooth."""
LEAST_TOOTH = 0.50
"""The brightest samples are teeth from this share of an expected tooth on."""
TOOTH_REDNESS = (0.10, 0.26)
"""Beyond the brightest teeth by such distances of red from green, as shares of luma, it is lip or gum."""
STARTS_BY, ENDS_FROM = 0.55, 0.72
"""An upper row begins above the first share of the opening, a lower one reaches down to the second."""
VALLEY = 0.80
"""Between two rows that touch it is darker than this share of the fainter one."""
TALLEST = 0.19
"""No tooth is higher than this, in units."""
LEAST_PX = (4.0, 8.0)
"""Between these heights of the opening in pixels its rows can be told apart."""
LEAST_STEPS = 3
"""Fewer samples of a column that look like a tooth are none."""
TALL = 0.35
"""Columns lower than this share of the highest one are corners, and tell nothing."""
LIP_BORDER = 0.14
"""The share of an opening, above the lower lip, that is the lip's own wet border."""
SEEN = (0.08, 0.24)
"""Between these shares of the columns that show a row, there is one."""
INSIDE_UNITS, INSIDE_EDGE, MIXED = (0.012, 0.040), 0.04, (0.25, 0.60)
"""Between these heights, in units, what lies between the rows is enough to be stretched; the soft edges of the rows, as
a share of the opening; the teeth in it, as the mean of its columns, that make it none."""
WIDE = (0.08, 0.16)
"""A higher inside is no tooth, however bright: the tongue."""
OUTLIER, LOCAL = 0.16, 0.05
"""Ends of a row that are further from a parabola, as shares of the opening, are wrong; a row bends this far from it."""
LEVEL_HOLDS, ARCH, ARCH_HOLDS = 3.0, -0.10, 0.5
"""Teeth stand in line with the skull: how much a row's slope against the head's, and its bend against a usual arch's,
count beside all of its columns. A row that is half hidden, or in part as red as the lips, would slant otherwise."""
CLOSE = 0.01
"""Columns closer to the parabola than this, as a share of half the mouth's width, count alike."""
SINGLE_LOWER, HOLLOW = 0.35, 0.38
"""A single run that starts below the first share of the opening, and reaches the lower lip, is a lower row if most of
what is above it is pale, or darker than the second share of it: else that is lip, whose border was found too high."""
LINE_FROM = 0.28
"""A line that divides a run into two rows lies at least this share of it away from both ends."""


@dataclass(frozen=True, eq=False)
class OwnRows:
    """The rows of a picture's own teeth, at places across the opening (-1 and 1 at the corners)."""

    upper: Curve
    """How far the upper row reaches down at `COLUMNS`, as a share of the opening; 0 without one."""
    lower: Curve
    """How far the lower row reaches up at `COLUMNS`, as a share of the opening; 0 without one."""
    has_upper: float
    """How surely there is an upper row, 0 to 1."""
    has_lower: float
    """How surely there is a lower row, 0 to 1."""
    inside_share: Curve
    """How surely there is nothing but the mouth's inside between the rows at `COLUMNS`, 0 to 1: it may be stretched."""


def _without(upper: float, inside_share: float) -> OwnRows:
    """Return an opening whose rows are not told: how much of it stays with the skull, and how much may be stretched."""
    each = np.ones(len(COLUMNS))
    return OwnRows(upper * each, 0 * each, 0.0, 0.0, inside_share * each)


def find_rows(picture: Image, source: Opening, expected: Curve, frame: FaceFrame) -> OwnRows:
    """Find the rows of teeth in a mouth.

    Args:
        picture: (height, width, 3) RGB.
        source: its opening.
        expected: the colour of a usual tooth in this light, (3,) RGB.
        frame: the face in the picture.
    """
    unit_px = frame.unit_px
    right, down = frame.plane_px[0] @ source.axes
    level = float(right and down / right)
    top, bottom = (np.interp(COLUMNS, *border) for border in (source.upper, source.lower))
    heights = np.maximum(bottom - top, 0.0)
    sure = fraction_between(float(heights.max()), LEAST_PX)
    if sure <= 0:  # most mouths that are open a little show their upper row
        return _without(1 - LIP_BORDER, 0.0)
    samples = _samples(picture, source, top, heights, expected)
    if samples is None:  # a tongue, or the dark
        return _without(0.0, sure * fraction_between(float(heights.max()) / unit_px, WIDE))
    toothlike, dark_or_pale = samples.toothlike, samples.pale | (samples.luma < HOLLOW)
    tall = heights >= TALL * heights.max()
    uppers, lowers = np.full(len(COLUMNS), np.nan), np.full(len(COLUMNS), np.nan)
    runs = _runs(toothlike > 0.5)
    for column in np.flatnonzero(tall):
        most = TALLEST * unit_px / max(heights[column], 1e-6)
        uppers[column], lowers[column] = _column_rows(runs[column], samples.luma[column], dark_or_pale[column], most)
    # Both rows as heights in the picture, in which the line of the head is straight, and not as shares of the opening.
    upper_line, lower_line = (
        _Line(base / source.half_px, sign * heights / source.half_px, level) for base, sign in ((top, 1), (bottom, -1))
    )
    upper, share_up = _curve(uppers, tall, upper_line)
    lower, share_down = _curve(lowers, tall, lower_line)
    has_upper, has_lower = (sure * fraction_between(share, SEEN) for share in (share_up, share_down))
    upper = np.clip(upper if has_upper > 0 or has_lower > 0 else np.full(len(COLUMNS), 1 - LIP_BORDER), 0, 1)
    lower = np.clip(np.minimum(lower, 1 - upper), 0, 1)
    inside_share = sure * _inside_share(toothlike, upper, np.maximum(has_lower * lower, LIP_BORDER), heights / unit_px)
    return OwnRows(upper, lower, has_upper, has_lower, inside_share)


def _inside_share(toothlike: Curve, upper: Curve, lower: Curve, heights: Curve) -> Curve:
    """Return how surely nothing but the mouth's inside lies between two rows, by column, 0 to 1."""
    starts, ends = upper + INSIDE_EDGE, 1 - lower - INSIDE_EDGE
    between = np.where((starts[:, None] <= STEPS) & (ends[:, None] >= STEPS), toothlike, 0).max(1)
    teeth = np.lib.stride_tricks.sliding_window_view(np.pad(between, 2, mode="edge"), 5).mean(1)
    tall = heights >= TALL * heights.max()
    thick = float(np.median(((ends - starts) * heights)[tall]))
    mixed = (teeth + float(teeth[tall].mean())) / 2 * (1 - fraction_between(thick, WIDE))
    clear: Curve = 1 - shares_between(mixed, MIXED)
    return clear * fraction_between(thick, INSIDE_UNITS)


@dataclass(frozen=True, eq=False)
class _Samples:
    """Samples of an opening, (columns, steps) each."""

    toothlike: Curve
    """How much each looks like a tooth, 0 to 1."""
    luma: Curve
    """Its brightness, as a share of the brightest ones."""
    pale: NDArray[np.bool_]
    """Whether it is not as red as lips and gum are."""


def _samples(picture: Image, source: Opening, top: Curve, heights: Curve, expected: Curve) -> _Samples | None:
    """Sample an opening; None if it shows no teeth."""
    import cv2

    down = top[:, None] + STEPS * heights[:, None]
    across = np.broadcast_to((COLUMNS * source.half_px)[:, None], down.shape)
    places = source.middle + np.stack([across, down], -1) @ source.axes.T
    seen = cv2.remap(picture, places[..., 0].astype(np.float32), places[..., 1].astype(np.float32), cv2.INTER_LINEAR)
    colors = seen.astype(np.float64)
    luma = colors @ LUMA
    white = max(1.0, float(expected @ LUMA))
    inner = luma[:, 2:-2]
    brightest = quantile(inner, 0.93)
    if brightest < LEAST_TOOTH * white:
        return None
    tint = expected / white
    redness = (colors[..., 0] / tint[0] - colors[..., 1] / tint[1]) / np.maximum(luma, 1.0)
    usual = min(0.12, max(0.0, float(np.median(redness[luma >= brightest]))))
    bright = shares_between(luma / brightest, TOOTH_LUMA)
    pale = 1 - shares_between(redness - usual, TOOTH_REDNESS)
    return _Samples(bright * pale, luma / brightest, pale > 0.5)


def _column_rows(
    runs: Sequence[tuple[int, int]], luma: Curve, hollow: NDArray[np.bool_], most: float
) -> tuple[float, float]:
    """Return how far the upper row reaches down and the lower one up in a column, as shares; NaN without one."""
    if not runs:
        return np.nan, np.nan
    count = len(luma)
    first, last = runs[0], runs[-1]
    if first is not last:
        has_upper, has_lower = first[0] < STARTS_BY * count, last[1] > ENDS_FROM * count
        upper = (first[1] / count) if has_upper else np.nan
        lower = (1 - last[0] / count) if has_lower and 1 - last[0] / count < most else np.nan
        return upper, lower
    # One run: two rows that touch have a line between them, and no single tooth is that high.
    start, end = first[0] / count, first[1] / count
    if start >= SINGLE_LOWER and end > ENDS_FROM and hollow[: first[0]].mean() > 0.5:
        return np.nan, 1 - start if 1 - start < most else np.nan
    inside = luma[first[0] : first[1]]
    if len(inside) >= 9:
        edge = round(LINE_FROM * len(inside))
        line = edge + int(inside[edge:-edge].argmin())
        sides = min(float(inside[:line].max()), float(inside[line:].max()))
        if inside[line] < VALLEY * sides:
            return start + line / count, 1 - start - line / count
    if end - start > most:
        return np.nan, np.nan
    return end, np.nan


def _runs(tooth: NDArray[np.bool_]) -> list[list[tuple[int, int]]]:
    """Return for each column, (columns, steps), where samples of teeth begin and end, without the smallest."""
    edges = np.diff(np.pad(tooth.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    (columns, starts), (_, ends) = np.nonzero(edges == 1), np.nonzero(edges == -1)
    runs: list[list[tuple[int, int]]] = [[] for _ in tooth]
    for column, start, end in zip(columns.tolist(), starts.tolist(), ends.tolist(), strict=True):
        if end - start >= LEAST_STEPS:
            runs[column].append((start, end))
    return runs


@dataclass(frozen=True, eq=False)
class _Line:
    """Where the ends of a row lie, by column; all in halves of the mouth's width."""

    base: Curve
    """The lip's border, down from the line of the corners."""
    height: Curve
    """The opening, down from there."""
    level: float
    """How far down a line goes, per step across, that goes right in the head."""


def _curve(ends: Curve, tall: Curve, line: _Line) -> tuple[Curve, float]:
    """Return a smooth curve through the ends of a row in its columns, and the share of columns that show it."""
    columns = np.flatnonzero(~np.isnan(ends))
    if len(columns) < 5:
        return np.zeros(len(ends)), 0.0
    rows, weights = POWERS[columns], np.ones(len(columns))
    usual_row = line.level * COLUMNS + ARCH * COLUMNS**2
    away = (line.base + line.height * ends - usual_row)[columns]
    for _ in range(6):  # least absolute distances, so that a few wrong columns do not count
        weighted = rows.T * weights
        fitted = weighted @ rows
        fitted[[1, 2], [1, 2]] *= 1 + np.array([LEVEL_HOLDS, ARCH_HOLDS])
        parabola = np.linalg.solve(fitted, weighted @ away)
        weights = 1 / np.maximum(np.abs(away - rows @ parabola), CLOSE)
    usual = (usual_row + POWERS @ parabola - line.base) / np.where(line.height == 0, 1e-6, line.height)
    usual = usual[np.clip(np.arange(len(COLUMNS)), columns[0], columns[-1])]
    right = columns[np.abs(ends[columns] - usual[columns]) < OUTLIER]
    if len(right) < 5:
        return np.zeros(len(ends)), 0.0
    away = np.clip(np.interp(COLUMNS, COLUMNS[right], (ends - usual)[right]), -LOCAL, LOCAL)
    # The median of neighbours ignores columns between two teeth; the mean of those makes a curve without steps.
    middle = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(away, 2, mode="edge"), 5), axis=1)
    smooth = np.lib.stride_tricks.sliding_window_view(np.pad(middle, 1, mode="edge"), 3).mean(1)
    return usual + smooth, float(len(right) / max(1, tall.sum()))


def at(row: Curve, across: Points) -> Points:
    """Return a curve of `COLUMNS` at places across the opening."""
    return np.interp(across, COLUMNS, row)
