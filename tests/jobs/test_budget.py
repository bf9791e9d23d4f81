"""Budget and approval are required before anything is spent."""

import pytest

from react1.pipeline.core.errors import OverBudget
from react1.pipeline.jobs.budget import Estimate, EstimateItem, SpendingPolicy, require_approval, require_within_budget

NEW = (EstimateItem("s01", "segmind", 8.0, 1.5), EstimateItem("s02", "segmind", 4.0, 0.75))
ESTIMATE = Estimate((*NEW, EstimateItem("s03", "segmind", 9.0, 1.6, new=False)))


def test_estimate_lists_the_cost_of_each_segment():
    """Segments that are already paid for have no cost."""
    assert ESTIMATE.new_cost_usd == 2.25
    assert ESTIMATE.lines() == [
        "s01: 8.00 s at segmind, $1.50",
        "s02: 4.00 s at segmind, $0.75",
        "s03: 9.00 s at segmind, already paid",
    ]


def test_more_than_the_budget_is_refused_even_if_approved():
    """The message has both amounts."""
    with pytest.raises(OverBudget, match=r"\$2\.25 is more than the budget of \$2\.00") as caught:
        require_approval(ESTIMATE, SpendingPolicy(2.0, approved=True))
    assert caught.value.exit_status == 5
    require_approval(ESTIMATE, SpendingPolicy(2.25, approved=True))


def test_without_approval_and_without_a_user_nothing_is_spent():
    """That is, without `--yes` and without a terminal."""
    with pytest.raises(OverBudget, match=r"2 calls to segmind would cost about \$2\.25.*--yes"):
        require_approval(ESTIMATE, SpendingPolicy())


def test_user_is_asked_once_for_the_complete_estimate():
    """The user may decline."""
    shown = []

    require_approval(ESTIMATE, SpendingPolicy(confirm=lambda estimate: not shown.append(estimate)))
    assert shown == [ESTIMATE]
    with pytest.raises(OverBudget, match="declined; nothing was sent"):
        require_approval(ESTIMATE, SpendingPolicy(confirm=lambda _: False))


def test_estimate_without_new_calls_needs_no_approval():
    """Using what is paid for is free."""
    require_approval(Estimate((EstimateItem("s03", "segmind", 9.0, 1.6, new=False),)), SpendingPolicy(0.0))


def test_call_that_is_free_by_the_table_needs_approval_too():
    """The table may be wrong."""
    with pytest.raises(OverBudget, match=r"1 call to segmind would cost about \$0\.00"):
        require_approval(Estimate((EstimateItem("s01", "segmind", 9.0, 0.0),)), SpendingPolicy())


def test_spent_amount_counts_against_the_budget():
    """A provider may charge more than was estimated."""
    with pytest.raises(OverBudget, match=r"after \$1\.50 spent or committed, is more than the budget of \$2\.00"):
        require_within_budget(1.5, 1.0, SpendingPolicy(2.0))
    require_within_budget(1.0, 1.0, SpendingPolicy(2.0))
    require_within_budget(1e9, 1.0, SpendingPolicy())
