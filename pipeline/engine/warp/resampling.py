"""Read a picture at other places, as sharp and as grainy as it is.

The picture is sampled once, by Lanczos's kernel of eight; on real faces a cubic kernel loses three to eight points more
of the sharpness (variance of the Laplacian). The kernel gives the picture at twice its size, where a cubic kernel loses
nothing that is visible: half of the time of Lanczos's kernel for every pixel. The eye, and 4:2:0, resolve detail in
luma alone, so only the grey picture is read in this way, and its difference to a linear reading is added to all three
channels; on faces the luma is within 3 steps of 255, 0.4 on average. A pixel that does not move is read unchanged.

Detail: a pixel that is read between four others is a mean of them; it has less of the finest detail, grain or lashes,
than they had, least at half a pixel, so that moving skin would look smoother than still skin. How much a picture loses
depends on how fine its detail is, and is measured in the picture itself: what it shows halfway between its pixels
against what it shows at them. Where the field spreads few pixels over many, detail gets coarser and fainter too. The
finest detail of each pixel is raised by what its place and the spread cost it. Nothing is raised where nothing moved,
and hardly anything in a picture that has no detail so fine.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Field, Image, Plane

KERNEL_PX = 6
"""Pixels are read from no further outside the box: those that move come from the mesh, and the kernel reaches 4 px."""
FINEST_PX, MOST_RAISED = 0.7, 0.9
"""Detail finer than a Gaussian of this deviation is raised halfway between pixels, by at most this share of it."""
MEASURED_PX = 256
"""The loss is measured in a square of this side in the middle of the picture: more would not change it."""
SPREAD_GAIN, MOST_SPREAD = 1.3, 1.5
"""How much the finest detail is raised where a pixel spreads over two, and the largest spread that counts."""
LARGEST_STEP = 16
"""No pixel is raised by more than this, in steps of 255: stronger edges would get a bright rim."""
STRAIGHT = 0.2
"""OpenCV's cubic kernel (-0.75) overshoots; a share of a linear reading evens out the sharpness."""
_TAPS = np.arange(-3.5, 4)
_LANCZOS = np.sinc(_TAPS) * np.sinc(_TAPS / 4)
_HALFWAY, _ITSELF = (_LANCZOS / _LANCZOS.sum()).astype(np.float32), np.ones(1, np.float32)
"""Lanczos's kernel halfway between two pixels, and no filter."""


def resample(picture: Image, across: Field, along: Field) -> Image:
    """Return a picture read at other places.

    Args:
        picture: (height, width, 3) RGB; not changed.
        across: the x in the picture of each pixel of the result, (rows, columns); outside, the border is repeated.
        along: their y.
    """
    import cv2

    border = cv2.BORDER_REPLICATE
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    large, maps = twice_as_large(grey), cv2.convertMaps(2 * across, 2 * along, cv2.CV_16SC2)
    cubic, straight = (
        cv2.remap(large, *maps, kernel, borderMode=border) for kernel in (cv2.INTER_CUBIC, cv2.INTER_LINEAR)
    )
    sharp = cv2.addWeighted(cubic, 1 - STRAIGHT, straight, STRAIGHT, 0)
    colour = cv2.remap(picture, *cv2.convertMaps(across, along, cv2.CV_16SC2), cv2.INTER_LINEAR, borderMode=border)
    detail = cv2.subtract(sharp, cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), dtype=cv2.CV_16S)
    read: Image = cv2.add(colour, cv2.merge([detail, detail, detail]), dtype=cv2.CV_8U)
    return read


def twice_as_large(grey: Plane) -> Field:
    """Return a grey picture at twice its size, by Lanczos's kernel of eight; its own pixels are every second one."""
    import cv2

    height, width = grey.shape
    own = grey.astype(np.float32)
    filtered = (_between(own, across=True), _between(own, across=False))
    large = np.empty((height, 2, 2 * width), np.float32)
    large[:, 0] = cv2.merge([own, filtered[0]]).reshape(height, -1)
    large[:, 1] = cv2.merge([filtered[1], _between(filtered[0], across=False)]).reshape(height, -1)
    return large.reshape(2 * height, 2 * width)


def _between(plane: Field, *, across: bool) -> Field:
    """Return what lies halfway between each pixel and the next one, to the right or below."""
    import cv2

    along_x, along_y = (_HALFWAY, _ITSELF) if across else (_ITSELF, _HALFWAY)
    anchor = (len(along_x) // 2 - across, len(along_y) // 2 - (not across))
    read: Field = cv2.sepFilter2D(plane, cv2.CV_32F, along_x, along_y, anchor=anchor, borderType=cv2.BORDER_REPLICATE)
    return read


def restore_detail(drawn: Image, picture: Image, field: Field) -> Image:
    """Return a resampled picture with its finest detail as strong as the source's.

    Args:
        drawn: (height, width, 3) RGB, resampled at its own places plus the field.
        picture: what it was read from, (rows, columns, 3) RGB.
        field: (height, width, 2) px.
    """
    import cv2

    grey = cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY)
    soft = cv2.GaussianBlur(grey, (0, 0), FINEST_PX)
    finest = cv2.subtract(grey, soft, dtype=cv2.CV_32F)
    # The field is smooth, so what it costs is computed in a smaller one.
    small = field[::2, ::2]
    between = small - np.floor(small)
    near_half = 4 * between * (1 - between)
    lost = cv2.transform(near_half * (0.3 + 0.7 * near_half), np.array([[0.5, 0.5]]))
    share, wider = (
        cv2.resize(plane, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
        for plane in (halfway_loss(_middle(picture)) * lost, SPREAD_GAIN * spread(field[::4, ::4], 4))
    )
    raised = cv2.multiply(finest, cv2.add(share, wider), dtype=cv2.CV_16S)
    np.clip(raised, -LARGEST_STEP, LARGEST_STEP, out=raised)
    detailed: Image = cv2.add(drawn, cv2.merge([raised] * 3), dtype=cv2.CV_8U)
    return detailed


def _middle(picture: Image) -> Plane:
    import cv2

    top, left = (max(0, (side - MEASURED_PX) // 2) for side in picture.shape[:2])
    grey: Plane = cv2.cvtColor(picture[top : top + MEASURED_PX, left : left + MEASURED_PX], cv2.COLOR_RGB2GRAY)
    return grey


def spread(field: Field, step: int = 1) -> Field:
    """Return over how many more pixels each pixel is spread by a field: 0 where none, at most `MOST_SPREAD`.

    Args:
        field: (rows, columns, 2) px.
        step: the distance between its places, px.
    """
    import cv2

    by_x, by_y = (cv2.Sobel(field, cv2.CV_32F, *axis, scale=0.125 / step) for axis in ((1, 0), (0, 1)))
    area = (1 + by_x[..., 0]) * (1 + by_y[..., 1]) - by_y[..., 0] * by_x[..., 1]
    wider: Field = np.clip(1 / np.maximum(area, 0.1) - 1, 0, MOST_SPREAD)
    return wider


def halfway_loss(grey: Plane) -> float:
    """Return by how much the finest detail must be raised halfway between pixels to be as strong as at them, 0 to 0.9.

    Strong: of the same variance of the Laplacian.
    """
    import cv2

    own = grey.astype(np.float32)
    halfway = _between(_between(own, across=True), across=False)
    finest = halfway - cv2.GaussianBlur(halfway, (0, 0), FINEST_PX)
    at_pixels, between, fine = (cv2.Laplacian(plane, cv2.CV_32F).ravel() for plane in (own, halfway, finest))
    missing = float(between @ between) - float(at_pixels @ at_pixels)
    squared, mixed = float(fine @ fine), float(between @ fine)
    if missing >= 0 or squared <= 0:
        return 0.0
    # The variance of between + gain · fine is that of the pixels: a quadratic equation.
    return min(MOST_RAISED, (math.sqrt(mixed**2 - squared * missing) - mixed) / squared)
