"""Paid calls against a real server on loopback: each is made once, followed to its end, and its take kept."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import av
import pytest
from asks import COST_USD, Counter, no_look
from server_client import open_server

from react1.pipeline.core.errors import InputMediaError, OverBudget, ProviderError
from react1.pipeline.jobs import manager as paid_desk
from react1.pipeline.jobs.budget import SpendingPolicy
from react1.pipeline.jobs.ledger import Ledger, settle_resubmit
from react1.pipeline.jobs.manager import JobManager
from react1.pipeline.jobs.take_download import fetch_take, find_damage, open_download_client
from react1.pipeline.media.ffmpeg import ffmpeg_path
from react1.pipeline.net.ssrf import NetworkPolicy
from react1.pipeline.server.job_store import JobStore
from react1.pipeline.server.worker_protocol import copy_source

pytestmark = pytest.mark.usefixtures("no_look")
__all__ = ["no_look"]


@pytest.fixture
def open_counter(tmp_path):
    """Give a server with these faults, and a counter in front of it."""
    with contextlib.ExitStack() as stack:

        def begin(*faults, **plan):
            told = {"engine": "copy", "faults": list(faults), **plan}
            client = stack.enter_context(open_server(tmp_path / "srv", told, renderer=copy_source))
            return Counter(tmp_path, client.url)

        yield begin


def jobs(tmp_path):
    """The jobs that the server made."""
    return sorted(JobStore(tmp_path / "srv").jobs(), key=lambda job: job.created_s)


def entries(counter):
    return sorted(Ledger(counter.store.root).all(), key=lambda entry: entry.id)


def test_a_take_is_what_the_host_made_and_costs_what_it_said(open_counter, tmp_path):
    """The store has it, the ledger tells its whole way."""
    counter = open_counter()

    (made,) = counter.run(counter.ask(prompt="sad", temperature=0.25))

    (job,) = jobs(tmp_path)
    take = made.take
    assert (job.sent["prompt"], job.sent["temperature"], job.sent["sync_mode"]) == ("sad", 0.25, "bounce")
    assert (take.provider, take.request_id, take.cost_usd, made.new) == ("segmind", job.id, COST_USD, True)
    assert take.media.file == counter.segment.media.file.model_copy(update={"suffix": ".mp4"})
    assert counter.store.has(take.media.file)
    assert "a rehearsal: not React-1" in take.notes[0]
    assert "://" not in take.request["video_url"]
    (entry,) = entries(counter)
    assert [state for state, _ in entry.notes] == ["intended", "accepted", "done"]
    assert (entry.done.cost_usd, entry.done.cost_known) == (COST_USD, True)
    assert job.sent["video_url"].endswith(entry.intended.video_name)


def test_the_same_call_is_not_made_again(open_counter, tmp_path):
    """Neither in the same run nor in another one; nothing is uploaded again either; nobody has to agree."""
    counter = open_counter()
    counter.run(counter.ask(prompt="sad"))

    again = counter.run(counter.ask(prompt="sad"), counter.ask(prompt="sad", name="s09"), terms=SpendingPolicy(0.0))

    assert [made.new for made in again] == [False, False]
    assert len(jobs(tmp_path)) == 1
    assert len(list((tmp_path / "srv" / "server" / "assets").iterdir())) == 2
    counter.run(counter.ask(prompt="happy"))
    assert len(jobs(tmp_path)) == 2
    assert len(list((tmp_path / "srv" / "server" / "assets").iterdir())) == 2


def test_two_that_want_the_same_at_once_share_it(open_counter, tmp_path):
    """In one process, by one desk."""
    counter = open_counter()

    async def both():
        async with JobManager(counter.store, SpendingPolicy(approved=True)) as desk:
            asks = [counter.ask(), counter.ask(name="s02")]
            await desk.check_all(asks, stop=True)
            return await asyncio.gather(*[desk.run(ask) for ask in asks])

    made = asyncio.run(both())

    assert sorted(one.new for one in made) == [False, True]
    assert [one.take.segment.name for one in made] == ["s01", "s02"]
    assert len(jobs(tmp_path)) == 1


LOST = [
    {"route": "submit", "do": "reset", "when": "after", "call": 1},
    {"route": "submit", "do": "status", "status": 504, "body": "empty", "when": "after", "call": 1},
    {"route": "submit", "do": "status", "status": 502, "body": "html", "when": "after", "call": 1},
    {"route": "submit", "do": "status", "status": 500, "when": "after", "call": 1},
]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: f"{fault['do']}{fault.get('status', '')}")
def test_an_answer_that_is_lost_costs_nothing_twice(open_counter, tmp_path, fault):
    """The history finds the job by the names of its files."""
    counter = open_counter(fault)

    (made,) = counter.run(counter.ask())

    (job,) = jobs(tmp_path)
    (entry,) = entries(counter)
    assert made.take.request_id == job.id
    assert [state for state, _ in entry.notes] == ["intended", "unknown", "accepted", "done"]
    assert entry.accepted.how == "history"


def test_a_call_that_the_host_never_had_is_made_when_that_is_proven(open_counter, tmp_path):
    """A reset before the job; the files of the second attempt have names of their own."""
    counter = open_counter({"route": "submit", "do": "reset", "when": "before", "call": 1})

    (made,) = counter.run(counter.ask())

    (job,) = jobs(tmp_path)
    first, second = entries(counter)
    assert ([state for state, _ in first.notes], second.state) == (["intended", "unknown", "void"], "done")
    assert first.intended.video_name != second.intended.video_name
    assert made.take.request_id == job.id


def test_a_host_that_is_asked_too_often_is_asked_again(open_counter, tmp_path, monkeypatch):
    """When it allows it; the attempt before counts as never made."""
    monkeypatch.setattr("react1.pipeline.server.fault_middleware.BUSY_S", 0.2)
    counter = open_counter({"route": "submit", "do": "status", "status": 429, "call": 1})

    counter.run(counter.ask())

    assert len(jobs(tmp_path)) == 1
    assert [entry.state for entry in entries(counter)] == ["void", "done"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"do": "status", "status": 400, "error": "prompt is odd"}, "400: the parameters were refused (prompt is odd)"),
        ({"do": "status", "status": 401}, "check SEGMIND_API_KEY"),
        ({"do": "status", "status": 405, "body": "html"}, "405"),
        ({"do": "status", "status": 410}, "retired"),
    ],
)
def test_a_refusal_ends_in_one_line_and_nothing_is_billed(open_counter, tmp_path, fault, says):
    """And is not sent again by this run."""
    counter = open_counter({"route": "submit", **fault})

    with pytest.raises(ProviderError) as caught:
        counter.run(counter.ask())

    assert says in str(caught.value)
    assert (caught.value.billed, caught.value.exit_status) == (False, 4)
    assert jobs(tmp_path) == []
    assert [entry.state for entry in entries(counter)] == ["void"]


def test_credits_that_run_out_are_told(open_counter, tmp_path):
    """406, by its words."""
    counter = open_counter(credits=0.1)
    counter.run(counter.ask(prompt="sad"))

    with pytest.raises(ProviderError, match="not enough credits"):
        counter.run(counter.ask(prompt="happy"))
    assert len(jobs(tmp_path)) == 1


def test_a_job_that_fails_is_told_with_its_detail_and_made_anew_by_the_next_run(open_counter, tmp_path):
    """It was not billed."""
    counter = open_counter({"route": "submit", "do": "fail", "error": "blocked by the safety filter", "call": 1})

    with pytest.raises(ProviderError, match="blocked by the safety filter; not billed") as caught:
        counter.run(counter.ask())
    (made,) = counter.run(counter.ask())

    failed, done = jobs(tmp_path)
    assert caught.value.request_id == failed.id
    assert made.take.request_id == done.id
    assert [entry.state for entry in entries(counter)] == ["failed", "done"]


MEANWHILE = [
    {"route": "status", "do": "status", "status": 502, "body": "html", "call": [1, 2]},
    {"route": "status", "do": "reset", "call": [1, 2]},
    {"route": "status", "do": "status", "status": 429, "call": 1},
    {"route": "result", "do": "status", "status": 504, "body": "empty", "call": 1},
    {"route": "output", "do": "truncate", "call": [1, 2]},
    {"route": "upload", "do": "status", "status": 500, "call": 1},
]


@pytest.mark.parametrize("fault", MEANWHILE, ids=lambda fault: f"{fault['route']}-{fault['do']}")
def test_trouble_on_the_way_loses_nothing(open_counter, tmp_path, fault, monkeypatch):
    """One job, one take, whole."""
    monkeypatch.setattr("react1.pipeline.server.fault_middleware.BUSY_S", 0.2)
    counter = open_counter(fault)

    (made,) = counter.run(counter.ask())

    assert len(jobs(tmp_path)) == 1
    assert find_damage(counter.store.path(made.take.media.file)) == ""
    assert made.take.media.video.frame_count == 25


def test_a_result_that_has_expired_is_found_in_the_history(open_counter, tmp_path):
    """Its output lasts longer."""
    counter = open_counter({"route": "status", "do": "expired", "call": 2})

    (made,) = counter.run(counter.ask())

    assert made.take.request_id == jobs(tmp_path)[0].id


def test_v1_is_one_blocking_call(open_counter, tmp_path):
    """The take comes with the answer; what it cost is in the headers."""
    counter = open_counter()

    (made,) = counter.run(counter.ask("v1", prompt="angry"))

    (job,) = jobs(tmp_path)
    assert (job.api, made.take.request_id, made.take.cost_usd) == ("v1", job.id, COST_USD)
    assert made.take.media.video.frame_count == 25


def test_a_v1_answer_that_is_lost_is_found_in_the_history(open_counter, tmp_path):
    """A gateway gives up before the model does."""
    counter = open_counter({"route": "v1", "do": "status", "status": 504, "when": "after", "call": 1})

    (made,) = counter.run(counter.ask("v1"))

    assert made.take.request_id == jobs(tmp_path)[0].id
    assert [state for state, _ in entries(counter)[0].notes] == ["intended", "unknown", "accepted", "done"]


TWISTS = [
    ({"longer_frames": 5}, 30, "the take lasts 1.20 s, not 1.00 s"),
    ({"shorter_frames": 4}, 21, "the take lasts 0.84 s, not 1.00 s"),
    ({"rate": "30"}, 30, ""),
    ({"round_lines_to": 16}, 25, ""),
]


@pytest.mark.parametrize(("twist", "frames", "says"), TWISTS, ids=lambda value: str(value))
def test_a_take_that_is_not_what_was_sent_is_passed_on_and_told(open_counter, twist, frames, says):
    """`conform` measures and corrects it."""
    counter = open_counter({"route": "submit", "do": "take", "take": twist})

    (made,) = counter.run(counter.ask())

    assert made.take.media.video.frame_count == frames
    assert (made.take.notes[0] == says) if says else (len(made.take.notes) == 1)


def test_a_take_of_quite_another_length_is_kept_and_not_passed_on(open_counter, tmp_path):
    """It is paid for, so another one is made only when somebody says so."""
    counter = open_counter({"route": "submit", "do": "take", "take": {"longer_frames": 100}, "call": 1})

    for _ in range(2):
        with pytest.raises(ProviderError, match=r"lasts 5\.00 s, not 1\.00 s; the take is paid for and stays stored"):
            counter.run(counter.ask())
    (entry,) = entries(counter)
    assert counter.store.has(entry.done.file)

    settle_resubmit(Ledger(counter.store.root), entry.id)
    (made,) = counter.run(counter.ask())
    assert made.take.media.video.frame_count == 25
    assert len(jobs(tmp_path)) == 2


def test_a_take_that_was_removed_from_the_store_is_fetched_again(open_counter, tmp_path):
    """As long as the host has it; nothing is paid for it."""
    counter = open_counter()
    (made,) = counter.run(counter.ask())
    counter.store.path(made.take.media.file).unlink()

    (again,) = counter.run(counter.ask())

    assert counter.store.has(again.take.media.file)
    assert (again.new, len(jobs(tmp_path))) == (False, 1)


def test_takes_that_cost_more_than_was_foreseen_count_with_what_they_cost(open_counter, tmp_path, monkeypatch):
    """Even one that cannot be used: the next call does not fit any more."""
    monkeypatch.setattr("react1.pipeline.server.job_queue.USD_PER_OUTPUT_S", 3.0)
    counter = open_counter({"route": "submit", "do": "take", "take": {"longer_frames": 100}, "call": 1})
    asks = [counter.ask(prompt=prompt, name=prompt) for prompt in ("sad", "happy")]

    async def both():
        async with JobManager(counter.store, SpendingPolicy(1.0, approved=True)) as desk:
            await desk.check_all(asks, stop=True)
            for ask in asks:
                with pytest.raises((ProviderError, OverBudget)) as caught:
                    await desk.run(ask)
            return caught.value

    assert isinstance(asyncio.run(both()), OverBudget)
    assert len(jobs(tmp_path)) == 1


def test_a_call_whose_answer_was_lost_is_agreed_to_again(open_counter, tmp_path):
    """It may have to be made; a call that the host has needs no word."""
    counter = open_counter({"route": "submit", "do": "reset", "when": "before", "call": 1})
    ledger = Ledger(counter.store.root)
    sender = SpendingPolicy(approved=True)

    async def killed():
        async with JobManager(counter.store, sender) as desk:
            await desk.check_all([counter.ask()], stop=True)
            task = asyncio.create_task(desk.run(counter.ask()))
            while not any(entry.state == "unknown" for entry in ledger.all()):
                await asyncio.sleep(0.01)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(killed())

    with pytest.raises(OverBudget, match="nobody has agreed"):
        counter.run(counter.ask(), terms=SpendingPolicy())
    assert jobs(tmp_path) == []
    counter.run(counter.ask(), terms=SpendingPolicy(approved=True))
    assert len(jobs(tmp_path)) == 1


def test_a_question_that_nobody_answers_does_not_keep_a_stopped_run(open_counter):
    """Ctrl-C at the bill ends the run."""
    counter = open_counter()
    asked = threading.Event()

    def ask(_bill):
        asked.set()
        time.sleep(30)

    async def stopped():
        async with JobManager(counter.store, SpendingPolicy(ask=ask)) as desk:
            task = asyncio.create_task(desk.check_all([counter.ask()], stop=True))
            while not asked.is_set():
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    began = time.monotonic()
    asyncio.run(stopped())

    assert time.monotonic() - began < 20


def test_a_take_with_an_edit_list_or_odd_tags_is_whole(context, open_counter):
    """Some of its frames are not shown; its title is not UTF-8."""
    counter = open_counter()
    whole = counter.store.path(counter.segment.media.file)
    cut, titled = context.temp_path("cut.mp4"), context.temp_path("titled.mkv")
    context.run_tool([ffmpeg_path(), "-v", "error", "-ss", "0.5", "-i", str(whole), "-c", "copy", str(cut)])
    context.run_tool(
        [ffmpeg_path(), "-v", "error", "-i", str(whole), "-c", "copy", "-metadata", "title=cafe", str(titled)]
    )
    titled.write_bytes(titled.read_bytes().replace(b"cafe", b"caf\xe9"))

    assert find_damage(cut) == ""
    assert find_damage(titled) == ""


def test_the_budget_holds_before_the_first_upload(open_counter, tmp_path):
    """Nothing reaches the server at all; nothing is in the ledger."""
    counter = open_counter()
    asks = [counter.ask(prompt=prompt, name=prompt) for prompt in ("sad", "happy")]

    with pytest.raises(OverBudget, match=r"about \$0\.33 is more than the budget of \$0\.30"):
        counter.run(*asks, terms=SpendingPolicy(0.3, approved=True))
    with pytest.raises(OverBudget, match="nobody has agreed"):
        counter.run(*asks, terms=SpendingPolicy())

    assert list((tmp_path / "srv" / "server" / "assets").iterdir()) == []
    assert entries(counter) == []


def test_what_is_paid_for_already_is_not_on_the_bill(open_counter):
    """Only the new one is asked for."""
    counter = open_counter()
    counter.run(counter.ask(prompt="sad", name="s01"))
    bills = []

    counter.run(
        counter.ask(prompt="sad"),
        counter.ask(prompt="angry", name="s02"),
        terms=SpendingPolicy(ask=lambda b: not bills.append(b)),
    )

    assert bills[0].new_cost_usd == pytest.approx(COST_USD)
    assert [item.new for item in bills[0].items] == [False, True]


def test_a_segment_that_cannot_be_used_stops_all_before_anything_is_sent(open_counter, tmp_path, monkeypatch):
    """Or, where the job says so, only itself."""
    counter = open_counter()
    good, bad = counter.ask(name="s01"), counter.ask(name="s02", prompt="sad")

    def look(ask, store):
        return (("a cut at frame 9",), InputMediaError("no face") if ask.segment.name == "s02" else None)

    monkeypatch.setattr(paid_desk, "look", look)
    with pytest.raises(InputMediaError, match="no face"):
        counter.run(good, bad)
    assert entries(counter) == []

    with pytest.raises(InputMediaError, match="no face"):
        counter.run(good, bad, stop=False)
    assert [job.sent["prompt"] for job in jobs(tmp_path)] == ["happy"]
    assert "s01: a cut at frame 9" in counter.notes


def test_a_run_that_is_stopped_while_a_call_is_on_the_wire_hears_its_answer(open_counter, tmp_path):
    """So that nobody has to look for it."""
    counter = open_counter({"route": "submit", "do": "slow", "seconds": 0.5, "call": 1})

    async def stopped():
        async with JobManager(counter.store, SpendingPolicy(approved=True)) as desk:
            await desk.check_all([counter.ask()], stop=True)
            task = asyncio.create_task(desk.run(counter.ask()))
            while not entries(counter):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(stopped())

    (entry,) = entries(counter)
    assert (entry.state, entry.request_id) == ("accepted", jobs(tmp_path)[0].id)
    (made,) = counter.run(counter.ask())
    assert made.take.request_id == entry.request_id


@pytest.mark.parametrize(
    ("address", "reach", "says"),
    [
        ("http://93.184.216.34/t.mp4", NetworkPolicy(), "it is not https"),
        ("https://10.1.2.3/t.mp4", NetworkPolicy(), "private, link-local or reserved"),
        ("http://127.0.0.1:1/t.mp4", NetworkPolicy(), "private, link-local or reserved"),
        ("https://169.254.169.254/latest", NetworkPolicy(allow_loopback=True), "private, link-local or reserved"),
        ("http://10.1.2.3/t.mp4", NetworkPolicy(allow_private=True), "it is not https"),
        ("file:///etc/passwd", NetworkPolicy(), "only http and https"),
    ],
)
def test_a_take_is_fetched_only_from_where_it_may_come(context, address, reach, says):
    """Whatever address the host names; what is paid for stays open."""
    with open_download_client(reach) as client, pytest.raises(ProviderError, match=says) as caught:
        fetch_take(context, address, client, "r1")

    assert caught.value.billed


def test_a_file_that_breaks_off_is_no_take(context, open_counter):
    """Every frame is decoded before it is called done."""
    counter = open_counter()
    whole = counter.store.path(counter.segment.media.file)
    part = context.temp_path("part.mp4")
    part.write_bytes(whole.read_bytes()[:-3000])
    headed = context.temp_path("headed.mp4")
    context.run_tool(
        [ffmpeg_path(), "-v", "error", "-i", str(whole), "-c", "copy", "-movflags", "faststart", str(headed)]
    )
    with av.open(str(headed)) as container:
        places = sorted(packet.pos for packet in container.demux(video=0) if packet.size)
    headed.write_bytes(headed.read_bytes()[: places[-3]])
    empty = context.temp_path("no.mp4")
    empty.write_bytes(b"not a film")

    assert find_damage(whole) == ""
    assert find_damage(part)
    assert find_damage(headed) == "it breaks off after 22 of 25 frames"
    assert find_damage(empty)
    with av.open(str(whole)) as container:
        assert container.streams.video[0].frames == 25


def test_the_takes_of_a_segment_stand_on_the_bill_by_what_tells_them_apart(open_counter, monkeypatch):
    """Each with its price; their clip is looked at once, and what is seen in it is said once."""
    counter, told, looked = open_counter(), [], []
    asks = [counter.ask(prompt=prompt, temperature=0.25) for prompt in ("sad", "angry")]
    terms = SpendingPolicy(ask=lambda bill: bool(told.append(bill)))
    monkeypatch.setattr(paid_desk, "look", lambda ask, store: (looked.append(ask) or ("a cut",), None))

    with pytest.raises(OverBudget, match="declined"):
        counter.run(*asks, counter.ask(name="s02"), terms=terms)

    assert [line.split(":")[0] for line in told[0].lines()] == ["s01 sad", "  a cut", "s01 angry", "s02", "  a cut"]
    assert counter.notes == ["s01: a cut", "s02: a cut"]
    assert len(looked) == 2
