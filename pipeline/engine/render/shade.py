"""Shade the folds of the skin: a crease is in shadow, between two bulges that catch the light.

Without folds a moved face looks like rubber; any stronger they would look painted. Each is a soft dark line with
brighter flanks that multiplies the picture, so that it follows the light of the shot and keeps the grain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..arrays import Box, Curve, Field, Image, Plane, Points, box_around
from ..frames.shot_light import LUMA
from ..geometry.head_frame import FaceFrame, MouthShape, foreshortening
from ..geometry.mesh import ANCHORS, EYES, LOWER_LIP, NOSE_BRIDGE, NOSE_ROOT, SIDES, UPPER_LIP
from ..pose.pose import Pose
from ..warp.warp import Warped
from .skin_light import relight


@dataclass(frozen=True)
class Fold:
    """A line on the skin, on each side of the face."""

    weights: dict[str, float]
    """Action unit → depth at amplitude 1; depths add up."""
    path: tuple[tuple[str, float, float], ...]
    """(anchor, outward, down); offsets in units."""
    width: float = 1.0
    on_lips: bool = False
    """Whether it appears in the edit region `lips`."""


FOLDS = (
    Fold({"AU15": 0.13}, (("mouth corner", 0.03, 0.03), ("mouth corner", 0.05, 0.14)), 1.5, on_lips=True),
    Fold({"AU4": 0.18, "AU9": 0.04}, (("brow root", -0.085, -0.13), ("brow root", -0.095, 0.05)), 1.1),
    Fold({"AU9": 0.17}, (("nose root", 0.08, 0.06), ("nose middle", 0.05, 0.06))),
    Fold({"AU9": 0.15}, (("nose bridge", 0.10, -0.02), ("nose bridge", 0.17, 0.05))),
    Fold({"AU9": 0.09}, (("nose middle", 0.0, 0.02), ("nose middle", 0.09, 0.0))),
    Fold({"AU9": 0.09}, (("nose middle", 0.0, 0.12), ("nose middle", 0.10, 0.09))),
    Fold({"AU9": 0.09}, (("nose middle", 0.03, 0.16), ("nose middle", 0.15, 0.05))),
    Fold({"AU9": 0.09}, (("nose middle", 0.05, 0.26), ("nose middle", 0.17, 0.16))),
    Fold({"AU9": 0.07}, (("nose root", 0.17, 0.22), ("nose root", 0.21, 0.42), ("nostril", 0.04, -0.15)), 1.4),
    Fold({"AU6": 0.14}, (("eye corner", 0.09, -0.02), ("eye corner", 0.18, -0.05))),
    Fold({"AU6": 0.14}, (("eye corner", 0.09, 0.04), ("eye corner", 0.17, 0.07))),
)
MOUTH_BORDER = np.concatenate([UPPER_LIP[0], LOWER_LIP[0][::-1]])
FOREHEAD_DEPTH, SEAM_DEPTH = 0.065, 0.42
SOFT, FLANKS = 0.036, 0.55
"""Blur of the crease in units, and the share of its depth that the flanks, three times as wide, brighten."""
MOST_DEPTH = 0.19
"""No fold is deeper than this, whichever units add up; deeper ones would look painted."""
LEAST_DEPTH = 0.01
"""Folds that are no deeper are not drawn."""
SEAM_GAP = 0.05
"""Lips that were this far apart, in units, and close get a full seam; lips that were shut have their own."""


@dataclass(frozen=True)
class _Line:
    places_px: Points
    depth: float
    width: float


def shade_folds(warped: Warped, frame: FaceFrame, pose: Pose, slopes: Curve) -> None:
    """Darken the folds that the units of a pose make, in place; `slopes` are those of `skin_slopes`."""
    import cv2

    lines = list(_lines(warped.places_px, frame, pose))
    if not lines:
        return
    unit_px = frame.unit_px
    box = box_around(np.concatenate([line.places_px for line in lines]), 0.30 * unit_px, warped.picture.shape)
    if box is None:
        return
    left, top, right, bottom = box
    depth = cv2.resize(_depth_map(lines, box, unit_px), (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    relight(warped.picture[top:bottom, left:right], -depth, slopes)


SMILE_CREASES = (
    (("nostril", 0.04, -0.04), ("nasolabial", 0.14, 0.0), ("mouth corner", 0.13, 0.0), ("mouth corner", 0.12, 0.16)),
    (("eye corner", 0.08, 0.0), ("eye corner", 0.20, 0.0)),
)
"""Where a smile creases the skin: from the nose around the mouth, and beside the eyes."""
CREASE_UNITS, CREASE_REACH = 0.035, 0.22
"""The blur within which a crease is dark, and the width of the strip in which creases are lifted, in units."""
MOST_LIFTED = 55.0
"""Creases are lifted by up to this many steps of 255; what is darker still, such as a rim or hair, is no crease."""
LEAST_SIGMA_PX = 1.5
"""Pictures are shrunk before a blur only as far as its deviation stays above this."""


def lift_creases(warped: Warped, frame: FaceFrame, pose: Pose, glasses: float) -> None:
    """Brighten the creases of the performer's own smile, in place, as far as AU0 takes the smile away.

    Only what is darker than its surroundings is raised to them, and only by its blurred depth, so that the grain stays.
    Beside the eyes of a face with `glasses`, 0 to 1, the dark line is their frame, and stays.
    """
    import cv2

    strength = min(1.0, pose.amplitude("AU0"))
    if strength <= 0.02 or pose.mode == "lips":
        return
    right, down = frame.plane_px
    paths = []
    for side in SIDES:
        anchors = _anchors(warped.places_px, side)
        paths += [
            np.array([anchors[at] + side * right * out + down * below for at, out, below in path])
            for path in SMILE_CREASES[: 1 if glasses > 0 else None]
        ]
    box = box_around(np.concatenate(paths), 0.25 * frame.unit_px, warped.picture.shape)
    if box is None:
        return
    left, top, right_px, bottom = box
    strip = np.zeros((bottom - top, right_px - left), np.uint8)
    for path in paths:
        fixed = np.round((path - np.array([left, top])) * 16).astype(np.int32)
        cv2.polylines(strip, [fixed], False, 255, max(1, round(CREASE_REACH * frame.unit_px)), cv2.LINE_AA, 4)
    lips = np.round((warped.places_px[MOUTH_BORDER] - np.array([left, top])) * 16).astype(np.int32)
    cv2.fillPoly(strip, [lips], 0, cv2.LINE_AA, 4)
    part = warped.picture[top:bottom, left:right_px]
    # What is lifted is as soft as the blur of a crease, so it is found in a smaller picture.
    soft_px = max(0.8, CREASE_UNITS * frame.unit_px)
    shrink = _shrink(soft_px)
    size = (max(1, (right_px - left) // shrink), max(1, (bottom - top) // shrink))
    small, small_strip = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (part, strip))
    fine, wide = (blurred(small, sigma_px / shrink) for sigma_px in (soft_px, 4 * soft_px))
    share = blurred(small_strip, 0.03 * frame.unit_px / shrink) * (strength / 255)
    # Luma tells how much is lifted, for all three channels: each by itself would lift only the blue of dark make-up.
    depth = np.maximum(cv2.transform(wide - fine, LUMA[None]), 1e-3)
    share *= np.clip((2 * MOST_LIFTED - depth) / depth, 0, 1)
    large = (right_px - left, bottom - top)
    # OpenCV enlarges three planes in less time than one picture.
    lifted = cv2.split(np.maximum(wide - fine, 0))
    planes = (cv2.resize(plane * share, large, interpolation=cv2.INTER_LINEAR) for plane in lifted)
    cv2.add(part, cv2.merge([cv2.convertScaleAbs(plane) for plane in planes]), dst=part)


CROWS_FEET, CROWS_FEET_SPREAD = (0.19, 0.03), (0.10, 0.12)
"""Where a cheek that rises creases the skin beside an eye: outward and down from its corner; deviations; in units."""
DEEPER, FAINTEST_OWN, MOST_OWN = 1.8, 0.02, 0.12
"""By how much of itself a line there gets deeper at most; what is fainter is grain, what is much darker hair."""


def deepen_crows_feet(warped: Warped, frame: FaceFrame, pose: Pose, slopes: Curve) -> None:
    """Deepen the lines that a face has beside its eyes as its cheeks rise, in place: smooth skin gets none.

    Not for a face with glasses, whose frame is the dark line there.
    """
    import cv2

    strength = DEEPER * min(1.0, pose.amplitude("AU6") / 1.5)
    if strength <= 0.02 or pose.mode == "lips":
        return
    unit = frame.unit_px
    right, down = frame.plane_px
    places = np.linalg.inv(frame.plane_px)
    for side, seen in zip(SIDES, foreshortening(frame, np.array(SIDES)).tolist(), strict=True):
        middle = warped.places_px[EYES[side].outer] + side * right * CROWS_FEET[0] + down * CROWS_FEET[1]
        box = box_around(middle[None], 2.2 * max(CROWS_FEET_SPREAD) * unit, warped.picture.shape)
        if box is None:
            continue
        part = warped.picture[box[1] : box[3], box[0] : box[2]]
        grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY).astype(np.float32)
        fine, wide = (cv2.GaussianBlur(grey, (0, 0), max(0.6, units * unit)) for units in (0.012, 0.045))
        own = np.maximum(1 - fine / np.maximum(wide, 1.0) - FAINTEST_OWN, 0)
        own = np.minimum(own, np.maximum(2 * MOST_OWN - own, 0))
        x, y = (np.arange(box[start], box[start + 2], dtype=np.float32) - middle[start] for start in (0, 1))
        across = (x * places[0, 0])[None] + (y * places[1, 0])[:, None]
        along = (x * places[0, 1])[None] + (y * places[1, 1])[:, None]
        near = (across / CROWS_FEET_SPREAD[0]) ** 2 + (along / CROWS_FEET_SPREAD[1]) ** 2
        relight(part, np.asarray(-strength * seen * own * np.exp(-0.5 * near), np.float32), slopes)


def _shrink(sigma_px: float) -> int:
    """Return by how much a picture may be shrunk, a power of two, before a blur of this deviation."""
    return int(2 ** max(0, math.floor(math.log2(sigma_px / LEAST_SIGMA_PX))))


def blurred(picture: Image | Plane, sigma_px: float) -> Field:
    """Return a picture blurred, as float32; wide blurs are computed in a smaller picture."""
    import cv2

    shrink = _shrink(sigma_px)
    if shrink == 1:
        narrow: Field = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), sigma_px)
        return narrow
    height, width = picture.shape[:2]
    size = (max(1, width // shrink), max(1, height // shrink))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    # To average blocks and to interpolate between them blurs, too: together by a quarter of their size, squared.
    small = cv2.GaussianBlur(small, (0, 0), math.sqrt((sigma_px / shrink) ** 2 - 0.25))
    wide: Field = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return wide


def _depth_map(lines: list[_Line], box: Box, unit_px: float) -> Field:
    """Return the depth of all lines over a box; negative where the picture gets brighter."""
    import cv2

    scale = 0.5 if unit_px > 60 else 1.0
    left, top, right, bottom = box
    plane = np.zeros((max(1, int((bottom - top) * scale)), max(1, int((right - left) * scale))), np.float32)
    for line in lines:
        places = (line.places_px - np.array([left, top])) * scale
        thick = max(1, round(0.026 * line.width * unit_px * scale))
        near = box_around(places, thick + 2, plane.shape)
        if near is None:
            continue
        part = plane[near[1] : near[3], near[0] : near[2]]
        stroke = np.zeros(part.shape, np.uint8)
        fixed = np.round((places - np.array(near[:2])) * 16).astype(np.int32)
        cv2.polylines(stroke, [fixed], False, 255, thick, cv2.LINE_AA, 4)
        np.maximum(part, stroke.astype(np.float32) * (min(0.6, line.depth * 1.9) / 255), out=part)
    soft = max(0.7, SOFT * unit_px * scale)
    crease, around = cv2.GaussianBlur(plane, (0, 0), soft), cv2.GaussianBlur(plane, (0, 0), 3 * soft)
    depth: Field = crease - FLANKS * around
    return depth


def _lines(places: Points, frame: FaceFrame, pose: Pose) -> Iterator[_Line]:
    """Yield the lines that are deep enough to be drawn."""
    right, down = frame.plane_px
    for side in SIDES:
        anchors = _anchors(places, side)
        seen = float(foreshortening(frame, np.array([side]))[0])
        for fold in FOLDS:
            if pose.mode == "lips" and not fold.on_lips:
                continue
            depth = sum(weight * pose.amplitude(unit) for unit, weight in fold.weights.items())
            depth = seen * min(depth, MOST_DEPTH)
            if depth <= LEAST_DEPTH:
                continue
            path = [anchors[name] + side * right * outward + down * below for name, outward, below in fold.path]
            yield _Line(np.array(path), depth, fold.width)
    if pose.mode != "lips":
        yield from _forehead(places, frame, pose)
    shuts = min(1.0, max(0.0, MouthShape.of(frame).gap - pose.gap) / SEAM_GAP)
    if pose.gap < 0.03 and shuts > 0:
        depth = SEAM_DEPTH * shuts * (1 - pose.gap / 0.03)
        if depth > LEAST_DEPTH:
            yield _Line((places[UPPER_LIP[3]] + places[LOWER_LIP[3]]) / 2, depth, 0.75)


_ANCHOR_POINTS = {side: np.concatenate([ids[side] for ids in ANCHORS.values()]) for side in SIDES}
_ANCHOR_COUNTS = np.array([len(ids[1]) for ids in ANCHORS.values()])
_ANCHOR_STARTS = np.cumsum(_ANCHOR_COUNTS) - _ANCHOR_COUNTS


def _anchors(places: Points, side: int) -> dict[str, Points]:
    means = np.add.reduceat(places[_ANCHOR_POINTS[side]], _ANCHOR_STARTS) / _ANCHOR_COUNTS[:, None]
    anchors = dict(zip(ANCHORS, means, strict=True))
    anchors["nasolabial"] = anchors["nostril"] * 0.55 + anchors["mouth corner"] * 0.45
    anchors["nose root"], anchors["nose middle"], anchors["nose bridge"] = places[[NOSE_ROOT, 6, NOSE_BRIDGE]]
    return anchors


def _forehead(places: Points, frame: FaceFrame, pose: Pose) -> Iterator[_Line]:
    depth = FOREHEAD_DEPTH * min(pose.amplitude("AU1"), 1.0)
    if depth <= LEAST_DEPTH:
        return
    right, down = frame.plane_px
    middle = (places[107] + places[336]) / 2
    half = right * (0.42 if pose.amplitude("AU2") > 0.3 * pose.amplitude("AU1") else 0.20)
    for above in (0.16, 0.28):
        path = [
            middle - half - down * (above - 0.02),
            middle - down * (above + 0.02),
            middle + half - down * (above - 0.02),
        ]
        yield _Line(np.array(path), depth, 1.2)
