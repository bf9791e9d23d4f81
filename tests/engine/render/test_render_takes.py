"""Several takes of one clip, and takes of faces that were found before: always the bytes of a take by itself."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import astronaut
import numpy as np
import pytest
from rooms import FolderRoom

from react1.pipeline.core.choices import React1Choices
from react1.pipeline.core.errors import InputMediaError, Interrupted
from react1.pipeline.engine.detect import detect, detection_cache
from react1.pipeline.engine.render import draw
from react1.pipeline.engine.render.render import find_faces, render, render_takes
from react1.pipeline.engine.take_job import TakeJob
from react1.pipeline.net.ssrf import NetworkPolicy
from react1.pipeline.providers.local_faces import detect_faces_cached
from react1.pipeline.providers.parameters import React1Request
from react1.pipeline.server.worker import render_take
from react1.pipeline.server.worker_protocol import WorkerRequest


@pytest.fixture(scope="module")
def short(engine_ready: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of the portrait, two of them without a face."""
    return astronaut.write_clip(tmp_path_factory.mktemp("short") / "talk.mp4", frames=12, faceless=range(9, 11))


@pytest.fixture(scope="module")
def found(short: Path) -> detect.Scouted:
    return find_faces(short, lambda _: None)


@pytest.fixture(scope="module")
def alone(short: Path, found: detect.Scouted, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A take by itself, whose faces were looked for."""
    return take(short, tmp_path_factory.mktemp("alone"))


def take(clip: Path, folder: Path, **how) -> bytes:
    render(
        clip, None, folder / "take.mp4", React1Choices(prompt="happy", temperature=0.8), progress=lambda _: None, **how
    )
    return (folder / "take.mp4").read_bytes()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a face finder was opened."""
    times: list[int] = []
    finder = detect.FaceFinder
    monkeypatch.setattr(detect, "FaceFinder", lambda: (times.append(1), finder())[1])
    return times


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_does_not_show(
    short: Path, alone: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """One worker and three give the bytes that the usual number gives."""
    monkeypatch.setattr(draw, "workers", lambda: threads)

    assert take(short, tmp_path) == alone


def test_takes_made_together_are_those_made_alone(short: Path, alone: bytes, tmp_path: Path) -> None:
    """Three expressions, one of them twice as long by its voice: each file has the bytes of its own run."""
    voice = astronaut.write_wav(tmp_path / "v.wav", astronaut.syllables(0.96))
    wanted = [
        (React1Choices(prompt="happy", temperature=0.8), None),
        (React1Choices(prompt="sad", temperature=0.6, model_mode="lips"), None),
        (React1Choices(prompt="angry", temperature=0.7, sync_mode="bounce"), voice),
    ]
    jobs = [TakeJob(tmp_path / f"{number}.mp4", one, sound) for number, (one, sound) in enumerate(wanted)]

    shares: list[float] = []
    together = render_takes(short, jobs, progress=shares.append)

    assert jobs[0].out.read_bytes() == alone
    for job, figures in zip(jobs[1:], together[1:], strict=True):
        single = render(short, job.voice, tmp_path / "single.mp4", job.choices, progress=lambda _: None)
        assert job.out.read_bytes() == (tmp_path / "single.mp4").read_bytes()
        assert figures == single
    assert [figures.frames for figures in together] == [12, 12, 24]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_no_take_is_begun_where_one_of_them_cannot_be(short: Path, found: detect.Scouted, tmp_path: Path) -> None:
    """A span without a face in the second job: nothing is written for the first."""
    jobs = [TakeJob(tmp_path / "a.mp4"), TakeJob(tmp_path / "b.mp4", span=(9, 11))]

    with pytest.raises(InputMediaError, match="no face found in frames 9 to 10"):
        render_takes(short, jobs, scouted=found, progress=lambda _: None)

    assert list(tmp_path.iterdir()) == []


def test_more_takes_than_are_written_at_a_time(
    short: Path, found: detect.Scouted, alone: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at a time, three wanted: all are the take by itself."""
    monkeypatch.setattr(draw, "TOGETHER", 2)
    jobs = [TakeJob(tmp_path / f"{number}.mp4", React1Choices(prompt="happy", temperature=0.8)) for number in range(3)]

    render_takes(short, jobs, scouted=found, progress=lambda _: None)

    assert all(job.out.read_bytes() == alone for job in jobs)


def test_findings_are_kept_as_they_were(found: detect.Scouted, tmp_path: Path) -> None:
    """Every number of every frame, also where there is no face; and the same findings give the same bytes."""
    for name in ("one.npz", "two.npz"):
        detection_cache.write_scouted(tmp_path / name, found)

    again = detection_cache.read_scouted(tmp_path / "one.npz")

    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert again is not None
    assert again.times == found.times
    assert [len(one.faces) for one in again.sightings] == [1] * 9 + [0] * 2 + [1]
    assert [plain(one) for one in again.sightings] == [plain(one) for one in found.sightings]


def plain(value):
    """Any finding as plain values, with every field that it has."""
    if dataclasses.is_dataclass(value):
        return [(field.name, plain(getattr(value, field.name))) for field in dataclasses.fields(value)]
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize(
    "harm",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:3000] + bytes([whole[3000] ^ 0x40]) + whole[3001:],
        lambda whole: b"",
        lambda whole: b"not a file of arrays",
    ],
    ids=["cut", "one bit", "empty", "text"],
)
def test_a_damaged_file_is_no_file(found: detect.Scouted, tmp_path: Path, harm) -> None:
    """Cut off, a bit turned, empty, another kind: None, without an error."""
    detection_cache.write_scouted(tmp_path / "f.npz", found)
    (tmp_path / "f.npz").write_bytes(harm((tmp_path / "f.npz").read_bytes()))

    assert detection_cache.read_scouted(tmp_path / "f.npz") is None


def test_a_file_of_other_arrays_is_no_file(found: detect.Scouted, tmp_path: Path) -> None:
    """One array missing; arrays of different lengths; objects, which are not even looked at."""
    detection_cache.write_scouted(tmp_path / "f.npz", found)
    arrays = dict(np.load(tmp_path / "f.npz"))
    others = [
        {name: array for name, array in arrays.items() if name != "asked"},
        {**arrays, "points": arrays["points"][:-1]},
        {**arrays, "times": arrays["times"][:-1]},
        {**arrays, "small": arrays["small"][:, 1:]},
        {**arrays, "times": np.array([{}], object)},
    ]

    for number, other in enumerate(others):
        np.savez(tmp_path / f"{number}.npz", **other)
        assert detection_cache.read_scouted(tmp_path / f"{number}.npz") is None


def test_a_second_take_does_not_look_for_faces(
    short: Path, alone: bytes, tmp_path: Path, opened: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first asks the finder; the second has its bytes without; damaged or of another version, it asks again."""
    context = FolderRoom(tmp_path)
    clip = context.add_external(short)

    first = detect_faces_cached(context, clip, context.progress)
    second = detect_faces_cached(context, clip, context.progress)

    assert len(opened) == 1
    assert take(context.path(clip), tmp_path, scouted=first) == alone
    assert take(context.path(clip), tmp_path, scouted=second) == alone
    (stored,) = (tmp_path / "remembered").iterdir()
    stored.write_bytes(stored.read_bytes()[:100])
    detect_faces_cached(context, clip, context.progress)
    assert len(opened) == 2
    monkeypatch.setattr(detection_cache, "VERSION", detection_cache.VERSION + 1)
    detect_faces_cached(context, clip, context.progress)
    assert len(opened) == 3
    assert len(opened) == len({path.name for path in (tmp_path / "remembered").iterdir()}) + 1


def test_the_server_looks_for_the_faces_of_a_clip_once(short: Path, tmp_path: Path, opened: list[int]) -> None:
    """Two requests for the same clip, each in a folder of its own: the second makes a take without the finder."""
    voice = astronaut.write_wav(tmp_path / "v.wav", astronaut.syllables(0.48))
    told = []
    for prompt in ("happy", "sad"):
        folder = tmp_path / prompt
        folder.mkdir()
        request = React1Request(video_url="http://a/v.mp4", audio_url="http://a/v.wav", prompt=prompt)
        order = WorkerRequest(
            parameters=request,
            video_file=str(short),
            audio_file=str(voice),
            fetch_bytes=1,
            fetch_s=1,
            network=NetworkPolicy(allow_loopback=True),
            perturbations=(),
            home=str(tmp_path / "home"),
        )
        told.append(render_take(order, folder))

    assert len(opened) == 1
    assert [one.output_s for one in told] == [0.48, 0.48]


def test_calls_at_once_look_for_faces_once(short: Path, tmp_path: Path, opened: list[int]) -> None:
    """Two threads want the faces of the same clip: one looks, both have them."""
    context = FolderRoom(tmp_path)
    clip, given = context.add_external(short), []
    both = [threading.Thread(target=lambda: given.append(detect_faces_cached(context, clip, lambda _: None))) for _ in range(2)]

    for thread in both:
        thread.start()
    for thread in both:
        thread.join()

    assert len(opened) == 1
    assert [one.times for one in given] == [given[0].times] * 2


def test_a_stopped_wait_for_another_call_ends(short: Path, tmp_path: Path) -> None:
    """Who waits for the finder of another call still asks whether to go on."""
    context = FolderRoom(tmp_path)
    clip = context.add_external(short)
    stopped: list[str] = []

    def stop(_share: float) -> None:
        raise Interrupted("stopped")

    def waits(share: float) -> None:
        if not stopped:
            other = threading.Thread(target=lambda: stopped.extend(_says(detect_faces_cached, context, clip, stop)))
            other.start()
            other.join()
        assert share >= 0

    detect_faces_cached(context, clip, waits)

    assert stopped == ["stopped"]


def _says(function, *arguments) -> list[str]:
    try:
        function(*arguments)
    except Interrupted as error:
        return [str(error)]
    return []


@pytest.mark.parametrize("after", [3, 15])
def test_a_stopped_take_leaves_no_thread_and_no_open_file(short: Path, tmp_path: Path, after: int) -> None:
    """Stopped in the first pass and in the second: no thread of the engine runs, and neither file is open."""
    calls: list[float] = []

    def stop(share: float) -> None:
        calls.append(share)
        if len(calls) == after:
            raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        render(short, None, tmp_path / "take.mp4", React1Choices(), progress=stop)

    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("react1-")] == []
    opened = {str(path.resolve()) for path in Path("/proc/self/fd").glob("*")} if Path("/proc/self/fd").exists() else {}
    assert not {str(short), str(tmp_path / "take.mp4")} & set(opened)
