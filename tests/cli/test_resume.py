"""`react1 resume`: the limit of a run holds for all of it, and what it spent before it was stopped counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from paid_preset import PAID_PRESET

from react1.pipeline.core.errors import StorageFailed
from react1.pipeline.core.settings import home_folder
from react1.pipeline.runner import execute
from react1.testing import ClipRecipe, FakeProvider, make_clip

PRICE = 0.8
LONG = ClipRecipe(frames=90, size=(64, 48))


@pytest.fixture
def paid(react1, monkeypatch):
    """Run a preset whose last step pays for each segment; or continue the newest run."""
    monkeypatch.setenv("REACT1_EXECUTOR", "local")
    clip = make_clip(Path("film.mov"), ClipRecipe(frames=30, size=(64, 48)))
    Path("paid.yaml").write_text(PAID_PRESET)
    job = ("paid.yaml", "--set", f"source={clip}", "--provider", "fake", "--json")
    edits = ("--edit", "0f-10f:sad", "--edit", "10f-20f:happy")

    def run(*words, edits=edits):
        return react1("run", *job, *edits, *words)

    run.resume = lambda *words: react1("resume", *words, "--json")
    with FakeProvider(usd_per_s=2.0) as fake:
        run.fake = fake
        yield run


def fail_at_the_end(monkeypatch):
    """Let the next run fail after its last step, as on a full disk."""
    finish = execute._finish

    def fail(*_):
        monkeypatch.setattr(execute, "_finish", finish)
        raise StorageFailed("the disk is full")

    monkeypatch.setattr(execute, "_finish", fail)


@pytest.mark.slow
def test_a_run_that_its_budget_stopped_is_not_resumed_without_it(paid):
    """Neither by `--yes` of the run that was stopped nor by one of its own; a higher limit lets it go on."""
    assert paid("--yes", "--max-cost", "1").status == 5

    for words in ((), ("--yes",)):
        stopped = paid.resume(*words)
        assert stopped.status == 5 and "budget of $1.00" in stopped.err
    assert paid.fake.submissions == []
    assert paid.resume("--max-cost", "2").status == 0
    assert len(paid.fake.submissions) == 2


@pytest.mark.slow
def test_the_limit_of_the_environment_is_read_again(paid, monkeypatch):
    """Who raises it goes on; what was spent counts against it as well."""
    monkeypatch.setenv("REACT1_MAX_COST", "1")
    assert paid("--yes").status == 5
    assert paid.resume().status == 5
    monkeypatch.setenv("REACT1_MAX_COST", "2")
    assert paid.resume().status == 0


@pytest.mark.slow
def test_the_limit_of_a_run_counts_what_it_has_spent(paid, react1, monkeypatch):
    """A take that is to be paid for again does not fit; the limit stays what it was, however often it is resumed."""
    fail_at_the_end(monkeypatch)
    assert paid("--yes", "--max-cost", "2").status == 1
    assert react1("jobs", "settle", react1("jobs", "--json").json["jobs"][0]["id"], "--resubmit").status == 0

    for _ in range(2):
        stopped = paid.resume()
        assert stopped.status == 5 and "after $1.60 spent or committed, is more than the budget of $2.00" in stopped.err
    assert len(paid.fake.submissions) == 2


@pytest.mark.slow
def test_a_run_of_one_segment_is_resumed_for_that_segment_only(paid):
    """The others were not asked for, so they are not paid for."""
    paid.fake.outcomes.append("refused")
    assert paid("--until", "react1", "--segment", "@2", "--yes").status == 4

    resumed = paid.resume()

    assert (resumed.status, resumed.json["cost_usd"]) == (0, pytest.approx(PRICE))
    assert [submission.request.prompt for submission in paid.fake.submissions] == ["happy"] * 2


@pytest.mark.slow
def test_a_resumed_run_has_cost_what_it_spent_before(paid, monkeypatch):
    """Its takes come from the store, and were paid by this run; another run of the same job has cost nothing."""
    fail_at_the_end(monkeypatch)
    failed = paid("--yes")
    assert (failed.status, failed.json["cost_usd"]) == (1, pytest.approx(2 * PRICE))

    resumed, again = paid.resume().json, paid("--yes").json

    assert [segment["reused"] for segment in resumed["segments"]] == [True, True]
    assert resumed["cost_usd"] == pytest.approx(2 * PRICE)
    assert (again["cost_usd"], len(paid.fake.submissions)) == (0.0, 2)


@pytest.mark.slow
def test_a_take_that_was_paid_for_and_cannot_be_used_is_in_the_cost_of_its_run(paid, react1):
    """Where the original footage stays instead: the run and the list of jobs agree, also when it runs again."""
    paid.fake.make_take = lambda _choices, _video, take: make_clip(take, LONG)

    first = paid("--yes", "--set", "on_failure=keep-original").json
    again = paid.resume(first["run"]).json

    assert [segment["status"] for segment in first["segments"]] == ["original", "original"]
    assert react1("jobs", "--json").json["cost_usd"] == pytest.approx(2 * PRICE)
    assert (first["cost_usd"], again["cost_usd"]) == (pytest.approx(2 * PRICE), pytest.approx(2 * PRICE))
    assert len(paid.fake.submissions) == 2


@pytest.mark.slow
def test_the_list_of_runs_has_what_a_run_spent_after_its_result(paid, react1, monkeypatch):
    """A done run whose take counts as never made is resumed, pays again, and fails at its end."""
    assert paid("--yes").status == 0
    assert react1("jobs", "settle", react1("jobs", "--json").json["jobs"][0]["id"], "--resubmit").status == 0
    fail_at_the_end(monkeypatch)
    assert paid.resume(react1("runs", "--json").json["runs"][0]["run"], "--yes").status == 1

    (run,) = react1("runs", "--json").json["runs"]
    assert (run["status"], run["cost_usd"]) == ("failed", pytest.approx(3 * PRICE))


@pytest.mark.slow
def test_the_limit_of_a_batch_is_for_all_its_films_however_often_it_is_resumed(paid, react1):
    """A limit that the resume names is for what is left of the batch."""
    rows = [f"  - {{preset: paid.yaml, source: film.mov, edits: [{{in: {at}f, out: {at + 10}f}}]}}" for at in (0, 10)]
    Path("night.yaml").write_text("\n".join(["defaults: {provider: fake}", "jobs:", *rows]))
    batch = react1("batch", "night.yaml", "--yes", "--max-cost", "1", "--jobs", "1", "--json").json
    assert batch["counts"] == {"done": 1, "failed": 1}

    stopped = react1("resume", batch["batch"], "--json")
    assert (stopped.status, stopped.json["cost_usd"], len(paid.fake.submissions)) == (6, pytest.approx(PRICE), 1)
    assert "after $0.80 spent or committed, is more than the budget of $1.00" in stopped.json["jobs"][1]["error"]

    resumed = react1("resume", batch["batch"], "--max-cost", "1", "--json")
    assert (resumed.status, resumed.json["cost_usd"]) == (0, pytest.approx(2 * PRICE))


@pytest.mark.slow
def test_the_limit_of_a_batch_counts_what_a_killed_process_has_spent(paid, react1):
    """Which run a film has is on disk before it pays: what a power cut leaves of the batch knows it."""
    rows = [f"  - {{preset: paid.yaml, source: film.mov, edits: [{{in: {at}f, out: {at + 10}f}}]}}" for at in (0, 10)]
    Path("night.yaml").write_text("\n".join(["defaults: {provider: fake}", "jobs:", *rows]))
    make_take, on_disk = paid.fake.make_take, []

    def make_and_look(*arguments):
        on_disk.extend(path.read_text() for path in home_folder().glob("batches/*/batch.json"))
        make_take(*arguments)

    paid.fake.make_take = make_and_look
    batch = react1("batch", "night.yaml", "--yes", "--max-cost", "1", "--jobs", "1", "--json").json
    (home_folder() / "batches" / batch["batch"] / "batch.json").write_text(on_disk[0])

    resumed = react1("resume", batch["batch"], "--json").json

    assert "after $0.80 spent or committed, is more than the budget of $1.00" in resumed["jobs"][1]["error"]
    assert (resumed["cost_usd"], len(paid.fake.submissions)) == (pytest.approx(PRICE), 1)
