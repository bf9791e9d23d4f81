"""The store keeps content complete and once, and records external files."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from react1.pipeline.core.errors import InputMediaError, StorageFailed
from react1.pipeline.core.file import File
from react1.pipeline.store.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


def _scratch_file(store, text, name="new.txt"):
    path = store.scratch_folder() / name
    path.write_text(text)
    return path


def test_stored_content_is_found_by_its_digest_and_is_read_only(store):
    """Content is read back byte for byte from a read-only file; the scratch file was moved."""
    path = _scratch_file(store, "take one")

    file = store.add_file(path)

    assert file.digest == hashlib.sha256(b"take one").hexdigest()
    assert store.path(file).read_text() == "take one"
    assert store.path(file).stat().st_mode & 0o222 == 0
    assert not path.exists()


def test_the_same_content_is_stored_once(store):
    """The same bytes added twice are one object."""
    first, second = store.add_file(_scratch_file(store, "same")), store.add_file(_scratch_file(store, "same"))

    assert first == second
    assert len([path for path in (store.root / "objects").rglob("*") if path.is_file()]) == 1


def test_an_external_file_is_not_copied_and_is_refused_once_it_changed(store, tmp_path):
    """A source stays where it is; once it is changed, its old content is not available."""
    film = tmp_path / "film.mp4"
    film.write_bytes(b"frames")

    file = store.add_external(film)

    assert store.path(file) == film
    assert not (store.root / "objects").exists()
    film.write_bytes(b"other frames")
    assert not store.has(file)
    with pytest.raises(InputMediaError, match="was changed, moved or removed"):
        store.path(file)


def test_an_external_file_is_hashed_once_per_change(store, tmp_path, monkeypatch):
    """For an unchanged film the recorded digest is used."""
    film = tmp_path / "film.mp4"
    film.write_bytes(b"frames")
    first = store.add_external(film)
    monkeypatch.setattr("react1.pipeline.store.store.file_digest", lambda *_: pytest.fail("hashed again"))

    assert store.add_external(film) == first


def test_a_missing_film_is_an_input_error(store, tmp_path):
    """The error names the path."""
    with pytest.raises(InputMediaError, match=r"nowhere\.mp4 does not exist"):
        store.add_external(tmp_path / "nowhere.mp4")


def test_a_result_whose_file_is_missing_is_a_miss(store):
    """A stored result is returned only while each of its files can be read completely."""
    file = store.add_file(_scratch_file(store, "take"))
    store.put_result("ab" * 32, {"file": file.model_dump()}, {"node": "trim"}, 1.25)
    assert store.result("ab" * 32)["seconds"] == 1.25

    store.path(file).unlink()

    assert store.result("ab" * 32) is None


def test_a_truncated_record_is_a_miss(store):
    """Half a JSON file is a miss, not an error."""
    store.put_result("cd" * 32, [], {}, 0)
    path = next((store.root / "results").rglob("*.json"))
    path.write_text(path.read_text()[:9])

    assert store.result("cd" * 32) is None


def test_a_read_only_store_writes_nothing(tmp_path):
    """A plan registers a film without creating a file."""
    film = tmp_path / "film.mp4"
    film.write_bytes(b"frames")
    store = Store(tmp_path / "home", read_only=True)

    assert store.path(store.add_external(film)) == film
    assert not (tmp_path / "home").exists()


def test_scratch_of_dead_processes_is_removed_and_that_of_live_ones_stays(store):
    """A killed run leaves its scratch folder; the next one removes it."""
    live = store.scratch_folder()
    dead = store.root / "scratch" / "left"
    dead.mkdir()
    (dead / "lock").touch()

    Store(store.root).sweep()

    assert live.exists()
    assert not dead.exists()


def test_scratch_of_a_process_killed_before_it_had_its_lock_is_removed(store):
    """A folder without a lock file is swept too."""
    (store.root / "scratch" / "bare").mkdir(parents=True)

    store.sweep()

    assert list((store.root / "scratch").iterdir()) == []


@pytest.mark.parametrize("moment", ["before the lock", "at the lock"])
def test_a_sweep_during_the_creation_of_a_folder_is_harmless(store, monkeypatch, moment):
    """The process creates another folder, and holds its lock."""
    other, sweeps, real = Store(store.root), [], {"mkdtemp": tempfile.mkdtemp, "flock": fcntl.flock}

    def sweep_once():
        if not sweeps:
            sweeps.append(moment)
            other.sweep()

    def mkdtemp(**options):
        folder = real["mkdtemp"](**options)
        if moment == "before the lock":
            sweep_once()
        return folder

    def flock(descriptor, operation):
        if moment == "at the lock":
            sweep_once()
        return real["flock"](descriptor, operation)

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    monkeypatch.setattr(fcntl, "flock", flock)
    folder = store.scratch_folder()
    other.sweep()

    assert sweeps == [moment]
    assert folder.is_dir()
    assert [path.name for path in (store.root / "scratch").iterdir()] == [folder.parent.name]


def test_concurrent_threads_share_one_process_folder(store, monkeypatch):
    """Otherwise the folder of the first thread would never be removed."""
    real, calls, second_called = tempfile.mkdtemp, [], threading.Event()

    def mkdtemp(**options):
        calls.append(options)
        if len(calls) == 1:
            threads.submit(store.scratch_folder)
            second_called.wait(0.2)  # time for the other thread to get here too
        else:
            second_called.set()
        return real(**options)

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    with ThreadPoolExecutor(1) as threads:
        store.scratch_folder()

    (folder,) = (store.root / "scratch").iterdir()
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 2


@pytest.mark.slow
def test_a_scratch_folder_of_another_live_process_stays(store):
    """The lock decides, not a process id: containers share homes."""
    import subprocess
    import sys

    script = "import sys; from pathlib import Path; from react1.pipeline.store.store import Store; "
    script += "print(Store(Path(sys.argv[1])).scratch_folder(), flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(store.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    folder = Path(child.stdout.readline().strip())

    store.sweep()
    existed = folder.exists()
    child.communicate()
    store.sweep()

    assert existed
    assert not folder.exists()


def test_a_film_that_changes_while_it_is_hashed_is_refused(store, tmp_path):
    """Its digest would be that of no file."""
    film = tmp_path / "film.mp4"
    film.write_bytes(b"frames")

    with pytest.raises(InputMediaError, match="changed while it was read"):
        store.add_external(film, lambda _: film.write_bytes(b"other frames"))

    assert not (store.root / "external").exists()


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"value": {}, "parts": 1, "seconds": 1}'])
def test_a_malformed_record_is_a_miss(store, text):
    """Valid JSON of another form is a miss."""
    store.put_result("cd" * 32, [], {}, 0)
    next((store.root / "results").rglob("*.json")).write_text(text)

    assert store.result("cd" * 32) is None


def test_a_full_disk_is_one_clear_line(store, monkeypatch):
    """ENOSPC becomes a message that says what to do."""
    import errno

    path = _scratch_file(store, "take")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("react1.pipeline.store.atomic.sync_file", full)
    with pytest.raises(StorageFailed, match="is full; free some space"):
        store.add_file(path)
    assert not any(path.is_file() for path in (store.root / "objects").rglob("*"))


def test_results_are_plain_json(store):
    """A result can be read by any program."""
    store.put_result("ef" * 32, {"a": 1}, {"node": "x"}, 0.5)

    path = next((store.root / "results").rglob("*.json"))

    assert json.loads(path.read_text()) == {"value": {"a": 1}, "parts": {"node": "x"}, "seconds": 0.5}


def test_a_file_is_cached_under_all_its_key_parts(tmp_path):
    """The same parts in any order, in another process too, find it; other parts do not."""
    store = Store(tmp_path / "home")
    store.cache_put({"what": "faces", "by": {"a": "1"}}, new_file(tmp_path, b"found"))

    reopened = Store(tmp_path / "home")

    assert reopened.cache_get({"by": {"a": "1"}, "what": "faces"}).read_bytes() == b"found"
    assert reopened.cache_get({"by": {"a": "2"}, "what": "faces"}) is None
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["objects", "results"]


def test_caching_a_file_again_repairs_damaged_content(tmp_path):
    """A truncated file is a miss; one with changed bytes is replaced when it is cached again."""
    store, parts = Store(tmp_path / "home"), {"what": "faces"}
    store.cache_put(parts, new_file(tmp_path, b"found"))
    cached = store.cache_get(parts)
    cached.chmod(0o644)
    cached.write_bytes(b"fou")
    truncated = store.cache_get(parts)
    cached.write_bytes(b"f#und")

    store.cache_put(parts, new_file(tmp_path, b"found"))

    assert truncated is None
    assert store.cache_get(parts).read_bytes() == b"found"


def new_file(folder, content):
    path = folder / "new.npz"
    path.write_bytes(content)
    return path


def _copy_input(store, recipe):
    """Make what a recipe of these tests says: the text of its input, in capitals."""
    (text,) = recipe["args"]["inputs"].values()
    store.add_file(_scratch_file(store, store.path(File.model_validate(text)).read_text().upper()))


@pytest.fixture
def recipe_files(store, monkeypatch):
    """Return content that is made from other content, and that other."""
    monkeypatch.setattr(Store, "remake", staticmethod(_copy_input))
    base = store.add_file(_scratch_file(store, "take"))
    file = store.add_file(_scratch_file(store, "TAKE"))
    store.recipes.put(file, {"key": "0" * 64, "fn": "x:X", "args": {"inputs": {"text": base.model_dump(mode="json")}}})
    return file, base


def test_released_content_is_made_again_when_it_is_read(store, recipe_files):
    """It counts as stored; content without a recipe is not released."""
    file, base = recipe_files

    assert (store.release(file), store.release(base)) == (True, False)
    assert not store.object_path(file).exists()
    assert store.has(file)
    assert store.path(file).read_text() == "TAKE"
    assert store.object_path(file).exists()


def test_content_whose_input_is_gone_is_not_released(store, recipe_files):
    """Released before, it counts as missing."""
    file, base = recipe_files
    store.release(file)
    store.object_path(base).unlink()
    assert not store.has(file)

    store.add_file(_scratch_file(store, "TAKE"))

    assert not store.release(file)
    assert store.path(file).read_text() == "TAKE"


def test_a_recipe_that_makes_something_else_is_forgotten(store, recipe_files, monkeypatch):
    """As after another version of an encoder; the content is missing then, so the next run makes the result."""
    file, _ = recipe_files
    store.release(file)
    monkeypatch.setattr(Store, "remake", staticmethod(lambda store, recipe: None))

    with pytest.raises(StorageFailed, match="run again to recreate it"):
        store.path(file)

    assert not store.has(file)


def test_a_shared_store_keeps_its_content(tmp_path):
    """Its other machines may have none of what a recipe needs."""
    (tmp_path / "shared").mkdir()
    store = Store(tmp_path / "home", place=str(tmp_path / "shared"))
    file = store.add_file(_scratch_file(store, "TAKE"))
    store.recipes.put(file, {"key": "", "fn": "x:X", "args": {"inputs": {}}})

    assert not store.release(file)
    assert not (tmp_path / "home" / "recipes").exists()


OTHER_DISK = Path("/dev/shm")


@pytest.mark.skipif(not OTHER_DISK.is_dir(), reason="no second file system whose place is known")
def test_the_objects_may_be_on_another_disk(tmp_path):
    """By a link, as when the disk of the home folder is small."""
    with tempfile.TemporaryDirectory(dir=OTHER_DISK) as disk:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "objects").symlink_to(disk)
        store = Store(tmp_path / "home")

        file = store.add_file(_scratch_file(store, "TAKE"))

        assert store.path(file).read_text() == "TAKE"
        assert len(list(Path(disk).glob("*/*"))) == 1


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_content_whose_time_cannot_be_set_is_used(tmp_path, monkeypatch, number):
    """In a shared folder only its owner may, and on a disk that is mounted read-only nobody."""
    store = Store(tmp_path / "home")
    file = store.add_file(_scratch_file(store, "TAKE"))

    def refused(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("react1.pipeline.store.store_backend.os.utime", refused)
    assert store.add_file(_scratch_file(store, "TAKE")) == file


def test_content_that_is_pruned_as_it_is_added_is_stored_again(tmp_path, monkeypatch):
    """Between the look and the mark that it is used."""
    store = Store(tmp_path / "home")
    file = store.add_file(_scratch_file(store, "TAKE"))
    mark = os.utime

    def pruned_before(path):
        store.object_path(file).unlink()
        mark(path)

    monkeypatch.setattr("react1.pipeline.store.store_backend.os.utime", pruned_before)
    store.add_file(_scratch_file(store, "TAKE"))

    assert store.path(file).read_text() == "TAKE"
