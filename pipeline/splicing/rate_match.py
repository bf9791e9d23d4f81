"""Choose the quantiser of re-encoded pictures: no visible loss, and then about the source's own bits.

The first pictures of a range are encoded by trial, and compared with the source: their bits with those of the source's
packets, their content with the source's decoded pictures. The coarsest quantiser is taken that spends a little more
than the source and keeps PSNR and SSIM above their limits; the limits hold whatever they cost. Where they cost much,
the encoder takes more time for fewer bits.

The choice depends on the film and on the encoder alone, not on a take, so it is cached.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame

from ..core.freed_memory import return_freed_memory
from ..core.side_by_side import run_side_by_side
from ..core.values import VideoStream
from ..media.frames.decode import decode_frames
from ..media.mp4.sample_tables import Ints
from ..media.not_applicable import NotApplicable
from .codecs.family import EncodedPacket, MatchedEncoder, decode_packets, encode_opened, open_encoder
from .codecs.quantiser import (
    COARSEST_STEPS,
    FINEST_STEPS,
    STEPS_PER_DOUBLE,
    coarser,
    has_quantiser,
    has_thorough_search,
)
from .encoders import EncoderSettings
from .job import SpliceJob
from .packet_index import PacketIndex
from .pictures.likeness import luma_plane, psnr_db, ssim
from .reencode_ranges import ReencodeRange
from .smart_render import RenderPlan, picture_bytes, worker_count

MIN_PSNR_DB, MIN_SSIM = 42.0, 0.985
"""What the pictures of a finished range keep: the luma PSNR of the worst, and SSIM on average."""
VERSION = 1
"""Raise it when the same pictures would get another quantiser, or a cached choice would be written otherwise."""
TRIAL_FRAMES, _LEAST_FRAMES = 14, 8
_TRIAL_BYTES = 200_000_000
"""Of the pictures of a trial, which are kept until they are compared."""
_BIT_RATIO, _RANGE_BIT_RATIO = 1.05, 1.2
"""Bits relative to the source's, of the pictures of a trial and of a complete range with its keyframe: a second
generation needs some more for the same picture."""
_HIGH_RATE, _HIGH_RATE_SHARE = 0.25, 1.15
"""From so many bits per pixel on, a source has detail to lose, and gets so many times the bits."""
_THOROUGH_RATIO, _THOROUGH_STEPS = 1.3, 1.5
"""From so many times the source's bits on, the encoder takes more time; it is then about so many steps better."""
_MARGIN_DB, _LOSS_MARGIN = 0.4, 0.95
"""What a trial keeps above the limits; take and film differ, and some of its pictures are coarser than others."""
_CLOSE_STEPS, _MAX_TRIALS = 1.0, 3
_DB_PER_STEP, _LOSS_PER_STEP = 0.9, 0.2
"""How PSNR falls, and how the logarithm (base 2) of 1 - SSIM moves, with a step of the quantiser."""
_GUESS_BITS, _GUESS_STEPS, _STEPS_PER_BIT = 0.06, 14.0, 3.0
"""A film with so many bits per pixel mostly ends near so many steps, and one with twice the bits so much finer."""
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
    least_psnr_db: float
    ssim: float
    """The mean over those pictures of the second half that were measured: the first gain from the finer keyframe."""

    def proposal(self) -> float:
        """Return the steps that the limits allow, by how each usually depends on them, in halves."""
        steps = self.steps + min(self._by_bits(), self._by_quality())
        return round(2 * min(COARSEST_STEPS, max(FINEST_STEPS, steps))) / 2

    def range_bit_ratio_at(self, steps: float) -> float:
        """Return the forecast for other steps."""
        return float(self.range_bit_ratio * 2 ** ((self.steps - steps) / STEPS_PER_DOUBLE))

    def _by_bits(self) -> float:
        return max(_steps_to(self.bit_ratio, _BIT_RATIO), _steps_to(self.range_bit_ratio, _RANGE_BIT_RATIO))

    def _by_quality(self) -> float:
        return quality_steps(self.least_psnr_db - _MARGIN_DB, 1 - (1 - self.ssim) / _LOSS_MARGIN)


def quality_steps(least_psnr_db: float, mean_ssim: float) -> float:
    """Return by how many steps pictures of this quality may be coarser; negative if they are below a limit."""
    by_psnr = (least_psnr_db - MIN_PSNR_DB) / _DB_PER_STEP
    by_ssim = math.log2((1 - MIN_SSIM) / max(1 - mean_ssim, 1e-6)) / _LOSS_PER_STEP
    return min(by_psnr, by_ssim)


def _steps_to(bit_ratio: float, wanted: float) -> float:
    return math.log2(bit_ratio / wanted) * STEPS_PER_DOUBLE


@dataclass(frozen=True)
class Choice:
    """How a range is to be coded."""

    steps: float
    thorough: bool = False


def match_rate(job: SpliceJob, index: PacketIndex, plan: RenderPlan) -> RenderPlan:
    """Return the plan with a quantiser for each range, as coarse as the source's bits and the limits allow."""
    if not has_quantiser(plan.encoder.settings):
        return plan
    choices: dict[int, Choice | None] = {number: _cached(job, plan, item) for number, item in enumerate(plan.ranges)}
    missing = [number for number, choice in choices.items() if choice is None]
    calls = [partial(_choose, job, index, plan, plan.ranges[number]) for number in missing]
    workers = worker_count(job.video, plan.encoder.settings.encoder)
    results = run_side_by_side(calls, workers)
    return_freed_memory()
    for number, choice in zip(missing, results, strict=True):
        if choice is None:
            return plan
        choices[number] = choice
        _cache(job, plan, plan.ranges[number], choice)
    chosen = [choice for choice in choices.values() if choice is not None]
    thorough = frozenset(number for number, choice in enumerate(chosen) if choice.thorough)
    return replace(plan, coarser_steps=tuple(choice.steps for choice in chosen), thorough=thorough)


def _cache_parts(job: SpliceJob, plan: RenderPlan, item: ReencodeRange) -> dict[str, Any]:
    settings = plan.encoder.settings
    return {
        "what": "quantiser",
        "film": job.media.file.digest,
        "stream": job.video.index,
        "range": [item.first, item.end],
        "encoder": [settings.encoder, settings.pix_fmt, settings.options, settings.bit_rate],
        "by": {"rate_match": VERSION, "av": importlib.metadata.version("av")},
    }


def _cached(job: SpliceJob, plan: RenderPlan, item: ReencodeRange) -> Choice | None:
    """Return the cached choice for a range; None where there is none, or none that this version could have written."""
    path = job.context.cache_get(_cache_parts(job, plan, item))
    if path is None:
        return None
    try:
        stored = json.loads(path.read_text("utf-8"))
        steps, thorough = float(stored["steps"]), stored["thorough"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    is_valid = FINEST_STEPS <= steps <= COARSEST_STEPS and isinstance(thorough, bool)
    return Choice(steps, thorough) if is_valid else None


def _cache(job: SpliceJob, plan: RenderPlan, item: ReencodeRange, choice: Choice) -> None:
    path = job.context.temp_path("quantiser.json")
    path.write_text(json.dumps({"steps": choice.steps, "thorough": choice.thorough}), "utf-8")
    job.context.cache_put(_cache_parts(job, plan, item), path)


def _choose(job: SpliceJob, index: PacketIndex, plan: RenderPlan, item: ReencodeRange) -> Choice | None:
    """Search the quantiser of a range, and whether the encoder is to take more time for it; None without trials."""
    video, settings = job.video, plan.encoder.settings
    keyframes = np.sort(index.grid.rank[np.flatnonzero(index.grid.samples.keyframes)])
    sizes = index.grid.samples.sizes[np.argsort(index.grid.rank)]
    span = trial_span(keyframes, item.first, len(sizes), (item.end - item.first) // _SHARE_TRIED, most_frames(video))
    frames = _read_span(job.source, index, video, span.start, span.stop)
    # A range that begins between two keyframes codes its first picture whole, where the source's refers to others.
    uncounted = int(span.start not in keyframes)
    trial_bytes = int(sizes[span.start + uncounted : span.stop].sum())
    range_bytes = int(sizes[item.first : item.end].sum())
    bits_per_pixel = 8 * range_bytes / (video.width_px * video.height_px * (item.end - item.first))
    if bits_per_pixel >= _HIGH_RATE:
        trial_bytes, range_bytes = (int(size * _HIGH_RATE_SHARE) for size in (trial_bytes, range_bytes))
    header = open_encoder(video, settings).extradata
    run_trial = partial(_try, frames, uncounted, (trial_bytes, range_bytes), video, plan.encoder, header)
    return search(run_trial, first_guess(bits_per_pixel), can_be_thorough=has_thorough_search(settings))


def first_guess(bits_per_pixel: float) -> float:
    """Return the steps with which a search begins."""
    steps = _GUESS_STEPS - _STEPS_PER_BIT * math.log2(max(bits_per_pixel, 1e-6) / _GUESS_BITS)
    return round(2 * min(20.0, max(6.0, steps))) / 2


def search(run_trial: Callable[[float, bool], Trial | None], guess: float, *, can_be_thorough: bool) -> Choice | None:
    """Return how a range is to be coded; None if `run_trial`, of steps and whether thorough, can measure nothing."""
    searched = search_steps(lambda steps: run_trial(steps, False), guess)
    if searched is None:
        return None
    steps, bit_ratio = searched
    if can_be_thorough and steps > FINEST_STEPS and bit_ratio > _THOROUGH_RATIO:
        searched = search_steps(lambda steps: run_trial(steps, True), steps + _THOROUGH_STEPS)
        return Choice(searched[0], thorough=True) if searched is not None else None
    return Choice(steps)


def search_steps(run_trial: Callable[[float], Trial | None], guess: float) -> tuple[float, float] | None:
    """Return the steps by which the quantiser may be coarser, and the forecast of the range's bits then.

    Return None if `run_trial` can measure nothing.
    """
    steps, bit_ratio = guess, 0.0
    for _ in range(_MAX_TRIALS):
        trial = run_trial(steps)
        if trial is None:
            return None
        before, steps = steps, trial.proposal()
        bit_ratio = trial.range_bit_ratio_at(steps)
        if abs(steps - before) < _CLOSE_STEPS:
            break
    return steps, bit_ratio


def most_frames(video: VideoStream) -> int:
    """Return how many pictures a trial may have."""
    return max(_LEAST_FRAMES, min(TRIAL_FRAMES, int(_TRIAL_BYTES // picture_bytes(video))))


def trial_span(keyframes: Ints, first: int, count: int, wanted: int = TRIAL_FRAMES, most: int = TRIAL_FRAMES) -> range:
    """Return which pictures to try, in presentation order: of one GOP, from the range's first or from a keyframe."""
    length = min(most, max(_LEAST_FRAMES, wanted))
    place = int(np.searchsorted(keyframes, first, side="right"))
    following = int(keyframes[place]) if place < len(keyframes) else count
    if following - first < _LEAST_FRAMES and following < count:
        after = int(keyframes[place + 1]) if place + 1 < len(keyframes) else count
        return range(following, min(following + length, after))
    return range(first, min(first + length, following))


def _read_span(source: Path, index: PacketIndex, video: VideoStream, first: int, end: int) -> list[VideoFrame]:
    start, options = int(index.grid.stored_times(first, first + 1)[0]), index.grid.demuxer_options
    with closing(decode_frames(source, video.index, options=options, start_pts=start)) as decoded:
        shown = (frame for frame in decoded if frame.pts is not None and frame.pts >= start)
        return list(itertools.islice(shown, end - first))


def _try(
    frames: Sequence[VideoFrame],
    uncounted: int,
    source_bytes: tuple[int, int],
    video: VideoStream,
    encoder: MatchedEncoder,
    header: bytes | None,
    steps: float,
    thorough: bool,
) -> Trial | None:
    """Encode pictures, decode the packets, and compare; return None if that is not possible here.

    The bits of the first `uncounted` pictures are not compared; `source_bytes` are those of the others' packets, and of
    all packets of the range. `header` is what the encoder writes before them.
    """
    tried = coarser(encoder.settings, steps, thorough=thorough)
    if len(frames) <= uncounted or not all(source_bytes):
        return None
    psnrs, ssims = list[float](), list[float]()
    try:
        packets = _encode_trial(frames, video, tried, header)
        if packets is None:
            return None
        decoded = decode_packets([packet.data for packet in packets], video.codec, header)
        for number, (frame, picture) in enumerate(zip(frames, decoded, strict=True)):
            pair = luma_plane(frame), luma_plane(picture)
            psnrs.append(psnr_db(*pair, video.bit_depth))
            if number >= len(frames) // 2 and (len(frames) - 1 - number) % _EVERY == 0:
                ssims.append(ssim(*pair, video.bit_depth))
    except (NotApplicable, av.FFmpegError, ValueError):
        return None  # also for another number of pictures
    sizes = {packet.number: len(encoder.convert_packet(packet.data, packet.key)) for packet in packets}
    coded = sum(size for number, size in sizes.items() if number >= uncounted)
    first = sum(size for number, size in sizes.items() if number < uncounted)
    bit_ratio = max(coded, 1) / source_bytes[0]
    return Trial(steps, bit_ratio, bit_ratio + first / source_bytes[1], min(psnrs), float(np.mean(ssims)))


def _encode_trial(
    frames: Sequence[VideoFrame], video: VideoStream, settings: EncoderSettings, header: bytes | None
) -> list[EncodedPacket] | None:
    """Encode pictures; None with another header. The encoder's memory is free before the packets are decoded."""
    context = open_encoder(video, settings)
    if context.extradata != header:
        return None
    packets = list(encode_opened(context, ((frame, number) for number, frame in enumerate(frames)), settings.pix_fmt))
    del context
    return_freed_memory()
    return packets
