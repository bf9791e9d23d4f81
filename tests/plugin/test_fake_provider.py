"""`react1.testing.FakeProvider`: a paid run without a host, by the ledger and the budget of a real one."""

from __future__ import annotations

import pytest

from react1 import run
from react1.pipeline.core.errors import OverBudget, PresetError, ProviderError
from react1.pipeline.jobs.ledger import Ledger
from react1.testing import ClipRecipe, FakeProvider, frame_numbers, make_clip

EDIT = "0f-10f:sad:0.25"
STEPS = """
name: paid
inputs:
  source: {kind: media}
  edits: {kind: edits}
steps:
  - fetch: {uri: $source}
  - trim: {edits: $edits, handles: 0f}
  - transcode
  - normalize_audio
  - upload
  - react1
"""


@pytest.fixture
def paid(tmp_path):
    """Run a preset whose last step pays, in a home folder of its own."""
    clip = make_clip(tmp_path / "film.mov", ClipRecipe(frames=10, size=(64, 48)))
    preset = tmp_path / "paid.yaml"
    preset.write_text(STEPS)

    def paid(**options):
        options = {"yes": True, "provider": "fake", **options}
        return run(preset, source=clip, edits=EDIT, home=tmp_path / "home", **options)

    paid.ledger = Ledger(tmp_path / "home")
    return paid


def states(ledger):
    return [[state for state, _ in entry.records] for entry in sorted(ledger.entries(), key=lambda entry: entry.id)]


def test_a_run_pays_the_fake_once(paid):
    """The choices arrive, the price is the fake's, and a second run takes the take from the store."""
    with FakeProvider(usd_per_s=2.0) as fake:
        result, again = paid(), paid()

    (submission,) = fake.submissions
    assert (submission.request.prompt, submission.request.temperature) == ("sad", 0.25)
    assert result.cost_usd == pytest.approx(0.8)
    assert (result.segments[0].provider, again.cost_usd) == ("fake", 0.0)
    assert states(paid.ledger) == [["intended", "accepted", "done"]]


def test_the_take_is_what_the_test_makes(paid):
    """From the choices and the video that was sent, which shows the frames of the film."""
    seen = []

    def make_take(choices, video, take):
        seen.append((choices.prompt, frame_numbers(video)))
        take.write_bytes(video.read_bytes())

    with FakeProvider(make_take=make_take):
        paid()

    assert seen == [("sad", list(range(10)))]


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


def test_a_lost_response_is_recovered(paid):
    """One submit, one job."""
    with FakeProvider(outcomes=["lost"]) as fake:
        paid()

    assert len(fake.submissions) == 1
    assert states(paid.ledger) == [["intended", "unknown", "accepted", "done"]]


def test_the_budget_holds(paid):
    """Nothing is submitted beyond it."""
    with FakeProvider(usd_per_s=2.0) as fake, pytest.raises(OverBudget):
        paid(max_cost=0.5)

    assert fake.submissions == []


def test_the_fake_exists_inside_the_context_only(paid):
    """Outside it is no provider."""
    with FakeProvider():
        pass

    with pytest.raises(PresetError, match="'fake' is not one of auto, local"):
        paid()
