"""The colour of the performer's own teeth, measured once per clip, for the frames that do not show them.

A few frames with an open mouth are read, in order; the one that shows the most teeth gives the colour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from ..arrays import Image, box_around, shares_between, soft_mask
from ..frames.clip_frames import ClipFrames
from ..frames.frame_color import even_box, to_rgb
from ..frames.shot_light import LUMA, measure_white
from ..geometry.head_frame import FaceFrame, MouthShape
from ..geometry.mesh import INNER_LIPS, OVAL
from ..pose.pose import Color
from .take_plan import TakePlan

Teeth: TypeAlias = tuple[float, Color]
"""The share of a mouth that shows teeth, and their colour as shares of white."""
KeepTeeth: TypeAlias = Callable[[str, Callable[[], Teeth]], Teeth]
"""Returns what was measured before under this name, or measures it; no temperature changes what a name stands for."""
MOST_FRAMES = 4
"""Frames that are read at most."""
OPEN_GAP, MOST_YAW_DEG = (0.09, 0.34), 24.0
"""Gaps, in units, and turns of the head in which teeth are measured."""
NEEDS_TEETH, SHOWS_OWN = 0.02, 0.08
"""A pose with a larger gap than the first needs teeth; a frame whose own gap exceeds the second shows its own, unless
they are too small, or seen for too short a time (`Pose.own_teeth`)."""
LEAST_LUMA, MOST_CHROMA = 0.62, 0.27
"""A tooth is at least this bright and at most this saturated, as shares of white."""
BRIGHT_LUMA, BRIGHT_CHROMA = (0.72, 0.85), 0.09
"""Between these brightnesses it may be more saturated, by as much as the second: in warm light, beside pale skin."""
LEAST_TEETH = 0.10
"""The share of an opening that must be teeth."""
SHADED = 0.96
"""What the lips' shadow leaves of the light on the best lit teeth."""
PLAUSIBLE = (0.6, 1.3)
NO_TEETH: Teeth = (0.0, (0.0, 0.0, 0.0))


def with_tooth_color(frames: ClipFrames, plan: TakePlan, keep: KeepTeeth | None = None) -> TakePlan:
    """Return the plan with the clip's tooth colour in its poses; unchanged if none needs it or no frame shows it.

    Args:
        frames: the clip.
        plan: the take.
        keep: stores what is measured, so that the frames of the clip need not be decoded for the next take.
    """
    if not any(_needs_teeth(plan, number) for number in range(len(plan.poses))):
        return plan
    numbers = _candidates(plan)

    def measure() -> Teeth:
        return most_teeth(_measure_frame(frames, plan, number) for number in numbers)

    teeth, color = measure() if keep is None else keep(_name(plan, numbers), measure)
    if teeth < LEAST_TEETH:
        return plan
    poses = tuple(None if pose is None else replace(pose, tooth_color=color) for pose in plan.poses)
    return replace(plan, poses=poses)


def most_teeth(frames: Iterable[tuple[float, Teeth]]) -> Teeth:
    """Return the teeth of the frame that shows the most: lips that part little shade what is between them.

    Args:
        frames: the opening of the mouth, in units, and the teeth in it.
    """
    return max(frames, key=lambda frame: frame[0] * frame[1][0], default=(0.0, NO_TEETH))[1]


def may_show_teeth(face: FaceFrame) -> bool:
    """Return whether a mouth is open far enough, and the head turned little enough, to measure teeth."""
    return OPEN_GAP[0] <= MouthShape.of(face).gap <= OPEN_GAP[1] and abs(face.yaw_deg) <= MOST_YAW_DEG


def measure_tooth_color(picture: Image, face: FaceFrame) -> Teeth:
    """Return the share of the mouth that shows teeth, and their colour as shares of white; (0, 0 0 0) without teeth.

    `picture` is (height, width, 3) RGB; the face may be cut off, its mouth may not.
    """
    contour = face.points_px[INNER_LIPS, :2]
    box = box_around(contour, 0, picture.shape)
    if box is None:
        return NO_TEETH
    inside = picture[box[1] : box[3], box[0] : box[2]][soft_mask(contour, box, 0) > 0.9]
    # As shares of white, so that the tint of the light does not count as the colour of the tooth.
    shares = inside / np.maximum(measure_white(picture, face), 1)
    luma, chroma = shares @ LUMA, np.ptp(shares, axis=1) / np.maximum(shares.max(1, initial=0.0), 1e-6)
    tooth = (luma > LEAST_LUMA) & (chroma < MOST_CHROMA + BRIGHT_CHROMA * shares_between(luma, BRIGHT_LUMA))
    if tooth.sum() < 12:
        return NO_TEETH
    best = shares[tooth & (luma >= np.percentile(luma[tooth], 70))].mean(0) / SHADED
    red, green, blue = (float(share) for share in np.clip(best, *PLAUSIBLE))
    return float(tooth.mean()), (red, green, blue)


def _needs_teeth(plan: TakePlan, number: int) -> bool:
    pose, points = plan.poses[number], plan.faces[plan.layout.frames[number]]
    if pose is None or points is None or pose.gap <= NEEDS_TEETH:
        return False
    return pose.own_teeth < 1 or MouthShape.of(FaceFrame(points)).gap < SHOWS_OWN


def _candidates(plan: TakePlan) -> list[int]:
    """Return frames with an open mouth, spread over the clip, in order."""
    shown = set(plan.layout.frames)
    usable = []
    for number, points in enumerate(plan.faces):
        if points is None or number not in shown or plan.masks[number] is not None:
            continue
        if may_show_teeth(FaceFrame(points)):
            usable.append(number)
    step = max(1, -(-len(usable) // MOST_FRAMES))
    return usable[step // 2 :: step]


def _name(plan: TakePlan, numbers: list[int]) -> str:
    """Return a digest of what is measured in a clip: the frames, and where the face is in them."""
    digest = hashlib.sha256(repr(numbers).encode())
    for number in numbers:
        points = plan.faces[number]
        assert points is not None
        digest.update(np.ascontiguousarray(points).tobytes())
    return digest.hexdigest()


def _measure_frame(frames: ClipFrames, plan: TakePlan, number: int) -> tuple[float, Teeth]:
    points, video_format = plan.faces[number], frames.video_format
    assert points is not None
    face = FaceFrame(points)
    box = box_around(face.points_px[OVAL, :2], 0.1 * face.unit_px, (video_format.height, video_format.width))
    if box is None:
        return 0.0, NO_TEETH
    box = even_box(box, video_format)
    picture = to_rgb(frames.picture(number), box, video_format)
    return MouthShape.of(face).gap, measure_tooth_color(picture, face.shifted(box[0], box[1]))
