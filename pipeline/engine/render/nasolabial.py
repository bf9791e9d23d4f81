"""The fold between cheek and lip: it starts at the wing of the nose, curves outward and ends before the mouth's corner.

The cheek bulges over it. The fold is therefore sharp towards the lip, soft towards the cheek, and light beside that. A
face that has a line there keeps to it: the fold follows the darkest place near its path, and the line itself gets
deeper. Smooth skin and small pictures get little of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..arrays import Box, Curve, Field, Points, box_around, smoothstep
from ..geometry.head_frame import FaceFrame, foreshortening
from ..geometry.mesh import SIDES
from ..pose.pose import Pose
from ..warp.warp import Warped
from .skin_light import relight

WEIGHTS = {"AU12": 0.50, "AU10": 0.20, "AU9": 0.40, "AU11": 0.25, "AU15": 0.10}
"""Action unit → share of a full fold at amplitude 1; shares add up to 1 at most."""
PATH = {-1: (209, 129, 203, 206, 216, 212), 1: (429, 358, 423, 426, 436, 432)}
"""Landmarks along the fold, from above the wing of the nose to beside the mouth's corner."""
STRENGTH = (0.0, 0.55, 1.0, 0.80, 0.30, 0.0)
"""The share of the fold's depth at each of them."""
STEPS = 5
"""Places on the path from one landmark to the next."""
DEPTH, SMOOTH = 0.11, 0.45
"""The share of light that a fold takes, and how much of it is left on skin that has no line there."""
LINED = (0.015, 0.075)
"""Between these shares of light that a face's own line takes its skin counts as lined."""
DEEPER, MOST_OWN = 1.0, 0.20
"""By how much of itself the face's own line gets deeper, and up to which depth."""
INNER, OUTER = 0.011, 0.036
"""Deviations of the fold's profile towards the lip and towards the cheek, in units."""
BULGE, BULGE_AT, BULGE_WIDE = 0.30, 0.105, 0.045
"""The light on the cheek beside the fold: its share of the depth, its place and deviation in units."""
SEARCH = 0.055
"""How far from the path a face's own line is looked for, in units."""
CELLS = 18
"""Cells per unit of the grid on which the distance from the fold is computed."""
PICTURE_PX = 1.2
"""The deviation of the blur of a sharp picture."""
PLANE_PX = 56.0
"""The fold is computed in a plane of at most this distance between the eyes."""


@dataclass(frozen=True)
class _Path:
    places: Points
    """(count, 2) in pixels of the small plane."""
    outward: Points
    """(count, 2) unit normals, away from the mouth."""
    strength: Curve


def fold_cheeks(warped: Warped, frame: FaceFrame, pose: Pose, slopes: Curve) -> None:
    """Shade the folds beside nose and mouth that the units of a pose make, in place."""
    if pose.mode == "lips":
        return
    amount = min(1.0, sum(weight * pose.amplitude(unit) for unit, weight in WEIGHTS.items()))
    if amount <= 0.05:
        return
    for side, seen in zip(SIDES, foreshortening(frame, np.array(SIDES)).tolist(), strict=True):
        places = warped.places_px[list(PATH[side])]
        box = box_around(places, 0.20 * frame.unit_px, warped.picture.shape)
        if box is not None:
            _fold_side(warped, places, box, side, amount * seen, frame.unit_px, slopes)


def _fold_side(
    warped: Warped, places: Points, box: Box, side: int, amount: float, unit_px: float, slopes: Curve
) -> None:
    import cv2

    left, top, right, bottom = box
    part = warped.picture[top:bottom, left:right]
    scale = min(1.0, PLANE_PX / unit_px)
    size = (max(4, round((right - left) * scale)), max(4, round((bottom - top) * scale)))
    unit = unit_px * scale
    luma = cv2.cvtColor(cv2.resize(part, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.GaussianBlur(luma, (0, 0), max(0.7, 0.014 * unit))
    wide = cv2.GaussianBlur(luma, (0, 0), 0.07 * unit)
    own = np.clip(1 - fine / np.maximum(wide, 1.0), 0.0, MOST_OWN)
    path = _along((places - (left, top)) * (size[0] / (right - left), size[1] / (bottom - top)), side)
    path, lined = _on_own_line(path, own, unit)
    across, strength = _distance(path, size, unit)
    # Pixels that are larger than the fold is wide show a fainter fold.
    soft = PICTURE_PX / unit_px
    inner, outer = math.hypot(INNER, soft), math.hypot(OUTER, soft)
    profile = np.exp(-0.5 * (across / np.where(across < 0, np.float32(inner), np.float32(outer))) ** 2)
    profile -= BULGE * np.exp(-0.5 * ((across - BULGE_AT) / BULGE_WIDE) ** 2)
    faint = (INNER + OUTER) / (inner + outer)
    depth = DEPTH * faint * (SMOOTH + (1 - SMOOTH) * lined) * profile
    near = np.exp(-0.5 * (across / (1.5 * OUTER)) ** 2)
    light = -amount * strength * (depth + DEEPER * own * near)
    light = cv2.resize(light.astype(np.float32), (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    relight(part, light, slopes)


@lru_cache
def _smooth_path() -> tuple[Points, Curve]:
    """Return the weights of the landmarks at each place of a smooth path, (places, landmarks), and its strength."""
    count = len(STRENGTH)
    at = np.linspace(0, count - 1, (count - 1) * STEPS + 1)
    straight = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(count)))
    padded = np.pad(straight, ((STEPS, STEPS), (0, 0)), mode="reflect", reflect_type="odd")
    kernel = np.exp(-0.5 * (np.arange(-STEPS, STEPS + 1) / (0.45 * STEPS)) ** 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=0)
    return windows @ (kernel / kernel.sum()), smoothstep(straight @ np.array(STRENGTH))


def _along(marks: Points, side: int) -> _Path:
    """Return a smooth path through landmarks."""
    weights, strength = _smooth_path()
    places = weights @ marks
    along = np.gradient(places, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)[:, None]
    return _Path(places, np.stack([-along[:, 1], along[:, 0]], 1) * -side, strength)


def _on_own_line(path: _Path, own: Field, unit: float) -> tuple[_Path, float]:
    """Return the path moved to the face's own line, as far as there is one, and how lined the skin is there, 0 to 1."""
    import cv2

    offsets = np.linspace(-SEARCH, SEARCH, 15)
    places = path.places[:, None] + path.outward[:, None] * (offsets * unit)[:, None]
    maps = np.ascontiguousarray(places.astype(np.float32))
    depth = cv2.remap(own, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # Soft, so that the fold does not jump from one line to another between frames.
    weight = (depth + 0.004) ** 2 * np.exp(-0.5 * (offsets / (0.6 * SEARCH)) ** 2)
    moved = (weight * offsets).sum(1) / weight.sum(1)
    kernel = np.exp(-0.5 * (np.arange(-STEPS, STEPS + 1) / (0.6 * STEPS)) ** 2)
    moved = np.convolve(np.pad(moved, STEPS, mode="edge"), kernel / kernel.sum(), "valid")
    deepest = depth.max(1)
    mean = float((deepest * path.strength).sum() / path.strength.sum())
    lined = float(smoothstep(np.array((mean - LINED[0]) / (LINED[1] - LINED[0]))))
    return _Path(path.places + path.outward * (moved * unit)[:, None], path.outward, path.strength), lined


def _distance(path: _Path, size: tuple[int, int], unit: float) -> tuple[Field, Field]:
    """Return the distance of each pixel of a plane from the path, in units, outward positive, and the strength there.

    Both are smooth, so they are computed on a coarse grid.
    """
    import cv2

    cells = [max(2, round(length / unit * CELLS)) for length in size]
    x, y = ((np.arange(count) + 0.5) * length / count - 0.5 for count, length in zip(cells, size, strict=True))
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    starts, steps = path.places[:-1], np.diff(path.places, axis=0)
    squared = np.maximum((steps**2).sum(1), 1e-9)
    share = np.clip((grid @ steps.T - (starts * steps).sum(1)) / squared, 0, 1)
    away_x, away_y = (grid[:, axis, None] - starts[:, axis] - share * steps[:, axis] for axis in (0, 1))
    nearest = (away_x**2 + away_y**2).argmin(1)
    at = np.arange(len(grid)), nearest
    away, share = np.stack([away_x[at], away_y[at]], 1), share[at]
    outward = path.outward[nearest] + share[:, None] * (path.outward[nearest + 1] - path.outward[nearest])
    distance = np.linalg.norm(away, axis=1) * np.where((away * outward).sum(1) < 0, -1, 1) / unit
    strength = path.strength[nearest] + share * (path.strength[nearest + 1] - path.strength[nearest])
    both = np.stack([distance, strength], -1).reshape(cells[1], cells[0], 2).astype(np.float32)
    large = cv2.resize(both, size, interpolation=cv2.INTER_LINEAR)
    return large[..., 0], large[..., 1]
