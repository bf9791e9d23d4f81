"""Several takes of one clip, and takes with cached faces: always the bytes of a take rendered alone."""

from __future__ import annotations

import dataclasses
import re
import threading
from pathlib import Path

import astronaut
import numpy as np
import pytest

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.core.errors import InputMediaError, Interrupted
from react1.pipeline.engine.detect import detect
from react1.pipeline.engine.detect import detect as detect_module
from react1.pipeline.engine.render import draw
from react1.pipeline.engine.render.render import find_faces, render, render_takes
from react1.pipeline.engine.take_job import TakeJob
from react1.pipeline.net.url import NetworkPolicy
from react1.pipeline.providers.contract import React1Request
from react1.pipeline.providers.local import detect_faces_cached
from react1.pipeline.server.worker import render_take
from react1.pipeline.server.worker_protocol import WorkerRequest
from react1.testing import FolderContext

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def short(engine_ready: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of the portrait, two of them without a face."""
    return astronaut.write_clip(tmp_path_factory.mktemp("short") / "talk.mp4", frames=12, faceless=range(9, 11))


@pytest.fixture(scope="module")
def detections(short: Path) -> detect.Detections:
    return find_faces(short, lambda _: None)


@pytest.fixture(scope="module")
def alone(short: Path, detections: detect.Detections, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A take rendered alone, with its own face detection."""
    return take(short, tmp_path_factory.mktemp("alone"))


def take(clip: Path, folder: Path, **options) -> bytes:
    job = TakeJob(folder / "take.mp4", React1Choices(prompt="happy", temperature=0.8))
    render(clip, job, progress=lambda _: None, **options)
    return (folder / "take.mp4").read_bytes()


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record every opening of a face finder."""
    times: list[int] = []
    finder = detect.FaceFinder
    monkeypatch.setattr(detect, "FaceFinder", lambda: (times.append(1), finder())[1])
    return times


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_does_not_change_the_bytes(
    short: Path, alone: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """One and three workers give the same bytes as the default number."""
    monkeypatch.setattr(draw, "thread_count", lambda: threads)

    assert take(short, tmp_path) == alone


def test_takes_rendered_together_equal_takes_rendered_alone(short: Path, alone: bytes, tmp_path: Path) -> None:
    """Of three expressions, one twice as long by its voice, each file has the bytes of its own run."""
    voice = astronaut.write_wav(tmp_path / "v.wav", astronaut.syllables(0.96))
    requests = [
        (React1Choices(prompt="happy", temperature=0.8), None),
        (React1Choices(prompt="sad", temperature=0.6, model_mode="lips"), None),
        (React1Choices(prompt="angry", temperature=0.7, sync_mode="bounce"), voice),
    ]
    jobs = [TakeJob(tmp_path / f"{number}.mp4", choices, sound) for number, (choices, sound) in enumerate(requests)]

    shares: list[float] = []
    together = render_takes(short, jobs, progress=shares.append)

    assert jobs[0].out.read_bytes() == alone
    for job, metrics in zip(jobs[1:], together[1:], strict=True):
        single = render(short, dataclasses.replace(job, out=tmp_path / "single.mp4"), progress=lambda _: None)
        assert job.out.read_bytes() == (tmp_path / "single.mp4").read_bytes()
        assert metrics == single
    assert [metrics.frames for metrics in together] == [12, 12, 24]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_no_take_is_written_if_one_of_them_is_refused(
    short: Path, detections: detect.Detections, tmp_path: Path
) -> None:
    """If the span of the second job has no face, nothing is written for the first."""
    jobs = [TakeJob(tmp_path / "a.mp4"), TakeJob(tmp_path / "b.mp4", span=(9, 11))]

    with pytest.raises(InputMediaError, match="no face found in frames 9–10"):
        render_takes(short, jobs, detections=detections, progress=lambda _: None)

    assert list(tmp_path.iterdir()) == []


def test_more_takes_than_are_written_at_once(
    short: Path, detections: detect.Detections, alone: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three takes, two at once, all equal the take rendered alone."""
    monkeypatch.setattr(draw, "TAKES_AT_ONCE", 2)
    jobs = [TakeJob(tmp_path / f"{number}.mp4", React1Choices(prompt="happy", temperature=0.8)) for number in range(3)]

    render_takes(short, jobs, detections=detections, progress=lambda _: None)

    assert all(job.out.read_bytes() == alone for job in jobs)


def test_cached_detections_are_lossless(detections: detect.Detections, tmp_path: Path) -> None:
    """Every value of every frame is restored, also without a face; equal detections give equal bytes."""
    for name in ("one.npz", "two.npz"):
        detect_module.write_detections(tmp_path / name, detections)

    again = detect_module.read_detections(tmp_path / "one.npz")

    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert again is not None
    assert again.times == detections.times
    assert [len(frame.faces) for frame in again.frames] == [1] * 9 + [0] * 2 + [1]
    assert [plain(frame) for frame in again.frames] == [plain(frame) for frame in detections.frames]


def plain(value):
    """Convert any detection to plain values, with all its fields."""
    if dataclasses.is_dataclass(value):
        return [(field.name, plain(getattr(value, field.name))) for field in dataclasses.fields(value)]
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:3000] + bytes([content[3000] ^ 0x40]) + content[3001:],
        lambda content: re.sub(rb"(PK\x01\x02....)\x00", b"\\1\x01", content, flags=re.DOTALL),
        lambda content: b"",
        lambda content: b"not a file of arrays",
    ],
    ids=["cut", "one bit", "encrypted", "empty", "text"],
)
def test_a_damaged_cache_file_is_ignored(detections: detect.Detections, tmp_path: Path, damage) -> None:
    """A truncated, corrupted, empty or foreign file gives None, without an error."""
    detect_module.write_detections(tmp_path / "f.npz", detections)
    (tmp_path / "f.npz").write_bytes(damage((tmp_path / "f.npz").read_bytes()))

    assert detect_module.read_detections(tmp_path / "f.npz") is None


def test_a_cache_file_with_wrong_arrays_is_ignored(detections: detect.Detections, tmp_path: Path) -> None:
    """A missing array, arrays of different lengths, and pickled objects, which are not loaded, give None."""
    detect_module.write_detections(tmp_path / "f.npz", detections)
    arrays = dict(np.load(tmp_path / "f.npz"))
    others = [
        {name: array for name, array in arrays.items() if name != "box_counts"},
        {**arrays, "points": arrays["points"][:-1]},
        {**arrays, "times": arrays["times"][:-1]},
        {**arrays, "thumbnails": arrays["thumbnails"][:, 1:]},
        {**arrays, "times": np.array([{}], object)},
    ]

    for number, other in enumerate(others):
        np.savez(tmp_path / f"{number}.npz", **other)
        assert detect_module.read_detections(tmp_path / f"{number}.npz") is None


def test_a_second_take_uses_the_cached_faces(
    short: Path, alone: bytes, tmp_path: Path, openings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first take runs the finder; the second does not, with equal bytes; a damaged or outdated cache is renewed."""
    context = FolderContext(tmp_path)
    clip = context.add_external(short)

    first = detect_faces_cached(context, clip, context.progress)
    second = detect_faces_cached(context, clip, context.progress)

    assert len(openings) == 1
    assert take(context.path(clip), tmp_path, detections=first) == alone
    assert take(context.path(clip), tmp_path, detections=second) == alone
    (stored,) = (tmp_path / "cache").iterdir()
    stored.write_bytes(stored.read_bytes()[:100])
    detect_faces_cached(context, clip, context.progress)
    assert len(openings) == 2
    monkeypatch.setattr(detect_module, "CACHE_VERSION", detect_module.CACHE_VERSION + 1)
    detect_faces_cached(context, clip, context.progress)
    assert len(openings) == 3
    assert len(openings) == len({path.name for path in (tmp_path / "cache").iterdir()}) + 1


def test_the_server_detects_the_faces_of_a_clip_once(short: Path, tmp_path: Path, openings: list[int]) -> None:
    """Of two requests for the same clip, each in its own folder, the second makes its take without the finder."""
    voice = astronaut.write_wav(tmp_path / "v.wav", astronaut.syllables(0.48))
    results = []
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
        results.append(render_take(order, folder))

    assert len(openings) == 1
    assert [result.output_s for result in results] == [0.48, 0.48]


def test_concurrent_calls_detect_faces_once(short: Path, tmp_path: Path, openings: list[int]) -> None:
    """If two threads request the faces of the same clip, one detects and both get them."""
    context = FolderContext(tmp_path)
    clip, results = context.add_external(short), []
    both = [
        threading.Thread(target=lambda: results.append(detect_faces_cached(context, clip, lambda _: None)))
        for _ in range(2)
    ]

    for thread in both:
        thread.start()
    for thread in both:
        thread.join()

    assert len(openings) == 1
    assert [result.times for result in results] == [results[0].times] * 2


def test_waiting_for_another_call_can_be_stopped(short: Path, tmp_path: Path) -> None:
    """A call that wait for the finder of another call still checks its own progress callback."""
    context = FolderContext(tmp_path)
    clip = context.add_external(short)
    stopped: list[str] = []

    def stop(_share: float) -> None:
        raise Interrupted("stopped")

    def wait(share: float) -> None:
        if not stopped:
            other = threading.Thread(
                target=lambda: stopped.extend(_interruption(detect_faces_cached, context, clip, stop))
            )
            other.start()
            other.join()
        assert share >= 0

    detect_faces_cached(context, clip, wait)

    assert stopped == ["stopped"]


def _interruption(function, *arguments) -> list[str]:
    try:
        function(*arguments)
    except Interrupted as error:
        return [str(error)]
    return []


@pytest.mark.parametrize("after", [3, 15])
def test_a_stopped_take_leaves_no_thread_and_no_open_file(short: Path, tmp_path: Path, after: int) -> None:
    """After a stop in either pass no thread of the engine runs, and neither file is open."""
    calls: list[float] = []

    def stop(share: float) -> None:
        calls.append(share)
        if len(calls) == after:
            raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        render(short, TakeJob(tmp_path / "take.mp4"), progress=stop)

    assert len(calls) == after
    assert [
        thread.name for thread in threading.enumerate() if thread.name.startswith(("react1-engine", "react1-reader"))
    ] == []
    opened = {str(path.resolve()) for path in Path("/proc/self/fd").glob("*")} if Path("/proc/self/fd").exists() else {}
    assert not {str(short), str(tmp_path / "take.mp4")} & set(opened)
