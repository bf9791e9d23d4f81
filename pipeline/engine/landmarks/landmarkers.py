"""The two landmarkers of mediapipe: FaceMesh of 0.10.14, whose wheel contains its models, and that of the Tasks API.

Nothing is downloaded. The Tasks API reads the user's model file, and also runs on Python 3.13. Three of its differences
from FaceMesh are compensated. It tracks faces only while it finds as many as `num_faces`, so faces are counted first
and `num_faces` is set to their number. It smooths a single face over time with a filter that lags; very long time steps
disable the filter. Newer releases measure the depth of a tilted face along the tilt, in units that differ across and
down; the depth is scaled back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Image, Points
from ..quiet import quiet_import, silence_stderr
from .backend import CONFIDENCE, MAX_FACES, Box
from .model_file import FaceModel

_FULL_RANGE = 1
_BLANK = np.zeros((64, 64, 3), np.uint8)


class BundledLandmarker:
    """mediapipe's solutions, loaded on first use."""

    has_detector = True

    def __init__(self) -> None:
        with quiet_import():
            from mediapipe.python import solutions

            self._solutions = solutions
            self._mesh = self._new_mesh(static=False)
        self._detector: Any = None
        self._crop_mesh: Any = None
        self._warm_calls = 0

    def close(self) -> None:
        """Release the networks."""
        for graph in (self._mesh, self._detector, self._crop_mesh):
            if graph is not None:
                graph.close()

    def track_faces(self, picture: Image) -> list[Points]:
        """Return the landmarks of each face, tracked from call to call."""
        result = self._run(self._mesh, picture)
        return [_points(face, picture.shape) for face in result.multi_face_landmarks or []]

    def find_face(self, picture: Image) -> Points | None:
        """Return the landmarks of the single face of an unrelated picture."""
        if self._crop_mesh is None:
            with silence_stderr():
                self._crop_mesh = self._new_mesh(static=True)
        faces = self._run(self._crop_mesh, picture).multi_face_landmarks
        return _points(faces[0], picture.shape) if faces else None

    def detect_boxes(self, picture: Image) -> list[Box]:
        """Return the full-range detector's boxes."""
        if self._detector is None:
            with silence_stderr():
                self._detector = self._solutions.face_detection.FaceDetection(
                    min_detection_confidence=CONFIDENCE, model_selection=_FULL_RANGE
                )
                self._detector.process(_BLANK)
        height, width = picture.shape[:2]
        detections = self._run(self._detector, picture).detections or []
        boxes = [detection.location_data.relative_bounding_box for detection in detections]
        return [
            (box.xmin * width, box.ymin * height, (box.xmin + box.width) * width, (box.ymin + box.height) * height)
            for box in boxes
        ]

    def _new_mesh(self, *, static: bool) -> Any:
        mesh = self._solutions.face_mesh.FaceMesh(
            static_image_mode=static,
            max_num_faces=1 if static else MAX_FACES,
            refine_landmarks=True,
            min_detection_confidence=CONFIDENCE,
            min_tracking_confidence=CONFIDENCE,
        )
        # Its threads load the models and write to stderr until the first picture is processed.
        mesh.process(_BLANK)
        return mesh

    def _run(self, graph: Any, picture: Image) -> Any:
        picture = np.ascontiguousarray(picture)
        if self._warm_calls >= 3:
            return graph.process(picture)
        # Models write to stderr at their first run; the landmark model first runs when a face is detected.
        with silence_stderr():
            result = graph.process(picture)
        self._warm_calls += bool(getattr(result, "multi_face_landmarks", None))
        return result


def _points(face: Any, shape: tuple[int, ...]) -> Points:
    height, width = shape[:2]
    return np.array([(point.x * width, point.y * height, point.z * width) for point in face.landmark])


_STEP_MS = 1_000_000
"""Time step between pictures on a synthetic clock, so that results are reproducible and not smoothed."""
_LEFTMOST, _RIGHTMOST = 33, 263
"""The outer corners of the eyes, by which the landmarker measures the tilt of a face."""


class TasksLandmarker:
    """The landmarker and its detectors; those that are not always needed are loaded on first use."""

    def __init__(self, model: FaceModel, *, scale_depth: bool) -> None:
        self._model = model
        self._scale_depth = scale_depth
        self._now_ms = 0
        self._tracked = 0
        self._count = 1
        with quiet_import():
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision

            self._mediapipe, self._vision, self._base = mediapipe, vision, BaseOptions
            self._counter = self._new_detector(model.short_range)
            self._tracker = self._new_landmarker(vision.RunningMode.VIDEO, self._count)
            # Its threads write to stderr until the first picture is processed.
            self.track_faces(_BLANK)
        self._single_image: Any = None
        self._detector: Any = None

    @property
    def has_detector(self) -> bool:
        """Return whether the file has a full-range detector."""
        return self._model.full_range is not None

    def close(self) -> None:
        """Release the networks."""
        for task in (self._counter, self._tracker, self._single_image, self._detector):
            if task is not None:
                task.close()

    def track_faces(self, picture: Image) -> list[Points]:
        """Return the landmarks of each face, tracked from call to call."""
        image = self._image(picture)
        self._set_face_count(max(1, self._tracked, len(self._counter.detect(image).detections)))
        self._now_ms += _STEP_MS
        faces = self._tracker.detect_for_video(image, self._now_ms).face_landmarks
        self._tracked = len(faces)
        return [self._points(face, picture.shape) for face in faces]

    def _set_face_count(self, count: int) -> None:
        count = min(count, MAX_FACES)
        if count == self._count:
            return
        self._tracker.close()
        with silence_stderr():
            self._tracker = self._new_landmarker(self._vision.RunningMode.VIDEO, count)
        self._count = count

    def find_face(self, picture: Image) -> Points | None:
        """Return the landmarks of the single face of an unrelated picture."""
        if self._single_image is None:
            with silence_stderr():
                self._single_image = self._new_landmarker(self._vision.RunningMode.IMAGE, 1)
        faces = self._single_image.detect(self._image(picture)).face_landmarks
        return self._points(faces[0], picture.shape) if faces else None

    def detect_boxes(self, picture: Image) -> list[Box]:
        """Return the full-range detector's boxes."""
        if self._model.full_range is None:
            return []
        if self._detector is None:
            with silence_stderr():
                self._detector = self._new_detector(self._model.full_range)
                self._detector.detect(self._image(_BLANK))
        detections = self._detector.detect(self._image(picture)).detections
        return [_box(detection.bounding_box) for detection in detections]

    def _points(self, face: Any, shape: tuple[int, ...]) -> Points:
        height, width = shape[:2]
        points = np.array([(point.x * width, point.y * height, point.z * width) for point in face])
        if self._scale_depth:
            points[:, 2] /= depth_scale(points, width / height)
        return points

    def _new_landmarker(self, mode: Any, faces: int) -> Any:
        options = self._vision.FaceLandmarkerOptions(
            base_options=self._base(model_asset_buffer=self._model.bundle),
            running_mode=mode,
            num_faces=faces,
            min_face_detection_confidence=CONFIDENCE,
            min_face_presence_confidence=CONFIDENCE,
            min_tracking_confidence=CONFIDENCE,
        )
        return self._vision.FaceLandmarker.create_from_options(options)

    def _new_detector(self, model: bytes) -> Any:
        options = self._vision.FaceDetectorOptions(
            base_options=self._base(model_asset_buffer=model), min_detection_confidence=CONFIDENCE
        )
        return self._vision.FaceDetector.create_from_options(options)

    def _image(self, picture: Image) -> Any:
        image_format = self._mediapipe.ImageFormat.SRGB
        return self._mediapipe.Image(image_format=image_format, data=np.ascontiguousarray(picture))


def depth_scale(points: Points, aspect: float) -> float:
    """Return the factor by which the depth of a face is too large; `aspect` is width / height of the picture."""
    dx, dy = (points[_RIGHTMOST] - points[_LEFTMOST])[:2]
    return float(np.hypot(dx, aspect * dy) / np.hypot(dx, dy))


def _box(box: Any) -> Box:
    left, top = float(box.origin_x), float(box.origin_y)
    return left, top, left + box.width, top + box.height
