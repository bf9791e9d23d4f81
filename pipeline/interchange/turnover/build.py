"""From a finished film and its takes to a turnover.

Raises  BadInput when the film's rate varies; MissingExtra where timelines cannot be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import PurePath

from ...core.errors import InputMediaError
from ...core.node import NodeContext
from ...core.times import Moment, timecode_of_day
from ...core.values import Media, Segment, Take, Turnover, TurnoverClip
from ...media.clock import label_clock
from ...media.edit_spans import handle_frames
from ...media.probe import require_video
from ..otio.write import require
from .marker import ASKED
from .originals import reel_of
from .turnover_clip import ClipCodec, cut_clip
from .versions import portable, unlike

UNCOUNTABLE = (
    "the film's frame rate varies, which no timecode counts, so that a timeline would shift; "
    "make its rate constant first, or leave out the timeline step"
)


def build(
    context: NodeContext,
    film: Media,
    takes: Sequence[Take],
    *,
    source_path: str,
    codec: ClipCodec,
    handles: Moment,
    dialects: tuple[str, ...],
    reel: str,
) -> Turnover:
    """Cut the clips, and gather what the timelines say; the parts of one edit are one clip."""
    require()
    check_countable(film)
    used = sorted((take for take in takes if take.status == "done"), key=lambda take: take.segment.start_frame)
    source = used[0].segment.source if used else film
    title = portable(PurePath(source_path).stem)
    named = reel or reel_of(context.path(source.file)) or title
    edits = [list(parts) for _, parts in groupby(used, key=lambda take: take.segment.edit_span)]
    clips: list[TurnoverClip] = []
    for done, parts in enumerate(edits):
        context.progress(done / len(edits))
        name = unlike(_name(parts[0].segment, len(parts), title), [clip.name for clip in clips])
        clips.append(_clip(context, film, parts, name, codec, handles, named))
    return Turnover(
        title=title, source=source, source_path=source_path, reel=named, dialects=dialects, clips=tuple(clips)
    )


def check_countable(film: Media) -> None:
    """Refuse a film that no timecode counts.

    Raises:
        BadInput: its frame rate varies.
    """
    if not require_video(film).constant_rate:
        raise InputMediaError(UNCOUNTABLE)


def _clip(
    context: NodeContext, film: Media, parts: Sequence[Take], name: str, codec: ClipCodec, handles: Moment, reel: str
) -> TurnoverClip:
    first, (start, end) = parts[0], parts[0].segment.edit_span
    held = handle_frames(film, handles)
    head, tail = min(held, start), min(held, require_video(film).frame_count - end)
    rate, drop, label = label_clock(first.segment.source)
    timecode = str(timecode_of_day(label + start - head, rate, drop=drop))
    file = cut_clip(context, film, (start - head, end + tail), codec, timecode, reel)
    asked = {name: first.request[name] for name in ASKED if name in first.request}
    return TurnoverClip(
        name=name,
        file=file,
        start_frame=start,
        end_frame=end,
        head_frames=head,
        tail_frames=tail,
        changes_sound=first.segment.edit.changes_sound,
        about={
            **asked,
            "provider": first.provider,
            "request_id": " ".join(part.request_id for part in parts).strip(),
            "cost_usd": round(sum(part.cost_usd for part in parts), 6),
        },
    )


def _name(segment: Segment, parts: int, title: str) -> str:
    """Name a clip as its edit is called; an edit without a name is called after the film."""
    if segment.edit.name:
        return segment.edit.name
    whole = segment.name.rpartition("-")[0] if parts > 1 else segment.name
    return f"{title}_{whole}"
