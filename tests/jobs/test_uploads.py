"""The same bytes are sent once per lifetime of their address, and removed when nobody needs them."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from clocks import FakeClock

from react1.pipeline.core.errors import PresetError, ProviderError
from react1.pipeline.core.file import File
from react1.pipeline.jobs.uploads import Uploads
from react1.pipeline.storage.upload_storage import StoredUpload


class Shed:
    """A storage that notes what comes and goes."""

    name = "shed"

    def __init__(self, clock, lasts_s=7200, place=True) -> None:
        self.clock, self.duration_s, self.key = clock, lasts_s, place
        self.sent: list[str] = []
        self.there: list[str] = []
        self.locked = False
        self.fails = 0

    async def put(self, path, nonce, suffix, progress):
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise ProviderError("no room")
        name = f"{nonce}{suffix}"
        self.sent.append(name)
        self.there.append(name)
        progress(1.0)
        until = None if self.duration_s is None else self.clock.now() + timedelta(seconds=self.duration_s)
        return StoredUpload(f"https://shed.example/{name}?sig=s1gn", name, until, name if self.key else "")

    async def delete(self, stored):
        if self.locked:
            raise ProviderError(f"{stored.name} is locked")
        self.there.remove(stored.key)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def shed(clock):
    return Shed(clock)


@pytest.fixture
def run(tmp_path, clock, shed):
    """A new run each time: what it knows is on disk."""

    def begin(**more):
        return Uploads(tmp_path, shed, **{"where": "a", "now": clock.now, "margin_s": 600} | more)

    return begin


def file_of(content, suffix=".mp4"):
    return File(digest=hashlib.sha256(content.encode()).hexdigest(), suffix=suffix, size_bytes=len(content))


FILM, VOICE = file_of("film"), file_of("voice", ".wav")


def send(uploads, *files, path, **more):
    async def all_of_them():
        return await asyncio.gather(*(uploads.send(file, path, lambda _: None, **more) for file in files))

    return asyncio.run(all_of_them())


def clear(uploads, *in_use):
    return asyncio.run(uploads.clear(in_use.__contains__))


def notes(tmp_path):
    return sorted(tmp_path.glob("uploads/*/*.json"))


def change_note(tmp_path, **told):
    (note,) = notes(tmp_path)
    note.write_text(json.dumps(json.loads(note.read_text()) | told))


def test_the_same_bytes_are_sent_once(run, shed, tmp_path):
    """By two segments at once, and by two runs; other bytes are other files."""
    first = run()
    one, two, voice = send(first, FILM, FILM, VOICE, path=tmp_path)
    (again,) = send(run(), FILM, path=tmp_path)

    assert one == two == again
    assert (voice.name.endswith(".wav"), voice.url) != (True, one.url)
    assert len(shed.sent) == 2


def test_an_address_that_expires_too_soon_is_renewed(run, shed, clock, tmp_path):
    """At the margin, not when it is too late."""
    send(run(), FILM, path=tmp_path)
    clock.at += timedelta(seconds=6599)
    send(run(), FILM, path=tmp_path)
    assert len(shed.sent) == 1

    clock.at += timedelta(seconds=1)
    send(run(), FILM, path=tmp_path)

    assert len(shed.sent) == 2


def test_an_address_that_tells_no_expiry_is_believed_for_a_day(run, shed, clock, tmp_path):
    """Less the margin."""
    shed.duration_s = None
    send(run(), FILM, path=tmp_path)
    clock.at += timedelta(days=1, seconds=-601)
    send(run(), FILM, path=tmp_path)
    assert len(shed.sent) == 1

    clock.at += timedelta(seconds=1)
    send(run(), FILM, path=tmp_path)

    assert len(shed.sent) == 2


def test_a_fresh_address_has_another_name(run, shed, tmp_path):
    """Which is the one that is given from then on; both are removed in the end."""
    uploads = run()
    (one,), (two,) = send(uploads, FILM, path=tmp_path), send(uploads, FILM, path=tmp_path, fresh=True)

    assert one.name != two.name
    assert send(uploads, FILM, path=tmp_path) == [two]
    assert clear(uploads) == []
    assert shed.there == []
    assert notes(tmp_path) == []


def test_another_place_of_the_same_kind_is_another_one(run, shed, tmp_path):
    """Another bucket has not got the file."""
    send(run(), FILM, path=tmp_path)
    send(run(where="b"), FILM, path=tmp_path)

    assert len(shed.sent) == 2


def test_a_failed_upload_leaves_the_next_one_free(run, shed, tmp_path):
    """Of two that wait for the same one, the second sends it."""
    shed.fails = 1

    async def both():
        uploads = run()
        sending = (uploads.send(FILM, tmp_path, lambda _: None) for _ in range(2))
        return await asyncio.gather(*sending, return_exceptions=True)

    failed, stored = asyncio.run(both())

    assert isinstance(failed, ProviderError)
    assert shed.sent == [stored.name]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"address": "https://a.example/x"}', "\xff"])
def test_a_note_that_cannot_be_read_counts_as_none(run, shed, tmp_path, text):
    """The file is sent again, and the note is whole again."""
    send(run(), FILM, path=tmp_path)
    notes(tmp_path)[0].write_text(text, encoding="latin-1")

    send(run(), FILM, path=tmp_path)
    send(run(), FILM, path=tmp_path)

    assert len(shed.sent) == 2


def test_a_note_is_the_users_alone(run, tmp_path):
    """It holds a signature; what is logged of it does not."""
    (stored,) = send(run(), FILM, path=tmp_path)

    (note,) = notes(tmp_path)
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert "s1gn" in note.read_text()
    assert "s1gn" not in repr(stored)


def test_after_the_run_its_files_are_removed(run, shed, tmp_path):
    """The note goes with the file, so that nobody is sent to where nothing is."""
    uploads = run()
    send(uploads, FILM, VOICE, path=tmp_path)

    assert clear(uploads) == []

    assert shed.there == []
    assert list(tmp_path.glob("uploads/*/*")) == []


def test_what_a_job_still_needs_stays_until_a_later_run(run, shed, tmp_path):
    """Also when that one has used nothing of it: a run that was killed cannot clear up."""
    first = run()
    film, voice = send(first, FILM, VOICE, path=tmp_path)

    clear(first, film.name)
    assert shed.there == [film.name]
    later = run()
    assert send(later, FILM, path=tmp_path) == [film]
    clear(later)

    assert shed.there == []
    assert voice.name in shed.sent


def test_a_run_that_keeps_its_files_removes_none_and_loses_none_to_others(run, shed, tmp_path):
    """Those that it found are kept too."""
    other, keeping = run(), run(keep=True)
    (film,) = send(other, FILM, path=tmp_path)
    film_again, voice = send(keeping, FILM, VOICE, path=tmp_path)

    assert clear(keeping) == clear(other) == clear(run()) == []

    assert film == film_again
    assert sorted(shed.there) == sorted([film.name, voice.name])
    assert send(run(), FILM, VOICE, path=tmp_path) == [film, voice]


def test_a_run_that_keeps_its_files_leaves_those_of_others_alone(run, shed, tmp_path):
    """What another could not remove is removed by the next one that removes anything."""
    other, keeping = run(), run(keep=True)
    (film,) = send(other, FILM, path=tmp_path)
    shed.locked = True
    clear(other)
    shed.locked = False
    (voice,) = send(keeping, VOICE, path=tmp_path)

    assert clear(keeping) == []
    assert shed.there == [film.name, voice.name]
    assert clear(run()) == []
    assert shed.there == [voice.name]


def test_what_another_run_keeps_in_the_last_moment_stays(run, shed, tmp_path):
    """Its note is read again before it is removed."""
    uploads = run()
    film, _ = send(uploads, FILM, VOICE, path=tmp_path)

    def in_use(_name):
        with ThreadPoolExecutor(1) as beside:  # a loop of its own
            beside.submit(send, run(keep=True), FILM, path=tmp_path).result()
        return False

    assert asyncio.run(uploads.clear(in_use)) == []

    assert shed.there == [film.name]


def test_what_cannot_be_removed_is_told_and_tried_by_the_next_run(run, shed, tmp_path):
    """In one line; it is given to nobody meanwhile."""
    uploads = run()
    (film,) = send(uploads, FILM, path=tmp_path)
    shed.locked = True

    (line,) = clear(uploads)
    assert line == f"{film.name} is locked; remove {film.name} there yourself, or let the next run do so"
    shed.locked = False
    later = run()
    assert send(later, FILM, path=tmp_path) != [film]
    assert clear(later) == []

    assert shed.there == []


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_note_of_a_day_beyond_all_days_counts_as_none(run, shed, tmp_path, moment):
    """The file is sent again."""
    shed.duration_s = None
    send(run(), FILM, path=tmp_path)
    change_note(tmp_path, sent_at=moment)

    send(run(), FILM, path=tmp_path)

    assert len(shed.sent) == 2


@pytest.mark.parametrize("name", ["a/b", "../a", "a\\b", "a\0b", "", "a" * 300])
def test_a_note_whose_name_no_file_can_have_counts_as_none(run, shed, tmp_path, name):
    """Nobody is given its address, and nothing is made of its name."""
    send(run(), FILM, path=tmp_path)
    change_note(tmp_path, name=name)
    uploads = run()

    assert clear(uploads) == []
    send(uploads, FILM, path=tmp_path)

    assert len(shed.sent) == 2


@pytest.mark.parametrize("step", ["replace", "unlink"])
def test_on_a_disk_that_takes_nothing_any_more_what_is_left_is_told(run, shed, tmp_path, monkeypatch, step):
    """In one line for each file, after everything is paid; the next run finds the notes."""
    uploads = run()
    film, voice = send(uploads, FILM, VOICE, path=tmp_path)

    def refuse(*_args, **_more):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as disk:
        disk.setattr(Path, step, refuse)
        lines = clear(uploads)

    assert len(lines) == 2
    assert all("is not writable (Read-only file system)" in line and "\n" not in line for line in lines)
    assert sorted(shed.there) == (sorted([film.name, voice.name]) if step == "replace" else [])
    assert len(notes(tmp_path)) == 2


def test_where_the_storage_cannot_be_used_any_more_that_is_told(run, shed, tmp_path, monkeypatch):
    """Its settings may have changed since the file was sent."""
    uploads = run()
    (film,) = send(uploads, FILM, path=tmp_path)

    async def delete(_stored):
        raise PresetError("storage shed needs a key")

    monkeypatch.setattr(shed, "delete", delete)

    assert clear(uploads) == [f"storage shed needs a key; remove {film.name} there yourself, or let the next run do so"]


def test_where_nothing_can_be_removed_nothing_is_tried(run, shed, tmp_path):
    """The note serves the next run."""
    shed.key = False
    uploads = run()
    (film,) = send(uploads, FILM, path=tmp_path)

    assert clear(uploads) == []

    assert send(run(), FILM, path=tmp_path) == [film]


HELD = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from react1.pipeline.core.file import File
from react1.pipeline.jobs.uploads import Uploads

class Shed:
    name = "shed"

uploads = Uploads(Path(sys.argv[1]), Shed(), where="a", now=lambda: datetime.fromisoformat(sys.argv[2]), margin_s=600)
file = File.model_validate_json(sys.argv[3])
print(asyncio.run(uploads.send(file, Path(), lambda _: None)).name, flush=True)
sys.stdin.read()
"""


def test_nothing_is_removed_under_the_hands_of_another_process(run, shed, clock, tmp_path):
    """It has been given an address, and may be about to send a call with it; when it is killed, it needs it no more."""
    uploads = run()
    (film,) = send(uploads, FILM, path=tmp_path)
    argv = [sys.executable, "-c", HELD, tmp_path, clock.now().isoformat(), FILM.model_dump_json()]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline().strip() == film.name
        assert clear(uploads) == []
        assert shed.there == [film.name]
        other.kill()

    assert clear(run()) == []
    assert shed.there == []


def test_a_bucket_gets_a_film_once_and_is_empty_in_the_end(tmp_path, clock):
    """At a real S3 server: one PUT for two runs, then none of it is left."""
    pytest.importorskip("moto", reason="the S3 server of the tests is not installed")
    pytest.importorskip("obstore", reason="the extra s3 is not installed")
    from bucket import opened

    from react1.pipeline.storage.s3 import S3Storage

    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    with opened() as bucket:

        def begin():
            there = S3Storage(lifetime_s=3600, environ=bucket.environ, now=clock.now)
            return Uploads(tmp_path / "home", there, where="a", now=clock.now, margin_s=600)

        first, second = begin(), begin()
        (one,), (two,) = send(first, FILM, FILM, path=film)[:1], send(second, FILM, path=film)

        assert one == two
        assert bucket.times("PUT") == 1
        assert httpx.get(two.url, trust_env=False).content == b"film"
        assert clear(first) == []
        assert bucket.names() == [one.key]
        assert clear(second) == []
        assert bucket.names() == []
        assert notes(tmp_path / "home") == []
