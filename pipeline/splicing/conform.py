"""Bring a take back to the source's exact frames: measure it, correct it, and put its changes into the plate.

Takes   a take as a provider gave it: any size, rate and count.
Gives   a file with one frame per source frame of the span and its handles, in the source's coded size, pixel format
        and colour, losslessly coded; and the figures of what was measured.
Raises  HostFailed where the take cannot be explained by what was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from ..errors import HostFailed
from ..kinds import Segment, Take, VideoStream
from ..media.decode import frames as source_frames
from ..media.decode import turn_coded
from ..node import Room
from . import levels
from .align import Alignment, align
from .composite import Steady, composite, difference_mask
from .encoders import Choice, pixel_formats
from .frames import decoded
from .levels import Line
from .planes import Plane, frame_of, planes, to_coded, working_format
from .reencode import encode
from .remarks import remarks
from .transfer import Transfer
from .walk import Walk, nearest

_SMALL_PX = (96, 54)
_REFIT_FRAMES = 25


@dataclass(frozen=True)
class Conformed:
    """The conformed pictures, not yet kept, and what was measured."""

    path: Path
    figures: dict[str, Any]
    said: tuple[str, ...]


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
    sent: VideoStream
    source_path: Path
    sent_path: Path
    take_path: Path
    crop: bool
    pix_fmt: str
    lines: tuple[Line, ...] = ()
    touched: _Touched = field(default_factory=_Touched)
    steady: Steady = field(default_factory=Steady)


def conform(room: Room, take: Take) -> Conformed:
    """Conform a take; nothing of it is kept yet."""
    work = _opened(room, take)
    given = take.media.video
    assert given is not None
    sent_small = _small(_sent(work))
    take_small = _small(_taken(work))
    found = align(sent_small[:, 0], take_small[:, 0], work.sent.rate, given.rate, work.segment.name)
    work.lines = _lines(sent_small, take_small, found)
    choice = _lossless(work.pix_fmt)
    made = room.new("conformed" + (".mov" if choice.encoder == "libx264" else ".mkv"))
    shown_as = work.source.model_copy(update={"pix_fmt": work.pix_fmt})
    first, last = work.segment.first_frame, work.segment.last_frame
    times = work.source.timestamps.array[first:last]

    def each(count: int) -> None:
        room.progress(min(1.0, count / max(1, last - first)))

    encode(_composited(work, found), made, shown_as, choice, each, times - times[0])
    shifted = not all(line.trivial for line in work.lines)
    said = remarks(work.segment, found, shifted=shifted, whole_frames=work.touched.whole)
    return Conformed(made, _figures(work, take, found, len(take_small)), said)


def _opened(room: Room, take: Take) -> _Work:
    segment, name = take.segment, take.segment.name
    source, sent, given = segment.source.video, segment.media.video, take.media.video
    assert source is not None and sent is not None
    if given is None:
        raise HostFailed(f"the take of {name} has no picture")
    return _Work(
        segment=segment,
        source=source,
        sent=sent,
        source_path=room.path(segment.source.file),
        sent_path=room.path(segment.media.file),
        take_path=room.path(take.media.file),
        crop=_padded(given, sent, name),
        pix_fmt=working_format(source.pix_fmt),
    )


def _padded(given: VideoStream, sent: VideoStream, name: str) -> bool:
    """Tell whether the take is what was sent with lines or columns added to fill the coder's blocks of 16."""
    wider, higher = given.width_px - sent.width_px, given.height_px - sent.height_px
    if 0 <= wider < 16 and 0 <= higher < 16:
        return wider + higher > 0
    stretch = (given.width_px / given.height_px) / (sent.width_px / sent.height_px)
    if not 0.97 < stretch < 1.03:
        raise HostFailed(
            f"the take of {name} is {given.width_px}x{given.height_px}, which is another shape than the "
            f"{sent.width_px}x{sent.height_px} that was sent"
        )
    return False


def _sent(work: _Work) -> Iterator[VideoFrame]:
    for frame in decoded(work.sent_path, work.sent.index):
        yield frame if frame.format.name == "yuv420p" else frame.reformat(format="yuv420p")


def _taken(work: _Work) -> Iterator[VideoFrame]:
    """Give the take's frames in the size of what was sent, 8-bit 4:2:0."""
    width, height = work.sent.width_px, work.sent.height_px
    for given in decoded(work.take_path):
        frame = given if given.format.name == "yuv420p" else given.reformat(format="yuv420p")
        if (frame.width, frame.height) == (width, height):
            yield frame
        elif work.crop:
            shapes = ((height, width), *(2 * (((height + 1) // 2, (width + 1) // 2),)))
            parts = [part[:rows, :columns] for part, (rows, columns) in zip(planes(frame), shapes, strict=True)]
            yield frame_of(parts, "yuv420p")
        else:
            yield frame.reformat(width, height, interpolation="BICUBIC")


def _small(frames: Iterator[VideoFrame]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Shrink frames to `(frames, 3, height, width) uint8` YUV."""
    width, height = _SMALL_PX
    shrunk = [frame.reformat(width, height, "yuv444p", interpolation="AREA").to_ndarray() for frame in frames]
    return np.stack(shrunk) if shrunk else np.zeros((0, 3, height, width), np.uint8)


def _lines(sent: Any, taken: Any, found: Alignment) -> tuple[Line, ...]:
    """Measure the take's shift of level and colour against what was sent, per plane."""
    step = max(1, len(sent) // 24)
    pairs = [(found.stands_for[i], found.take_of[i]) for i in range(0, len(sent), step)]
    lines = []
    for plane in range(3):
        x = np.concatenate([sent[i, plane].ravel() for i, _ in pairs]).astype(np.float64)
        y = np.concatenate([taken[j, plane].ravel() for _, j in pairs]).astype(np.float64)
        line = levels.fit(x, y)
        # A shift below half a level is the coder's rounding, not a shift.
        lines.append(line if np.abs(line.gain * x + line.offset - x).mean() > 0.5 else Line())
    return tuple(lines)


def _composited(work: _Work, found: Alignment) -> Iterator[tuple[VideoFrame, int]]:
    """Give the finished frames, numbered from the first of the span and its handles."""
    segment = work.segment
    pairs = _pairs(work, found)
    transfer = Transfer(work.source, work.pix_fmt)
    for index, plate in source_frames(work.source_path, work.source, segment.first_frame, segment.last_frame):
        sent, taken = next(pairs)
        number = index - segment.first_frame
        base = plate if plate.format.name == work.pix_fmt else plate.reformat(format=work.pix_fmt)
        own = planes(base)
        yield frame_of(_frame(work, transfer, own, sent, taken, number), work.pix_fmt), number


def _frame(
    work: _Work, transfer: Transfer, own: list[Plane], sent: VideoFrame, taken: VideoFrame, number: int
) -> list[Plane]:
    before = planes(sent)
    after = [line.undo(part) for line, part in zip(work.lines, planes(taken), strict=True)]
    mask = work.steady.over(difference_mask(before, after))
    work.touched.add(float((mask > 0.02).mean()))
    if not mask.any():
        return own
    was = to_coded(sent, work.source, work.pix_fmt)
    came = to_coded(frame_of(after, "yuv420p"), work.source, work.pix_fmt)
    if number % _REFIT_FRAMES == 0 or not transfer.ready:
        transfer.fit(own, was)
    return composite(own, was, came, turn_coded(mask, work.source), transfer)


def _pairs(work: _Work, found: Alignment) -> Iterator[tuple[VideoFrame, VideoFrame]]:
    """Give, for each source frame in order, the frame that was sent and the take's frame for it."""
    sent, taken = Walk(_sent(work)), Walk(_taken(work))
    for place in nearest(work.segment.frames, work.segment.first_frame, work.segment.last_frame):
        yield sent.at(found.stands_for[place]), taken.at(found.take_of[place])


def _lossless(pix_fmt: str) -> Choice:
    if pix_fmt in ("yuv420p", "yuvj420p", "yuv422p", "yuv444p") and pix_fmt in pixel_formats("libx264"):
        params = "bframes=0:keyint=50"
        return Choice("libx264", pix_fmt, {"preset": "ultrafast", "qp": "0", "x264-params": params})
    plain = pix_fmt.replace("yuvj", "yuv")
    return Choice("ffv1", plain, {"level": "3", "slices": "4", "g": "1"})


def _figures(work: _Work, take: Take, found: Alignment, given: int) -> dict[str, Any]:
    video = take.media.video
    assert video is not None
    expected = len(work.segment.frames)
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
        "size_sent": f"{work.sent.width_px}x{work.sent.height_px}",
        "color_shift": [[round(line.gain, 4), round(line.offset, 2)] for line in work.lines],
        "likeness": round(found.likeness, 4),
        "touched_share": work.touched.share,
        "whole_frames": work.touched.whole,
        "unseen_frames": len(unseen),
        "frames": work.segment.last_frame - work.segment.first_frame,
    }
