"""Sums, blurs and dilations of cells: the same as straightforward definitions of them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from react1.pipeline.conform import cells
from react1.pipeline.conform.cells import box_blur, dilate
from react1.pipeline.conform.composite import Change, composite, patch_within, without_noise
from react1.pipeline.conform.levels import LevelTransfer
from react1.pipeline.splicing.pictures.planes import resize_mask

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(24, 36), (25, 39), (3, 5)])
def test_differences_of_cells_are_those_of_their_pixels(size, shape, monkeypatch):
    """Also of planes that cells do not fill, whose edges repeat, and where planes are read in several bands."""
    monkeypatch.setattr(cells, "_BAND_BYTES", 8 * shape[1])
    first, second = (RANDOM.integers(0, 256, shape, np.uint8) for _ in range(2))

    differences = cells.cell_differences(first, second, size)

    padded = np.pad(second.astype(int) - first, ((0, -shape[0] % size), (0, -shape[1] % size)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // size, size, padded.shape[1] // size, size)
    assert np.array_equal(differences.signed, blocks.sum((1, 3)))
    assert np.array_equal(differences.absolute, np.abs(blocks).sum((1, 3)))
    assert np.array_equal(differences.largest, np.abs(blocks).max((1, 3)))


@pytest.mark.parametrize(("count", "share"), [(1, 0.5), (10, 0.5), (11, 0.5), (1000, 0.999), (7, 1.0)])
def test_a_quantile_is_that_of_numpy(count, share):
    """Of even and odd counts, and at the ends."""
    values = RANDOM.random(count).astype(np.float32)

    assert cells.quantile(values, share) == pytest.approx(float(np.quantile(values, share)), abs=1e-6)


@pytest.mark.parametrize("radius", [1, 3, 10])
def test_a_blur_is_the_mean_of_a_window_and_a_dilation_its_maximum(radius):
    """In the middle and at the edges, which repeat."""
    part = RANDOM.random((17, 23)).astype(np.float32)
    marked = part > 0.97
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(part, radius, mode="edge"), (2 * radius + 1,) * 2)
    reached = np.lib.stride_tricks.sliding_window_view(np.pad(marked, radius), (2 * radius + 1,) * 2)

    assert np.allclose(box_blur(part, radius), windows.mean((2, 3)), atol=1e-5)
    assert np.array_equal(dilate(marked, radius), reached.any((2, 3)))


@pytest.mark.parametrize("shape", [(64, 96), (67, 95)])
def test_a_change_is_added_within_its_box_as_in_the_complete_plane(shape):
    """Planes of whole cells and of a size that cells do not fill; outside the box nothing is written to."""
    mask = np.zeros((16, 24), np.float32)
    mask[5:9, 3:20] = RANDOM.random((4, 17)) + 0.01
    shapes = shape, *(((shape[0] + 1) // 2, (shape[1] + 1) // 2),) * 2
    sent, taken, plate = ([RANDOM.integers(0, 256, side, np.uint8) for side in shapes] for _ in range(3))
    transfer = LevelTransfer(SimpleNamespace(is_hdr=False, bit_depth=8), "yuv420p")

    result = [plane.copy() for plane in plate]
    composite(result, patch_within(sent, taken, mask), mask, transfer)

    for side, base, old, new, plane in zip(shapes, plate, sent, taken, result, strict=True):
        weight = resize_mask(mask, side)
        expected = np.clip(np.rint(base + weight * (new.astype(np.float32) - old)), 0, 255)
        assert np.array_equal(plane, expected)
        assert not np.array_equal(plane, base)


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
