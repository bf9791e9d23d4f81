"""Which ffmpeg does the work.

The binary comes with the wheel imageio-ffmpeg, so that no system package is needed and everyone has the same one;
`REACT1_FFMPEG` names another.

Which versions do the work, for the keys of steps; asked for once.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
from functools import cache

from ..core.errors import MissingExtra, PresetError
from .process import run_tool


def ffmpeg_path() -> str:
    """Give the path of the ffmpeg to call.

    Raises:
        PresetError: `REACT1_FFMPEG` names nothing that can be run.
        MissingExtra: imageio-ffmpeg has no binary for this machine.
    """
    wanted = os.environ.get("REACT1_FFMPEG", "")
    if not wanted:
        return _bundled()
    found = shutil.which(wanted)
    if found is None:
        raise PresetError(f"REACT1_FFMPEG={wanted!r} is not a program that can be run; correct or unset it")
    return found


@cache
def _bundled() -> str:
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MissingExtra(
            "imageio-ffmpeg brings no ffmpeg for this machine: install ffmpeg and set REACT1_FFMPEG to its path"
        ) from error


_PACKAGES = {
    "cv2": "opencv-contrib-python",
    "yt_dlp": "yt-dlp",
    "skimage": "scikit-image",
    "ffmpeg_python": "ffmpeg-python",
}


def tool_version(name: str) -> str:
    """Give the version of a tool or a Python package; empty where it is not installed."""
    return _ffmpeg_version(ffmpeg_path()) if name == "ffmpeg" else _package_version(name)


def has_filter(name: str) -> bool:
    """Say whether our ffmpeg was built with a filter."""
    return name in _filters(ffmpeg_path())


@cache
def _package_version(name: str) -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(_PACKAGES.get(name, name))
    return ""


@cache
def _ffmpeg_version(path: str) -> str:
    said = _listing(path, "-version")
    return said[0].removeprefix("ffmpeg version ").split(" ")[0] if said else ""


@cache
def _filters(path: str) -> frozenset[str]:
    lines = [re.match(r"\s*[TSC.]+\s+(\w+)\s", line) for line in _listing(path, "-filters")]
    return frozenset(match[1] for match in lines if match)


def _listing(path: str, what: str) -> list[str]:
    lines: list[str] = []
    run_tool([path, "-hide_banner", what], timeout_s=60, on_line=lines.append)
    return lines
