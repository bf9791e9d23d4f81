"""The store keeps content whole, once, and knows what lives outside."""

from __future__ import annotations

import fcntl
import hashlib
import json
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from react1.pipeline.core.errors import InputMediaError, StorageFailed
from react1.pipeline.store.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


def _made(store, text, name="made.txt"):
    path = store.room_folder() / name
    path.write_text(text)
    return path


def test_kept_content_is_found_by_its_digest_and_cannot_be_written(store):
    """What is kept is read back byte for byte from a read-only file, and the made file is gone."""
    made = _made(store, "take one")

    file = store.add_file(made)

    assert file.digest == hashlib.sha256(b"take one").hexdigest()
    assert store.path(file).read_text() == "take one"
    assert store.path(file).stat().st_mode & 0o222 == 0
    assert not made.exists()


def test_the_same_content_is_kept_once(store):
    """Two makers of the same bytes end with one object."""
    first, second = store.add_file(_made(store, "same")), store.add_file(_made(store, "same"))

    assert first == second
    assert len([p for p in (store.root / "objects").rglob("*") if p.is_file()]) == 1


def test_an_adopted_file_is_not_copied_and_is_refused_once_it_changed(store, tmp_path):
    """A source stays where it is; when somebody changes it, its old content is gone."""
    film = tmp_path / "film.mp4"
    film.write_bytes(b"frames")

    file = store.adopt(film)

    assert store.path(file) == film
    assert not (store.root / "objects").exists()
    film.write_bytes(b"other frames")
    assert not store.has(file)
    with pytest.raises(InputMediaError, match="was changed, moved or removed"):
        store.path(file)


def test_an_adopted_file_is_hashed_once_per_state(store, tmp_path, monkeypatch):
    """The second look at an unchanged film reads a note, not the film."""
    film = tmp_path / "film.mp4"
    film.write_bytes(b"frames")
    first = store.adopt(film)
    monkeypatch.setattr("react1.pipeline.store.store.file_digest", lambda *_: pytest.fail("hashed again"))

    assert store.adopt(film) == first


def test_a_film_that_does_not_exist_is_bad_input(store, tmp_path):
    """The message names the path."""
    with pytest.raises(InputMediaError, match=r"nowhere\.mp4 does not exist"):
        store.adopt(tmp_path / "nowhere.mp4")


def test_a_result_whose_file_is_gone_is_no_result(store):
    """A stored result is only given while every file that it names can be read whole."""
    file = store.add_file(_made(store, "take"))
    store.put_result("ab" * 32, {"file": file.model_dump()}, {"node": "trim"}, 1.25)
    assert store.result("ab" * 32)["seconds"] == 1.25

    store.path(file).unlink()

    assert store.result("ab" * 32) is None


def test_a_torn_note_is_no_note(store):
    """Half a JSON file reads as a miss, not as a failure."""
    store.put_result("cd" * 32, [], {}, 0)
    place = next((store.root / "results").rglob("*.json"))
    place.write_text(place.read_text()[:9])

    assert store.result("cd" * 32) is None


def test_a_read_only_store_writes_nothing(tmp_path):
    """Planning learns of a film without leaving a trace."""
    film = tmp_path / "film.mp4"
    film.write_bytes(b"frames")
    store = Store(tmp_path / "home", read_only=True)

    assert store.path(store.adopt(film)) == film
    assert not (tmp_path / "home").exists()


def test_rooms_of_dead_processes_are_swept_and_those_of_the_living_stay(store):
    """A killed run leaves its scratch; the next one removes it."""
    mine = store.room_folder()
    dead = store.root / "scratch" / "left"
    dead.mkdir()
    (dead / "lock").touch()

    Store(store.root).sweep()

    assert mine.exists()
    assert not dead.exists()


def test_a_process_killed_before_it_had_its_lock_leaves_nothing_either(store):
    """Between the folder and its lock there is a moment, and a kill finds it."""
    (store.root / "scratch" / "bare").mkdir(parents=True)

    store.sweep()

    assert list((store.root / "scratch").iterdir()) == []


@pytest.mark.parametrize("moment", ["before the lock", "at the lock"])
def test_a_sweep_that_meets_a_folder_in_the_making_costs_its_process_nothing(store, monkeypatch, moment):
    """It makes another one, and that one is held."""
    other, sweeps, real = Store(store.root), [], {"mkdtemp": tempfile.mkdtemp, "flock": fcntl.flock}

    def swept_once():
        if not sweeps:
            sweeps.append(moment)
            other.sweep()

    def mkdtemp(**where):
        folder = real["mkdtemp"](**where)
        if moment == "before the lock":
            swept_once()
        return folder

    def flock(handle, how):
        if moment == "at the lock":
            swept_once()
        return real["flock"](handle, how)

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    monkeypatch.setattr(fcntl, "flock", flock)
    context = store.room_folder()
    other.sweep()

    assert sweeps == [moment]
    assert context.is_dir()
    assert [folder.name for folder in (store.root / "scratch").iterdir()] == [context.parent.name]


def test_threads_that_want_rooms_at_once_share_one_folder(store, monkeypatch):
    """Else the second folder would be held by nobody who removes it in the end."""
    real, begun, met = tempfile.mkdtemp, [], threading.Event()

    def both(**where):
        begun.append(where)
        if len(begun) == 1:
            threads.submit(store.room_folder)
            met.wait(0.2)  # so long the other one has, to get here as well
        else:
            met.set()
        return real(**where)

    monkeypatch.setattr(tempfile, "mkdtemp", both)
    with ThreadPoolExecutor(1) as threads:
        store.room_folder()

    (folder,) = (store.root / "scratch").iterdir()
    assert len([context for context in folder.iterdir() if context.is_dir()]) == 2


def test_a_room_that_another_process_works_in_is_left_alone(store):
    """The lock tells, not the number of a process: containers share homes."""
    import subprocess
    import sys

    script = "import sys; from pathlib import Path; from react1.pipeline.store.store import Store; "
    script += "print(Store(Path(sys.argv[1])).room_folder(), flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(store.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    context = Path(child.stdout.readline().strip())

    store.sweep()
    alive = context.exists()
    child.communicate()
    store.sweep()

    assert alive
    assert not context.exists()


def test_a_film_that_changes_while_it_is_hashed_is_refused(store, tmp_path):
    """Its digest would tell of nothing that exists."""
    film = tmp_path / "film.mp4"
    film.write_bytes(b"frames")

    with pytest.raises(InputMediaError, match="changes while it is read"):
        store.adopt(film, lambda _: film.write_bytes(b"other frames"))

    assert not (store.root / "elsewhere").exists()


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"value": {}, "parts": 1, "seconds": 1}'])
def test_a_note_of_another_shape_is_no_note(store, text):
    """Valid JSON that means nothing is a miss."""
    store.put_result("cd" * 32, [], {}, 0)
    next((store.root / "results").rglob("*.json")).write_text(text)

    assert store.result("cd" * 32) is None


def test_a_full_disk_is_one_clear_line(store, monkeypatch):
    """What the system says of a full disk becomes a message with a way out."""
    import errno

    made = _made(store, "take")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("react1.pipeline.store.atomic.sync_file", full)
    with pytest.raises(StorageFailed, match="is full; free some space"):
        store.add_file(made)
    assert not any(p.is_file() for p in (store.root / "objects").rglob("*"))


def test_results_are_plain_json(store):
    """A result can be read by anything."""
    store.put_result("ef" * 32, {"a": 1}, {"node": "x"}, 0.5)

    place = next((store.root / "results").rglob("*.json"))

    assert json.loads(place.read_text()) == {"value": {"a": 1}, "parts": {"node": "x"}, "seconds": 0.5}


def test_a_file_is_remembered_by_all_that_decides_it(tmp_path):
    """Found by the same parts in any order and by another process; other parts know nothing."""
    store = Store(tmp_path / "home")
    store.cache_put({"what": "faces", "by": {"a": "1"}}, made_of(tmp_path, b"found"))

    again = Store(tmp_path / "home")

    assert again.cache_get({"by": {"a": "1"}, "what": "faces"}).read_bytes() == b"found"
    assert again.cache_get({"by": {"a": "2"}, "what": "faces"}) is None
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["objects", "results"]


def test_remembering_again_mends_what_was_damaged(tmp_path):
    """A file cut short is not given; one whose bytes were changed is replaced by the next that remembers it."""
    store, parts = Store(tmp_path / "home"), {"what": "faces"}
    store.cache_put(parts, made_of(tmp_path, b"found"))
    kept = store.cache_get(parts)
    kept.chmod(0o644)
    kept.write_bytes(b"fou")
    cut = store.cache_get(parts)
    kept.write_bytes(b"f#und")

    store.cache_put(parts, made_of(tmp_path, b"found"))

    assert cut is None
    assert store.cache_get(parts).read_bytes() == b"found"


def made_of(folder, content):
    (folder / "made.npz").write_bytes(content)
    return folder / "made.npz"
