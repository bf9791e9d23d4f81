"""Re-express a face in one frame at a time, as fast as a slider moves: everything that no slider changes is kept.

What `animate` computes per take from all frames of a shot (the resting mouth, the headroom, whether the mouth speaks)
is computed once per face of a shot here. The pose of a frame is then the pose that `animate` gives it in a take without
a new voice, away from the ramps at the ends of the span.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...core.edits.choices import React1Choices
from ..arrays import Image, Points
from ..detect.detect import Detections
from ..detect.face_selection import frontal_weights, sharpness_weights
from ..detect.people import number_people, tracks_in
from ..detect.track import Track, fill_gaps, resting_shapes, smooth_track
from ..frames.frame_color import keep_one_color
from ..frames.threads import single_threaded_opencv
from ..geometry.head_frame import FaceFrame
from ..geometry.mesh import OVAL
from ..planning.animate import (
    gap_per_frame,
    headroom_per_frame,
    mouth_held_open,
    mouth_shapes,
    mouth_talks,
    pose_for,
    resting_upper_lip,
    usual_unit_px,
)
from ..planning.speech_gaps import closing_share, filled, own_share
from ..planning.tooth_color import LEAST_TEETH, may_show_teeth, measure_tooth_color, most_teeth
from ..pose.head_motion import head_motion
from ..pose.pose import Color, Pose
from .draw import retouch


class LiveFace:
    """One face of a shot; `number` counts the faces of the shot from 1, from left to right."""

    def __init__(self, number: int, track: Track, count: int, fps: Fraction) -> None:
        """Prepare a face.

        Args:
            number: the number of the face in its shot.
            track: its detections, by frames from the start of the shot.
            count: the number of frames of the shot.
            fps: frames per second.
        """
        rate = float(fps)
        faces = [track.points.get(frame) for frame in range(count)]
        self.number = number
        self.fps = fps
        self.landmarks = list(smooth_track(fill_gaps(faces, rate), rate))
        self.detected_frames = len(track.points)
        self.unit_px = track.unit_px
        self.visibility = frontal_weights(self.landmarks) * sharpness_weights(track.texels, count, fps)
        self._shapes = mouth_shapes(self.landmarks)
        self._resting = resting_shapes(self._shapes, rate)
        self._headroom = headroom_per_frame(self.landmarks, rate)
        gaps = gap_per_frame(self._shapes)
        self._talks = mouth_talks(gaps)
        self._upper_lip = resting_upper_lip(self.landmarks)
        self._held_open = mouth_held_open(gaps) if self._talks else None
        self._openings = filled(gaps)
        self._closing = closing_share(gaps, rate) if self._talks else np.zeros(count)
        self._own_teeth = own_share(gaps, rate, usual_unit_px(self.landmarks))
        self.tooth_color: Color | None = None

    def measure_teeth(self, pictures: Sequence[tuple[int, Image]]) -> None:
        """Measure the colour of the teeth in a few RGB pictures, given with their frames in the shot."""
        measured = []
        for frame, picture in pictures:
            points = self.landmarks[frame]
            if points is not None:
                measured.append((self._openings[frame], measure_tooth_color(picture, FaceFrame(points))))
        share, color = most_teeth(measured)
        if share >= LEAST_TEETH:
            self.tooth_color = color

    def open_frames(self, most: int) -> list[int]:
        """Return up to `most` frames in which teeth can be measured, spread over the shot."""
        usable = [
            frame
            for frame, points in enumerate(self.landmarks)
            if points is not None and may_show_teeth(FaceFrame(points))
        ]
        step = max(1, -(-len(usable) // most))
        return usable[step // 2 :: step]

    def box(self, frame: int) -> tuple[float, float, float, float] | None:
        """Return the box around the face in a frame: left, top, right, bottom in px; None where it is not seen."""
        points = self.landmarks[frame]
        if points is None:
            return None
        oval = points[OVAL, :2]
        (left, top), (right, bottom) = oval.min(0), oval.max(0)
        return float(left), float(top), float(right), float(bottom)

    def pose(self, frame: int, choices: React1Choices, strength: float = 1.0) -> Pose | None:
        """Return the pose of a frame of the shot; None where the face is not seen.

        Args:
            frame: counted from the start of the shot.
            choices: the emotion, its temperature and its region.
            strength: the share of the expression, 0 to 1.
        """
        shape, rest = self._shapes[frame], self._resting[frame]
        weight = float(self.visibility[frame]) * strength
        if shape is None or rest is None or weight <= 0:
            return None
        if self._held_open is not None:
            rest = replace(rest, gap=self._held_open * shape.gap)
        pose = pose_for(
            choices,
            shape,
            rest,
            weight,
            talks=self._talks,
            headroom=self._headroom[frame],
            closing=float(self._closing[frame]),
        )
        pose = replace(pose, resting_lip=self._upper_lip, own_teeth=float(self._own_teeth[frame]))
        if choices.model_mode == "head":  # no other region moves with the head
            weights = np.full(len(self._shapes), weight)
            heads = head_motion(self._openings if self._talks else None, weights, choices, self.fps)
            pose = replace(pose, head=heads[frame])
        return pose if self.tooth_color is None else replace(pose, tooth_color=self.tooth_color)

    def draw(
        self,
        picture: Image,
        frame: int,
        choices: React1Choices,
        *,
        strength: float = 1.0,
        corner_px: tuple[float, float] = (0.0, 0.0),
        scale: float = 1.0,
    ) -> Image:
        """Return a picture of a frame, or a scaled part of it, with another expression; itself if nothing changes.

        As in a take, a picture of a single colour, such as a black-and-white one, keeps it.

        Args:
            picture: (height, width, 3) uint8 RGB.
            frame: counted from the start of the shot.
            choices: the emotion, its temperature and its region.
            strength: the share of the expression, 0 to 1.
            corner_px: the place of the picture's top left pixel in the pictures in which the faces were detected.
            scale: its pixels per pixel of those pictures.
        """
        points, pose = self.landmarks[frame], self.pose(frame, choices, strength)
        if points is None or pose is None:
            return picture
        moved: Points = (points - np.array([*corner_px, 0.0])) * scale
        with single_threaded_opencv():
            return keep_one_color(picture, retouch(picture, FaceFrame(moved), pose))


def live_faces(detections: Detections, fps: Fraction) -> list[LiveFace]:
    """Return the faces of the frames of one shot, numbered from left to right as `react1 faces` numbers them."""
    count = len(detections.frames)
    people = number_people(tracks_in(detections.frames, (0, count), (0, count), fps))
    return [LiveFace(number, person, count, fps) for number, person in enumerate(people, 1)]
