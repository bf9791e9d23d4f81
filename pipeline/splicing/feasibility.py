"""Predict how a film will be spliced, from its packets, before anything is encoded or paid for.

`strategies.smart_render` takes the same decisions when it splices, and may still be rejected by a check.

The pictures around every edit must decode at the times that their packets have. Times of packets do not show it: a
film may be cut between keyframes, begin with an edit list before its first keyframe, or be damaged. The headers of
H.264 do where nothing is unusual, without a decode; else, and in other codecs, the pictures are decoded. What is read
here is what the splice and its checks read later; the middle of a long edit is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.video.frame import VideoFrame

from ..core.errors import InputMediaError
from ..core.values import Media, VideoStream
from ..media.frames.decode import ENCODE_AGAIN, decode_frames, exact_frames, open_packets
from ..media.frames.film_readers import kept_open
from ..media.mp4.sample_tables import Ints
from ..media.mpeg_headers import MPEG_CODECS
from ..media.not_applicable import NotApplicable
from ..media.probe import VIEWS, WITHOUT_STEREO_MODE
from ..media.timing.clock import describe_frame
from .codecs.family import open_encoder
from .codecs.h264_slices import pictures_come
from .codecs.kept_metadata import DOLBY_VISION_CONFIGURATION, lost_in_complete
from .container import TRANSPORT_SUFFIXES, container_suffix, maps_dolby_vision, remux_refusal
from .encoders import EncoderSettings, choose_encoder, codec_change, new_codec
from .matroska import MATROSKA_SUFFIXES
from .mp4.sample_times import FrameGrid
from .packet_index import described_anew, index_film
from .pictures.description import require_one_description
from .pictures.fields import require_known_colors, side_data_of
from .pictures.frames import Insert, count_frames
from .smart_render import NOT_DECODED, RenderPlan, plan_render

NEAR_FRAMES = 24
"""On either side of a border."""


def require_decodable(
    source: Path, media: Media, spans: Sequence[tuple[int, int]], *, are_counted: bool = False
) -> None:
    """Check that the shown frames near the borders of half-open spans decode at their times, as a player reads them.

    If frames `are_counted`, as in a complete re-encode, none may come without a time, or after the film's last.

    Raises:
        InputMediaError: one does not; the message names it and its time.
    """
    video = media.video
    assert video is not None
    times = video.timestamps.array
    for item in _near_borders(spans, len(times)):
        ends = are_counted and item.stop == len(times)
        if not _decodes(source, video, times[item.start : item.stop], are_counted=are_counted, ends=ends):
            list(exact_frames(source, video, item.start, item.stop))  # names the frame
            raise InputMediaError(
                f"frames {item.start}–{item.stop - 1} of the film (from {describe_frame(media, item.start)}) do not "
                f"decode at their times; encode it again first ({ENCODE_AGAIN})"
            )


def stored_pictures_decode(source: Path, media: Media, grid: FrameGrid, spans: Sequence[tuple[int, int]]) -> bool:
    """Return whether the stored pictures near the borders of spans decode when the edit list is ignored."""
    assert media.video is not None
    items = _near_borders(spans, len(grid.shown))
    return all(
        _decodes(source, media.video, grid.stored_times(item.start, item.stop), grid.demuxer_options) for item in items
    )


def _near_borders(spans: Sequence[tuple[int, int]], count: int) -> Iterator[range]:
    """Yield the frames near the borders of spans in order, joined where they overlap."""
    borders = sorted({border for span in spans for border in span})
    start = end = 0
    for border in borders:
        first, after = max(border - NEAR_FRAMES, 0), min(border + NEAR_FRAMES, count)
        if first > end or end == 0:
            if end > start:
                yield range(start, end)
            start = first
        end = after
    if end > start:
        yield range(start, end)


def _decodes(
    source: Path,
    video: VideoStream,
    times: Ints,
    options: Mapping[str, str] | None = None,
    *,
    are_counted: bool = False,
    ends: bool = False,
) -> bool:
    """Return whether a reader that seeks gives a frame at each of these times, and no other between them.

    If frames `are_counted`, those without a time count, too; if the film `ends` there, so do those that follow. Of
    H.264 the headers show it, or else a decoder.
    """
    if video.codec == "h264" and _headers_show(source, video.index, times, options):
        return True
    remaining = iter(times.tolist())
    due: int | None = next(remaining)
    try:
        for frame in decode_frames(source, video.index, options=options, start_pts=int(times[0])):
            is_before = not are_counted if frame.pts is None else frame.pts < times[0]
            if is_before:
                continue
            if due is None or frame.pts != due:
                return False
            due = next(remaining, None)
            if due is None and not ends:
                return True
    except InputMediaError:
        return False
    return due is None


def _headers_show(source: Path, stream: int, times: Ints, options: Mapping[str, str] | None) -> bool:
    try:
        with open_packets(source, stream, "AUTO", int(times[0]), options) as (container, packets):
            config = bytes(container.streams[stream].codec_context.extradata or b"")
            return pictures_come(config, packets, times)
    except (InputMediaError, av.FFmpegError):
        return False


@dataclass(frozen=True)
class Feasibility:
    """What a splice will do to the picture stream."""

    way: str
    """`exact` or `reencoded-picture`, as in the metrics."""
    reason: str = ""
    """Why it is not exact; empty if it is."""
    edited_frames: int = 0
    encoded_frames: int = 0
    """All frames that are re-encoded: the edited ones, and those up to where decoding can resume."""
    same_config: bool = False
    encoder: str = ""
    codec_change: str = ""
    """That the codec changes, and why; empty if it stays."""
    lost: tuple[str, ...] = ()
    """What the film's pictures say that re-encoded ones will not."""

    def summary(self) -> str:
        """Return it as one line."""
        lost = f"; these lose {', '.join(self.lost)}" if self.lost else ""
        if self.way != "exact":
            return (
                f"splice: the complete picture stream is re-encoded with {self.encoder}, visually lossless: "
                f"{self.reason}" + (f"; {self.codec_change}" if self.codec_change else "") + lost
            )
        extra = self.encoded_frames - self.edited_frames
        sets = "the film's own parameter sets" if self.same_config else "parameter sets of their own"
        return (
            f"splice: smart rendering; {self.edited_frames} edited frame(s) and {extra} more up to the next keyframe "
            f"are re-encoded with {self.encoder}, with {sets}{lost}"
        )

    def metrics(self) -> dict[str, Any]:
        """Return it as JSON."""
        metrics: dict[str, Any] = {"way": self.way, "reason": self.reason, "encoder": self.encoder}
        metrics |= {"lost": list(self.lost)} if self.lost else {}
        if self.way != "exact":
            return metrics
        return {
            **metrics,
            "edited_frames": self.edited_frames,
            "coded_frames": self.encoded_frames,
            "twin": self.same_config,
        }


def check_feasibility(source: Path, media: Media, spans: Sequence[tuple[int, int]]) -> Feasibility:
    """Predict the splice of a film; `spans` are half-open, in shown frames.

    Raises:
        InputMediaError: no strategy applies.
    """
    assert media.video is not None
    inserts = [Insert(start, end, Path()) for start, end in spans]
    is_mapped = container_suffix(media) in TRANSPORT_SUFFIXES and maps_dolby_vision(source)
    lost = (DOLBY_VISION_CONFIGURATION,) if is_mapped else ()
    try:
        with kept_open(source):
            plan = _smart_plan(source, media, inserts)
    except NotApplicable as reason:
        settings = choose_encoder(media.video, 0, container_suffix(media))
        refusal = remux_refusal(media, new_codec(settings))
        if refusal:
            raise InputMediaError(f"the film cannot be smart-rendered ({reason}), and {refusal}") from reason
        if settings.encoder == "libx264" and container_suffix(media) in MATROSKA_SUFFIXES:
            _require_one_view(source, media, str(reason))
        count = media.video.frame_count
        described = {*described_anew(source, media), count - 1}
        if media.video.codec not in MPEG_CODECS:  # their packets tell all
            described.update(start for start, _ in spans)
        require_one_description(source, media.video, sorted(described))
        require_decodable(source, media, [(0, count), *spans], are_counted=True)
        _require_encoder(media.video, settings)
        change = codec_change(media.video, settings)
        if (first := _first_frame(source, media)) is not None:
            require_known_colors(first)
            lost = tuple(dict.fromkeys((*lost, *lost_in_complete(source, media, first, settings))))
        return Feasibility("reencoded-picture", str(reason), encoder=settings.encoder, codec_change=change, lost=lost)
    return Feasibility(
        "exact",
        edited_frames=count_frames(spans),
        encoded_frames=plan.encoded_frames,
        same_config=plan.encoder.same_config,
        encoder=plan.encoder.settings.encoder,
        lost=tuple(dict.fromkeys((*plan.lost, *lost))),
    )


def _require_encoder(video: VideoStream, settings: EncoderSettings) -> None:
    """Check that the encoder of a complete re-encode takes the film's pictures as they are described.

    Raises:
        InputMediaError: it does not.
    """
    try:
        open_encoder(video, settings)
    except NotApplicable as refusal:
        raise InputMediaError(
            f"the film cannot be spliced: {refusal}; encode it again first ({ENCODE_AGAIN})"
        ) from refusal


def _first_frame(source: Path, media: Media) -> VideoFrame | None:
    assert media.video is not None
    with closing(decode_frames(source, media.video.index)) as frames:
        return next(frames, None)


def _require_one_view(source: Path, media: Media, reason: str) -> None:
    """Check that pictures do not show two views: x264 says inside of new ones how these are packed, as StereoMode does.

    Raises:
        InputMediaError: they do; what says it twice is not decoded.
    """
    first = _first_frame(source, media)
    if first is not None and any(data.type.name == VIEWS for data in side_data_of(first)):
        raise InputMediaError(
            f"the film cannot be smart-rendered ({reason}), and new pictures would say once more than its container "
            f"(StereoMode) how their two views are packed, which ffmpeg does not take; leave it out of the container "
            f"first ({WITHOUT_STEREO_MODE})"
        )


def _smart_plan(source: Path, media: Media, inserts: Sequence[Insert]) -> RenderPlan:
    """Plan smart rendering, and decode the pictures near the borders of what will be re-encoded.

    Raises:
        NotApplicable: the film cannot be smart-rendered.
        InputMediaError: a shown picture does not decode.
    """
    assert media.video is not None
    index = index_film(source, media)
    plan = plan_render(source, media.video, index, inserts)
    grid, stored = index.grid, [(item.first, item.end) for item in plan.ranges]
    require_decodable(source, media, [(first - grid.hidden, end - grid.hidden) for first, end in stored])
    as_shown = grid.samples.count == media.video.frame_count
    if not as_shown and not stored_pictures_decode(source, media, grid, stored):
        raise NotApplicable(NOT_DECODED)
    return plan
