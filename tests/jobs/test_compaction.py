"""Compaction of the ledger: finished calls move to segments, and nothing is lost at whatever point it is killed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from react1.pipeline.core.errors import StorageFailed
from react1.pipeline.core.file import File
from react1.pipeline.jobs import ledger_segments
from react1.pipeline.jobs.compaction import compact
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.ledger_entry import Accepted, Call, Done, Failed, Intended, NeverMade, Unknown
from react1.pipeline.jobs.settle import settle_accepted, settle_charge, settle_resubmit
from react1.pipeline.store import atomic
from react1.pipeline.store.atomic import try_acquire

USD = 1.5


def at(number):
    return f"2026-{10 + number // 20:02}-{1 + number % 20:02}T10:00:00.000+00:00"


def call(number, host="https://api.segmind.com"):
    return Call(provider="segmind", host=host, parameters={"prompt": "sad"}, video=f"{number:064}", audio="")


def intention(number, **changes):
    fields = {"at": at(number), "call": call(number), "nonce": f"n{number}", "video_name": f"n{number}.mp4"}
    fields |= {"video_url": "https://f.example/x.mp4", "estimate_usd": USD, "segment": "s01", "run": f"run{number % 3}"}
    return Intended(**{**fields, **changes})


def take(number):
    return File(digest=f"{number:064x}", suffix=".mp4", size_bytes=number)


def pay(ledger, number, **changes):
    entry = ledger.record_intent(intention(number, **changes))
    entry = ledger.record(entry, "accepted", Accepted(at=at(number), request_id=f"request-{number}"))
    return ledger.record(entry, "done", Done(at=at(number), file=take(number), cost_usd=USD, cost_known=True))


def content(ledger):
    return {entry.id: (entry.records, entry.unreadable) for entry in ledger.entries()}


def folders(ledger):
    return sorted(path.name for path in ledger.root.glob("??/*"))


@pytest.fixture
def ledger(tmp_path):
    """Three finished calls, one with two attempts, one that failed, and one that is open."""
    ledger = Ledger(tmp_path / "home")
    for number in range(3):
        pay(ledger, number)
    settle_resubmit(ledger, ledger.latest(call(2)).id)
    pay(ledger, 2)
    ledger.record(ledger.record_intent(intention(3)), "failed", Failed(at=at(3), error="no face", billed=True))
    ledger.record(ledger.record_intent(intention(4)), "unknown", Unknown(at=at(4), why="cut"))
    return ledger


def test_finished_calls_move_to_a_segment_and_read_as_before(ledger):
    """An open call keeps its folder; states, sums and lookups are the same."""
    before, sums, latest = content(ledger), ledger.sums(), ledger.latest(call(2))
    october = ledger.sums("2026-10")

    assert compact(ledger, at_least=1) == 5

    again = Ledger(ledger.root.parent)
    assert folders(again) == [call(4).key]
    assert (content(again), again.sums(), again.sums("2026-10")) == (before, sums, october)
    assert (again.latest(call(2)), again.latest(call(2)).attempt) == (latest, 2)
    assert [entry.state for entry in again.attempts(call(2).key)] == ["void", "done"]
    assert again.find(latest.id) == latest
    assert again.is_never_made(again.attempts(call(2).key)[0].id, "request-2")
    assert not again.is_never_made(latest.id, "request-2")
    assert {"request-0", "request-1", "request-2"} == again.request_ids()
    assert {summary.attempt for summary in again.of_run("run2")} == {1, 2}
    assert [summary.take for summary in again.summaries(newest=4)] == [None, None, take(2), take(2)]
    assert compact(again, at_least=1) == 0


LOOKS = {
    "sweep": Ledger.sweep,
    "compact": lambda ledger: compact(ledger, at_least=9),
    "latest": lambda ledger: ledger.latest(call(0)),
    "find": lambda ledger: ledger.find(call(0).key[:12]),
    "never made": lambda ledger: ledger.is_never_made(ledger.latest(call(0)).id, "request-0"),
    "open": Ledger.open_entries,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("depth", [0, 1, 2], ids=["prefix", "call", "attempt"])
def test_folder_that_a_compaction_removes_while_it_is_listed_is_no_error(ledger, monkeypatch, look, depth):
    """Another process may compact whenever a run begins; what it removes is in a segment."""
    compact(ledger, at_least=1)
    expected = look(ledger)
    ledger.call_folder(call(0).key).joinpath("001").mkdir(parents=True)
    ledger.call_folder(call(0).key).joinpath("001", "01-accepted.json").touch()
    folder, scandir = ledger.call_folder(call(0).key), os.scandir
    listed = (folder.parent, folder, folder / "001")[depth]

    def remove_before(path):
        if not isinstance(path, int) and os.fspath(path) == str(listed) and listed.exists():
            monkeypatch.setattr(os, "scandir", scandir)
            shutil.rmtree(listed, ignore_errors=True)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", remove_before)

    assert look(ledger) == expected


def test_call_whose_folder_cannot_be_listed_is_not_paid_for(ledger, monkeypatch):
    """It may have an attempt."""
    folder, scandir = ledger.call_folder(call(4).key), os.scandir

    def refuse(path):
        if os.fspath(path) == str(folder):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)

    with pytest.raises(StorageFailed, match="Permission denied"):
        ledger.latest(call(4))


def test_compaction_waits_for_enough_calls(ledger):
    """So a segment is worth its files."""
    assert compact(ledger, at_least=5) == 0
    assert len(folders(ledger)) == 5


def test_segments_are_readable_by_the_user_only(ledger):
    """URLs in them may contain signatures."""
    compact(ledger, at_least=1)

    modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in ledger.segments.folder.glob("2*")}
    assert modes == {".jsonl": 0o600, ".index": 0o600}


def test_a_compacted_failure_can_be_settled_as_not_billed(ledger):
    """Its statement is in its folder until the next compaction; the sums are right before and after."""
    failed, before = ledger.latest(call(3)), ledger.sums()
    compact(ledger, at_least=1)

    settled = settle_charge(ledger, failed.id, 0.0)

    assert [path.name for path in settled.folder.iterdir()] == ["02-failed.json"]
    assert ledger.sums().cost_usd == pytest.approx(before.cost_usd - USD)
    sums = ledger.sums()
    compact(ledger, at_least=1)
    assert (ledger.sums(), ledger.latest(call(3)).charged_usd, folders(ledger)) == (sums, 0.0, [call(4).key])


def test_states_that_follow_are_added_to_a_compacted_call(ledger):
    """In its folder, with the next number, until the next compaction puts all into one segment."""
    compact(ledger, at_least=1)
    failed = ledger.latest(call(3))

    settled = settle_accepted(ledger, failed.id, "request-3")
    assert [path.name for path in settled.folder.iterdir()] == ["02-accepted.json"]
    ledger.record(settled, "done", Done(at=at(3), file=take(3), cost_usd=0.5, cost_known=True))
    settle_resubmit(ledger, ledger.latest(call(0)).id)
    second = ledger.record_intent(intention(0))
    ledger.record(second, "void", NeverMade(at=at(0), why="refused", proven=True))
    before, sums = content(ledger), ledger.sums()

    assert (second.attempt, [state for state, _ in ledger.latest(call(3)).records]) == (
        2,
        ["intended", "failed", "accepted", "done"],
    )
    assert sums.cost_usd == pytest.approx(4 * USD + 0.5)
    compact(ledger, at_least=1)
    assert (content(ledger), ledger.sums(), folders(ledger)) == (before, sums, [call(4).key])
    assert len(ledger.segments.live()) == len(list(ledger.segments.folder.glob("*.index"))) == 1


def test_request_id_of_a_compacted_call_cannot_be_settled_twice(ledger):
    """One job is one call, wherever it is recorded."""
    compact(ledger, at_least=1)

    entry = ledger.latest(call(4))
    assert ledger.owner("request-1", entry) == ledger.latest(call(1)).id
    assert ledger.owner("request-9", entry) == ""


def test_calls_in_use_are_left_alone(ledger):
    """A process that works on a call finds its folder; the next compaction takes it."""
    lock = ledger.lock(call(1).key)
    compact(ledger, at_least=1)
    assert folders(ledger) == sorted([call(1).key, call(4).key])

    lock.close()
    compact(ledger, at_least=1)
    assert folders(ledger) == [call(4).key]
    lock = ledger.lock(call(1).key)
    assert lock is not None and ledger.lock(call(1).key) is None


def test_damaged_calls_keep_their_folder(ledger):
    """What cannot be read is not moved; nor is a state of a newer version."""
    damaged, newer = ledger.latest(call(0)), ledger.latest(call(1))
    (damaged.folder / "01-accepted.json").write_bytes(b"{")
    (newer.folder / "03-pondered.json").write_text("{}")

    compact(ledger, at_least=1)

    assert folders(ledger) == sorted(call(number).key for number in (0, 1, 4))
    assert (damaged.folder / "01-accepted.json").read_bytes() == b"{"


def test_only_one_process_compacts(ledger):
    """Another one goes on without."""
    ledger.segments.folder.mkdir()
    lock = try_acquire(ledger.segments.folder / "lock")

    assert compact(ledger, at_least=1) == 0
    lock.close()
    assert compact(ledger, at_least=1) == 5


class Killed(BaseException):
    """Stands for SIGKILL: nothing that follows it reaches the disk."""


OPERATIONS = ("link", "unlink", "rmdir", "mkdir", "fsync", "replace")


class Killer:
    """Kill at the n-th operation on files: before it, or after it; with it, everything that follows fails."""

    def __init__(self, monkeypatch, number, *, after):
        self.count, self.number, self.after = 0, number, after
        for name in OPERATIONS:
            monkeypatch.setattr(os, name, self.wrap(getattr(os, name)))

    def wrap(self, real):
        def operation(*arguments, **options):
            self.count += 1
            if self.count > self.number or (self.count == self.number and not self.after):
                raise Killed
            result = real(*arguments, **options)
            if self.count == self.number:
                raise Killed
            return result

        return operation


@pytest.mark.slow
@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("after", [True, False])
def test_compaction_killed_at_any_operation_loses_nothing(tmp_path, monkeypatch, after, links):
    """Also one that replaces a segment; without hard links a file is written under its own name."""
    source = Ledger(tmp_path / "source")
    for number in range(2):
        pay(source, number)
    compact(source, at_least=1)
    settle_resubmit(source, source.latest(call(0)).id)
    pay(source, 2)
    before, sums = content(source), source.sums()
    monkeypatch.setattr(atomic, "sync_folder", lambda folder: None)

    for number in range(1, 200):
        home = tmp_path / f"{number}"
        shutil.copytree(source.root.parent, home)
        ledger = Ledger(home)
        with monkeypatch.context() as patch:
            if not links:
                patch.setattr(os, "link", refuse_link)
            killer = Killer(patch, number, after=after)
            with contextlib.suppress(Killed):
                compact(ledger, at_least=1)
        again = Ledger(home)
        assert content(again) == before, f"operation {number}"
        assert again.latest(call(0)).state == "void" and again.latest(call(1)).state == "done"
        assert again.record_intent(intention(1)).attempt == 2
        shutil.rmtree(again.call_folder(call(1).key) / "002")
        compact(again, at_least=0)
        assert (content(again), again.sums(), folders(again)) == (before, sums, [])
        assert len(list(again.segments.folder.glob("[!l]*"))) == 2
        shutil.rmtree(home)
        if killer.count < number:
            break
    assert number > 20


def refuse_link(*_):
    raise PermissionError(errno.EPERM, "no links here")


def test_either_file_of_a_segment_can_be_damaged_without_loss(ledger):
    """Cut off at any length, the index is built from the data; without the data the calls are held as unknown."""
    compact(ledger, at_least=1)
    before, sums = content(ledger), ledger.sums()
    (index,) = ledger.segments.folder.glob("*.index")
    (data,) = ledger.segments.folder.glob("*.jsonl")
    whole_index, whole_data = index.read_bytes(), data.read_bytes()

    for length in (0, 1, len(whole_index) // 2, len(whole_index) - 1):
        index.write_bytes(whole_index[:length])
        assert (content(ledger), ledger.sums()) == (before, sums)
    index.write_bytes(whole_index)
    data.write_bytes(whole_data[: len(whole_data) // 2])
    states = {number: ledger.latest(call(number)).state for number in range(4)}
    assert set(states.values()) >= {"unknown"} and None not in states.values()
    lost = next(number for number, state in states.items() if state == "unknown")
    assert ledger.latest(call(lost)).unreadable == (data.name,)
    settle_resubmit(ledger, ledger.latest(call(lost)).id)
    assert ledger.latest(call(lost)).state == "void"
    assert ledger.latest(call(99)) is None


def test_damage_of_both_files_holds_every_unknown_call(ledger):
    """A call that may have been paid for is not paid for again; the message says what to do."""
    compact(ledger, at_least=1)
    (index,) = ledger.segments.folder.glob("*.index")
    (data,) = ledger.segments.folder.glob("*.jsonl")
    index.write_bytes(b"\0" * 99)
    data.write_bytes(data.read_bytes()[:-9])

    assert ledger.damage() == [str(data)]
    with pytest.raises(StorageFailed, match=r"are damaged and may have had this call.*restore them from a backup"):
        ledger.latest(call(99))
    with pytest.raises(StorageFailed, match="may have had this call"):
        ledger.record_intent(intention(99))
    with pytest.raises(StorageFailed, match="may have had this call"):
        ledger.record_intent(ledger.latest(call(4)).intended)  # a later attempt at a known call may be lost


@pytest.mark.slow
def test_there_are_few_segments_however_many_calls_there_are(tmp_path):
    """Small ones are replaced by larger ones; every call is in one."""
    ledger = Ledger(tmp_path)
    for number in range(24):
        pay(ledger, number)
        if number % 2:
            compact(ledger, at_least=2)
    live = ledger.segments.live()

    assert len(live) <= 3
    assert sorted(row.summary.at for segment in live for row in segment.rows()) == [at(number) for number in range(24)]
    assert ledger.sums().jobs == 24
    assert [summary.at for summary in ledger.summaries(newest=3)] == [at(23), at(22), at(21)]
    assert all(ledger.latest(call(number)).done.file == take(number) for number in range(24))


def test_segments_are_opened_by_several_threads_at_once(tmp_path, monkeypatch):
    """Such as by the calls in flight when another process has compacted the ledger."""
    ledger, exists = Ledger(tmp_path), Path.exists
    for number in range(9):
        pay(ledger, number)
        if number in (7, 8):
            compact(ledger, at_least=1)
    first, last = ledger.segments.live()

    def exists_while_another_thread_opens(path):
        ledger_segments._opened.setdefault(last.path.with_name("other.jsonl"), known[1])
        return exists(path)

    known = list(ledger_segments._opened.values())
    ledger_segments._opened.pop(last.path)
    monkeypatch.setattr(Path, "exists", exists_while_another_thread_opens)

    assert [segment.name for segment in ledger.segments.live()] == [first.name, last.name]


def test_calls_of_several_months_are_compacted_in_any_order(tmp_path):
    """The sums of an index do not depend on the order in which the folders were found."""
    ledger = Ledger(tmp_path)
    for number in (90, 0, 45, 21, 66):
        entry = pay(ledger, number)
        ledger.record(entry, "done", Done(at=at(number), file=take(number), cost_usd=0.1 * number, cost_known=True))

    assert compact(ledger, at_least=1) == 5
    assert ledger.sums("2026-10").cost_usd == 0.0
    assert ledger.sums().cost_usd == pytest.approx(22.2)


def test_lookups_read_one_line_of_a_segment(tmp_path, monkeypatch):
    """Not the calls that nobody asks for."""
    ledger = Ledger(tmp_path)
    for number in range(8):
        pay(ledger, number)
    compact(ledger, at_least=1)
    read = []
    real = ledger_segments._checked
    monkeypatch.setattr(ledger_segments, "_checked", lambda line: (read.append(line), real(line))[1])

    assert ledger.latest(call(5)).request_id == "request-5"
    assert ledger.owner("request-3", ledger.latest(call(5)))
    assert not ledger.open_entries()

    assert sum(b'"files"' in line for line in read) == 2


def test_rehearsals_and_projects_are_in_the_sums(tmp_path):
    """A rehearsal is counted apart."""
    ledger = Ledger(tmp_path)
    pay(ledger, 0, project="spot")
    pay(ledger, 1, call=call(1, "http://127.0.0.1:9"))
    compact(ledger, at_least=1)

    sums = Ledger(tmp_path).sums()
    assert (sums.jobs, sums.cost_usd, sums.rehearsals, sums.rehearsal_cost_usd) == (1, USD, 1, USD)
    assert [summary.project for summary in ledger.summaries()] == ["", "spot"]


def test_the_thousandth_attempt_is_an_attempt_as_any_other(ledger):
    """A provider that refuses a call for days, by runs that repeat it, brings a call that far."""
    first = ledger.record_intent(intention(9))
    ledger.record(first, "void", NeverMade(at=at(9), why="429", proven=True))
    first.folder.rename(first.folder.with_name("999"))

    accepted = ledger.record(ledger.record_intent(intention(9)), "accepted", Accepted(at=at(9), request_id="request-9"))

    assert (accepted.attempt, ledger.latest(call(9))) == (1000, accepted)
    assert accepted in ledger.open_entries() and ledger.find(accepted.id) == accepted
    ledger.record(accepted, "done", Done(at=at(9), file=take(9), cost_usd=USD, cost_known=True))
    before, sums = content(ledger), ledger.sums()
    compact(ledger, at_least=1)
    assert folders(ledger) == [call(4).key]
    assert (content(ledger), ledger.sums(), ledger.latest(call(9)).state) == (before, sums, "done")
    assert [entry.attempt for entry in ledger.attempts(call(9).key)] == [999, 1000]
    assert ledger.record_intent(intention(9)).attempt == 1001
