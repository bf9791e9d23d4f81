"""What a run would spend, and whether it may: the budget first, then the user's word, both before the first upload.

Takes   the calls that a step wants, what the ledger knows of each, and what the user has allowed.
Gives   a bill.
Raises  OverBudget: more than is allowed, or nobody has agreed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..core.errors import OverBudget


@dataclass(frozen=True)
class Item:
    """One segment on a bill."""

    segment: str
    provider: str
    seconds: float
    usd: float
    """By the price table."""
    new: bool = True
    """Whether it is still to be paid for."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bill:
    """What would be spent now, and what is spent already."""

    items: tuple[Item, ...]
    spent_usd: float = 0.0

    @property
    def new_usd(self) -> float:
        """What the calls cost that are not paid for yet, in USD."""
        return round(sum(item.usd for item in self.items if item.new), 6)

    def lines(self) -> list[str]:
        """Spell the bill for a terminal."""
        rows = []
        for item in self.items:
            how = f"${item.usd:.2f}" if item.new else "paid for already"
            rows.append(f"{item.segment}: {item.seconds:.2f} s at {item.provider}, {how}")
            rows += [f"  {remark}" for remark in item.remarks]
        return rows


@dataclass(frozen=True)
class Terms:
    """What the user has allowed."""

    max_cost_usd: float | None = None
    agreed: bool = False
    """`--yes`."""
    ask: Callable[[Bill], bool] | None = None
    """Shows a bill to somebody and gives the answer; None where nobody is there."""


def check(bill: Bill, terms: Terms) -> None:
    """Stop a run that would spend too much, or that nobody has agreed to.

    Raises:
        OverBudget: nothing of the bill was spent.
    """
    if not any(item.new for item in bill.items):
        return
    within(bill.spent_usd, bill.new_usd, terms)
    if terms.agreed:
        return
    if terms.ask is None:
        raise OverBudget(
            f"{_calls(bill)} would cost about ${bill.new_usd:.2f}, and nobody has agreed: "
            "give --yes, and --max-cost USD for a limit"
        )
    if not terms.ask(bill):
        raise OverBudget(f"{_calls(bill)} for about ${bill.new_usd:.2f} were declined; nothing was sent")


def within(spent_usd: float, more_usd: float, terms: Terms) -> None:
    """Stop before more than the budget is spent.

    Raises:
        OverBudget: the next calls would go over it.
    """
    if terms.max_cost_usd is not None and spent_usd + more_usd > terms.max_cost_usd + 1e-9:
        spent = f" after ${spent_usd:.2f} that is spent or under way" if spent_usd else ""
        raise OverBudget(
            f"about ${more_usd:.2f}{spent} is more than the budget of ${terms.max_cost_usd:.2f}; "
            "raise --max-cost, or edit less"
        )


def _calls(bill: Bill) -> str:
    count = sum(item.new for item in bill.items)
    return f"{count} call{'s' if count > 1 else ''} of {', '.join(sorted({item.provider for item in bill.items}))}"
