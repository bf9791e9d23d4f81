"""Budget and approval are required before anything is spent."""

import pytest

from react1.pipeline.core.errors import OverBudget, PresetError
from react1.pipeline.core.file import File
from react1.pipeline.core.settings import month_budget_usd
from react1.pipeline.jobs.budget import (
    Estimate,
    EstimateItem,
    MonthBudget,
    SpendingPolicy,
    month_usd,
    require_approval,
    require_within_budget,
)
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.ledger_entry import Call, Done, Intended

HOST = "https://api.segmind.com"

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
    """That is, without `--pay` and without a terminal."""
    with pytest.raises(OverBudget, match=r"2 calls to segmind would cost about \$2\.25.*--pay"):
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


def test_a_call_that_ends_while_the_month_is_added_up_counts_once(tmp_path, monkeypatch):
    """Between the reading of the open calls and that of the costs; two tasks of one run do so."""
    ledger, sums = Ledger(tmp_path), Ledger.sums
    call = Call(provider="segmind", host=HOST, parameters={}, video="0" * 64, audio="")
    entry = ledger.record_intent(
        Intended(
            at="2026-11-29T10:00:00.000+00:00",
            call=call,
            nonce="n",
            video_name="n",
            video_url="https://f.example/n",
            estimate_usd=2.0,
        )
    )
    done = Done(
        at="2026-11-29T10:00:09.000+00:00",
        file=File(digest="a" * 64, suffix=".mp4", size_bytes=5),
        cost_usd=1.0,
        cost_known=True,
    )

    def end_then_sum(self, *months):
        if ledger.open_entries():
            ledger.record(entry, "done", done)
        return sums(self, *months)

    monkeypatch.setattr(Ledger, "sums", end_then_sum)

    assert month_usd(ledger, "2026-11") == 1.0


def test_a_month_is_limited_by_what_its_calls_have_cost_or_may_cost(tmp_path):
    """Open calls count with their estimate; other months and rehearsals do not count."""
    ledger = Ledger(tmp_path)
    for number, (day, host, done) in enumerate(
        [
            ("2026-10-31", HOST, True),
            ("2026-11-01", HOST, True),
            ("2026-11-02", HOST, False),
            ("2026-11-03", "http://127.0.0.1:9", True),
        ]
    ):
        at = f"{day}T23:59:59.000+00:00"
        call = Call(provider="segmind", host=host, parameters={}, video=f"{number}" * 64, audio="")
        entry = ledger.record_intent(
            Intended(at=at, call=call, nonce="n", video_name="n", video_url="https://f.example/n", estimate_usd=2.0)
        )
        file = File(digest="a" * 64, suffix=".mp4", size_bytes=5)
        if done:
            ledger.record(entry, "done", Done(at=at, file=file, cost_usd=1.0, cost_known=True))

    assert [month_usd(ledger, month) for month in ("2026-10", "2026-11", "2026-12")] == [1.0, 3.0, 0.0]
    MonthBudget(4.0).require(ledger, "2026-11-30T10:00:00+00:00", 1.0)
    message = (
        r"^about \$1\.50 more is not left of the budget of 2026-11: \$3\.00 of \$4\.00 \(REACT1_BUDGET_MONTH\) are "
        "spent or committed; raise it, wait for the next month, or edit less$"
    )
    with pytest.raises(OverBudget, match=message):
        MonthBudget(4.0).require(ledger, "2026-11-30T10:00:00+00:00", 1.5)


def test_the_budget_of_a_month_is_an_amount():
    """Anything else is refused before a run."""
    assert month_budget_usd({}) is None
    assert month_budget_usd({"REACT1_BUDGET_MONTH": "40"}) == 40.0
    for text in ("a lot", "-1", "nan"):
        with pytest.raises(PresetError, match=f"REACT1_BUDGET_MONTH '{text}' is not an amount of USD"):
            month_budget_usd({"REACT1_BUDGET_MONTH": text})
