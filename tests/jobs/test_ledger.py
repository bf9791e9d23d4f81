"""The ledger is on disk before a submit, created exclusively, and readable even if its last write was cut off."""

from __future__ import annotations

import json
import os
import re
import stat
import threading
from datetime import UTC, datetime

import pytest

from react1.pipeline.core.errors import PresetError, StorageFailed
from react1.pipeline.core.file import File
from react1.pipeline.jobs import ledger as ledger_module
from react1.pipeline.jobs.ledger import AttemptExists, Ledger
from react1.pipeline.jobs.ledger_entry import (
    Accepted,
    Call,
    Done,
    Failed,
    Intended,
    NeverMade,
    Unknown,
    format_record,
    parse_record,
)
from react1.pipeline.jobs.settle import settle_accepted, settle_charge, settle_resubmit
from react1.pipeline.store import atomic
from react1.pipeline.store.keys import digest

NOW = "2026-11-25T10:00:00+00:00"
CALL = Call(provider="segmind", host="https://api.segmind.com", parameters={"prompt": "sad"}, video="v" * 64, audio="")
TAKE = File(digest="a" * 64, suffix=".mp4", size_bytes=5)


def intention(call=CALL, **changes):
    fields = {"at": NOW, "call": call, "nonce": "n1", "video_name": "n1.mp4", "video_url": "https://f.example/n1.mp4"}
    return Intended(**{**fields, "estimate_usd": 1.5, "segment": "s01", **changes})


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path)


def test_call_goes_from_intention_to_take(ledger):
    """Every state is a file of its own; the entry can be read from disk at each."""
    entry = ledger.record_intent(intention())
    assert (entry.state, entry.open, entry.request_id) == ("intended", True, "")

    entry = ledger.record(entry, "accepted", Accepted(at=NOW, request_id="r1"))
    assert (entry.state, entry.open, entry.request_id) == ("accepted", True, "r1")
    entry = ledger.record(entry, "done", Done(at=NOW, file=TAKE, cost_usd=1.4, cost_known=True))

    again = Ledger(ledger.root.parent).latest(CALL)
    assert again == entry
    assert (again.state, again.open, again.done.file, again.request_id) == ("done", False, TAKE, "r1")
    assert sorted(path.name for path in entry.folder.iterdir()) == [
        "00-intended.json",
        "01-accepted.json",
        "02-done.json",
    ]


def test_call_is_identified_by_provider_parameters_and_content():
    """Not by where the content was uploaded to."""
    assert intention(video_url="https://other.example/x").call.key == CALL.key
    for name, value in (("provider", "sync"), ("host", "http://127.0.0.1:1"), ("video", "w" * 64), ("audio", "b" * 64)):
        assert CALL.model_copy(update={name: value}).key != CALL.key
    assert CALL.model_copy(update={"parameters": {"prompt": "happy"}}).key != CALL.key


def test_intention_is_on_disk_when_it_is_recorded(ledger, monkeypatch):
    """Content, then name, then folder are synced before anything may be sent."""
    synced = []
    real_file, real_folder, real_link = atomic.sync_file, atomic.sync_folder, os.link
    monkeypatch.setattr(atomic, "sync_file", lambda path: (synced.append("file"), real_file(path)))
    monkeypatch.setattr(atomic, "sync_folder", lambda path: (synced.append("folder"), real_folder(path)))
    monkeypatch.setattr(os, "link", lambda *names: (synced.append("name"), real_link(*names)))

    ledger.record_intent(intention())

    assert synced == ["file", "name", "folder"]


def test_one_of_many_concurrent_attempts_wins(ledger):
    """Threads stand for processes: the file system decides."""
    started, refused = [], []
    start = threading.Barrier(8)

    def attempt():
        start.wait()
        try:
            started.append(ledger.record_intent(intention()))
        except AttemptExists:
            refused.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    first = [entry for entry in started if entry.attempt == 1]
    assert len(first) == 1
    assert len({entry.attempt for entry in started}) == len(started)
    assert len(started) + len(refused) == 8


def test_call_is_locked_by_one_process_at_a_time(ledger):
    """Until it releases the lock."""
    lock = ledger.lock(CALL.key)

    assert ledger.lock(CALL.key) is None
    lock.close()
    assert ledger.lock(CALL.key) is not None


@pytest.mark.parametrize("torn", [b"", b"{", b'{"at": "2026"}', b"\x00" * 200, b"null"])
def test_truncated_last_write_loses_that_state_only(ledger, torn):
    """The next state gets the next number; nothing is overwritten."""
    entry = ledger.record_intent(intention())
    (entry.folder / "01-accepted.json").write_bytes(torn)

    assert ledger.latest(CALL).state == "intended"
    entry = ledger.record(ledger.latest(CALL), "unknown", Unknown(at=NOW, why="cut"))
    assert entry.state == "unknown"
    assert (entry.folder / "01-accepted.json").read_bytes() == torn
    assert (entry.folder / "02-unknown.json").exists()


@pytest.mark.parametrize("torn", [b"", b"{}", b"\xff\xfe"])
def test_unreadable_intention_counts_as_unknown(ledger, torn):
    """So the call is not submitted again."""
    entry = ledger.record_intent(intention())
    (entry.folder / "00-intended.json").write_bytes(torn)

    entry = ledger.latest(CALL)
    assert (entry.state, entry.open, entry.intended) == ("unknown", True, None)
    assert ledger.find(entry.id) == entry


@pytest.mark.parametrize("state", ["", "accepted", "unknown", "done"])
def test_lost_intention_does_not_free_the_call(ledger, state):
    """Any file of an attempt holds the call: what its states say, or unknown."""
    entry = ledger.record_intent(intention())
    records = {"accepted": Accepted(at=NOW, request_id="r1"), "unknown": Unknown(at=NOW, why="cut")}
    records["done"] = Done(at=NOW, file=TAKE, cost_usd=1, cost_known=True)
    if state:
        ledger.record(entry, state, records[state])
    (entry.folder / "00-intended.json").unlink()

    entry = ledger.latest(CALL)

    assert (entry.state, entry.intended, entry.open) == (state or "unknown", None, state != "done")
    assert ledger.find(entry.id) == entry
    assert ledger.record_intent(intention()).attempt == 2


@pytest.mark.parametrize("request_id", ["", " r1", "a\nb", "..", "x" * 300, "é"])
def test_damaged_request_id_makes_the_state_unreadable(ledger, request_id):
    """The provider is asked again, by its history."""
    entry = ledger.record(ledger.record_intent(intention()), "accepted", Accepted(at=NOW, request_id="r1"))
    path = entry.folder / "01-accepted.json"
    path.write_text(json.dumps({"at": NOW, "request_id": request_id}))

    entry = ledger.latest(CALL)

    assert (entry.state, entry.request_id, entry.unreadable) == ("intended", "", ("01-accepted.json",))


def test_unfinished_files_are_swept_unless_a_process_works_on_the_call(ledger):
    """They stem from processes that were killed; one that is the only trace of an attempt stays."""
    entry = ledger.record_intent(intention())
    part = entry.folder / ".01-accepted.json.7-1.part"
    unnamed = entry.folder.parent / "002" / ".00-intended.json.7-2.part"
    only_trace = entry.folder.parent / "003" / ".01-accepted.json.7-3.part"
    reserve = entry.folder.parent / ".reserve.7-4.part"
    for path in (part, unnamed, only_trace, reserve):
        path.parent.mkdir(exist_ok=True)
        path.write_text("{")
    assert [attempt.attempt for attempt in ledger.attempts(CALL.key)] == [1, 3]

    lock = ledger.lock(CALL.key)
    ledger.sweep()
    assert part.exists()
    lock.close()
    ledger.sweep()

    assert [path.exists() for path in (part, unnamed, reserve, only_trace)] == [False, False, False, True]
    assert [attempt.state for attempt in ledger.attempts(CALL.key)] == ["intended", "unknown"]


def test_request_id_of_another_call_cannot_be_settled(ledger):
    """One job is one call; the same id at another host is another job."""
    first = ledger.record(ledger.record_intent(intention()), "accepted", Accepted(at=NOW, request_id="r1"))
    second = ledger.record_intent(intention(CALL.model_copy(update={"video": "x" * 64})))
    elsewhere = ledger.record_intent(intention(CALL.model_copy(update={"host": "http://127.0.0.1:1"})))

    with pytest.raises(PresetError, match=f"r1 is the request id of job {first.id}"):
        settle_accepted(ledger, second.id, "r1")
    assert settle_accepted(ledger, elsewhere.id, "r1").request_id == "r1"


def test_damage_to_any_byte_of_a_record_is_noticed():
    """It never passes for another URL, ID or amount; a record without a checksum is of an earlier version."""
    record = Accepted(at=NOW, request_id="5c0f", how="history")
    data = format_record(record).encode()

    for place in range(len(data)):
        for bit in (0x01, 0x10, 0x20):
            damaged = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
            try:
                parsed = parse_record(damaged, Accepted)
            except ValueError:
                continue
            assert parsed == record, damaged
    assert parse_record(record.model_dump_json().encode(), Accepted) == record


def test_full_disk_stops_a_call_before_it_is_sent(ledger, monkeypatch):
    """And the ledger has nothing that looks like an intention."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(StorageFailed, match="is full"):
        ledger.record_intent(intention())
    monkeypatch.undo()

    assert ledger.latest(CALL) is None
    assert list(ledger.entries()) == []


def test_disk_space_for_the_response_is_reserved_with_the_intention(ledger):
    """So the response can be recorded on a disk that has filled up since."""
    entry = ledger.record_intent(intention())
    reserve = entry.folder / "reserve"

    assert reserve.stat().st_blocks * 512 >= ledger_module._RESERVE_BYTES
    ledger.record(entry, "accepted", Accepted(at=NOW, request_id="r1"))
    assert not reserve.exists()


def test_file_system_without_hard_links_works(ledger, monkeypatch):
    """Creation is exclusive there too."""

    def refuse_link(*_):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse_link)
    entry = ledger.record_intent(intention())

    assert ledger.read(entry.key, entry.attempt).state == "intended"
    with pytest.raises(FileExistsError):
        atomic.write_new(entry.folder / "00-intended.json", "{}")


def test_entries_are_readable_by_the_user_only(ledger):
    """URLs in them may contain signatures."""
    entry = ledger.record_intent(intention())

    assert stat.S_IMODE((entry.folder / "00-intended.json").stat().st_mode) == 0o600
    assert "f.example" not in repr(entry)


def test_states_and_fields_of_a_newer_version_are_ignored(ledger):
    """The known ones are still read."""
    entry = ledger.record_intent(intention())
    body = json.loads((entry.folder / "00-intended.json").read_text()) | {"new_field": 1}
    del body["check"]
    (entry.folder / "00-intended.json").write_text(json.dumps({**body, "check": digest(body)}))
    (entry.folder / "01-pondered.json").write_text("{}")

    assert ledger.latest(CALL).state == "intended"
    assert ledger.latest(CALL).intended is not None


def test_failed_call_gets_another_attempt(ledger):
    """The first one stays unchanged."""
    first = ledger.record(ledger.record_intent(intention()), "failed", Failed(at=NOW, error="no face", billed=False))

    second = ledger.record_intent(intention())

    assert (first.attempt, second.attempt, ledger.latest(CALL)) == (1, 2, second)
    assert [entry.state for entry in ledger.attempts(CALL.key)] == ["failed", "intended"]
    assert second.id == f"{CALL.key[:12]}.2"


def test_a_failure_that_was_billed_has_cost_its_estimate_also_when_it_is_paid_for_again(ledger):
    """What was charged is not undone by a person's statement that the job does not count."""
    failed = ledger.record(ledger.record_intent(intention()), "failed", Failed(at=NOW, error="no face", billed=True))
    settle_resubmit(ledger, failed.id)

    assert ledger.sums().cost_usd == failed.cost_usd == failed.intended.estimate_usd > 0


@pytest.mark.parametrize(("billed", "counts"), [(True, True), (None, True), (False, False)])
def test_a_failure_that_may_have_been_billed_counts_in_the_sums(ledger, billed, counts):
    """For the month, too, whose budget an unclear call must not exceed; also once it is settled."""
    entry = ledger.record(ledger.record_intent(intention()), "failed", Failed(at=NOW, error="no face", billed=billed))
    expected = entry.intended.estimate_usd if counts else 0.0

    assert (entry.cost_usd, ledger.sums().cost_usd, ledger.sums(NOW[:7]).cost_usd) == (expected,) * 3
    if counts:
        assert settle_resubmit(ledger, entry.id).cost_usd == expected > 0


@pytest.mark.parametrize("billed", [True, None, False])
@pytest.mark.parametrize("usd", [0.0, 0.3])
def test_what_a_person_states_that_a_failure_was_charged_counts_in_place_of_the_estimate(ledger, billed, usd):
    """A state is added, none is changed; one that was not billed is submitted again by the next run."""
    entry = ledger.record(ledger.record_intent(intention()), "failed", Failed(at=NOW, error="no face", billed=billed))
    before = {path.name: path.read_bytes() for path in entry.folder.iterdir()}

    settled = settle_charge(ledger, entry.id, usd)

    assert (settled.state, settled.failed.error, settled.failed.how) == ("failed", "no face", "by hand")
    assert (settled.cost_usd, ledger.sums().cost_usd, ledger.sums(NOW[:7]).cost_usd) == (usd,) * 3
    assert (settled.cost_known, settled.charged_failure is None) == (True, usd == 0)
    assert {path.name: path.read_bytes() for path in entry.folder.iterdir()}.items() > before.items()
    assert settle_resubmit(ledger, entry.id).cost_usd == ledger.sums().cost_usd == usd
    assert settle_charge(ledger, entry.id, 0.7).cost_usd == 0.7


def test_a_failure_that_was_submitted_again_can_still_be_settled(ledger):
    """Nothing changes for the later attempt, and the earlier one stays void."""
    failed = ledger.record(ledger.record_intent(intention()), "failed", Failed(at=NOW, error="no face"))
    settle_resubmit(ledger, failed.id)
    later = ledger.record_intent(intention())

    settled = settle_charge(ledger, failed.id, 0.0)

    assert (settled.state, settled.cost_usd, settled.cost_known) == ("void", 0.0, True)
    assert ledger.latest(CALL) == later
    assert ledger.sums().cost_usd == 0


def test_only_failures_that_nobody_works_on_are_settled_as_billed_or_not(ledger):
    """What may still have a job or was never made has no charge to state."""
    entry = ledger.record_intent(intention())
    lock = ledger.lock(CALL.key)
    with pytest.raises(PresetError, match="is in use by a running process"):
        settle_charge(ledger, entry.id, 0.0)
    lock.close()
    with pytest.raises(PresetError, match="is intended, not ended; use --accepted REQUEST_ID or --resubmit"):
        settle_charge(ledger, entry.id, 0.0)
    refused = ledger.record(entry, "void", NeverMade(at=NOW, why="400", proven=True))
    with pytest.raises(PresetError, match="was never made"):
        settle_charge(ledger, refused.id, 0.3)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("usd", [0.0, 0.3])
def test_what_a_person_states_that_a_take_was_charged_counts_and_the_take_stays(ledger, known, usd):
    """Also once another take is to be paid for; what that one costs is its own."""
    done = Done(at=NOW, file=TAKE, cost_usd=1, cost_known=known, request_id="r1")
    paid = ledger.record(ledger.record_intent(intention()), "done", done)

    settled = settle_charge(ledger, paid.id, usd)

    assert (settled.state, settled.done.file, settled.request_id) == ("done", TAKE, "r1")
    assert (settled.cost_usd, settled.cost_known, settled.done.how) == (usd, True, "by hand")
    assert settle_resubmit(ledger, paid.id).cost_usd == ledger.sums(NOW[:7]).cost_usd == usd
    assert settle_charge(ledger, paid.id, 0.7).cost_usd == ledger.sums().cost_usd == 0.7
    assert ledger.latest(CALL).state == "void"


def test_a_job_that_was_settled_and_then_found_costs_what_its_take_does(ledger):
    """A statement about the failure says nothing about the take."""
    failed = ledger.record(ledger.record_intent(intention()), "failed", Failed(at=NOW, error="no face"))
    settle_charge(ledger, failed.id, 0.2)
    settle_accepted(ledger, failed.id, "r1")

    done = ledger.record(failed, "done", Done(at=NOW, file=TAKE, cost_usd=1, cost_known=True))

    assert (done.cost_usd, done.charged_usd) == (1, None)


def test_a_call_that_bills_by_itself_and_was_cut_short_can_be_settled_as_billed(ledger):
    """Each attempt is a bill of its own, so an earlier one too."""
    own = intention(call=Call.of_node("ink", "k" * 64))
    first, second = ledger.record_intent(own), ledger.record_intent(own)

    assert (settle_charge(ledger, first.id, 0.4).cost_usd, settle_charge(ledger, second.id, 0.0).cost_usd) == (0.4, 0)
    assert [entry.state for entry in ledger.attempts(own.call.key)] == ["failed", "failed"]
    assert ledger.sums().cost_usd == 0.4


def test_one_of_two_people_who_settle_at_once_waits_or_is_refused(ledger):
    """Both statements are complete, and the last one counts."""
    entry = ledger.record(ledger.record_intent(intention()), "failed", Failed(at=NOW, error="no face"))
    results = []

    def settle(usd):
        try:
            results.append(settle_charge(ledger, entry.id, usd).charged_usd)
        except PresetError as error:
            results.append(str(error))

    threads = [threading.Thread(target=settle, args=(usd,)) for usd in (0.1, 0.2, 0.3, 0.4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    stated = [usd for usd in results if isinstance(usd, float)]
    assert stated and all("is in use by a running process" in text for text in results if isinstance(text, str))
    entry = ledger.latest(CALL)
    assert not entry.unreadable and len(entry.records) == 2 + len(stated)
    assert ledger.sums().cost_usd == entry.charged_usd in stated


def test_job_is_found_by_the_beginning_of_its_id(ledger):
    """An ambiguous or missing id is refused."""
    first = ledger.record_intent(intention())
    other = ledger.record_intent(intention(CALL.model_copy(update={"video": "x" * 64})))

    assert ledger.find(first.id[:6]).id == first.id
    assert ledger.find(other.id).id == other.id
    for missing in ("zzz", "/etc/passwd", "../..", "**", "["):
        with pytest.raises(PresetError, match=re.escape(f"there is no job {missing!r}")):
            ledger.find(missing)
    with pytest.raises(PresetError, match="is ambiguous"):
        ledger.find("")


def test_person_can_settle_a_job_as_accepted(ledger):
    """Under a request id; a finished job has nothing to settle."""
    entry = ledger.record(ledger.record_intent(intention()), "unknown", Unknown(at=NOW, why="cut"))

    settled = settle_accepted(ledger, entry.id, "r5")

    assert (settled.state, settled.request_id, settled.accepted.how) == ("accepted", "r5", "by hand")
    ledger.record(settled, "done", Done(at=NOW, file=TAKE, cost_usd=1, cost_known=False))
    with pytest.raises(PresetError, match="is done; there is nothing to settle"):
        settle_accepted(ledger, entry.id, "r6")


def test_call_of_a_node_that_bills_by_itself_cannot_be_settled_as_accepted(ledger):
    """No run would follow it, and it would count for ever."""
    entry = ledger.record_intent(intention(call=Call.of_node("ink", "k" * 64)))

    with pytest.raises(PresetError, match="ink bills by itself, so no run follows its job; use --resubmit"):
        settle_accepted(ledger, entry.id, "r5")


def test_person_can_settle_a_job_as_never_made(ledger):
    """Once; not for an attempt that has a later one, nor while a process works on the call."""
    entry = ledger.record_intent(intention())
    lock = ledger.lock(CALL.key)
    with pytest.raises(PresetError, match="is in use by a running process"):
        settle_resubmit(ledger, entry.id)
    lock.close()

    assert settle_resubmit(ledger, entry.id).state == "void"
    assert ledger.is_never_made(entry.id, "") and not ledger.is_never_made(entry.id, "another-home's")
    with pytest.raises(PresetError, match="already"):
        settle_resubmit(ledger, entry.id)
    ledger.record_intent(intention())
    with pytest.raises(PresetError, match="has a later attempt"):
        settle_resubmit(ledger, entry.id)


def test_state_that_cannot_be_read_back_is_an_error(ledger):
    """It is not written again and again."""
    entry = ledger.record_intent(intention())

    with pytest.raises(StorageFailed, match="cannot be read back"):
        ledger.record(entry, "done", Done(at=NOW, file=TAKE, cost_usd=float("inf"), cost_known=True))


def test_attempts_are_numbered_from_the_highest(ledger):
    """Even if the first one was removed."""
    import shutil

    first = ledger.record_intent(intention())
    ledger.record_intent(intention())
    shutil.rmtree(first.folder)

    assert ledger.record_intent(intention()).attempt == 3


def test_read_only_disk_is_an_error(ledger, monkeypatch):
    """The reserved space cannot even be released."""
    entry = ledger.record_intent(intention())

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with pytest.raises(StorageFailed, match="Read-only"):
        ledger.record(entry, "accepted", Accepted(at=NOW, request_id="r1"))


def test_malformed_job_ids_are_not_in_the_ledger(ledger):
    """A stored take of another origin has no job id."""
    ledger.record(ledger.record_intent(intention()), "void", NeverMade(at=NOW, why="x"))

    assert [ledger.is_never_made(name, "") for name in ("", ".", "*.1", "a.b", "../x.1")] == [False] * 5


def test_time_of_an_entry_can_be_parsed():
    """ISO 8601 with its time zone."""
    assert datetime.fromisoformat(intention().at) == datetime(2026, 11, 25, 10, tzinfo=UTC)


def test_only_attempts_with_new_files_are_read_again(ledger, monkeypatch):
    """What another process writes is seen, and nothing else is read, however often all calls are asked for."""
    entries = [ledger.record_intent(intention(CALL.model_copy(update={"video": name * 64}))) for name in "vwx"]
    assert ledger.owner("r1", entries[0]) == ""
    read = []
    real = ledger_module.read_files
    monkeypatch.setattr(ledger_module, "read_files", lambda folder: (read.append(folder), real(folder))[1])
    assert ledger.owner("r1", entries[0]) == "" and read == []

    other = Ledger(ledger.root.parent)
    other.record(entries[1], "accepted", Accepted(at=NOW, request_id="r1"))
    read.clear()
    assert ledger.owner("r1", entries[0]) == entries[1].id
    assert read == [entries[1].folder]
    assert ledger.owner("r1", entries[1]) == ""  # its own
