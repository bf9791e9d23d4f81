"""The budget, and the user's word, before anything is spent."""

import pytest

from react1.pipeline.core.errors import OverBudget
from react1.pipeline.jobs.budget import Estimate, EstimateItem, SpendingPolicy, require_approval, require_within_budget

NEW = (EstimateItem("s01", "segmind", 8.0, 1.5), EstimateItem("s02", "segmind", 4.0, 0.75))
BILL = Estimate((*NEW, EstimateItem("s03", "segmind", 9.0, 1.6, new=False)))


def test_a_bill_says_what_each_segment_costs():
    """And what is paid for already."""
    assert BILL.new_cost_usd == 2.25
    assert BILL.lines() == [
        "s01: 8.00 s at segmind, $1.50",
        "s02: 4.00 s at segmind, $0.75",
        "s03: 9.00 s at segmind, paid for already",
    ]


def test_more_than_the_budget_is_refused_whatever_was_agreed():
    """With both figures."""
    with pytest.raises(OverBudget, match=r"\$2\.25 is more than the budget of \$2\.00") as caught:
        require_approval(BILL, SpendingPolicy(2.0, approved=True))
    assert caught.value.exit_status == 5
    require_approval(BILL, SpendingPolicy(2.25, approved=True))


def test_nobody_there_means_no():
    """Without `--yes`, and without a terminal."""
    with pytest.raises(OverBudget, match=r"2 calls of segmind would cost about \$2\.25.*--yes"):
        require_approval(BILL, SpendingPolicy())


def test_somebody_is_asked_once_with_the_whole_bill():
    """And may decline."""
    asked = []

    require_approval(BILL, SpendingPolicy(ask=lambda bill: not asked.append(bill)))
    assert asked == [BILL]
    with pytest.raises(OverBudget, match="declined; nothing was sent"):
        require_approval(BILL, SpendingPolicy(ask=lambda _: False))


def test_a_bill_of_nothing_new_asks_nobody():
    """Taking up what is paid for needs no word."""
    require_approval(Estimate((EstimateItem("s03", "segmind", 9.0, 1.6, new=False),)), SpendingPolicy(0.0))


def test_a_call_that_the_table_says_is_free_is_asked_for_all_the_same():
    """The table may be wrong."""
    with pytest.raises(OverBudget, match=r"1 call of segmind would cost about \$0\.00"):
        require_approval(Estimate((EstimateItem("s01", "segmind", 9.0, 0.0),)), SpendingPolicy())


def test_what_is_spent_counts():
    """A host may take more than was foreseen."""
    with pytest.raises(
        OverBudget, match=r"after \$1\.50 that is spent or under way is more than the budget of \$2\.00"
    ):
        require_within_budget(1.5, 1.0, SpendingPolicy(2.0))
    require_within_budget(1.0, 1.0, SpendingPolicy(2.0))
    require_within_budget(1e9, 1.0, SpendingPolicy())
