"""Which versions do the work, for the keys of steps; asked for once."""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
from functools import cache

from .ffmpeg import ffmpeg_path
from .process import run_tool

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
