"""Type aliases of the arrays that the engine passes around."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]
"""Landmarks or displacements: (count, 2) or (count, 3)."""
Image: TypeAlias = NDArray[np.uint8]
"""(height, width, 3) RGB."""
Plane: TypeAlias = NDArray[np.uint8]
"""(height, width), one channel."""
Field: TypeAlias = NDArray[np.float32]
"""Per-pixel numbers: (height, width) or (height, width, 2)."""
Ids: TypeAlias = NDArray[np.int64]
"""Indices of landmarks or vertices."""
Curve: TypeAlias = NDArray[np.float64]
"""One number per frame."""
