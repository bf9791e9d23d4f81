"""`react1 spend`: sums of the ledger's costs, with rehearsals apart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from react1.pipeline.core.file import File
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.ledger_entry import Call, Done, Intended
from react1.pipeline.runner.run_records.run_folder import RunFolder

CALLS = [
    # provider, host, day, run, project, USD
    ("segmind", "https://api.segmind.com", "2026-10-30", "r1", "spot", 2.0),
    ("segmind", "https://api.segmind.com", "2026-11-01", "r1", "spot", 0.5),
    ("sync", "https://api.sync.so", "2026-11-01", "r2", "", 1.25),
    ("segmind", "http://127.0.0.1:8791", "2026-11-02", "r2", "spot", 7.0),
]


@pytest.fixture
def ledger(react1, tmp_path):
    """Three calls at two hosts in two months, and a rehearsal."""
    ledger = Ledger(tmp_path / "home")
    for number, (provider, host, day, run, project, usd) in enumerate(CALLS):
        at = f"{day}T10:00:00.000+00:00"
        call = Call(provider=provider, host=host, parameters={"prompt": "sad"}, video=f"{number}" * 64, audio="")
        intended = Intended(
            at=at, call=call, nonce="n", video_name="n.mp4", video_url="https://f.example/n.mp4",
            estimate_usd=usd, segment="s01", run=run, project=project,
        )  # fmt: skip
        file = File(digest="a" * 64, suffix=".mp4", size_bytes=5)
        ledger.record(ledger.record_intent(intended), "done", Done(at=at, file=file, cost_usd=usd, cost_known=True))
    for run, film in (("r1", "/films/a.mp4"), ("r2", "/films/b.mp4")):
        folder = tmp_path / "home" / "runs" / run
        folder.mkdir(parents=True)
        RunFolder(run, folder).write(run=run, status="done", document={"inputs": {"source": film}})
    return ledger


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("day", {"2026-10-30": (1, 2.0), "2026-11-01": (2, 1.75)}),
        ("month", {"2026-10": (1, 2.0), "2026-11": (2, 1.75)}),
        ("provider", {"segmind": (2, 2.5), "sync": (1, 1.25)}),
        ("project", {"spot": (2, 2.5), "unknown": (1, 1.25)}),
        ("run", {"r1": (2, 2.5), "r2": (1, 1.25)}),
        ("film", {"/films/a.mp4": (2, 2.5), "/films/b.mp4": (1, 1.25)}),
    ],
)
def test_costs_are_summed_by_group(react1, ledger, by, rows):
    """The rehearsal is in none of them."""
    sums = react1("spend", "--by", by, "--json").json

    assert {row["name"]: (row["calls"], row["cost_usd"]) for row in sums["rows"]} == rows
    assert (sums["cost_usd"], sums["rehearsal_cost_usd"]) == (3.75, 7.0)


def test_people_get_lines_by_month(react1, ledger):
    """And the total, and the rehearsals."""
    lines = react1("spend").out.splitlines()

    assert lines[0].split() == ["2026-10", "1", "calls", "$2.00"]
    assert lines[1].split() == ["2026-11", "2", "calls", "$1.75"]
    assert lines[2:] == ["$3.75 spent", "$7.00 of rehearsals at a server on this machine, not charged"]


def test_without_calls_it_says_so(react1):
    """Exit 0."""
    result = react1("spend")

    assert result.status == 0 and "no paid calls in" in result.out


def test_the_budget_of_this_month_and_what_is_left_are_shown(react1, tmp_path, monkeypatch):
    """In JSON as `month`, which is null without a budget."""
    assert react1("spend", "--json").json["month"] is None
    monkeypatch.setenv("REACT1_BUDGET_MONTH", "5")
    ledger, now = Ledger(tmp_path / "home"), datetime.now(UTC).isoformat(timespec="milliseconds")
    call = Call(provider="sync", host="https://api.sync.so", parameters={}, video="0" * 64, audio="")
    url = "https://f.example/n.mp4"
    ledger.record_intent(Intended(at=now, call=call, nonce="n", video_name="n", video_url=url, estimate_usd=1.5))

    assert react1("spend", "--json").json["month"] == {
        "name": now[:7], "budget_usd": 5.0, "cost_usd": 1.5, "left_usd": 3.5,
    }  # fmt: skip
    assert f"{now[:7]}: $1.50 spent or committed, $3.50 of the budget of $5.00 are left" in react1("spend").out
