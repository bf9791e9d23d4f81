"""A studio that is busy: work that waits, pages that fall behind, films that take long to open, edits that go."""

from __future__ import annotations

import asyncio
import os
import threading
from types import SimpleNamespace

import pytest
import toys
from export_lock import held_export
from numbered_clips import make_clip
from running_studio import wait_for

from react1.pipeline.core.errors import Interrupted, PresetError, StorageFailed
from react1.pipeline.studio import event_stream
from react1.pipeline.studio import studio as studio_module
from react1.pipeline.studio.background_work import Work
from react1.pipeline.studio.event_stream import EventStream
from react1.pipeline.studio.projects.project import Project
from react1.pipeline.studio.projects.project_state import describe_project
from react1.pipeline.studio.studio import Studio
from react1.pipeline.studio.studio_options import StudioOptions


@pytest.fixture
def folder(tmp_path):
    """A folder with a film of 40 frames."""
    make_clip(tmp_path / "film.mp4", frames=40, size=(64, 48), tracks=0)
    return tmp_path


@pytest.fixture
def studio(folder):
    opened = Studio(StudioOptions(folder / "home", (folder,)))
    yield opened
    opened.close()


def test_what_waits_stops_at_once(tmp_path):
    """Not only when its turn would come, which may be hours later; and it is not done then."""
    work, go, stopped, begun = Work(tmp_path, lambda *_: None), threading.Event(), [], []

    def refuse(name: str) -> None:
        begun.append(name)
        go.wait(20)
        raise PresetError("to end it here")

    for name in ("first", "second"):
        work.start(name, lambda name=name: refuse(name), lambda *_: None, lambda error, name=name: stopped.append(name))
    wait_for(lambda: begun)
    work.stop("second")

    assert stopped == ["second"]
    assert list(work.progress) == ["first"]
    go.set()
    work.close()
    assert begun == ["first"]


def test_a_film_that_waits_for_another_run_says_so_and_stops(tmp_path):
    """The other run, such as one of the command line, writes to the same path."""
    source, out, shown, failures = tmp_path / "film.txt", tmp_path / "out.txt", [], []
    source.write_text("film")
    work = Work(tmp_path / "home", lambda _, progress: shown.append(progress.doing))

    with held_export(tmp_path / "home", out):
        work.start("film", lambda: toys.toy_job(source, out), lambda *_: None, failures.append)
        wait_for(lambda: f"{out}: another run is writing its output; waiting until it has finished" in shown)
        work.stop("film")
        wait_for(lambda: failures)

    assert [type(error) for error in failures] == [Interrupted]
    assert not out.exists()
    work.close()


def test_what_is_being_made_is_not_begun_twice(tmp_path):
    """Two tabs may ask for it in the same moment."""
    work, go, begun = Work(tmp_path, lambda *_: None), threading.Event(), []

    def load() -> None:
        begun.append(1)
        go.wait(20)
        raise PresetError("to end it here")

    for _ in range(2):
        work.start("take", load, lambda *_: None, lambda _: None, paid=True)
    wait_for(lambda: begun)
    go.set()
    wait_for(lambda: not work.progress)
    work.close()

    assert begun == [1]


def test_a_page_that_falls_behind_connects_again():
    """It would else miss an event, and show for ever what was before it."""

    async def heard() -> list[str]:
        events = EventStream()
        events.bind(asyncio.get_running_loop())
        stream = events.listen()
        lines = [await anext(stream)]
        for number in range(500):
            events.send("progress", item=str(number))
        events.send("project", project="p")
        await asyncio.sleep(0)
        return lines + [line async for line in stream]

    lines = asyncio.run(asyncio.wait_for(heard(), 20))

    assert lines[0].startswith("retry")
    assert '"399"' in lines[-1]


def test_a_studio_without_news_says_that_it_is_alive(monkeypatch):
    """A page hears the difference between nothing new and nothing at all."""
    monkeypatch.setattr(event_stream, "_ALIVE_S", 0.01)

    async def heard() -> list[str]:
        events = EventStream()
        events.bind(asyncio.get_running_loop())
        stream = events.listen()
        return [await anext(stream) for _ in range(3)]

    lines = asyncio.run(asyncio.wait_for(heard(), 20))

    assert lines[1:] == ['data: {"kind":"alive"}\n\n'] * 2


def test_a_film_that_takes_long_to_open_holds_up_no_other(folder, studio, monkeypatch):
    """An hour of film is read from its first to its last byte before it can be shown."""
    make_clip(folder / "long.mp4", frames=5, size=(64, 48), tracks=0)
    project, go, opening, got = studio.open(folder / "film.mp4"), threading.Event(), threading.Event(), []

    class SlowProject(Project):
        def __init__(self, *arguments, **options):
            opening.set()
            go.wait(20)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(studio_module, "Project", SlowProject)
    threads = [threading.Thread(target=lambda: got.append(studio.open(folder / "long.mp4"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert opening.wait(10)
    other = threading.Thread(target=lambda: got.append(studio.project(project.id)))
    other.start()
    other.join(5)

    assert got == [project]
    go.set()
    for thread in threads:
        thread.join(20)
    assert got[1] is got[2]


def test_a_film_that_is_read_again_holds_up_no_news_of_other_files(folder, studio, monkeypatch):
    """Minutes pass until a long film that was changed is read; jobs, its own too, are watched meanwhile."""
    make_clip(folder / "long.mp4", frames=5, size=(64, 48), tracks=0)
    long, other = studio.open(folder / "long.mp4"), studio.open(folder / "film.mp4")
    go, reading, notified = threading.Event(), threading.Event(), []
    read_again = long.read_film_again

    def read_slowly() -> None:
        reading.set()
        go.wait(20)
        read_again()

    monkeypatch.setattr(studio_module, "_WATCH_S", 0.02)
    monkeypatch.setattr(long, "read_film_again", read_slowly)
    for project in (long, other):
        monkeypatch.setattr(project, "_notify", lambda _kind, project, **_: notified.append(project))

    async def watch() -> None:
        watching = asyncio.create_task(studio.watch_files())
        make_clip(folder / "long.mp4", frames=6, size=(64, 48), tracks=0)
        await asyncio.to_thread(wait_for, reading.is_set)
        for project in (other, long):
            project.job.path.write_text("preset: emotion-edit\nsource: film.mp4\nedits: []\n")
            await asyncio.to_thread(wait_for, lambda project=project: project.id in notified, limit_s=5)
        go.set()
        await asyncio.to_thread(wait_for, lambda: long.video.frame_count == 6)
        watching.cancel()

    asyncio.run(watch())


def test_takes_of_an_edit_that_is_removed_are_stopped(folder, studio, monkeypatch):
    """Nobody sees them any more, and others wait for them; those of other edits go on."""
    lines = [f"  - {{{span}, prompt: sad}}\n" for span in ("name: a, in: 1f, out: 9f", "name: b, in: 20f, out: 29f")]
    edits = "".join(lines)
    (folder / "film.mp4.react1.yaml").write_text(f"preset: emotion-edit\nsource: film.mp4\nedits:\n{edits}")
    project, go = studio.open(folder / "film.mp4"), threading.Event()

    def stuck(_take):
        go.wait(20)
        raise Interrupted("stopped")

    monkeypatch.setattr(project, "take_job", stuck)
    for written in project.edits():
        studio.make_takes(project, project.want_takes(written, [{}], "local", None))
    first, second = project.list.record.takes
    wait_for(lambda: first.state == "working")

    written = project.edits()[1]
    job = project.job.path
    job.write_text(job.read_text().replace("sad", "bored", 1))  # the other one is wrong now, but not removed
    studio.remove_edit(project, written.index, written.digest)
    states = (first.state, second.state)
    go.set()

    assert states == ("working", "stopped")


def test_a_new_edit_gets_no_takes_of_a_removed_one(folder, studio):
    """They would be listed with it, by its name, though they are of another place; undo gives the other one its own."""
    from react1.pipeline.studio.routes.project_routes import add_edit
    from react1.pipeline.studio.routes.requests import AddEdit

    project = studio.open(folder / "film.mp4")
    request = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(studio=studio)))
    first = add_edit(request, project.id, AddEdit(start=1, end=9, fields={}))
    (wanted,) = project.want_takes(project.edits()[0], [{}], "local", None)
    project.list.update(project.list.add_take(wanted), state="done")
    studio.remove_edit(project, 0, first.state.edits[0].digest)

    second = add_edit(request, project.id, AddEdit(start=20, end=29, fields={}))

    assert (first.added, second.added) == ("edit-1", "edit-2")
    assert second.state.edits[0].takes == []


@pytest.mark.slow
def test_several_takes_cost_no_more_than_was_agreed_to_for_all(folder, studio, monkeypatch):
    """Each is a run of its own; all of them could else cost as much as was agreed to for them together."""
    from react1.pipeline.studio.routes.project_routes import make_takes, takes_bill
    from react1.pipeline.studio.routes.requests import TakesBody
    from react1.testing import FakeProvider

    job = folder / "film.mp4.react1.yaml"
    job.write_text("preset: emotion-edit\nsource: film.mp4\nedits:\n  - {in: 15f, out: 25f, prompt: sad, name: a}\n")
    project, started = studio.open(folder / "film.mp4"), []
    monkeypatch.setattr(studio.work, "start", lambda *_, agreed_usd, **__: started.append(agreed_usd))
    request = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(studio=studio)))
    body = {"choices": {"prompt": ["sad", "happy"]}, "provider": "fake"}
    with FakeProvider():

        def wanted(**more):
            (written,) = project.edits()
            return TakesBody.model_validate({**body, "index": 0, "digest": written.digest, **more})

        usd = takes_bill(request, project.id, wanted()).usd
        job.write_text(job.read_text().replace("edits:", "handles: 12f\nedits:"))  # another tab, after the bill
        with pytest.raises(PresetError, match=r"these takes cost \$.* now, and \$.* was agreed to; nothing was sent"):
            make_takes(request, project.id, wanted(agreed_usd=usd))
        refused = list(started)
        job.write_text(job.read_text().replace("handles: 12f\n", ""))
        make_takes(request, project.id, wanted(agreed_usd=usd))

    assert refused == []
    assert started == pytest.approx([usd / 2, usd / 2])


def test_a_film_is_recorded_with_the_job_that_it_is_made_of(folder, studio, monkeypatch):
    """It may have waited for others while the job was changed; the page says of an older one that it is."""
    job = folder / "film.mp4.react1.yaml"
    job.write_text("preset: emotion-edit\nsource: film.mp4\nedits:\n  - {in: 1f, out: 9f, prompt: sad}\n")
    project, go, begun = studio.open(folder / "film.mp4"), threading.Event(), threading.Event()

    def first(*_):
        begun.set()
        go.wait(20)
        raise PresetError("to end it here")

    monkeypatch.setattr(project, "film_job", first)
    for _ in range(2):
        studio.make_film(project, "film", "local", None, False)
    assert begun.wait(10)
    job.write_text(job.read_text().replace("sad", "happy"))
    go.set()
    wait_for(lambda: not studio.work.progress)

    films = studio.state(project).films
    assert [film.is_current for film in films] == [True, False]


def test_a_full_disk_leaves_no_take_that_seems_to_be_made(folder, studio, monkeypatch):
    """The page is notified what went wrong, although it cannot be written down."""
    job = folder / "film.mp4.react1.yaml"
    job.write_text("preset: emotion-edit\nsource: film.mp4\nedits:\n  - {in: 1f, out: 9f, prompt: sad, name: a}\n")
    project, events = studio.open(folder / "film.mp4"), []
    (wanted,) = project.want_takes(project.edits()[0], [{}], "local", None)
    take = project.list.add_take(wanted)

    def full() -> None:
        raise StorageFailed("no space left")

    monkeypatch.setattr(project.list, "save", full)
    monkeypatch.setattr(project, "_notify", lambda kind, **_: events.append((kind, take.state)))
    studio._make_take(project, take)
    wait_for(lambda: not studio.work.progress)

    assert events[-1] == ("project", "failed")
    assert "no space left" in take.error
    monkeypatch.undo()


def test_what_could_not_be_made_of_a_film_is_tried_again_when_it_is_opened_again(folder, studio, monkeypatch):
    """The disk was full, say; the page is loaded again when there is space."""
    tries = []

    def fail(*_):
        tries.append(1)
        raise StorageFailed("no space left")

    monkeypatch.setattr(studio_module, "make_proxy", fail)
    project = studio.open(folder / "film.mp4")
    studio.media_file(project, "proxy")
    failed = wait_for(lambda: studio.media_file(project, "proxy")[2])
    again = studio.media_file(project, "proxy")[2]

    studio.open(folder / "film.mp4")
    studio.media_file(project, "proxy")

    wait_for(lambda: len(tries) == 2, limit_s=10)
    assert failed == again == "no space left"


def test_edits_of_one_name_are_notified_apart(folder, studio):
    """A line that was copied in a text editor: no film is made of both, and the page names the second one otherwise."""
    line = "  - {in: 1f, out: 9f, prompt: sad, name: a}\n"
    (folder / "film.mp4.react1.yaml").write_text(
        f"preset: emotion-edit\nsource: film.mp4\nedits:\n{line}{line.replace('1f, out: 9f', '20f, out: 29f')}"
    )

    first, second = describe_project(studio.open(folder / "film.mp4"), {}).edits

    assert (first.name, first.problem) == ("a", "")
    assert (second.name, second.problem) == (
        "a (2)",
        "another edit has the name a too; give this one its own in the job file",
    )


def test_a_name_that_is_no_text_hides_no_other_film(folder):
    """Archives have names in other encodings; no page can name such a film, and all others are listed."""
    from react1.pipeline.studio.routes.project_routes import library

    film = folder / os.fsdecode(b"caf\xe9.mp4")
    (folder / "film.mp4").rename(folder / "kept.mp4")
    try:
        os.link(folder / "kept.mp4", film)
    except OSError:
        pytest.skip("this file system takes no such name")
    options = StudioOptions(folder / "home", (folder,), film)
    studio = Studio(options)

    answer = library(SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(studio=studio))))

    assert [item["name"] for item in answer.model_dump(mode="json")["files"]] == ["kept.mp4"]
    assert answer.model_dump_json()
    studio.close()


@pytest.mark.slow
def test_a_minute_of_film_is_shown_beside_its_take(tmp_path):
    """At 59.94 frames/s it has twice the frames."""
    from react1.pipeline.studio.routes.media_routes import source_clip

    make_clip(tmp_path / "film.mp4", frames=3700, size=(64, 48), tracks=0)
    studio = Studio(StudioOptions(tmp_path / "home", (tmp_path,)))
    project = studio.open(tmp_path / "film.mp4")
    request = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(studio=studio)))

    assert source_clip(request, project.id, 0, 3650).media_type == "video/mp4"
    studio.close()
