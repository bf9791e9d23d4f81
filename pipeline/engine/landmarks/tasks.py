"""The face landmarker of mediapipe's Tasks API, with a model file that the user names; it runs on Python 3.13 as well.

It looks for faces anew in every picture, where FaceMesh goes on from where a face was: landmarks agree, but for what a
slightly different crop does to them. A file without a full-range detector finds no small faces and has no witness.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Image, Points
from ..quiet import loading, quiet
from .contract import CONFIDENCE, MOST_FACES, Box
from .model import FaceModel

_STEP_MS = 40
"""Between the pictures, on a clock of our own, so that the same pictures give the same landmarks."""
_BLANK = np.zeros((64, 64, 3), np.uint8)


class Tasks:
    """The landmarker, and where the file has one, a detector; all but the first are loaded when they are asked."""

    def __init__(self, model: FaceModel) -> None:
        self._model = model
        self._now_ms = 0
        with loading():
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision

            self._mediapipe, self._vision, self._base = mediapipe, vision, BaseOptions
            self._follower = self._landmarker(vision.RunningMode.VIDEO, MOST_FACES)
            # Its threads go on to speak until a first picture is through.
            self.follow(_BLANK)
        self._looker: Any = None
        self._detector: Any = None

    @property
    def has_detector(self) -> bool:
        """Say whether the file has a full-range detector."""
        return self._model.full_range is not None

    def close(self) -> None:
        """Let go of the networks."""
        for task in (self._follower, self._looker, self._detector):
            if task is not None:
                task.close()

    def follow(self, picture: Image) -> list[Points]:
        """Give the landmarks of each face."""
        self._now_ms += _STEP_MS
        found = self._follower.detect_for_video(self._image(picture), self._now_ms)
        return [_points(face, picture.shape) for face in found.face_landmarks]

    def look(self, picture: Image) -> Points | None:
        """Give the landmarks of the one face of a picture."""
        if self._looker is None:
            with quiet():
                self._looker = self._landmarker(self._vision.RunningMode.IMAGE, 1)
        found = self._looker.detect(self._image(picture)).face_landmarks
        return _points(found[0], picture.shape) if found else None

    def detect(self, picture: Image) -> list[Box]:
        """Give what the full-range detector sees."""
        if not self.has_detector:
            return []
        if self._detector is None:
            with quiet():
                self._detector = self._full_range()
                self._detector.detect(self._image(_BLANK))
        found = self._detector.detect(self._image(picture)).detections
        return [_box(each.bounding_box) for each in found]

    def _landmarker(self, mode: Any, faces: int) -> Any:
        options = self._vision.FaceLandmarkerOptions(
            base_options=self._base(model_asset_buffer=self._model.bundle),
            running_mode=mode,
            num_faces=faces,
            min_face_detection_confidence=CONFIDENCE,
            min_face_presence_confidence=CONFIDENCE,
            min_tracking_confidence=CONFIDENCE,
        )
        return self._vision.FaceLandmarker.create_from_options(options)

    def _full_range(self) -> Any:
        options = self._vision.FaceDetectorOptions(
            base_options=self._base(model_asset_buffer=self._model.full_range), min_detection_confidence=CONFIDENCE
        )
        return self._vision.FaceDetector.create_from_options(options)

    def _image(self, picture: Image) -> Any:
        kind = self._mediapipe.ImageFormat.SRGB
        return self._mediapipe.Image(image_format=kind, data=np.ascontiguousarray(picture))


def _points(face: Any, shape: tuple[int, ...]) -> Points:
    height, width = shape[:2]
    return np.array([(point.x * width, point.y * height, point.z * width) for point in face])


def _box(box: Any) -> Box:
    left, top = float(box.origin_x), float(box.origin_y)
    return left, top, left + box.width, top + box.height
