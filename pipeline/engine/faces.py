"""Find faces in a picture: FaceMesh, and for small faces a full-range detector first and the mesh on its crop.

The models are files inside the mediapipe wheel; nothing is fetched. FaceMesh follows faces from call to call, so
pictures are given in order. FaceMesh alone finds faces with eyes some 5 % of the picture's width apart; the detector
reaches down to about 30 px between the eyes.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np

from .arrays import Image, Points
from .quiet import loading, quiet

MOST_FACES = 4
CONFIDENCE = 0.5
CROP_SHARE = 1.5
"""Half the crop's side around a small face, as a multiple of the detected width."""
CROP_PX = 320
_FULL_RANGE = 1
_BLANK = np.zeros((64, 64, 3), np.uint8)


class FaceFinder:
    """Finds the faces of a clip, picture by picture; use it in a `with` block."""

    def __init__(self) -> None:
        with loading():
            from mediapipe.python import solutions

            self._solutions = solutions
            self._mesh = self._new_mesh(static=False)
        self._detector: Any = None
        self._crop_mesh: Any = None
        self._warm_calls = 0

    def __enter__(self) -> FaceFinder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for graph in (self._mesh, self._detector, self._crop_mesh):
            if graph is not None:
                graph.close()

    def find(self, picture: Image) -> list[Points]:
        """Give the landmarks of each face, (478, 3) in pixels of this picture; z in pixels too."""
        found = self._run(self._mesh, picture)
        return [_points(face, picture.shape) for face in found.multi_face_landmarks or []]

    def find_small(self, picture: Image) -> list[Points]:
        """Do the same for faces that are too small for `find`; give the picture at its full size."""
        if self._crop_mesh is None:
            with quiet():
                self._crop_mesh = self._new_mesh(static=True)
        faces = []
        for left, top, right, bottom in self.boxes(picture)[:MOST_FACES]:
            centre = ((left + right) / 2, (top + bottom) / 2)
            face = self._mesh_of_crop(picture, centre, max(8.0, (right - left) * CROP_SHARE))
            if face is not None:
                faces.append(face)
        return faces

    def boxes(self, picture: Image) -> list[tuple[float, float, float, float]]:
        """Give what the full-range detector sees: left, top, right, bottom in pixels of this picture."""
        if self._detector is None:
            with quiet():
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

    def _mesh_of_crop(self, picture: Image, centre: tuple[float, float], half_px: float) -> Points | None:
        import cv2

        left, top = (max(0, int(middle - half_px)) for middle in centre)
        crop = picture[top : int(centre[1] + half_px), left : int(centre[0] + half_px)]
        if min(crop.shape[:2]) < 8:
            return None
        scale = CROP_PX / max(crop.shape[:2])
        size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
        found = self._run(self._crop_mesh, cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC)).multi_face_landmarks
        return _points(found[0], crop.shape) + np.array([left, top, 0.0]) if found else None

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
        with quiet():
            found = graph.process(picture)
        self._warm_calls += bool(getattr(found, "multi_face_landmarks", None))
        return found


def _points(face: Any, shape: tuple[int, ...]) -> Points:
    height, width = shape[:2]
    return np.array([(point.x * width, point.y * height, point.z * width) for point in face.landmark])
