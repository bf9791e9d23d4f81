"""The conformance suite of a store backend: complete content or none, and one first writer."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ..pipeline.core.file import File
from ..pipeline.store.lease import Lease, Leases, LeaseTaken
from ..pipeline.store.store import Store
from ..pipeline.store.store_backend import Backend

RACERS = 8
_T = TypeVar("_T")


class StoreTests:
    """The conformance suite of a backend: subclass it, and override `open` and `place`.

        class TestAcmeStore(StoreTests):
            def place(self, tmp_path):
                return "s3://films/store"

    Every test opens the backend for two home folders, as two machines do. pytest collects the subclass.
    """

    def place(self, tmp_path: Path) -> str:
        """Return the value of REACT1_STORE; the place is empty at the start of a test."""
        raise NotImplementedError

    def machine(self, tmp_path: Path, name: str) -> Store:
        """Return the store as one machine sees it."""
        return Store(tmp_path / name, place=self.place(tmp_path))

    def test_content_of_one_machine_is_read_on_another(self, tmp_path: Path) -> None:
        """Bytes come back with their digest, from a file that the other machine may not write."""
        first, second = self._machines(tmp_path)

        file = first.add_file(_new_file(first, b"take one"))

        assert file.digest == hashlib.sha256(b"take one").hexdigest()
        assert second.has(file)
        assert second.path(file).read_bytes() == b"take one"
        assert second.path(file).stat().st_mode & 0o222 == 0

    def test_empty_and_repeated_content_is_stored(self, tmp_path: Path) -> None:
        """No bytes are content too; the same content twice is one file."""
        first, second = self._machines(tmp_path)

        empty = first.add_file(_new_file(first, b""))
        same = [store.add_file(_new_file(store, b"same")) for store in (first, second)]

        assert second.path(empty).read_bytes() == b""
        assert same[0] == same[1]

    def test_missing_content_is_told_from_stored_content(self, tmp_path: Path) -> None:
        """What nobody has stored, or what was removed, is missing."""
        blobs, file = self._backend(tmp_path).blobs, _file_of(b"nowhere")

        assert not blobs.has(file)
        assert blobs.path(file) is None
        path = tmp_path / "new.mp4"
        path.write_bytes(b"nowhere")
        blobs.add(file, path, move=False)
        assert path.exists() and blobs.has(file)
        blobs.remove(file)
        blobs.remove(file)
        assert not blobs.has(file)
        assert blobs.path(file) is None

    def test_a_source_of_one_machine_is_content_on_all(self, tmp_path: Path) -> None:
        """A film outside the store is read on a machine that does not know its path."""
        first, second = self._machines(tmp_path)
        film = tmp_path / "film.mp4"
        film.write_bytes(b"frames")

        file = first.add_external(film)
        film.unlink()

        assert second.path(file).read_bytes() == b"frames"

    def test_an_exported_film_stays_in_the_shared_store(self, tmp_path: Path) -> None:
        """What one machine drops after a delivery is still content on another."""
        first, second = self._machines(tmp_path)
        file = first.add_file(_new_file(first, b"film"))
        delivered = tmp_path / "delivered.mp4"
        delivered.write_bytes(b"film")

        first.record_external(file, delivered)
        first.drop_object(file)
        delivered.unlink()

        assert second.path(file).read_bytes() == b"film"

    def test_of_racing_creators_one_is_first(self, tmp_path: Path) -> None:
        """Its text is the record, and later creators are refused."""
        records = self._backend(tmp_path).records

        won = _race(lambda number: records.create("results/ab12", str(number)))

        assert won.count(True) == 1
        stored = records.read("results/ab12")
        assert stored is not None and stored.text == str(won.index(True))

    def test_of_racing_changes_of_one_version_one_succeeds(self, tmp_path: Path) -> None:
        """A change of an old version, or of a record that is gone, is refused."""
        records = self._backend(tmp_path).records
        records.create("leases/x", "old")
        old = records.read("leases/x")
        assert old is not None

        won = _race(lambda number: records.replace("leases/x", f"new {number}", old.version))

        stored = records.read("leases/x")
        assert won.count(True) == 1
        assert stored is not None and stored.text == f"new {won.index(True)}"
        records.remove("leases/x")
        assert not records.replace("leases/x", "gone", stored.version)
        assert records.read("leases/x") is None

    def test_records_are_listed_and_removed(self, tmp_path: Path) -> None:
        """A folder lists its own records, on every machine."""
        first, second = (store.backend.records for store in self._machines(tmp_path))
        for name in ("results/ab12", "results/cd34", "leases/ab12"):
            assert first.create(name, "{}")

        first.remove("results/ab12")
        first.remove("results/ab12")

        assert list(second.names("results")) == ["results/cd34"]
        assert second.read("results/ab12") is None

    def test_the_first_result_of_a_call_stays(self, tmp_path: Path) -> None:
        """Of two machines that ran one call, both get the first one's value."""
        first, second = self._machines(tmp_path)
        values = [store.add_file(_new_file(store, content)) for store, content in ((first, b"1"), (second, b"2"))]

        returned = [
            store.put_result("ab" * 32, value.model_dump(), {"node": "trim"}, 1.0)["value"]["digest"]
            for store, value in zip((first, second), values, strict=True)
        ]

        assert returned == [values[0].digest] * 2

    def test_a_result_whose_content_is_gone_is_replaced(self, tmp_path: Path) -> None:
        """It is a miss on every machine, and the next result takes its place."""
        first, second = self._machines(tmp_path)
        lost, new = (first.add_file(_new_file(first, content)) for content in (b"lost", b"new"))
        first.put_result("ab" * 32, lost.model_dump(), {"node": "trim"}, 1.0)
        first.backend.blobs.remove(lost)
        assert second.result("ab" * 32) is None

        second.put_result("ab" * 32, new.model_dump(), {"node": "trim"}, 1.0)

        stored = first.result("ab" * 32)
        assert stored is not None and stored["value"]["digest"] == new.digest

    def test_one_machine_holds_a_lease(self, tmp_path: Path) -> None:
        """Of racing machines one gets it; after its release another one does."""
        records = self._backend(tmp_path).records
        machines = [Leases(records, "ledger", f"machine {number}") for number in range(RACERS)]

        won = _race(lambda number: _acquired(machines[number], "x"))

        (lease,) = [lease for lease in won if lease]
        machines[won.index(lease)].release(lease)
        assert _acquired(machines[(won.index(lease) + 1) % RACERS], "x")

    def test_a_lease_of_a_silent_holder_is_taken_over_with_a_higher_fence(self, tmp_path: Path) -> None:
        """A holder that renews keeps it; one that does not loses it, and cannot renew any more."""
        records = self._backend(tmp_path).records
        old, new, other = (Leases(records, owner, name) for owner, name in (("a", "1"), ("a", "2"), ("b", "3")))
        lease = old.acquire("x", 0)
        assert _acquired(new, "x", 0) is None
        lease = old.renew(lease)
        assert _acquired(new, "x", 61) is None, "the holder has renewed"
        assert _acquired(other, "x", 0) is None

        taken = _acquired(new, "x", 130)

        assert taken is not None and taken.fence == lease.fence + 1
        assert _acquired(other, "x", 1000) is None, "another owner never takes a lease over"
        try:
            old.renew(lease)
        except LeaseTaken as error:
            assert error.lease.holder == "2"
        else:
            raise AssertionError("a lost lease was renewed")
        old.release(lease)
        assert new.renew(taken).beat == 1

    def _machines(self, tmp_path: Path) -> tuple[Store, Store]:
        return self.machine(tmp_path, "first"), self.machine(tmp_path, "second")

    def _backend(self, tmp_path: Path) -> Backend:
        return self.machine(tmp_path, "first").backend


def _race(attempt: Callable[[int], _T]) -> list[_T]:
    """Call `attempt` with 0, 1, … in threads that start together; return what each call returned."""
    start = threading.Barrier(RACERS)

    def run(number: int) -> _T:
        start.wait(30)
        return attempt(number)

    with ThreadPoolExecutor(RACERS) as threads:
        return list(threads.map(run, range(RACERS)))


def _acquired(leases: Leases, name: str, now_s: float = 0) -> Lease | None:
    try:
        return leases.acquire(name, now_s)
    except LeaseTaken:
        return None


def _file_of(content: bytes) -> File:
    return File(digest=hashlib.sha256(content).hexdigest(), suffix=".mp4", size_bytes=len(content))


def _new_file(store: Store, content: bytes) -> Path:
    path = store.scratch_folder() / "new.mp4"
    path.write_bytes(content)
    return path
