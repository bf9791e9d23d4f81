"""What became of a lost submit is decided by the provider's history, or by a person."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from clocks import FakeClock

from react1.pipeline.core.errors import ProviderError
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.ledger_entry import Call, Intended, Unknown
from react1.pipeline.jobs.settle import Unsettled, recover_lost_submit, submission_of
from react1.pipeline.providers.contract import Done, TemporarilyUnavailable, Ticket

PARAMETERS = {"sync_mode": "bounce", "model_mode": "face", "prompt": "sad", "temperature": 0.5}
CALL = Call(provider="segmind", host="https://h.example", parameters=PARAMETERS, video="v" * 64, audio="")


class History:
    """Returns its answers in order, the last one forever; `queries` has the arguments."""

    def __init__(self, *answers) -> None:
        self.answers, self.queries = list(answers), []

    async def recover(self, submission, known):
        self.queries.append((submission, known))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def fake():
    return FakeClock()


@pytest.fixture
def entry(tmp_path, fake):
    intended = Intended(
        at=fake.clock().timestamp(),
        server_at=fake.server_now().isoformat(),
        call=CALL,
        nonce="n1",
        video_name="n1.mp4",
        video_url="https://f.example/n1.mp4?signature=s",
        audio_url="https://f.example/n2.wav",
        audio_name="n2.wav",
        estimate_usd=1.0,
    )
    return Ledger(tmp_path).record_intent(intended)


def recover(history, entry, fake, after_s=900.0, server_now=None):
    ledger = Ledger(entry.folder.parents[3])
    server_now = server_now or fake.server_now

    async def record(why):
        at, server_at = fake.clock().timestamp(), server_now().isoformat()
        return ledger.record(entry, "unknown", Unknown(at=at, why=why, server_at=server_at))

    return asyncio.run(
        recover_lost_submit(history, entry, {"r0"}, after_s, fake.clock(), server_now=server_now, record=record)
    )


def test_submit_that_the_history_lists_is_followed(entry, fake):
    """It is looked up by the URLs that were sent; ids of other calls are excluded."""
    history = History(Ticket("r1"))

    assert recover(history, entry, fake) == Ticket("r1")
    ((submission, known),) = history.queries
    assert (submission, known) == (submission_of(entry), {"r0"})
    assert submission.request.video_url == "https://f.example/n1.mp4?signature=s"
    assert submission.request.audio_url == "https://f.example/n2.wav"
    assert fake.sleeps_s == []


def test_history_that_lags_is_queried_again(entry, fake):
    """For two minutes."""
    done = Done("r1", "https://o.example/t.mp4")

    assert recover(History(None, None, TemporarilyUnavailable("502"), done), entry, fake) == done
    assert 0 < fake.elapsed_s < 120


def test_absence_proves_nothing_while_the_intention_is_young(entry, fake):
    """The run stops, resubmits nothing, and says when to come back and how to settle it manually."""
    with pytest.raises(Unsettled) as caught:
        recover(History(None), entry, fake)

    message = str(caught.value)
    assert "it is not resubmitted" in message
    assert "Run again after 10:15 UTC" in message
    assert fake.elapsed_s == pytest.approx(120, abs=0.1)
    assert f"react1 jobs settle {entry.id} --accepted REQUEST_ID" in message
    assert "--resubmit" in message
    assert caught.value.exit_status == 4


def test_absence_proves_that_there_is_no_job_when_the_intention_is_old(entry, fake):
    """The history lists failed requests and those in progress, so it would list this one too."""
    asyncio.run(fake.sleep(901))
    fake.run_s = 0.0

    assert recover(History(None), entry, fake) is None
    assert fake.run_s == pytest.approx(60, abs=0.1)


def test_short_time_until_the_proof_is_waited_for(entry, fake):
    """As with a server on this machine."""
    assert recover(History(None), entry, fake, after_s=10.0) is None
    assert fake.elapsed_s == pytest.approx(10, abs=0.1)


def test_history_that_does_not_answer_proves_nothing(entry, fake):
    """However old the intention is."""
    asyncio.run(fake.sleep(5000))

    with pytest.raises(Unsettled, match="502"):
        recover(History(TemporarilyUnavailable("502")), entry, fake)
    with pytest.raises(Unsettled, match="another shape"):
        recover(History(ProviderError("another shape")), entry, fake)


@pytest.mark.parametrize("hours", [5, 72, -5, -72])
def test_clock_that_is_set_between_two_runs_proves_nothing(entry, fake, hours):
    """The loss is as old as the provider's clock says."""
    asyncio.run(fake.sleep(100))
    fake.at += timedelta(hours=hours)

    with pytest.raises(Unsettled, match="does not list it yet"):
        recover(History(None), entry, fake)
    asyncio.run(fake.sleep(900 - 220))
    assert recover(History(None), entry, fake) is None


def test_provider_time_that_was_not_known_is_recorded_at_the_first_absence(entry, fake):
    """A clock that was slow at the intention and is right now proves nothing; the proof begins with the next run."""
    slow = entry.intended.model_copy(update={"at": "2026-11-25T03:00:00+00:00", "server_at": ""})
    (entry.folder / "00-intended.json").write_text(slow.model_dump_json())
    ledger = Ledger(entry.folder.parents[3])

    with pytest.raises(Unsettled, match="does not list it yet"):
        recover(History(None), ledger.latest(CALL), fake)
    assert [state for state, _ in ledger.latest(CALL).records] == ["intended", "unknown"]
    asyncio.run(fake.sleep(780))
    assert recover(History(None), ledger.latest(CALL), fake) is None


def test_provider_that_does_not_state_its_time_proves_nothing_by_age(entry, fake):
    """Only what this process has waited counts."""
    asyncio.run(fake.sleep(5000))

    with pytest.raises(Unsettled):
        recover(History(None), entry, fake, server_now=lambda: None)
    assert recover(History(None), entry, fake, after_s=100.0, server_now=lambda: None) is None


def test_age_counts_from_when_the_response_was_lost(entry, fake):
    """The submit may have waited long for a slot after its intention."""
    asyncio.run(fake.sleep(5000))
    lost = Unknown(at=fake.clock().timestamp(), why="cut", server_at=fake.server_now().isoformat())
    entry = Ledger(entry.folder.parents[3]).record(entry, "unknown", lost)

    with pytest.raises(Unsettled, match="may exist: cut; the provider's history does not list it yet"):
        recover(History(None), entry, fake)


def test_clock_that_is_set_back_does_not_keep_a_run_waiting(entry, fake):
    """The two minutes are counted by a monotonic clock."""
    fake.at -= timedelta(days=400)

    with pytest.raises(Unsettled):
        recover(History(None), entry, fake)
    assert fake.run_s == pytest.approx(120, abs=0.1)


@pytest.mark.parametrize("changes", [{"at": "garbage"}, {"video_url": ""}])
def test_invalid_entry_needs_a_person(entry, fake, changes):
    """Such as one of a newer version."""
    changed = entry.intended.model_copy(update=changes)
    (entry.folder / "00-intended.json").write_text(changed.model_dump_json())

    with pytest.raises(Unsettled, match="cannot be read"):
        recover(History(None), Ledger(entry.folder.parents[3]).latest(CALL), fake)


def test_unreadable_entry_needs_a_person(entry, fake):
    """Nothing can be looked up by it."""
    (entry.folder / "00-intended.json").write_bytes(b"")
    unreadable = Ledger(entry.folder.parents[3]).latest(CALL)

    with pytest.raises(Unsettled, match="cannot be read"):
        recover(History(None), unreadable, fake)
