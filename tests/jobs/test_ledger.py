"""The ledger: on disk before the call, created exclusively, readable whatever became of its last write."""

from __future__ import annotations

import os
import stat
import threading
from datetime import UTC, datetime

import pytest

from react1.pipeline.core.errors import PresetError, StorageFailed
from react1.pipeline.core.file import File
from react1.pipeline.jobs import ledger as book
from react1.pipeline.jobs.ledger import AttemptExists, Ledger, read_entry, settle_accepted, settle_resubmit
from react1.pipeline.jobs.ledger_entry import Accepted, Call, Done, Failed, Intended, NeverMade, Unknown
from react1.pipeline.store import atomic

NOW = "2026-11-25T10:00:00+00:00"
CALL = Call(provider="segmind", host="https://api.segmind.com", parameters={"prompt": "sad"}, video="v" * 64, audio="")
TAKE = File(digest="a" * 64, suffix=".mp4", size_bytes=5)


def intention(call=CALL, **changes):
    told = {"at": NOW, "call": call, "nonce": "n1", "video_name": "n1.mp4", "video_url": "https://f.example/n1.mp4"}
    return Intended(**{**told, "estimate_usd": 1.5, "segment": "s01", **changes})


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path)


def test_a_call_goes_from_the_intention_to_the_take(ledger):
    """Every state is a file of its own; the entry can be read from the disk at each."""
    entry = ledger.record_intent(intention())
    assert (entry.state, entry.open, entry.request_id) == ("intended", True, "")

    entry = ledger.add(entry, "accepted", Accepted(at=NOW, request_id="r1"))
    assert (entry.state, entry.open, entry.request_id) == ("accepted", True, "r1")
    entry = ledger.add(entry, "done", Done(at=NOW, file=TAKE, cost_usd=1.4, cost_known=True))

    again = Ledger(ledger.root.parent).latest(CALL)
    assert again == entry
    assert (again.state, again.open, again.done.file, again.request_id) == ("done", False, TAKE, "r1")
    assert sorted(path.name for path in entry.folder.iterdir()) == [
        "00-intended.json",
        "01-accepted.json",
        "02-done.json",
    ]


def test_what_makes_two_calls_the_same():
    """Host, parameters and content; not where the content was uploaded to."""
    assert intention(video_url="https://other.example/x").call.key == CALL.key
    for name, value in (("provider", "sync"), ("host", "http://127.0.0.1:1"), ("video", "w" * 64), ("audio", "b" * 64)):
        assert CALL.model_copy(update={name: value}).key != CALL.key
    assert CALL.model_copy(update={"parameters": {"prompt": "happy"}}).key != CALL.key


def test_an_intention_is_on_the_disk_when_intend_comes_back(ledger, monkeypatch):
    """Content and name are synced, in this order, before anybody may send anything."""
    done = []
    real_file, real_folder, real_link = atomic.sync_file, atomic.sync_folder, os.link
    monkeypatch.setattr(atomic, "sync_file", lambda path: (done.append("file"), real_file(path)))
    monkeypatch.setattr(atomic, "sync_folder", lambda path: (done.append("folder"), real_folder(path)))
    monkeypatch.setattr(os, "link", lambda *names: (done.append("name"), real_link(*names)))

    ledger.record_intent(intention())

    assert done == ["file", "name", "folder"]


def test_of_many_that_want_the_same_call_one_begins_it(ledger):
    """Threads stand for processes: the file system decides."""
    begun, lost = [], []
    start = threading.Barrier(8)

    def want():
        start.wait()
        try:
            begun.append(ledger.record_intent(intention()))
        except AttemptExists:
            lost.append(1)

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    first = [entry for entry in begun if entry.attempt == 1]
    assert len(first) == 1
    assert len({entry.attempt for entry in begun}) == len(begun)
    assert len(begun) + len(lost) == 8


def test_a_call_is_held_by_one_process_at_a_time(ledger):
    """Until it lets go."""
    held = ledger.hold(CALL.key)

    assert ledger.hold(CALL.key) is None
    held.close()
    assert ledger.hold(CALL.key) is not None


@pytest.mark.parametrize("torn", [b"", b"{", b'{"at": "2026"}', b"\x00" * 200, b"null"])
def test_a_torn_last_write_loses_that_state_and_no_other(ledger, torn):
    """The next state gets the next number; nothing is overwritten."""
    entry = ledger.record_intent(intention())
    (entry.folder / "01-accepted.json").write_bytes(torn)

    assert ledger.latest(CALL).state == "intended"
    entry = ledger.add(ledger.latest(CALL), "unknown", Unknown(at=NOW, why="cut"))
    assert entry.state == "unknown"
    assert (entry.folder / "01-accepted.json").read_bytes() == torn
    assert (entry.folder / "02-unknown.json").exists()


@pytest.mark.parametrize("torn", [b"", b"{}", b"\xff\xfe"])
def test_an_intention_that_cannot_be_read_is_not_as_if_there_were_none(ledger, torn):
    """The call counts as unknown: nobody sends it again."""
    entry = ledger.record_intent(intention())
    (entry.folder / "00-intended.json").write_bytes(torn)

    found = ledger.latest(CALL)
    assert (found.state, found.open, found.intended) == ("unknown", True, None)
    assert ledger.find(found.id) == found


def test_a_full_disk_stops_the_call_before_it_leaves(ledger, monkeypatch):
    """And nothing stands in the ledger that would look like an intention."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(StorageFailed, match="is full"):
        ledger.record_intent(intention())
    monkeypatch.undo()

    assert ledger.latest(CALL) is None
    assert list(ledger.all()) == []


def test_room_for_the_answer_is_taken_with_the_intention(ledger):
    """So that the host's word can be written down on a disk that has filled up since."""
    entry = ledger.record_intent(intention())
    reserve = entry.folder / "reserve"

    assert reserve.stat().st_blocks * 512 >= book._RESERVE_BYTES
    ledger.add(entry, "accepted", Accepted(at=NOW, request_id="r1"))
    assert not reserve.exists()


def test_a_file_system_without_links_serves_too(ledger, monkeypatch):
    """Exclusively still."""

    def none(*_):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", none)
    entry = ledger.record_intent(intention())

    assert read_entry(entry.folder).state == "intended"
    with pytest.raises(FileExistsError):
        atomic.write_new(entry.folder / "00-intended.json", "{}")


def test_entries_are_the_users_alone(ledger):
    """Addresses in them may carry signatures."""
    entry = ledger.record_intent(intention())

    assert stat.S_IMODE((entry.folder / "00-intended.json").stat().st_mode) == 0o600
    assert "f.example" not in repr(entry)


def test_a_newer_versions_words_are_passed_over(ledger):
    """States and fields that this version does not know."""
    entry = ledger.record_intent(intention())
    text = (entry.folder / "00-intended.json").read_text().replace('"nonce"', '"new_field": 1, "nonce"')
    (entry.folder / "00-intended.json").write_text(text)
    (entry.folder / "01-pondered.json").write_text("{}")

    assert ledger.latest(CALL).state == "intended"
    assert ledger.latest(CALL).intended is not None


def test_a_failed_call_may_be_made_anew_as_another_attempt(ledger):
    """The first one stays as it was."""
    first = ledger.add(ledger.record_intent(intention()), "failed", Failed(at=NOW, error="no face", billed=False))

    second = ledger.record_intent(intention())

    assert (first.attempt, second.attempt, ledger.latest(CALL)) == (1, 2, second)
    assert [entry.state for entry in ledger.attempts(CALL.key)] == ["failed", "intended"]
    assert second.id == f"{CALL.key[:12]}.2"


def test_a_job_is_found_by_the_beginning_of_its_id(ledger):
    """Ambiguous or missing ones are told."""
    first = ledger.record_intent(intention())
    other = ledger.record_intent(intention(CALL.model_copy(update={"video": "x" * 64})))

    assert ledger.find(first.id[:6]).id == first.id
    assert ledger.find(other.id).id == other.id
    with pytest.raises(PresetError, match="there is no job 'zzz'"):
        ledger.find("zzz")
    with pytest.raises(PresetError, match="is not one job"):
        ledger.find("")


def test_a_person_may_say_that_the_host_has_it(ledger):
    """Under an id; for a call that is done there is nothing to say."""
    entry = ledger.add(ledger.record_intent(intention()), "unknown", Unknown(at=NOW, why="cut"))

    settled = settle_accepted(ledger, entry.id, "r5")

    assert (settled.state, settled.request_id, settled.accepted.how) == ("accepted", "r5", "by hand")
    ledger.add(settled, "done", Done(at=NOW, file=TAKE, cost_usd=1, cost_known=False))
    with pytest.raises(PresetError, match="is done; there is nothing to settle"):
        settle_accepted(ledger, entry.id, "r6")


def test_a_person_may_say_that_it_counts_as_never_made(ledger):
    """Once; and not for an attempt that has a later one, nor while a process follows it."""
    entry = ledger.record_intent(intention())
    held = ledger.hold(CALL.key)
    with pytest.raises(PresetError, match="a process that is running follows job"):
        settle_resubmit(ledger, entry.id)
    held.close()

    assert settle_resubmit(ledger, entry.id).state == "void"
    assert ledger.is_never_made(entry.id)
    with pytest.raises(PresetError, match="already"):
        settle_resubmit(ledger, entry.id)
    ledger.record_intent(intention())
    with pytest.raises(PresetError, match="made anew since"):
        settle_resubmit(ledger, entry.id)


def test_a_state_that_cannot_be_read_back_is_told(ledger):
    """And not written again and again."""
    entry = ledger.record_intent(intention())

    with pytest.raises(StorageFailed, match="cannot be read back"):
        ledger.add(entry, "done", Done(at=NOW, file=TAKE, cost_usd=float("inf"), cost_known=True))


def test_attempts_are_numbered_from_the_highest(ledger):
    """Though somebody has removed the first one."""
    import shutil

    first = ledger.record_intent(intention())
    ledger.record_intent(intention())
    shutil.rmtree(first.folder)

    assert ledger.record_intent(intention()).attempt == 3


def test_a_disk_that_has_become_read_only_is_told_as_such(ledger, monkeypatch):
    """The room that was taken cannot even be given back."""
    entry = ledger.record_intent(intention())

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with pytest.raises(StorageFailed, match="Read-only"):
        ledger.add(entry, "accepted", Accepted(at=NOW, request_id="r1"))


def test_strange_names_are_never_void(ledger):
    """A stored take of another origin has none."""
    ledger.add(ledger.record_intent(intention()), "void", NeverMade(at=NOW, why="x"))

    assert [ledger.is_never_made(name) for name in ("", ".", "*.1", "a.b", "../x.1")] == [False] * 5


def test_the_time_of_an_entry_is_spelled_so_that_it_can_be_read_back():
    """ISO 8601 with its zone."""
    assert datetime.fromisoformat(intention().at) == datetime(2026, 11, 25, 10, tzinfo=UTC)
