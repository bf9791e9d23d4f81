"""The face landmarker of mediapipe's Tasks API, with a model file that the user names; it runs on Python 3.13 as well.

Left to itself it behaves otherwise than FaceMesh; three habits are undone. It goes on from where faces were only while
it follows as many as it was told to, so faces are counted first and it is told their number. It smooths a single face
over time, by a filter that lags; with very long steps of time the filter lets all through. And newer releases measure
the depth of a face that leans along the lean, in units that differ across and down; it is scaled back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Image, Points
from ..quiet import quiet_import, silence_stderr
from .landmarker import CONFIDENCE, MOST_FACES, Box
from .model_file import FaceModel

_STEP_MS = 1_000_000
"""Between the pictures, on a clock of our own: the same pictures give the same landmarks, and none is smoothed."""
_LEFTMOST, _RIGHTMOST = 33, 263
"""The outer corners of the eyes, by which the landmarker tells how far a face leans."""
_BLANK = np.zeros((64, 64, 3), np.uint8)


class Tasks:
    """The landmarker and its detectors; what is not always needed is loaded when it is first asked."""

    def __init__(self, model: FaceModel, *, depth_leans: bool) -> None:
        self._model = model
        self._depth_leans = depth_leans
        self._now_ms = 0
        self._followed = 0
        self._count = 1
        with quiet_import():
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision

            self._mediapipe, self._vision, self._base = mediapipe, vision, BaseOptions
            self._counter = self._detecting(model.short_range)
            self._follower = self._landmarker(vision.RunningMode.VIDEO, self._count)
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
        for task in (self._counter, self._follower, self._looker, self._detector):
            if task is not None:
                task.close()

    def follow(self, picture: Image) -> list[Points]:
        """Give the landmarks of each face."""
        image = self._image(picture)
        self._expect(max(1, self._followed, len(self._counter.detect(image).detections)))
        self._now_ms += _STEP_MS
        faces = self._follower.detect_for_video(image, self._now_ms).face_landmarks
        self._followed = len(faces)
        return [self._points(face, picture.shape) for face in faces]

    def _expect(self, count: int) -> None:
        count = min(count, MOST_FACES)
        if count == self._count:
            return
        self._follower.close()
        with silence_stderr():
            self._follower = self._landmarker(self._vision.RunningMode.VIDEO, count)
        self._count = count

    def look(self, picture: Image) -> Points | None:
        """Give the landmarks of the one face of a picture."""
        if self._looker is None:
            with silence_stderr():
                self._looker = self._landmarker(self._vision.RunningMode.IMAGE, 1)
        found = self._looker.detect(self._image(picture)).face_landmarks
        return self._points(found[0], picture.shape) if found else None

    def detect(self, picture: Image) -> list[Box]:
        """Give what the full-range detector sees."""
        if self._model.full_range is None:
            return []
        if self._detector is None:
            with silence_stderr():
                self._detector = self._detecting(self._model.full_range)
                self._detector.detect(self._image(_BLANK))
        found = self._detector.detect(self._image(picture)).detections
        return [_box(each.bounding_box) for each in found]

    def _points(self, face: Any, shape: tuple[int, ...]) -> Points:
        height, width = shape[:2]
        points = np.array([(point.x * width, point.y * height, point.z * width) for point in face])
        if self._depth_leans:
            points[:, 2] /= leaning(points, width / height)
        return points

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

    def _detecting(self, model: bytes) -> Any:
        options = self._vision.FaceDetectorOptions(
            base_options=self._base(model_asset_buffer=model), min_detection_confidence=CONFIDENCE
        )
        return self._vision.FaceDetector.create_from_options(options)

    def _image(self, picture: Image) -> Any:
        kind = self._mediapipe.ImageFormat.SRGB
        return self._mediapipe.Image(image_format=kind, data=np.ascontiguousarray(picture))


def leaning(points: Points, aspect: float) -> float:
    """Give by what the depth of a face is too large in a picture of this width / height: 1 where it stands upright."""
    across, down = (points[_RIGHTMOST] - points[_LEFTMOST])[:2]
    return float(np.hypot(across, aspect * down) / np.hypot(across, down))


def _box(box: Any) -> Box:
    left, top = float(box.origin_x), float(box.origin_y)
    return left, top, left + box.width, top + box.height
