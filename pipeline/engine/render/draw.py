"""The second pass: the frames of one or several takes, changed by a few threads and written in their order.

Takes whose frames run in the same order share what is decoded; a few at a time, because each has an encoder of its own.

How far a pose can reach in a picture: the part of it that is read and written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from ..occlusion.cover import keep_covered
from ..occlusion.occlusion import Mask
from ..pose.head_frame import FaceFrame
from ..pose.landmark_indices import OVAL
from ..pose.pose import Pose
from ..take_job import RenderMetrics
from ..take_plan import Direction
from ..voice.voice_samples import Sound
from ..warp.warp import FACE_RING, OUTER_RING
from .clip_frames import Frames, Look, Picture
from .frame_colour import even_box, to_rgb, write_back
from .layer import Box, box_around
from .retouch import retouch
from .take_encoder import TakeWriter
from .threads import one_thread_each, ordered, workers

TOGETHER = 2
"""How many takes are written at a time: an encoder holds some 20 frames, and decoding is a twentieth of a take."""
WAITING_PER_WORKER = 3
"""How many frames may be in work or wait to be written, per thread."""


@dataclass(frozen=True)
class Scene:
    """One take: where it goes, what is done in it, and its voice."""

    out: Path
    direction: Direction
    sound: Sound | None

    @property
    def order(self) -> tuple[int, ...]:
        """Give which frame of the clip each frame of the take shows."""
        return self.direction.plan.frames

    def edited(self, number: int, picture: Picture, look: Look) -> Picture:
        """Give a frame of the take, by its number, from the picture of the clip that it shows."""
        shown = self.order[number]
        pose, points = self.direction.poses[number], self.direction.line[shown]
        if pose is None or points is None:
            return picture
        return retouch_picture(picture, look, FaceFrame(points), pose, self.direction.hidden[shown])

    def metrics(self, fps: Fraction) -> RenderMetrics:
        """Tell what was made."""
        return RenderMetrics(
            frames=len(self.order),
            frames_with_face=self.direction.frames_with_face,
            frames_changed=sum(pose is not None for pose in self.direction.poses),
            duration_s=str(len(self.order) / fps),
            audio_samples=self.direction.plan.samples,
            span=self.direction.span,
            notes=self.direction.notes,
        )


def draw(frames: Frames, scenes: Sequence[Scene], progress: Callable[[float], None]) -> None:
    """Write all scenes.

    Args:
        frames: the clip, whose frames are known (`all` or `know`).
        scenes: the takes.
        progress: gets 0 to 1 at every frame that is written; what it raises passes through, with all files closed.
    """
    count, done = sum(len(scene.order) for scene in scenes), 0
    with one_thread_each():
        for group in _groups(scenes):
            for _ in _drawn(frames, group):
                done += 1
                progress(done / count)


def _groups(scenes: Sequence[Scene]) -> Iterator[list[Scene]]:
    """Put scenes together that show the same frames in the same order, `TOGETHER` at most."""
    alike: dict[tuple[int, ...], list[Scene]] = {}
    for scene in scenes:
        alike.setdefault(scene.order, []).append(scene)
    for group in alike.values():
        for first in range(0, len(group), TOGETHER):
            yield group[first : first + TOGETHER]


def _drawn(frames: Frames, group: Sequence[Scene]) -> Iterator[None]:
    look, threads = frames.look, workers()
    order = group[0].order

    def calls() -> Iterator[Callable[[], Picture]]:
        for number, shown in enumerate(order):
            picture = frames.picture(shown)
            for scene in group:
                yield partial(scene.edited, number, picture, look)

    with ExitStack() as stack:
        writers = [stack.enter_context(_writer(scene, look)) for scene in group]
        edited = stack.enter_context(closing(ordered(calls(), threads, threads * WAITING_PER_WORKER)))
        for number, picture in enumerate(edited):
            writers[number % len(writers)].write(picture)
            yield


def _writer(scene: Scene, look: Look) -> TakeWriter:
    fitted = scene.sound.fitted(scene.direction.plan.samples) if scene.sound is not None else None
    return TakeWriter(scene.out, look, fitted)


def retouch_picture(picture: Picture, look: Look, face: FaceFrame, pose: Pose, hidden: Mask | None = None) -> Picture:
    """Give a frame in which a face has a pose; samples that it does not reach, or that are hidden, keep their bytes."""
    box = reach_box(face, pose, look)
    if box is None:
        return picture
    box = even_box(box, look)
    before = to_rgb(picture, box, look)
    here = face.shifted(box[0], box[1])
    after = retouch(before, here, pose)
    if hidden is not None and after is not before:
        after = keep_covered(before, after, here, hidden)
    return picture if after is before else write_back(picture, box, before, after, look)


MARGIN_UNITS = 0.6
"""Pixels may be fetched from this far outside."""


def reach_box(face: FaceFrame, pose: Pose, look: Look) -> Box | None:
    """Give the box of a face with all that its pose can move; None where none of it is in the picture."""
    oval = face.points_px[OVAL, :2]
    centre = (oval.min(0) + oval.max(0)) / 2
    ring = centre + (oval - centre) * (OUTER_RING if pose.mode == "head" else FACE_RING)
    if not np.isfinite(ring).all():
        return None
    return box_around(ring, MARGIN_UNITS * face.unit_px, (look.height, look.width))
