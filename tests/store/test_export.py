"""Results arrive whole, where they are wanted, and replace nothing that they may not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from react1.pipeline.core.errors import PresetError, StorageFailed
from react1.pipeline.store.export import check_place, claim, deliver, is_delivered
from react1.pipeline.store.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def film(store):
    path = store.room_folder() / "film.mp4"
    path.write_bytes(b"the film")
    return store.add_file(path)


def _check(store, place, replace=False, sources=(), job="job", folder=False):
    check_place(store, place, job, replace=replace, sources=list(sources), folder=folder)


def test_a_delivered_film_is_whole_writable_and_still_known_to_the_store(store, film, tmp_path):
    """The film is where the user wants it, once, and a second run finds it there."""
    place = tmp_path / "out" / "film.mp4"

    deliver(store, film, place, "job")

    assert place.read_bytes() == b"the film"
    assert os.access(place, os.W_OK)
    assert store.has(film)
    assert is_delivered(store, film, place)
    assert [p.name for p in place.parent.iterdir()] == ["film.mp4"]


@pytest.fixture
def big(store):
    """A film of 8 MB, as a step leaves it in the room of its call."""
    path = store.room_folder() / "film.mp4"
    path.write_bytes(os.urandom(8 << 20))
    return path


def moved_bytes():
    """How much this process has read and written so far, whatever the disk made of it: (read, written)."""
    told = Path("/proc/self/io")
    if not told.exists():
        pytest.skip("the system does not tell what a process reads and writes")
    rows = dict(line.split(": ") for line in told.read_text().splitlines())
    return int(rows["rchar"]), int(rows["wchar"])


def test_a_film_on_its_way_to_the_user_is_read_once_and_never_written_again(store, big, tmp_path):
    """From the room of its call into the store and to `--out`: hashed once, else only its name moves."""
    place, before = tmp_path / "out" / "film.mp4", moved_bytes()

    film = store.add_file(big)
    deliver(store, film, place, "job")

    read, written = (now - then for now, then in zip(moved_bytes(), before, strict=True))
    assert 8 << 20 <= read < 9 << 20
    assert written < 1 << 20
    assert place.stat().st_nlink == 1 and store.path(film) == place


def test_without_shared_blocks_it_is_the_same_file_all_the_way(store, big, tmp_path, monkeypatch):
    """A second name, and the store lets go of the first: the inode that the step wrote is the user's film."""
    monkeypatch.setattr("react1.pipeline.store.export.share_blocks", lambda *_: False)
    place, wrote = tmp_path / "film.mp4", big.stat().st_ino

    deliver(store, store.add_file(big), place, "job")

    assert place.stat().st_ino == wrote
    assert place.stat().st_nlink == 1 and os.access(place, os.W_OK)


def test_a_film_goes_to_another_disk_as_a_copy(store, big, tmp_path, monkeypatch):
    """Where neither blocks nor names can be shared it is written once more, whole."""
    monkeypatch.setattr("react1.pipeline.store.export.share_blocks", lambda *_: False)
    monkeypatch.setattr("react1.pipeline.store.export._link", lambda *_: False)
    content, place = big.read_bytes(), tmp_path / "film.mp4"
    film, before = store.add_file(big), moved_bytes()

    deliver(store, film, place, "job")

    assert 8 << 20 <= moved_bytes()[1] - before[1] < 9 << 20
    assert place.read_bytes() == content and store.path(film) == place


def test_the_same_film_can_be_delivered_twice(store, film, tmp_path):
    """A second place gets its own copy, and the first keeps its film."""
    places = [tmp_path / "a" / "film.mp4", tmp_path / "b" / "film.mp4"]

    for place in places:
        deliver(store, film, place, "job")

    assert [place.read_bytes() for place in places] == [b"the film"] * 2


def test_a_film_that_somebody_changed_is_not_called_delivered(store, film, tmp_path):
    """What the user did to the file is seen."""
    place = tmp_path / "film.mp4"
    deliver(store, film, place, "job")

    place.write_bytes(b"graded by hand")

    assert not is_delivered(store, film, place)
    with pytest.raises(PresetError, match="exists; give --yes"):
        _check(store, place)


def test_a_foreign_file_is_refused_and_allowed_with_yes(store, tmp_path):
    """Nobody's file is replaced unasked."""
    place = tmp_path / "film.mp4"
    place.write_bytes(b"precious")

    with pytest.raises(PresetError, match="exists; give --yes"):
        _check(store, place)
    _check(store, place, replace=True)
    assert place.read_bytes() == b"precious"


def test_the_same_job_may_replace_its_own_film_but_another_may_not(store, film, tmp_path):
    """Running a job again needs no --yes; a second job with the same out does."""
    place = tmp_path / "film.mp4"
    deliver(store, film, place, "job")

    _check(store, place, job="job")
    with pytest.raises(PresetError, match="exists; give --yes"):
        _check(store, place, job="another")


@pytest.mark.parametrize("link", ["same", "hard link", "symbolic link"])
def test_the_source_is_never_a_place_for_the_film(store, tmp_path, link):
    """Not by its own name, nor by another name of it, nor with --yes."""
    source, place = tmp_path / "source.mp4", tmp_path / "out.mp4"
    source.write_bytes(b"source")
    if link == "same":
        place = source
    elif link == "hard link":
        os.link(source, place)
    else:
        place.symlink_to(source)

    with pytest.raises(PresetError, match="never written to"):
        _check(store, place, replace=True, sources=[source])


def test_a_file_that_appears_during_the_run_is_left_alone(store, film, tmp_path):
    """Checked at the start, and again when the name is given; the film stays in the store."""
    place = tmp_path / "film.mp4"
    _check(store, place)
    place.write_bytes(b"precious")

    with pytest.raises(StorageFailed, match="has appeared while the run went on"):
        deliver(store, film, place, "job", replace=False)

    assert place.read_bytes() == b"precious"
    assert store.path(film).read_bytes() == b"the film"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("step", ["_name", "sync_folder"])
def test_a_delivery_that_is_killed_is_finished_by_the_next(store, film, tmp_path, monkeypatch, step):
    """Killed before the name, or just after: the film is not lost, and is known as ours."""
    place = tmp_path / "film.mp4"

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(f"react1.pipeline.store.export.{step}", killed)
        deliver(store, film, place, "job")

    assert store.has(film)
    _check(store, place, job="job")
    deliver(store, film, place, "job")
    assert place.read_bytes() == b"the film"
    assert not (store.root / "objects" / film.digest[:2] / f"{film.digest}.mp4").exists()


def test_a_place_of_the_wrong_kind_is_refused_before_anything_runs(store, tmp_path):
    """A film does not go onto a folder, nor a folder of clips onto a file."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(PresetError, match="is a folder; name a file"):
        _check(store, tmp_path, replace=True)
    with pytest.raises(PresetError, match="a folder is wanted"):
        _check(store, tmp_path / "file", replace=True, folder=True)
    with pytest.raises(PresetError, match="lies inside the store"):
        _check(store, store.root / "objects" / "film.mp4")


@pytest.mark.parametrize("name", ["x" * 300 + ".mp4", "名" * 85 + ".mp4"])
def test_a_name_that_is_too_long_is_refused(store, tmp_path, name):
    """The system's limit is told before the work, not after it."""
    with pytest.raises(PresetError, match="cannot be a file"):
        _check(store, tmp_path / name)


def test_a_name_as_long_as_the_system_allows_is_delivered(store, film, tmp_path):
    """What the hidden part is called does not depend on it."""
    place = tmp_path / ("名" * 83 + ".mp4")

    _check(store, place)
    deliver(store, film, place, "job")

    assert place.read_bytes() == b"the film"


def test_a_film_that_another_job_left_is_ours_too_once_we_gave_the_same(store, film, tmp_path):
    """The next run of either job needs no --yes."""
    place = tmp_path / "film.mp4"
    deliver(store, film, place, "job")

    claim(store, film, place, "another")

    _check(store, place, job="job")
    _check(store, place, job="another")


def test_a_device_is_refused_even_with_yes(store):
    """A rename would take the device away from the whole machine."""
    with pytest.raises(PresetError, match="a device or a pipe"):
        _check(store, Path("/dev/null"), replace=True)


def test_a_place_inside_a_file_is_refused(store, tmp_path):
    """A folder that is a file cannot hold a film."""
    (tmp_path / "folder").write_text("a file")

    with pytest.raises(PresetError, match="not a writable folder"):
        _check(store, tmp_path / "folder" / "film.mp4")
