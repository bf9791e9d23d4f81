"""Which back end finds landmarks on this machine: by the mediapipe that is installed, and REACT1_FACE_MODEL.

mediapipe up to 0.10.21 carries its models, and has no wheel for Python 3.13. From 0.10.30 on it carries none, and needs
a file. From 0.10.35 on it reports how it is used to Google, so it is not used: what runs here stays here. (There is no
0.10.34.) The releases between cannot run the detector of small faces, but for the last one.
Source  the wheels on PyPI; https://github.com/google-ai-edge/mediapipe/issues/6291, and the privacy notice of 1.x.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path

from ...core.errors import MissingExtra
from ...core.settings import face_model_path
from .landmarker import Landmarker
from .model_file import HOW_TO_GET, VARIABLE, FaceModel, face_model, fingerprint

WITHOUT_MODELS = (0, 10, 30)
REPORTS_USE = (0, 10, 34)
SUITED = "0.10.33"
FIRST_PYTHON_WITHOUT = (3, 13)
ELSE = "use Python 3.11 or 3.12, or a hosted provider (--provider segmind or sync)"
INSTALL = "the local engine needs the extra 'local': pip install 'react1-nodes[local]'"
NO_WHEEL = f"the local engine cannot run on Python {{}}.{{}} on {{}}: mediapipe {SUITED} has no wheel for it; {ELSE}"
NO_MODEL = f"the local engine needs a face model on Python {{}}.{{}}: {HOW_TO_GET}; set {VARIABLE} to it, or {ELSE}"
NO_MODEL_IN = f"mediapipe {{}} carries no face models: install 0.10.14, or set {VARIABLE} to a file; {HOW_TO_GET}"
REPORTS = f"mediapipe {{}} reports its use to Google, so it is not used: pip install mediapipe=={SUITED}"
UNSUITED = f"mediapipe {{}} cannot run the detector of small faces: pip install mediapipe=={SUITED}"


@dataclass(frozen=True)
class Backend:
    """What finds landmarks here."""

    identity: str
    """Names the networks and what runs them: other networks, another text."""
    open: Callable[[], Landmarker]
    by_file: bool = False
    """Whether the networks are those of a file that the user names."""


def backend() -> Backend:
    """Choose, without loading any library.

    Raises:
        MissingExtra: there is none, or REACT1_FACE_MODEL names no face model; the message says what to do.
    """
    path, version = face_model_path(), installed()
    if version is None:
        raise MissingExtra(_not_installed())
    if _numbers(version) >= REPORTS_USE:
        raise MissingExtra(REPORTS.format(version))
    if _numbers(version) >= WITHOUT_MODELS and version != SUITED:
        raise MissingExtra(UNSUITED.format(version))
    if path is not None:
        return _by_file(path, version)
    if _numbers(version) < WITHOUT_MODELS:
        return Backend(f"mediapipe {version}, its own models", _bundled)
    if python() >= FIRST_PYTHON_WITHOUT:
        raise MissingExtra(NO_MODEL.format(*python()))
    raise MissingExtra(NO_MODEL_IN.format(version))


def installed() -> str | None:
    """Give the version of mediapipe; None where it is not installed."""
    try:
        return metadata.version("mediapipe")
    except metadata.PackageNotFoundError:
        return None


def python() -> tuple[int, int]:
    """Give the version of Python."""
    return sys.version_info[:2]


def _by_file(path: Path, version: str) -> Backend:
    model = face_model(path)
    newer = version == SUITED
    if not newer:
        # The Tasks API before it decodes every detector as if it were the short-range one.
        model = replace(model, full_range=None)
    identity = f"mediapipe {version}, {model.name}, sha256 {model.digest[:16]}"
    return Backend(identity, partial(_tasks, model, newer), by_file=True)


def _tasks(model: FaceModel, newer: bool) -> Landmarker:
    from .tasks import Tasks

    return Tasks(model, depth_leans=newer)


def _bundled() -> Landmarker:
    from .bundled import Bundled

    return Bundled()


def _not_installed() -> str:
    machine = platform.machine().lower()
    served = ("arm64",) if sys.platform == "darwin" else ("x86_64", "amd64")
    if python() < FIRST_PYTHON_WITHOUT or machine in served:
        return INSTALL
    return NO_WHEEL.format(*python(), f"{platform.system()} {machine}")


def _numbers(version: str) -> tuple[int, ...]:
    parts = [part for part in version.split(".")[:3] if part.isdigit()]
    return tuple(int(part) for part in parts)


def salt() -> str:
    """Give what a key must hold beside mediapipe's version: the digest of the model file, empty where none is set."""
    return fingerprint(face_model_path())
