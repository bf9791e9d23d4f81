"""The coordinate frame of a head: its axes and its unit of length.

The unit of every displacement in this engine is the distance between the midpoints of the two eyes' corners, in 3-D, so
that a turned or a distant head moves like a near one. x points to the image's right, y down, z away from the camera.

Foreshortening: on a turned head the far side of the face moves less in the image than the near side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arrays import Curve, Points, fraction_between, smoothstep
from .mesh import CHIN, EYES, FOREHEAD, LOWER_LIP, NOSE_BASE, UPPER_LIP

DEPTH = 0.55
"""How far the middle of the face stands in front of its sides, as a share of their distance."""
LEAST = 0.30
BLEND_UNITS = 0.25
"""Within this distance of the middle line the shares of the two sides blend."""


def foreshortening(frame: FaceFrame, across: Curve) -> Curve:
    """Return the share of a displacement that places of the face take, by their place across in units.

    It is 1 on the near side; on the far side it is the visible share of that side's width: 0.75 at a yaw of 20 degrees,
    0.41 at 40 degrees. With the full displacement a corner of the mouth on the narrow side would look askew.
    """
    yaw = math.radians(abs(frame.yaw_deg))
    far = max(LEAST, math.cos(yaw) - DEPTH * math.sin(yaw))
    towards_far = math.copysign(1.0, frame.yaw_deg) * across
    share: Curve = 1 - (1 - far) * smoothstep(0.5 + 0.5 * np.asarray(towards_far) / BLEND_UNITS)
    return share


@dataclass(frozen=True, eq=False)
class FaceFrame:
    """Landmarks in pixels of an image, and the coordinate frame of their head."""

    points_px: Points
    """(478, 3); z in pixels too."""

    @cached_property
    def _eyes(self) -> tuple[Points, Points]:
        centres = [(self.points_px[eye.outer] + self.points_px[eye.inner]) / 2 for eye in EYES.values()]
        return centres[0], centres[1]

    @cached_property
    def origin_px(self) -> Points:
        """The point midway between the eyes, (3,)."""
        origin: Points = (self._eyes[0] + self._eyes[1]) / 2
        return origin

    @cached_property
    def unit_px(self) -> float:
        """The distance between the eyes."""
        return max(1e-6, math.dist(self._eyes[1], self._eyes[0]))

    @cached_property
    def axes(self) -> Points:
        """Right, down and forward as rows of a rotation, (3, 3)."""
        right = (self._eyes[1] - self._eyes[0]) / self.unit_px
        down = self.points_px[CHIN] - self.points_px[FOREHEAD]
        down = down - right * (down @ right)
        down = down / max(1e-6, math.hypot(*down))
        forward = (
            right[1] * down[2] - right[2] * down[1],
            right[2] * down[0] - right[0] * down[2],
            right[0] * down[1] - right[1] * down[0],
        )
        return np.array([right, down, forward])

    @cached_property
    def local(self) -> Points:
        """The landmarks in the head's frame and unit, (478, 3)."""
        local: Points = (self.points_px - self.origin_px) @ self.axes.T / self.unit_px
        return local

    @cached_property
    def plane_px(self) -> Points:
        """Right and down as projected into the image, one unit long: (2, 2) rows in pixels."""
        plane: Points = self.axes[:2, :2] * self.unit_px
        return plane

    def to_image_px(self, moves: Points) -> Points:
        """Project displacements in the head's frame, (count, 3), into the image, (count, 2)."""
        projected: Points = (moves * self.unit_px @ self.axes)[:, :2]
        return projected

    def to_local(self, places_px: Points) -> Points:
        """Convert places in the image, (count, 2), to places on the plane of the face, (count, 2)."""
        local: Points = (places_px - self.origin_px[:2]) @ np.linalg.pinv(self.plane_px)
        return local

    def shifted(self, x_px: float, y_px: float) -> FaceFrame:
        """Return the same face in an image whose origin lies at (x, y) of this one."""
        moved = FaceFrame(self.points_px - np.array([x_px, y_px, 0.0]))
        # What does not depend on the origin is kept: these are cached properties.
        vars(moved).update({name: vars(self)[name] for name in ("unit_px", "axes", "local") if name in vars(self)})
        return moved

    @cached_property
    def yaw_deg(self) -> float:
        """How far the head is turned away from the camera; the sign is the side."""
        return math.degrees(math.asin(min(max(float(self.axes[0, 2]), -1.0), 1.0)))


@dataclass(frozen=True)
class MouthShape:
    """The shape of a mouth, in units."""

    lift: float
    """Height of the corners above the middle: positive for a smile."""
    width: float
    gap: float
    """Distance of the inner borders of the lips in the middle."""
    back: float = -0.17
    """Depth of the corners behind the point between the eyes; negative is in front of it, as in a mouth at rest. A
    smile pulls them back around the teeth, which tells a closed smile from corners that are high by nature."""

    @classmethod
    def of(cls, frame: FaceFrame) -> MouthShape:
        """Measure the mouth of a face."""
        upper, lower = frame.local[UPPER_LIP[3, 5]], frame.local[LOWER_LIP[3, 5]]
        left, right = frame.local[UPPER_LIP[0, 0]], frame.local[UPPER_LIP[0, -1]]
        return cls(
            lift=float((upper[1] + lower[1] - left[1] - right[1]) / 2),
            width=float(right[0] - left[0]),
            gap=max(0.0, float(lower[1] - upper[1])),
            back=float(left[2] + right[2]) / 2,
        )

    @property
    def smile(self) -> float:
        """How far the mouth smiles, 0 to 1."""
        return max(fraction_between(self.back, SMILE_BACK), fraction_between(self.width, SMILE_WIDTH))


SMILE_BACK, SMILE_WIDTH = (-0.16, -0.115), (0.90, 1.02)
"""Between these values a mouth counts as smiling, 0 to 1. On 60 faces the depth of the corners separates smiles from
faces at rest; their height does not: many corners are high by nature, and those of a closed smile need not be."""
SMILE_LIFTS, LIFTS_OF_GAP = 0.10, 0.75
"""How far a smile lifts the upper lip off the teeth, in units, at most by the second as a share of its opening: on 18
smiles their edge was 0.12 to 0.23 below the lip, the median 0.16, and it is 0.04 below a lip at rest."""


def lip_below_nose(frame: FaceFrame) -> float:
    """Return how far the upper lip's inner border is below the base of the nose now, in units."""
    return float(frame.local[UPPER_LIP[3, 5], 1] - frame.local[NOSE_BASE, 1])


def resting_lip(frame: FaceFrame) -> float:
    """Return how far the upper lip's inner border is below the base of the nose without a smile, in units."""
    mouth = MouthShape.of(frame)
    return lip_below_nose(frame) + mouth.smile * min(SMILE_LIFTS, LIFTS_OF_GAP * mouth.gap)
