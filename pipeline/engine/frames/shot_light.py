"""The look of a shot around a face: brightness and tint of the light, blur of edges, grain.

What is drawn into a picture must be as bright, as soft and as grainy as its surroundings.
Source: blur from the ratio of gradients before and after a second blur: Zhuo & Sim, "Defocus map estimation from a
        single image", Pattern Recognition 44 (2011). Grain: Immerkaer, "Fast noise variance estimation", CVIU 64
        (1996).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from ..arrays import Box, Curve, Field, Image, Points, box_around, quantile
from ..geometry.head_frame import FaceFrame
from ..geometry.mesh import CHEEKS, EYES, LIPS, OVAL

LUMA = np.array([0.299, 0.587, 0.114])
SKIN_TINT = np.array([1.20, 0.93, 0.80])
"""The colour of skin in white light, at luma 1; light and dark skin differ in it far less than in brightness."""
LIGHT_TINT = 0.60
"""Share of a face's deviation from usual skin tint that is due to the light; the rest is its own."""
PALE_SKIN = 0.25
"""A skin that is cooler than usual by up to this much (natural logarithm of blue by red) is pale, in white light."""
BLUR_PX = (0.8, 6.0)
GRAIN_MOST = 9.0
UNKNOWN_WHITE = np.full(3, 160.0)
"""White where no cheek is in the picture."""


@dataclass(frozen=True, eq=False)
class Light:
    """Light, blur and grain of a picture around a face."""

    white: Curve
    """The colour of something white beside the cheek, (3,) RGB in 0..255."""
    blur_px: float
    """Standard deviation of the blur of the sharpest edges here."""
    grain: float
    """Standard deviation of the noise, in steps of 255."""
    seed: int
    """Changes from frame to frame with the picture; equal for equal pictures."""


def measure_light(picture: Image, frame: FaceFrame) -> Light:
    """Measure a picture, (height, width, 3) RGB, around a face, which may be cut off."""
    seen = _cheeks(picture, frame)
    if not seen:
        return Light(UNKNOWN_WHITE.copy(), 1.0, 0.0, 0)
    return Light(
        white=_white(picture, frame, seen),
        blur_px=_edge_blur_px(picture, frame),
        grain=min(GRAIN_MOST, *(_noise(patch) for patch in seen)),
        seed=zlib.crc32(np.ascontiguousarray(seen[0]).tobytes()),
    )


def measure_white(picture: Image, frame: FaceFrame) -> Curve:
    """Return the `white` of `measure_light` alone, (3,)."""
    seen = _cheeks(picture, frame)
    return _white(picture, frame, seen) if seen else UNKNOWN_WHITE.copy()


def match_shot(layer: Field, light: Light) -> Field:
    """Return a drawn layer, (height, width, 3), with the blur and the grain of the picture."""
    import cv2

    soft: Field = cv2.GaussianBlur(layer, (0, 0), light.blur_px, borderType=cv2.BORDER_REPLICATE)
    if light.grain < 0.4:
        return soft
    noise = np.random.default_rng(light.seed).standard_normal(layer.shape[:2]).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.6)
    return np.asarray(soft + (light.grain / max(1e-6, float(noise.std())) * noise)[..., None], np.float32)


def _cheeks(picture: Image, frame: FaceFrame) -> list[Image]:
    """Return a patch of each cheek that is in the picture."""
    patches = [_patch(picture, frame.points_px[point, :2], 0.07 * frame.unit_px) for point in CHEEKS]
    return [patch for patch in patches if patch.size]


def _white(picture: Image, frame: FaceFrame, cheeks: list[Image]) -> Curve:
    """Estimate white by the brightness of the cheeks, raised towards the brightest parts, with some of their tint."""
    skin = np.mean([patch.reshape(-1, 3).mean(0) for patch in cheeks], axis=0)
    luma = float(skin @ LUMA)
    box = _face_box(picture, frame)
    face = picture[box[1] : box[3] : 3, box[0] : box[2] : 3] @ LUMA
    brightest = quantile(face, 0.97) if face.size else luma
    level = max(luma, 1.0) ** 0.7 * max(luma, brightest, 1.0) ** 0.3
    tint = np.log(np.clip(skin / max(luma, 1.0) / SKIN_TINT, 0.6, 1.6))
    cool = float(tint[2] - tint[0])
    if cool > 0:
        tint *= max(0.0, cool - PALE_SKIN) / cool
    tint = np.exp(LIGHT_TINT * tint)
    return np.asarray(np.clip(level * tint / float(tint @ LUMA), 0, 250))


def _face_box(picture: Image, frame: FaceFrame) -> Box:
    oval = frame.points_px[OVAL, :2]
    middle = oval.mean(0)
    box = box_around(middle + (oval - middle) * 0.8, 0, picture.shape)
    return box if box is not None else (0, 0, 0, 0)


def _patch(picture: Image, place_px: Points, half_px: float) -> Image:
    half = max(4, round(half_px))
    column, row = np.round(place_px).astype(int)
    return picture[max(0, row - half) : max(0, row + half + 1), max(0, column - half) : max(0, column + half + 1)]


def _edge_blur_px(picture: Image, frame: FaceFrame) -> float:
    """Measure the blur of the strongest edges of eyes and lips, the sharpest parts of a face."""
    import cv2

    places = np.concatenate([eye.contour for eye in EYES.values()] + [LIPS])
    box = box_around(frame.points_px[places, :2], 0.03 * frame.unit_px, picture.shape)
    if box is None:
        return 1.0
    grey = cv2.cvtColor(np.ascontiguousarray(picture[box[1] : box[3], box[0] : box[2]]), cv2.COLOR_RGB2GRAY)
    grey = grey.astype(np.float32)
    second = 1.5
    once, twice = (_gradient(plane) for plane in (grey, cv2.GaussianBlur(grey, (0, 0), second)))
    edges = once >= quantile(once, 0.97)
    ratio = quantile(once[edges] / np.maximum(twice[edges], 1e-3), 0.5)
    return float(np.clip(second / np.sqrt(max(ratio**2 - 1, 1e-3)), *BLUR_PX))


def _gradient(grey: Field) -> Field:
    import cv2

    gradient: Field = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return gradient


def _noise(patch: Image) -> float:
    import cv2

    if min(patch.shape[:2]) < 5:
        return 0.0
    grey = (patch.astype(np.float64) @ LUMA).astype(np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = cv2.filter2D(grey, -1, kernel)[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(response).mean())
