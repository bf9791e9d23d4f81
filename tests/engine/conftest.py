"""A real face for the engine's tests, detected once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import astronaut
import numpy as np
import pytest
from filelock import FileLock

from react1.pipeline.engine.landmarks import landmarker
from react1.pipeline.engine.landmarks.detector import Detector
from react1.pipeline.engine.landmarks.face_mesh import FaceMesh


@dataclass(frozen=True)
class Portrait:
    picture: np.ndarray
    face: object
    """A FaceFrame."""


@pytest.fixture(scope="module", autouse=True)
def real_networks() -> Iterator[None]:
    """Look for faces as the engine does, whatever other tests remember."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landmarker, "Detector", Detector)
        patch.setattr(landmarker, "FaceMesh", FaceMesh)
        yield


@pytest.fixture(scope="session")
def engine_ready() -> None:
    """Skip if the landmark library or the portrait is not installed."""
    pytest.importorskip("skimage")
    from react1.pipeline.engine import available

    reason = available.problem()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def portrait(engine_ready: None) -> Portrait:
    """The portrait at 640x480 and its face."""
    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.engine.geometry.head_frame import FaceFrame

    picture = astronaut.still(640, 480)
    with FaceFinder() as finder:
        (points,) = finder.find(picture)
    return Portrait(picture, FaceFrame(points))


@pytest.fixture(scope="session")
def clip(engine_ready: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portrait as a clip of 30 frames, 25 frames/s."""
    return astronaut.write_clip(tmp_path_factory.mktemp("clip") / "talk.mp4")


@pytest.fixture(scope="session")
def clip_faces(clip: Path, shared_folder: Path) -> object:
    """The detections of that clip, for tests of later stages; the first worker that needs them looks for them."""
    from react1.pipeline.engine.detect.detect import read_detections, write_detections
    from react1.pipeline.engine.render.render import find_faces

    path = shared_folder / "clip-faces.npz"
    with FileLock(f"{path}.lock"):
        if not path.exists():
            write_detections(path, find_faces(clip, lambda share: None))
        return read_detections(path)


@pytest.fixture(scope="session")
def at_rest(portrait: Portrait) -> Portrait:
    """The portrait with its smile removed, and its face detected again."""
    from react1.pipeline.core.edits.choices import React1Choices
    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
    from react1.pipeline.engine.planning.animate import pose_for
    from react1.pipeline.engine.render.draw import retouch

    shape = MouthShape.of(portrait.face)
    picture = retouch(
        portrait.picture, portrait.face, pose_for(React1Choices(prompt="neutral", temperature=1.0), shape, shape, 1.0)
    )
    with FaceFinder() as finder:
        (points,) = finder.find(picture)
    return Portrait(picture, FaceFrame(points))
