"""Hands, microphones, scarves: frames in which something else lies over the lower face are left alone.

The landmarks do not tell: they are found on an occluder as well. So a small picture of the lower face, held upright
by the eyes and balanced by the colour of the upper face, is compared with the clip's median of it; skin that turns
another colour is covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .arrays import Image, Points
from .frame import FaceFrame

SIDE_PX = 48
LOWER = (-0.75, 0.35, 0.75, 1.85)
UPPER = (-0.90, -0.45, 0.90, 0.35)
"""Left, top, right, bottom of the two patches in units, from the point between the eyes."""
CHROMA_OFF, LIGHT_OFF = 10.0, 38.0
"""Lab distances (8-bit scale) beyond which a pixel is another thing."""
RING_FACTOR, COVERED_AT = 2.5, 0.30
ROUNDS, ALIKE_SHARE, SAMPLE = 3, 0.3, 60
"""How often the median is taken anew, of which share of the frames, and of how many of them at most (about)."""


@dataclass(frozen=True, eq=False)
class Glance:
    """A face in one frame: its lower part, small, and the colour of its upper part."""

    lower: Image
    upper_rgb: NDArray[np.float64]


def glance(picture: Image, face: FaceFrame) -> Glance:
    """Take the patches of a face."""
    upper = _patch(picture, face, UPPER)
    return Glance(_patch(picture, face, LOWER), np.median(upper.reshape(-1, 3), axis=0).astype(np.float64))


def covered(glances: Sequence[Glance | None]) -> NDArray[np.bool_]:
    """Tell for each frame whether the lower face is covered; a frame without a face is not."""
    scores = cover_scores(glances)
    return np.asarray(scores > COVERED_AT)


def cover_scores(glances: Sequence[Glance | None]) -> NDArray[np.float64]:
    """Score each frame: about 0.1 clear, above 0.3 covered; 0 without a face.

    The measure is the clip's own face: the median of all frames at first, then of those that are nearest to it, so
    that a hand in half of the frames does not blur it. A face that is covered alike all through counts as clear.
    """
    seen = [number for number, one in enumerate(glances) if one is not None]
    scores = np.zeros(len(glances))
    if not seen:
        return scores
    usual_rgb = np.median(np.stack([one.upper_rgb for one in glances if one is not None]), axis=0)
    looks = np.stack([_balanced_lab(one, usual_rgb) for one in glances if one is not None])
    alike = np.arange(len(looks))
    for _ in range(ROUNDS):
        usual = np.median(looks[alike[:: max(1, len(alike) // SAMPLE)]], axis=0)
        own = _off_share(looks, usual)
        alike = np.sort(np.argsort(own, kind="stable")[: max(3, int(len(looks) * ALIKE_SHARE))])
    scores[seen] = own
    return scores


def _off_share(looks: NDArray[np.float32], usual: NDArray[np.float32]) -> NDArray[np.float64]:
    """Tell how much of each lower face is another thing: of the talking area, or more strictly of the skin around."""
    lips, ring = _zones()
    shares = np.zeros(len(looks))
    for number, look in enumerate(looks):
        off = np.abs(look - usual)
        bad = (np.hypot(off[..., 1], off[..., 2]) > CHROMA_OFF) | (off[..., 0] > LIGHT_OFF)
        shares[number] = max(RING_FACTOR * float(bad[ring].mean()), float(bad[lips].mean()))
    return shares


def _zones() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Give the talking area, and the ring of skin around it."""
    step = (np.arange(SIDE_PX) + 0.5) / SIDE_PX
    across = np.abs(LOWER[0] + step * (LOWER[2] - LOWER[0]))[None, :]
    along = (LOWER[1] + step * (LOWER[3] - LOWER[1]))[:, None]
    lips = (across < 0.55) & (along > 0.82) & (along < 1.42)
    return lips, ~lips & (across < 0.62) & (along < 1.7)


def _balanced_lab(one: Glance, usual_rgb: NDArray[np.float64]) -> NDArray[np.float32]:
    import cv2

    balanced = np.clip(one.lower * (usual_rgb / np.maximum(one.upper_rgb, 1)), 0, 255).astype(np.uint8)
    lab: NDArray[np.float32] = cv2.cvtColor(balanced, cv2.COLOR_RGB2Lab).astype(np.float32)
    return lab


def _patch(picture: Image, face: FaceFrame, place: tuple[float, float, float, float]) -> Image:
    import cv2

    right, down = face.plane_px
    origin: Points = face.origin_px[:2]
    corners = [(place[0], place[1]), (place[2], place[1]), (place[0], place[3])]
    source = np.array([origin + right * x + down * y for x, y in corners], np.float32)
    target = np.array([(0, 0), (SIDE_PX, 0), (0, SIDE_PX)], np.float32)
    turned = cv2.getAffineTransform(source, target)
    patch: Image = cv2.warpAffine(
        picture, turned, (SIDE_PX, SIDE_PX), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    return patch
