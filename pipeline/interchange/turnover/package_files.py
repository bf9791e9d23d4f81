"""The files of a turnover as they are to stand in a folder: clips and timelines, all of one version.

The version is the first one of which nothing but this very turnover stands there, so that nothing is written over and
the same turnover is not handed over twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from ...core.file import File
from ...core.values import Turnover
from ..edl.write import edl
from ..fcpxml.write import fcpxml
from ..otio.write import otio
from .sheet import sheet_of
from .versions import clip_name, timeline_name

_KINDS = {
    "avid": ("edl",),
    "final-cut": ("fcpxml",),
    "premiere": ("otio", "edl"),
    "resolve": ("otio", "fcpxml", "edl"),
}
"""What each editing system reads best."""


def timelines(turnover: Turnover, folder: Path, version: int) -> dict[str, str]:
    """Spell every timeline of a turnover: file name → text."""
    sheet = sheet_of(turnover, folder, version)
    spelled: dict[str, str] = {}
    for dialect in turnover.dialects:
        for kind in _KINDS[dialect]:
            name = timeline_name(turnover.title, dialect, kind, version)
            if kind == "otio":
                spelled[name] = otio(sheet)
            else:
                spelled[name] = edl(sheet, dialect) if kind == "edl" else fcpxml(sheet, dialect)
    return spelled


def version_for(turnover: Turnover, folder: Path, stands: Callable[[File, Path], bool]) -> int:
    """Find the version that a turnover gets in a folder; `stands` tells whether a file is this very content."""
    return next(version for version in count(1) if _is_free(turnover, folder, version, stands))


def clips_in(turnover: Turnover, folder: Path, version: int) -> Iterator[tuple[File, Path]]:
    """Pair every clip with its place."""
    for clip in turnover.clips:
        yield clip.file, folder / clip_name(clip, version)


def _is_free(turnover: Turnover, folder: Path, version: int, stands: Callable[[File, Path], bool]) -> bool:
    for file, place in clips_in(turnover, folder, version):
        if os.path.lexists(place) and not stands(file, place):
            return False
    for name, text in timelines(turnover, folder, version).items():
        place = folder / name
        if os.path.lexists(place) and not _says(place, text):
            return False
    return True


def _says(place: Path, text: str) -> bool:
    try:
        return place.is_file() and place.read_bytes() == text.encode()
    except OSError:  # what cannot be read is somebody else's
        return False
