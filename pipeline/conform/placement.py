"""Where a take's picture lies in what was sent: moved, cropped or scaled by a few pixels, and how to undo it.

Takes   pairs of 8-bit lumas of one size that should show the same but for the face.
Gives   `Placement`: straight lines from columns and rows of what was sent to those of the take.
Source  Phase correlation (Kuglin and Hines, 1975) of the whole and of windows; lines by RANSAC (levels.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..splicing.pictures.planes import Plane
from . import levels
from .levels import Line

Shifts = list[tuple[float, float, float, float]]

_WINDOW_PX = 64
_WINDOWS = 8
_QUIET_SHARE = 0.6
NOTICED = 1.0
"""Levels of 255 that quiet parts may differ in the mean before their place is looked at."""
MOST_APART = 4.0
"""Levels that they may differ at most when all is corrected; of other pictures and other places it is more."""
_BETTER = 0.7
_LEAST_PEAK = 0.08
_LEAST_PX = 0.25
_CELL_PX = 4


SAME = Line()


@dataclass(frozen=True)
class Placement:
    """Column x (row y) of what was sent lies at `gain * x + offset` of the take."""

    x: Line = SAME
    y: Line = SAME

    @property
    def trivial(self) -> bool:
        """Whether nothing is to be undone."""
        return self.x == self.y == SAME

    def undo(self, plane: Plane, sent: Plane, share: float = 1.0) -> Plane:
        """Bring an 8-bit plane back; `share` is its size beside the luma's. What it does not show is as it was sent."""
        if self.trivial:
            return plane
        made, shown = plane.astype(np.float32), np.ones(plane.shape, bool)
        for axis, line in ((0, self.y), (1, self.x)):
            at = line.gain * np.arange(plane.shape[axis]) + line.offset * share
            made = _read(made, at, axis)
            inside = (at >= 0) & (at <= plane.shape[axis] - 1)
            shown &= inside[:, None] if axis == 0 else inside[None]
        back: Plane = np.where(shown, np.clip(np.rint(made), 0, 255), sent).astype(plane.dtype)
        return back

    def scaled(self, across: float, down: float) -> Placement:
        """Give the same placement for pictures of another size; the arguments are shares of this one's."""
        return Placement(Line(self.x.gain, self.x.offset * across), Line(self.y.gain, self.y.offset * down))

    def after(self, first: Placement) -> Placement:
        """Join two placements: this one was measured on what the first one gave."""
        return Placement(*(_joined(one, other) for one, other in ((first.x, self.x), (first.y, self.y))))


def _joined(outer: Line, inner: Line) -> Line:
    return Line(outer.gain * inner.gain, outer.gain * inner.offset + outer.offset)


def _read(part: NDArray[np.float32], at: NDArray[np.floating[Any]], axis: int) -> NDArray[np.float32]:
    """Interpolate along an axis by cubic convolution (Keys, 1981, a = -1/2); edges repeat."""
    whole = np.floor(at).astype(np.int64)
    t = (at - whole).astype(np.float32)
    weights = (
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    shape = (-1, 1) if axis == 0 else (1, -1)
    made = np.zeros_like(part)
    for tap, weight in enumerate(weights):
        if weight.any():
            places = np.clip(whole + tap - 1, 0, part.shape[axis] - 1)
            made += np.take(part, places, axis) * weight.reshape(shape)
    return made


def placed(pairs: Sequence[tuple[Plane, Plane]]) -> Placement:
    """Find the placement that makes the quiet parts of the pairs (sent, taken) agree clearly better; else none."""
    before = apart(pairs)
    if before <= NOTICED:
        return Placement()
    best, least = Placement(), before * _BETTER
    rough = _scaled(pairs)
    for found in (_moved(pairs), rough, _scaled(_undone(pairs, rough)).after(rough)):
        distance = apart(_undone(pairs, found))
        if distance < least:
            best, least = found, distance * 0.9
    return best


def _undone(pairs: Sequence[tuple[Plane, Plane]], found: Placement) -> list[tuple[Plane, Plane]]:
    return [(sent, found.undo(taken, sent)) for sent, taken in pairs]


def apart(pairs: Sequence[tuple[Plane, Plane]]) -> float:
    """Give how far pictures are apart in their quiet parts: cells of 4x4 pixels, without the picture's own shift."""
    found = []
    for sent, taken in pairs:
        rows, columns = (side // _CELL_PX * _CELL_PX for side in sent.shape)
        change = (taken[:rows, :columns].astype(np.float32) - sent[:rows, :columns]).reshape(
            rows // _CELL_PX, _CELL_PX, -1, _CELL_PX
        )
        cells = change.mean((1, 3)).ravel()
        distance = np.sort(np.abs(cells - np.median(cells)))
        found.append(float(distance[: max(1, int(len(distance) * _QUIET_SHARE))].mean()))
    return float(np.median(found))


def _moved(pairs: Sequence[tuple[Plane, Plane]]) -> Placement:
    shifts = [shift for sent, taken in pairs if (shift := _shift(sent, taken))]
    if not shifts:
        return Placement()
    across, down = (float(np.median([shift[i] for shift in shifts])) for i in (0, 1))
    return Placement(Line(1.0, _told(across)), Line(1.0, _told(down)))


def _told(offset: float) -> float:
    """Take what is nearly a whole number as one: such a shift is undone without a filter."""
    near = round(offset)
    return float(near) if abs(offset - near) < _LEAST_PX else offset


def _scaled(pairs: Sequence[tuple[Plane, Plane]]) -> Placement:
    """Fit lines to the shifts of windows over the picture."""
    height, width = pairs[0][0].shape
    side = min(_WINDOW_PX, height // 2, width // 2)
    if side < 16:
        return Placement()
    found: Shifts = []
    for sent, taken in pairs:
        for y in np.linspace(0, height - side, _WINDOWS).astype(int).tolist():
            for x in np.linspace(0, width - side, _WINDOWS).astype(int).tolist():
                shift = _shift(sent[y : y + side, x : x + side], taken[y : y + side, x : x + side])
                if shift:
                    found.append((x + side / 2, y + side / 2, *shift))
    if len(found) < _WINDOWS:
        return Placement()
    x, y, across, down = np.array(found).T
    return Placement(levels.fit(x, x + across), levels.fit(y, y + down))


def _shift(sent: Plane, taken: Plane) -> tuple[float, float] | None:
    """Give (across, down) by which a take's picture lies further right and below; None where nothing tells it."""
    window = np.outer(np.hanning(sent.shape[0]), np.hanning(sent.shape[1]))
    one, other = ((part - part.mean()) * window for part in (sent.astype(np.float64), taken.astype(np.float64)))
    if min(one.std(), other.std()) < 1:
        return None
    cross = np.fft.rfft2(other) * np.conj(np.fft.rfft2(one))
    surface = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), s=sent.shape)
    place = np.unravel_index(int(surface.argmax()), surface.shape)
    if surface[place] < _LEAST_PEAK:
        return None
    down, across = (_fine(surface, place, axis) for axis in (0, 1))
    return across, down


def _fine(surface: NDArray[np.float64], place: tuple[np.intp, ...], axis: int) -> float:
    """Read a peak's place to a fraction of a pixel, from its neighbours' heights; past the middle it is negative."""
    size = surface.shape[axis]
    at = list(place)
    heights = []
    for step in (-1, 0, 1):
        at[axis] = np.intp((int(place[axis]) + step) % size)
        heights.append(max(float(surface[tuple(at)]), 0.0))
    whole = int(place[axis]) - (size if int(place[axis]) > size // 2 else 0)
    return whole + (heights[2] - heights[0]) / max(sum(heights), 1e-9)
