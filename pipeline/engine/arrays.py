"""Arrays that the engine passes around: type aliases, the smooth ramps of an edit, boxes and soft masks.

A mask blends a layer into a picture.
"""

from __future__ import annotations

import zipfile
import zlib
from fractions import Fraction
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatT = TypeVar("FloatT", np.float32, np.float64)

NPZ_ERRORS = (
    OSError, ValueError, KeyError, EOFError, TypeError, IndexError, RuntimeError, zipfile.BadZipFile, zlib.error
)  # fmt: skip
"""What reading an npz file raises if it is damaged or is another file."""

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, ends excluded."""


def box_around(places_px: Points, margin_px: float, shape: tuple[int, ...]) -> Box | None:
    """Return the box around places plus a margin, clipped to a picture of this shape; None if a side is under 4 px."""
    low = np.maximum(0, np.floor(places_px.min(0) - margin_px)).astype(int)
    high = np.minimum([shape[1], shape[0]], np.ceil(places_px.max(0) + margin_px) + 1).astype(int)
    left, top, right, bottom = int(low[0]), int(low[1]), int(high[0]), int(high[1])
    return (left, top, right, bottom) if right - left >= 4 and bottom - top >= 4 else None


def soft_mask(contour_px: Points, box: Box, blur_px: float) -> Field:
    """Return a mask over a box, (height, width): 1 inside the contour, 0 outside, with a blurred edge."""
    import cv2

    left, top, right, bottom = box
    mask = np.zeros((bottom - top, right - left), np.uint8)
    fixed = np.round((contour_px - np.array([left, top])) * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
    soft: Field = cv2.GaussianBlur(mask, (0, 0), max(0.6, blur_px)).astype(np.float32) / 255
    return soft


def colors_at(picture: Image, places_px: Points) -> Points:
    """Return the colours of the pixels nearest to places, (count, 2) px, as (count, 3); outside, the border's."""
    columns = np.clip(np.round(places_px[:, 0]).astype(int), 0, picture.shape[1] - 1)
    rows = np.clip(np.round(places_px[:, 1]).astype(int), 0, picture.shape[0] - 1)
    return np.asarray(picture[rows, columns], np.float64)


def blend_layer(picture: Image, box: Box, layer: Image | Field, mask: Field) -> None:
    """Blend a layer of the box's size into a picture, in place."""
    import cv2

    left, top, right, bottom = box
    under = picture[top:bottom, left:right].astype(np.float32)
    mixed = np.asarray(layer, np.float32) - under
    mixed *= cv2.merge([mask, mask, mask])
    mixed += under
    picture[top:bottom, left:right] = cv2.convertScaleAbs(cv2.max(mixed, 0.0))


RAMP_S, LEAST_RAMP_S, RAMP_SHARE = Fraction(1, 4), Fraction(4, 25), Fraction(19, 100)
"""The usual length of a ramp, its least length, and its share of a short span, most of which is at full strength."""


def fraction_between(value: float, between: tuple[float, float]) -> float:
    """Return the position of a value between two others, clipped to 0..1."""
    share = float((value - between[0]) / (between[1] - between[0]))
    return min(max(share, 0.0), 1.0)


def shares_between(values: NDArray[FloatT], between: tuple[float, float]) -> NDArray[FloatT]:
    """Return the position of each value between two others, clipped to 0..1, in the values' own type."""
    shares: NDArray[FloatT] = np.clip((values - between[0]) / (between[1] - between[0]), 0, 1)
    return shares


def quantile(values: NDArray[Any], share: float) -> float:
    """Return the value below which a share of the values lies: not interpolated, a tenth of the time of NumPy's."""
    place = int(share * (values.size - 1))
    return float(np.partition(values, place, axis=None)[place])


def runs(marked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs [first, last) of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(int), [0]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


USUAL_FPS = 25
"""Numbers of frames, and changes from frame to frame, were set on films of 24 and 25 frames/s."""


def frames_at(count: int, fps: float) -> int:
    """Return how many frames last as long as `count` at 25 frames/s; at lower rates `count`."""
    return max(count, round(count * fps / USUAL_FPS))


def left_after_frame(share: float, fps: float) -> float:
    """Return the share that is left after a frame of what loses as much in a second as by `share` at 25 frames/s.

    At lower rates it is `share`.
    """
    return float(share ** min(1.0, USUAL_FPS / fps))


def smoothstep(share: Curve) -> Curve:
    """Return 3s² - 2s³, which has flat ends; values outside 0..1 are clipped."""
    inside = np.clip(share, 0.0, 1.0)
    eased: Curve = inside * inside * (3 - 2 * inside)
    return eased


def ramp_weights(active: NDArray[np.bool_], fps: Fraction, ramp_s: Fraction = RAMP_S, *, to_ends: bool = True) -> Curve:
    """Return a weight per frame: 0 where inactive, rising to 1 over `ramp_s` from each border.

    The border itself has weight 0, so the first active frame is one step up the ramp.

    Args:
        active: one bool per frame.
        fps: frames per second.
        ramp_s: length of a ramp in seconds.
        to_ends: whether the first and the last frame are next to a border too.
    """
    length = max(1, round(ramp_s * fps))
    inactive = np.flatnonzero(~active)
    if to_ends:
        inactive = np.concatenate([[-1], inactive, [len(active)]])
    if not len(inactive):
        return np.ones(len(active))
    places = np.arange(len(active))
    after = np.searchsorted(inactive, places)
    before = inactive[np.maximum(after - 1, 0)]
    following = inactive[np.minimum(after, len(inactive) - 1)]
    distance = np.minimum(np.abs(places - before), np.abs(following - places)).astype(np.float64)
    return np.where(active, smoothstep(np.minimum(distance, length) / length), 0.0)


def span_ramp_s(frames: int, fps: Fraction) -> Fraction:
    """Return the length in seconds of the ramps at both ends of a span of this many frames."""
    return min(RAMP_S, max(LEAST_RAMP_S, RAMP_SHARE * frames / fps))


def span_weights(frames: int, fps: Fraction, goes_on: tuple[bool, bool] = (False, False)) -> Curve:
    """Return the weight of each frame of a span, by the ramps at its ends.

    Args:
        frames: the length of the span.
        fps: frames per second.
        goes_on: whether the edit goes on before and after the span; there is no ramp there.
    """
    before, after = (round(RAMP_S * fps) if beyond else 0 for beyond in goes_on)
    active = np.ones(before + frames + after, bool)
    return ramp_weights(active, fps, span_ramp_s(frames, fps))[before : before + frames]


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
