"""Build a turnover from a finished film and its takes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import PurePath

from ...core.errors import InputMediaError
from ...core.node import NodeContext
from ...core.times import Moment, timecode_of_day
from ...core.values import Media, Segment, Take, Turnover, TurnoverClip
from ...media.clock import timecode_clock
from ...media.edit_spans import handle_frames
from ...media.probe import require_video
from ..otio.write import require_opentimelineio
from .file_names import portable_name, unique_name
from .layout import REQUEST_FIELDS
from .originals import read_reel
from .turnover_clip import ClipCodec, cut_clip

VARIABLE_RATE = (
    "the film's frame rate varies, which timecode cannot count, so a timeline would drift; "
    "convert it to a constant rate first, or leave out the timeline step"
)


def build_turnover(
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
    """Cut one clip per edit, and collect the data of the timelines; the segments of one edit become one clip.

    Raises:
        InputMediaError: the film's rate varies.
        MissingExtra: opentimelineio is not installed.
    """
    require_opentimelineio()
    check_countable(film)
    used = sorted((take for take in takes if take.status == "done"), key=lambda take: take.segment.start_frame)
    source = used[0].segment.source if used else film
    title = portable_name(PurePath(source_path).stem)
    reel = reel or read_reel(context.path(source.file)) or title
    edits = [list(parts) for _, parts in groupby(used, key=lambda take: take.segment.edit_span)]
    clips: list[TurnoverClip] = []
    for done, parts in enumerate(edits):
        context.progress(done / len(edits))
        name = unique_name(_name(parts[0].segment, len(parts), title), [clip.name for clip in clips])
        clips.append(_clip(context, film, parts, name, codec, handles, reel))
    return Turnover(
        title=title, source=source, source_path=source_path, reel=reel, dialects=dialects, clips=tuple(clips)
    )


def check_countable(film: Media) -> None:
    """Refuse a film of variable frame rate, which timecode cannot count.

    Raises:
        InputMediaError: its frame rate varies.
    """
    if not require_video(film).constant_rate:
        raise InputMediaError(VARIABLE_RATE)


def _clip(
    context: NodeContext, film: Media, parts: Sequence[Take], name: str, codec: ClipCodec, handles: Moment, reel: str
) -> TurnoverClip:
    first, (start, end) = parts[0], parts[0].segment.edit_span
    handle = handle_frames(film, handles)
    head, tail = min(handle, start), min(handle, require_video(film).frame_count - end)
    rate, drop, label = timecode_clock(first.segment.source)
    timecode = str(timecode_of_day(label + start - head, rate, drop=drop))
    file = cut_clip(context, film, (start - head, end + tail), codec, timecode, reel)
    request = {name: first.request[name] for name in REQUEST_FIELDS if name in first.request}
    return TurnoverClip(
        name=name,
        file=file,
        start_frame=start,
        end_frame=end,
        head_frames=head,
        tail_frames=tail,
        changes_sound=first.segment.edit.changes_sound,
        about={
            **request,
            "provider": first.provider,
            "request_id": " ".join(part.request_id for part in parts).strip(),
            "cost_usd": round(sum(part.cost_usd for part in parts), 6),
        },
    )


def _name(segment: Segment, parts: int, title: str) -> str:
    """Return the edit's name, or a name from the film and the segment if the edit has none."""
    if segment.edit.name:
        return segment.edit.name
    edit_name = segment.name.rpartition("-")[0] if parts > 1 else segment.name
    return f"{title}_{edit_name}"
