"""Read the user's face model: Google's face_landmarker.task, or mediapipe-0.10.14-….whl from PyPI. Both are zip files.

The result is a bundle for the Tasks API and, if the file contains one, a full-range detector. The bundle's URL is from
https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker; its licence is Apache-2.0, as is the wheel's
(https://github.com/google-ai-edge/mediapipe-samples/issues/407).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...core.errors import MissingExtra

VARIABLE = "REACT1_FACE_MODEL"
DOWNLOAD = (
    "pip download mediapipe==0.10.14 --no-deps --only-binary=:all: --python-version 3.12 "
    "--platform manylinux_2_17_x86_64"
)
BUNDLE_URL = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
)
HOW_TO_GET = f"'{DOWNLOAD}' downloads a suitable file, as does {BUNDLE_URL} (both Apache-2.0)"

DETECTOR, LANDMARKS = "face_detector.tflite", "face_landmarks_detector.tflite"
"""The file names that the Tasks API expects in a bundle."""
_MODULES = "mediapipe/modules/"
_SHORT_RANGE = _MODULES + "face_detection/face_detection_short_range.tflite"
_FULL_RANGE = _MODULES + "face_detection/face_detection_full_range_sparse.tflite"
_ATTENTION = _MODULES + "face_landmark/face_landmark_with_attention.tflite"
_MAGIC = b"TFL3"
"""At byte 4 of a TensorFlow Lite model."""


@dataclass(frozen=True)
class FaceModel:
    """The networks of one file."""

    name: str
    bundle: bytes
    """A zip of a short-range detector and the landmark network, as the Tasks API reads it."""
    short_range: bytes
    """The detector of the bundle, separately."""
    full_range: bytes | None
    """The detector that finds small faces and confirms large ones; None if the file has none."""
    digest: str
    """SHA-256 of the file, in hex."""


def read_face_model(path: Path) -> FaceModel:
    """Read a model file; the result is cached until the file changes.

    Raises:
        MissingExtra: it cannot be read, or is not a face model; the message says where to get one.
    """
    state = _state(path)
    return _read(path, *state)


def file_digest(path: Path | None) -> str:
    """Return the SHA-256 of a model file in hex for cache keys; empty if it is missing or unreadable."""
    if path is None:
        return ""
    try:
        return _digest(path, *_state(path))
    except (MissingExtra, OSError):
        return ""


def _state(path: Path) -> tuple[int, int]:
    try:
        if path.is_dir():
            raise _unusable(path, "is a folder")
        status = path.stat()
    except FileNotFoundError as error:
        raise _unusable(path, "does not exist") from error
    except (OSError, ValueError) as error:
        raise _unusable(path, f"cannot be accessed ({error})") from error
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=4)
def _digest(path: Path, size_bytes: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=1)
def _read(path: Path, size_bytes: int, changed_ns: int) -> FaceModel:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if {DETECTOR, LANDMARKS} <= names:
                return _from_bundle(path, archive, _digest(path, size_bytes, changed_ns))
            if {_SHORT_RANGE, _FULL_RANGE, _ATTENTION} <= names:
                return _from_wheel(path, archive, _digest(path, size_bytes, changed_ns))
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise _unusable(path, f"is not a complete zip file ({error})") from error
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error})") from error
    raise _unusable(path, f"contains neither {LANDMARKS} nor mediapipe's own face models")


def _from_bundle(path: Path, archive: zipfile.ZipFile, digest: str) -> FaceModel:
    short_range, _ = (_model(path, archive, name) for name in (DETECTOR, LANDMARKS))
    return FaceModel(path.name, path.read_bytes(), short_range, None, digest)


def _from_wheel(path: Path, archive: zipfile.ZipFile, digest: str) -> FaceModel:
    short_range, full_range, mesh = (_model(path, archive, name) for name in (_SHORT_RANGE, _FULL_RANGE, _ATTENTION))
    try:
        from . import attention  # not with the module, which every key of a take reads

        landmarks = attention.join_outputs(mesh)
    except ValueError as error:
        raise _unusable(path, f"contains other models than mediapipe 0.10.14 ({error})") from error
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr(DETECTOR, short_range)
        bundle.writestr(LANDMARKS, landmarks)
    return FaceModel(path.name, buffer.getvalue(), short_range, full_range, digest)


def _model(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    model = archive.read(name)
    if model[4:8] != _MAGIC:
        raise _unusable(path, f"is not a face model: its {name} is not a TensorFlow Lite model")
    return model


def _unusable(path: Path, reason: str) -> MissingExtra:
    return MissingExtra(f"{VARIABLE}: {path} {reason}; {HOW_TO_GET}")
