"""Draw teeth: two arches in the head's own frame, one fixed to the skull and one to the jaw, under the head's rotation.

Each tooth has its width, its length and its rounded edge; the arch turns away to the sides, where it is darker.
Source: mean sizes of teeth: Wheeler's Dental Anatomy (2010), in units of 63 mm, the mean distance between the eyes;
        2 to 3 mm of the upper incisors below the resting lip: Vig & Brundo, J. Prosthetic Dentistry 39 (1978).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Curve, Field, Ids, Points
from ..geometry.head_frame import FaceFrame
from ..geometry.mesh import NOSE_BASE, UPPER_LIP


@dataclass(frozen=True)
class Arch:
    """An arch of teeth; lengths in units."""

    radius: float
    """Of the arch, from above."""
    behind: float
    """How far its front lies behind the lips."""
    widths: tuple[float, ...]
    """Of the teeth, from the middle outwards."""
    heights: tuple[float, ...]
    edges: tuple[float, ...]
    """How much shorter each tooth is than the first one, at the edge."""
    upper: bool
    """Whether the teeth point downwards, from the skull."""


UPPER = Arch(
    radius=0.40,
    behind=0.05,
    widths=(0.135, 0.106, 0.120, 0.112, 0.112),
    heights=(0.165, 0.145, 0.160, 0.135, 0.120),
    edges=(0.0, 0.014, 0.004, 0.020, 0.030),
    upper=True,
)
LOWER = Arch(
    radius=0.34,
    behind=0.08,
    widths=(0.084, 0.093, 0.108, 0.110, 0.112),
    heights=(0.140, 0.145, 0.165, 0.130, 0.120),
    edges=(0.0, 0.0, -0.004, 0.010, 0.020),
    upper=False,
)
EDGE_BELOW_LIP = 0.038
"""How far the upper teeth's edge is below the border of the upper lip at rest."""
OVERLAP = 0.030
"""How far the lower teeth's edge is above the upper one while the jaw is shut."""
GAP_SHADE = 0.30
"""Darkness of the lines between teeth, if the picture is sharp enough for them."""
ARCH_DEG = 78.0
PLACE_STEPS = 16
"""Places across the mouth at which a row of teeth is computed, per pixel."""


@dataclass(frozen=True, eq=False)
class TeethRow:
    """A row of teeth over a grid of pixels, (height, width) each."""

    cover: Field
    """1 on a tooth, 0 beside it."""
    gum: Field
    """1 on the gum, 0 beside it."""
    shade: Field
    """Lightness, 1 in the middle of a front tooth."""


def draw_teeth(arch: Arch, frame: FaceFrame, edge: float, grid: Points) -> TeethRow:
    """Draw a row of teeth.

    Args:
        arch: the upper or the lower arch.
        frame: the head; `grid` is in pixels of the same picture.
        edge: how far the edge of its front teeth lies below the base of the nose, in units.
        grid: (height, width, 2) px, in the place of the skull in the picture.
    """
    axes, front_px = _front(arch, frame, edge)
    across_px, below = (axes.T @ (grid.reshape(-1, 2) - front_px).T).reshape(2, *grid.shape[:2])
    soft = max(0.006, 0.7 / frame.unit_px)
    # All but the place below the edge depends on the place across the mouth alone, so it is computed once for each.
    start = float(across_px.min())
    places = start + np.arange(int((float(across_px.max()) - start) * PLACE_STEPS) + 2) / PLACE_STEPS
    columns = _columns(arch, frame, places, soft)
    index = np.rint((across_px - start) * PLACE_STEPS).astype(np.intp)
    edges, roots, per_height, on_arch, shade = np.take(columns, index, axis=1)
    below = below.astype(np.float32)
    up = (below if not arch.upper else -below) - edges
    tooth = _clipped(up / np.float32(soft) + np.float32(0.5)) * on_arch
    gum = _clipped((up - roots) / np.float32(soft) + np.float32(0.5)) * on_arch
    high = _clipped(up * per_height)
    shade = shade * (np.float32(0.95) + high * (np.float32(0.26) - np.float32(0.30) * high))
    return TeethRow(tooth * (1 - gum), gum * tooth, shade)


def edge_at(arch: Arch, frame: FaceFrame, place_px: Points) -> float:
    """Return the `edge` of a row whose front teeth end at a place, (2,) px, in the middle of the mouth."""
    axes, front_px = _front(arch, frame, 0.0)
    return float(((place_px - front_px) @ axes)[1])


def _clipped(share: Field) -> Field:
    return np.minimum(np.maximum(share, 0), 1)


def _columns(arch: Arch, frame: FaceFrame, across_px: Curve, soft: float) -> Field:
    """Return what a row of teeth is at places across the mouth, (5, count).

    Rows: where the edge and the root lie, in units; 1 over the height; how far it is on the arch; the lightness.
    """
    along, below, facing = _on_arch(arch, frame, across_px)
    tooth_of, place = _tooth(arch, along)
    widths, heights, edges = (np.array(sizes)[tooth_of] for sizes in (arch.widths, arch.heights, arch.edges))
    # Edges rise to the sides, and the corners of each tooth are rounded, the outer one more.
    short = edges + 0.10 * along**2 + 0.016 * np.abs(place) ** 5 + 0.006 * np.clip(place, 0, 1) ** 3
    on_arch = np.clip((sum(arch.widths) - np.abs(along)) / 0.05, 0, 1)
    border_distance = (1 - np.abs(place)) * widths / 2
    gaps = 1 - GAP_SHADE * min(1.0, 0.010 / soft) * np.exp(-((border_distance / (0.006 + 0.4 * soft)) ** 2))
    rounded = 0.93 + 0.07 * np.sqrt(np.clip(1 - place**2, 0, 1))
    shade = gaps * rounded * (0.42 + 0.58 * np.clip(facing, 0, 1))
    edge = short + (below if not arch.upper else -below)
    return np.stack([edge, heights - 0.022 * place**2, 1 / heights, on_arch, shade]).astype(np.float32)


def _tooth(arch: Arch, along: Curve) -> tuple[Ids, Curve]:
    """Return which tooth lies at a place along the arch, and where on it: -1 at its inner side, 1 at its outer side."""
    ends = np.cumsum(arch.widths)
    away = np.abs(along)
    tooth_of = np.minimum(np.searchsorted(ends, away, "right"), len(ends) - 1)
    starts = ends - np.array(arch.widths)
    place = 2 * (away - starts[tooth_of]) / np.array(arch.widths)[tooth_of] - 1
    return tooth_of, np.clip(place, -1, 1)


def _front(arch: Arch, frame: FaceFrame, edge: float) -> tuple[Points, Points]:
    """Return the directions across the mouth in px and down in units, as columns, and the front of the arch in px."""
    base, down = frame.local[NOSE_BASE], frame.axes[1, :2]
    front = np.array([base[0], base[1] + edge, frame.local[UPPER_LIP[3, 5], 2] + arch.behind])
    front_px = frame.origin_px[:2] + frame.unit_px * (front @ frame.axes)[:2]
    return np.stack([_across(frame), down / (frame.unit_px * max(1e-6, float(down @ down)))], 1), front_px


def _across(frame: FaceFrame) -> Curve:
    down = frame.axes[1, :2]
    across: Curve = np.array([down[1], -down[0]]) / max(1e-6, float(np.linalg.norm(down)))
    return across


def _on_arch(arch: Arch, frame: FaceFrame, across_px: Curve) -> tuple[Curve, Curve, Curve]:
    """Return what an arch is at places across the mouth.

    The place along the arch and how far it lies below its front, both in units, and how much it faces the camera.
    """
    unit, (right, down, back) = frame.unit_px, (axis[:2] for axis in frame.axes)
    across = _across(frame)
    angles = np.radians(np.linspace(-ARCH_DEG, ARCH_DEG, 157))
    curve = unit * arch.radius * (np.sin(angles)[:, None] * right + (1 - np.cos(angles))[:, None] * back)
    angle = _inverse(curve @ across, angles, across_px)
    lower = np.interp(angle, angles, curve @ down) / (unit * max(1e-6, float(down @ down)))
    turn = np.cos(angle + float(np.arctan2(back @ across, right @ across)))
    return arch.radius * angle, lower, turn


def _inverse(rising: Curve, values: Curve, targets: Curve) -> Curve:
    """Return where a curve takes a value; parts that turn back behind the arch are hidden."""
    return np.interp(targets, np.maximum.accumulate(rising), values)
