"""File names with versions, so that nothing that was delivered is overwritten.

`NAME_react1_v001.mov`; the timelines of a turnover have the same version as its clips.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ...core.values import TurnoverClip

_INVALID = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
"""Characters that Windows refuses in file names; a turnover is copied to other machines."""
_MAX_BYTES = 120
"""File systems allow 255 bytes; an edit's name, the version and the dialect follow."""


def portable_name(stem: str) -> str:
    """Return a film's name without its suffix, valid on every file system; `film` if nothing is left."""
    name = _INVALID.sub("_", stem).encode()[:_MAX_BYTES].decode(errors="ignore")
    return name.rstrip(" .") or "film"


def unique_name(name: str, taken: Collection[str]) -> str:
    """Return a name that differs from the others in more than case, which some file systems ignore."""
    others = {other.casefold() for other in taken}
    candidate, number = name, 1
    while candidate.casefold() in others:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def clip_name(clip: TurnoverClip, version: int) -> str:
    """Return the file name of a clip."""
    return f"{clip.name}_react1_v{version:03}{clip.file.suffix}"


def timeline_name(title: str, dialect: str, kind: str, version: int) -> str:
    """Return the file name of a timeline; `dialect` is the editing system, `kind` the suffix without its dot."""
    return f"{title}_react1_v{version:03}.{dialect}.{kind}"
