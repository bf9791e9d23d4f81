"""`react1.testing.FakeProvider`: a paid run without a host, by the ledger and the budget of a real one."""

from __future__ import annotations

import pytest
from paid_preset import PAID_PRESET

from react1 import run
from react1.pipeline.core.errors import OverBudget, PresetError, ProviderError
from react1.pipeline.jobs import budget
from react1.pipeline.jobs.budget import MonthBudget
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.runner.run_records.run_folder import all_runs
from react1.testing import ClipRecipe, FakeProvider, fake_provider, frame_numbers, make_clip

EDIT = "0f-10f:sad:0.25"


@pytest.fixture
def paid(tmp_path):
    """Run a preset whose last step pays, in a home folder of its own."""
    clip = make_clip(tmp_path / "film.mov", ClipRecipe(frames=10, size=(64, 48)))
    preset = tmp_path / "paid.yaml"
    preset.write_text(PAID_PRESET)

    def paid(**options):
        options = {"yes": True, "provider": "fake", **options}
        return run(preset, **{"source": clip, "edits": EDIT, "home": tmp_path / "home", **options})

    paid.ledger = Ledger(tmp_path / "home")
    return paid


def states(ledger):
    return [[state for state, _ in entry.records] for entry in sorted(ledger.entries(), key=lambda entry: entry.id)]


@pytest.mark.slow
def test_a_run_pays_the_fake_once(paid):
    """The choices arrive, the price is the fake's, and a second run takes the take from the store."""
    with FakeProvider(usd_per_s=2.0) as fake:
        result, again = paid(), paid()

    (submission,) = fake.submissions
    assert (submission.request.prompt, submission.request.temperature) == ("sad", 0.25)
    assert result.cost_usd == pytest.approx(0.8)
    assert (result.segments[0].provider, again.cost_usd) == ("fake", 0.0)
    assert states(paid.ledger) == [["intended", "accepted", "done"]]


@pytest.mark.slow
def test_the_take_is_what_the_test_makes(paid):
    """From the choices and the video that was sent, which shows the frames of the film."""
    seen = []

    def make_take(choices, video, take):
        seen.append((choices.prompt, frame_numbers(video)))
        take.write_bytes(video.read_bytes())

    with FakeProvider(make_take=make_take):
        paid()

    assert seen == [("sad", list(range(10)))]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("refused", ["intended", "void"]),
        ("failed", ["intended", "accepted", "failed"]),
    ],
)
def test_an_outcome_that_the_test_wants(paid, outcome, expected):
    """The run fails as with a real provider, and the next one pays."""
    with FakeProvider(outcomes=[outcome]) as fake:
        with pytest.raises(ProviderError, match="as the test wants"):
            paid()
        paid()

    assert len(fake.submissions) == 2
    assert states(paid.ledger) == [expected, ["intended", "accepted", "done"]]


@pytest.mark.slow
def test_a_lost_response_is_recovered(paid):
    """One submit, one job."""
    with FakeProvider(outcomes=["lost"]) as fake:
        paid()

    assert len(fake.submissions) == 1
    assert states(paid.ledger) == [["intended", "unknown", "accepted", "done"]]


@pytest.mark.slow
def test_the_budget_holds(paid, tmp_path):
    """Nothing is submitted beyond it, and whoever resumes the run has it too."""
    with FakeProvider(usd_per_s=2.0) as fake, pytest.raises(OverBudget):
        paid(max_cost=0.5)

    assert fake.submissions == []
    assert all_runs(tmp_path / "home")[0].read()["max_cost_usd"] == 0.5


def test_the_fake_exists_inside_the_context_only(paid):
    """Outside it is no provider."""
    with FakeProvider():
        pass

    with pytest.raises(PresetError, match="'fake' is not one of auto, local"):
        paid()


@pytest.mark.slow
def test_the_budget_of_the_month_stops_a_run_before_anything_is_sent(paid, monkeypatch):
    """What earlier runs have cost counts; with more budget the run pays, and its calls count for the project."""
    with FakeProvider(usd_per_s=2.0) as fake:
        paid(project="spot 7")
        monkeypatch.setenv("REACT1_BUDGET_MONTH", "1.5")
        with pytest.raises(OverBudget, match=r"about \$0\.80 more is not left .* \$0\.80 of \$1\.50") as caught:
            paid(edits=EDIT.replace("sad", "happy"))
        assert (len(fake.submissions), len(fake.uploads)) == (1, 2)  # video and voice of the first run
        monkeypatch.setenv("REACT1_BUDGET_MONTH", "1.6")
        paid(edits=EDIT.replace("sad", "happy"))

    assert caught.value.exit_status == 5
    assert [entry.intended.project for entry in sorted(paid.ledger.entries(), key=lambda entry: entry.intended.at)] == [
        "spot 7",
        "",
    ]
    assert paid.ledger.sums().cost_usd == pytest.approx(1.6)


@pytest.mark.slow
def test_a_call_whose_response_was_lost_counts_once_for_the_month(paid, monkeypatch):
    """It is open in the ledger, and on the estimate, because it may have to be submitted again."""

    async def refuse(_client, _submission, _known):
        raise ProviderError("the history is not available")

    with FakeProvider(usd_per_s=2.0, outcomes=["lost"]) as fake:
        with monkeypatch.context() as patch:
            patch.setattr(fake_provider._Client, "recover", refuse)
            with pytest.raises(ProviderError, match="may exist: the history is not available"):
                paid()
        monkeypatch.setenv("REACT1_BUDGET_MONTH", "1.5")
        paid()

    assert len(fake.submissions) == 1 and paid.ledger.sums().cost_usd == pytest.approx(0.8)


@pytest.mark.slow
def test_a_plan_counts_a_lost_call_once_for_the_month(paid, react1, tmp_path, monkeypatch):
    """As the run does: the month's sum has it, so with room for one call there is no warning; another edit gets one."""

    async def refuse(_client, _submission, _known):
        raise ProviderError("the history is not available")

    words = ("plan", tmp_path / "paid.yaml", "--set", f"source={tmp_path / 'film.mov'}", "--provider", "fake", "--edit")
    monkeypatch.setattr(fake_provider._Client, "recover", refuse)
    with FakeProvider(usd_per_s=2.0, outcomes=["lost"]):
        with pytest.raises(ProviderError, match="may exist"):
            paid()
        monkeypatch.setenv("REACT1_BUDGET_MONTH", "1.5")
        again, more = react1(*words, EDIT), react1(*words, "0f-10f:happy")

    assert "cost $0.80" in again.out and "a run would stop" not in again.out
    assert "a run would stop before it sends anything: about $0.80 more is not left of the budget" in more.out


@pytest.mark.slow
def test_a_rehearsal_adds_nothing_to_the_month_of_a_plan(paid, react1, tmp_path, monkeypatch):
    """A server on this machine charges nothing, and a run against it does not ask the month."""
    monkeypatch.setenv("REACT1_BUDGET_MONTH", "0.01")
    monkeypatch.setenv("SEGMIND_API_KEY", "k")
    monkeypatch.setenv("REACT1_SEGMIND_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(budget, "findings_of", lambda *_: [])  # the clip shows no face

    words = ("--set", f"source={tmp_path / 'film.mov'}", "--provider", "segmind", "--edit", EDIT)
    plan = react1("plan", tmp_path / "paid.yaml", *words)

    assert "cost $" in plan.out and "cost $0.00" not in plan.out
    assert "a run would stop" not in plan.out


@pytest.mark.slow
def test_a_budget_that_is_spent_meanwhile_stops_the_next_call(paid, monkeypatch):
    """By another process, between the check of all calls and the intention of one; nothing was sent for it."""
    monkeypatch.setenv("REACT1_BUDGET_MONTH", "1.5")
    checks = []
    real = MonthBudget.require

    def require(self, ledger, at, usd):
        checks.append(usd)
        if len(checks) == 2:
            monkeypatch.setattr(budget, "month_usd", lambda ledger, month: 1.4)
        real(self, ledger, at, usd)

    monkeypatch.setattr(MonthBudget, "require", require)
    with FakeProvider(usd_per_s=2.0) as fake, pytest.raises(OverBudget, match=r"\$1\.40 of \$1\.50"):
        paid()

    assert checks == [pytest.approx(0.8)] * 2
    assert not fake.submissions and not list(paid.ledger.entries())
