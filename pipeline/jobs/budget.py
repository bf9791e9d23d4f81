"""Estimate what a run would spend, and require a budget and approval before the first upload.

Each segment is checked before it is uploaded or paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fractions import Fraction

from ..core.edits.choices import React1Choices
from ..core.errors import InputMediaError, OverBudget
from ..core.nodes.node import Forecast, NodeContext
from ..core.settings import requires_consent
from ..core.values import Segment
from ..media.timing.frame_rate import PROVIDER_RATES, frame_count_at, nearest_rate
from ..preflight.span_check import SpanCheckParams, findings_of
from ..providers.contract import Limits
from ..providers.provider_settings import HostedProvider
from ..store.store import Store
from .ledger import Ledger
from .ledger_entry import Entry, Intended, summarize
from .request import JobRequest

Check = tuple[tuple[str, ...], InputMediaError | None]
"""Notes for the user, and why the segment must not be sent, if so."""


def check_request(request: JobRequest, store: Store) -> Check:
    """Check the clip that is to be sent, and its span in the film."""
    problem = "; ".join(request.provider.refusals(request.choices)) or _clip_problem(request)
    if problem:
        return (), InputMediaError(problem)
    return check_segment(request.segment, store, request.provider.limits)


def check_segment(segment: Segment, store: Store | NodeContext, limits: Limits) -> Check:
    """Check the span of a segment in the film, whether or not its clip has been made, and that it may be sent."""
    if segment.edit.consent is None and requires_consent():
        return (), InputMediaError(
            f"segment {segment.name} has no consent, and REACT1_REQUIRE_CONSENT is set: give the edit or the job "
            "`consent: {performer: NAME, document: FILE}`; nothing was sent"
        )
    findings = findings_of(store, segment, span_check_params(limits))
    if segment.crop is not None:
        findings = [finding for finding in findings if finding.code != "small_face"]  # it is sent enlarged
    fatal = [finding.message for finding in findings if finding.fatal]
    notes = tuple(finding.message for finding in findings if not finding.fatal)
    return notes, InputMediaError("; ".join(fatal)) if fatal else None


def span_check_params(limits: Limits) -> SpanCheckParams:
    """Return what a provider accepts, for the check of a span."""
    return SpanCheckParams(max_s=limits.video_s, max_size_px=limits.size_px)


def forecast_job(
    context: NodeContext, segment: Segment, provider: HostedProvider, choices: React1Choices | None = None
) -> Forecast:
    """Estimate what a provider charges for a segment, and check the segment as a run does before it pays.

    Raises:
        InputMediaError: the segment cannot be sent.
    """
    refusals = provider.refusals(choices) if choices is not None else []
    if refusals:
        raise InputMediaError("; ".join(refusals))
    notes, error = check_segment(segment, context, provider.limits)
    if error is not None:
        raise error
    return Forecast(lines=notes, cost_usd=provider.cost_usd(*sent_length(segment)))


def sent_length(segment: Segment) -> tuple[Fraction, int]:
    """Return the length of the clip that is sent, in seconds and frames, also before it is transcoded."""
    # Not with the module: a run whose takes are stored estimates nothing, and needs no media library.
    from ..media.probe import require_video
    from ..media.transcode import video_duration_s
    from ..media.trim import container_time_s

    if segment.media.file != segment.source.file:
        return video_duration_s(require_video(segment.media)), len(segment.frames)
    video = require_video(segment.source)
    lasts_s = container_time_s(video, segment.last_frame) - container_time_s(video, segment.first_frame)
    rate = nearest_rate(video.rate)
    frames = frame_count_at(lasts_s, rate)
    return frames / rate, frames


def _clip_problem(request: JobRequest) -> str:
    """Return what is wrong with the clip itself, which a preset may have prepared in its own way; "" if nothing is."""
    from ..media.probe import require_video

    segment, limits, provider = request.segment, request.provider.limits, request.provider.name
    video, max_s = require_video(segment.media), limits.video_s
    hint = "add the step transcode before `upload`"
    sides = sorted((video.width_px, video.height_px), reverse=True)
    if limits.size_px is not None and (sides[0] > limits.size_px[0] or sides[1] > limits.size_px[1]):
        max_size = "x".join(map(str, limits.size_px))
        size = f"{video.width_px}x{video.height_px}"
        return f"segment {segment.name} is {size}, and {provider} accepts at most {max_size}; {hint}"
    if not video.constant_rate or video.rate not in PROVIDER_RATES:
        rate = f"{float(video.rate):.3f} frames/s{'' if video.constant_rate else ', not constant'}"
        rates = ", ".join(map(str, PROVIDER_RATES))
        return f"segment {segment.name} has {rate}, and {provider} needs a constant {rates}; {hint}"
    if max_s is not None and request.duration_s > max_s:
        return (
            f"segment {segment.name} lasts {float(request.duration_s):.2f} s with its handles, and {provider} accepts "
            f"at most {float(max_s):g} s per call; shorten it, or let `trim` split it (its `longest_s`)"
        )
    if request.leaves_face_open:
        return (
            f"segment {segment.name} names a face, and {provider} cannot be told which; add the step face before "
            "`upload`, and do not set crop: off"
        )
    if segment.voice is None:
        has_sound = bool(segment.media.audio) or segment.edit.audio is not None
        remedy = (
            "add the step normalize_audio to the preset, before `upload`"
            if has_sound
            else "the film is silent there, so give the edit an `audio`, the new line"
        )
        return f"segment {segment.name} has no voice, which {provider} needs; {remedy}"
    return ""


@dataclass(frozen=True)
class EstimateItem:
    """One segment of an estimate."""

    segment: str
    provider: str
    seconds: float
    usd: float
    """By the price table."""
    new: bool = True
    """Whether it is still to be paid for."""
    notes: tuple[str, ...] = ()
    rehearsal: bool = False
    """Whether a server on this machine answers it, which charges nothing."""
    committed: bool = False
    """Whether it is an open call of this month already, so that the month's sum has it."""


@dataclass(frozen=True)
class MonthBudget:
    """What the paid calls of a calendar month (UTC) may cost together, by the ledger."""

    usd: float

    def require(self, ledger: Ledger, at: str, more_usd: float) -> None:
        """Stop before the month costs more; `at` is the time in ISO 8601, UTC.

        Raises:
            OverBudget: the next calls would exceed it.
        """
        month = at[:7]
        spent_usd = month_usd(ledger, month)
        if spent_usd + more_usd > self.usd + 1e-9:
            raise OverBudget(
                f"about ${more_usd:.2f} more is not left of the budget of {month}: ${spent_usd:.2f} of ${self.usd:.2f} "
                "(REACT1_BUDGET_MONTH) are spent or committed; raise it, wait for the next month, or edit less"
            )


def record_intent(ledger: Ledger, intended: Intended, month: MonthBudget | None) -> Entry:
    """Record an intention if the month's budget allows it; what other processes have spent by now counts.

    Raises:
        OverBudget: the month has no room for it; nothing was recorded.
        AttemptExists: another process has started this attempt.
        StorageFailed: it cannot be written.
    """
    if month is None:
        return ledger.record_intent(intended)
    with ledger.exclusive():
        month.require(ledger, intended.at, intended.estimate_usd)
        return ledger.record_intent(intended)


def month_usd(ledger: Ledger, month: str) -> float:
    """Return what the calls of a month, such as "2026-11", have cost or may still cost in USD, without rehearsals."""
    open_usd = _open_usd(ledger, month)
    for _ in range(_MOST_READINGS):
        cost_usd, before = ledger.sums(month).cost_usd, open_usd
        open_usd = _open_usd(ledger, month)
        if open_usd == before:
            break
    # Calls that ended between two readings are in both sums: too much for a moment, never too little.
    return round(cost_usd + sum(before.values()), 6)


_MOST_READINGS = 5


def _open_usd(ledger: Ledger, month: str) -> dict[str, float]:
    """Return the estimates of the calls of a month that are under way, by the identity of their attempts."""
    return {
        entry.id: entry.intended.estimate_usd
        for entry in ledger.open_entries()
        if entry.intended and entry.intended.at.startswith(month) and not summarize(entry).rehearsal
    }


def runs_usd(ledger: Ledger, runs: Collection[str]) -> float:
    """Return what the calls of some runs have cost or will cost in USD.

    A call whose response was lost does not count: it is on the estimate of the run that may submit it again.
    """
    open_usd = sum(
        entry.intended.estimate_usd
        for entry in ledger.open_entries()
        if entry.intended and entry.intended.run in runs and (entry.request_id or entry.intended.call.result_key)
    )
    return round(open_usd + sum(attempt.cost_usd for attempt in ledger.summaries() if attempt.run in runs), 6)


@dataclass(frozen=True)
class Estimate:
    """What would be spent now, and what is spent already."""

    items: tuple[EstimateItem, ...]
    spent_usd: float = 0.0

    @property
    def new_cost_usd(self) -> float:
        """Cost in USD of the calls that are not paid for yet."""
        return round(sum(item.usd for item in self.items if item.new), 6)

    @property
    def charged_usd(self) -> float:
        """Cost in USD of the calls that a month's sum does not have yet, without rehearsals."""
        new = [item for item in self.items if item.new and not item.rehearsal and not item.committed]
        return round(sum(item.usd for item in new), 6)

    def lines(self) -> list[str]:
        """Return the estimate as lines for a terminal."""
        lines = []
        for item in self.items:
            cost = f"${item.usd:.2f}" if item.new else "already paid"
            lines.append(f"{item.segment}: {item.seconds:.2f} s at {item.provider}, {cost}")
            lines += [f"  {note}" for note in item.notes]
        return lines


@dataclass(frozen=True)
class SpendingPolicy:
    """What the user allows to be spent."""

    max_cost_usd: float | None = None
    approved: bool = False
    """Whether calls that cost money may be made without asking: `--pay` or `--yes`."""
    confirm: Callable[[Estimate], bool] | None = None
    """Shows an estimate to the user and returns the answer; None if there is nobody to ask."""
    month_budget: MonthBudget | None = None
    """What all calls of a calendar month may cost; None without a limit."""
    spent_usd: float = 0.0
    """What was spent of `max_cost_usd` before the run or the batch was resumed."""


def require_approval(estimate: Estimate, policy: SpendingPolicy) -> None:
    """Stop a run that would exceed its budget or that nobody has approved.

    Raises:
        OverBudget: nothing of the estimate was spent.
    """
    if not any(item.new for item in estimate.items):
        return
    require_within_budget(estimate.spent_usd, estimate.new_cost_usd, policy)
    if policy.approved:
        return
    if policy.confirm is None:
        raise OverBudget(
            f"{_calls(estimate)} would cost about ${estimate.new_cost_usd:.2f} and are not approved; "
            "pass --pay or --yes, and --max-cost USD for a limit"
        )
    if not policy.confirm(estimate):
        raise OverBudget(f"{_calls(estimate)} for about ${estimate.new_cost_usd:.2f} declined; nothing was sent")


def require_within_budget(spent_usd: float, more_usd: float, policy: SpendingPolicy) -> None:
    """Stop before more than the budget is spent.

    Raises:
        OverBudget: the next calls would exceed it.
    """
    spent_usd += policy.spent_usd
    if policy.max_cost_usd is not None and spent_usd + more_usd > policy.max_cost_usd + 1e-9:
        spent = f", after ${spent_usd:.2f} spent or committed," if spent_usd else ""
        raise OverBudget(
            f"about ${more_usd:.2f}{spent} is more than the budget of ${policy.max_cost_usd:.2f}; "
            "raise --max-cost, or edit less"
        )


def _calls(estimate: Estimate) -> str:
    count = sum(item.new for item in estimate.items)
    providers = ", ".join(sorted({item.provider for item in estimate.items}))
    return f"{count} call{'s' if count > 1 else ''} to {providers}"
