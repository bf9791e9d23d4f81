"""The second pass: change the frames of one or several takes in a few threads and write them in order.

Takes with the same frame order share decoding; only a few run at a time, because each has its own encoder.

The pure core of the engine re-expresses one face in one picture: move landmarks, bend, fill the mouth, shade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from ...core.side_by_side import run_ordered, thread_count
from ..arrays import Box, Image, box_around, smoothstep
from ..frames.clip_frames import ClipFrames, Picture, TakeWriter, VideoFormat
from ..frames.frame_color import even_box, to_rgb, write_back
from ..frames.threads import single_threaded_opencv
from ..geometry.head_frame import FaceFrame
from ..geometry.mesh import NOSE_BASE, OVAL
from ..mouth.mouth import fill_mouth
from ..mouth.painted_over import hide_corners, hide_interior
from ..occlusion.occlusion import Mask, restore_occluder
from ..planning.take_plan import TakePlan
from ..pose.pose import Pose
from ..take_job import RenderMetrics
from ..voice.voice_features import VoiceAudio
from ..warp.glasses import Glasses, find_glasses, hold_glasses
from ..warp.landmark_moves import landmark_moves
from ..warp.resampling import KERNEL_PX
from ..warp.warp import FACE_RING, OUTER_RING, warp
from .eyeballs import restore_eyeballs
from .nasolabial import fold_cheeks
from .relief import shade_relief
from .shade import deepen_crows_feet, lift_creases, shade_folds
from .skin_light import skin_slopes

TAKES_AT_ONCE = 2
"""Takes that are written at the same time: an encoder holds some 20 frames, and decoding is a twentieth of a take."""
WAITING_PER_WORKER = 3
"""Frames in work or waiting to be written, per thread."""
MARGIN_PX = KERNEL_PX + 4
"""Pixels are read from no further outside the rings of the warp, which do not move."""


@dataclass(frozen=True)
class PlannedTake:
    """One take: its file, its plan and its voice."""

    out: Path
    plan: TakePlan
    sound: VoiceAudio | None

    @property
    def order(self) -> tuple[int, ...]:
        """Which frame of the clip each frame of the take shows."""
        return self.plan.layout.frames

    def edited(self, number: int, picture: Picture, video_format: VideoFormat) -> Picture:
        """Return a frame of the take, by its number, from the frame of the clip that it shows."""
        shown = self.order[number]
        pose, points = self.plan.poses[number], self.plan.faces[shown]
        if pose is None or points is None:
            return picture
        return retouch_picture(picture, video_format, FaceFrame(points), pose, self.plan.masks[shown])

    def metrics(self, fps: Fraction) -> RenderMetrics:
        """Return the metrics of the take."""
        return RenderMetrics(
            frames=len(self.order),
            frames_with_face=self.plan.frames_with_face,
            frames_changed=sum(pose is not None for pose in self.plan.poses),
            duration_s=str(len(self.order) / fps),
            audio_samples=self.plan.layout.samples,
            span=self.plan.span,
            notes=self.plan.notes,
        )


def draw_takes(frames: ClipFrames, takes: Sequence[PlannedTake], progress: Callable[[float], None]) -> None:
    """Write all takes.

    Args:
        frames: the clip, whose `times` are known.
        takes: the takes.
        progress: called with 0 to 1 at every written frame; its exceptions propagate, with all files closed.
    """
    count, done = sum(len(take.order) for take in takes), 0
    with single_threaded_opencv():
        for group in _groups(takes):
            for _ in _draw_group(frames, group):
                done += 1
                progress(done / count)


def _groups(takes: Sequence[PlannedTake]) -> Iterator[list[PlannedTake]]:
    """Group takes that show the same frames in the same order, at most `TAKES_AT_ONCE`."""
    by_order: dict[tuple[int, ...], list[PlannedTake]] = {}
    for take in takes:
        by_order.setdefault(take.order, []).append(take)
    for group in by_order.values():
        for first in range(0, len(group), TAKES_AT_ONCE):
            yield group[first : first + TAKES_AT_ONCE]


def _draw_group(frames: ClipFrames, group: Sequence[PlannedTake]) -> Iterator[None]:
    video_format, threads = frames.video_format, thread_count()
    order = group[0].order

    def calls() -> Iterator[Callable[[], Picture]]:
        for number, shown in enumerate(order):
            picture = frames.picture(shown)
            for take in group:
                yield partial(take.edited, number, picture, video_format)

    with ExitStack() as stack:
        writers = [stack.enter_context(_writer(take, video_format)) for take in group]
        edited = stack.enter_context(closing(run_ordered(calls(), threads, threads * WAITING_PER_WORKER)))
        for number, picture in enumerate(edited):
            writers[number % len(writers)].write(picture)
            yield


def _writer(take: PlannedTake, video_format: VideoFormat) -> TakeWriter:
    fitted = take.sound.fit_length(take.plan.layout.samples) if take.sound is not None else None
    return TakeWriter(take.out, video_format, fitted)


def retouch_picture(
    picture: Picture, video_format: VideoFormat, face: FaceFrame, pose: Pose, mask: Mask | None = None
) -> Picture:
    """Return a frame in which a face has a pose; samples outside its reach, or under the mask, keep their bytes."""
    box = reach_box(face, pose, video_format)
    if box is None:
        return picture
    box = even_box(box, video_format)
    before = to_rgb(picture, box, video_format)
    face_in_box = face.shifted(box[0], box[1])
    after = retouch(before, face_in_box, pose)
    if mask is not None and after is not before:
        after = restore_occluder(before, after, face_in_box, mask)
    return picture if after is before else write_back(picture, box, before, after, video_format)


def reach_box(face: FaceFrame, pose: Pose, video_format: VideoFormat) -> Box | None:
    """Return the box of everything that a pose can move, clipped to the picture; None if it is outside."""
    oval = face.points_px[OVAL, :2]
    centre = (oval.min(0) + oval.max(0)) / 2
    ring = centre + (oval - centre) * (OUTER_RING if pose.mode == "head" else FACE_RING)
    if not np.isfinite(ring).all():
        return None
    return box_around(ring, MARGIN_PX, (video_format.height, video_format.width))


SETS_IN_UNITS = 0.10
"""The edit region `lips` fades in over this distance below the base of the nose, in units."""


def retouch(picture: Image, frame: FaceFrame, pose: Pose) -> Image:
    """Return a picture in which the face has the pose; the input is not changed.

    Args:
        picture: (height, width, 3) uint8 RGB.
        frame: the face, in pixels of this picture.
        pose: the pose; at weight 0 the input itself is returned.
    """
    if pose.weight <= 0:
        return picture
    moves = landmark_moves(frame, pose)
    glasses = find_glasses(picture, frame) if pose.mode != "lips" else Glasses(0.0)
    moves = hold_glasses(moves, frame, glasses)
    calmed = hide_corners(hide_interior(picture, frame, pose), frame, pose)
    warped = warp(calmed, frame, moves, pose)
    if warped is None:
        return picture
    if glasses.dark < 0.5:
        restore_eyeballs(picture, warped, frame, pose)
    fill_mouth(picture, warped, frame, pose)
    lift_creases(warped, frame, pose, glasses.share)
    slopes = skin_slopes(warped)
    shade_relief(warped, frame, pose, slopes)
    fold_cheeks(warped, frame, pose, slopes)
    if glasses.share <= 0:
        deepen_crows_feet(warped, frame, pose, slopes)
    shade_folds(warped, frame, pose, slopes)
    left, top, right, bottom = warped.box
    changed = picture.copy()
    changed[top:bottom, left:right] = warped.picture
    if pose.mode == "lips":
        restore_above_nose(picture, changed, frame, warped.box)
    return changed


def restore_above_nose(picture: Image, changed: Image, frame: FaceFrame, box: Box) -> None:
    """Restore everything above the base of the nose, in place, to the byte; below it the change fades in."""
    left, top, right, bottom = box
    # The plane of the face is flat: how far a pixel lies below the nose is the sum of a column's and a row's share.
    origin, across, down = frame.to_local(frame.points_px[[NOSE_BASE], :2] + np.array([[0, 0], [1, 0], [0, 1]]))[:, 1]
    columns = (np.arange(left, right) - frame.points_px[NOSE_BASE, 0]) * (across - origin)
    rows = (np.arange(top, bottom) - frame.points_px[NOSE_BASE, 1]) * (down - origin)
    before, after = picture[top:bottom, left:right], changed[top:bottom, left:right]
    # Most rows are all above the base of the nose, or all far below it.
    above = rows + columns.max() <= 0
    fading = np.flatnonzero(~above & (rows + columns.min() < SETS_IN_UNITS))
    after[above] = before[above]
    weight = smoothstep((columns[None, :] + rows[fading, None]) / SETS_IN_UNITS)[..., None]
    mixed = before[fading] * (1 - weight) + after[fading] * weight
    after[fading] = np.round(mixed).astype(np.uint8)
