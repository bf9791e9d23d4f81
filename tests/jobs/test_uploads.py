"""A file is uploaded once per lifetime of its URL, and removed when no job needs it."""

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
from react1.pipeline.jobs.connection import open_uploads
from react1.pipeline.jobs.uploads import UploadIndex, Uploads
from react1.pipeline.net.http_pool import HttpPool
from react1.pipeline.providers.fal.client import fal
from react1.pipeline.storage.upload_storage import StoredUpload


class RecordingStorage:
    """A storage that records what is uploaded and removed."""

    name = "storage"

    def __init__(self, clock, lifetime_s=7200, removable=True) -> None:
        self.clock, self.lifetime_s, self.removable = clock, lifetime_s, removable
        self.uploaded: list[str] = []
        self.present: list[str] = []
        self.locked = False
        self.failures = 0

    async def put(self, path, nonce, suffix, progress):
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ProviderError("no space")
        name = f"{nonce}{suffix}"
        self.uploaded.append(name)
        self.present.append(name)
        progress(1.0)
        expires_at = None if self.lifetime_s is None else self.clock.now() + timedelta(seconds=self.lifetime_s)
        return StoredUpload(
            f"https://storage.example/{name}?sig=s1gn", name, expires_at, name if self.removable else ""
        )

    async def delete(self, upload):
        if self.locked:
            raise ProviderError(f"{upload.name} is locked")
        self.present.remove(upload.key)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def storage(clock):
    return RecordingStorage(clock)


@pytest.fixture
def run(tmp_path, clock, storage):
    """Start a new run; what it knows is on disk."""

    def start(**options):
        return Uploads(tmp_path, storage, **{"where": "a", "now": clock.now, "margin_s": 600} | options)

    return start


def file_of(content, suffix=".mp4"):
    return File(digest=hashlib.sha256(content.encode()).hexdigest(), suffix=suffix, size_bytes=len(content))


FILM, VOICE = file_of("film"), file_of("voice", ".wav")


def upload(uploads, *files, path, **options):
    async def upload_all():
        return await asyncio.gather(*(uploads.upload(file, path, lambda _: None, **options) for file in files))

    return asyncio.run(upload_all())


def remove_unused(uploads, *in_use):
    return asyncio.run(uploads.remove_unused(in_use.__contains__))


def records(tmp_path):
    return sorted(tmp_path.glob("uploads/*/*.json"))


def change_record(tmp_path, **fields):
    (record,) = records(tmp_path)
    record.write_text(json.dumps(json.loads(record.read_text()) | fields))


def test_same_file_is_uploaded_once(run, storage, tmp_path):
    """By two segments at the same time, and by two runs; another file is another upload."""
    first = run()
    film, film_again, voice = upload(first, FILM, FILM, VOICE, path=tmp_path)
    (again,) = upload(run(), FILM, path=tmp_path)

    assert film == film_again == again
    assert voice.name.endswith(".wav")
    assert voice.url != film.url
    assert len(storage.uploaded) == 2


def test_url_that_expires_too_soon_is_renewed(run, storage, clock, tmp_path):
    """At the margin, not after the expiry."""
    upload(run(), FILM, path=tmp_path)
    clock.at += timedelta(seconds=6599)
    upload(run(), FILM, path=tmp_path)
    assert len(storage.uploaded) == 1

    clock.at += timedelta(seconds=1)
    upload(run(), FILM, path=tmp_path)

    assert len(storage.uploaded) == 2


def test_url_without_expiry_is_used_for_a_day(run, storage, clock, tmp_path):
    """Less the margin."""
    storage.lifetime_s = None
    upload(run(), FILM, path=tmp_path)
    clock.at += timedelta(days=1, seconds=-601)
    upload(run(), FILM, path=tmp_path)
    assert len(storage.uploaded) == 1

    clock.at += timedelta(seconds=1)
    upload(run(), FILM, path=tmp_path)

    assert len(storage.uploaded) == 2


def test_forced_upload_gets_another_name(run, storage, tmp_path):
    """It is used from then on; both are removed in the end."""
    uploads = run()
    (first_upload,), (second_upload,) = (
        upload(uploads, FILM, path=tmp_path),
        upload(uploads, FILM, path=tmp_path, force=True),
    )

    assert first_upload.name != second_upload.name
    assert upload(uploads, FILM, path=tmp_path) == [second_upload]
    assert remove_unused(uploads) == []
    assert storage.present == []
    assert records(tmp_path) == []


def test_another_place_of_the_same_storage_is_separate(run, storage, tmp_path):
    """Another bucket does not have the file."""
    upload(run(), FILM, path=tmp_path)
    upload(run(where="b"), FILM, path=tmp_path)

    assert len(storage.uploaded) == 2


def test_storage_of_another_provider_is_known_by_its_own_url(tmp_path, clock, monkeypatch):
    """What the local server in its place has got is not sent to fal, which could not read it."""
    provider, folders = fal({"FAL_KEY": "f" * 20}), []
    for url in ("http://127.0.0.1:8791", "https://api.segmind.com"):
        monkeypatch.setenv("REACT1_SEGMIND_URL", url)
        uploads = open_uploads("segmind", provider, HttpPool(), tmp_path, clock.clock(), lifetime_s=60, keep=False)
        folders.append(uploads._index._folder)

    assert folders[0] != folders[1]


def test_failed_upload_does_not_block_the_next_one(run, storage, tmp_path):
    """Of two that wait for the same one, the second uploads it."""
    storage.failures = 1

    async def both():
        uploads = run()
        sending = (uploads.upload(FILM, tmp_path, lambda _: None) for _ in range(2))
        return await asyncio.gather(*sending, return_exceptions=True)

    failed, stored = asyncio.run(both())

    assert isinstance(failed, ProviderError)
    assert storage.uploaded == [stored.name]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"address": "https://a.example/x"}', "\xff"])
def test_unreadable_record_counts_as_missing(run, storage, tmp_path, text):
    """The file is uploaded again, and the record is valid again."""
    upload(run(), FILM, path=tmp_path)
    records(tmp_path)[0].write_text(text, encoding="latin-1")

    upload(run(), FILM, path=tmp_path)
    upload(run(), FILM, path=tmp_path)

    assert len(storage.uploaded) == 2


def test_record_is_readable_by_the_user_only(run, tmp_path):
    """It has a signature; its repr does not."""
    (stored,) = upload(run(), FILM, path=tmp_path)

    (record,) = records(tmp_path)
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert "s1gn" in record.read_text()
    assert "s1gn" not in repr(stored)


def test_uploads_are_removed_after_the_run(run, storage, tmp_path):
    """The record goes with the file, so that no run uses a dead URL."""
    uploads = run()
    upload(uploads, FILM, VOICE, path=tmp_path)

    assert remove_unused(uploads) == []

    assert storage.present == []
    assert list(tmp_path.glob("uploads/*/*")) == []


def test_upload_that_a_job_needs_stays_until_a_later_run(run, storage, tmp_path):
    """That run removes it even if it did not use it: a killed run cannot clean up."""
    first = run()
    film, voice = upload(first, FILM, VOICE, path=tmp_path)

    remove_unused(first, film.name)
    assert storage.present == [film.name]
    later = run()
    assert upload(later, FILM, path=tmp_path) == [film]
    remove_unused(later)

    assert storage.present == []
    assert voice.name in storage.uploaded


def test_run_that_keeps_its_uploads_removes_none_and_loses_none(run, storage, tmp_path):
    """Uploads that it found are kept too."""
    other, keeping = run(), run(keep=True)
    (film,) = upload(other, FILM, path=tmp_path)
    film_again, voice = upload(keeping, FILM, VOICE, path=tmp_path)

    assert remove_unused(keeping) == remove_unused(other) == remove_unused(run()) == []

    assert film == film_again
    assert sorted(storage.present) == sorted([film.name, voice.name])
    assert upload(run(), FILM, VOICE, path=tmp_path) == [film, voice]


def test_run_that_keeps_its_uploads_leaves_others_alone(run, storage, tmp_path):
    """What another run could not remove is removed by the next run that removes anything."""
    other, keeping = run(), run(keep=True)
    (film,) = upload(other, FILM, path=tmp_path)
    storage.locked = True
    remove_unused(other)
    storage.locked = False
    (voice,) = upload(keeping, VOICE, path=tmp_path)

    assert remove_unused(keeping) == []
    assert storage.present == [film.name, voice.name]
    assert remove_unused(run()) == []
    assert storage.present == [voice.name]


def test_upload_that_another_run_keeps_at_the_last_moment_stays(run, storage, tmp_path):
    """Its record is read again before it is removed."""
    uploads = run()
    film, _ = upload(uploads, FILM, VOICE, path=tmp_path)

    def in_use(_name):
        with ThreadPoolExecutor(1) as executor:  # a loop of its own
            executor.submit(upload, run(keep=True), FILM, path=tmp_path).result()
        return False

    assert asyncio.run(uploads.remove_unused(in_use)) == []

    assert storage.present == [film.name]


def test_upload_that_another_run_finds_at_the_last_moment_stays(run, storage, tmp_path, monkeypatch):
    """After it was seen that no run is there, and before its record is retired; the last run removes it."""
    uploads, other, look = run(), run(), UploadIndex.in_use_by_others
    (film,) = upload(uploads, FILM, path=tmp_path)

    def look_too_early(index):
        in_use = look(index)
        if other._index._lock is None:
            with ThreadPoolExecutor(1) as executor:  # a loop of its own
                executor.submit(upload, other, FILM, path=tmp_path).result()
        return in_use

    monkeypatch.setattr(UploadIndex, "in_use_by_others", look_too_early)

    assert remove_unused(uploads) == []
    assert film.name in storage.present
    monkeypatch.undo()
    assert remove_unused(other) == []
    assert storage.present == []


def test_upload_that_cannot_be_removed_is_reported_and_left_to_the_next_run(run, storage, tmp_path):
    """In one line; no run uses it meanwhile."""
    uploads = run()
    (film,) = upload(uploads, FILM, path=tmp_path)
    storage.locked = True

    (message,) = remove_unused(uploads)
    assert message == f"{film.name} is locked; remove {film.name} there yourself, or let the next run do it"
    storage.locked = False
    later = run()
    assert upload(later, FILM, path=tmp_path) != [film]
    assert remove_unused(later) == []

    assert storage.present == []


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_record_with_an_extreme_date_counts_as_missing(run, storage, tmp_path, moment):
    """The file is uploaded again."""
    storage.lifetime_s = None
    upload(run(), FILM, path=tmp_path)
    change_record(tmp_path, sent_at=moment)

    upload(run(), FILM, path=tmp_path)

    assert len(storage.uploaded) == 2


@pytest.mark.parametrize("name", ["a/b", "../a", "a\\b", "a\0b", "", "a" * 300])
def test_record_with_an_impossible_file_name_counts_as_missing(run, storage, tmp_path, name):
    """Its URL is not used, and no file is created by its name."""
    upload(run(), FILM, path=tmp_path)
    change_record(tmp_path, name=name)
    uploads = run()

    assert remove_unused(uploads) == []
    upload(uploads, FILM, path=tmp_path)

    assert len(storage.uploaded) == 2


@pytest.mark.parametrize("step", ["replace", "unlink"])
def test_uploads_that_a_read_only_disk_leaves_are_reported(run, storage, tmp_path, monkeypatch, step):
    """One line for each file; the next run finds the records."""
    uploads = run()
    film, voice = upload(uploads, FILM, VOICE, path=tmp_path)

    def refuse(*_args, **_kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as disk:
        disk.setattr(Path, step, refuse)
        messages = remove_unused(uploads)

    assert len(messages) == 2
    assert all("is not writable (Read-only file system)" in message and "\n" not in message for message in messages)
    assert sorted(storage.present) == (sorted([film.name, voice.name]) if step == "replace" else [])
    assert len(records(tmp_path)) == 2


def test_storage_that_cannot_be_used_any_more_is_reported(run, storage, tmp_path, monkeypatch):
    """Its settings may have changed since the upload."""
    uploads = run()
    (film,) = upload(uploads, FILM, path=tmp_path)

    async def delete(_upload):
        raise PresetError("storage test needs a key")

    monkeypatch.setattr(storage, "delete", delete)

    assert remove_unused(uploads) == [
        f"storage test needs a key; remove {film.name} there yourself, or let the next run do it"
    ]


def test_storage_without_removal_is_left_alone(run, storage, tmp_path):
    """The record serves the next run."""
    storage.removable = False
    uploads = run()
    (film,) = upload(uploads, FILM, path=tmp_path)

    assert remove_unused(uploads) == []

    assert upload(run(), FILM, path=tmp_path) == [film]


HOLD = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from react1.pipeline.core.file import File
from react1.pipeline.jobs.connection import open_uploads
from react1.pipeline.jobs.uploads import Uploads

class RecordingStorage:
    name = "storage"

now = datetime.fromisoformat(sys.argv[2])
uploads = Uploads(Path(sys.argv[1]), RecordingStorage(), where="a", now=lambda: now, margin_s=600)
file = File.model_validate_json(sys.argv[3])
print(asyncio.run(uploads.upload(file, Path(), lambda _: None)).name, flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_upload_that_another_process_may_use_is_not_removed(run, storage, clock, tmp_path):
    """It may be about to submit a call with it; once it is killed, it does not need it any more."""
    uploads = run()
    (film,) = upload(uploads, FILM, path=tmp_path)
    argv = [sys.executable, "-c", HOLD, tmp_path, clock.now().isoformat(), FILM.model_dump_json()]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline().strip() == film.name
        assert remove_unused(uploads) == []
        assert storage.present == [film.name]
        other.kill()

    assert remove_unused(run()) == []
    assert storage.present == []


@pytest.mark.slow
def test_bucket_gets_a_film_once_and_is_empty_in_the_end(tmp_path, clock):
    """At a real S3 server: one PUT for two runs, then nothing is left."""
    pytest.importorskip("moto", reason="the S3 server of the tests is not installed")
    pytest.importorskip("obstore", reason="the extra s3 is not installed")
    from bucket import open_bucket

    from react1.pipeline.storage.s3 import S3Storage

    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    with open_bucket() as bucket:

        def start():
            storage = S3Storage(lifetime_s=3600, environ=bucket.environ, now=clock.now)
            return Uploads(tmp_path / "home", storage, where="a", now=clock.now, margin_s=600)

        first, second = start(), start()
        (first_upload,), (second_upload,) = upload(first, FILM, FILM, path=film)[:1], upload(second, FILM, path=film)

        assert first_upload == second_upload
        assert bucket.count("PUT") == 1
        assert httpx.get(second_upload.url, trust_env=False).content == b"film"
        assert remove_unused(first) == []
        assert bucket.names() == [first_upload.key]
        assert remove_unused(second) == []
        assert bucket.names() == []
        assert records(tmp_path / "home") == []
