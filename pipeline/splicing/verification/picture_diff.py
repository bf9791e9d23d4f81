"""Compare the pictures of a film that was encoded again with the pictures that it should show.

Takes   the source with the takes in their places, and the made film, both decoded once, side by side.
Gives   the least likeness found, and the first fault, if any.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ...media.decode import decode_frames
from ..container import matching_video_index
from ..mp4.sample_tables import Ints
from ..pictures import frames
from ..pictures.fields import field_order
from ..pictures.frames import Insert
from ..pictures.planes import Plane, visible_rows, working_format

INTERLACED_FLAG = "the mark of interlaced pictures"
_LEAST_DB = 38.0
"""What is coded anew here was measured at 44 dB or better; a wrong picture of the same shot lies far below."""
_BLOCK_PX, _MOST_LEVELS, _GRAIN_LEVELS = 16, 8.0, 4.0
"""A wrong face is a small part of a frame: no block's mean may move by more than this, in steps of 255. Heavy grain
that an encoder smooths costs decibels too, but hardly moves a mean: that is told, and no fault."""
_NEAR_FRAMES = 24
_EVERY = 8
_side_data: Any = SideDataContainer
"""Its type says that it takes nothing."""


@dataclass(frozen=True)
class PictureDiff:
    """How near the film comes to what it should show."""

    least_db: float
    """Luma PSNR of the worst frame that was compared."""
    fault: str = ""
    lost: tuple[str, ...] = ()
    """What travels with the pictures and is not there any more."""


def diff_metrics(found: Sequence[PictureDiff], *, interlaced: bool) -> dict[str, Any]:
    """Give the figures of one or more looks at a film."""
    figures: dict[str, Any] = {"least_psnr_db": round(min(one.least_db for one in found), 1)}
    if interlaced:
        figures["field_order_equal"] = not any(one.fault or INTERLACED_FLAG in one.lost for one in found)
    return figures


@dataclass
class _Tally:
    """What has come of a look so far."""

    least: float = 99.0
    lost: set[str] = field(default_factory=set)

    def add(self, meant: VideoFrame, came: VideoFrame) -> str:
        """Compare a frame; give what is wrong with it."""
        found, fault = _compared(meant, came)
        self.least = min(self.least, found)
        if not fault:
            self.lost.update(_lost(meant, came))
        return fault

    def ended(self, fault: str = "") -> PictureDiff:
        """Give the result; what was lost counts only where nothing is wrong."""
        return PictureDiff(self.least, fault, () if fault else tuple(sorted(self.lost)))


def compare_pictures(source: Path, made: Path, stream: int, inserts: Sequence[Insert]) -> PictureDiff:
    """Compare the frames near the spans, the takes' included, and every eighth of the others."""
    meant = frames.with_inserts(decode_frames(source, stream), inserts)
    tally = _Tally()
    for pair, came in itertools.zip_longest(meant, decode_frames(made, matching_video_index(source, stream, made))):
        if pair is None or came is None:
            return tally.ended("the films do not decode to the same number of frames")
        index, frame = pair
        if index % _EVERY and not _near(index, inserts):
            continue
        fault = tally.add(frame, came)
        if fault:
            return tally.ended(f"frame {index} {fault}")
    if tally.least < _LEAST_DB:
        tally.lost.add(f"fine grain (the worst frame comes to {tally.least:.1f} dB)")
    return tally.ended()


def compare_around(
    source: Path, made: Path, stream: int, inserts: Sequence[Insert], times: Ints, windows: Sequence[range], place: int
) -> PictureDiff:
    """Compare one of the windows of shown frames that were coded anew, and 24 frames on either side of it.

    Frames in no window must be the very same. `times` are the pts of all shown frames. Both films are read as a player
    reads them, from a keyframe on; what lies deep inside a long take is only read.
    """
    own = windows[place]
    whole = range(max(own.start - _NEAR_FRAMES, 0), min(own.stop + _NEAR_FRAMES, len(times)))
    meant = _meant(source, stream, inserts, times, whole)
    tally = _Tally()
    for pair, came in itertools.zip_longest(meant, _stretch(made, matching_video_index(source, stream, made), times, whole)):
        if pair is None or came is None or came.pts != times[pair[0]]:
            return tally.ended(f"the frames near frame {own.start} are not shown at their times")
        index, frame = pair
        if frame is None:
            continue
        if not any(index in window for window in windows):
            if not _same(frame, came):
                return tally.ended(f"the untouched frame {index} decodes to another picture")
            continue
        fault = tally.add(frame, came)
        if fault:
            return tally.ended(f"frame {index} {fault}")
    return tally.ended()


def _meant(
    source: Path, stream: int, inserts: Sequence[Insert], times: Ints, whole: range
) -> Iterator[tuple[int, VideoFrame | None]]:
    """Give what each frame of a stretch should show; None deep inside a take, where the film need not be decoded."""
    at = whole.start
    for deep in [*_deep(inserts, whole), range(whole.stop, whole.stop)]:
        if deep.start > at:
            yield from frames.with_inserts(_stretch(source, stream, times, range(at, deep.start)), inserts, at)
        yield from ((index, None) for index in deep)
        at = deep.stop


def _deep(inserts: Sequence[Insert], whole: range) -> list[range]:
    """Give the frames that lie far from both ends of every take."""
    edges = sorted({edge for one in inserts for edge in (one.start, one.end)})
    gaps = [range(a + _NEAR_FRAMES, b - _NEAR_FRAMES) for a, b in itertools.pairwise(edges)]
    inside = [gap for gap in gaps if gap and any(one.start <= gap.start < one.end for one in inserts)]
    return [gap for gap in inside if whole.start <= gap.start and gap.stop <= whole.stop]


def _stretch(path: Path, stream: int, times: Ints, span: range) -> Iterator[VideoFrame]:
    start, end = int(times[span.start]), int(times[span.stop - 1])
    for frame in decode_frames(path, stream, start_pts=start):
        if frame.pts is not None and frame.pts > end:
            return
        if frame.pts is not None and frame.pts >= start:
            yield frame


def _same(one: VideoFrame, other: VideoFrame) -> bool:
    if one.format.name != other.format.name:
        return False
    return all(np.array_equal(a, b) for a, b in zip(visible_rows(one), visible_rows(other), strict=True))


def _near(index: int, inserts: Sequence[Insert]) -> bool:
    return any(one.start - _NEAR_FRAMES <= index < one.end + _NEAR_FRAMES for one in inserts)


def _compared(meant: VideoFrame, came: VideoFrame) -> tuple[float, str]:
    """Give the luma PSNR, and what is wrong."""
    found, moved = _apart(meant, came)
    if moved > (_MOST_LEVELS if found >= _LEAST_DB else _GRAIN_LEVELS):
        return found, f"shows another picture ({found:.1f} dB, a block {moved:.1f} levels off)"
    orders = field_order(meant), field_order(came)
    if "progressive" not in orders and orders[0] != orders[1]:
        return found, f"is shown {orders[1]}, in the source {orders[0]}"
    if _side(meant, "DISPLAYMATRIX") != _side(came, "DISPLAYMATRIX"):
        return found, "is turned or mirrored otherwise than in the source"
    return found, ""


def _lost(meant: VideoFrame, came: VideoFrame) -> list[str]:
    """Name what the made frame does not carry: players show captions, and deinterlace by the mark."""
    lost = ["captions inside the pictures"] if _side(meant, "A53_CC") != _side(came, "A53_CC") else []
    if meant.interlaced_frame and not came.interlaced_frame:
        lost.append(INTERLACED_FLAG)
    return lost


def _side(frame: Any, name: str) -> list[bytes]:
    # Not `frame.side_data`: a frame that was asked for it refers to itself, and holds its picture for long.
    return [bytes(data) for data in _side_data(frame) if data.type.name == name]


def _apart(meant: VideoFrame, came: VideoFrame) -> tuple[float, float]:
    """Give the luma PSNR, and the greatest shift of a block's mean in steps of 255."""
    form = working_format(meant.format.name)
    (one, steps), (other, _) = (_luma(frame, form) for frame in (meant, came))
    if one.shape != other.shape:
        return 0.0, 255.0
    apart = np.subtract(other, one, dtype=np.int32 if one.itemsize > 1 else np.int16).astype(np.float32)
    flat = apart.reshape(-1)
    mean = float(flat @ flat) / max(flat.size, 1) * steps**2
    found = 99.0 if mean == 0 else min(10 * float(np.log10(255**2 / mean)), 99.0)
    return found, float(np.abs(_block_means(apart)).max(initial=0)) * steps


def _luma(frame: VideoFrame, form: str) -> tuple[Plane, float]:
    """Give the luma as it is coded, and what one step of it is in steps of 255."""
    fitted = frame if frame.format.name == form else frame.reformat(format=form)
    bits, rows = fitted.format.components[0].bits, next(visible_rows(fitted))
    return rows.view(np.uint16 if bits > 8 else np.uint8), 255 / ((1 << bits) - 1)


def _block_means(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = (side // _BLOCK_PX * _BLOCK_PX for side in plane.shape)
    # Whole lines are added up first: what stays is a sixteenth.
    lines = plane[:rows, :columns].reshape(rows // _BLOCK_PX, _BLOCK_PX, columns).sum(1)
    sums: NDArray[np.float32] = lines.reshape(rows // _BLOCK_PX, -1, _BLOCK_PX).sum(2)
    return sums / np.float32(_BLOCK_PX**2)
