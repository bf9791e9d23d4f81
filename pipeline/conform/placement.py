"""Measure level, color and placement of a take against what was sent, and undo their differences.

Placement: where the take's picture lies in what was sent, if it was moved, cropped or scaled by a few pixels. It
compares pairs of 8-bit lumas of one size that should show the same but for the face. Source: phase correlation (Kuglin
and Hines, 1975) of the picture and of windows; lines through their shifts by RANSAC (levels.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ProviderError
from ..splicing.pictures.planes import Plane
from . import levels
from .align import Alignment, align, require_usable
from .frame_pairs import SentAndTake, compared_positions
from .levels import LinearMap

WindowShifts = list[tuple[float, float, float, float]]

_WINDOW_PX = 64
_WINDOWS = 8
_QUIET_SHARE = 0.6
MIN_DIFFERENCE = 1.0
"""Mean difference of the quiet parts, in levels of 255, above which a placement is looked for."""
MAX_DIFFERENCE = 4.0
"""The largest difference allowed after all corrections; other pictures and placements differ more."""
_MIN_IMPROVEMENT = 0.7
_MIN_PEAK = 0.08
_MIN_SUBPIXEL_PX = 0.25
_CELL_PX = 4


IDENTITY = LinearMap()


@dataclass(frozen=True)
class Placement:
    """Column x (row y) of what was sent lies at `gain * x + offset` of the take."""

    x: LinearMap = IDENTITY
    y: LinearMap = IDENTITY

    @property
    def is_trivial(self) -> bool:
        """Whether there is nothing to undo."""
        return self.x == self.y == IDENTITY

    def undo(self, plane: Plane, sent: Plane, scale: float = 1.0) -> Plane:
        """Move an 8-bit plane back; `scale` is its size relative to the luma. What it does not show is as sent."""
        if self.is_trivial:
            return plane
        moved, shown = plane.astype(np.float32), np.ones(plane.shape, bool)
        for axis, line in ((0, self.y), (1, self.x)):
            at = line.gain * np.arange(plane.shape[axis]) + line.offset * scale
            moved = _interpolate(moved, at, axis)
            inside = (at >= 0) & (at <= plane.shape[axis] - 1)
            shown &= inside[:, None] if axis == 0 else inside[None]
        result: Plane = np.where(shown, np.clip(np.rint(moved), 0, 255), sent).astype(plane.dtype)
        return result

    def scaled(self, across: float, down: float) -> Placement:
        """Return the placement for pictures of another size; the arguments are ratios to this one's."""
        return Placement(LinearMap(self.x.gain, self.x.offset * across), LinearMap(self.y.gain, self.y.offset * down))

    def after(self, first: Placement) -> Placement:
        """Compose two placements: this one was measured after `first` was undone."""
        return Placement(*(_compose(outer, inner) for outer, inner in ((first.x, self.x), (first.y, self.y))))


def _compose(outer: LinearMap, inner: LinearMap) -> LinearMap:
    return LinearMap(outer.gain * inner.gain, outer.gain * inner.offset + outer.offset)


def _interpolate(part: NDArray[np.float32], at: NDArray[np.floating[Any]], axis: int) -> NDArray[np.float32]:
    """Interpolate along an axis by cubic convolution (Keys, 1981, a = -1/2); edges repeat."""
    base = np.floor(at).astype(np.int64)
    t = (at - base).astype(np.float32)
    weights = (
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    shape = (-1, 1) if axis == 0 else (1, -1)
    result = np.zeros_like(part)
    for tap, weight in enumerate(weights):
        if weight.any():
            indices = np.clip(base + tap - 1, 0, part.shape[axis] - 1)
            result += np.take(part, indices, axis) * weight.reshape(shape)
    return result


def find_placement(pairs: Sequence[tuple[Plane, Plane]]) -> Placement:
    """Return the placement that makes the quiet parts of (sent, taken) agree clearly better; else the identity."""
    before = quiet_difference(pairs)
    if before <= MIN_DIFFERENCE:
        return Placement()
    best, least = Placement(), before * _MIN_IMPROVEMENT
    rough = _find_scale(pairs)
    for candidate in (_find_shift(pairs), rough, _find_scale(_undo_all(pairs, rough)).after(rough)):
        distance = quiet_difference(_undo_all(pairs, candidate))
        if distance < least:
            best, least = candidate, distance * 0.9
    return best


def _undo_all(pairs: Sequence[tuple[Plane, Plane]], placement: Placement) -> list[tuple[Plane, Plane]]:
    return [(sent, placement.undo(taken, sent)) for sent, taken in pairs]


def quiet_difference(pairs: Sequence[tuple[Plane, Plane]]) -> float:
    """Return the difference of pictures in their quiet parts: cells of 4x4 pixels, less the picture's median shift."""
    differences = []
    for sent, taken in pairs:
        rows, columns = (side // _CELL_PX * _CELL_PX for side in sent.shape)
        change = (taken[:rows, :columns].astype(np.float32) - sent[:rows, :columns]).reshape(
            rows // _CELL_PX, _CELL_PX, -1, _CELL_PX
        )
        cells = change.mean((1, 3)).ravel()
        distance = np.sort(np.abs(cells - np.median(cells)))
        differences.append(float(distance[: max(1, int(len(distance) * _QUIET_SHARE))].mean()))
    return float(np.median(differences))


def _find_shift(pairs: Sequence[tuple[Plane, Plane]]) -> Placement:
    shifts = [shift for sent, taken in pairs if (shift := _shift(sent, taken))]
    if not shifts:
        return Placement()
    across, down = (float(np.median([shift[i] for shift in shifts])) for i in (0, 1))
    return Placement(LinearMap(1.0, _snap_to_pixel(across)), LinearMap(1.0, _snap_to_pixel(down)))


def _snap_to_pixel(offset: float) -> float:
    """Round an offset that is nearly an integer: an integer shift is undone without a filter."""
    rounded = round(offset)
    return float(rounded) if abs(offset - rounded) < _MIN_SUBPIXEL_PX else offset


def _find_scale(pairs: Sequence[tuple[Plane, Plane]]) -> Placement:
    """Fit lines to the shifts of windows across the picture."""
    height, width = pairs[0][0].shape
    side = min(_WINDOW_PX, height // 2, width // 2)
    if side < 16:
        return Placement()
    shifts: WindowShifts = []
    for sent, taken in pairs:
        for y in np.linspace(0, height - side, _WINDOWS).astype(int).tolist():
            for x in np.linspace(0, width - side, _WINDOWS).astype(int).tolist():
                shift = _shift(sent[y : y + side, x : x + side], taken[y : y + side, x : x + side])
                if shift:
                    shifts.append((x + side / 2, y + side / 2, *shift))
    if len(shifts) < _WINDOWS:
        return Placement()
    x, y, across, down = np.array(shifts).T
    return Placement(levels.fit_linear(x, x + across), levels.fit_linear(y, y + down))


def _shift(sent: Plane, taken: Plane) -> tuple[float, float] | None:
    """Return (right, down) by which the take's picture is shifted; None if there is no clear peak."""
    window = np.outer(np.hanning(sent.shape[0]), np.hanning(sent.shape[1]))
    before, after = ((part - part.mean()) * window for part in (sent.astype(np.float64), taken.astype(np.float64)))
    if min(before.std(), after.std()) < 1:
        return None
    cross = np.fft.rfft2(after) * np.conj(np.fft.rfft2(before))
    surface = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), s=sent.shape)
    peak = np.unravel_index(int(surface.argmax()), surface.shape)
    if surface[peak] < _MIN_PEAK:
        return None
    down, across = (_subpixel_peak(surface, peak, axis) for axis in (0, 1))
    return across, down


def _subpixel_peak(surface: NDArray[np.float64], peak: tuple[np.intp, ...], axis: int) -> float:
    """Return a peak's position to a fraction of a pixel, from its neighbours; past the middle it is negative."""
    size = surface.shape[axis]
    at = list(peak)
    heights = []
    for step in (-1, 0, 1):
        at[axis] = np.intp((int(peak[axis]) + step) % size)
        heights.append(max(float(surface[tuple(at)]), 0.0))
    position = int(peak[axis]) - (size if int(peak[axis]) > size // 2 else 0)
    return position + (heights[2] - heights[0]) / max(sum(heights), 1e-9)


Thumbnails = NDArray[np.uint8]


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
    frames = list(zip(alignment.matched_index, alignment.take_index, strict=True))
    positions = [frames[position] for position in compared_positions(len(frames))]
    return [(sent, luma.undo(taken)) for sent, taken in films.lumas(positions)]


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
