"""Read a picture at other places, as sharp and as grainy as it is.

The picture is sampled once, by Lanczos's kernel of eight; on real faces a cubic kernel loses three to eight points more
of the sharpness (variance of the Laplacian). The kernel gives the picture at twice its size, where a cubic kernel loses
nothing that is visible: half of the time of Lanczos's kernel for every pixel. The eye, and 4:2:0, resolve detail in
luma alone, so only the grey picture is read in this way, and its difference to a linear reading is added to all three
channels; on faces the luma is within 3 steps of 255, 0.4 on average. A pixel that does not move is read unchanged.

Grain: a pixel that is read between four others is a mean of them and has less grain than they had, least at half a
pixel, so that moving skin would look smoother than still skin. The finest detail of each pixel is therefore raised by
what its subpixel position cost it. Nothing is raised where nothing moved, nor in pictures without grain: in compressed
ones there is hardly any, and the finest detail flickers.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Field, Image, Plane

KERNEL_PX = 6
"""Pixels are read from no further outside the box: those that move come from the mesh, and the kernel reaches 4 px."""
GRAIN_GAIN = 0.32
"""How much the finest detail is raised at half a pixel in both directions."""
FINEST_PX, FAINT = 0.7, 4.0
"""Detail finer than a Gaussian of this deviation is raised, up to 4 steps of 255: grain, not edges."""
GRAINY = (1.2, 1.6)
"""Between these means of the finest detail, in steps of 255, a picture starts to count as grainy."""
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


def restore_grain(drawn: Image, field: Field) -> Image:
    """Return the picture with its grain as strong as the source's.

    Args:
        drawn: (height, width, 3) RGB, resampled at its own places plus the field.
        field: (height, width, 2) px.
    """
    import cv2

    soft = cv2.GaussianBlur(drawn, (0, 0), FINEST_PX)
    faint = np.minimum(cv2.absdiff(drawn, soft)[::2, ::2], int(FAINT))
    grain = (float(np.mean(cv2.mean(faint)[:3])) - GRAINY[0]) / (GRAINY[1] - GRAINY[0])
    if grain <= 0:
        return drawn
    finest = cv2.subtract(drawn, soft, dtype=cv2.CV_32F)
    np.clip(finest, -FAINT, FAINT, out=finest)
    between = field - np.floor(field)
    lost = 4 * between * (1 - between)
    raised = (0.5 * GRAIN_GAIN * min(1.0, grain)) * (lost[..., 0] + lost[..., 1])
    grainy: Image = cv2.add(drawn, finest * raised[..., None], dtype=cv2.CV_8U)
    return grainy
