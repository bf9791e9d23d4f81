"""Read a timeline whose clips are the films of a batch: an EDL, OTIO or FCPXML with edits on several clips.

Each clip with an edit is a film, by the file that the timeline names, or by a file beside the timeline that has the
clip's name or begins with its reel. All edits of one file are one job, on the clip's own (source) clock.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..core.errors import PresetError
from ..interchange.entries import Clip, Entry
from ..interchange.marker_syntax import is_edit_text, is_take_record
from ..interchange.readers import read_listing

TIMELINES = (".edl", ".otio", ".fcpxml")


def timeline_jobs(path: Path) -> list[dict[str, Any]]:
    """Return the source and the edits of each film of a timeline; one that is not there is named as the clip is.

    Raises:
        PresetError: the timeline cannot be read, or none of its clips has an edit.
        MissingExtra: reading it needs the extra `timeline`.
    """
    clips = [entry.clip for entry in read_listing(path, str(path)).entries if entry.clip and _has_edit(entry)]
    if not clips:
        raise PresetError(f"{path}: none of its clips has an edit, such as the text `react1: angry 0.8`")
    sources = dict.fromkeys(_find_file(clip, path.parent) for clip in clips)
    return [{"source": source, "edits": {"file": str(path), "clock": "source"}} for source in sources]


def _has_edit(entry: Entry) -> bool:
    return any(is_edit_text(text) and not is_take_record(text) for text in entry.texts)


def _find_file(clip: Clip, folder: Path) -> str:
    """Return the path of a clip's file; its name where there is none, which the job then reports."""
    named = _local_path(clip.path, folder)
    if named is not None and named.is_file():
        return str(named)
    neighbors = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() not in TIMELINES)
    for name in filter(None, (named.name if named else "", clip.name)):
        for path in neighbors:
            if name in (path.name, path.stem):
                return str(path)
    if clip.reel:
        of_reel = [path for path in neighbors if path.stem.upper().startswith(clip.reel.upper())]
        if len(of_reel) == 1:
            return str(of_reel[0])
    return str(named or clip.name or clip.reel)


def _local_path(written: str, folder: Path) -> Path | None:
    """Return the path that a timeline writes, as a path or as a file URL; relative ones start from its folder."""
    if not written:
        return None
    url = urlsplit(written)
    return folder / (unquote(url.path) if url.scheme == "file" else written)
