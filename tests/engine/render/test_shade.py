"""Blurs of the folds: computed in smaller pictures, and the same to a fraction of a step."""

from __future__ import annotations

import numpy as np
import pytest

from react1.pipeline.engine.render.shade import blurred


@pytest.mark.parametrize("sigma_px", [0.8, 3.1, 7.0, 16.0, 40.0])
def test_a_blur_in_a_smaller_picture_is_the_same(portrait, sigma_px: float) -> None:
    """Within 0.8 steps of 255 on average, and 4 anywhere away from the border."""
    import cv2

    exact = cv2.GaussianBlur(portrait.picture.astype(np.float32), (0, 0), sigma_px)

    difference = np.abs(blurred(portrait.picture, sigma_px) - exact)[80:-80, 80:-80]

    assert difference.mean() < 0.8
    assert difference.max() < 4
