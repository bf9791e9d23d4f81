"""The FaceMesh back end of mediapipe 0.10.14, whose wheel contains its models; nothing is downloaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Image, Points
from ..quiet import quiet_import, silence_stderr
from .backend import CONFIDENCE, MAX_FACES, Box

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
