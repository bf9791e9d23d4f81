"""Bring a take back to the source's exact frames: measure it, correct it, and put its changes into the plate.

Takes   a take as a provider gave it: any size, rate and count.
Gives   a file with one frame per source frame of the span and its handles, in the source's coded size, pixel format
        and colour, losslessly coded; and the figures of what was measured.
Raises  HostFailed where the take cannot be explained by what was sent.

What the user hears of a take that had to be corrected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from ..core.errors import ProviderError
from ..core.node import NodeContext
from ..core.values import Segment, Take, VideoStream
from ..media.decode import exact_frames, turn_coded
from ..splicing.encoders import EncoderSettings, pixel_formats
from ..splicing.pictures.planes import (
    Plane,
    frame_from_planes,
    frame_planes,
    resize_mask,
    to_coded_planes,
    working_format,
)
from ..splicing.reencode import encode
from .align import Alignment
from .changed_region import Tracked, tracked
from .composite import Mask, Steady, composite, difference_mask
from .composite_mode import Composite
from .corrections import NOTHING, Corrections, measured
from .frame_pairs import Both, Walk, nearest, padded, small
from .levels import Transfer

_REFIT_FRAMES = 25


@dataclass(frozen=True)
class Conformed:
    """The conformed pictures, not yet kept, and what was measured."""

    path: Path
    metrics: dict[str, Any]
    notes: tuple[str, ...]


@dataclass
class _Touched:
    total: float = 0.0
    frames: int = 0
    whole: int = 0

    def add(self, share: float) -> None:
        self.total, self.frames = self.total + share, self.frames + 1
        self.whole += share > 0.99

    @property
    def share(self) -> float:
        return round(self.total / max(self.frames, 1), 4)


@dataclass
class _Work:
    """All that the passes over a take share."""

    segment: Segment
    source: VideoStream
    source_path: Path
    both: Both
    mode: Composite
    pix_fmt: str
    undone: Corrections = NOTHING
    face: Tracked | None = None
    touched: _Touched = field(default_factory=_Touched)
    steady: Steady = field(default_factory=Steady)


def conform(context: NodeContext, take: Take, mode: Composite = "auto") -> Conformed:
    """Conform a take; nothing of it is kept yet."""
    work = _opened(context, take, mode)
    given = take.media.video
    assert given is not None
    sent_small, take_small = small(work.both.sent()), small(work.both.taken())
    found, work.undone = measured(work.both, sent_small, take_small, given.rate)
    if mode == "face":
        pairs = work.undone.small(work.both, sent_small, take_small, found)
        work.face = tracked(*pairs, work.both.cell_aspect)
    choice = _lossless(work.pix_fmt)
    made = context.temp_path("conformed" + (".mov" if choice.encoder == "libx264" else ".mkv"))
    shown_as = work.source.model_copy(update={"pix_fmt": work.pix_fmt})
    first, last = work.segment.first_frame, work.segment.last_frame
    times = work.source.timestamps.array[first:last]

    def each(count: int) -> None:
        context.progress(min(1.0, count / max(1, last - first)))

    encode(_composited(work, found), made, shown_as, choice, each, times - times[0])
    said = remarks(
        work.segment,
        found,
        shifted=not all(line.trivial for line in work.undone.lines),
        moved=not work.undone.placement.trivial,
        whole_frames=work.touched.whole if mode != "frame" else 0,
        others=work.face.others if work.face else 0,
    )
    return Conformed(made, _figures(work, take, found, len(take_small)), said)


def _opened(context: NodeContext, take: Take, mode: Composite) -> _Work:
    segment, name = take.segment, take.segment.name
    source, sent, given = segment.source.video, segment.media.video, take.media.video
    assert source is not None and sent is not None
    if given is None:
        raise ProviderError(f"the take of {name} has no picture")
    cut = padded(given, sent, name)
    return _Work(
        segment=segment,
        source=source,
        source_path=context.path(segment.source.file),
        both=Both(name, context.path(segment.media.file), sent, context.path(take.media.file), cut),
        mode=mode,
        pix_fmt=working_format(source.pix_fmt),
    )


def _composited(work: _Work, found: Alignment) -> Iterator[tuple[VideoFrame, int]]:
    """Give the finished frames, numbered from the first of the span and its handles."""
    segment = work.segment
    pairs = _pairs(work, found)
    transfer = Transfer(work.source, work.pix_fmt)
    for index, plate in exact_frames(work.source_path, work.source, segment.first_frame, segment.last_frame):
        place, sent, taken = next(pairs)
        number = index - segment.first_frame
        base = plate if plate.format.name == work.pix_fmt else plate.reformat(format=work.pix_fmt)
        after = work.undone.undo(frame_planes(sent), frame_planes(taken))
        made = _frame(work, transfer, frame_planes(base), sent, after, number, place)
        yield frame_from_planes(made, work.pix_fmt), number


def _frame(
    work: _Work, transfer: Transfer, own: list[Plane], sent: VideoFrame, after: list[Plane], number: int, place: int
) -> list[Plane]:
    mask = _mask(work, frame_planes(sent), after, place)
    work.touched.add(float((mask > 0.02).mean()))
    if not mask.any():
        return own
    came = to_coded_planes(frame_from_planes(after, "yuv420p"), work.source, work.pix_fmt)
    if work.mode == "frame" and not work.source.is_hdr:
        return came
    was = to_coded_planes(sent, work.source, work.pix_fmt)
    if number % _REFIT_FRAMES == 0 or not transfer.ready:
        transfer.fit(own, was)
    return composite(own, was, came, turn_coded(mask, work.source), transfer)


def _mask(work: _Work, before: list[Plane], after: list[Plane], place: int) -> Mask:
    """Give which part of a frame is taken."""
    if work.mode == "frame":
        return np.ones((2, 2), np.float32)
    mask = difference_mask(before, after, whole=work.face is None)
    if work.face is not None:
        mask = mask * resize_mask(work.face.where[place], (mask.shape[0], mask.shape[1]))
    return work.steady.over(mask)


def _pairs(work: _Work, found: Alignment) -> Iterator[tuple[int, VideoFrame, VideoFrame]]:
    """Give, for each source frame in order, its place among those sent, that frame and the take's frame for it."""
    sent, taken = Walk(work.both.sent()), Walk(work.both.taken())
    for place in nearest(work.segment.frames, work.segment.first_frame, work.segment.last_frame):
        yield place, sent.at(found.stands_for[place]), taken.at(found.take_of[place])


def _lossless(pix_fmt: str) -> EncoderSettings:
    if pix_fmt in ("yuv420p", "yuvj420p", "yuv422p", "yuv444p") and pix_fmt in pixel_formats("libx264"):
        params = "bframes=0:keyint=50"
        return EncoderSettings("libx264", pix_fmt, {"preset": "ultrafast", "qp": "0", "x264-params": params})
    plain = pix_fmt.replace("yuvj", "yuv")
    return EncoderSettings("ffv1", plain, {"level": "3", "slices": "4", "g": "1"})


def _figures(work: _Work, take: Take, found: Alignment, given: int) -> dict[str, Any]:
    video = take.media.video
    assert video is not None
    expected, place = len(work.segment.frames), work.undone.placement
    unseen = set(range(work.segment.first_frame, work.segment.last_frame)) - set(work.segment.frames)
    return {
        "frames_given": given,
        "frames_expected": expected,
        "lag_frames": found.lag_frames,
        "missing": found.missing,
        "surplus": found.surplus,
        "doubled": found.doubled,
        "resampled": found.resampled,
        "rate_given": str(video.rate),
        "size_given": f"{video.width_px}x{video.height_px}",
        "size_sent": f"{work.both.sent_video.width_px}x{work.both.sent_video.height_px}",
        "placement": [[round(line.gain, 4), round(line.offset, 2)] for line in (place.x, place.y)],
        "composite": work.mode,
        "other_places": work.face.others if work.face else None,
        "color_shift": [[round(line.gain, 4), round(line.offset, 2)] for line in work.undone.lines],
        "likeness": round(found.likeness, 4),
        "touched_share": work.touched.share,
        "whole_frames": work.touched.whole,
        "unseen_frames": len(unseen),
        "frames": work.segment.last_frame - work.segment.first_frame,
    }


def remarks(
    segment: Segment, found: Alignment, *, shifted: bool, moved: bool = False, whole_frames: int = 0, others: int = 0
) -> tuple[str, ...]:
    """Say in plain words what was wrong with a take and what was done."""
    places = f"{others} other place" + ("s" if others > 1 else "")
    unseen = segment.last_frame - segment.first_frame - len(set(segment.frames))
    told = (
        (found.lag_frames, f"was {found.lag_frames} frame(s) late: shifted back"),
        (found.missing, f"lacked {found.missing} frame(s): its nearest frame was repeated there"),
        (found.surplus, f"had {found.surplus} frame(s) too many: dropped"),
        (found.doubled, f"showed {found.doubled} frame(s) twice: left out where it had too many"),
        (found.resampled, "came at another rate: each frame was taken from the nearest one in time"),
        (shifted, "had another level or colour: corrected by what should not have changed"),
        (moved, "shows the picture moved, cropped or scaled: brought back to its place"),
        (others, f"changed {places} too: left as in the source, since only the face is taken"),
        (whole_frames, f"differs everywhere in {whole_frames} frame(s): whole frames were taken"),
    )
    said = [f"the take of {segment.name} {what}" for applies, what in told if applies]
    if unseen > 0:
        said.append(
            f"{unseen} source frame(s) of {segment.name} were not sent, because the provider takes fewer per second: "
            "they carry the nearest frame's expression"
        )
    return tuple(said)
