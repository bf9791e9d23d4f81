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

Detail: skin that is stretched has its detail spread over more pixels, which makes it softer than the skin around it.
What is stronger than grain is raised there by the stretch. Where skin is pushed together, a pixel shows the mean of all
that comes to lie in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Box, Field, Image, Plane, blend_layer, shares_between

KERNEL_PX = 6
"""Pixels are read from no further outside the box: those that move come from the mesh, and the kernel reaches 4 px."""
BAND_PX = 96
"""Rows that are read at once."""
STILL_PX = 0.02
"""Smaller displacements are ignored at the borders of what moves."""
GRAIN_GAIN = 0.32
"""How much the finest detail is raised at half a pixel in both directions."""
FINEST_PX, FAINT = 0.7, 4.0
"""Detail finer than a Gaussian of this deviation is raised, up to 4 steps of 255: grain, not edges."""
GRAINY = (1.2, 1.6)
"""Between these means of the finest detail, in steps of 255, a picture starts to count as grainy."""
SPREAD_GAIN, MOST_SPREAD_GAIN, LEAST_GAIN = 1.2, 0.35, 0.02
"""How much detail is raised that is spread over twice as many pixels; the most, and what is left out."""
SPREAD_PX, MOST_FINE = 0.9, 12.0
"""Detail finer than a Gaussian of this deviation is raised, from `FAINT` up to 12 steps of 255 more: skin and hair,
neither grain, which would flicker, nor the border of an eye."""
SQUEEZED, READINGS = (2.0, 2.7), 3
"""From so many pixels of the source behind one, and in full from the second value, their mean is shown; readings for it
in both directions."""
STRAIGHT = 0.2
"""OpenCV's cubic kernel (-0.75) overshoots; a share of a linear reading evens out the sharpness."""
_TAPS = np.arange(-3.5, 4)
_FINE = np.arange(-128, 128, dtype=np.float32)
_RAISED_BY = np.clip(_FINE - np.clip(_FINE, -FAINT, FAINT), -MOST_FINE, MOST_FINE)
"""How much detail is raised for a difference from -128 to 127: none as faint as grain."""
_LANCZOS = np.sinc(_TAPS) * np.sinc(_TAPS / 4)
_HALFWAY, _ITSELF = (_LANCZOS / _LANCZOS.sum()).astype(np.float32), np.ones(1, np.float32)
"""Lanczos's kernel halfway between two pixels, and no filter."""


def bend(picture: Image, field: Field, corner: tuple[int, int]) -> Image:
    """Return a part of a picture read at its own places plus a field; what does not move is copied.

    It is read in bands of rows, whose arrays fit a processor's cache, and only where they move.

    Args:
        picture: (height, width, 3) RGB; not changed.
        field: (rows, columns, 2) px: how far right and below each pixel of the part is read.
        corner: x and y of the part in the picture.
    """
    import cv2

    x, y = corner
    rows, columns = field.shape[:2]
    bent = picture[y : y + rows, x : x + columns].copy()
    for start in range(0, rows, BAND_PX):
        moving = _moving_box(field[start : start + BAND_PX])
        if moving is None:
            continue
        left, top, right, bottom = moving[0], start + moving[1], moving[2], start + moving[3]
        offset_x, offset_y = cv2.split(field[top:bottom, left:right])
        offset_x += np.arange(x + left, x + right, dtype=np.float32)
        offset_y += np.arange(y + top, y + bottom, dtype=np.float32)[:, None]
        box = _read_from(offset_x, offset_y, picture.shape)
        offset_x -= np.float32(box[0])
        offset_y -= np.float32(box[1])
        near = np.ascontiguousarray(picture[box[1] : box[3], box[0] : box[2]])
        bent[top:bottom, left:right] = resample(near, offset_x, offset_y)
    return bent


def _moving_box(field: Field) -> Box | None:
    """Return the box of what moves in a field, (rows, columns, 2); None if nothing does."""
    flat = field.reshape(len(field), -1)
    of_rows, of_columns = (np.maximum(flat.max(axis), -flat.min(axis)) for axis in (1, 0))
    rows = np.flatnonzero(of_rows > STILL_PX)
    columns = np.flatnonzero(of_columns.reshape(-1, 2).max(1) > STILL_PX)
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _read_from(across: Field, along: Field, shape: tuple[int, ...]) -> Box:
    """Return the box of a picture that is read at these places."""
    ends = [
        (int(min(max(places.min(), 0), size - 1)), int(min(max(places.max(), 0), size - 1)))
        for places, size in ((across, shape[1]), (along, shape[0]))
    ]
    (left, right), (top, bottom) = ends
    return (
        max(0, left - KERNEL_PX),
        max(0, top - KERNEL_PX),
        min(shape[1], right + KERNEL_PX + 1),
        min(shape[0], bottom + KERNEL_PX + 1),
    )


def resample(picture: Image, across: Field, along: Field) -> Image:
    """Return a picture read at other places.

    Args:
        picture: (height, width, 3) RGB; not changed.
        across: the x in the picture of each pixel of the result, (rows, columns); outside, the border is repeated.
        along: their y.
    """
    import cv2

    border = cv2.BORDER_REPLICATE
    large = twice_as_large(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    places = 2 * across, 2 * along
    cubic = cv2.remap(large, *places, cv2.INTER_CUBIC, borderMode=border)
    linear = cv2.remap(large, *places, cv2.INTER_LINEAR, borderMode=border)
    sharp = cv2.addWeighted(cubic, 1 - STRAIGHT, linear, STRAIGHT, 0, dtype=cv2.CV_8U)
    # OpenCV reads four channels in half of the time of three.
    four = cv2.remap(cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA), across, along, cv2.INTER_LINEAR, borderMode=border)
    colour = cv2.cvtColor(four, cv2.COLOR_RGBA2RGB)
    straight = cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY)
    brighter, darker = cv2.subtract(sharp, straight), cv2.subtract(straight, sharp)  # bytes end at 0
    raised = cv2.add(colour, cv2.cvtColor(brighter, cv2.COLOR_GRAY2RGB))
    read: Image = cv2.subtract(raised, cv2.cvtColor(darker, cv2.COLOR_GRAY2RGB))
    return read


def twice_as_large(grey: Plane) -> Field:
    """Return a grey picture at twice its size, by Lanczos's kernel of eight; its own pixels are every second one."""
    import cv2

    height, width = grey.shape
    own = grey.astype(np.float32)
    large = np.empty((height, 2, 2 * width), np.float32)
    wide = cv2.merge([own, _between(own, across=True)]).reshape(height, 2 * width)
    large[:, 0], large[:, 1] = wide, _between(wide, across=False)
    return large.reshape(2 * height, 2 * width)


def _between(plane: Field, *, across: bool) -> Field:
    """Return what lies halfway between each pixel and the next one, to the right or below."""
    import cv2

    along_x, along_y = (_HALFWAY, _ITSELF) if across else (_ITSELF, _HALFWAY)
    anchor = (len(along_x) // 2 - across, len(along_y) // 2 - (not across))
    read: Field = cv2.sepFilter2D(plane, cv2.CV_32F, along_x, along_y, anchor=anchor, borderType=cv2.BORDER_REPLICATE)
    return read


@dataclass(frozen=True, eq=False)
class Stretch:
    """How a field stretches and squeezes what is read by it, on a grid."""

    gain: Field
    """By how much detail is to be raised where skin is stretched, (rows, columns)."""
    squeezed: Field
    """How many pixels of the source lie behind one of the result, along the direction with most of them."""


def measure_stretch(field: Field, cell_px: float) -> Stretch:
    """Measure a field on a grid over it.

    Args:
        field: (height, width, 2) px: where each pixel is read, relative to its own place.
        cell_px: the step of the grid; the field is smooth within it.
    """
    import cv2

    height, width = field.shape[:2]
    size = (max(2, round(width / cell_px)), max(2, round(height / cell_px)))
    small = cv2.resize(field, size, interpolation=cv2.INTER_AREA)
    below, right = (np.gradient(small, (height / size[1], width / size[0])[axis], axis=axis) for axis in (0, 1))
    # How many pixels of the source a pixel of the result shows.
    shown = (1 + right[..., 0]) * (1 + below[..., 1]) - right[..., 1] * below[..., 0]
    gain: Field = np.clip(SPREAD_GAIN * (1 / np.clip(shown, 0.5, 1.0) - 1), 0, MOST_SPREAD_GAIN).astype(np.float32)
    squeezed = np.maximum(np.hypot(1 + right[..., 0], right[..., 1]), np.hypot(below[..., 0], 1 + below[..., 1]))
    return Stretch(gain, squeezed.astype(np.float32))


def average_squeezed(drawn: Image, picture: Image, field: Field, corner: tuple[int, int], squeezed: Field) -> None:
    """Read once more, in place, where many pixels come to lie in one: as the mean of several readings.

    A single reading would pick one of them, so that a line such as a lid's crease falls apart into dashes.

    Args:
        drawn: what `bend` returned for the picture, the field and the corner.
        picture: (height, width, 3) RGB; not changed.
        field: (rows, columns, 2) px.
        corner: x and y of the part in the picture.
        squeezed: `measure_stretch` of the field.
    """
    import cv2

    height, width = field.shape[:2]
    cells = cv2.dilate((squeezed > SQUEEZED[0]).astype(np.uint8), np.ones((3, 3), np.uint8))
    if not cells.any():
        return
    _, _, boxes, _ = cv2.connectedComponentsWithStats(cells, connectivity=8)
    share = shares_between(squeezed, SQUEEZED)
    share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
    scale = np.array([width / cells.shape[1], height / cells.shape[0]])
    for column, row, columns, rows, _ in boxes[1:]:
        left, top = np.floor(np.array([column, row]) * scale).astype(int).tolist()
        right, bottom = np.ceil(np.array([column + columns, row + rows]) * scale).astype(int).tolist()
        right, bottom = min(right, width), min(bottom, height)
        size = (right - left, bottom - top)
        many = (size[0] * READINGS, size[1] * READINGS)
        places = cv2.resize(field[top:bottom, left:right], many, interpolation=cv2.INTER_LINEAR)
        places[..., 0] += (np.arange(many[0], dtype=np.float32) + 0.5) / READINGS - 0.5 + (corner[0] + left)
        places[..., 1] += (np.arange(many[1], dtype=np.float32)[:, None] + 0.5) / READINGS - 0.5 + (corner[1] + top)
        read = cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mean = cv2.resize(read, size, interpolation=cv2.INTER_AREA)
        blend_layer(drawn, (left, top, right, bottom), mean, share[top:bottom, left:right])


def restore_detail(drawn: Image, gain: Field) -> Image:
    """Return the picture with the detail of stretched skin as strong as it was before it was stretched.

    Skin that is spread over more pixels has as much detail as before, but softer: each of its edges is wider, by the
    stretch. The fine detail of such places is raised by that stretch; nothing is raised where skin is pushed together.

    Args:
        drawn: (height, width, 3) RGB.
        gain: of the `measure_stretch` of the field by which it was resampled.
    """
    import cv2

    raised = gain > LEAST_GAIN
    rows, columns = np.flatnonzero(raised.any(1)), np.flatnonzero(raised.any(0))
    if not len(rows):
        return drawn
    (height, width), (cells_down, cells_across) = drawn.shape[:2], gain.shape
    top, bottom = (round(at * height / cells_down) for at in (rows[0], rows[-1] + 1))
    left, right = (round(at * width / cells_across) for at in (columns[0], columns[-1] + 1))
    cells = gain[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part = drawn[top:bottom, left:right]
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    fine = cv2.LUT(cv2.addWeighted(grey, 1, cv2.GaussianBlur(grey, (0, 0), SPREAD_PX), -1, 128), _RAISED_BY)
    light = cv2.multiply(fine, cv2.resize(cells, part.shape[1::-1], interpolation=cv2.INTER_LINEAR))
    detailed = drawn.copy()
    detailed[top:bottom, left:right] = cv2.add(part, cv2.merge([light] * 3), dtype=cv2.CV_8U)
    return detailed


def restore_grain(drawn: Image, field: Field) -> Image:
    """Return the picture with its grain as strong as the source's.

    Args:
        drawn: (height, width, 3) RGB, resampled at its own places plus the field.
        field: (height, width, 2) px.
    """
    import cv2

    soft = cv2.GaussianBlur(drawn, (0, 0), FINEST_PX)
    faint = cv2.mean(cv2.min(cv2.absdiff(drawn, soft), (FAINT,) * 4))[:3]
    grain = (float(np.mean(faint)) - GRAINY[0]) / (GRAINY[1] - GRAINY[0])
    if grain <= 0:
        return drawn
    finest = cv2.subtract(drawn, soft, dtype=cv2.CV_32F)
    np.clip(finest, -FAINT, FAINT, out=finest)
    between = field - np.floor(field)
    lost = 4 * between * (1 - between)
    raised = (0.5 * GRAIN_GAIN * min(1.0, grain)) * (lost[..., 0] + lost[..., 1])
    grainy: Image = cv2.add(drawn, finest * raised[..., None], dtype=cv2.CV_8U)
    return grainy
