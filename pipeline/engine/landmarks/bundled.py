"""FaceMesh of mediapipe 0.10.14, whose wheel carries its models; nothing is fetched."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Image, Points
from ..quiet import quiet_import, silence_stderr
from .landmarker import CONFIDENCE, MOST_FACES, Box

_FULL_RANGE = 1
_BLANK = np.zeros((64, 64, 3), np.uint8)


class Bundled:
    """The solutions of mediapipe, loaded when they are first asked."""

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
        """Let go of the networks."""
        for graph in (self._mesh, self._detector, self._crop_mesh):
            if graph is not None:
                graph.close()

    def follow(self, picture: Image) -> list[Points]:
        """Give the landmarks of each face."""
        found = self._run(self._mesh, picture)
        return [_points(face, picture.shape) for face in found.multi_face_landmarks or []]

    def look(self, picture: Image) -> Points | None:
        """Give the landmarks of the one face of a picture."""
        if self._crop_mesh is None:
            with silence_stderr():
                self._crop_mesh = self._new_mesh(static=True)
        found = self._run(self._crop_mesh, picture).multi_face_landmarks
        return _points(found[0], picture.shape) if found else None

    def detect(self, picture: Image) -> list[Box]:
        """Give what the full-range detector sees."""
        if self._detector is None:
            with silence_stderr():
                self._detector = self._solutions.face_detection.FaceDetection(
                    min_detection_confidence=CONFIDENCE, model_selection=_FULL_RANGE
                )
                self._detector.process(_BLANK)
        height, width = picture.shape[:2]
        found = self._run(self._detector, picture).detections or []
        frames = [detection.location_data.relative_bounding_box for detection in found]
        return [
            (box.xmin * width, box.ymin * height, (box.xmin + box.width) * width, (box.ymin + box.height) * height)
            for box in frames
        ]

    def _new_mesh(self, *, static: bool) -> Any:
        mesh = self._solutions.face_mesh.FaceMesh(
            static_image_mode=static,
            max_num_faces=1 if static else MOST_FACES,
            refine_landmarks=True,
            min_detection_confidence=CONFIDENCE,
            min_tracking_confidence=CONFIDENCE,
        )
        # Its threads load the models, with words, until the first picture is through.
        mesh.process(_BLANK)
        return mesh

    def _run(self, graph: Any, picture: Image) -> Any:
        picture = np.ascontiguousarray(picture)
        if self._warm_calls >= 3:
            return graph.process(picture)
        # Models speak up at their first run; the landmarks' model runs when the first face is seen.
        with silence_stderr():
            found = graph.process(picture)
        self._warm_calls += bool(getattr(found, "multi_face_landmarks", None))
        return found


def _points(face: Any, shape: tuple[int, ...]) -> Points:
    height, width = shape[:2]
    return np.array([(point.x * width, point.y * height, point.z * width) for point in face.landmark])
