"""The photograph that the demo films, and how the camera moves over it.

Source  scikit-image's `data.astronaut()`: NASA's portrait of Eileen Collins, in the public domain; it is in the wheel.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import MissingExtra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

PLATE_PX = (1440, 810)
_CORNER = (4.0, 0.0)
"""Top left corner of the plate in the photograph."""
_SCALE = PLATE_PX[0] / 444
"""The plate shows 444 of the photograph's 512 columns: head, collar and shuttle."""
_FACE = (224.0, 128.0)
"""Where the camera ends up looking, in the photograph."""


def plate() -> Picture:
    """Give the part of the photograph that the camera sees, enlarged, `(810, 1440, 3) uint8 RGB`.

    Raises:
        MissingExtra: the photograph's package or the picture library is not installed.
    """
    try:
        import cv2
        from skimage import data
    except ImportError as error:
        raise MissingExtra(
            f"the demo clip needs {error.name or 'scikit-image'}: pip install 'react1-nodes[demo]'"
        ) from error
    to_plate = np.array([[_SCALE, 0, -_CORNER[0] * _SCALE], [0, _SCALE, -_CORNER[1] * _SCALE]])
    large = cv2.warpAffine(
        data.astronaut(), to_plate, PLATE_PX, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
    )
    soft = cv2.GaussianBlur(large, (0, 0), 2.2)
    return np.asarray(cv2.addWeighted(large, 1.55, soft, -0.55, 0), np.uint8)


def camera(share: float, size: tuple[int, int]) -> NDArray[np.float64]:
    """Give the `(2, 3)` map from the plate to a frame at a share 0..1 of the shot: a push-in with a slight sway."""
    ease = share * share * (3 - 2 * share)
    zoom = size[0] / PLATE_PX[0] * (1.05 + 0.14 * ease)
    turn = math.radians(0.35) * math.sin(2 * math.pi * (share * 0.9 + 0.1))
    middle_x, middle_y = PLATE_PX[0] / 2, PLATE_PX[1] / 2
    face_x, face_y = ((_FACE[0] - _CORNER[0]) * _SCALE, (_FACE[1] - _CORNER[1]) * _SCALE)
    look_x = middle_x + 0.5 * ease * (face_x - middle_x) + 9 * math.sin(2 * math.pi * share * 1.3)
    look_y = middle_y + 0.5 * ease * (face_y - middle_y) + 4 * math.sin(2 * math.pi * share * 0.8 + 1)
    cos, sin = zoom * math.cos(turn), zoom * math.sin(turn)
    return np.array(
        [
            [cos, -sin, size[0] / 2 - cos * look_x + sin * look_y],
            [sin, cos, size[1] / 2 - sin * look_x - cos * look_y],
        ]
    )


def shoot(seen: Picture, share: float, size: tuple[int, int]) -> Picture:
    """Give the camera's frame of a plate, `(height, width, 3) uint8 RGB`; `size` is (width, height)."""
    import cv2

    frame = cv2.warpAffine(seen, camera(share, size), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(frame, np.uint8)
