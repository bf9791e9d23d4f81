"""The conformance suite for each backend, and what only one of them can do."""

from __future__ import annotations

import errno
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from bucket import BUCKET, open_bucket

from react1.pipeline.core.errors import PresetError, StorageFailed
from react1.pipeline.storage import object_bucket
from react1.pipeline.storage.object_bucket import ObjectBucket
from react1.pipeline.store import store as store_module
from react1.pipeline.store import store_backend
from react1.pipeline.store.lease import Leases, LeaseTaken
from react1.pipeline.store.store import Store
from react1.pipeline.store.store_backend import is_content_path
from react1.testing import StoreTests


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("moto", reason="an S3 server needs the extra test")
    with open_bucket() as bucket:
        yield bucket


@pytest.fixture
def bucket(server, monkeypatch):
    """A server with an empty bucket, which the settings name."""
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    server.requests.clear()
    server.failures.clear()
    server.ignored_headers.clear()
    store_module._bucket.cache_clear()
    return server


class TestSharedFolder(StoreTests):
    """Two machines that mount one folder."""

    def place(self, tmp_path):
        folder = tmp_path / "mounted"
        folder.mkdir(exist_ok=True)
        return str(folder)


def test_a_change_in_a_folder_does_not_undo_a_removal(tmp_path, monkeypatch):
    """A lease that is renewed while it is released, and that another machine takes at once, is that machine's."""
    first, other = (store_backend.DirectoryRecords(tmp_path) for _ in range(2))
    first.create("leases/x", "first")
    old, write = first.read("leases/x"), store_backend.write_text

    def take_over():
        other.remove("leases/x")
        other.create("leases/x", "other")

    taking = threading.Thread(target=take_over)

    def write_late(path, text):
        taking.start()
        taking.join(0.3)
        write(path, text)

    monkeypatch.setattr(store_backend, "write_text", write_late)
    first.replace("leases/x", "renewed", old.version)
    taking.join()

    assert other.read("leases/x").text == "other"


@pytest.mark.usefixtures("bucket")
class TestBucket(StoreTests):
    """Two machines that use one prefix of a bucket."""

    def place(self, tmp_path):
        return f"s3://{BUCKET}/{tmp_path.name}"


def _machine(tmp_path, name="home", prefix="store"):
    return Store(tmp_path / name, place=f"s3://{BUCKET}/{tmp_path.name}/{prefix}")


def _add(store, content=b"film"):
    path = store.scratch_folder() / "new.mp4"
    path.write_bytes(content)
    return store.add_file(path)


def test_content_of_a_bucket_is_downloaded_once(bucket, tmp_path):
    """The second read comes from this machine's disk, and so does what it has uploaded itself."""
    first, second = _machine(tmp_path, "first"), _machine(tmp_path, "second")
    file = _add(first)
    bucket.requests.clear()

    paths = [first.path(file), second.path(file), second.path(file)]

    assert [path.read_bytes() for path in paths] == [b"film"] * 3
    assert [request for request in bucket.requests if request[0] == "GET"] == [
        ("GET", f"/{BUCKET}/{tmp_path.name}/store/objects/{file.digest[:2]}/{file.digest}.mp4?")
    ]


@pytest.mark.slow
def test_content_is_read_in_requests_that_each_end_in_time(monkeypatch):
    """A large film over a slow line takes longer than the limit of a request, which has a body of a few MiB."""
    content, silent = bytes(range(256)) * 1024, threading.Event()
    monkeypatch.setattr(object_bucket, "TIMEOUT_S", 1)
    monkeypatch.setattr(object_bucket, "RANGE_BYTES", len(content) // 8)

    class SlowLine(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self._respond(0, len(content), 200)

        def do_GET(self):
            start, _, end = self.headers.get("Range", "bytes=0-").partition("=")[2].partition("-")
            part = content[int(start) : int(end or len(content)) + 1]
            self._respond(int(start), len(part), 206)
            self.wfile.write(part[: len(content) // 8])
            if len(part) > len(content) // 8:
                silent.wait(10)  # the rest would take too long

        def _respond(self, start, size_bytes, status):
            self.send_response(status)
            for name, value in {
                "Content-Length": str(size_bytes),
                "Content-Range": f"bytes {start}-{start + size_bytes - 1}/{len(content)}",
                "ETag": '"a"',
                "Last-Modified": "Mon, 30 Nov 2026 10:00:00 GMT",
            }.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), SlowLine) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            blocks = list(ObjectBucket("s3://films", {"AWS_ENDPOINT_URL": address, **keys}).chunks("film.mp4"))
        finally:
            silent.set()
            server.shutdown()
            thread.join()

    assert b"".join(blocks) == content
    assert len(blocks) == 8


def test_content_that_is_removed_while_it_is_read_is_one_clear_line(bucket, tmp_path, monkeypatch):
    """As by a prune of another machine, between two requests."""
    monkeypatch.setattr(object_bucket, "RANGE_BYTES", 2)
    first, second = _machine(tmp_path, "first"), _machine(tmp_path, "second")
    file = _add(first)
    blobs = second.backend.blobs
    blocks = blobs._bucket.chunks(f"objects/{file.digest[:2]}/{file.digest}.mp4")

    assert next(blocks) == b"fi"
    first.backend.blobs.remove(file)
    with pytest.raises(StorageFailed, match=r"was removed while it was read; run again"):
        next(blocks)


def test_damaged_content_of_a_bucket_is_never_used(bucket, tmp_path):
    """Other bytes of the same size are refused by their digest, and removed so that they are made again."""
    first, second = _machine(tmp_path, "first"), _machine(tmp_path, "second")
    file = _add(first)
    (tmp_path / "bad.mp4").write_bytes(b"f#lm")
    first.backend.blobs._bucket.upload(f"objects/{file.digest[:2]}/{file.digest}.mp4", tmp_path / "bad.mp4")
    assert second.has(file)

    with pytest.raises(StorageFailed, match=r"is damaged .* run again to recreate it"):
        second.path(file)

    assert not second.has(file)
    assert not [path for path in (tmp_path / "second" / "objects").rglob("*") if path.is_file()]


@pytest.mark.parametrize(("header", "named"), [("HTTP_IF_NONE_MATCH", "If-None-Match"), ("HTTP_IF_MATCH", "If-Match")])
def test_a_bucket_that_ignores_conditions_is_refused_at_the_start(bucket, tmp_path, header, named):
    """Two machines could both be the first there; nothing but the removed probe is written."""
    bucket.ignored_headers.add(header)

    with pytest.raises(PresetError, match=f"ignores {named} on writes"):
        _machine(tmp_path, prefix=named)

    assert not [name for name in bucket.names() if name.startswith(f"{tmp_path.name}/{named}/")]


def test_a_bucket_is_probed_once_and_never_by_a_plan(bucket, tmp_path):
    """A plan writes nothing; a process that opens its store again asks no more."""
    Store(tmp_path / "home", place=f"s3://{BUCKET}/{tmp_path.name}", read_only=True)
    assert bucket.requests == []

    _machine(tmp_path)
    count = len(bucket.requests)
    _machine(tmp_path)

    assert count > 0
    assert len(bucket.requests) == count


def test_a_bucket_that_cannot_be_reached_is_one_clear_line(bucket, tmp_path):
    """The message has the bucket, the endpoint and what failed."""
    store = _machine(tmp_path)
    bucket.failures.update({("PUT", bucket.count("PUT") + number): "403 Forbidden" for number in range(1, 4)})

    with pytest.raises(StorageFailed) as caught:
        _add(store)

    assert "\n" not in caught.value.message
    assert caught.value.message.startswith(f"s3 bucket {BUCKET} at {bucket.url}: uploading new.mp4 failed: 403")
    assert (store.root / "scratch").exists()


def test_a_full_disk_of_the_shared_folder_leaves_no_half_file(tmp_path, monkeypatch):
    """The message names the folder; after it has space again the same content is stored."""
    (tmp_path / "mounted").mkdir()
    store = Store(tmp_path / "home", place=str(tmp_path / "mounted"))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("react1.pipeline.store.atomic.sync_file", full)
        with pytest.raises(StorageFailed, match="is full; free some space"):
            _add(store)
    assert not any(path.is_file() for path in (tmp_path / "mounted").rglob("*"))

    assert store.path(_add(store)).read_bytes() == b"film"


@pytest.mark.parametrize(
    "place", ["films", "ftp://films/store", "/nowhere/at/all", "~no-such-user/at/all", "s3:///prefix"]
)
def test_a_place_that_is_no_store_is_refused(place, tmp_path):
    """The message names the setting or the value."""
    with pytest.raises(PresetError, match=r"REACT1_STORE|is not a bucket"):
        Store(tmp_path, place=place)


def test_the_home_folder_is_no_shared_store(tmp_path):
    """A delivery may move content out of a home, never out of a shared store."""
    with pytest.raises(PresetError, match="is the home folder itself"):
        Store(tmp_path, place=str(tmp_path))


def test_the_setting_names_the_store(tmp_path, monkeypatch):
    """REACT1_STORE decides where results are."""
    (tmp_path / "mounted").mkdir()
    monkeypatch.setenv("REACT1_STORE", str(tmp_path / "mounted"))
    Store(tmp_path / "first").put_result("ab" * 32, {"a": 1}, {"node": "x"}, 0)

    assert Store(tmp_path / "second").result("ab" * 32)["value"] == {"a": 1}
    assert Store(tmp_path / "second", place="").result("ab" * 32) is None


def test_the_content_of_a_store_is_told_by_its_path(tmp_path):
    """With a suffix or without; a film of the user's is none, whatever folder it is in."""
    file = _add(Store(tmp_path / "home"))
    path = Store(tmp_path / "home").path(file)

    assert is_content_path(path) and is_content_path(path.with_suffix(""))
    assert not any(
        map(is_content_path, (tmp_path / "objects" / "fi" / "film.mp4", path.parent.parent / "zz" / path.name))
    )


def test_a_film_is_never_delivered_as_a_link_into_the_shared_folder(tmp_path):
    """The user may write to a delivered film; other machines read the store's copy."""
    from react1.pipeline.store.export import check_destination, export

    (tmp_path / "mounted").mkdir()
    store = Store(tmp_path / "home", place=str(tmp_path / "mounted"))
    file, out = _add(store), tmp_path / "film.mp4"

    export(store, file, out, "job")
    out.write_bytes(b"graded")

    assert Store(tmp_path / "other", place=store.place).path(file).read_bytes() == b"film"
    with pytest.raises(PresetError, match="is inside the store"):
        check_destination(store, tmp_path / "mounted" / "objects" / "x.mp4", "job", replace=False, sources=[])


def test_a_renewal_whose_answer_was_lost_has_happened(tmp_path):
    """The library sends it again, and the bucket refuses what is changed already."""
    records = Store(tmp_path / "home", place="").backend.records
    leases = Leases(records, "owner")
    lease = leases.acquire("x", 0)
    lost = SimpleNamespace(
        read=records.read, replace=lambda *change: records.replace(*change) and records.replace(*change)
    )

    renewed = Leases(lost, "owner", leases.holder).renew(lease)

    assert (renewed.beat, leases.renew(renewed).beat) == (1, 2)
    taken = SimpleNamespace(read=records.read, replace=lambda *_: False)
    with pytest.raises(LeaseTaken):
        Leases(taken, "owner", leases.holder).renew(lease)
