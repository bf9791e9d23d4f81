"""The budget, and the user's word, before anything is spent."""

import pytest

from react1.pipeline.core.errors import OverBudget
from react1.pipeline.jobs.budget import Bill, Item, Terms, check, within

NEW = (Item("s01", "segmind", 8.0, 1.5), Item("s02", "segmind", 4.0, 0.75))
BILL = Bill((*NEW, Item("s03", "segmind", 9.0, 1.6, new=False)))


def test_a_bill_says_what_each_segment_costs():
    """And what is paid for already."""
    assert BILL.new_usd == 2.25
    assert BILL.lines() == [
        "s01: 8.00 s at segmind, $1.50",
        "s02: 4.00 s at segmind, $0.75",
        "s03: 9.00 s at segmind, paid for already",
    ]


def test_more_than_the_budget_is_refused_whatever_was_agreed():
    """With both figures."""
    with pytest.raises(OverBudget, match=r"\$2\.25 is more than the budget of \$2\.00") as caught:
        check(BILL, Terms(2.0, agreed=True))
    assert caught.value.exit_status == 5
    check(BILL, Terms(2.25, agreed=True))


def test_nobody_there_means_no():
    """Without `--yes`, and without a terminal."""
    with pytest.raises(OverBudget, match=r"2 calls of segmind would cost about \$2\.25.*--yes"):
        check(BILL, Terms())


def test_somebody_is_asked_once_with_the_whole_bill():
    """And may decline."""
    asked = []

    check(BILL, Terms(ask=lambda bill: not asked.append(bill)))
    assert asked == [BILL]
    with pytest.raises(OverBudget, match="declined; nothing was sent"):
        check(BILL, Terms(ask=lambda _: False))


def test_a_bill_of_nothing_new_asks_nobody():
    """Taking up what is paid for needs no word."""
    check(Bill((Item("s03", "segmind", 9.0, 1.6, new=False),)), Terms(0.0))


def test_a_call_that_the_table_says_is_free_is_asked_for_all_the_same():
    """The table may be wrong."""
    with pytest.raises(OverBudget, match=r"1 call of segmind would cost about \$0\.00"):
        check(Bill((Item("s01", "segmind", 9.0, 0.0),)), Terms())


def test_what_is_spent_counts():
    """A host may take more than was foreseen."""
    with pytest.raises(
        OverBudget, match=r"after \$1\.50 that is spent or under way is more than the budget of \$2\.00"
    ):
        within(1.5, 1.0, Terms(2.0))
    within(1.0, 1.0, Terms(2.0))
    within(1e9, 1.0, Terms())
