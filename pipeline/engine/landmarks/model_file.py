"""The face model that a user names: a file for the Tasks API, or the older mediapipe wheel that carries its models.

Takes   a path: Google's face_landmarker.task, or mediapipe-0.10.14-….whl as it comes from PyPI. Both are zip files.
Gives   what the Tasks API loads, and where the file holds one, a full-range detector as well.
Raises  MissingExtra when it is neither, in one line that says where to get it.
Source  https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker: the bundle, its address;
        https://github.com/google-ai-edge/mediapipe-samples/issues/407: its licence, Apache-2.0, as is the wheel's.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...core.errors import MissingExtra
from . import attention

VARIABLE = "REACT1_FACE_MODEL"
DOWNLOAD = (
    "pip download mediapipe==0.10.14 --no-deps --only-binary=:all: --python-version 3.12 "
    "--platform manylinux_2_17_x86_64"
)
BUNDLE_URL = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
)
HOW_TO_GET = f"'{DOWNLOAD}' fetches a file that will do, as does {BUNDLE_URL} (both Apache-2.0)"

DETECTOR, LANDMARKS = "face_detector.tflite", "face_landmarks_detector.tflite"
"""The names that the Tasks API asks a bundle for."""
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
    """A zip of a short-range detector and the landmarks' network, as the Tasks API reads it."""
    short_range: bytes
    """The detector in the bundle, apart."""
    full_range: bytes | None
    """The detector that finds small faces and is the witness of large ones; None where the file has none."""
    digest: str
    """SHA-256 of the file, in hex."""


def face_model(path: Path) -> FaceModel:
    """Read a model file, once per state of it.

    Raises:
        MissingExtra: it cannot be read, or is no face model.
    """
    state = _state(path)
    return _read(path, *state)


def fingerprint(path: Path | None) -> str:
    """Give the SHA-256 of a model file for keys, in hex; empty where there is none that can be read."""
    if path is None:
        return ""
    try:
        return _digest(path, *_state(path))
    except (MissingExtra, OSError):
        return ""


def _state(path: Path) -> tuple[int, int]:
    try:
        if path.is_dir():
            raise _unfit(path, "is a folder")
        found = path.stat()
    except FileNotFoundError as error:
        raise _unfit(path, "does not exist") from error
    except (OSError, ValueError) as error:
        raise _unfit(path, f"cannot be looked at ({error})") from error
    return found.st_size, found.st_mtime_ns


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
                return _of_bundle(path, archive, _digest(path, size_bytes, changed_ns))
            if {_SHORT_RANGE, _FULL_RANGE, _ATTENTION} <= names:
                return _of_wheel(path, archive, _digest(path, size_bytes, changed_ns))
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise _unfit(path, f"is not a whole zip file ({error})") from error
    except OSError as error:
        raise _unfit(path, f"cannot be read ({error})") from error
    raise _unfit(path, f"holds neither {LANDMARKS} nor mediapipe's own face models")


def _of_bundle(path: Path, archive: zipfile.ZipFile, digest: str) -> FaceModel:
    short_range, _ = (_model(path, archive, name) for name in (DETECTOR, LANDMARKS))
    return FaceModel(path.name, path.read_bytes(), short_range, None, digest)


def _of_wheel(path: Path, archive: zipfile.ZipFile, digest: str) -> FaceModel:
    short_range, full_range, mesh = (_model(path, archive, name) for name in (_SHORT_RANGE, _FULL_RANGE, _ATTENTION))
    try:
        landmarks = attention.joined(mesh)
    except ValueError as error:
        raise _unfit(path, f"carries other models than mediapipe 0.10.14 ({error})") from error
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as bundle:
        bundle.writestr(DETECTOR, short_range)
        bundle.writestr(LANDMARKS, landmarks)
    return FaceModel(path.name, made.getvalue(), short_range, full_range, digest)


def _model(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    model = archive.read(name)
    if model[4:8] != _MAGIC:
        raise _unfit(path, f"is no face model: its {name} is not a TensorFlow Lite model")
    return model


def _unfit(path: Path, why: str) -> MissingExtra:
    return MissingExtra(f"{VARIABLE}: {path} {why}; {HOW_TO_GET}")
