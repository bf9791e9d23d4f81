"""Names with versions: nothing that was handed over is ever written over.

`NAME_react1_v001.mov`; the timelines of a turnover carry the same version as its clips.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ...core.values import TurnoverClip

TIMELINES = {"otio": ".otio", "fcpxml": ".fcpxml", "edl": ".edl"}


_UNWANTED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
"""What Windows takes in no file's name; a turnover goes to other machines."""
_LONGEST_BYTES = 120
"""File systems take 255 bytes; an edit's name, the version and the dialect follow."""


def portable(stem: str) -> str:
    """Give a film's name, without its suffix, as every file system takes it; `film` where nothing is left."""
    kept = _UNWANTED.sub("_", stem).encode()[:_LONGEST_BYTES].decode(errors="ignore")
    return kept.rstrip(" .") or "film"


def unlike(name: str, taken: Collection[str]) -> str:
    """Give a name that differs from others in more than its capitals, which some file systems do not tell apart."""
    others = {one.casefold() for one in taken}
    found, number = name, 1
    while found.casefold() in others:
        number += 1
        found = f"{name}-{number}"
    return found


def clip_name(clip: TurnoverClip, version: int) -> str:
    """Name a clip's file."""
    return f"{clip.name}_react1_v{version:03}{clip.file.suffix}"


def timeline_name(title: str, dialect: str, kind: str, version: int) -> str:
    """Name a timeline's file; `dialect` is the editing system that it is written for."""
    return f"{title}_react1_v{version:03}.{dialect}{TIMELINES[kind]}"
