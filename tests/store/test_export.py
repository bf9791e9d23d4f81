"""Results are exported completely, and replace no file without permission."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from threading import Event, Thread

import pytest
from export_lock import held_export

from react1.pipeline.core.cancellation import stop_checked_by
from react1.pipeline.core.errors import Interrupted, PresetError, StorageFailed
from react1.pipeline.store import export as export_module
from react1.pipeline.store.export import check_destination, export, is_exported, record_export
from react1.pipeline.store.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.fixture
def film(store):
    path = store.scratch_folder() / "film.mp4"
    path.write_bytes(b"the film")
    return store.add_file(path)


def _check(store, path, replace=False, sources=(), job="job", folder=False):
    check_destination(store, path, job, replace=replace, sources=list(sources), folder=folder)


def test_an_exported_film_is_complete_writable_and_known_to_the_store(store, film, tmp_path):
    """The film is at the user's path, once, and a second run finds it there."""
    path = tmp_path / "out" / "film.mp4"

    export(store, film, path, "job")

    assert path.read_bytes() == b"the film"
    assert os.access(path, os.W_OK)
    assert store.has(film)
    assert is_exported(store, film, path)
    assert [p.name for p in path.parent.iterdir()] == ["film.mp4"]


@pytest.fixture
def big(store):
    """A film of 8 MB in the scratch folder of a call."""
    path = store.scratch_folder() / "film.mp4"
    path.write_bytes(os.urandom(8 << 20))
    return path


def moved_bytes():
    """Return the bytes that this process has read and written so far, cached or not: (read, written)."""
    counters = Path("/proc/self/io")
    if not counters.exists():
        pytest.skip("the system does not count the bytes that a process reads and writes")
    rows = dict(line.split(": ") for line in counters.read_text().splitlines())
    return int(rows["rchar"]), int(rows["wchar"])


def test_storing_and_exporting_a_film_reads_it_once_and_never_rewrites_it(store, big, tmp_path):
    """From the scratch folder through the store to `--out` it is hashed once; else only its name changes."""
    path, before = tmp_path / "out" / "film.mp4", moved_bytes()

    film = store.add_file(big)
    export(store, film, path, "job")

    read, written = (now - then for now, then in zip(moved_bytes(), before, strict=True))
    assert 8 << 20 <= read < 9 << 20
    assert written < 1 << 20
    assert path.stat().st_nlink == 1 and store.path(film) == path


def test_without_reflinks_the_export_is_the_same_inode(store, big, tmp_path, monkeypatch):
    """The export is a hard link, and the store drops its name: the inode that the step wrote is the user's film."""
    monkeypatch.setattr("react1.pipeline.store.export.reflink", lambda *_: False)
    path, inode = tmp_path / "film.mp4", big.stat().st_ino

    export(store, store.add_file(big), path, "job")

    assert path.stat().st_ino == inode
    assert path.stat().st_nlink == 1 and os.access(path, os.W_OK)


def test_a_film_is_copied_to_another_disk(store, big, tmp_path, monkeypatch):
    """Without reflinks and hard links it is written once more, completely."""
    monkeypatch.setattr("react1.pipeline.store.export.reflink", lambda *_: False)
    monkeypatch.setattr("react1.pipeline.store.export._link", lambda *_: False)
    content, path = big.read_bytes(), tmp_path / "film.mp4"
    film, before = store.add_file(big), moved_bytes()

    export(store, film, path, "job")

    assert 8 << 20 <= moved_bytes()[1] - before[1] < 9 << 20
    assert path.read_bytes() == content and store.path(film) == path


def test_the_same_film_can_be_exported_twice(store, film, tmp_path):
    """A second path gets its own copy, and the first keeps its film."""
    paths = [tmp_path / "a" / "film.mp4", tmp_path / "b" / "film.mp4"]

    for path in paths:
        export(store, film, path, "job")

    assert [path.read_bytes() for path in paths] == [b"the film"] * 2


def test_a_changed_film_does_not_count_as_exported(store, film, tmp_path):
    """A change by the user is detected."""
    path = tmp_path / "film.mp4"
    export(store, film, path, "job")

    path.write_bytes(b"graded by hand")

    assert not is_exported(store, film, path)
    with pytest.raises(PresetError, match="exists; give --replace"):
        _check(store, path)


def test_another_file_is_replaced_only_with_replace(store, tmp_path):
    """Without --replace the destination is refused; checking never changes the file."""
    path = tmp_path / "film.mp4"
    path.write_bytes(b"precious")

    with pytest.raises(PresetError, match="exists; give --replace"):
        _check(store, path)
    _check(store, path, replace=True)
    assert path.read_bytes() == b"precious"


def test_the_same_job_may_replace_its_own_film_but_another_may_not(store, film, tmp_path):
    """Running a job again needs no --replace; another job with the same out does."""
    path = tmp_path / "film.mp4"
    export(store, film, path, "job")

    _check(store, path, job="job")
    with pytest.raises(PresetError, match="exists; give --replace"):
        _check(store, path, job="another")


@pytest.mark.parametrize("link", ["same", "hard link", "symbolic link"])
def test_the_source_is_never_a_destination(store, tmp_path, link):
    """Not by its own path, nor by a link to it, nor with --replace."""
    source, path = tmp_path / "source.mp4", tmp_path / "out.mp4"
    source.write_bytes(b"source")
    if link == "same":
        path = source
    elif link == "hard link":
        os.link(source, path)
    else:
        path.symlink_to(source)

    with pytest.raises(PresetError, match="never written to"):
        _check(store, path, replace=True, sources=[source])


def test_a_file_that_appears_during_the_run_is_not_replaced(store, film, tmp_path):
    """The destination is checked again when the file gets its name; the film stays in the store."""
    path = tmp_path / "film.mp4"
    _check(store, path)
    path.write_bytes(b"precious")

    with pytest.raises(StorageFailed, match="appeared during the run"):
        export(store, film, path, "job", replace=False)

    assert path.read_bytes() == b"precious"
    assert store.path(film).read_bytes() == b"the film"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("step", ["_rename", "sync_folder"])
def test_a_killed_export_is_finished_by_the_next_run(store, film, tmp_path, monkeypatch, step):
    """Killed before or just after the rename: the film is not lost, and counts as our own."""
    path = tmp_path / "film.mp4"

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(f"react1.pipeline.store.export.{step}", killed)
        export(store, film, path, "job")

    assert store.has(film)
    _check(store, path, job="job")
    export(store, film, path, "job")
    assert path.read_bytes() == b"the film"
    assert not (store.root / "objects" / film.digest[:2] / f"{film.digest}.mp4").exists()


def test_an_export_that_is_killed_right_after_the_rename_is_our_own(store, film, tmp_path, monkeypatch):
    """It is recorded before it gets its name."""
    path = tmp_path / "film.mp4"
    rename = export_module._rename

    def rename_and_die(*arguments):
        rename(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(export_module, "_rename", rename_and_die)
        export(store, film, path, "job")

    assert path.read_bytes() == b"the film"
    _check(store, path, job="job")


@pytest.mark.parametrize("replace", [False, True])
def test_two_runs_of_a_job_export_at_the_same_time(store, film, tmp_path, monkeypatch, replace):
    """The second waits, and finds its film there; two part files of one name would be one film cut short."""
    path, sync, others = tmp_path / "film.mp4", export_module.sync_file, []

    def sync_beside_another_run(part):
        if not others:
            others.append(
                Thread(target=export, args=(Store(store.root), film, path, "job"), kwargs={"replace": replace})
            )
            others[0].start()
            others[0].join(0.2)
        sync(part)

    monkeypatch.setattr(export_module, "sync_file", sync_beside_another_run)
    failures = []
    monkeypatch.setattr("threading.excepthook", failures.append)
    export(store, film, path, "job", replace=replace)
    others[0].join()

    assert failures == []
    assert path.read_bytes() == b"the film"
    assert store.path(film) == path


def _stop_if(event):
    if event.is_set():
        raise Interrupted("stopped")


def test_an_export_that_waits_for_another_says_so_and_can_be_stopped(store, film, tmp_path):
    """The other run may copy to a slow disk for minutes; what it holds stays locked, and nothing is written."""
    path, stop, messages = tmp_path / "film.mp4", Event(), []

    def notify(message):
        messages.append(message)
        stop.set()

    with held_export(store.root, path), stop_checked_by(lambda: _stop_if(stop)), pytest.raises(Interrupted):
        export(store, film, path, "job", notify=notify)

    assert messages == [f"{path}: another run is writing its output; waiting until it has finished"]
    assert not path.exists()


def test_a_copy_to_another_disk_can_be_stopped(store, big, tmp_path, monkeypatch):
    """No part of it is left."""
    monkeypatch.setattr("react1.pipeline.store.export.reflink", lambda *_: False)
    monkeypatch.setattr("react1.pipeline.store.export._link", lambda *_: False)
    film, stop = store.add_file(big), Event()
    stop.set()

    with stop_checked_by(lambda: _stop_if(stop)), pytest.raises(Interrupted):
        export(store, film, tmp_path / "out" / "film.mp4", "job")

    assert list((tmp_path / "out").iterdir()) == []
    assert store.has(film)


def test_content_that_a_killed_export_left_is_known_by_its_new_path(store, film, tmp_path, monkeypatch):
    """The store drops its own name: as a hard link it would change with the user's film."""
    path = tmp_path / "film.mp4"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Store, "record_external", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        export(store, film, path, "job")

    export(store, film, path, "job")

    assert store.path(film) == path
    assert not store.object_path(film).exists()


def test_an_export_counts_for_its_own_content_only(store, film, tmp_path):
    """Another result is not exported where this one is."""
    other_path = store.scratch_folder() / "other.mp4"
    other_path.write_bytes(b"other film")
    other, path = store.add_file(other_path), tmp_path / "film.mp4"

    export(store, film, path, "job")

    assert is_exported(store, film, path)
    assert not is_exported(store, other, path)


def test_an_object_that_another_process_moves_meanwhile_is_found_again(store, film, tmp_path, monkeypatch):
    """The path is looked up once more; a second failure is an error."""
    find, paths = store.path, [tmp_path / "moved.mp4"]
    monkeypatch.setattr(store, "path", lambda file: paths.pop() if paths else find(file))

    export(store, film, tmp_path / "film.mp4", "job")

    assert (tmp_path / "film.mp4").read_bytes() == b"the film"
    monkeypatch.setattr(store, "path", lambda file: tmp_path / "moved.mp4")
    with pytest.raises(StorageFailed, match="No such file"):
        export(store, film, tmp_path / "again.mp4", "job")


def test_the_last_four_exports_to_a_path_are_recorded(store, tmp_path):
    """A job that exported there five exports ago needs --replace."""
    path = tmp_path / "film.mp4"
    for number in range(6):
        film = store.scratch_folder() / "film.mp4"
        film.write_bytes(b"film %d" % number)
        export(store, store.add_file(film), path, f"job {number}")

    (records,) = (store.root / "exports").rglob("*.json")

    assert [record["job"] for record in json.loads(records.read_text())] == ["job 5", "job 4", "job 3", "job 2"]


@pytest.mark.parametrize("content", ["{", "{}", '[1, {"digest": "x"}]'])
def test_a_damaged_record_of_exports_counts_as_none(store, film, tmp_path, content):
    """The file is then another's, and needs --replace."""
    path = tmp_path / "film.mp4"
    export(store, film, path, "job")
    (records,) = (store.root / "exports").rglob("*.json")
    records.write_text(content)

    assert not is_exported(store, film, path)
    with pytest.raises(PresetError, match="exists; give --replace"):
        _check(store, path)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_the_umask_decides_the_mode_of_an_export(store, film, tmp_path, mask, mode):
    """As for every new file of the user."""
    before = os.umask(mask)
    try:
        export(store, film, tmp_path / "film.mp4", "job")
    finally:
        os.umask(before)

    assert (tmp_path / "film.mp4").stat().st_mode & 0o777 == mode


def test_an_export_leaves_the_umask_alone(store, film, tmp_path, monkeypatch):
    """It belongs to the process: a file that another thread creates meanwhile would have another mode."""
    monkeypatch.setattr(os, "umask", lambda _: pytest.fail("the umask was changed"))

    export(store, film, tmp_path / "film.mp4", "job")


def test_a_folder_is_our_own_only_if_every_file_in_it_is(store, film, tmp_path):
    """A foreign file in the folder of clips needs --replace."""
    folder = tmp_path / "clips"
    export(store, film, folder / "a.mp4", "job")
    _check(store, folder, job="job", folder=True)

    (folder / "notes.txt").write_text("precious")

    with pytest.raises(PresetError, match="exists; give --replace"):
        _check(store, folder, job="job", folder=True)


def test_a_part_file_of_a_killed_export_is_removed_and_never_written_to(store, film, tmp_path, monkeypatch):
    """It may be a hard link to content of the store, which a copy would overwrite."""
    monkeypatch.setattr(export_module, "reflink", lambda *_: False)
    monkeypatch.setattr(export_module, "_link", lambda *_: False)
    linked, path, parts = tmp_path / "linked", tmp_path / "film.mp4", []
    linked.write_bytes(b"content of the store")
    with monkeypatch.context() as patch, pytest.raises(StorageFailed):
        patch.setattr(export_module, "_copy_content", lambda _store, _file, part: parts.append(part))
        export(store, film, path, "job")
    os.link(linked, parts[0])

    export(store, film, path, "job")

    assert linked.read_bytes() == b"content of the store"
    assert path.read_bytes() == b"the film"


def test_without_hard_links_a_file_that_appears_is_not_replaced_either(store, film, tmp_path, monkeypatch):
    """The name is reserved before the rename."""

    def no_links(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "second.mp4"
    export(store, film, tmp_path / "first.mp4", "job", replace=False)
    path.write_bytes(b"precious")

    with pytest.raises(StorageFailed, match="File exists"):
        export(store, film, path, "job", replace=False)

    assert (tmp_path / "first.mp4").read_bytes() == b"the film"
    assert path.read_bytes() == b"precious"


def test_a_destination_of_the_wrong_type_is_refused_before_anything_runs(store, tmp_path):
    """A film cannot replace a folder, nor a folder of clips a file, nor either an object of the store."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(PresetError, match="is a folder; name a file"):
        _check(store, tmp_path, replace=True)
    with pytest.raises(PresetError, match="a folder is needed"):
        _check(store, tmp_path / "file", replace=True, folder=True)
    with pytest.raises(PresetError, match="is inside the store"):
        _check(store, store.root / "objects" / "film.mp4")


@pytest.mark.parametrize("name", ["x" * 300 + ".mp4", "名" * 85 + ".mp4"])
def test_a_name_that_is_too_long_is_refused(store, tmp_path, name):
    """The system's limit is reported before the work, not after it."""
    with pytest.raises(PresetError, match="cannot be a file"):
        _check(store, tmp_path / name)


def test_a_name_as_long_as_the_system_allows_is_exported(store, film, tmp_path):
    """The name of the hidden part file is independent of it."""
    path = tmp_path / ("名" * 83 + ".mp4")

    _check(store, path)
    export(store, film, path, "job")

    assert path.read_bytes() == b"the film"


def test_an_export_of_another_job_is_our_own_once_our_result_is_the_same(store, film, tmp_path):
    """The next run of either job needs no --replace."""
    path = tmp_path / "film.mp4"
    export(store, film, path, "job")

    record_export(store, film, path, "another")

    _check(store, path, job="job")
    _check(store, path, job="another")


def test_a_device_is_refused_even_with_replace(store):
    """A rename would remove the device from the machine."""
    with pytest.raises(PresetError, match="a device or a pipe"):
        _check(store, Path("/dev/null"), replace=True)


def test_a_destination_inside_a_file_is_refused(store, tmp_path):
    """The parent must be a folder."""
    (tmp_path / "folder").write_text("a file")

    with pytest.raises(PresetError, match="not a writable folder"):
        _check(store, tmp_path / "folder" / "film.mp4")


@pytest.mark.parametrize("existing", [False, True])
def test_a_film_is_written_to_where_a_link_points(store, film, tmp_path, existing):
    """The link stays a link, and a second run of the job knows its film there; another job does not replace it."""
    disk, link = tmp_path / "disk", tmp_path / "film.mp4"
    disk.mkdir()
    link.symlink_to("disk/new.mp4")
    if existing:
        (disk / "new.mp4").write_bytes(b"old")
        with pytest.raises(PresetError, match=r"exists; give --replace"):
            _check(store, link)

    _check(store, link, replace=existing)
    export(store, film, link, "job", replace=existing)

    assert link.is_symlink()
    assert (disk / "new.mp4").read_bytes() == b"the film"
    assert [path.name for path in disk.iterdir()] == ["new.mp4"]
    assert is_exported(store, film, link)
    _check(store, link)
    for path in (link, disk / "new.mp4"):
        with pytest.raises(PresetError, match="exists; give --replace"):
            _check(store, path, job="another")


@pytest.mark.parametrize("replace", [False, True])
def test_a_link_that_leads_nowhere_is_refused_before_anything_runs(store, tmp_path, replace):
    """A folder that a link names may be on a disk that is not mounted: it is not made."""
    for name, end in (("away.mp4", "gone/film.mp4"), ("clips", "gone"), ("loop.mp4", "loop.mp4")):
        (tmp_path / name).symlink_to(end)

    with pytest.raises(PresetError, match=f"is a link to {tmp_path}/gone/film.mp4, and {tmp_path}/gone does not exist"):
        _check(store, tmp_path / "away.mp4", replace=replace)
    with pytest.raises(PresetError, match=f"{tmp_path}/clips is a link to {tmp_path}/gone, which does not exist"):
        _check(store, tmp_path / "clips", replace=replace, folder=True)
    with pytest.raises(PresetError, match=f"{tmp_path}/clips is a link to {tmp_path}/gone, which does not exist"):
        _check(store, tmp_path / "clips" / "film.mp4", replace=replace)
    with pytest.raises(PresetError, match="is a link that leads to itself"):
        _check(store, tmp_path / "loop.mp4", replace=replace)
