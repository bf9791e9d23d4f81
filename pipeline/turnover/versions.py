"""Names with versions: nothing that was handed over is ever written over.

`NAME_react1_v001.mov`; the timelines of a turnover carry the same version as its clips.
"""

from __future__ import annotations

from ..clips import TurnoverClip

TIMELINES = {"otio": ".otio", "fcpxml": ".fcpxml", "edl": ".edl"}


def clip_name(clip: TurnoverClip, version: int) -> str:
    """Name a clip's file."""
    return f"{clip.name}_react1_v{version:03}{clip.file.suffix}"


def timeline_name(title: str, dialect: str, kind: str, version: int) -> str:
    """Name a timeline's file; `dialect` is the editing system that it is written for."""
    return f"{title}_react1_v{version:03}.{dialect}{TIMELINES[kind]}"
