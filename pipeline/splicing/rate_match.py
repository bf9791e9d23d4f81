"""Choose the quantiser of re-encoded pictures: no visible loss, and then about the source's own bits.

The first pictures of a range are encoded by trial, and compared with the source: their bits with those of the source's
packets, their content with the source's decoded pictures. The coarsest quantiser is taken that spends a little more
than the source and keeps PSNR and SSIM above their limits; the limits hold whatever they cost.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from ..core.values import VideoStream
from ..media.frames.decode import decode_frames
from .codecs.family import encode_packets, open_encoder
from .encoders import COARSEST_STEPS, FINEST_STEPS, EncoderSettings, coarser, first_steps, has_quantiser
from .mp4.sample_tables import Ints
from .mp4.sample_times import IGNORE_EDIT_LIST
from .not_applicable import NotApplicable
from .packet_index import PacketIndex
from .pictures.likeness import luma_plane, psnr_db, ssim
from .smart_render import RenderPlan

MIN_PSNR_DB, MIN_LEAST_PSNR_DB, MIN_SSIM = 42.0, 41.0, 0.985
"""What the pictures of a finished range keep: the luma PSNR on average and of the worst, and SSIM on average."""
TRIAL_FRAMES, _LEAST_FRAMES = 14, 8
_BIT_RATIO, _RANGE_BIT_RATIO = 1.05, 1.25
"""Bits relative to the source's, of the pictures of a trial and of a complete range with its keyframe: a second
generation needs some more for the same picture."""
_HIGH_RATE, _HIGH_RATE_SHARE = 0.25, 1.15
"""From so many bits per pixel on, a source has detail to lose, and gets so many times the bits."""
_MARGIN_DB, _LOSS_MARGIN = 0.4, 0.95
"""What a trial keeps above the limits; take and film differ, and some of its pictures are coarser than others."""
_CLOSE_STEPS, _MAX_TRIALS = 1.0, 3
_DB_PER_STEP, _LOSS_PER_STEP, _BITS_PER_STEP = 0.9, 0.2, 1 / 6
"""How PSNR falls, and how the logarithms (base 2) of 1 - SSIM and of the bits move, with a step of the quantiser."""
_SHARE_TRIED = 3
"""A short range gets a shorter trial: at most a third of it, but never fewer than the least number of frames."""
_EVERY = 2
"""Of which pictures SSIM is measured."""


@dataclass(frozen=True)
class Trial:
    """The measurements of one trial encode."""

    steps: float
    bit_ratio: float
    range_bit_ratio: float
    """The same for the complete range, its first keyframe included, as the trial forecasts it."""
    psnr_db: float
    """The mean over the second half of the pictures: the first ones gain from the finer keyframe."""
    least_psnr_db: float
    ssim: float
    """The mean over those pictures of the second half that were measured."""

    def proposal(self) -> float:
        """Return the steps that the limits allow, by how each usually depends on them, in halves."""
        by_bits = max(_steps_to(self.bit_ratio, _BIT_RATIO), _steps_to(self.range_bit_ratio, _RANGE_BIT_RATIO))
        by_quality = quality_steps(
            self.psnr_db - _MARGIN_DB, self.least_psnr_db - _MARGIN_DB, 1 - (1 - self.ssim) / _LOSS_MARGIN
        )
        steps = self.steps + min(by_bits, by_quality)
        return round(2 * min(COARSEST_STEPS, max(FINEST_STEPS, steps))) / 2


def quality_steps(mean_psnr_db: float, least_psnr_db: float, mean_ssim: float) -> float:
    """Return by how many steps pictures of this quality may be coarser; negative if they are below a limit."""
    by_psnr = min(mean_psnr_db - MIN_PSNR_DB, least_psnr_db - MIN_LEAST_PSNR_DB) / _DB_PER_STEP
    by_ssim = math.log2((1 - MIN_SSIM) / max(1 - mean_ssim, 1e-6)) / _LOSS_PER_STEP
    return min(by_psnr, by_ssim)


def _steps_to(bit_ratio: float, wanted: float) -> float:
    return math.log2(bit_ratio / wanted) / _BITS_PER_STEP


def match_rate(source: Path, video: VideoStream, index: PacketIndex, plan: RenderPlan) -> RenderPlan:
    """Return the plan with a quantiser for each range, as coarse as the source's bits and the limits allow."""
    settings = plan.encoder.settings
    if not has_quantiser(settings):
        return plan
    keyframes = np.sort(index.grid.rank[np.flatnonzero(index.grid.samples.sync)])
    sizes = index.grid.samples.sizes[np.argsort(index.grid.rank)]
    steps, chosen = first_steps(settings), list[float]()
    for item in plan.ranges:
        span = trial_span(keyframes, item.first, len(sizes), (item.end - item.first) // _SHARE_TRIED)
        frames = _read_span(source, index, video, span.start, span.stop)
        # A range that begins between two keyframes codes its first picture whole, where the source's refers to others.
        uncounted = int(span.start not in keyframes)
        trial_bytes = int(sizes[span.start + uncounted : span.stop].sum())
        range_bytes = int(sizes[item.first : item.end].sum())
        pixels = video.width_px * video.height_px * (item.end - item.first)
        if 8 * range_bytes >= _HIGH_RATE * pixels:
            trial_bytes, range_bytes = (int(size * _HIGH_RATE_SHARE) for size in (trial_bytes, range_bytes))
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
        float(np.mean(psnrs[len(psnrs) // 2 :])),
        min(psnrs),
        float(np.mean([ssim(*pair, video.bit_depth) for pair in pairs[-1 : len(pairs) // 2 - 1 : -_EVERY]])),
    )


def decode_packets(packets: Sequence[bytes], video: VideoStream, settings: EncoderSettings) -> list[VideoFrame]:
    """Return the pictures of an encoder's packets, which are in decoding order, as they are shown."""
    decoder: Any = CodecContext.create(video.codec, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = open_encoder(video, settings).extradata
    frames = [frame for data in packets for frame in decoder.decode(av.Packet(data))]
    return [*frames, *decoder.decode(None)]
