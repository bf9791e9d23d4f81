"""Which ffmpeg runs, and the versions of tools for cache keys.

The binary comes with the wheel imageio-ffmpeg, so no system package is needed and everyone has the same one;
`REACT1_FFMPEG` names another. Versions are read once per process.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
from functools import cache

from ...core.errors import MissingExtra, PresetError
from .process import run_tool


def ffmpeg_path() -> str:
    """Return the path of the ffmpeg to run: that of `REACT1_FFMPEG`, else the bundled one.

    Raises:
        PresetError: `REACT1_FFMPEG` is not a program.
        MissingExtra: imageio-ffmpeg has no binary for this machine.
    """
    configured = os.environ.get("REACT1_FFMPEG", "")
    if not configured:
        return _bundled()
    path = shutil.which(configured)
    if path is None:
        raise PresetError(f"REACT1_FFMPEG={configured!r} is not an executable program; correct or unset it")
    return path


@cache
def _bundled() -> str:
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MissingExtra(
            "imageio-ffmpeg has no ffmpeg for this machine; install ffmpeg and set REACT1_FFMPEG to its path"
        ) from error


_PACKAGES = {
    "ai_edge_litert": ("ai-edge-litert",),
    "cv2": tuple(
        f"opencv-{kind}" for kind in ("python-headless", "python", "contrib-python", "contrib-python-headless")
    ),
    "yt_dlp": ("yt-dlp",),
    "skimage": ("scikit-image",),
    "ffmpeg_python": ("ffmpeg-python",),
}


def tool_version(name: str) -> str:
    """Return the version of a tool or a Python package; '' if it is not installed."""
    return _ffmpeg_version(ffmpeg_path()) if name == "ffmpeg" else _package_version(name)


def has_filter(name: str) -> bool:
    """Check whether ffmpeg was built with a filter."""
    return name in _filters(ffmpeg_path())


def has_encoder(codec: str) -> bool:
    """Check whether ffmpeg was built with an encoder for a codec, by the codec's name."""
    return codec in _encoded_codecs(ffmpeg_path())


@cache
def _package_version(name: str) -> str:
    for package in _PACKAGES.get(name, (name,)):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(package)
    return ""


@cache
def _ffmpeg_version(path: str) -> str:
    lines = _listing(path, "-version")
    return lines[0].removeprefix("ffmpeg version ").split(" ")[0] if lines else ""


@cache
def _filters(path: str) -> frozenset[str]:
    matches = [re.match(r"\s*[TSC.]+\s+(\w+)\s", line) for line in _listing(path, "-filters")]
    return frozenset(match[1] for match in matches if match)


@cache
def _encoded_codecs(path: str) -> frozenset[str]:
    matches = [re.match(r"\s*[D.]E[A-Z.]{4}\s+(\S+)\s", line) for line in _listing(path, "-codecs")]
    return frozenset(match[1] for match in matches if match)


def _listing(path: str, option: str) -> list[str]:
    lines: list[str] = []
    run_tool([path, "-hide_banner", option], timeout_s=60, on_line=lines.append)
    return lines
