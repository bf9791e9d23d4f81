"""What is looked at in a segment before it is uploaded or paid for.

Takes   an ask and the store.
Gives   remarks for the user, and why it must not be sent, if so.
"""

from __future__ import annotations

from ..core.errors import InputMediaError
from ..core.values import Segment
from ..media.frame_rate import OFFERED as RATES
from ..media.probe import require_video
from ..preflight.clip_checks import examine
from ..providers.contract import Limits
from ..store.store import Store
from .request import Ask


def look(ask: Ask, store: Store) -> tuple[tuple[str, ...], InputMediaError | None]:
    """Look at the clip that is to be sent, and at the span in the film."""
    fault = _clip_fault(ask)
    if fault:
        return (), InputMediaError(fault)
    return look_at(ask.segment, store, ask.provider.limits)


def look_at(segment: Segment, store: Store, limits: Limits) -> tuple[tuple[str, ...], InputMediaError | None]:
    """Look at the span of a segment in the film, whatever has been made of it yet."""
    found = examine(
        store.path(segment.source.file),
        segment.source,
        segment.name,
        segment.start_frame,
        segment.end_frame,
        longest_s=limits.video_s,
        largest_px=limits.size_px,
        has_new_line=segment.edit.audio is not None,
    )
    fatal = [one.message for one in found if one.fatal]
    return tuple(one.message for one in found if not one.fatal), InputMediaError("; ".join(fatal)) if fatal else None


def _clip_fault(ask: Ask) -> str:
    """Say what is wrong with the clip itself, which a preset may have prepared in its own way."""
    segment, limits, host = ask.segment, ask.provider.limits, ask.provider.name
    video, longest_s = require_video(segment.media), limits.video_s
    first = "put the step transcode before `upload`"
    sides = sorted((video.width_px, video.height_px), reverse=True)
    if limits.size_px is not None and (sides[0] > limits.size_px[0] or sides[1] > limits.size_px[1]):
        most = "x".join(map(str, limits.size_px))
        return f"segment {segment.name} is {video.width_px}x{video.height_px}, and {host} takes at most {most}; {first}"
    if not video.constant_rate or video.rate not in RATES:
        rate = f"{float(video.rate):.3f} frames/s{'' if video.constant_rate else ', not constant'}"
        wanted = ", ".join(map(str, RATES))
        return f"segment {segment.name} has {rate}, and {host} wants a constant {wanted}; {first}"
    if longest_s is not None and ask.lasts_s > longest_s:
        return (
            f"segment {segment.name} lasts {float(ask.lasts_s):.2f} s with its handles, and {host} takes at most "
            f"{float(longest_s):g} s in one call; shorten it, or let `trim` split it (its `longest_s`)"
        )
    if segment.voice is None:
        return (
            f"segment {segment.name} has no voice, which {host} needs; "
            "give the edit an `audio`, and the preset the step normalize_audio"
        )
    return ""
