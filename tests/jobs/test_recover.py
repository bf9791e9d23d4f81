"""What became of a lost call is told by the host's history, or by nobody."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from clocks import FakeClock

from react1.pipeline.core.errors import ProviderError
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.ledger_entry import Call, Intended, Unknown
from react1.pipeline.jobs.recover import Unsettled, recover_lost_submit, submission_of
from react1.pipeline.providers.contract import Done, TemporarilyUnavailable, Ticket

PARAMETERS = {"sync_mode": "bounce", "model_mode": "face", "prompt": "sad", "temperature": 0.5}
CALL = Call(provider="segmind", host="https://h.example", parameters=PARAMETERS, video="v" * 64, audio="")


class History:
    """Gives its answers in order, the last one for ever."""

    def __init__(self, *answers) -> None:
        self.answers, self.orders = list(answers), []

    async def recover(self, order, known):
        self.orders.append((order, known))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def fake():
    return FakeClock()


@pytest.fixture
def entry(tmp_path, fake):
    note = Intended(
        at=fake.clock().timestamp(),
        call=CALL,
        nonce="n1",
        video_name="n1.mp4",
        video_url="https://f.example/n1.mp4?signature=s",
        audio_url="https://f.example/n2.wav",
        audio_name="n2.wav",
        estimate_usd=1.0,
    )
    return Ledger(tmp_path).record_intent(note)


def settled(history, entry, fake, after_s=900.0):
    return asyncio.run(recover_lost_submit(history, entry, {"r0"}, after_s, fake.clock()))


def test_a_call_that_the_history_lists_is_taken_up(entry, fake):
    """By the very addresses and names that were sent; ids of other calls are known."""
    history = History(Ticket("r1"))

    assert settled(history, entry, fake) == Ticket("r1")
    ((order, known),) = history.orders
    assert (order, known) == (submission_of(entry), {"r0"})
    assert order.request.video_url == "https://f.example/n1.mp4?signature=s"
    assert order.request.audio_url == "https://f.example/n2.wav"
    assert fake.sleeps_s == []


def test_a_history_that_lags_is_asked_again(entry, fake):
    """For two minutes."""
    done = Done("r1", "https://o.example/t.mp4")

    assert settled(History(None, None, TemporarilyUnavailable("502"), done), entry, fake) == done
    assert 0 < fake.elapsed_s < 120


def test_silence_proves_nothing_while_the_intention_is_young(entry, fake):
    """The run stops, nothing is sent again, and the message says when to come back and how to settle it by hand."""
    with pytest.raises(Unsettled) as caught:
        settled(History(None), entry, fake)

    told = str(caught.value)
    assert "nothing is sent again" in told
    assert "Run again after 10:15 UTC" in told
    assert fake.elapsed_s == pytest.approx(120, abs=0.1)
    assert f"react1 jobs settle {entry.id} --accepted REQUEST_ID" in told
    assert "--resubmit" in told
    assert caught.value.exit_status == 4


def test_silence_proves_it_when_the_intention_is_old(entry, fake):
    """A history that lists failed requests and those in flight would have it by then."""
    asyncio.run(fake.sleep(901))
    fake.run_s = 0.0

    assert settled(History(None), entry, fake) is None
    assert fake.run_s == pytest.approx(60, abs=0.1)


def test_a_short_time_to_the_proof_is_waited_for(entry, fake):
    """Such as with a server on this machine."""
    assert settled(History(None), entry, fake, after_s=10.0) is None
    assert fake.elapsed_s == pytest.approx(10, abs=0.1)


def test_silence_that_was_not_heard_proves_nothing_however_old(entry, fake):
    """A history that does not answer is no silence."""
    asyncio.run(fake.sleep(5000))

    with pytest.raises(Unsettled, match="502"):
        settled(History(TemporarilyUnavailable("502")), entry, fake)
    with pytest.raises(Unsettled, match="another shape"):
        settled(History(ProviderError("another shape")), entry, fake)


def test_a_clock_that_is_set_forward_proves_nothing(entry, fake):
    """Silence must be heard for a minute by a clock that nobody sets."""
    fake.at += timedelta(hours=5)

    assert settled(History(None), entry, fake) is None
    assert fake.run_s == pytest.approx(60, abs=0.1)


def test_an_answer_that_was_lost_just_now_is_young_however_old_the_intention_is(entry, fake):
    """A call may have waited for its turn for long."""
    asyncio.run(fake.sleep(5000))
    lost = Unknown(at=fake.clock().timestamp(), why="cut")
    noted = Ledger(entry.folder.parents[3]).add(entry, "unknown", lost)

    with pytest.raises(Unsettled, match="does not list it yet"):
        settled(History(None), noted, fake)


def test_a_clock_that_is_set_back_does_not_keep_a_run_waiting(entry, fake):
    """Patience is two minutes by a clock that nobody sets."""
    fake.at -= timedelta(days=400)

    with pytest.raises(Unsettled):
        settled(History(None), entry, fake)
    assert fake.run_s == pytest.approx(120, abs=0.1)


@pytest.mark.parametrize("changes", [{"at": "garbage"}, {"video_url": ""}])
def test_an_entry_that_makes_no_sense_is_for_a_person(entry, fake, changes):
    """Such as one of a newer version."""
    told = entry.intended.model_copy(update=changes)
    (entry.folder / "00-intended.json").write_text(told.model_dump_json())

    with pytest.raises(Unsettled, match="cannot be read"):
        settled(History(None), Ledger(entry.folder.parents[3]).latest(CALL), fake)


def test_an_entry_that_cannot_be_read_is_for_a_person(entry, fake):
    """Nothing can be looked up by it."""
    (entry.folder / "00-intended.json").write_bytes(b"")
    torn = Ledger(entry.folder.parents[3]).latest(CALL)

    with pytest.raises(Unsettled, match="cannot be read"):
        settled(History(None), torn, fake)
