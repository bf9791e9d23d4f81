"""Keep re-encoded ranges within the bits that a film declares: by its level, its buffer models and its container.

The bits of the new film are measured, the source's packets beside a range included. A range that breaks a limit is
coded again, coarser, whatever its quality. A limit that the source itself breaks, anywhere, is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.values import VideoStream
from ..media.mp4 import sample_tables
from ..media.mp4.sample_tables import Ints
from ..media.mpeg_headers import MPEG_CODECS
from .codecs.declared_rates import DeclaredRate, declared_rates
from .codecs.quantiser import COARSEST_STEPS, STEPS_PER_DOUBLE, has_quantiser
from .packet_index import PacketIndex
from .rate_match import first_guess
from .reencode_ranges import EncodedRange
from .smart_render import RenderPlan

Floats = NDArray[np.float64]
_TRIES = 6
_MARGIN_STEPS, _LEAST_STEPS = 0.5, 1.0
"""By how much a range that is coded again becomes coarser beyond what is computed, and at least."""
_LEAST_SHARE = 0.05
"""Of its bits, that is left to a range whose excess the formula would take away completely."""


@dataclass(frozen=True)
class LimitUse:
    """How far the film with its new pictures uses one limit, 1 being all of it."""

    rate: DeclaredRate
    share: float
    source_share: float
    """The same of the source, anywhere. A limit that it breaks does not bind."""
    excess_steps: Mapping[int, float]
    """By how many steps the quantiser of a range, by its number, must be coarser, about."""

    def to_json(self) -> dict[str, Any]:
        """Return its metrics."""
        return {
            "limit": self.rate.source,
            "kbit_per_s": round(self.rate.bits_per_s / 1000),
            "share": round(self.share, 3),
            "source_share": round(self.source_share, 3),
        }


def film_rates(index: PacketIndex, codec: str) -> tuple[DeclaredRate, ...]:
    """Return what a film declares of its bits."""
    stsd = sample_tables.stbl(index.grid.track).require(b"stsd").body if index.grid.track is not None else b""
    config = index.first_packet if codec in MPEG_CODECS else index.config
    return declared_rates(codec, config, annexb=index.annexb, stsd=stsd)


def bucket_fill(sizes: Ints, times_s: Floats, bits_per_s: float) -> Floats:
    """Return the bits that have come with each packet and were not yet taken by a steady flow.

    No stretch of packets has more bits than a buffer takes besides the flow if none of these is above its size.
    """
    bits = 8.0 * sizes
    surplus = np.cumsum(bits) - bits_per_s * times_s
    return np.asarray(surplus - np.minimum.accumulate(surplus - bits), np.float64)


def measure_limits(
    rates: Sequence[DeclaredRate], index: PacketIndex, time_base: Fraction, encoded: Sequence[EncodedRange]
) -> list[LimitUse]:
    """Measure the film with its new packets, where these can have an effect, against each limit."""
    samples = index.grid.samples
    times_s = np.asarray(samples.dts * float(time_base), np.float64)
    sizes, before = new_sizes(samples.sizes, encoded), samples.sizes
    return [_measure_limit(rate, before, sizes, times_s, encoded) for rate in rates]


def new_sizes(sizes: Ints, encoded: Sequence[EncodedRange]) -> Ints:
    """Return the sizes of the new film's packets, in decoding order."""
    result = sizes.copy()
    for item in encoded:
        result[item.range.slots] = item.sizes[: item.range.end - item.range.first]
        if item.range.relinked is not None:
            result[item.range.end] = sizes[item.range.relinked]
    return result


def _measure_limit(
    rate: DeclaredRate, before: Ints, sizes: Ints, times_s: Floats, encoded: Sequence[EncodedRange]
) -> LimitUse:
    source_share = max(float(each.max()) for each in _shares(rate, before, times_s))
    fills, pictures = _shares(rate, sizes, times_s)
    share, excess = 0.0, dict[int, float]()
    for number, item in enumerate(encoded):
        first, end = item.range.first, item.range.end
        # Until then the buffer has lost what the new pictures have put into it.
        drained_s = times_s[end - 1] + rate.buffer_bits / rate.bits_per_s
        last = max(end, int(np.searchsorted(times_s, drained_s, side="right")))
        place = first + int(fills[first:last].argmax())
        fill, picture = float(fills[place]), float(pictures[first:end].max())
        share = max(share, fill, picture)
        if max(fill, picture) > 1 >= source_share:
            own_bits = _bits_in_stretch(sizes, times_s, rate, place, first, end)
            kept_bits = max(own_bits - (fill - 1) * rate.buffer_bits, _LEAST_SHARE * own_bits)
            factor = max(own_bits / kept_bits, picture)
            excess[number] = max(STEPS_PER_DOUBLE * math.log2(factor) + _MARGIN_STEPS, _LEAST_STEPS)
    return LimitUse(rate, share, source_share, excess)


def _shares(rate: DeclaredRate, sizes: Ints, times_s: Floats) -> tuple[Floats, Floats]:
    """Return how full the buffer is with each picture, and how much of what its level allows each picture takes."""
    return bucket_fill(sizes, times_s, rate.bits_per_s) / rate.buffer_bits, _picture_shares(rate, sizes, times_s)


def _picture_shares(rate: DeclaredRate, sizes: Ints, times_s: Floats) -> Floats:
    """Return how much of what its level allows each picture takes; 0 where it limits none."""
    if not rate.picture_bytes_per_s or len(sizes) < 2:
        return np.zeros(len(sizes))
    # The time since the picture before; the first has that of the next.
    durations = np.diff(times_s, prepend=2 * times_s[0] - times_s[1])
    allowed = rate.picture_bytes_per_s * np.maximum(durations, 0)
    shares: Floats = np.divide(sizes, allowed, out=np.zeros(len(sizes)), where=allowed > 0)
    return shares


def _bits_in_stretch(sizes: Ints, times_s: Floats, rate: DeclaredRate, place: int, first: int, end: int) -> float:
    """Return the new pictures' bits in the stretch of packets whose bits are left at `place`."""
    bits = 8.0 * sizes[: place + 1]
    behind = np.cumsum(bits) - bits - rate.bits_per_s * times_s[: place + 1]
    start = int(behind.argmin())
    return float(bits[max(start, first) : end].sum())


def within_limits(
    plan: RenderPlan,
    video: VideoStream,
    measure: Callable[[Sequence[EncodedRange]], list[LimitUse]],
    encode: Callable[[RenderPlan, Mapping[int, EncodedRange]], list[EncodedRange]],
    ready_ranges: Mapping[int, EncodedRange],
) -> tuple[RenderPlan, list[EncodedRange], list[LimitUse]]:
    """Encode ranges, and again coarser what breaks a limit; return the plan as it was encoded, the packets, the use.

    Args:
        plan: the ranges and their quantisers.
        video: the film's pictures.
        measure: measures all encoded ranges against the limits.
        encode: encodes the ranges of a plan but those that are ready.
        ready_ranges: ranges, by their numbers, that are encoded already.
    """
    encoded = encode(plan, ready_ranges)
    uses = measure(encoded)
    for _ in range(_TRIES if has_quantiser(plan.encoder.settings) else 0):
        steps = _coarser_steps(plan, video, encoded, uses)
        if not steps:
            break
        before = plan.coarser_steps or (0.0,) * len(plan.ranges)
        names = (*plan.limited_by, *(use.rate.source for use in uses if use.excess_steps))
        plan = replace(
            replace(plan, coarser_steps=before).with_steps(steps),
            least_steps={**plan.least_steps, **steps},
            limited_by=tuple(dict.fromkeys(names)),
        )
        encoded = encode(plan, {number: item for number, item in enumerate(encoded) if number not in steps})
        uses = measure(encoded)
    return plan, encoded, uses


def _coarser_steps(
    plan: RenderPlan, video: VideoStream, encoded: Sequence[EncodedRange], uses: Sequence[LimitUse]
) -> dict[int, float]:
    """Return the steps with which ranges that break a limit are to be coded, by their numbers."""
    steps = dict[int, float]()
    for number, item in enumerate(encoded):
        more = max((use.excess_steps.get(number, 0.0) for use in uses), default=0.0)
        before = plan.coarser_steps[number] if plan.coarser_steps else 0.0
        if not more or before >= COARSEST_STEPS or number in plan.unlimited:
            continue
        if not before:  # the encoder's own settings, of which no steps are known
            pixels = video.width_px * video.height_px * len(item.sizes)
            before, more = first_guess(8 * int(item.sizes.sum()) / pixels * 2 ** (-more / STEPS_PER_DOUBLE)), 0.0
        steps[number] = min(COARSEST_STEPS, before + more)
    return steps


def limit_metrics(uses: Sequence[LimitUse]) -> dict[str, Any]:
    """Return the metrics of a film that declares anything."""
    return {"rate_limits": [use.to_json() for use in uses]} if uses else {}


def limit_notes(plan: RenderPlan, uses: Sequence[LimitUse]) -> list[str]:
    """Return notes for the user: what was coded coarser for a limit, and which limit is broken all the same."""
    notes, count = [], len(plan.least_steps)
    if count:
        which = "1 re-encoded range is" if count == 1 else f"{count} re-encoded ranges are"
        notes.append(f"{which} coarser, to stay within the bit rate of {' and of '.join(plan.limited_by)}")
    notes += [
        f"the re-encoded pictures take {use.share:.2f} times the bit rate of {use.rate.source}"
        for use in uses
        if use.excess_steps
    ]
    return notes
