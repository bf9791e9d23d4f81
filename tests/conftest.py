"""Fixtures for all tests."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

# The processes that tests start: no busy waiting between small products, compiled modules that are kept, and large
# freed blocks, which glibc else returns and gets back page by page: that was a twelfth of their time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=2147483647")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import film_cache
import pytest
from command_line import react1
from forked_commands import forked_commands
from hypothesis import settings
from loopback_only import loopback_only
from remembered_faces import RememberingDetector, RememberingMesh
from selection import selects_nothing
from web import open_web

from react1.pipeline.core import freed_memory
from react1.pipeline.engine.landmarks import landmarker
from react1.testing import FolderContext

__all__ = ["react1"]
# A worker holds thousands of tests and all modules: to look for garbage in them often is half the time of some tests.
gc.set_threshold(100_000, 20, 20)
# How long an example takes says nothing on a machine that others use.
settings.register_profile("react1", deadline=None)
settings.load_profile("react1")
TALKING_PX = (320, 180)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""
ROOT = Path(__file__).resolve().parent.parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave modules unread in which `-m` selects nothing: each worker would import all of them."""
    is_module = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return (is_module and selects_nothing(collection_path.read_text("utf-8"), config.option.markexpr)) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the rules of the source: as neighbours they go to one worker, which parses all modules once."""
    items.sort(key=lambda item: item.path.name not in ("test_layers.py", "test_wording.py"))


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of every later look for garbage."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    """End the process as the command does: without a last look for garbage through all that was imported."""
    gc.freeze()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def generated_films(shared_folder: Path) -> Iterator[None]:
    """Share generated films between all workers of a run."""
    film_cache.folder = shared_folder / "generated-films"
    film_cache.folder.mkdir(exist_ok=True)
    yield
    film_cache.folder = None


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """Leave `fsync` out in this process: no test cuts the power, and a process that is killed loses nothing by it.

    Tests that look at its calls put their own in its place.
    """

    def check(file: int) -> None:
        os.fstat(file)  # a file that is closed is an error as before

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", check)
        yield


@pytest.fixture(scope="session", autouse=True)
def freed_memory_kept() -> Iterator[None]:
    """Keep what a call has freed: a worker is large, and would get the memory back page by page in the next call.

    A worker has it from its environment; a single process has begun without.
    """
    libc = freed_memory.glibc()
    if libc is not None:
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(freed_memory, "LARGE_BYTES", 2 << 30)
        yield


@pytest.fixture(scope="session", autouse=True)
def faces_found_once() -> Iterator[None]:
    """Look for faces in each small picture once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landmarker, "Detector", RememberingDetector)
        patch.setattr(landmarker, "FaceMesh", RememberingMesh)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Fail a test that connects to another machine; nothing is sent there."""
    with loopback_only():
        yield


@pytest.fixture
def context(tmp_path: Path) -> FolderContext:
    """A node context on a folder, in place of the runner."""
    return FolderContext(tmp_path / "context")


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A web server on loopback, used without a proxy."""
    monkeypatch.setenv("NO_PROXY", "*")
    with open_web() as server:
        yield server


@pytest.fixture(scope="session")
def media_folder() -> Path:
    """The folder of real footage; tests that need it are skipped if it does not exist."""
    folder = Path(os.environ.get("REACT1_MEDIA", ROOT.parent / "shared" / "media"))
    if not folder.is_dir():
        pytest.skip(f"no real footage at {folder}; set REACT1_MEDIA to a folder that has it")
    return folder


@pytest.fixture(scope="session")
def talking_clip(generated_films: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small talking clip: 2 s of 320x180 at 25 frames/s with a voice."""
    pytest.importorskip("skimage", reason="the talking clip needs the extra demo")
    from talking import make_talking_clip

    path = tmp_path_factory.mktemp("talking") / "talking.mp4"
    generate = partial(make_talking_clip, seconds=2, size=TALKING_PX)
    return film_cache.cached_film(path, ("talking", 2, TALKING_PX), generate)


@pytest.fixture(scope="session")
def interview(generated_films: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the examples name: a talking film, a new line, subtitles and an EDL."""
    pytest.importorskip("skimage", reason="the talking clip needs the extra demo")
    from talking import make_talking_clip

    from react1.pipeline.media.tools.ffmpeg import ffmpeg_path

    folder = tmp_path_factory.mktemp("interview")
    generate = partial(make_talking_clip, seconds=4.4, size=TALKING_PX)
    film_cache.cached_film(folder / "interview.mp4", ("interview", 4.4, TALKING_PX), generate)
    (folder / "adr").mkdir()
    tone = ["-f", "lavfi", "-i", "sine=frequency=220:duration=1.2:sample_rate=48000"]
    subprocess.run([ffmpeg_path(), "-v", "error", *tone, str(folder / "adr" / "line3.wav")], check=True)
    (folder / "interview.srt").write_text(
        "1\n00:00:01,200 --> 00:00:02,000\nI said so.\n\n2\n00:00:02,400 --> 00:00:03,200\nNever again!\n"
    )
    (folder / "cut.edl").write_text(
        "TITLE: interview\nFCM: NON-DROP FRAME\n\n"
        "001  AX       V     C        00:00:01:05 00:00:02:00 00:00:01:05 00:00:02:00\n"
        "* FROM CLIP NAME: interview.mp4\n* COMMENT: react1: sad 0.7 face\n"
    )
    return folder


@pytest.fixture(scope="session")
def environment(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of the examples: `react1` and `python` of this interpreter, and one store for all pages.

    Pages repeat each other's edits, which one store computes once, also for several workers.
    """
    home = shared_folder / "home-of-examples"
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("REACT1_", "SEGMIND_", "SYNC_"))}
    with TemporaryDirectory() as folder, forked_commands(Path(folder)) as commands:
        yield {**keep, "PATH": f"{commands}:{os.environ['PATH']}", "REACT1_HOME": str(home), "NO_PROXY": "*"}
