"""Select the landmark back end by the installed mediapipe version and REACT1_FACE_MODEL.

mediapipe up to 0.10.21 contains its models and has no wheel for Python 3.13. From 0.10.30 on it contains none and needs
a model file. From 0.10.35 on it reports its use to Google, so it is refused. (There is no 0.10.34.) Of 0.10.30 to
0.10.33 only the last one can run the detector of small faces. Sources: the wheels on PyPI,
https://github.com/google-ai-edge/mediapipe/issues/6291, and the privacy notice of 1.x.

`Landmarker` is the interface of a back end; the rest of the engine uses only this.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ...core.errors import MissingExtra
from ...core.settings import face_model_path
from .model_file import HOW_TO_GET, VARIABLE, FaceModel, file_digest, read_face_model

if TYPE_CHECKING:
    from ..arrays import Image, Points

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""
MAX_FACES = 4
CONFIDENCE = 0.5
"""The least confidence to report a face and to continue tracking it."""
CROP_PX = 320
"""The long side of the crops for small faces."""


class Landmarker(Protocol):
    """The networks of one clip; pictures are (height, width, 3) uint8 RGB."""

    @property
    def has_detector(self) -> bool:
        """Return whether there is a full-range detector."""
        ...

    def track_faces(self, picture: Image) -> list[Points]:
        """Return the landmarks of each face, (478, 3) in pixels, z too; faces are tracked from call to call."""
        ...

    def find_face(self, picture: Image) -> Points | None:
        """Return the landmarks of the single face of an unrelated picture; None if there is no face."""
        ...

    def detect_boxes(self, picture: Image) -> Sequence[Box]:
        """Return the boxes of the full-range detector, which `track_faces` does not use; empty without a detector."""
        ...

    def close(self) -> None:
        """Release the networks."""
        ...


WITHOUT_MODELS = (0, 10, 30)
REPORTS_USE = (0, 10, 34)
SUPPORTED = "0.10.33"
FIRST_PYTHON_WITHOUT = (3, 13)
ALTERNATIVE = "use Python 3.11 or 3.12, or a hosted provider (--provider segmind or sync)"
INSTALL_HINT = "the local engine needs the extra 'local': pip install 'react1-nodes[local]'"
NO_WHEEL = (
    f"the local engine cannot run on Python {{}}.{{}} on {{}}: mediapipe {SUPPORTED} has no wheel for it; {ALTERNATIVE}"
)
NO_MODEL = (
    f"the local engine needs a face model on Python {{}}.{{}}: {HOW_TO_GET}; set {VARIABLE} to it, or {ALTERNATIVE}"
)
NO_MODEL_IN = f"mediapipe {{}} contains no face models: install 0.10.14, or set {VARIABLE} to a file; {HOW_TO_GET}"
REPORTS = f"mediapipe {{}} reports its use to Google, so it is not used: pip install mediapipe=={SUPPORTED}"
UNSUPPORTED = f"mediapipe {{}} cannot run the detector of small faces: pip install mediapipe=={SUPPORTED}"


@dataclass(frozen=True)
class Backend:
    """The selected back end."""

    identity: str
    """Text that identifies the networks and their runtime, for cache keys."""
    open: Callable[[], Landmarker]
    by_file: bool = False
    """Whether the networks come from the user's file."""


def select_backend() -> Backend:
    """Select the back end without loading any library.

    Raises:
        MissingExtra: no back end is available, or REACT1_FACE_MODEL is not a face model; the message gives the fix.
    """
    path, version = face_model_path(), installed_version()
    if version is None:
        raise MissingExtra(_not_installed())
    if _numbers(version) >= REPORTS_USE:
        raise MissingExtra(REPORTS.format(version))
    if _numbers(version) >= WITHOUT_MODELS and version != SUPPORTED:
        raise MissingExtra(UNSUPPORTED.format(version))
    if path is not None:
        return _by_file(path, version)
    if _numbers(version) < WITHOUT_MODELS:
        return Backend(f"mediapipe {version}, its own models", _bundled)
    if python_version() >= FIRST_PYTHON_WITHOUT:
        raise MissingExtra(NO_MODEL.format(*python_version()))
    raise MissingExtra(NO_MODEL_IN.format(version))


def installed_version() -> str | None:
    """Return the version of mediapipe; None if it is not installed."""
    try:
        return metadata.version("mediapipe")
    except metadata.PackageNotFoundError:
        return None


def python_version() -> tuple[int, int]:
    """Return the version of Python."""
    return sys.version_info[:2]


def _by_file(path: Path, version: str) -> Backend:
    model = read_face_model(path)
    is_supported = version == SUPPORTED
    if not is_supported:
        # Older versions of the Tasks API decode every detector as if it were the short-range one.
        model = replace(model, full_range=None)
    identity = f"mediapipe {version}, {model.name}, sha256 {model.digest[:16]}"
    return Backend(identity, partial(_tasks, model, is_supported), by_file=True)


def _tasks(model: FaceModel, scale_depth: bool) -> Landmarker:
    from .landmarkers import TasksLandmarker

    return TasksLandmarker(model, scale_depth=scale_depth)


def _bundled() -> Landmarker:
    from .landmarkers import BundledLandmarker

    return BundledLandmarker()


def _not_installed() -> str:
    machine = platform.machine().lower()
    supported = ("arm64",) if sys.platform == "darwin" else ("x86_64", "amd64")
    if python_version() < FIRST_PYTHON_WITHOUT or machine in supported:
        return INSTALL_HINT
    return NO_WHEEL.format(*python_version(), f"{platform.system()} {machine}")


def _numbers(version: str) -> tuple[int, ...]:
    parts = [part for part in version.split(".")[:3] if part.isdigit()]
    return tuple(int(part) for part in parts)


def model_salt() -> str:
    """Return the digest of the model file for cache keys; empty if none is set."""
    return file_digest(face_model_path())
