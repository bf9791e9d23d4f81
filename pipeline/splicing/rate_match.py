"""Choose the quantiser of re-encoded pictures: no visible loss, and then about the source's own bits.

The first pictures of a range are encoded by trial, and compared with the source: their bits with those of the source's
packets, their content with the source's decoded pictures. The coarsest quantiser is taken that spends a little more
than the source and keeps PSNR and SSIM above their limits; the limits hold whatever they cost.

Source: Wang et al., "Image quality assessment: from error visibility to structural similarity" (2004); windows of 8x8
pixels every 4, as in ffmpeg's filter `ssim` and in x264.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ..core.values import VideoStream
from ..media.frames.decode import decode_frames
from .codecs.family import encode_packets, open_encoder
from .encoders import COARSEST_STEPS, FINEST_STEPS, EncoderSettings, coarser, has_quantiser
from .mp4.sample_tables import Ints
from .mp4.sample_times import IGNORE_EDIT_LIST
from .not_applicable import NotApplicable
from .packet_index import PacketIndex
from .smart_render import RenderPlan

BEST_PSNR_DB = 99.0
_BLOCK_PX, _WINDOW_PX = 4, 64
Luma = NDArray[np.uint8] | NDArray[np.uint16]


def psnr_db(expected: Luma, actual: Luma, depth: int) -> float:
    """Return the PSNR in dB of two planes of `depth` bits, `(height, width)`; BEST_PSNR_DB if they are the same."""
    difference = (expected.astype(np.int32) - actual).astype(np.float32)
    mean_square = float(np.mean(difference * difference))
    peak = (1 << depth) - 1
    return min(BEST_PSNR_DB, 10 * float(np.log10(peak * peak / mean_square))) if mean_square else BEST_PSNR_DB


def ssim(expected: Luma, actual: Luma, depth: int) -> float:
    """Return the mean structural similarity of two planes of `depth` bits, `(height, width)`, each at least 8x8."""
    peak = (1 << depth) - 1
    first, second = (plane.astype(np.float32) / peak for plane in (expected, actual))
    sum_a, sum_b, sum_ab = _windows(first), _windows(second), _windows(first * second)
    sum_squares = _windows(first * first + second * second)
    means = sum_a * sum_b
    squares = sum_a * sum_a + sum_b * sum_b
    variances, covariance = sum_squares * _WINDOW_PX - squares, sum_ab * _WINDOW_PX - means
    c1, c2 = 0.01**2 * _WINDOW_PX**2, 0.03**2 * _WINDOW_PX * (_WINDOW_PX - 1)
    values = (2 * means + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
    return float(values.mean())


def _windows(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Return the sums of all windows of 8x8 pixels, every 4 pixels."""
    height, width = (side // _BLOCK_PX * _BLOCK_PX for side in plane.shape)
    shape = (height // _BLOCK_PX, _BLOCK_PX, width // _BLOCK_PX, _BLOCK_PX)
    blocks = plane[:height, :width].reshape(shape).sum(axis=(1, 3), dtype=np.float64)
    rows = blocks[:-1] + blocks[1:]
    sums: NDArray[np.float64] = rows[:, :-1] + rows[:, 1:]
    return sums


TRIAL_FRAMES, _LEAST_FRAMES = 12, 6
_BIT_RATIO, _RANGE_BIT_RATIO = 1.2, 1.4
"""Bits relative to the source's, of the pictures of a trial and of a complete range with its keyframe: a second
generation needs some more for the same picture."""
_MIN_PSNR_DB, _MIN_SSIM = 45.5, 0.989
"""Of the pictures of a trial on average; a little above what the film is to keep."""
_LEAST_PSNR_DB = 45.0
"""Of the worst picture of a trial; a range of the film with a picture below 44 dB is coded once more."""
_FIRST_STEPS, _CLOSE_STEPS, _MAX_TRIALS = 6.0, 1.0, 3
_DB_PER_STEP, _LOSS_PER_STEP, _BITS_PER_STEP = 0.9, 0.2, 1 / 6
"""How PSNR falls, and how the logarithms (base 2) of 1 - SSIM and of the bits move, with a step of the quantiser."""
_SHARE_TRIED = 4
"""A short range gets a shorter trial: at most a quarter of it, but never fewer than the least number of frames."""
_EVERY = 5
"""Of which pictures SSIM is measured."""


@dataclass(frozen=True)
class Trial:
    """The measurements of one trial encode."""

    steps: float
    bit_ratio: float
    range_bit_ratio: float
    """The same for the complete range, its first keyframe included, as the trial forecasts it."""
    psnr_db: float
    """The mean over the pictures."""
    least_psnr_db: float
    ssim: float
    """The mean over the pictures that were measured."""

    def proposal(self) -> float:
        """Return the steps that the limits allow, by how each usually depends on them, in halves."""
        by_bits = max(_steps_to(self.bit_ratio, _BIT_RATIO), _steps_to(self.range_bit_ratio, _RANGE_BIT_RATIO))
        by_psnr = min(self.psnr_db - _MIN_PSNR_DB, self.least_psnr_db - _LEAST_PSNR_DB) / _DB_PER_STEP
        by_ssim = math.log2((1 - _MIN_SSIM) / max(1 - self.ssim, 1e-6)) / _LOSS_PER_STEP
        steps = self.steps + min(by_bits, by_psnr, by_ssim)
        return round(2 * min(COARSEST_STEPS, max(FINEST_STEPS, steps))) / 2


def _steps_to(bit_ratio: float, wanted: float) -> float:
    return math.log2(bit_ratio / wanted) / _BITS_PER_STEP


def match_rate(source: Path, video: VideoStream, index: PacketIndex, plan: RenderPlan) -> RenderPlan:
    """Return the plan with a quantiser for each range, as coarse as the source's bits and the limits allow."""
    settings = plan.encoder.settings
    if not has_quantiser(settings):
        return plan
    keyframes = np.sort(index.grid.rank[np.flatnonzero(index.grid.samples.sync)])
    sizes = index.grid.samples.sizes[np.argsort(index.grid.rank)]
    steps, chosen = _FIRST_STEPS, list[float]()
    for item in plan.ranges:
        span = trial_span(keyframes, item.first, len(sizes), (item.end - item.first) // _SHARE_TRIED)
        frames = _read_span(source, index, video, span.start, span.stop)
        # A range that begins between two keyframes codes its first picture whole, where the source's refers to others.
        uncounted = int(span.start not in keyframes)
        trial_bytes = int(sizes[span.start + uncounted : span.stop].sum())
        range_bytes = int(sizes[item.first : item.end].sum())
        run_trial = partial(_try, frames, uncounted, (trial_bytes, range_bytes), video, settings)
        matched_steps = search_steps(run_trial, steps)
        if matched_steps is None:
            return plan
        steps = matched_steps
        chosen.append(steps)
    return replace(plan, coarser_steps=tuple(chosen))


def search_steps(run_trial: Callable[[float], Trial | None], guess: float) -> float | None:
    """Return the steps by which the quantiser may be coarser; None if `run_trial` can measure nothing."""
    steps = guess
    for _ in range(_MAX_TRIALS):
        trial = run_trial(steps)
        if trial is None:
            return None
        before, steps = steps, trial.proposal()
        if abs(steps - before) < _CLOSE_STEPS:
            break
    return steps


def trial_span(keyframes: Ints, first: int, count: int, wanted: int = TRIAL_FRAMES) -> range:
    """Return which pictures to try, in presentation order: of one GOP, from the range's first or from a keyframe."""
    length = min(TRIAL_FRAMES, max(_LEAST_FRAMES, wanted))
    place = int(np.searchsorted(keyframes, first, side="right"))
    following = int(keyframes[place]) if place < len(keyframes) else count
    if following - first < _LEAST_FRAMES and following < count:
        after = int(keyframes[place + 1]) if place + 1 < len(keyframes) else count
        return range(following, min(following + length, after))
    return range(first, min(first + length, following))


def _read_span(source: Path, index: PacketIndex, video: VideoStream, first: int, end: int) -> list[VideoFrame]:
    grid = index.grid
    start = int(grid.shown[first] + grid.stored_shift)
    options = IGNORE_EDIT_LIST if grid.track is not None else None
    with closing(decode_frames(source, video.index, options=options, start_pts=start)) as decoded:
        shown = (frame for frame in decoded if frame.pts is not None and frame.pts >= start)
        return list(itertools.islice(shown, end - first))


def _try(
    frames: Sequence[VideoFrame],
    uncounted: int,
    source_bytes: tuple[int, int],
    video: VideoStream,
    settings: EncoderSettings,
    steps: float,
) -> Trial | None:
    """Encode pictures, decode the packets, and compare; return None if that is not possible here.

    The bits of the first `uncounted` pictures are not compared; `source_bytes` are those of the others' packets, and of
    all packets of the range.
    """
    tried = coarser(settings, steps)
    if len(frames) <= uncounted or not all(source_bytes):
        return None
    try:
        if open_encoder(video, tried).extradata != open_encoder(video, settings).extradata:
            return None  # another parameter set
        packets = list(encode_packets(((frame, number) for number, frame in enumerate(frames)), video, tried))
        decoded = decode_packets([packet.data for packet in packets], video, tried)
    except (NotApplicable, av.FFmpegError, ValueError):
        return None
    if len(decoded) != len(frames):
        return None
    pairs = [(luma_plane(frame), luma_plane(picture)) for frame, picture in zip(frames, decoded, strict=True)]
    coded = sum(len(packet.data) for packet in packets if packet.number >= uncounted)
    first = sum(len(packet.data) for packet in packets if packet.number < uncounted)
    bit_ratio = max(coded, 1) / source_bytes[0]
    psnrs = [psnr_db(*pair, video.bit_depth) for pair in pairs]
    return Trial(
        steps,
        bit_ratio,
        bit_ratio + first / source_bytes[1],
        float(np.mean(psnrs)),
        min(psnrs),
        float(np.mean([ssim(*pair, video.bit_depth) for pair in pairs[-1::-_EVERY]])),
    )


def decode_packets(packets: Sequence[bytes], video: VideoStream, settings: EncoderSettings) -> list[VideoFrame]:
    """Return the pictures of an encoder's packets, which are in decoding order, as they are shown."""
    decoder: Any = CodecContext.create(video.codec, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = open_encoder(video, settings).extradata
    frames = [frame for data in packets for frame in decoder.decode(av.Packet(data))]
    return [*frames, *decoder.decode(None)]


def luma_plane(frame: VideoFrame) -> Luma:
    """Return the visible part of a picture's first plane."""
    plane: Any = frame.planes[0]
    depth = max(component.bits for component in frame.format.components)
    kind = np.uint8 if depth == 8 else np.uint16
    rows = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // np.dtype(kind).itemsize)
    visible: Any = rows[:, : frame.width]
    return cast("Luma", visible)
