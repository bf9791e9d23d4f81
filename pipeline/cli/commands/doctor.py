"""`react1 doctor`: what this machine has, what it lacks, and what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING

import typer

from ..messages import out, out_json, report_failures
from ..options import AsJson, Home

if TYPE_CHECKING:
    from ...providers.provider_settings import HostedProvider

NAME = "doctor"
Check = tuple[str, bool, str]
"""What was looked at, whether it is well, and what there is to say."""


def command(as_json: AsJson = False, home: Home = None) -> None:
    """Look at Python, ffmpeg, the local engine, the store's folder and the keys."""
    with report_failures(as_json):
        checks = [*_python(), _ffmpeg(), *_encoders(), _engine(), *_extras(), _folder(home), *_keys()]
        healthy = all(well for name, well, _ in checks if name in ("python", "ffmpeg", "home"))
        if as_json:
            rows = [{"check": name, "ok": well, "about": about} for name, well, about in checks]
            out_json({"ok": healthy, "checks": rows})
        else:
            for name, well, about in checks:
                out(f"{'ok  ' if well else 'lack'}  {name:<14} {about}")
    if not healthy:
        raise typer.Exit(1)


def _python() -> list[Check]:
    from ...core.version import version_text

    told = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return [("react1", True, version_text()), ("python", sys.version_info >= (3, 11), told)]


def _ffmpeg() -> Check:
    from ...media.ffmpeg import ffmpeg_path, tool_version

    def look() -> str:
        asked = " (REACT1_FFMPEG)" if os.environ.get("REACT1_FFMPEG") else ""
        return f"{tool_version('ffmpeg')}{asked}, {ffmpeg_path()}"

    return _tried("ffmpeg", look)


def _encoders() -> list[Check]:
    def look() -> str:
        import av

        lacking = [name for name in ("libx264", "libx265", "aac", "ffv1") if name not in av.codecs_available]
        if lacking:
            raise LookupError(f"PyAV {av.__version__} lacks {', '.join(lacking)}; install the wheel from PyPI")
        return f"PyAV {av.__version__} with libx264, libx265, aac, ffv1"

    return [_tried("codecs", look)]


def _engine() -> Check:
    from ...engine.available import problem
    from ...engine.detect.faces import identity

    wrong = problem()
    return ("local engine", wrong is None, wrong or f"ready: a preview, not React-1; faces by {identity()}")


def _extras() -> list[Check]:
    checks: list[Check] = []
    for name in ("scikit-image", "moviepy", "yt-dlp"):
        try:
            checks.append((name, True, metadata.version(name)))
        except metadata.PackageNotFoundError:
            needs = "pip install 'react1-nodes[demo]'" if name == "scikit-image" else "reinstall react1-nodes"
            checks.append((name, False, f"not installed; {needs}"))
    return [*checks, _timelines()]


def _timelines() -> Check:
    """Tell of the extra `timeline`: lists and subtitles are read by its libraries, and turnovers written."""
    found: list[str] = []
    lacking: list[str] = []
    for name in ("opentimelineio", "srt", "webvtt-py", "defusedxml"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lacking.append(name)
    if lacking:
        return "timelines", False, f"{', '.join(lacking)} not installed; pip install 'react1-nodes[timeline]'"
    return "timelines", True, ", ".join(found)


def _folder(asked: str | None) -> Check:
    from ...core.settings import home_folder, require_folder

    def look() -> str:
        home = folder = require_folder(home_folder(asked))
        while not folder.exists():
            folder = folder.parent
        if not os.access(folder, os.W_OK | os.X_OK):
            raise LookupError(f"{home} cannot be written to; set --home or REACT1_HOME")
        return f"{home}, {shutil.disk_usage(folder).free / 1e9:.0f} GB free"

    return _tried("home", look)


def _keys() -> list[Check]:
    from ...providers.choose_provider import resolve_provider_name

    told = {True: "set", False: "not set; the local engine needs none"}
    checks = [(key, True, told[bool(os.environ.get(key))]) for key in ("SEGMIND_API_KEY", "SYNC_API_KEY")]
    return [*checks, ("provider auto", True, f"means {resolve_provider_name('auto')}"), *_hosts()]


def _hosts() -> list[Check]:
    """Tell where calls go, for each host that has a key."""
    from ...providers.provider_settings import segmind, sync

    def look(host: Callable[[], HostedProvider]) -> str:
        provider = host()
        provider.require()
        return f"{provider.host}{', a server on this machine' if provider.settings.is_local_server else ''}"

    hosts: list[tuple[str, str, Callable[[], HostedProvider]]] = [
        ("segmind", "SEGMIND_API_KEY", segmind),
        ("sync", "SYNC_API_KEY", sync),
    ]
    return [_tried(f"host {name}", partial(look, host)) for name, key, host in hosts if os.environ.get(key)]


def _tried(name: str, look: Callable[[], str]) -> Check:
    try:
        return (name, True, look())
    except Exception as error:  # a check must not end the others
        return (name, False, str(error))
