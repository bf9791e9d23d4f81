"""Sums, blurs and dilations of cells: the same as straightforward definitions of them."""

from __future__ import annotations

import numpy as np
import pytest

from react1.pipeline.conform.composite import (
    Change,
    _cell_means,
    _scale_within,
    box_blur,
    dilate,
    without_noise,
)
from react1.pipeline.splicing.pictures.planes import resize_mask

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(24, 36), (25, 39), (3, 5)])
def test_cell_means_are_means_of_blocks(size, shape):
    """Also of planes that blocks do not fill, whose edges repeat."""
    plane = RANDOM.integers(0, 256, shape, np.uint8)
    padded = np.pad(plane, ((0, -shape[0] % size), (0, -shape[1] % size)), mode="edge").astype(float)

    means = _cell_means(plane, size)

    blocks = padded.reshape(padded.shape[0] // size, size, padded.shape[1] // size, size)
    assert np.allclose(means, blocks.mean((1, 3)), atol=1e-4)


@pytest.mark.parametrize("radius", [1, 3, 10])
def test_a_blur_is_the_mean_of_a_window_and_a_dilation_its_maximum(radius):
    """In the middle and at the edges, which repeat."""
    part = RANDOM.random((17, 23)).astype(np.float32)
    cells = part > 0.97
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(part, radius, mode="edge"), (2 * radius + 1,) * 2)
    reached = np.lib.stride_tricks.sliding_window_view(np.pad(cells, radius), (2 * radius + 1,) * 2)

    assert np.allclose(box_blur(part, radius), windows.mean((2, 3)), atol=1e-5)
    assert np.array_equal(dilate(cells, radius), reached.any((2, 3)))


@pytest.mark.parametrize("shape", [(64, 96), (32, 48), (67, 95)])
def test_a_mask_scaled_within_its_box_is_that_of_the_complete_plane(shape):
    """Planes of whole cells, of chroma, and of a size that cells do not fill."""
    mask = np.zeros((16, 24), np.float32)
    mask[5:9, 3:20] = RANDOM.random((4, 17)) + 0.01

    box, weight = _scale_within(mask, shape, mask)

    complete = resize_mask(mask, shape)
    assert np.array_equal(weight, complete[box])
    complete[box] = 0
    assert not complete.any()


def test_noise_is_dropped_beside_a_change_and_kept_in_it():
    """Pixels outside the mask are those that were sent, bit for bit."""
    sent = [np.full((64, 96), 100, np.uint8), *(np.full((32, 48), 128, np.uint8) for _ in range(2))]
    taken = [plane + 2 for plane in sent]
    solid = np.zeros((16, 24), bool)
    solid[5:11, 5:15] = True
    change = Change(box_blur(dilate(solid, 4).astype(np.float32), 3), solid, 3.0)

    luma = without_noise(sent, taken, change)[0]

    assert (luma[28:36, 32:48] == 102).all()
    assert (luma[:4] == 100).all() and (luma[60:] == 100).all() and (luma[:, 92:] == 100).all()
