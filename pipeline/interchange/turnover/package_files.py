"""The files of a turnover in a folder: clips and timelines, all of one version.

The version is the first one that is free or already contains exactly this turnover, so that nothing is overwritten and
the same turnover is not delivered twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from ...core.file import File
from ...core.values import Turnover
from ..edl.write import format_edl
from ..fcpxml.write import format_fcpxml
from ..otio.write import format_otio
from .file_names import clip_name, timeline_name
from .layout import build_layout

_KINDS = {
    "avid": ("edl",),
    "final-cut": ("fcpxml",),
    "premiere": ("otio", "edl"),
    "resolve": ("otio", "fcpxml", "edl"),
}
"""The formats that each editing system reads best."""


def format_timelines(turnover: Turnover, folder: Path, version: int) -> dict[str, str]:
    """Format every timeline of a turnover: file name → text."""
    layout = build_layout(turnover, folder, version)
    texts: dict[str, str] = {}
    for dialect in turnover.dialects:
        for kind in _KINDS[dialect]:
            name = timeline_name(turnover.title, dialect, kind, version)
            if kind == "otio":
                texts[name] = format_otio(layout)
            else:
                texts[name] = format_edl(layout, dialect) if kind == "edl" else format_fcpxml(layout, dialect)
    return texts


def next_version(turnover: Turnover, folder: Path, is_same: Callable[[File, Path], bool]) -> int:
    """Return the version of a turnover in a folder; `is_same` checks whether a path has the content of a file."""
    return next(version for version in count(1) if _is_free(turnover, folder, version, is_same))


def clip_targets(turnover: Turnover, folder: Path, version: int) -> Iterator[tuple[File, Path]]:
    """Yield every clip with its target path."""
    for clip in turnover.clips:
        yield clip.file, folder / clip_name(clip, version)


def _is_free(turnover: Turnover, folder: Path, version: int, is_same: Callable[[File, Path], bool]) -> bool:
    for file, target in clip_targets(turnover, folder, version):
        if os.path.lexists(target) and not is_same(file, target):
            return False
    for name, text in format_timelines(turnover, folder, version).items():
        target = folder / name
        if os.path.lexists(target) and not _has_text(target, text):
            return False
    return True


def _has_text(target: Path, text: str) -> bool:
    try:
        return target.is_file() and target.read_bytes() == text.encode()
    except OSError:  # an unreadable file is not ours
        return False
