"""Estimate what a run would spend, and require a budget and approval before the first upload."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..core.errors import OverBudget
from .ledger import Ledger
from .ledger_entry import summarize


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


def month_usd(ledger: Ledger, month: str) -> float:
    """Return what the calls of a month, such as "2026-11", have cost or may still cost in USD, without rehearsals."""
    open_usd = sum(
        entry.intended.estimate_usd
        for entry in ledger.open_entries()
        if entry.intended and entry.intended.at.startswith(month) and not summarize(entry).rehearsal
    )
    return round(ledger.sums(month).cost_usd + open_usd, 6)


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
        """Cost in USD of the calls that are not paid for yet, without rehearsals."""
        return round(sum(item.usd for item in self.items if item.new and not item.rehearsal), 6)

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
    """`--yes`."""
    confirm: Callable[[Estimate], bool] | None = None
    """Shows an estimate to the user and returns the answer; None if there is nobody to ask."""
    month_budget: MonthBudget | None = None
    """What all calls of a calendar month may cost; None without a limit."""


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
            "pass --yes, and --max-cost USD for a limit"
        )
    if not policy.confirm(estimate):
        raise OverBudget(f"{_calls(estimate)} for about ${estimate.new_cost_usd:.2f} declined; nothing was sent")


def require_within_budget(spent_usd: float, more_usd: float, policy: SpendingPolicy) -> None:
    """Stop before more than the budget is spent.

    Raises:
        OverBudget: the next calls would exceed it.
    """
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
